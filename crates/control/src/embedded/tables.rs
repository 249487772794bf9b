//! The statements, in full, and what they mean in the terms of the port.
//!
//! Everything here runs inside a transaction that somebody else began. Nothing here knows processes or threads.

use crate::lease::granted_ttl;
use crate::{Entry, Error, Event, Granted, Guard, LeaseId, Op, Range, Revision, Txn, TxnOutcome};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use std::time::Duration;

type Sql<T> = rusqlite::Result<T>;

/// Changes given to a watch at once, and their bytes; a revision is never split.
const BATCH_EVENTS: usize = 1000;
const BATCH_BYTES: usize = 4 * 1024 * 1024;

/// The row of `meta`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) revision: Revision,
    pub(super) oldest: Revision,
    last_lease: i64,
    log_events: i64,
    log_bytes: i64,
    pub(super) boot: String,
}

/// Bounds of the log and of the whole file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) log_events: i64,
    pub(super) log_bytes: i64,
    pub(super) file_bytes: i64,
}

impl Head {
    pub(super) fn read(db: &Connection) -> Sql<Self> {
        let mut read = db.prepare_cached(
            "SELECT revision, oldest, last_lease, log_events, log_bytes, boot FROM meta WHERE one = 1",
        )?;
        read.query_row([], |row| {
            Ok(Self {
                revision: row.get(0)?,
                oldest: row.get(1)?,
                last_lease: row.get(2)?,
                log_events: row.get(3)?,
                log_bytes: row.get(4)?,
                boot: row.get(5)?,
            })
        })
    }

    fn write(&self, db: &Connection) -> Sql<()> {
        let mut write = db.prepare_cached(
            "UPDATE meta SET revision = ?1, oldest = ?2, last_lease = ?3, log_events = ?4, log_bytes = ?5, boot = ?6
             WHERE one = 1",
        )?;
        let Self { revision, oldest, last_lease, log_events, log_bytes, boot } = self;
        write.execute(params![revision, oldest, last_lease, log_events, log_bytes, boot])?;
        Ok(())
    }
}

/// When the next lease ends.
pub(super) fn next_end(db: &Connection) -> Sql<Option<Duration>> {
    let mut read = db.prepare_cached("SELECT min(ends_ns) FROM lease")?;
    let nanos: Option<i64> = read.query_row([], |row| row.get(0))?;
    Ok(nanos.map(duration))
}

pub(super) fn count_leases(db: &Connection) -> Sql<i64> {
    db.query_row("SELECT count(*) FROM lease", [], |row| row.get(0))
}

/// Everything under a prefix. An upper bound would have to be a string, and for some prefixes there is none: so the end is seen here.
pub(super) fn range(db: &Connection, head: &Head, prefix: &str) -> Sql<Range> {
    let mut read = db.prepare_cached(
        "SELECT key, value, create_revision, mod_revision, lease FROM entry WHERE key >= ?1 ORDER BY key",
    )?;
    let mut rows = read.query([prefix])?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        let entry = entry_of(row)?;
        if !entry.key.starts_with(prefix) {
            break;
        }
        entries.push(entry);
    }
    Ok(Range { revision: head.revision, entries })
}

fn entry_of(row: &Row<'_>) -> Sql<Entry> {
    Ok(Entry {
        key: row.get(0)?,
        value: row.get(1)?,
        create_revision: row.get(2)?,
        mod_revision: row.get(3)?,
        lease: row.get::<_, Option<i64>>(4)?.map(LeaseId),
    })
}

/// What happened under a prefix since (and at) a revision, up to the revision given back.
pub(super) fn events(
    db: &Connection,
    head: &Head,
    prefix: &str,
    from: Revision,
) -> Sql<Result<(Revision, Vec<Event>), Error>> {
    if from < head.oldest {
        return Ok(Err(Error::Compacted { asked: from, oldest: head.oldest }));
    }
    let mut read = db.prepare_cached(
        "SELECT key, value, create_revision, revision, lease FROM event WHERE revision >= ?1
         ORDER BY revision, id",
    )?;
    let mut rows = read.query([from])?;
    let (mut events, mut bytes): (Vec<Event>, usize) = (Vec::new(), 0);
    while let Some(row) = rows.next()? {
        // What is not wanted is not read: values may be long.
        if !row.get_ref(0)?.as_str()?.starts_with(prefix) {
            continue;
        }
        let revision: Revision = row.get(3)?;
        let last = events.last().map_or(revision, Event::revision);
        if last != revision && (events.len() >= BATCH_EVENTS || bytes >= BATCH_BYTES) {
            return Ok(Ok((last, events)));
        }
        let event = match row.get_ref(1)? {
            rusqlite::types::ValueRef::Null => Event::Deleted { key: row.get(0)?, revision },
            _ => Event::Put(entry_of(row)?),
        };
        bytes += bytes_of(&event);
        events.push(event);
    }
    Ok(Ok((head.revision, events)))
}

fn bytes_of(event: &Event) -> usize {
    match event {
        Event::Put(entry) => entry.key.len() + entry.value.len(),
        Event::Deleted { key, .. } => key.len(),
    }
}

/// A transaction that changes things. Nothing is kept unless [`Self::finish`] is called and what is around it commits.
pub(super) struct Change<'a> {
    db: &'a Connection,
    before: Head,
    pub(super) head: Head,
    /// Time since boot, read after all other writers were locked out.
    pub(super) now: Duration,
    bounds: Bounds,
    /// The next lease may end sooner than other processes know.
    pub(super) granted: bool,
}

impl<'a> Change<'a> {
    pub(super) fn begin(db: &'a Connection, now: Duration, bounds: Bounds) -> Sql<Self> {
        let head = Head::read(db)?;
        Ok(Self { db, before: head.clone(), head, now, bounds, granted: false })
    }

    /// Whether there is anything for other processes to see.
    pub(super) fn is_news(&self) -> bool {
        self.granted || self.head.revision != self.before.revision
    }

    pub(super) fn finish(&mut self) -> Sql<()> {
        if self.head.revision != self.before.revision {
            self.trim_log()?;
        }
        if self.head != self.before { self.head.write(self.db) } else { Ok(()) }
    }

    /// Ends the leases that are due.
    pub(super) fn end_due(&mut self) -> Sql<()> {
        let mut read = self
            .db
            .prepare_cached("SELECT id FROM lease WHERE ends_ns <= ?1 ORDER BY ends_ns, id")?;
        let due: Vec<i64> =
            read.query_map([nanos(self.now)], |row| row.get(0))?.collect::<Sql<_>>()?;
        for id in due {
            self.end(LeaseId(id))?;
        }
        Ok(())
    }

    /// The machine has booted since: nobody can hold a lease any more.
    pub(super) fn begin_boot(&mut self, boot: &str) -> Sql<()> {
        let mut read = self.db.prepare_cached("SELECT id FROM lease ORDER BY id")?;
        let all: Vec<i64> = read.query_map([], |row| row.get(0))?.collect::<Sql<_>>()?;
        for id in all {
            self.end(LeaseId(id))?;
        }
        boot.clone_into(&mut self.head.boot);
        Ok(())
    }

    /// Ends a lease, in a revision of its own if it has keys.
    pub(super) fn end(&mut self, id: LeaseId) -> Sql<()> {
        self.db.prepare_cached("DELETE FROM lease WHERE id = ?1")?.execute([id.0])?;
        let mut read =
            self.db.prepare_cached("SELECT key FROM entry WHERE lease = ?1 ORDER BY key")?;
        let keys: Vec<String> = read.query_map([id.0], |row| row.get(0))?.collect::<Sql<_>>()?;
        if keys.is_empty() {
            return Ok(());
        }
        self.db.prepare_cached("DELETE FROM entry WHERE lease = ?1")?.execute([id.0])?;
        self.head.revision += 1;
        let revision = self.head.revision;
        for key in keys {
            self.log(&Event::Deleted { key, revision })?;
        }
        Ok(())
    }

    pub(super) fn grant(&mut self, ttl: Duration, min: Duration) -> Sql<Result<Granted, Error>> {
        let ttl = match granted_ttl(ttl, Duration::from_millis(1), min) {
            Ok(ttl) => ttl,
            Err(error) => return Ok(Err(error)),
        };
        self.head.last_lease += 1;
        let id = self.head.last_lease;
        self.db
            .prepare_cached("INSERT INTO lease (id, ttl_ns, ends_ns) VALUES (?1, ?2, ?3)")?
            .execute(params![id, nanos(ttl), nanos(self.now + ttl)])?;
        self.granted = true;
        Ok(Ok(Granted { id: LeaseId(id), ttl }))
    }

    pub(super) fn keep_alive(&mut self, id: LeaseId) -> Sql<Result<Granted, Error>> {
        let mut renew = self.db.prepare_cached(
            "UPDATE lease SET ends_ns = ?2 + ttl_ns WHERE id = ?1 RETURNING ttl_ns",
        )?;
        let ttl: Option<i64> =
            renew.query_row(params![id.0, nanos(self.now)], |row| row.get(0)).optional()?;
        let granted = |ttl| Granted { id, ttl: duration(ttl) };
        Ok(ttl.map(granted).ok_or(Error::LeaseGone))
    }

    /// All or nothing; everything that may be refused is looked at before anything is changed.
    pub(super) fn txn(&mut self, txn: &Txn) -> Sql<Result<TxnOutcome, Error>> {
        for guard in &txn.guards {
            if !self.holds(guard)? {
                return Ok(Ok(TxnOutcome::Refused(self.head.revision)));
            }
        }
        for op in &txn.ops {
            if let Op::Put { lease: Some(lease), .. } = op
                && !self.is_alive(*lease)?
            {
                return Ok(Err(Error::LeaseGone));
            }
        }
        let puts = txn.ops.iter().any(|op| matches!(op, Op::Put { .. }));
        if puts && self.used_bytes()? > self.bounds.file_bytes {
            let max = self.bounds.file_bytes;
            let why = format!("it is full ({max} bytes); delete what is no longer needed");
            return Ok(Err(Error::Unavailable(why)));
        }
        let next = self.head.revision + 1;
        for op in &txn.ops {
            match op {
                Op::Put { key, value, lease } => self.put(key, value, *lease, next)?,
                Op::Delete { key } => self.delete(key, next)?,
            }
        }
        Ok(Ok(TxnOutcome::Committed(self.head.revision)))
    }

    fn holds(&self, guard: &Guard) -> Sql<bool> {
        let found = self.revisions(guard.key())?;
        Ok(match guard {
            Guard::Absent(_) => found.is_none(),
            Guard::CreatedAt(_, at) => found.is_some_and(|(created, _)| created == *at),
            Guard::ChangedAt(_, at) => found.is_some_and(|(_, changed)| changed == *at),
        })
    }

    /// Of the file. The limit is for what is put: leases end and keys are deleted also when it is reached.
    fn used_bytes(&self) -> Sql<i64> {
        let number = |name| self.db.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        let pages = number("page_count")? - number("freelist_count")?;
        Ok(pages.saturating_mul(number("page_size")?))
    }

    fn is_alive(&self, lease: LeaseId) -> Sql<bool> {
        self.db.prepare_cached("SELECT 1 FROM lease WHERE id = ?1")?.exists([lease.0])
    }

    /// Revisions of creation and last change of a key.
    fn revisions(&self, key: &str) -> Sql<Option<(Revision, Revision)>> {
        let mut read = self
            .db
            .prepare_cached("SELECT create_revision, mod_revision FROM entry WHERE key = ?1")?;
        read.query_row([key], |row| Ok((row.get(0)?, row.get(1)?))).optional()
    }

    fn put(&mut self, key: &str, value: &[u8], lease: Option<LeaseId>, at: Revision) -> Sql<()> {
        let create_revision = self.revisions(key)?.map_or(at, |(created, _)| created);
        self.db
            .prepare_cached(
                "INSERT INTO entry (key, value, create_revision, mod_revision, lease)
                 VALUES (?1, ?2, ?3, ?4, ?5)
                 ON CONFLICT (key) DO UPDATE SET
                    value = excluded.value, mod_revision = excluded.mod_revision, lease = excluded.lease",
            )?
            .execute(params![key, value, create_revision, at, lease.map(|id| id.0)])?;
        self.head.revision = at;
        let (key, value) = (key.to_owned(), value.to_owned());
        self.log(&Event::Put(Entry { key, value, create_revision, mod_revision: at, lease }))
    }

    fn delete(&mut self, key: &str, at: Revision) -> Sql<()> {
        let count = self.db.prepare_cached("DELETE FROM entry WHERE key = ?1")?.execute([key])?;
        if count == 0 {
            return Ok(());
        }
        self.head.revision = at;
        self.log(&Event::Deleted { key: key.to_owned(), revision: at })
    }

    fn log(&mut self, event: &Event) -> Sql<()> {
        let (value, created, lease) = match event {
            Event::Put(entry) => (Some(&entry.value), entry.create_revision, entry.lease),
            Event::Deleted { .. } => (None, 0, None),
        };
        self.db
            .prepare_cached(
                "INSERT INTO event (revision, key, value, create_revision, lease) VALUES (?1, ?2, ?3, ?4, ?5)",
            )?
            .execute(params![event.revision(), event.key(), value, created, lease.map(|id| id.0)])?;
        self.head.log_events += 1;
        self.head.log_bytes += bytes_of(event) as i64;
        Ok(())
    }

    /// Forgets the oldest revisions while there is more than the bounds allow.
    fn trim_log(&mut self) -> Sql<()> {
        while self.head.log_events > self.bounds.log_events
            || self.head.log_bytes > self.bounds.log_bytes
        {
            let oldest: Option<Revision> = self
                .db
                .prepare_cached("SELECT min(revision) FROM event")?
                .query_row([], |row| row.get(0))?;
            match oldest {
                Some(oldest) if oldest < self.head.revision => self.forget_before(oldest + 1)?,
                _ => return Ok(()),
            }
        }
        Ok(())
    }

    /// Forgets what happened before a revision.
    pub(super) fn forget_before(&mut self, revision: Revision) -> Sql<()> {
        let (events, bytes): (i64, i64) = self
            .db
            .prepare_cached(
                "SELECT count(*), coalesce(sum(octet_length(key) + coalesce(length(value), 0)), 0)
                 FROM event WHERE revision < ?1",
            )?
            .query_row([revision], |row| Ok((row.get(0)?, row.get(1)?)))?;
        self.db.prepare_cached("DELETE FROM event WHERE revision < ?1")?.execute([revision])?;
        self.head.log_events = (self.head.log_events - events).max(0);
        self.head.log_bytes = (self.head.log_bytes - bytes).max(0);
        self.head.oldest = self.head.oldest.max(revision);
        Ok(())
    }
}

fn nanos(time: Duration) -> i64 {
    i64::try_from(time.as_nanos()).unwrap_or(i64::MAX)
}

/// Never negative in the file; if it were, the lease would be over.
fn duration(nanos: i64) -> Duration {
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
}
