//! The password of PLAIN is being verified, outside the core.

use super::expect_header::Stream;
use super::turn::Turn;
use super::{Heard, State, login};
use crate::jid::BareJid;
use crate::sasl::{Failure, Mechanism};

/// See [`State::ExpectVerdict`].
#[derive(Debug)]
pub(super) struct ExpectVerdict {
    pub(super) stream: Stream,
    pub(super) jid: BareJid,
    /// Whether the account exists; a decoy is verified if not, and its verdict is not believed.
    pub(super) is_known: bool,
}

impl ExpectVerdict {
    pub(super) fn handle(self, heard: Heard, turn: &mut Turn<'_>) -> State {
        match heard {
            Heard::PasswordVerified(true) if self.is_known => {
                login::accept(self.jid, Mechanism::Plain, None, turn)
            }
            Heard::PasswordVerified(_) => {
                login::refuse(self.stream, Some(self.jid), Failure::NOT_AUTHORIZED, turn)
            }
            Heard::LoginRefused(failure) => {
                login::refuse(self.stream, Some(self.jid), failure, turn)
            }
            other => turn.close_unexpected(&other),
        }
    }
}
