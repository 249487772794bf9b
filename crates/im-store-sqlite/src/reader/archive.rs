//! Pages of an archive.
//!
//! The text of the statement depends on which filters are given, never on their values; there are few shapes, and each
//! stays prepared.

use super::{failed, gone, limit};
use crate::schema::{from_sql, to_sql};
use bytes::Bytes;
use im_store::{AccountId, ArchiveFilter, ArchivePage, ArchivedStanza, Query, ReadError, StanzaId};
use rusqlite::types::Value;
use rusqlite::{Connection, params, params_from_iter};

/// The part of a query beside the filter.
pub(super) struct Page {
    pub(super) account: AccountId,
    pub(super) max: usize,
    pub(super) from_end: bool,
}

/// A `WHERE` clause and its values.
#[derive(Clone)]
struct Clause {
    sql: String,
    values: Vec<Value>,
}

impl Clause {
    /// What a filter says without `after` and `before`.
    fn of(account: AccountId, filter: &ArchiveFilter) -> Self {
        let mut clause = Self { sql: "a.account = ?".into(), values: vec![number(account.0)] };
        if let Some(start) = filter.start_us {
            clause.and("a.id >= ?", number(start));
        }
        if let Some(end) = filter.end_us {
            clause.and("a.id <= ?", number(end));
        }
        if let Some(with) = &filter.with {
            clause.and("a.peer = ?", Value::Text(with.as_str().into()));
        }
        if let Some(resource) = &filter.with_resource {
            clause.and("a.resource = ?", Value::Text(resource.to_string()));
        }
        clause
    }

    fn and(&mut self, condition: &str, value: Value) {
        self.sql.push_str(" AND ");
        self.sql.push_str(condition);
        self.values.push(value);
    }

    fn count(&self, connection: &Connection) -> Result<u64, ReadError> {
        let sql = format!("SELECT count(*) FROM archive AS a WHERE {}", self.sql);
        let mut statement = connection.prepare_cached(&sql).map_err(failed)?;
        let count = statement.query_row(params_from_iter(&self.values), |row| row.get(0));
        count.map(from_sql).map_err(failed)
    }
}

fn number(value: u64) -> Value {
    Value::Integer(to_sql(value))
}

fn holds(connection: &Connection, account: AccountId, id: StanzaId) -> Result<bool, ReadError> {
    let sql = "SELECT 1 FROM archive WHERE account = ?1 AND id = ?2";
    let mut statement = connection.prepare_cached(sql).map_err(failed)?;
    statement.exists(params![to_sql(account.0), to_sql(id.0)]).map_err(failed)
}

pub(super) fn page(
    connection: &Connection,
    filter: &ArchiveFilter,
    asked: &Page,
    count: bool,
) -> Result<ArchivePage, ReadError> {
    for bound in [filter.after, filter.before].into_iter().flatten() {
        if !holds(connection, asked.account, bound)? {
            return Ok(ArchivePage { missing: Some(bound), ..ArchivePage::default() });
        }
    }
    let matching = Clause::of(asked.account, filter);
    let mut found = stanzas(connection, matching.clone(), filter, asked)?;
    if count {
        found.total = Some(matching.count(connection)?);
        if let Some(first) = found.stanzas.first() {
            let mut earlier = matching;
            earlier.and("a.id < ?", number(first.id.0));
            found.first_index = Some(earlier.count(connection)?);
        }
    }
    Ok(found)
}

/// The stanzas of the page, and whether there are no more.
fn stanzas(
    connection: &Connection,
    mut range: Clause,
    filter: &ArchiveFilter,
    asked: &Page,
) -> Result<ArchivePage, ReadError> {
    if let Some(after) = filter.after {
        range.and("a.id > ?", number(after.0));
    }
    if let Some(before) = filter.before {
        range.and("a.id < ?", number(before.0));
    }
    range.values.push(Value::Integer(limit(asked.max.saturating_add(1))));
    let direction = if asked.from_end { "DESC" } else { "ASC" };
    // One row more than asked tells whether there are more; its stanza is never looked at.
    let sql = format!(
        "SELECT a.id FROM archive AS a WHERE {} ORDER BY a.id {direction} LIMIT ?",
        range.sql
    );
    let mut statement = connection.prepare_cached(&sql).map_err(failed)?;
    let rows = statement.query_map(params_from_iter(&range.values), |row| row.get(0));
    let mut ids: Vec<i64> = rows.and_then(Iterator::collect).map_err(failed)?;
    let complete = ids.len() <= asked.max;
    ids.truncate(asked.max);
    let mut found = read(connection, ids, complete)?;
    if asked.from_end {
        found.stanzas.reverse();
    }
    Ok(found)
}

/// These stanzas, as many as a page takes; `complete` when nothing else lies beyond them.
fn read(
    connection: &Connection,
    ids: impl IntoIterator<Item = i64>,
    complete: bool,
) -> Result<ArchivePage, ReadError> {
    let (mut found, mut bytes) = (ArchivePage { complete, ..ArchivePage::default() }, 0);
    for id in ids {
        if !found.take(stanza(connection, id)?, &mut bytes) {
            break;
        }
    }
    Ok(found)
}

fn stanza(connection: &Connection, id: i64) -> Result<ArchivedStanza, ReadError> {
    let mut statement =
        connection.prepare_cached("SELECT bytes FROM stanza WHERE id = ?1").map_err(failed)?;
    let mut rows = statement.query([id]).map_err(failed)?;
    let row = rows.next().map_err(failed)?.ok_or_else(|| gone(id))?;
    let bytes = row.get_ref(0).map_err(failed)?.as_blob().map_err(|_| gone(id))?;
    Ok(ArchivedStanza { id: StanzaId(from_sql(id)), bytes: Bytes::copy_from_slice(bytes) })
}

pub(super) fn by_ids(
    connection: &Connection,
    account: AccountId,
    ids: &[StanzaId],
) -> Result<ArchivePage, ReadError> {
    if ids.len() > Query::ARCHIVE_IDS_MAX {
        return Err(ReadError(format!("{} ids asked, at most 256 are allowed", ids.len())));
    }
    for id in ids {
        if !holds(connection, account, *id)? {
            return Ok(ArchivePage { missing: Some(*id), ..ArchivePage::default() });
        }
    }
    read(connection, ids.iter().map(|id| to_sql(id.0)), true)
}
