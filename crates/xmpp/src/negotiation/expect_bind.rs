//! The peer has logged in and must bind a resource (RFC 6120 §7) or resume a session (XEP-0198 §5). Nothing else is legal.

use super::expect_outcome::ExpectOutcome;
use super::turn::Turn;
use super::{Heard, Order, State};
use crate::jid::{BareJid, prepare_resource};
use crate::ns;
use crate::sm;
use crate::stanza_error::{ErrorType, StanzaError};
use crate::xml::{Node, Writer};
use bytes::Bytes;
use std::sync::Arc;

const NOT_A_BIND: StanzaError =
    StanzaError::new(ErrorType::Modify, "bad-request", "binding is an IQ of type set with an id");
const BAD_RESOURCE: StanzaError = StanzaError::new(
    ErrorType::Modify,
    "bad-request",
    "the resource cannot be prepared (RFC 7622 §3.4)",
);

/// See [`State::ExpectBind`].
#[derive(Debug)]
pub(super) struct ExpectBind {
    /// The account that logged in.
    pub(super) jid: BareJid,
}

impl ExpectBind {
    pub(super) fn handle(self, heard: Heard, turn: &mut Turn<'_>) -> State {
        let Heard::Element(element) = &heard else { return turn.close_unexpected(&heard) };
        let root = element.root();
        match (root.name(), root.ns()) {
            ("iq", ns::CLIENT) => match root.child("bind", ns::BIND) {
                Some(_) if !turn.has_patience() => turn.close_idler(),
                Some(bind) => self.handle_bind(root, bind, turn),
                None => turn.close_unexpected(&heard),
            },
            (_, ns::SM) if !turn.has_patience() => turn.close_idler(),
            (_, ns::SM) => self.handle_sm(root, turn),
            ("starttls", ns::TLS) => turn.refuse_starttls(),
            _ => turn.close_unexpected(&heard),
        }
    }

    fn handle_bind(self, iq: Node<'_>, bind: Node<'_>, turn: &mut Turn<'_>) -> State {
        let id = iq.attr("id").map(|id| id.into_owned());
        let (Some(id), Some("set")) = (&id, iq.attr("type").as_deref()) else {
            let answer = error_iq(id.as_deref(), &NOT_A_BIND);
            return self.answer(answer, turn);
        };
        let resource = match asked_resource(bind) {
            Ok(resource) => resource,
            Err(error) => return self.answer(error_iq(Some(id), &error), turn),
        };
        turn.order(Order::Bind { id: id.clone(), resource });
        State::ExpectOutcome(ExpectOutcome { jid: self.jid })
    }

    fn handle_sm(self, element: Node<'_>, turn: &mut Turn<'_>) -> State {
        match sm::Request::parse(element) {
            Ok(sm::Request::Resume { previd, h }) => {
                turn.order(Order::Resume { previd, h });
                State::ExpectOutcome(ExpectOutcome { jid: self.jid })
            }
            // XEP-0198 §3: order violated, and the stream goes on.
            Ok(_) => self.answer(sm::failed("unexpected-request", None), turn),
            Err(_) => self.answer(sm::failed("bad-request", None), turn),
        }
    }

    fn answer(self, bytes: Bytes, turn: &mut Turn<'_>) -> State {
        turn.count_idle_answer();
        turn.send(bytes);
        State::ExpectBind(self)
    }
}

/// The resource asked for; `None` when the server is to choose (RFC 6120 §7.6).
fn asked_resource(bind: Node<'_>) -> Result<Option<Arc<str>>, StanzaError> {
    match bind.child("resource", ns::BIND).map(Node::text) {
        None => Ok(None),
        Some(text) if text.is_empty() => Ok(None),
        Some(text) => prepare_resource(&text).map(Some).map_err(|_| BAD_RESOURCE),
    }
}

fn error_iq(id: Option<&str>, error: &StanzaError) -> Bytes {
    let mut w = Writer::new();
    w.open("iq").attr("type", "error").attr_opt("id", id);
    error.write(&mut w);
    w.finish()
}
