//! What the committing thread, the applier and the readers tell each other.
//!
//! Three questions are answered here and nowhere else: when the applier goes to work (the table in [`Shared::next`]),
//! when a commit has to wait for it ([`Shared::wait_for_space`]), and when a read may begin
//! ([`Shared::wait_until_readable`]). Nobody holds the mutex while doing anything else.

use crate::Options;
use crate::backup::BackupJob;
use crate::touched::{Scope, Touched, Touches};
use im_store::{CommitError, ReadError, Room};
use std::mem;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Wait before the applier tries again what failed, or looks again whether there is room.
const RETRY: Duration = Duration::from_millis(500);
/// Without work for this long, the applier gives memory back and empties the write-ahead log.
const REST: Duration = Duration::from_secs(2);

/// A committed batch.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) lsn: u64,
    /// As encoded.
    pub(crate) payload: Box<[u8]>,
}

/// The next thing for the applier.
#[derive(Debug)]
pub(crate) enum Work {
    Apply(Vec<Record>),
    /// Apply, and make durable, so that log segments are given back; then say [`Shared::flushed`] with this number.
    Flush(Vec<Record>, u64),
    Backup(BackupJob),
    /// Nothing to apply for a while.
    Rest,
    /// It is time to look whether there is room.
    Look,
    End,
}

#[derive(Debug)]
pub(crate) struct Shared {
    state: Mutex<State>,
    /// The applier waits here.
    work: Condvar,
    /// Commits and reads wait here.
    done: Condvar,
    apply_interval: Duration,
    apply_bytes: usize,
    unapplied_bytes_max: usize,
}

#[derive(Debug, Default)]
struct State {
    pending: Vec<Record>,
    pending_bytes: usize,
    /// Bytes of the records that are being applied.
    taken_bytes: usize,
    /// When the first of `pending` came.
    since: Option<Instant>,
    applied: u64,
    touched: Touched,
    /// A read waits for this record.
    wanted: u64,
    backups: Vec<BackupJob>,
    /// Flushes asked for and done, counted.
    flush_wanted: u64,
    flush_done: u64,
    /// A log segment is full: another has to be provided.
    look: bool,
    scarce: bool,
    rested: bool,
    /// What keeps the applier from going on, for now.
    trouble: Option<String>,
    /// What keeps the applier from ever going on.
    broken: Option<String>,
    ending: bool,
}

impl Shared {
    pub(crate) fn new(options: &Options, last_lsn: u64) -> Self {
        let state = State { applied: last_lsn, ..State::default() };
        Self {
            state: Mutex::new(state),
            work: Condvar::new(),
            done: Condvar::new(),
            apply_interval: options.apply_interval,
            apply_bytes: options.unapplied_bytes_max / 4,
            unapplied_bytes_max: options.unapplied_bytes_max,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Until the applier has kept up so far that another batch may be held in memory.
    pub(crate) fn wait_for_space(&self) -> Result<(), CommitError> {
        let mut state = self.lock();
        loop {
            if let Some(why) = &state.broken {
                return Err(CommitError::Broken(why.clone()));
            }
            if state.pending_bytes + state.taken_bytes <= self.unapplied_bytes_max {
                return Ok(());
            }
            if let Some(why) = &state.trouble {
                return Err(CommitError::Full(why.clone()));
            }
            state = self.done.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Hands a durable record to the applier.
    pub(crate) fn push(&self, record: Record, touches: &Touches) -> Room {
        let mut state = self.lock();
        state.touched.add(touches, record.lsn);
        let before = state.pending_bytes;
        state.pending_bytes += record.payload.len();
        state.pending.push(record);
        state.rested = false;
        if before == 0 {
            state.since = Some(Instant::now());
        }
        if before == 0 || before < self.apply_bytes && state.pending_bytes >= self.apply_bytes {
            self.work.notify_one();
        }
        state.room()
    }

    pub(crate) fn room(&self) -> Room {
        self.lock().room()
    }

    /// Until every batch committed so far that may change the answer to a question about these is in the tables. Gives
    /// the last record that is: when it differs from before, what was read before may be old.
    pub(crate) fn wait_until_readable(&self, scopes: [Option<Scope>; 2]) -> Result<u64, ReadError> {
        let mut state = self.lock();
        let target = state.touched.needed(scopes);
        while state.applied < target {
            if let Some(why) = state.broken.as_ref().or(state.trouble.as_ref()) {
                return Err(ReadError(why.clone()));
            }
            if state.ending {
                return Err(ReadError("the store is closed".into()));
            }
            if state.wanted < target {
                state.wanted = target;
                self.work.notify_one();
            }
            state = self.done.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        Ok(state.applied)
    }

    /// A job that nobody will do any more is dropped at once, which tells who waits for it.
    pub(crate) fn ask_for_backup(&self, job: BackupJob) {
        let mut state = self.lock();
        if !state.ending && state.broken.is_none() {
            state.backups.push(job);
            self.work.notify_one();
        }
    }

    /// Asks the applier to look for room soon.
    pub(crate) fn look(&self) {
        self.lock().look = true;
        self.work.notify_one();
    }

    /// Until everything committed is durable in the tables and its log segments are given back. Whether it is.
    pub(crate) fn flush(&self) -> bool {
        let mut state = self.lock();
        state.flush_wanted += 1;
        let number = state.flush_wanted;
        self.work.notify_one();
        while state.flush_done < number {
            if state.broken.is_some() || state.trouble.is_some() || state.ending {
                return false;
            }
            state = self.done.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        true
    }

    pub(crate) fn flushed(&self, number: u64) {
        self.lock().flush_done = number;
        self.done.notify_all();
    }

    /// The next thing for the applier. It waits …
    pub(crate) fn next(&self) -> Work {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            if state.ending {
                return Work::End;
            }
            if let Some(work) = state.asked() {
                return work;
            }
            let due = state.since.map(|since| since + self.apply_interval);
            let wait = match due {
                // … no longer when a read waits, or there is much to apply,
                Some(_)
                    if state.wanted > state.applied || state.pending_bytes >= self.apply_bytes =>
                {
                    return Work::Apply(state.take());
                }
                // … until what came first has waited for the interval,
                Some(due) if due <= now => return Work::Apply(state.take()),
                Some(due) => Some(due - now),
                // … when there is little room, until it looks again,
                None if state.scarce => Some(RETRY),
                // … without work, until it is time to rest, and then for ever.
                None if !state.rested => Some(REST),
                None => None,
            };
            let woken = match wait {
                None => {
                    state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
                    continue;
                }
                Some(wait) => self.work.wait_timeout(state, wait),
            };
            let (next, timeout) = woken.unwrap_or_else(PoisonError::into_inner);
            state = next;
            if timeout.timed_out() && due.is_none() && state.pending.is_empty() {
                return state.look_or_rest();
            }
        }
    }

    /// Everything not applied yet, for a job that needs it in the tables.
    pub(crate) fn take(&self) -> Vec<Record> {
        self.lock().take()
    }

    /// What is pending when it is time to apply it; for a job that takes long.
    pub(crate) fn take_if_due(&self) -> Vec<Record> {
        let mut state = self.lock();
        let waited = state.since.is_some_and(|since| since.elapsed() >= self.apply_interval);
        let due = waited || state.wanted > state.applied || state.pending_bytes >= self.apply_bytes;
        if due { state.take() } else { Vec::new() }
    }

    /// What was taken is in the tables.
    pub(crate) fn applied(&self, lsn: u64) {
        let mut state = self.lock();
        state.applied = lsn;
        state.touched.applied();
        state.taken_bytes = 0;
        state.trouble = None;
        drop(state);
        self.done.notify_all();
    }

    /// The applier cannot go on for now. Waits before the next attempt; whether to end instead.
    pub(crate) fn pause(&self, why: String) -> bool {
        let mut state = self.lock();
        state.trouble = Some(why);
        self.done.notify_all();
        let until = Instant::now() + RETRY;
        while !state.ending {
            let Some(left) = until.checked_duration_since(Instant::now()) else { return false };
            let woken = self.work.wait_timeout(state, left);
            state = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    pub(crate) fn set_scarce(&self, scarce: bool) -> bool {
        mem::replace(&mut self.lock().scarce, scarce)
    }

    pub(crate) fn break_for_ever(&self, why: String) {
        let mut state = self.lock();
        state.broken = Some(why);
        state.backups.clear();
        drop(state);
        self.done.notify_all();
    }

    pub(crate) fn end(&self) {
        let mut state = self.lock();
        state.ending = true;
        // Whoever waits for a backup is told by its channel's end.
        state.backups.clear();
        drop(state);
        self.work.notify_all();
        self.done.notify_all();
    }
}

impl State {
    /// What somebody waits for, before what is due.
    fn asked(&mut self) -> Option<Work> {
        if self.flush_wanted > self.flush_done {
            return Some(Work::Flush(self.take(), self.flush_wanted));
        }
        if mem::take(&mut self.look) {
            return Some(Work::Look);
        }
        self.backups.pop().map(Work::Backup)
    }

    fn take(&mut self) -> Vec<Record> {
        self.taken_bytes += mem::take(&mut self.pending_bytes);
        self.since = None;
        self.touched.take();
        mem::take(&mut self.pending)
    }

    fn room(&self) -> Room {
        if self.scarce || self.trouble.is_some() { Room::Scarce } else { Room::Plenty }
    }

    fn look_or_rest(&mut self) -> Work {
        if self.scarce {
            return Work::Look;
        }
        self.rested = true;
        Work::Rest
    }
}
