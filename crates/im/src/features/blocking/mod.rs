//! Blocking Command (XEP-0191).

use super::Feature;

/// The feature as data.
pub(crate) const FEATURE: Feature = Feature { name: "blocking", ..Feature::NONE };

/// The blocking list of one account.
#[derive(Clone, Debug, Default)]
pub(crate) struct BlockList {}

impl BlockList {
    /// Takes one stored item.
    pub(crate) fn load(&mut self, _key: &str) {}
}

use crate::stanza::Stanza;
use crate::state::State;
use xmpp::jid::{BareJid, Jid};
use xmpp::stanza_error::StanzaError;

/// Whether the sender blocks whom it writes to (XEP-0191 §3.2: refused with `not-acceptable` and `<blocked/>`).
pub(crate) fn check_outgoing(_state: &State, _stanza: &Stanza) -> Result<(), StanzaError> {
    Ok(())
}

/// Whether an account's owner blocks an address.
pub(crate) fn is_blocked(_state: &State, _owner: &BareJid, _other: &Jid) -> bool {
    false
}

/// Whether the recipient blocks the sender.
pub(crate) fn hides_from(_state: &State, _stanza: &Stanza) -> bool {
    false
}
