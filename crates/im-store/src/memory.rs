//! A store in memory, for simulation and as the model other back ends are compared with.
//!
//! A [`MemoryDisk`] is what survives a crash; a [`MemoryStore`] is an instance that opened it. Everything is ordered
//! maps, so equal histories give equal answers. It must never be cleverer than the port's sentences.

use crate::{
    Batch, CommitError, Committed, Epoch, OpenError, Query, ReadError, Reader, Recovered, Reply,
    Room, Store,
};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

mod answer;
mod state;

use state::State;

/// What survives a crash. Clones are handles of the same disk; [`MemoryDisk::copy`] is another one.
#[derive(Clone, Debug, Default)]
pub struct MemoryDisk {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Clone, Debug, Default)]
struct Inner {
    epoch: u64,
    state: State,
    room: MemoryRoom,
    fault: Option<CommitFault>,
    commits: u64,
}

/// How much room a [`MemoryDisk`] pretends to have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MemoryRoom {
    /// Commits succeed.
    #[default]
    Plenty,
    /// Commits succeed and warn ([`Room::Scarce`]).
    Scarce,
    /// Commits fail ([`CommitError::Full`]).
    Full,
}

/// How a commit can break ([`CommitError::Broken`]); from then on the instance is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CommitFault {
    /// Nothing of the batch is on the disk.
    BatchLost,
    /// The batch is on the disk although the instance was told that the sync failed.
    BatchKept,
}

impl MemoryDisk {
    /// An empty disk.
    pub fn new() -> Self {
        Self::default()
    }

    /// Another disk with the same content.
    pub fn copy(&self) -> Self {
        Self { inner: Arc::new(Mutex::new(self.lock().clone())) }
    }

    /// From the next commit on.
    pub fn set_room(&self, room: MemoryRoom) {
        self.lock().room = room;
    }

    /// Lets the next commit fail.
    pub fn break_next_commit(&self, fault: CommitFault) {
        self.lock().fault = Some(fault);
    }

    /// Number of batches committed since the disk was new.
    pub fn commits(&self) -> u64 {
        self.lock().commits
    }

    /// Number of stanzas held, whoever refers to them.
    pub fn stanzas(&self) -> usize {
        self.lock().state.stanzas()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic of another thread leaves the maps in a state that a simulation may still want to look at.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An instance of the memory store.
#[derive(Debug)]
pub struct MemoryStore {
    disk: MemoryDisk,
    epoch: Epoch,
    recovered: Recovered,
    broken: bool,
}

impl MemoryStore {
    /// Opens a disk and claims the next epoch; instances that opened it before are fenced from now on.
    pub fn open(disk: &MemoryDisk) -> Result<Self, OpenError> {
        let mut inner = disk.lock();
        inner.epoch += 1;
        let epoch = Epoch(inner.epoch);
        let recovered = inner.state.recovered();
        drop(inner);
        Ok(Self { disk: disk.clone(), epoch, recovered, broken: false })
    }
}

impl Store for MemoryStore {
    type Reader = MemoryReader;

    fn epoch(&self) -> Epoch {
        self.epoch
    }

    fn take_recovered(&mut self) -> Recovered {
        std::mem::take(&mut self.recovered)
    }

    fn commit(&mut self, batch: &Batch) -> Result<Committed, CommitError> {
        let mut inner = self.disk.lock();
        if self.broken {
            return Err(CommitError::Broken("an earlier commit failed".into()));
        }
        if inner.epoch != self.epoch.0 {
            return Err(CommitError::Fenced { mine: self.epoch, current: Epoch(inner.epoch) });
        }
        let room = match inner.room {
            MemoryRoom::Plenty => Room::Plenty,
            MemoryRoom::Scarce => Room::Scarce,
            MemoryRoom::Full => return Err(CommitError::Full("the simulated disk is full".into())),
        };
        let fault = inner.fault.take();
        if fault != Some(CommitFault::BatchLost) {
            inner.state.apply(batch);
            inner.commits += 1;
        }
        if fault.is_some() {
            self.broken = true;
            return Err(CommitError::Broken("the simulated sync failed".into()));
        }
        Ok(Committed { room })
    }

    fn reader(&self) -> Result<Self::Reader, ReadError> {
        Ok(MemoryReader { disk: self.disk.clone() })
    }
}

/// A reading side of a [`MemoryDisk`].
#[derive(Clone, Debug)]
pub struct MemoryReader {
    disk: MemoryDisk,
}

impl Reader for MemoryReader {
    fn read(&mut self, query: &Query) -> Result<Reply, ReadError> {
        self.disk.lock().state.answer(query)
    }
}

#[cfg(test)]
mod tests {
    use super::{CommitFault, MemoryDisk, MemoryRoom, MemoryStore};
    use crate::conformance::{self, Harness};
    use crate::{Batch, CommitError, Room, StanzaId, Store, Write};
    use bytes::Bytes;

    #[derive(Default)]
    struct Memory(MemoryDisk);

    impl Harness for Memory {
        type Store = MemoryStore;
        fn open(&mut self) -> MemoryStore {
            MemoryStore::open(&self.0).unwrap()
        }
    }

    crate::conformance_tests!(Memory::default());

    fn one_stanza() -> Batch {
        let bytes = Bytes::from_static(b"<message/>");
        Batch { writes: vec![Write::Stanza { id: StanzaId(1), bytes, archived: true }] }
    }

    #[test]
    fn the_random_batches_are_the_same_for_two_memory_stores() {
        for seed in 0..20 {
            conformance::behaves_like_the_memory_store(&mut Memory::default(), seed);
        }
    }

    #[test]
    fn room_is_reported_and_a_full_disk_takes_nothing() {
        let disk = MemoryDisk::new();
        let mut store = MemoryStore::open(&disk).unwrap();
        disk.set_room(MemoryRoom::Scarce);
        assert_eq!(store.commit(&Batch::default()).unwrap().room, Room::Scarce);
        disk.set_room(MemoryRoom::Full);
        assert!(matches!(store.commit(&one_stanza()), Err(CommitError::Full(_))));
        assert_eq!(disk.stanzas(), 0);
        disk.set_room(MemoryRoom::Plenty);
        assert_eq!(store.commit(&one_stanza()).unwrap().room, Room::Plenty);
        assert_eq!(disk.stanzas(), 1);
    }

    #[test]
    fn a_failed_sync_breaks_the_instance_whether_the_batch_survived_or_not() {
        for (fault, kept) in [(CommitFault::BatchLost, 0), (CommitFault::BatchKept, 1)] {
            let disk = MemoryDisk::new();
            let mut store = MemoryStore::open(&disk).unwrap();
            disk.break_next_commit(fault);
            assert!(matches!(store.commit(&one_stanza()), Err(CommitError::Broken(_))));
            assert!(matches!(store.commit(&one_stanza()), Err(CommitError::Broken(_))));
            assert_eq!(disk.stanzas(), kept, "{fault:?}");
        }
    }

    #[test]
    fn a_copied_disk_goes_its_own_way() {
        let disk = MemoryDisk::new();
        let copy = disk.copy();
        MemoryStore::open(&disk).unwrap().commit(&one_stanza()).unwrap();
        assert_eq!((disk.stanzas(), copy.stanzas()), (1, 0));
    }
}
