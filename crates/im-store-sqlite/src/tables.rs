//! What the writing connection does: executes plans, removes accounts, collects stanzas nobody refers to.
//!
//! One group of batches is one transaction, together with the number of its last log record, conditional on the epoch:
//! an instance that was fenced can no longer change the tables. Every insert replaces, so that no content of a batch
//! can make a transaction fail for ever.

use crate::plan::{ArchiveRow, Barrier, ById, Offline, Plan, Session};
use crate::schema::{Meta, explain, from_sql, to_sql};
use im_store::codec::{self, ContentRef, Malformed};
use rusqlite::{Connection, ErrorCode, Transaction, TransactionBehavior, params};
use std::mem;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Why a group was not applied. Nothing of it was.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApplyError {
    /// It may work later.
    #[error("{0}")]
    Later(String),
    /// A newer instance owns the tables.
    #[error("a newer instance owns the tables")]
    Fenced,
    /// It will never work.
    #[error("{0}")]
    Never(String),
}

impl From<rusqlite::Error> for ApplyError {
    fn from(error: rusqlite::Error) -> Self {
        use ErrorCode as Code;
        match error.sqlite_error_code() {
            Some(
                Code::DiskFull
                | Code::SystemIoFailure
                | Code::DatabaseBusy
                | Code::DatabaseLocked
                | Code::CannotOpen
                | Code::OutOfMemory,
            ) => Self::Later(explain(&error)),
            _ => Self::Never(explain(&error)),
        }
    }
}

impl From<Malformed> for ApplyError {
    fn from(error: Malformed) -> Self {
        Self::Never(error.to_string())
    }
}

#[derive(Debug)]
pub(crate) struct Tables {
    epoch: u64,
    /// Sessions with rows in `queue`, and the last of them.
    queued: ById<u64>,
    wal_pages: Arc<AtomicUsize>,
}

impl Tables {
    /// Takes over the tables for this epoch; older instances can change nothing from now on.
    pub(crate) fn claim(connection: &mut Connection, epoch: u64) -> Result<Self, ApplyError> {
        let sql = "UPDATE meta SET epoch = ?1 WHERE epoch < ?1";
        if connection.execute(sql, [to_sql(epoch)])? != 1 {
            return Err(ApplyError::Fenced);
        }
        let wal_pages = Arc::new(AtomicUsize::new(0));
        let pages = Arc::clone(&wal_pages);
        connection.wal_hook(Some(move |_: &mut _, count: std::ffi::c_int| {
            pages.store(usize::try_from(count).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        }))?;
        let mut tables = Self { epoch, queued: ById::default(), wal_pages };
        tables.look_at_queues(connection)?;
        Ok(tables)
    }

    /// From now on this epoch's log counts, beginning after this record.
    pub(crate) fn begin_log(
        &self,
        connection: &Connection,
        applied: u64,
    ) -> Result<(), ApplyError> {
        let sql = "UPDATE meta SET log_epoch = ?1, applied = max(applied, ?2) WHERE epoch = ?1";
        match connection.execute(sql, [to_sql(self.epoch), to_sql(applied)])? {
            1 => Ok(()),
            _ => Err(ApplyError::Fenced),
        }
    }

    /// One seek per session with a queue, however long the queues are.
    fn look_at_queues(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        self.queued.clear();
        let sql = "SELECT session, (SELECT max(seq) FROM queue AS q WHERE q.session = p.session) \
                   FROM queue AS p WHERE session > ?1 ORDER BY session LIMIT 1";
        let mut next = connection.prepare_cached(sql)?;
        let mut before = -1_i64;
        loop {
            let mut rows = next.query([before])?;
            let Some(row) = rows.next()? else { return Ok(()) };
            before = row.get(0)?;
            self.queued.insert(from_sql(before), from_sql(row.get(1)?));
        }
    }

    /// Pages in the write-ahead log after the last transaction.
    pub(crate) fn wal_pages(&self) -> usize {
        self.wal_pages.load(Ordering::Relaxed)
    }

    /// Applies encoded batches, the last of which is record `lsn`.
    pub(crate) fn apply<'a>(
        &mut self,
        connection: &Connection,
        payloads: impl Iterator<Item = &'a [u8]>,
        lsn: u64,
    ) -> Result<(), ApplyError> {
        let applied = self.try_apply(connection, payloads, lsn);
        if applied.is_err() {
            // Rolled back: what is remembered of the queues may be ahead of the tables.
            self.look_at_queues(connection)?;
        }
        applied
    }

    fn try_apply<'a>(
        &mut self,
        connection: &Connection,
        payloads: impl Iterator<Item = &'a [u8]>,
        lsn: u64,
    ) -> Result<(), ApplyError> {
        let behavior = TransactionBehavior::Immediate;
        let transaction = Transaction::new_unchecked(connection, behavior)?;
        let mut run = Run {
            connection: &transaction,
            queued: &mut self.queued,
            released: Vec::new(),
            last: Meta::default(),
        };
        let mut plan = Plan::default();
        for payload in payloads {
            for write in codec::writes(payload)? {
                let write = write?;
                while let Err(barrier) = plan.take(write) {
                    run.execute(mem::take(&mut plan), false)?;
                    if let Barrier::RemoveAccount(account) = barrier {
                        run.remove_account(to_sql(account))?;
                        break;
                    }
                }
            }
        }
        run.execute(plan, true)?;
        run.collect()?;
        let last = run.last;
        let sql = "UPDATE meta SET applied = ?2, last_account = max(last_account, ?3), \
                   last_session = max(last_session, ?4), last_stanza = max(last_stanza, ?5) \
                   WHERE epoch = ?1";
        let changed = transaction.prepare_cached(sql)?.execute(params![
            to_sql(self.epoch),
            to_sql(lsn),
            to_sql(last.last_account),
            to_sql(last.last_session),
            to_sql(last.last_stanza),
        ])?;
        if changed != 1 {
            return Err(ApplyError::Fenced);
        }
        transaction.commit()?;
        Ok(())
    }

    /// Copies the write-ahead log into the database and syncs both. Whether everything was copied: then every
    /// transaction so far is durable.
    pub(crate) fn checkpoint(
        &self,
        connection: &Connection,
        mode: CheckpointMode,
    ) -> Result<bool, ApplyError> {
        let sql = match mode {
            CheckpointMode::Passive => "PRAGMA wal_checkpoint(PASSIVE)",
            CheckpointMode::Truncate => "PRAGMA wal_checkpoint(TRUNCATE)",
        };
        let (busy, log, copied): (i64, i64, i64) =
            connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
        let whole = busy == 0 && log == copied;
        if whole {
            self.wal_pages.store(0, Ordering::Relaxed);
        }
        Ok(whole)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CheckpointMode {
    /// Waits for nobody.
    Passive,
    /// Waits for readers and leaves an empty write-ahead log.
    Truncate,
}

/// One transaction under way.
struct Run<'c> {
    connection: &'c Connection,
    queued: &'c mut ById<u64>,
    /// Stanzas that lost an entry and may be nobody's now.
    released: Vec<i64>,
    last: Meta,
}

impl Run<'_> {
    /// `whole`: the plan ends with a batch. Within a batch a stanza without entries may still get one.
    fn execute(&mut self, mut plan: Plan<'_>, whole: bool) -> rusqlite::Result<()> {
        self.last.last_account = self.last.last_account.max(plan.last_account);
        self.last.last_session = self.last.last_session.max(plan.last_session);
        self.last.last_stanza = self.last.last_stanza.max(plan.last_stanza);
        self.put_accounts(&plan)?;
        self.put_items(&plan)?;
        let mut sessions: Vec<_> = mem::take(&mut plan.sessions).into_iter().collect();
        sessions.sort_unstable_by_key(|(id, _)| *id);
        self.remove_sessions(&sessions)?;
        self.put_stanzas(&plan, whole)?;
        self.put_archive(&mut plan)?;
        self.change_offline(&plan.offline)?;
        self.put_sessions(&sessions)?;
        self.put_queues(&sessions)?;
        self.released.extend(plan.released.iter().copied().map(to_sql));
        Ok(())
    }

    fn put_accounts(&self, plan: &Plan<'_>) -> rusqlite::Result<()> {
        let sql = "INSERT OR REPLACE INTO account (id, jid, credentials) VALUES (?1, ?2, ?3)";
        let mut put = self.connection.prepare_cached(sql)?;
        for (id, jid, credentials) in &plan.accounts {
            put.execute(params![to_sql(*id), jid, credentials])?;
        }
        Ok(())
    }

    fn put_items(&self, plan: &Plan<'_>) -> rusqlite::Result<()> {
        let sql = "INSERT OR REPLACE INTO item (account, kind, key, value) VALUES (?1, ?2, ?3, ?4)";
        let mut put = self.connection.prepare_cached(sql)?;
        let sql = "DELETE FROM item WHERE account = ?1 AND kind = ?2 AND key = ?3";
        let mut remove = self.connection.prepare_cached(sql)?;
        for ((account, kind, key), value) in &plan.items {
            match value {
                Some(value) => put.execute(params![to_sql(*account), kind, key, value])?,
                None => remove.execute(params![to_sql(*account), kind, key])?,
            };
        }
        Ok(())
    }

    fn remove_sessions(&mut self, sessions: &[(u64, Session<'_>)]) -> rusqlite::Result<()> {
        for (id, session) in sessions {
            self.trim_queue(*id, session.trim)?;
            if session.remove {
                self.remove_session(to_sql(*id))?;
            }
        }
        Ok(())
    }

    fn remove_session(&self, id: i64) -> rusqlite::Result<()> {
        self.connection.prepare_cached("DELETE FROM session WHERE id = ?1")?.execute([id])?;
        self.connection.prepare_cached("DELETE FROM counters WHERE session = ?1")?.execute([id])?;
        Ok(())
    }

    fn trim_queue(&mut self, session: u64, up_to: u64) -> rusqlite::Result<()> {
        // Most queues are empty in the tables: what comes and goes within a group never reaches them.
        let Some(&last) = self.queued.get(&session).filter(|_| up_to > 0) else { return Ok(()) };
        let sql = "DELETE FROM queue WHERE session = ?1 AND seq <= ?2 RETURNING stanza";
        let mut remove = self.connection.prepare_cached(sql)?;
        let mut rows = remove.query([to_sql(session), to_sql(up_to)])?;
        while let Some(row) = rows.next()? {
            self.released.extend(row.get::<_, Option<i64>>(0)?);
        }
        if up_to >= last {
            self.queued.remove(&session);
        }
        Ok(())
    }

    fn put_stanzas(&mut self, plan: &Plan<'_>, whole: bool) -> rusqlite::Result<()> {
        let sql = "INSERT OR REPLACE INTO stanza (id, bytes) VALUES (?1, ?2)";
        let mut archived = self.connection.prepare_cached(sql)?;
        let sql = "INSERT OR REPLACE INTO transit (id, bytes) VALUES (?1, ?2)";
        let mut transit = self.connection.prepare_cached(sql)?;
        for stanza in &plan.stanzas {
            let id = to_sql(stanza.id);
            if stanza.archived {
                archived.execute(params![id, stanza.bytes])?;
            } else if !stanza.is_gone() {
                transit.execute(params![id, stanza.bytes])?;
            } else if !whole {
                transit.execute(params![id, stanza.bytes])?;
                self.released.push(id);
            }
        }
        Ok(())
    }

    fn put_archive(&self, plan: &mut Plan<'_>) -> rusqlite::Result<()> {
        for id in plan.archived_later.iter().copied().map(to_sql) {
            let sql = "INSERT OR IGNORE INTO stanza SELECT id, bytes FROM transit WHERE id = ?1";
            self.connection.prepare_cached(sql)?.execute([id])?;
            self.connection.prepare_cached("DELETE FROM transit WHERE id = ?1")?.execute([id])?;
        }
        let sql =
            "INSERT OR REPLACE INTO archive (account, id, peer, resource) VALUES (?1, ?2, ?3, ?4)";
        let mut put = self.connection.prepare_cached(sql)?;
        plan.archive.sort_by_key(|row| (row.account, row.id));
        for ArchiveRow { account, id, peer, resource } in &plan.archive {
            put.execute(params![to_sql(*account), to_sql(*id), peer, resource])?;
        }
        Ok(())
    }

    fn change_offline(
        &mut self,
        changes: &std::collections::BTreeMap<u64, Offline>,
    ) -> rusqlite::Result<()> {
        let sql = "DELETE FROM offline WHERE account = ?1 AND id <= ?2 RETURNING id";
        let mut remove = self.connection.prepare_cached(sql)?;
        let sql = "INSERT OR IGNORE INTO offline (account, id) VALUES (?1, ?2)";
        let mut put = self.connection.prepare_cached(sql)?;
        for (account, offline) in changes {
            if offline.trim > 0 {
                let mut rows = remove.query([to_sql(*account), to_sql(offline.trim)])?;
                while let Some(row) = rows.next()? {
                    self.released.push(row.get(0)?);
                }
            }
            for id in &offline.ids {
                put.execute([to_sql(*account), to_sql(*id)])?;
            }
        }
        Ok(())
    }

    fn put_sessions(&self, sessions: &[(u64, Session<'_>)]) -> rusqlite::Result<()> {
        let sql = "INSERT OR REPLACE INTO session (id, account, state) VALUES (?1, ?2, ?3)";
        let mut put = self.connection.prepare_cached(sql)?;
        let sql = "INSERT OR REPLACE INTO counters (session, bytes) VALUES (?1, ?2)";
        let mut count = self.connection.prepare_cached(sql)?;
        for (id, session) in sessions {
            if let Some((account, state)) = session.put {
                put.execute(params![to_sql(*id), to_sql(account), state])?;
            }
            // Counters of a session that is no more are nobody's.
            if let Some(counters) = session.counters
                && (!session.remove || session.put.is_some())
            {
                count.execute(params![to_sql(*id), counters])?;
            }
        }
        Ok(())
    }

    fn put_queues(&mut self, sessions: &[(u64, Session<'_>)]) -> rusqlite::Result<()> {
        let sql =
            "INSERT OR REPLACE INTO queue (session, seq, stanza, content) VALUES (?1, ?2, ?3, ?4)";
        let mut put = self.connection.prepare_cached(sql)?;
        for (id, session) in sessions {
            for (seq, content) in &session.queue {
                let (stanza, content) = match content {
                    ContentRef::Own(bytes) => (None, *bytes),
                    ContentRef::Stored(stanza, render) => (Some(to_sql(stanza.0)), *render),
                };
                put.execute(params![to_sql(*id), to_sql(*seq), stanza, content])?;
            }
            if let Some((last, _)) = session.queue.back() {
                self.queued.insert(*id, *last);
            }
        }
        Ok(())
    }

    fn remove_account(&mut self, account: i64) -> rusqlite::Result<()> {
        for sql in [
            "DELETE FROM account WHERE id = ?1",
            "DELETE FROM item WHERE account = ?1",
            "DELETE FROM archive WHERE account = ?1",
        ] {
            self.connection.prepare_cached(sql)?.execute([account])?;
        }
        let sql = "DELETE FROM offline WHERE account = ?1 RETURNING id";
        let released: Vec<i64> = self.ids(sql, account)?;
        self.released.extend(released);
        for session in self.ids("SELECT id FROM session WHERE account = ?1", account)? {
            self.trim_queue(from_sql(session), u64::MAX)?;
            self.remove_session(session)?;
        }
        Ok(())
    }

    fn ids(&self, sql: &str, account: i64) -> rusqlite::Result<Vec<i64>> {
        let mut statement = self.connection.prepare_cached(sql)?;
        let ids = statement.query_map([account], |row| row.get(0))?;
        ids.collect()
    }

    /// Removes the stanzas among the released that nothing refers to. One in an archive is not in `transit`.
    fn collect(&mut self) -> rusqlite::Result<()> {
        let sql = "DELETE FROM transit WHERE id = ?1 \
                   AND NOT EXISTS (SELECT 1 FROM queue WHERE stanza = ?1) \
                   AND NOT EXISTS (SELECT 1 FROM offline WHERE id = ?1)";
        let mut remove = self.connection.prepare_cached(sql)?;
        self.released.sort_unstable();
        self.released.dedup();
        for id in mem::take(&mut self.released) {
            remove.execute([id])?;
        }
        Ok(())
    }
}
