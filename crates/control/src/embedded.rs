//! The control store of one machine: a SQLite file shared by the node daemons there.
//!
//! For `steadfast up` and for tests, where the daemons of a whole cluster run on one machine. Each process has its own connection and one
//! thread that does all work with it; SQLite's locks make transactions of all processes one sequence. It must never be put on a network
//! file system, and it survives nothing that the machine does not survive; clusters of machines use etcd.
//!
//! - `file`: how the file comes into being, whose it is, and whether it still is the one that was opened.
//! - `clock`: CLOCK_BOOTTIME and the boot it counts from.
//! - `engine`: transactions; every one first ends the leases that are due.
//! - `tables`: the statements.
//! - `bells`: what the thread waits for.
//! - `worker`: the thread.
//! - `store`: the port.

mod bells;
mod clock;
mod engine;
mod errors;
mod file;
mod store;
mod tables;
mod worker;

pub use clock::Clock;
pub use store::EmbeddedStore;

use std::time::Duration;

/// Limits of an embedded store.
#[derive(Clone, Debug)]
pub struct Options {
    /// No lease is shorter. Lease times are whole milliseconds.
    pub ttl_min: Duration,
    /// Changes kept for watches. The last revision is always kept.
    pub log_events_max: u64,
    /// Keys and values of the changes kept, in bytes.
    pub log_bytes_max: u64,
    /// Nothing is put into a file that is larger, in bytes. Leases end and keys are deleted all the same.
    pub file_bytes_max: u64,
    /// The time of this machine; another one only in tests.
    pub clock: Clock,
}

impl Options {
    /// The usual limits, and the time of this machine.
    ///
    /// # Errors
    /// [`crate::Error::Unavailable`] when the kernel does not tell which boot this is.
    pub fn of_this_machine() -> Result<Self, crate::Error> {
        Ok(Self {
            ttl_min: Duration::from_millis(100),
            log_events_max: 10_000,
            log_bytes_max: 64 * 1024 * 1024,
            file_bytes_max: 512 * 1024 * 1024,
            clock: Clock::of_this_machine()?,
        })
    }
}
