//! The caller is binding or resuming. If it succeeds nobody asks this negotiation again.

use super::expect_bind::ExpectBind;
use super::turn::Turn;
use super::{Heard, State};
use crate::jid::BareJid;

/// See [`State::ExpectOutcome`].
#[derive(Debug)]
pub(super) struct ExpectOutcome {
    /// The account that logged in.
    pub(super) jid: BareJid,
}

impl ExpectOutcome {
    pub(super) fn handle(self, heard: Heard, turn: &mut Turn<'_>) -> State {
        turn.close_unexpected(&heard)
    }

    /// The caller refused: the peer may try again.
    pub(super) fn reopen(self) -> State {
        State::ExpectBind(ExpectBind { jid: self.jid })
    }
}
