//! Presence (RFC 6121 §3 and §4): subscriptions, broadcasts, probes, directed presence.

use crate::stanza::{PresenceType, Stanza};
use crate::state::State;
use im_store::SessionId;

impl State {
    /// Presence from one of our sessions.
    pub(crate) fn presence_from_session(
        &mut self,
        _id: SessionId,
        _stanza: &Stanza,
        _kind: PresenceType,
    ) {
    }

    /// Presence to an account of ours.
    pub(crate) fn presence_to_account(&mut self, _stanza: &Stanza, _kind: PresenceType) {}

    /// A session is present no more (it ended): tell everybody who saw it (RFC 6121 §4.5, §4.6.3).
    pub(crate) fn presence_of_ended(&mut self, _id: SessionId) {}
}
