//! A disk in memory that behaves as badly as disks may.
//!
//! What was written and not synced lies in sectors that a power cut keeps, forgets or tears, each for itself; so writes
//! are reordered. A sync that failed forgets what it should have written, as Linux does. After the crash every operation
//! fails.

use im_store_sqlite::disk::{Disk, DiskFile};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

const SECTOR: usize = 512;

/// Handles of the same disk are clones.
#[derive(Clone, Debug, Default)]
pub(crate) struct SimDisk {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    files: BTreeMap<String, Content>,
    next_file: u64,
    /// Bytes; 0 for no limit.
    capacity: u64,
    /// Operations that change something until the crash.
    crash_in: Option<u64>,
    crashed: bool,
    fail_next_sync: bool,
    writes: u64,
    random: u64,
}

#[derive(Clone, Debug, Default)]
struct Content {
    /// A file keeps its number when it is renamed.
    number: u64,
    durable: Vec<u8>,
    current: Vec<u8>,
    /// Sectors in which the two may differ.
    dirty: BTreeSet<usize>,
}

#[derive(Debug)]
struct Handle {
    disk: SimDisk,
    number: u64,
}

fn crashed() -> io::Error {
    io::Error::other("the simulated machine is down")
}

fn not_found() -> io::Error {
    io::ErrorKind::NotFound.into()
}

impl SimDisk {
    pub(crate) fn new(seed: u64) -> Self {
        let disk = Self::default();
        disk.lock().random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        disk
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    /// After this many more changes the machine is down.
    pub(crate) fn crash_in(&self, changes: u64) {
        self.lock().crash_in = Some(changes);
    }

    pub(crate) fn set_capacity(&self, bytes: u64) {
        self.lock().capacity = bytes;
    }

    pub(crate) fn fail_next_sync(&self) {
        self.lock().fail_next_sync = true;
    }

    /// Number of writes so far.
    pub(crate) fn writes(&self) -> u64 {
        self.lock().writes
    }

    /// Overwrites bytes behind everybody's back.
    pub(crate) fn damage(&self, name: &str, offset: usize, length: usize) {
        let mut inner = self.lock();
        let file = inner.files.get_mut(name).unwrap();
        for bytes in [&mut file.durable, &mut file.current] {
            bytes[offset..offset + length].fill(0xa5);
        }
    }

    pub(crate) fn names(&self) -> Vec<String> {
        self.lock().files.keys().cloned().collect()
    }

    /// The machine as it starts again after a power cut.
    pub(crate) fn after_power_cut(&self) -> Self {
        let mut inner = self.lock();
        let mut files = BTreeMap::new();
        for (name, mut file) in inner.files.clone() {
            for sector in std::mem::take(&mut file.dirty) {
                let range = sector * SECTOR..((sector + 1) * SECTOR).min(file.current.len());
                let torn_at = match inner.below(3) {
                    0 => 0,
                    1 => range.len(),
                    _ => inner.below(range.len() as u64) as usize,
                };
                let kept = range.start..range.start + torn_at;
                file.durable[kept.clone()].copy_from_slice(&file.current[kept]);
            }
            file.current = file.durable.clone();
            files.insert(name, file);
        }
        Self::restarted(files, &inner)
    }

    /// The machine when only the process was killed.
    pub(crate) fn after_kill(&self) -> Self {
        let inner = self.lock();
        Self::restarted(inner.files.clone(), &inner)
    }

    fn restarted(files: BTreeMap<String, Content>, before: &Inner) -> Self {
        let inner = Inner {
            files,
            next_file: before.next_file,
            capacity: before.capacity,
            random: before.random,
            ..Inner::default()
        };
        Self { inner: Arc::new(Mutex::new(inner)) }
    }
}

impl Inner {
    fn below(&mut self, bound: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % bound.max(1)
    }

    /// Counts one change; whether the machine goes down in the middle of it.
    fn change(&mut self) -> io::Result<bool> {
        if self.crashed {
            return Err(crashed());
        }
        match &mut self.crash_in {
            Some(0) => {
                self.crashed = true;
                Ok(true)
            }
            Some(left) => {
                *left -= 1;
                Ok(false)
            }
            None => Ok(false),
        }
    }

    fn used(&self) -> u64 {
        self.files.values().map(|file| file.current.len() as u64).sum()
    }

    fn file(&mut self, number: u64) -> io::Result<&mut Content> {
        self.files.values_mut().find(|file| file.number == number).ok_or_else(not_found)
    }
}

impl Disk for SimDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(self.names())
    }

    fn create(&self, name: &str, length: u64) -> io::Result<Box<dyn DiskFile>> {
        let mut inner = self.lock();
        let crash = inner.change()?;
        if inner.capacity > 0 && inner.used() + length > inner.capacity {
            return Err(io::ErrorKind::StorageFull.into());
        }
        inner.next_file += 1;
        let number = inner.next_file;
        let reached = if crash { inner.below(length) } else { length };
        let zeros = vec![0; reached as usize];
        let content =
            Content { number, durable: zeros.clone(), current: zeros, ..Content::default() };
        inner.files.insert(name.into(), content);
        if crash { Err(crashed()) } else { Ok(Box::new(Handle { disk: self.clone(), number })) }
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let inner = self.lock();
        let number = inner.files.get(name).ok_or_else(not_found)?.number;
        Ok(Box::new(Handle { disk: self.clone(), number }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut inner = self.lock();
        let crash = inner.change()?;
        if !crash || inner.below(2) == 0 {
            let file = inner.files.remove(from).ok_or_else(not_found)?;
            inner.files.insert(to.into(), file);
        }
        if crash { Err(crashed()) } else { Ok(()) }
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        let mut inner = self.lock();
        let crash = inner.change()?;
        if !crash || inner.below(2) == 0 {
            inner.files.remove(name).ok_or_else(not_found)?;
        }
        if crash { Err(crashed()) } else { Ok(()) }
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let inner = self.lock();
        Ok(if inner.capacity == 0 { u64::MAX } else { inner.capacity.saturating_sub(inner.used()) })
    }
}

impl DiskFile for Handle {
    fn length(&self) -> io::Result<u64> {
        Ok(self.disk.lock().file(self.number)?.current.len() as u64)
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        let mut inner = self.disk.lock();
        let offset = offset as usize;
        let found = inner.file(self.number)?.current.get(offset..offset + into.len());
        into.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut inner = self.disk.lock();
        let crash = inner.change()?;
        inner.writes += 1;
        let reached = if crash { inner.below(bytes.len() as u64) as usize } else { bytes.len() };
        let file = inner.file(self.number)?;
        let range = offset as usize..offset as usize + reached;
        file.current[range.clone()].copy_from_slice(&bytes[..reached]);
        file.dirty.extend(range.start / SECTOR..range.end.div_ceil(SECTOR));
        if crash { Err(crashed()) } else { Ok(()) }
    }

    fn sync(&self) -> io::Result<()> {
        let mut inner = self.disk.lock();
        let crash = inner.change()?;
        let fails = std::mem::take(&mut inner.fail_next_sync);
        let file = inner.file(self.number)?;
        if crash {
            return Err(crashed());
        }
        let dirty = std::mem::take(&mut file.dirty);
        if fails {
            return Err(io::Error::from_raw_os_error(5));
        }
        for sector in dirty {
            let range = sector * SECTOR..((sector + 1) * SECTOR).min(file.current.len());
            file.durable[range.clone()].copy_from_slice(&file.current[range]);
        }
        Ok(())
    }
}
