//! Transactions on the file: which locks, which promise to the disk, and what is checked before anybody is told.
//!
//! Reading takes no lock, unless a lease is due: then the end of that lease is written first. Writing locks out all other writers before it
//! looks at the clock. What was committed is acknowledged only while the file is still the one that others see. After a failed sync nothing
//! is promised any more: the kernel may have dropped what it could not write.

use super::Options;
use super::errors::{error_of, is_failed_sync, is_full};
use super::file::{self, Identity};
use super::tables::{self, Bounds, Change, Head};
use crate::{Error, Event, Granted, LeaseId, Range, Revision, Txn, TxnOutcome};
use rusqlite::{Connection, TransactionBehavior};
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_NOW, utimensat};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A read begins anew when a lease is due; with so many in a row something is wrong.
const READ_ATTEMPTS_MAX: u32 = 100;

/// The file, as one process sees it.
pub(super) struct Engine {
    connection: Connection,
    identity: Identity,
    path: PathBuf,
    options: Options,
    /// The latest revision seen; there is no way back.
    seen: Revision,
    /// Why nothing can be done any more.
    failed: Option<Error>,
}

/// What a look at the file found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seen {
    pub(super) revision: Revision,
    /// How long the next lease still has.
    pub(super) next_end: Option<Duration>,
}

/// What a transaction promises when it is committed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Promise {
    /// On the disk.
    Durable,
    /// For as long as the machine runs: a lease lasts no longer either, and its renewal shall not wait for a busy disk.
    UntilReboot,
}

/// What became of an attempt to write.
enum Written<T> {
    Done {
        found: T,
        revision: Revision,
        is_news: bool,
    },
    /// The file is not what it was; nothing was written.
    Refused(Error),
    /// There is something to tell others, and that must be on the disk first; nothing was written.
    NotDurable,
}

type Sql<T> = rusqlite::Result<T>;

impl Engine {
    /// Opens or makes the file. Leases of another boot end.
    pub(super) fn open(path: &Path, options: Options) -> Result<Self, Error> {
        let (connection, identity) = file::open(path)?;
        let (path, seen, failed) = (path.to_owned(), 0, None);
        let mut engine = Self { connection, identity, path, options, seen, failed };
        let boot = engine.options.clock.boot().to_owned();
        let head = Head::read(&engine.connection).map_err(|error| engine.error(&error))?;
        if head.boot != boot {
            engine.write_unchecked(Promise::Durable, &|change| {
                if change.head.boot == boot { Ok(()) } else { change.begin_boot(&boot) }
            })?;
        }
        engine.read(|_, _| Ok(()))?;
        Ok(engine)
    }

    pub(super) fn range(&mut self, prefix: &str) -> Result<Range, Error> {
        self.read(|db, head| tables::range(db, head, prefix))
    }

    pub(super) fn events(
        &mut self,
        prefix: &str,
        from: Revision,
    ) -> Result<(Revision, Vec<Event>), Error> {
        self.read(|db, head| tables::events(db, head, prefix, from))?
    }

    pub(super) fn txn(&mut self, txn: &Txn) -> Result<TxnOutcome, Error> {
        txn.check()?;
        self.write(Promise::Durable, &|change| change.txn(txn))?
    }

    pub(super) fn grant(&mut self, ttl: Duration) -> Result<Granted, Error> {
        let min = self.options.ttl_min;
        self.write(Promise::Durable, &|change| change.grant(ttl, min))?
    }

    pub(super) fn keep_alive(&mut self, lease: LeaseId) -> Result<Granted, Error> {
        self.write(Promise::UntilReboot, &|change| change.keep_alive(lease))?
    }

    pub(super) fn revoke(&mut self, lease: LeaseId) -> Result<(), Error> {
        self.write(Promise::Durable, &|change| change.end(lease))
    }

    /// Forgets what happened before a revision.
    pub(super) fn compact(&mut self, revision: Revision) -> Result<(), Error> {
        self.write(Promise::Durable, &|change| {
            let latest = change.head.revision;
            if revision > latest {
                let why = format!("cannot compact at {revision}, only {latest} is reached");
                return Ok(Err(Error::Invalid(why)));
            }
            change.forget_before(revision).map(Ok)
        })?
    }

    pub(super) fn describe(&mut self) -> String {
        let found = self.read(|db, head| Ok((head.revision, tables::count_leases(db)?)));
        let shown = self.path.display();
        match found {
            Ok((revision, leases)) => {
                format!(
                    "embedded {shown} (this machine only), revision {revision}, {leases} leases"
                )
            }
            Err(error) => format!("embedded {shown}: {error}"),
        }
    }

    /// Ends the leases that are due, also those of other processes, and tells what a watch wants to know.
    pub(super) fn look(&mut self) -> Result<Seen, Error> {
        let (revision, ends) = self.read(|db, head| Ok((head.revision, tables::next_end(db)?)))?;
        let now = self.options.clock.now();
        Ok(Seen { revision, next_end: ends.map(|ends| ends.saturating_sub(now)) })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Looks at one moment of the file, at which no lease is due.
    fn read<T>(&mut self, f: impl Fn(&Connection, &Head) -> Sql<T>) -> Result<T, Error> {
        self.check_usable()?;
        // What is due by now is due for good, but another lease may be by the time it was ended.
        for _ in 0..READ_ATTEMPTS_MAX {
            match self.read_once(&f).map_err(|error| self.error(&error))? {
                (Some(found), head) => {
                    let boots = (head.boot.as_str(), self.options.clock.boot());
                    check_head(&self.path, (head.revision, self.seen), boots)
                        .map_err(|error| self.fail(error))?;
                    self.seen = head.revision;
                    return Ok(found);
                }
                (None, _) => self.write(Promise::Durable, &|_| Ok(()))?,
            }
        }
        let shown = self.path.display();
        Err(Error::Unavailable(format!("{shown}: leases end faster than it can be read")))
    }

    /// `None`: a lease is due.
    fn read_once<T>(&mut self, f: impl Fn(&Connection, &Head) -> Sql<T>) -> Sql<(Option<T>, Head)> {
        let transaction = self.connection.transaction()?;
        let head = Head::read(&transaction)?;
        let due =
            tables::next_end(&transaction)?.is_some_and(|ends| ends <= self.options.clock.now());
        let found = if due { None } else { Some(f(&transaction, &head)?) };
        Ok((found, head))
    }

    fn write<T>(
        &mut self,
        promise: Promise,
        f: &dyn Fn(&mut Change<'_>) -> Sql<T>,
    ) -> Result<T, Error> {
        self.check_usable()?;
        self.write_unchecked(promise, &|change| {
            change.end_due()?;
            f(change)
        })
    }

    fn write_unchecked<T>(
        &mut self,
        promise: Promise,
        f: &dyn Fn(&mut Change<'_>) -> Sql<T>,
    ) -> Result<T, Error> {
        let mut result = self.write_once(promise, f);
        if result.as_ref().is_err_and(is_full) {
            // What is in the log may fit into the file, and then the log is used again from its beginning.
            let _ = self.connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
            result = self.write_once(promise, f);
        }
        if matches!(result, Ok(Written::NotDurable)) {
            result = self.write_once(Promise::Durable, f);
        }
        match result.map_err(|error| self.error(&error))? {
            Written::Done { found, revision, is_news } => {
                // Acknowledged is only what others can see.
                self.check_usable()?;
                self.seen = revision;
                if is_news {
                    self.ring();
                }
                Ok(found)
            }
            Written::Refused(error) => Err(self.fail(error)),
            Written::NotDurable => {
                assert!(promise == Promise::UntilReboot, "a durable transaction is durable");
                Err(Error::Unavailable("a transaction was not made durable".into()))
            }
        }
    }

    fn write_once<T>(
        &mut self,
        promise: Promise,
        f: &dyn Fn(&mut Change<'_>) -> Sql<T>,
    ) -> Sql<Written<T>> {
        let synchronous = match promise {
            Promise::Durable => "FULL",
            Promise::UntilReboot => "NORMAL",
        };
        self.connection.pragma_update(None, "synchronous", synchronous)?;
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let Options { clock, log_events_max, log_bytes_max, file_bytes_max, .. } = &self.options;
        let bound = |number: &u64| i64::try_from(*number).unwrap_or(i64::MAX);
        let bounds = Bounds {
            log_events: bound(log_events_max),
            log_bytes: bound(log_bytes_max),
            file_bytes: bound(file_bytes_max),
        };
        let mut change = Change::begin(&transaction, clock.now(), bounds)?;
        let before = change.head.revision;
        let found = f(&mut change)?;
        if let Err(error) =
            check_head(&self.path, (before, self.seen), (&change.head.boot, clock.boot()))
        {
            return Ok(Written::Refused(error));
        }
        let is_news = change.is_news();
        if is_news && promise == Promise::UntilReboot {
            return Ok(Written::NotDurable);
        }
        change.finish()?;
        let revision = change.head.revision;
        transaction.commit()?;
        Ok(Written::Done { found, revision, is_news })
    }

    fn check_usable(&mut self) -> Result<(), Error> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        self.identity.check().map_err(|error| self.fail(error))
    }

    /// Nothing more can be done.
    fn fail(&mut self, error: Error) -> Error {
        tracing::error!(%error, "the control store cannot be used any more");
        self.failed = Some(error.clone());
        error
    }

    fn error(&mut self, error: &rusqlite::Error) -> Error {
        let told = error_of(&self.path, error);
        let is_final = is_failed_sync(error) || matches!(told, Error::Damaged(_));
        if is_final { self.fail(told) } else { told }
    }

    /// Wakes the other processes: touching the file is seen by who watches it. Who misses it sees the change a little later.
    fn ring(&self) {
        let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
        let times = Timestamps { last_access: now, last_modification: now };
        let _ = utimensat(CWD, &self.path, &times, AtFlags::empty());
    }
}

/// Whether this is the file that was opened, by its latest revision and the one seen before, and by the boot it is used in and ours.
fn check_head(
    path: &Path,
    (revision, seen): (Revision, Revision),
    (boot, ours): (&str, &str),
) -> Result<(), Error> {
    let shown = path.display();
    if boot != ours {
        let why = "is used by another machine as well, or by another boot of this one";
        return Err(Error::Damaged(format!("{shown} {why}")));
    }
    if revision < seen {
        let why = "it was replaced while in use; restart everything that uses it";
        return Err(Error::Damaged(format!(
            "{shown} went back from revision {seen} to {revision}: {why}"
        )));
    }
    Ok(())
}
