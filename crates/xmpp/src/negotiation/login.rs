//! How a SASL exchange goes on and ends, for every mechanism (RFC 6120 §6.4).

use super::expect_auth::ExpectAuth;
use super::expect_header::Stream;
use super::expect_header_after_auth::ExpectHeaderAfterAuth;
use super::expect_start_tls::ExpectStartTls;
use super::features::Offer;
use super::turn::{Speech, Turn};
use super::{Heard, Order, State};
use crate::jid::BareJid;
use crate::ns;
use crate::sasl::{Failure, FailureCondition, Mechanism, decode_message, encode_message};
use crate::stream_error::StreamCondition;
use crate::xml::Writer;

/// What the peer sent where a `<response/>` is due; `None` if it is nothing of SASL.
pub(super) fn read_response(heard: &Heard) -> Option<Result<Vec<u8>, Failure>> {
    let Heard::Element(element) = heard else { return None };
    let root = element.root();
    if root.ns() != ns::SASL {
        return None;
    }
    Some(match root.name() {
        "response" => decode_message(&root.text()).map(Option::unwrap_or_default),
        "abort" => Err(FailureCondition::Aborted.into()),
        _ => Err(Failure::new(FailureCondition::MalformedRequest, "<response/> is due")),
    })
}

/// The peer is who it says: a new stream begins.
pub(super) fn accept(
    jid: BareJid,
    mechanism: Mechanism,
    last_word: Option<&str>,
    turn: &mut Turn<'_>,
) -> State {
    turn.order(Order::Authenticated { jid: jid.clone(), mechanism: mechanism.name() });
    turn.order(Order::Restart);
    let mut w = Writer::new();
    w.open("success").attr("xmlns", ns::SASL);
    if let Some(last_word) = last_word {
        w.text(&encode_message(last_word.as_bytes()));
    }
    turn.send(w.finish());
    turn.tally.speech = Speech::Unopened;
    State::ExpectHeaderAfterAuth(ExpectHeaderAfterAuth { jid })
}

/// The login failed: the peer may try again, a few times (RFC 6120 §6.4.5).
pub(super) fn refuse(
    stream: Stream,
    jid: Option<BareJid>,
    failure: Failure,
    turn: &mut Turn<'_>,
) -> State {
    turn.send(failure.to_bytes());
    turn.order(Order::Refused { jid, condition: failure.condition });
    turn.tally.refusals += 1;
    if turn.tally.refusals >= turn.settings.attempts_max {
        return turn.close(StreamCondition::PolicyViolation, "too many attempts to log in");
    }
    match Offer::new(turn.settings, stream.tls.as_ref()).demands_tls() {
        true => State::ExpectStartTls(ExpectStartTls { stream }),
        false => State::ExpectAuth(ExpectAuth { stream }),
    }
}
