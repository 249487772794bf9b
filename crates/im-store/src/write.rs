//! What can be written.

use bytes::Bytes;
use xmpp::jid::BareJid;

/// An account or other local entity that owns state; given once, never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AccountId(pub u64);

/// A session of an account; given once, never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u64);

/// A stored stanza. Microseconds since the Unix epoch when it was accepted, made unique and rising by the core; so a
/// range of ids is a range of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StanzaId(pub u64);

/// What an account's item is about. The number is what is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ItemKind(pub u8);

impl ItemKind {
    /// Kinds below this are *hot*: read together when the account is loaded (roster, blocking list, preferences).
    /// Kinds from this on are *cold*: read by key when asked for (vCard, private XML).
    pub const COLD_FROM: u8 = 128;

    /// Whether items of this kind are read when the account is loaded.
    pub fn is_hot(self) -> bool {
        self.0 < Self::COLD_FROM
    }
}

/// How a stored stanza is dressed for one recipient. The stanza itself is stored once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Render {
    /// Adds `<stanza-id/>` (XEP-0359) with the stanza's id, by the recipient's bare JID: it is in their archive.
    pub stanza_id: bool,
    /// Adds `<delay/>` (XEP-0203) with the time of the stanza's id: it was stored offline.
    pub delay: bool,
    /// Wraps it as a carbon (XEP-0280).
    pub carbon: Option<CarbonKind>,
    /// Replaces `to` (of the wrapper, for a carbon). `None` leaves it as it was sent.
    pub to: Option<Box<str>>,
    /// Other sessions of the account that were given the same stanza, or a copy of it, at the same time. Does not change
    /// what is sent; says whose business it is when this session ends without having taken it.
    pub also: Vec<SessionId>,
}

/// Direction of a carbon copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CarbonKind {
    /// The account received it at another resource.
    Received,
    /// The account sent it from another resource.
    Sent,
}

/// What a queue entry holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A stanza for this session alone, as sent.
    Own(Bytes),
    /// A stanza stored by [`Write::Stanza`], dressed.
    Stored(StanzaId, Render),
}

/// One change of the service's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Creates an account, or replaces its credentials.
    AccountPut {
        /// Its id.
        account: AccountId,
        /// Its address; unique.
        jid: BareJid,
        /// Verifiers, opaque to the store.
        credentials: Bytes,
    },
    /// Removes an account with its items, archive, offline stanzas and sessions.
    AccountRemove {
        /// Which.
        account: AccountId,
    },
    /// Creates or replaces one item of an account.
    ItemPut {
        /// Owner.
        account: AccountId,
        /// Kind.
        kind: ItemKind,
        /// Key within the kind, for instance a contact's JID.
        key: Box<str>,
        /// Value, opaque to the store.
        value: Bytes,
    },
    /// Removes one item, if it is there.
    ItemRemove {
        /// Owner.
        account: AccountId,
        /// Kind.
        kind: ItemKind,
        /// Key within the kind.
        key: Box<str>,
    },
    /// Stores a stanza once, for the references to it in the same or later batches. What an archive refers to stays until
    /// archives expire. Any other stanza may go after the batch that removes the last queue or offline entry referring to
    /// it; until then, and within that batch, new entries may refer to it.
    Stanza {
        /// Its id; greater than any id written before.
        id: StanzaId,
        /// As routed: `from` stamped, forged children stripped, not dressed.
        bytes: Bytes,
        /// Whether it is meant for an archive or an offline store, and so likely kept beyond the queues.
        archived: bool,
    },
    /// Puts a stanza written with `archived` into an account's archive.
    Archive {
        /// Owner of the archive.
        account: AccountId,
        /// The stanza.
        id: StanzaId,
        /// The other party's bare JID, for the `with` filter.
        peer: BareJid,
        /// The other party's resource, if the stanza had one.
        peer_resource: Option<Box<str>>,
    },
    /// Stores a stanza written with `archived` for an account that is offline.
    Offline {
        /// The recipient.
        account: AccountId,
        /// The stanza.
        id: StanzaId,
    },
    /// Forgets the account's offline stanzas up to and including this one.
    OfflineTrim {
        /// The recipient.
        account: AccountId,
        /// The last one that was handed over.
        up_to: StanzaId,
    },
    /// Creates a session or rewrites what seldom changes of it.
    SessionPut {
        /// Its id.
        session: SessionId,
        /// Its account.
        account: AccountId,
        /// Opaque to the store.
        state: Bytes,
    },
    /// Rewrites what changes with every stanza; at most once per session and batch.
    SessionCounters {
        /// Whose.
        session: SessionId,
        /// Opaque to the store; small.
        counters: Bytes,
    },
    /// Removes a session with its queue.
    SessionRemove {
        /// Which.
        session: SessionId,
    },
    /// Appends to a session's queue of stanzas not yet acknowledged.
    QueueAppend {
        /// Whose.
        session: SessionId,
        /// One more than the entry before; from 1.
        seq: u64,
        /// What.
        content: Content,
    },
    /// Forgets the queue's entries up to and including this one.
    QueueTrim {
        /// Whose.
        session: SessionId,
        /// The last one acknowledged.
        up_to: u64,
    },
}
