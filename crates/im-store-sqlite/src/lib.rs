//! The embedded store: a preallocated redo log in front of SQLite.
//!
//! A commit appends one record to the log and syncs it ([`log`]); nothing else stands between a batch and its
//! acknowledgement. An applier thread brings committed batches into the tables in large transactions, after cancelling
//! what undoes itself ([`plan`]); reads wait for it where they must ([`touched`]). An epoch file fences older instances. Why so:
//! `docs/decisions/0002-redo-log-before-sqlite.md`.
//!
//! ```text
//! <dir>/lock                 flock, with the pid of the holder
//! <dir>/epoch                the instance that may write
//! <dir>/log/<epoch>-<n>.log  segments of the redo log
//! <dir>/store.db             the tables
//! ```
//!
//! In reading order: [`record`] and [`log`] (a batch becomes durable), [`shared`] (who waits for whom), [`applier`] (when
//! a segment may be used again), [`plan`] and [`tables`], [`reader`], [`replay`] and [`store`] (opening after a crash).
//! Nothing here knows what the opaque values mean.
#![cfg_attr(
    not(doc),
    expect(rustdoc::private_intra_doc_links, reason = "the map is for readers of the source")
)]

mod applier;
mod backup;
pub mod disk;
mod epoch;
mod log;
mod plan;
mod reader;
mod record;
mod replay;
mod schema;
mod shared;
mod store;
mod tables;
mod touched;

pub use backup::{BackupError, Backups, CopyProgress, Verified, restore, verify};
pub use reader::SqliteReader;
pub use store::SqliteStore;

use std::time::Duration;

/// Folder of the log within the runtime directory.
pub const LOG_FOLDER: &str = "log";

/// How the store is run. The defaults are right for a server.
#[derive(Clone, Debug)]
pub struct Options {
    /// Size of a log segment, bytes. A batch that is larger gets one of its own.
    pub segment_bytes: u64,
    /// Longest time that a committed batch waits to be applied when nobody asks for it.
    pub apply_interval: Duration,
    /// Committed batches held in memory until they are applied, bytes; a commit waits beyond.
    pub unapplied_bytes_max: usize,
    /// Pages of SQLite's write-ahead log that lead to a checkpoint.
    pub wal_pages_max: usize,
    /// Free space of the file system below which room is scarce, bytes.
    pub reserve_bytes: u64,
    /// Most memory for the pages of the writing connection, KiB.
    pub writer_cache_kib: u32,
    /// Most memory for the pages of each reading connection, KiB.
    pub reader_cache_kib: u32,
    /// Opens without the lock, relying on the epoch alone: where an older instance may hang in the same folder.
    pub may_be_shared: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            segment_bytes: 8 << 20,
            apply_interval: Duration::from_secs(1),
            unapplied_bytes_max: 16 << 20,
            wal_pages_max: 8192,
            reserve_bytes: 24 << 20,
            writer_cache_kib: 8192,
            reader_cache_kib: 1024,
            may_be_shared: false,
        }
    }
}
