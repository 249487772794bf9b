//! An account in memory: what the store keeps of it, parsed, and the sessions it has.

use crate::features::{archive, blocking, offline, roster};
use crate::pipeline::presence::CopyAllowance;
use bytes::Bytes;
use im_store::{AccountId, AccountRow, ItemKind, SessionId};
use xmpp::jid::BareJid;

/// The kinds of items, one line each; numbers are for ever.
pub(crate) mod kinds {
    use super::ItemKind;

    /// A contact, by bare JID.
    pub(crate) const ROSTER: ItemKind = ItemKind(1);
    /// The roster's version; key empty.
    pub(crate) const ROSTER_VERSION: ItemKind = ItemKind(2);
    /// A subscription request not answered yet, by bare JID of who asks; value is the stanza.
    pub(crate) const ROSTER_REQUEST: ItemKind = ItemKind(3);
    /// A blocked JID.
    pub(crate) const BLOCKED: ItemKind = ItemKind(4);
    /// Archiving preferences; key empty.
    pub(crate) const ARCHIVE_PREFERENCES: ItemKind = ItemKind(5);
    /// When the last session ended and its last status; key empty.
    pub(crate) const LAST_SEEN: ItemKind = ItemKind(6);
    /// Names of private XML elements, so that their number is known; key as in `PRIVATE`.
    pub(crate) const PRIVATE_NAME: ItemKind = ItemKind(7);
    /// The vCard; key empty.
    pub(crate) const VCARD: ItemKind = ItemKind(128);
    /// A private XML element, by "namespace name".
    pub(crate) const PRIVATE: ItemKind = ItemKind(129);
}

/// What is known of an address of ours.
#[derive(Debug)]
pub(crate) enum Slot {
    /// It is being read.
    Loading,
    /// There is no such account.
    Absent,
    /// It is here.
    Loaded(Box<Account>),
}

/// An account in memory.
#[derive(Debug)]
pub(crate) struct Account {
    pub(crate) id: AccountId,
    pub(crate) jid: BareJid,
    pub(crate) credentials: Bytes,
    /// Sessions in the order they were bound, ending ones not included.
    pub(crate) sessions: Vec<SessionId>,
    /// Offline stanzas stored.
    pub(crate) offline: u64,
    /// While they are being handed to a session.
    pub(crate) handing_over: Option<offline::HandOver>,
    pub(crate) roster: roster::Roster,
    pub(crate) blocked: blocking::BlockList,
    /// Copies of presence it has caused (attack row 26).
    pub(crate) copies: CopyAllowance,
    pub(crate) archive: archive::Preferences,
    /// Hot items that no field above holds, as read.
    pub(crate) others: Vec<(ItemKind, Box<str>, Bytes)>,
}

impl Account {
    pub(crate) fn new(id: AccountId, jid: BareJid, credentials: Bytes) -> Self {
        Self {
            id,
            jid,
            credentials,
            sessions: Vec::new(),
            offline: 0,
            handing_over: None,
            roster: roster::Roster::default(),
            blocked: blocking::BlockList::default(),
            copies: CopyAllowance::default(),
            archive: archive::Preferences::default(),
            others: Vec::new(),
        }
    }

    /// From what was read. Items that cannot be understood are kept in the store and ignored here.
    pub(crate) fn from_row(row: AccountRow) -> Self {
        let mut account = Self::new(row.account, row.jid, row.credentials);
        account.offline = row.offline;
        for (kind, key, value) in row.items {
            match kind {
                kinds::ROSTER | kinds::ROSTER_VERSION | kinds::ROSTER_REQUEST => {
                    account.roster.load(kind, &key, &value);
                }
                kinds::BLOCKED => account.blocked.load(&key),
                kinds::ARCHIVE_PREFERENCES => account.archive = archive::Preferences::load(&value),
                _ => account.others.push((kind, key, value)),
            }
        }
        account
    }

    /// A hot item that has no field of its own.
    pub(crate) fn other(&self, kind: ItemKind, key: &str) -> Option<&Bytes> {
        self.others.iter().find(|(k, name, _)| *k == kind && &**name == key).map(|(_, _, v)| v)
    }

    /// Takes a hot item that has no field of its own.
    pub(crate) fn put_other(&mut self, kind: ItemKind, key: &str, value: Bytes) {
        match self.others.iter_mut().find(|(k, name, _)| *k == kind && &**name == key) {
            Some((_, _, old)) => *old = value,
            None => self.others.push((kind, key.into(), value)),
        }
    }

    /// Forgets a hot item that has no field of its own.
    pub(crate) fn remove_other(&mut self, kind: ItemKind, key: &str) {
        self.others.retain(|(k, name, _)| *k != kind || &**name != key);
    }

    /// Hot items of one kind that have no field of their own.
    pub(crate) fn others_of(&self, kind: ItemKind) -> usize {
        self.others.iter().filter(|(k, _, _)| *k == kind).count()
    }
}
