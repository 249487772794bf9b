//! Numbers for metrics, published by the shell's threads, read by anybody.

use im::Counters;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A snapshot.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// The core's own.
    pub core: Counters,
    /// Batches made durable.
    pub commits: u64,
    /// Writes in them.
    pub writes: u64,
    /// Time spent in commits, microseconds.
    pub commit_us: u64,
    /// Longest commit, microseconds.
    pub commit_us_max: u64,
    /// Commits that had to wait because the disk was full.
    pub full_waits: u64,
    /// Facts handled.
    pub facts: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Board {
    core: Mutex<Counters>,
    commits: AtomicU64,
    writes: AtomicU64,
    commit_us: AtomicU64,
    commit_us_max: AtomicU64,
    full_waits: AtomicU64,
    facts: AtomicU64,
}

/// Where the threads put their numbers.
pub(crate) type SharedBoard = Arc<Board>;

impl Board {
    pub(crate) fn committed(&self, writes: usize, took: Duration) {
        let us = took.as_micros() as u64;
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.writes.fetch_add(writes as u64, Ordering::Relaxed);
        self.commit_us.fetch_add(us, Ordering::Relaxed);
        self.commit_us_max.fetch_max(us, Ordering::Relaxed);
    }

    pub(crate) fn waited_for_room(&self) {
        self.full_waits.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn handled(&self, facts: usize, counters: Counters) {
        self.facts.fetch_add(facts as u64, Ordering::Relaxed);
        *self.core.lock().unwrap_or_else(PoisonError::into_inner) = counters;
    }

    pub(crate) fn snapshot(&self) -> Stats {
        Stats {
            core: *self.core.lock().unwrap_or_else(PoisonError::into_inner),
            commits: self.commits.load(Ordering::Relaxed),
            writes: self.writes.load(Ordering::Relaxed),
            commit_us: self.commit_us.load(Ordering::Relaxed),
            commit_us_max: self.commit_us_max.load(Ordering::Relaxed),
            full_waits: self.full_waits.load(Ordering::Relaxed),
            facts: self.facts.load(Ordering::Relaxed),
        }
    }
}
