//! Reading the log of the instance before: what SQLite may not have yet.
//!
//! Only one epoch's segments count, the one named in the database; it wrote its first record after everything older was
//! durable in SQLite. Each segment is synced before it is read: what is about to be taken for true must not be only in
//! the kernel's memory. A commit is written and synced before the next one begins, so behind the first invalid
//! record there can be no valid one; if there is, the disk has damaged what was acknowledged, and that must be said.

use crate::disk::Disk;
use crate::record::{BLOCK, SegmentId, record_length};
use std::io;

/// Why the log cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReplayError {
    /// The disk failed.
    #[error("reading {name}: {error}")]
    Io { name: String, error: io::Error },
    /// A record is missing or unreadable and later ones are there.
    #[error(
        "record {expected} of the log is damaged or missing, and record {found} in {name} is there: what was \
         acknowledged is lost; restore a backup, or move the log folder away to go on without its last records"
    )]
    Damaged { expected: u64, found: u64, name: String },
}

/// The segments of a folder.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// With a valid header, by epoch and number.
    pub(crate) segments: Vec<(SegmentId, String)>,
    /// Other log files, left by a crash while they were made.
    pub(crate) stray: Vec<String>,
}

impl Found {
    pub(crate) fn look(disk: &dyn Disk) -> Result<Self, ReplayError> {
        let failed = |name: &str, error| ReplayError::Io { name: name.into(), error };
        let mut found = Self::default();
        for name in disk.list().map_err(|error| failed("the log folder", error))? {
            if !name.ends_with(".log") {
                continue;
            }
            let file = disk.open(&name).map_err(|error| failed(&name, error))?;
            let mut block = vec![0; BLOCK];
            let length = file.length().map_err(|error| failed(&name, error))?;
            if length >= BLOCK as u64 {
                file.read_at(&mut block, 0).map_err(|error| failed(&name, error))?;
            }
            match SegmentId::from_header(&block) {
                Some(id) => found.segments.push((id, name)),
                None => found.stray.push(name),
            }
        }
        found.segments.sort();
        Ok(found)
    }

    /// Greatest epoch of any segment.
    pub(crate) fn last_epoch(&self) -> u64 {
        self.segments.last().map_or(0, |(id, _)| id.epoch)
    }

    /// Hands every record of the epoch beyond `applied` to `each`, in order; returns the number of the last one.
    pub(crate) fn replay<E: From<ReplayError>>(
        &self,
        disk: &dyn Disk,
        (epoch, applied): (u64, u64),
        mut each: impl FnMut(u64, &[u8]) -> Result<(), E>,
    ) -> Result<u64, E> {
        let mut last: Option<u64> = None;
        for (_, id, name) in self.in_order(disk, epoch)? {
            let segment = read_whole(disk, name)?;
            let mut offset = BLOCK;
            while offset < segment.len() {
                let Some((lsn, payload)) = id.record_at(&segment, offset) else {
                    // The end of what was written. Look on: nothing valid may follow.
                    offset += BLOCK;
                    continue;
                };
                let expected = last.map_or(lsn.min(applied + 1), |last| last + 1);
                if lsn != expected {
                    let name = name.to_owned();
                    return Err(ReplayError::Damaged { expected, found: lsn, name }.into());
                }
                if lsn > applied {
                    each(lsn, payload)?;
                }
                last = Some(lsn);
                offset += record_length(payload.len());
            }
        }
        Ok(last.unwrap_or(applied).max(applied))
    }

    /// The epoch's segments that hold records, in the order of these. Segments are prepared by one thread and taken by
    /// another; so their numbers tell them apart and no more.
    fn in_order(
        &self,
        disk: &dyn Disk,
        epoch: u64,
    ) -> Result<Vec<(u64, SegmentId, &str)>, ReplayError> {
        let mut order = Vec::new();
        for (id, name) in self.segments.iter().filter(|(id, _)| id.epoch == epoch) {
            let segment = read_whole(disk, name)?;
            let mut blocks = (BLOCK..segment.len()).step_by(BLOCK);
            if let Some((first, _)) = blocks.find_map(|offset| id.record_at(&segment, offset)) {
                order.push((first, *id, name.as_str()));
            }
        }
        order.sort_unstable();
        Ok(order)
    }
}

fn read_whole(disk: &dyn Disk, name: &str) -> Result<Vec<u8>, ReplayError> {
    let failed = |error| ReplayError::Io { name: name.into(), error };
    let file = disk.open(name).map_err(failed)?;
    file.sync().map_err(failed)?;
    let length = usize::try_from(file.length().map_err(failed)?).unwrap_or(usize::MAX);
    let mut bytes = vec![0; length];
    file.read_at(&mut bytes, 0).map_err(failed)?;
    Ok(bytes)
}
