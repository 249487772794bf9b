//! The store port of the IM service: what can be written and read, in the service's own terms.
//!
//! A back end implements [`Store`]; [`conformance`] is the suite that each of them passes. Writes are facts about the
//! service's state, grouped in a [`Batch`] that becomes durable as a whole or not at all. Nothing here knows tables.

pub mod codec;
pub mod conformance;
pub mod memory;
mod port;
mod query;
mod write;

pub use port::{
    Batch, CommitError, Committed, Epoch, OpenError, ReadError, Reader, Recovered, Room, Store,
};
pub use query::{
    AccountRow, ArchiveFilter, ArchivePage, ArchivedStanza, KeptSession, OfflineStanza, Query,
    QueuedStanza, Reply,
};
pub use write::{AccountId, CarbonKind, Content, ItemKind, Render, SessionId, StanzaId, Write};
