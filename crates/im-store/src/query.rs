//! What can be read.

use crate::{AccountId, Content, ItemKind, SessionId, StanzaId};
use bytes::Bytes;
use xmpp::jid::BareJid;

/// A question to the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Query {
    /// An account with its hot items and the number of its offline stanzas.
    Account(BareJid),
    /// One item, hot or cold.
    Item {
        /// Owner.
        account: AccountId,
        /// Kind.
        kind: ItemKind,
        /// Key within the kind.
        key: Box<str>,
    },
    /// A page of an account's archive, of about [`Query::ARCHIVE_PAGE_BYTES_MAX`] at most.
    Archive {
        /// Owner.
        account: AccountId,
        /// Which stanzas.
        filter: ArchiveFilter,
        /// At most this many; 0 asks for the count alone.
        max: usize,
        /// Take the last ones of the range instead of the first (result still in rising order).
        from_end: bool,
        /// Whether to count all stanzas that match `filter` without `after` and `before`.
        count: bool,
    },
    /// Stanzas with these ids in an account's archive, in the order asked; a missing one ends the query with
    /// [`ArchivePage::missing`], and no more is read than of a page.
    ArchiveIds {
        /// Owner.
        account: AccountId,
        /// Which; at most 256.
        ids: Vec<StanzaId>,
    },
    /// Offline stanzas after one id, oldest first.
    Offline {
        /// Recipient.
        account: AccountId,
        /// Exclusive lower bound.
        after: StanzaId,
        /// At most this many.
        max: usize,
    },
    /// Queue entries of a session, oldest first, until `max` or `bytes_max` is reached (at least one if there is any).
    Queue {
        /// Whose.
        session: SessionId,
        /// First wanted, inclusive.
        from_seq: u64,
        /// At most this many.
        max: usize,
        /// About this many bytes.
        bytes_max: usize,
    },
    /// Accounts in order of their address, for administration.
    Accounts {
        /// Exclusive lower bound, `""` for the start.
        after: Box<str>,
        /// At most this many.
        max: usize,
    },
}

impl Query {
    /// Most ids in one [`Query::ArchiveIds`].
    pub const ARCHIVE_IDS_MAX: usize = 256;
    /// Bytes of stanzas in one page of an archive; a page has at least one stanza, if there is any.
    pub const ARCHIVE_PAGE_BYTES_MAX: usize = 1024 * 1024;
}

impl ArchivePage {
    /// Adds a stanza that was read; false, and nothing added, when the page is full. Stores read no further then, so that
    /// nobody makes them hold more than a page (attack row 32).
    pub fn take(&mut self, stanza: ArchivedStanza, bytes: &mut usize) -> bool {
        *bytes += stanza.bytes.len();
        if *bytes > Query::ARCHIVE_PAGE_BYTES_MAX && !self.stanzas.is_empty() {
            self.complete = false;
            return false;
        }
        self.stanzas.push(stanza);
        true
    }
}

/// Which stanzas of an archive (XEP-0313 §4).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ArchiveFilter {
    /// Conversation partner, bare.
    pub with: Option<BareJid>,
    /// Conversation partner's resource, only together with `with`.
    pub with_resource: Option<Box<str>>,
    /// Inclusive lower bound of time, microseconds since the Unix epoch.
    pub start_us: Option<u64>,
    /// Inclusive upper bound of time, microseconds since the Unix epoch.
    pub end_us: Option<u64>,
    /// Exclusive lower bound by id. Must exist, else [`ArchivePage::missing`].
    pub after: Option<StanzaId>,
    /// Exclusive upper bound by id. Must exist, else [`ArchivePage::missing`].
    pub before: Option<StanzaId>,
}

/// Answer to a [`Query`], variant for variant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// To [`Query::Account`]; `None` when there is no such account.
    Account(Option<AccountRow>),
    /// To [`Query::Item`].
    Item(Option<Bytes>),
    /// To [`Query::Archive`] and [`Query::ArchiveIds`].
    Archive(ArchivePage),
    /// To [`Query::Offline`].
    Offline(Vec<OfflineStanza>),
    /// To [`Query::Queue`].
    Queue(Vec<QueuedStanza>),
    /// To [`Query::Accounts`].
    Accounts(Vec<BareJid>),
}

/// An account as read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRow {
    /// Its id.
    pub account: AccountId,
    /// Its address.
    pub jid: BareJid,
    /// Verifiers.
    pub credentials: Bytes,
    /// Hot items in order of kind and key.
    pub items: Vec<(ItemKind, Box<str>, Bytes)>,
    /// Number of offline stanzas.
    pub offline: u64,
}

/// A page of an archive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ArchivePage {
    /// In rising order of id (in the order asked for [`Query::ArchiveIds`]).
    pub stanzas: Vec<ArchivedStanza>,
    /// Whether nothing of the range lies beyond this page in the direction of paging.
    pub complete: bool,
    /// Number of stanzas that match, when asked for.
    pub total: Option<u64>,
    /// How many of the matching stanzas come before the first of the page, when a count was asked for.
    pub first_index: Option<u64>,
    /// An id in the query that is not in the archive.
    pub missing: Option<StanzaId>,
}

/// One stanza of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArchivedStanza {
    /// Its id.
    pub id: StanzaId,
    /// As stored.
    pub bytes: Bytes,
}

/// One offline stanza.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfflineStanza {
    /// Its id.
    pub id: StanzaId,
    /// As stored.
    pub bytes: Bytes,
    /// Whether it is also in the recipient's archive.
    pub archived: bool,
}

/// One entry of a session's queue, with the bytes of a stored stanza beside the reference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedStanza {
    /// Its number.
    pub seq: u64,
    /// As appended.
    pub content: Content,
    /// The stored stanza's bytes; for [`Content::Own`] the same bytes again.
    pub bytes: Bytes,
}

/// A session found when the store was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptSession {
    /// Its id.
    pub session: SessionId,
    /// Its account.
    pub account: AccountId,
    /// As last put.
    pub state: Bytes,
    /// As last put; empty when never.
    pub counters: Bytes,
    /// Numbers of its oldest and newest queue entry; `None` when the queue is empty.
    pub queue: Option<(u64, u64)>,
}
