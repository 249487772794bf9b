//! The writing end of the redo log: where a batch becomes durable.
//!
//! [`Log`] belongs to the committing thread, [`Segments`] is shared with the applier, which gives back the segments that
//! SQLite has made superfluous and keeps one allocated ahead. An `fdatasync` that failed is never tried again: the kernel
//! may have dropped the pages and would report success.

use crate::disk::{Disk, DiskFile, is_full};
use crate::record::{BLOCK, HEAD, SegmentId, record_length};
use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Segments kept ready beside the one being written.
const SPARES: usize = 2;

/// A record that is durable.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Appended {
    pub(crate) lsn: u64,
    /// It begins another segment: one more should be provided.
    pub(crate) switched: bool,
}

/// Why a record was not appended.
#[derive(Debug)]
pub(crate) enum AppendError {
    /// No room for another segment. Nothing was written.
    Full(io::Error),
    /// The disk failed; what it holds is unknown.
    Broken(io::Error),
}

#[derive(Debug)]
struct Segment {
    id: SegmentId,
    length: u64,
    file: Box<dyn DiskFile>,
}

/// A segment that was written, and the last record in it.
#[derive(Debug)]
struct Retired {
    segment: Segment,
    last_lsn: u64,
}

/// The segments of this epoch beside the one being written.
#[derive(Debug)]
pub(crate) struct Segments {
    disk: Arc<dyn Disk>,
    epoch: u64,
    segment_bytes: u64,
    pools: Mutex<Pools>,
}

#[derive(Debug, Default)]
struct Pools {
    next_number: u64,
    spares: Vec<Segment>,
    retired: VecDeque<Retired>,
}

impl Segments {
    pub(crate) fn new(disk: Arc<dyn Disk>, epoch: u64, segment_bytes: u64) -> Self {
        Self { disk, epoch, segment_bytes, pools: Mutex::default() }
    }

    fn pools(&self) -> MutexGuard<'_, Pools> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn next_id(&self) -> SegmentId {
        let mut pools = self.pools();
        pools.next_number += 1;
        SegmentId { epoch: self.epoch, number: pools.next_number }
    }

    fn create(&self, length: u64) -> io::Result<Segment> {
        let id = self.next_id();
        let file = self.disk.create(&id.file_name(), length)?;
        let ready = file.write_at(&id.header(), 0).and_then(|()| file.sync());
        if let Err(error) = ready {
            let _ = self.disk.remove(&id.file_name());
            return Err(error);
        }
        Ok(Segment { id, length, file })
    }

    /// A segment with room for a record of this length.
    fn take(&self, record: u64) -> io::Result<Segment> {
        let needed = BLOCK as u64 + record;
        let spare = {
            let mut pools = self.pools();
            let fits = pools.spares.iter().position(|spare| spare.length >= needed);
            fits.map(|at| pools.spares.swap_remove(at))
        };
        match spare {
            Some(segment) => Ok(segment),
            None => self.create(self.segment_bytes.max(needed)),
        }
    }

    /// Whether another segment can be taken without the disk having to give room.
    pub(crate) fn has_spare(&self) -> bool {
        !self.pools().spares.is_empty()
    }

    /// Number of segments that wait for SQLite.
    pub(crate) fn retired(&self) -> usize {
        self.pools().retired.len()
    }

    /// Keeps one segment ready beyond the one being written.
    pub(crate) fn provide(&self) -> io::Result<()> {
        if !self.has_spare() {
            let spare = self.create(self.segment_bytes)?;
            self.pools().spares.push(spare);
        }
        Ok(())
    }

    /// Uses segments again that hold nothing beyond this record, which SQLite has made durable.
    pub(crate) fn recycle(&self, durable_lsn: u64) -> io::Result<()> {
        loop {
            let (retired, wanted) = {
                let mut pools = self.pools();
                let superfluous = |first: &Retired| first.last_lsn <= durable_lsn;
                if !pools.retired.front().is_some_and(superfluous) {
                    return Ok(());
                }
                (pools.retired.pop_front(), pools.spares.len() < SPARES)
            };
            let Some(Retired { segment, .. }) = retired else { return Ok(()) };
            if wanted && segment.length == self.segment_bytes {
                self.renew(segment)?;
            } else {
                self.disk.remove(&segment.id.file_name())?;
            }
        }
    }

    fn renew(&self, segment: Segment) -> io::Result<()> {
        let id = self.next_id();
        // First the header: from then on none of the old records is valid, under either name.
        segment.file.write_at(&id.header(), 0)?;
        segment.file.sync()?;
        self.disk.rename(&segment.id.file_name(), &id.file_name())?;
        self.pools().spares.push(Segment { id, ..segment });
        Ok(())
    }
}

/// The end of the log that records are appended to.
#[derive(Debug)]
pub(crate) struct Log {
    segments: Arc<Segments>,
    active: Segment,
    offset: u64,
    last_lsn: u64,
}

impl Log {
    /// A log whose next record is `last_lsn + 1`, in a segment of its own.
    pub(crate) fn begin(segments: Arc<Segments>, last_lsn: u64) -> io::Result<Self> {
        let active = segments.take(0)?;
        segments.provide()?;
        Ok(Self { segments, active, offset: BLOCK as u64, last_lsn })
    }

    /// Bytes that the disk has free; what it cannot tell is enough.
    pub(crate) fn free_bytes(&self) -> u64 {
        self.segments.disk.free_bytes().unwrap_or(u64::MAX)
    }

    /// Makes a record durable. Its payload begins at [`HEAD`]; the rest is filled in here.
    pub(crate) fn append(&mut self, record: &mut Vec<u8>) -> Result<Appended, AppendError> {
        let length = record_length(record.len() - HEAD) as u64;
        let switched = self.offset + length > self.active.length;
        if switched {
            self.switch(length)?;
        }
        let lsn = self.last_lsn + 1;
        self.active.id.seal(lsn, record);
        self.active.file.write_at(record, self.offset).map_err(AppendError::Broken)?;
        self.active.file.sync().map_err(AppendError::Broken)?;
        self.offset += length;
        self.last_lsn = lsn;
        Ok(Appended { lsn, switched })
    }

    fn switch(&mut self, length: u64) -> Result<(), AppendError> {
        let next = self.segments.take(length).map_err(|error| match is_full(&error) {
            true => AppendError::Full(error),
            false => AppendError::Broken(error),
        })?;
        let segment = std::mem::replace(&mut self.active, next);
        self.offset = BLOCK as u64;
        let retired = Retired { segment, last_lsn: self.last_lsn };
        self.segments.pools().retired.push_back(retired);
        Ok(())
    }
}
