//! TLS is demanded: the peer must ask for it before anything else (RFC 6120 §5).

use super::expect_header::Stream;
use super::expect_tls::ExpectTls;
use super::features::Offer;
use super::turn::{Speech, Turn};
use super::{Heard, Order, State, login};
use crate::ns;
use crate::sasl::FailureCondition;
use crate::xml::Writer;

/// See [`State::ExpectStartTls`].
#[derive(Debug)]
pub(super) struct ExpectStartTls {
    pub(super) stream: Stream,
}

impl ExpectStartTls {
    pub(super) fn handle(self, heard: Heard, turn: &mut Turn<'_>) -> State {
        let Heard::Element(element) = &heard else { return turn.close_unexpected(&heard) };
        let root = element.root();
        if root.is("starttls", ns::TLS) {
            return start_tls(&self.stream, turn);
        }
        if root.is("auth", ns::SASL) {
            let failure = FailureCondition::EncryptionRequired.into();
            return login::refuse(self.stream, None, failure, turn);
        }
        turn.close_unexpected(&heard)
    }
}

/// Answers `<starttls/>`, where it may or may not be offered.
pub(super) fn start_tls(stream: &Stream, turn: &mut Turn<'_>) -> State {
    if !Offer::new(turn.settings, stream.tls.as_ref()).has_starttls() {
        return turn.refuse_starttls();
    }
    let mut w = Writer::new();
    w.open("proceed").attr("xmlns", ns::TLS);
    turn.tally.speech = Speech::Handshake;
    turn.order(Order::StartTls { proceed: w.finish() });
    State::ExpectTls(ExpectTls)
}
