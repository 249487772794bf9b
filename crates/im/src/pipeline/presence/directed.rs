//! Presence with `to` (RFC 6121 §4.6): delivered, and remembered so that its recipient hears when the session leaves.

use super::limits::TOO_MUCH_PRESENCE;
use crate::pipeline::NO_FEDERATION;
use crate::stanza::{PresenceType, Stanza};
use crate::state::{Owner, State};
use im_store::SessionId;
use xmpp::jid::Jid;
use xmpp::stanza_error::StanzaError;

/// Addresses one session may have sent presence to directly and not taken it back.
const DIRECTED_MAX: usize = 1000;

impl State {
    /// Available or unavailable presence to one address.
    pub(super) fn directed_from_session(
        &mut self,
        id: SessionId,
        stanza: &Stanza,
        to: &Jid,
        kind: PresenceType,
    ) -> Result<(), StanzaError> {
        let is_available = kind == PresenceType::Available;
        match self.owner_of(to.bare()) {
            Owner::Remote if is_available => return Err(NO_FEDERATION),
            Owner::Remote | Owner::Server => return Ok(()),
            Owner::Account => {}
        }
        let account = stanza.from.bare();
        if is_available {
            self.check_copies(account)?;
            self.remember_directed(id, to)?;
        } else {
            self.forget_directed(id, to);
        }
        let copies = self.presence_targets(to).len();
        self.charge_copies(account, copies, stanza.bytes().len());
        self.deliver_presence(stanza, to);
        Ok(())
    }

    /// Whether the address exists makes no difference, so that the limit does not tell it.
    fn remember_directed(&mut self, id: SessionId, to: &Jid) -> Result<(), StanzaError> {
        let Some(session) = self.session(id).filter(|s| !s.is_ending()) else { return Ok(()) };
        if session.directed.contains(to) {
            return Ok(());
        }
        if session.directed.len() >= DIRECTED_MAX {
            return Err(TOO_MUCH_PRESENCE);
        }
        self.change_session(id, |session| session.directed.push(to.clone()));
        Ok(())
    }

    fn forget_directed(&mut self, id: SessionId, to: &Jid) {
        if self.session(id).is_some_and(|s| s.directed.contains(to)) {
            self.change_session(id, |session| session.directed.retain(|jid| jid != to));
        }
    }
}
