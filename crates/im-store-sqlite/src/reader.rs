//! The reading side: one connection per reader, statements in full.
//!
//! A read first waits until the applier has put what was committed and may matter into the tables. A question that needs several
//! statements asks them within one transaction, so that its answer is of one moment.

use crate::schema::{from_sql, open_reader, to_sql};
use crate::shared::Shared;
use crate::touched::Scope;
use bytes::Bytes;
use im_store::{
    AccountId, AccountRow, Content, ItemKind, KeptSession, OfflineStanza, Query, QueuedStanza,
    ReadError, Reader, Recovered, Reply, SessionId, StanzaId, codec,
};
use rusqlite::{Connection, OptionalExtension, Row, params};
use std::path::Path;
use std::sync::Arc;
use xmpp::jid::BareJid;

mod archive;

/// A reading side of a [`crate::SqliteStore`].
#[derive(Debug)]
pub struct SqliteReader {
    shared: Arc<Shared>,
    connection: Connection,
}

impl SqliteReader {
    pub(crate) fn open(
        path: &Path,
        cache_kib: u32,
        shared: Arc<Shared>,
    ) -> Result<Self, ReadError> {
        let connection = open_reader(path, cache_kib).map_err(failed)?;
        Ok(Self { shared, connection })
    }
}

impl Reader for SqliteReader {
    fn read(&mut self, query: &Query) -> Result<Reply, ReadError> {
        let before = self.shared.wait_until_readable(Scope::of(query))?;
        let reply = self.answer(query)?;
        if let Reply::Account(Some(row)) = &reply {
            // Only now is it known whose items these are; some may have been on their way.
            let scope = Scope::Account(row.account);
            if self.shared.wait_until_readable([Some(scope), None])? != before {
                return self.answer(query);
            }
        }
        Ok(reply)
    }
}

impl SqliteReader {
    fn answer(&self, query: &Query) -> Result<Reply, ReadError> {
        let transaction = self.connection.unchecked_transaction().map_err(failed)?;
        let reply = answer(&transaction, query)?;
        transaction.commit().map_err(failed)?;
        Ok(reply)
    }
}

pub(crate) fn failed(error: rusqlite::Error) -> ReadError {
    ReadError(crate::schema::explain(&error))
}

fn gone(id: i64) -> ReadError {
    ReadError(format!("stanza {id} is referred to and not there"))
}

fn limit(max: usize) -> i64 {
    i64::try_from(max).unwrap_or(i64::MAX)
}

fn answer(connection: &Connection, query: &Query) -> Result<Reply, ReadError> {
    Ok(match query {
        Query::Account(jid) => Reply::Account(account_at(connection, jid)?),
        Query::Item { account, kind, key } => {
            let sql = "SELECT value FROM item WHERE account = ?1 AND kind = ?2 AND key = ?3";
            let mut statement = connection.prepare_cached(sql).map_err(failed)?;
            let found =
                statement.query_row(params![to_sql(account.0), kind.0, key], |row| bytes(row, 0));
            Reply::Item(found.optional().map_err(failed)?)
        }
        Query::Archive { account, filter, max, from_end, count } => {
            let asked = archive::Page { account: *account, max: *max, from_end: *from_end };
            Reply::Archive(archive::page(connection, filter, &asked, *count)?)
        }
        Query::ArchiveIds { account, ids } => {
            Reply::Archive(archive::by_ids(connection, *account, ids)?)
        }
        Query::Offline { account, after, max } => {
            Reply::Offline(offline(connection, *account, *after, *max)?)
        }
        Query::Queue { session, from_seq, max, bytes_max } => {
            Reply::Queue(queue(connection, (*session, *from_seq), *max, *bytes_max)?)
        }
        Query::Accounts { after, max } => {
            let sql = "SELECT jid FROM account WHERE jid > ?1 ORDER BY jid LIMIT ?2";
            let mut statement = connection.prepare_cached(sql).map_err(failed)?;
            let found = statement.query_map(params![after, limit(*max)], |row| row.get(0));
            let texts: Vec<String> = found.and_then(Iterator::collect).map_err(failed)?;
            let jids = texts.iter().map(|text| address(text));
            Reply::Accounts(jids.collect::<Result<_, _>>()?)
        }
    })
}

fn address(text: &str) -> Result<BareJid, ReadError> {
    BareJid::parse(text).map_err(|error| ReadError(format!("in the tables: {error}")))
}

fn bytes(row: &Row<'_>, column: usize) -> rusqlite::Result<Bytes> {
    Ok(Bytes::copy_from_slice(row.get_ref(column)?.as_blob()?))
}

fn account_at(connection: &Connection, jid: &BareJid) -> Result<Option<AccountRow>, ReadError> {
    let sql = "SELECT id, credentials FROM account WHERE jid = ?1";
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    let found = statement
        .query_row([jid.as_str()], |row| Ok((row.get(0)?, bytes(row, 1)?)))
        .optional()
        .map_err(failed)?;
    let Some((id, credentials)) = found else { return Ok(None) };
    account_row(connection, id, jid.clone(), credentials).map(Some)
}

fn account_row(
    connection: &Connection,
    id: i64,
    jid: BareJid,
    credentials: Bytes,
) -> Result<AccountRow, ReadError> {
    let sql =
        "SELECT kind, key, value FROM item WHERE account = ?1 AND kind < ?2 ORDER BY kind, key";
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    let items = statement
        .query_map(params![id, ItemKind::COLD_FROM], |row| {
            Ok((ItemKind(row.get(0)?), row.get(1)?, bytes(row, 2)?))
        })
        .and_then(Iterator::collect)
        .map_err(failed)?;
    let sql = "SELECT count(*) FROM offline WHERE account = ?1";
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    let offline = statement.query_row([id], |row| row.get(0)).map(from_sql).map_err(failed)?;
    Ok(AccountRow { account: AccountId(from_sql(id)), jid, credentials, items, offline })
}

fn offline(
    connection: &Connection,
    account: AccountId,
    after: StanzaId,
    max: usize,
) -> Result<Vec<OfflineStanza>, ReadError> {
    let sql = "SELECT o.id, coalesce(s.bytes, t.bytes), \
               EXISTS (SELECT 1 FROM archive AS a WHERE a.account = o.account AND a.id = o.id) \
               FROM offline AS o LEFT JOIN stanza AS s ON s.id = o.id LEFT JOIN transit AS t ON t.id = o.id \
               WHERE o.account = ?1 AND o.id > ?2 ORDER BY o.id LIMIT ?3";
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    let mut rows =
        statement.query(params![to_sql(account.0), to_sql(after.0), limit(max)]).map_err(failed)?;
    let mut page = Vec::new();
    while let Some(row) = rows.next().map_err(failed)? {
        let id: i64 = row.get(0).map_err(failed)?;
        let found = row.get_ref(1).map_err(failed)?.as_blob_or_null().map_err(|_| gone(id))?;
        let bytes = Bytes::copy_from_slice(found.ok_or_else(|| gone(id))?);
        let archived = row.get(2).map_err(failed)?;
        page.push(OfflineStanza { id: StanzaId(from_sql(id)), bytes, archived });
    }
    Ok(page)
}

fn queue(
    connection: &Connection,
    (session, from_seq): (SessionId, u64),
    max: usize,
    bytes_max: usize,
) -> Result<Vec<QueuedStanza>, ReadError> {
    let sql = "SELECT q.seq, q.stanza, q.content, coalesce(s.bytes, t.bytes) \
               FROM queue AS q LEFT JOIN stanza AS s ON s.id = q.stanza \
               LEFT JOIN transit AS t ON t.id = q.stanza \
               WHERE q.session = ?1 AND q.seq >= ?2 ORDER BY q.seq LIMIT ?3";
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    let mut rows = statement
        .query(params![to_sql(session.0), to_sql(from_seq), limit(max)])
        .map_err(failed)?;
    let (mut page, mut size) = (Vec::new(), 0);
    while let Some(row) = rows.next().map_err(failed)? {
        let entry = queue_entry(row)?;
        size += entry.bytes.len();
        page.push(entry);
        if size >= bytes_max {
            break;
        }
    }
    Ok(page)
}

fn queue_entry(row: &Row<'_>) -> Result<QueuedStanza, ReadError> {
    let seq = row.get(0).map(from_sql).map_err(failed)?;
    let stanza: Option<i64> = row.get(1).map_err(failed)?;
    let content = bytes(row, 2).map_err(failed)?;
    let Some(id) = stanza else {
        return Ok(QueuedStanza { seq, content: Content::Own(content.clone()), bytes: content });
    };
    let found = row.get_ref(3).map_err(failed)?.as_blob_or_null().map_err(|_| gone(id))?;
    let bytes = Bytes::copy_from_slice(found.ok_or_else(|| gone(id))?);
    let render = codec::decode_render(&content)
        .map_err(|error| ReadError(format!("queue entry {seq}: {error}; restore a backup")))?;
    Ok(QueuedStanza { seq, content: Content::Stored(StanzaId(from_sql(id)), render), bytes })
}

/// What an instance finds. Looks at sessions and their accounts, never at all accounts.
pub(crate) fn recovered(connection: &Connection) -> Result<Recovered, ReadError> {
    let meta = crate::schema::Meta::read(connection).map_err(failed)?;
    let sql = "SELECT s.id, s.account, s.state, c.bytes, \
               (SELECT min(seq) FROM queue WHERE session = s.id), \
               (SELECT max(seq) FROM queue WHERE session = s.id) \
               FROM session AS s LEFT JOIN counters AS c ON c.session = s.id ORDER BY s.id";
    let mut statement = connection.prepare(sql).map_err(failed)?;
    let sessions =
        statement.query_map([], kept_session).and_then(Iterator::collect).map_err(failed)?;
    let sql = "SELECT id, jid, credentials FROM account \
               WHERE id IN (SELECT account FROM session) ORDER BY id";
    let mut statement = connection.prepare(sql).map_err(failed)?;
    let mut rows = statement.query([]).map_err(failed)?;
    let mut accounts = Vec::new();
    while let Some(row) = rows.next().map_err(failed)? {
        let id: i64 = row.get(0).map_err(failed)?;
        let text: String = row.get(1).map_err(failed)?;
        let credentials = bytes(row, 2).map_err(failed)?;
        accounts.push(account_row(connection, id, address(&text)?, credentials)?);
    }
    Ok(Recovered {
        sessions,
        accounts,
        last_account: meta.last_account,
        last_session: meta.last_session,
        last_stanza: meta.last_stanza,
    })
}

fn kept_session(row: &Row<'_>) -> rusqlite::Result<KeptSession> {
    let counters = row.get_ref(3)?.as_blob_or_null()?.unwrap_or_default();
    let first: Option<i64> = row.get(4)?;
    let last: Option<i64> = row.get(5)?;
    Ok(KeptSession {
        session: SessionId(from_sql(row.get(0)?)),
        account: AccountId(from_sql(row.get(1)?)),
        state: bytes(row, 2)?,
        counters: Bytes::copy_from_slice(counters),
        queue: first.zip(last).map(|(first, last)| (from_sql(first), from_sql(last))),
    })
}
