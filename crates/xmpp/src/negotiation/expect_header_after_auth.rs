//! The peer has logged in and must open the stream that its session will use.

use super::expect_bind::ExpectBind;
use super::turn::Turn;
use super::{Heard, State, features, header};
use crate::jid::BareJid;
use crate::stream_error::StreamCondition;
use crate::xml::StreamHeader;

/// See [`State::ExpectHeaderAfterAuth`].
#[derive(Debug)]
pub(super) struct ExpectHeaderAfterAuth {
    /// The account that logged in.
    pub(super) jid: BareJid,
}

impl ExpectHeaderAfterAuth {
    pub(super) fn handle(self, heard: Heard, turn: &mut Turn<'_>) -> State {
        match heard {
            Heard::Header(header) => self.handle_header(&header, turn),
            other => turn.close_unexpected(&other),
        }
    }

    fn handle_header(self, header: &StreamHeader, turn: &mut Turn<'_>) -> State {
        let greeting = match header::check(header, turn.settings) {
            Ok(greeting) => greeting,
            Err((condition, text)) => return turn.close(condition, text),
        };
        if greeting.domain.domain() != self.jid.domain() {
            return turn.close(
                StreamCondition::NotAuthorized,
                "you logged in at another domain than the one you ask for now",
            );
        }
        if greeting.from.as_ref().is_some_and(|from| *from.bare() != self.jid) {
            return turn
                .close(StreamCondition::InvalidFrom, "'from' is not the account that logged in");
        }
        let to = greeting.from.map(|from| from.to_string());
        let opening = turn.open_stream(&greeting.domain, to.as_deref());
        turn.send([opening, features::after_login(turn.settings)].concat().into());
        State::ExpectBind(ExpectBind { jid: self.jid })
    }
}
