//! The SCRAM challenge was sent: the peer must prove that it knows the password.

use super::expect_header::Stream;
use super::turn::Turn;
use super::{Heard, State, login};
use crate::jid::BareJid;
use crate::sasl::scram::Exchange;
use crate::sasl::{Failure, Mechanism};

/// See [`State::ExpectResponse`].
#[derive(Debug)]
pub(super) struct ExpectResponse {
    pub(super) stream: Stream,
    pub(super) jid: BareJid,
    pub(super) mechanism: Mechanism,
    pub(super) exchange: Exchange,
    /// Whether the account exists; the exchange runs to its end either way.
    pub(super) is_known: bool,
}

impl ExpectResponse {
    pub(super) fn handle(self, heard: Heard, turn: &mut Turn<'_>) -> State {
        let message = match login::read_response(&heard) {
            Some(Ok(message)) => message,
            Some(Err(failure)) => {
                return login::refuse(self.stream, Some(self.jid), failure, turn);
            }
            None => return turn.close_unexpected(&heard),
        };
        match self.exchange.finish(&message) {
            Ok(last_word) if self.is_known => {
                login::accept(self.jid, self.mechanism, Some(&last_word), turn)
            }
            Ok(_) => login::refuse(self.stream, Some(self.jid), Failure::NOT_AUTHORIZED, turn),
            Err(failure) => login::refuse(self.stream, Some(self.jid), failure, turn),
        }
    }
}
