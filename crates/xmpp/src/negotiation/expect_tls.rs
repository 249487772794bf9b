//! The handshake is under way. What was known of the stream before it is forgotten (RFC 6120 §5.4.3.3).

use super::expect_header::ExpectHeader;
use super::turn::{Speech, Turn};
use super::{Heard, State};

/// See [`State::ExpectTls`].
#[derive(Debug)]
pub(super) struct ExpectTls;

impl ExpectTls {
    pub(super) fn handle(self, heard: Heard, turn: &mut Turn<'_>) -> State {
        match heard {
            Heard::TlsStarted(bindings) => {
                turn.tally.speech = Speech::Unopened;
                State::ExpectHeader(ExpectHeader { tls: Some(bindings) })
            }
            // Sent in the clear after <starttls/>: somebody injects (CVE-2011-0411).
            other => turn.close_unexpected(&other),
        }
    }
}
