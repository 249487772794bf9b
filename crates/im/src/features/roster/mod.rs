//! Contacts (RFC 6121 §2) and subscriptions (§3).

use super::Feature;
use bytes::Bytes;
use im_store::ItemKind;

/// The feature as data.
pub(crate) const FEATURE: Feature = Feature { name: "roster", ..Feature::NONE };

/// The roster of one account.
#[derive(Clone, Debug, Default)]
pub(crate) struct Roster {}

impl Roster {
    /// Takes one stored item.
    pub(crate) fn load(&mut self, _kind: ItemKind, _key: &str, _value: &Bytes) {}
}

/// An account is about to be removed: its contacts are told (RFC 6121 §3.2, §3.3).
pub(crate) fn account_removed(_state: &mut crate::state::State, _jid: &xmpp::jid::BareJid) {}
