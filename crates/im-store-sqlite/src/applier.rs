//! The thread that brings committed batches into the tables and gives log segments back.
//!
//! # When a segment may be used again
//!
//! A transaction of the applier is not durable when it commits (`synchronous = NORMAL` in WAL mode does not sync). It need
//! not be: the log has what it holds, and after a crash SQLite finds the longest intact beginning of its write-ahead log,
//! so the tables are as of some earlier transaction, which names the record (`meta.applied`) from which the log is
//! replayed. What makes transactions durable is a checkpoint: it syncs the write-ahead log, copies its pages into the
//! database, syncs that. If it reports that it has copied *everything* (a reader may hold it back), every transaction
//! committed before it is durable. The applier is the only writer and runs checkpoints itself, between transactions;
//! so then all records up to the last one applied are, and segments that end there or before are given back. Not earlier.

use crate::backup::{BackupError, BackupJob};
use crate::disk::Disk;
use crate::log::Segments;
use crate::shared::{Record, Shared, Work};
use crate::tables::{ApplyError, CheckpointMode, Tables};
use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};
use std::sync::Arc;

/// Segments waiting for SQLite that are reason enough for a checkpoint.
const RETIRED_MAX: usize = 6;
/// Pages copied by a backup before commits are looked after again.
const COPY_PAGES: i32 = 512;

#[derive(Debug)]
pub(crate) struct Applier {
    pub(crate) shared: Arc<Shared>,
    pub(crate) segments: Arc<Segments>,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) tables: Tables,
    /// Last record in the tables.
    pub(crate) applied: u64,
    pub(crate) wal_pages_max: usize,
    pub(crate) reserve_bytes: u64,
}

/// The applier has to end.
struct End;

impl Applier {
    pub(crate) fn run(mut self, connection: &Connection) {
        while self.step(connection).is_ok() {}
    }

    fn step(&mut self, connection: &Connection) -> Result<(), End> {
        match self.shared.next() {
            Work::End => return Err(End),
            Work::Apply(records) => self.apply(connection, &records)?,
            Work::Flush(records, number) => {
                self.apply(connection, &records)?;
                self.checkpoint(connection, CheckpointMode::Truncate);
                self.keep_house(connection);
                self.shared.flushed(number);
            }
            Work::Backup(job) => self.backup(connection, job)?,
            Work::Rest => {
                self.checkpoint(connection, CheckpointMode::Truncate);
                let _ = connection.execute_batch("PRAGMA shrink_memory");
            }
            // What is not applied keeps segments from being used again.
            Work::Look if self.is_scarce() => {
                self.tell_room(true);
                let records = self.shared.take();
                self.apply(connection, &records)?;
            }
            Work::Look => {}
        }
        self.keep_house(connection);
        Ok(())
    }

    /// Until it has succeeded. What fails for want of room is tried in smaller pieces: those need less of it at a time.
    fn apply(&mut self, connection: &Connection, records: &[Record]) -> Result<(), End> {
        let mut rest = records;
        let mut piece = rest.len();
        while !rest.is_empty() {
            let (now, later) = rest.split_at(piece.min(rest.len()));
            let Some(last) = now.last().map(|record| record.lsn) else { break };
            let payloads = now.iter().map(|record| &*record.payload);
            match self.tables.apply(connection, payloads, last) {
                Ok(()) => {
                    self.applied = last;
                    rest = later;
                    if !rest.is_empty() {
                        self.checkpoint(connection, CheckpointMode::Truncate);
                    }
                }
                Err(ApplyError::Later(why)) => {
                    tracing::warn!(%why, "cannot bring committed batches into the tables, trying again");
                    // Copying the write-ahead log may be what gives SQLite its room back.
                    self.checkpoint(connection, CheckpointMode::Truncate);
                    piece = (piece / 2).max(1);
                    if self.shared.pause(why) {
                        return Err(End);
                    }
                }
                Err(error @ (ApplyError::Fenced | ApplyError::Never(_))) => {
                    tracing::error!(%error, "the tables cannot follow the log any more");
                    self.shared.break_for_ever(error.to_string());
                    return Err(End);
                }
            }
        }
        if !records.is_empty() {
            self.shared.applied(self.applied);
        }
        Ok(())
    }

    fn keep_house(&mut self, connection: &Connection) {
        let pages = self.tables.wal_pages();
        if pages > 4 * self.wal_pages_max {
            self.checkpoint(connection, CheckpointMode::Truncate);
        } else if pages > self.wal_pages_max || self.segments.retired() >= RETIRED_MAX {
            self.checkpoint(connection, CheckpointMode::Passive);
        }
        let mut scarce = self.is_scarce();
        if scarce && self.segments.retired() > 0 {
            self.checkpoint(connection, CheckpointMode::Truncate);
            scarce = self.is_scarce();
        }
        self.tell_room(scarce);
    }

    fn tell_room(&self, scarce: bool) {
        match (self.shared.set_scarce(scarce), scarce) {
            (false, true) => tracing::warn!("little room is left for the store; free space"),
            (true, false) => tracing::info!("there is room for the store again"),
            _ => {}
        }
    }

    /// Whether only the reserve is left: a segment cannot be allocated ahead, or the tables could soon not grow.
    fn is_scarce(&self) -> bool {
        let provided = self.segments.provide();
        let free = self.disk.free_bytes().unwrap_or(u64::MAX);
        provided.is_err() || free < self.reserve_bytes
    }

    /// See the module. A failure is no harm: nothing is given back.
    fn checkpoint(&self, connection: &Connection, mode: CheckpointMode) {
        let whole = match self.tables.checkpoint(connection, mode) {
            Ok(whole) => whole,
            Err(error) => {
                tracing::warn!(%error, "a checkpoint failed, trying again later");
                false
            }
        };
        if whole && let Err(error) = self.segments.recycle(self.applied) {
            tracing::warn!(%error, "a log segment could not be used again");
        }
    }

    fn backup(&mut self, connection: &Connection, job: BackupJob) -> Result<(), End> {
        let records = self.shared.take();
        self.apply(connection, &records)?;
        let mut target = match job.target() {
            Ok(target) => target,
            Err(error) => {
                job.finish(Err(error));
                return Ok(());
            }
        };
        let copied = self.copy(connection, &mut target, &job)?;
        drop(target);
        job.finish(copied);
        Ok(())
    }

    /// The copy runs on this connection, so that what is applied meanwhile goes into it and it never starts over.
    fn copy(
        &mut self,
        connection: &Connection,
        target: &mut Connection,
        job: &BackupJob,
    ) -> Result<Result<(), BackupError>, End> {
        let copy = match Backup::new(connection, target) {
            Ok(copy) => copy,
            Err(error) => return Ok(Err(job.failed(&error))),
        };
        loop {
            match copy.step(COPY_PAGES) {
                Ok(StepResult::Done) => return Ok(Ok(())),
                Ok(_) if !job.report(copy.progress()) => return Ok(Err(BackupError::Ended)),
                Ok(_) => {}
                Err(error) => return Ok(Err(job.failed(&error))),
            }
            let records = self.shared.take_if_due();
            self.apply(connection, &records)?;
            self.keep_house(connection);
        }
    }
}
