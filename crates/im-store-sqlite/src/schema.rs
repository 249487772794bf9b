//! The tables, and how connections to them are opened.
//!
//! Laid out for what a message costs: the stanza appended in rowid order, two narrow archive rows clustered by account,
//! counters apart from what seldom changes of a session. A stanza in no archive lies in `transit`, so that collecting it
//! never looks at the large table. Every statement of the back end is written in full where it is used.

use im_store::OpenError;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;

/// Name of the database within the runtime directory.
pub(crate) const FILE_NAME: &str = "store.db";

/// One step per format version; the first makes format 1. Steps are only ever added.
const MIGRATIONS: [&str; 1] = ["
    CREATE TABLE meta (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        epoch INTEGER NOT NULL,         -- instance that may apply
        log_epoch INTEGER NOT NULL,     -- instance whose log segments count
        applied INTEGER NOT NULL,       -- last log record contained in these tables
        last_account INTEGER NOT NULL,
        last_session INTEGER NOT NULL,
        last_stanza INTEGER NOT NULL
    );
    INSERT INTO meta VALUES (1, 0, 0, 0, 0, 0, 0);
    CREATE TABLE account (
        id INTEGER PRIMARY KEY,
        jid TEXT NOT NULL UNIQUE,
        credentials BLOB NOT NULL
    );
    CREATE TABLE item (
        account INTEGER NOT NULL,
        kind INTEGER NOT NULL,
        key TEXT NOT NULL,
        value BLOB NOT NULL,
        PRIMARY KEY (account, kind, key)
    ) WITHOUT ROWID;
    -- What an archive refers to.
    CREATE TABLE stanza (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
    -- What only queues and offline stores refer to.
    CREATE TABLE transit (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
    CREATE TABLE archive (
        account INTEGER NOT NULL,
        id INTEGER NOT NULL,
        peer TEXT NOT NULL,
        resource TEXT,
        PRIMARY KEY (account, id)
    ) WITHOUT ROWID;
    CREATE TABLE offline (
        account INTEGER NOT NULL,
        id INTEGER NOT NULL,
        PRIMARY KEY (account, id)
    ) WITHOUT ROWID;
    CREATE INDEX offline_id ON offline (id);
    CREATE TABLE session (
        id INTEGER PRIMARY KEY,
        account INTEGER NOT NULL,
        state BLOB NOT NULL
    );
    CREATE INDEX session_account ON session (account);
    CREATE TABLE counters (session INTEGER PRIMARY KEY, bytes BLOB NOT NULL);
    CREATE TABLE queue (
        session INTEGER NOT NULL,
        seq INTEGER NOT NULL,
        stanza INTEGER,                 -- NULL: content is the stanza itself, else how it is dressed
        content BLOB NOT NULL,
        PRIMARY KEY (session, seq)
    ) WITHOUT ROWID;
    CREATE INDEX queue_stanza ON queue (stanza) WHERE stanza IS NOT NULL;
"];

/// Newest format known.
pub(crate) const FORMAT: u32 = MIGRATIONS.len() as u32;

/// Marks the file as ours: `SFst` in ASCII.
pub(crate) const APPLICATION_ID: u32 = 0x5346_7374;

/// The row of `meta`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Meta {
    pub(crate) epoch: u64,
    pub(crate) log_epoch: u64,
    pub(crate) applied: u64,
    pub(crate) last_account: u64,
    pub(crate) last_session: u64,
    pub(crate) last_stanza: u64,
}

impl Meta {
    pub(crate) fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let sql =
            "SELECT epoch, log_epoch, applied, last_account, last_session, last_stanza FROM meta";
        connection.query_row(sql, [], |row| {
            let number = |column| row.get::<_, i64>(column).map(from_sql);
            Ok(Self {
                epoch: number(0)?,
                log_epoch: number(1)?,
                applied: number(2)?,
                last_account: number(3)?,
                last_session: number(4)?,
                last_stanza: number(5)?,
            })
        })
    }
}

/// An unsigned number as SQLite keeps it. Ids are far below the limit; only bounds meaning "all" are above.
pub(crate) fn to_sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The way back from [`to_sql`].
pub(crate) fn from_sql(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// Opens the connection that writes, creates or migrates the tables.
pub(crate) fn open_writer(path: &Path, cache_kib: u32) -> Result<Connection, OpenError> {
    let failed = |error: rusqlite::Error| OpenError::Failed {
        path: path.display().to_string(),
        why: explain(&error),
    };
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    let found = check_format(&connection, path)?;
    tune_writer(&connection, cache_kib).map_err(failed)?;
    migrate(&mut connection, found).map_err(failed)?;
    Ok(connection)
}

fn tune_writer(connection: &Connection, cache_kib: u32) -> rusqlite::Result<()> {
    // NORMAL: a transaction is durable once a checkpoint has synced it; until then the redo log has it.
    connection.execute_batch(&format!(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = NORMAL;
         PRAGMA wal_autocheckpoint = 0;
         PRAGMA busy_timeout = 1000;
         PRAGMA cache_size = -{cache_kib};
         PRAGMA foreign_keys = OFF;
         PRAGMA temp_store = MEMORY;"
    ))?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(())
}

/// The format found, 0 for a new file; refuses what is not ours or too new.
pub(crate) fn check_format(connection: &Connection, path: &Path) -> Result<u32, OpenError> {
    let shown = || path.display().to_string();
    let pragma = |name: &str| {
        connection
            .pragma_query_value(None, name, |row| row.get::<_, i64>(0))
            .map_err(|error| OpenError::Failed { path: shown(), why: explain(&error) })
    };
    let (found, application) = (pragma("user_version")?, pragma("application_id")?);
    let tables = pragma("schema_version")?;
    if tables != 0 && application != i64::from(APPLICATION_ID) {
        let why = "it is a database of another program; choose another runtime directory";
        return Err(OpenError::Failed { path: shown(), why: why.into() });
    }
    let found = u32::try_from(found).unwrap_or(u32::MAX);
    if found > FORMAT {
        return Err(OpenError::TooNew { path: shown(), found, known: FORMAT });
    }
    Ok(found)
}

fn migrate(connection: &mut Connection, found: u32) -> rusqlite::Result<()> {
    for (number, step) in (1_u32..).zip(MIGRATIONS).skip(found as usize) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", number)?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.commit()?;
    }
    Ok(())
}

/// Opens a connection that only reads.
pub(crate) fn open_reader(path: &Path, cache_kib: u32) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.execute_batch(&format!(
        "PRAGMA busy_timeout = 5000; PRAGMA cache_size = -{cache_kib}; PRAGMA temp_store = MEMORY;"
    ))?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// An error of SQLite with what can be done about it.
pub(crate) fn explain(error: &rusqlite::Error) -> String {
    use rusqlite::ErrorCode as Code;
    let remedy = match error.sqlite_error_code() {
        Some(Code::DiskFull) => "free space on its file system",
        Some(Code::DatabaseCorrupt | Code::NotADatabase) => "restore a backup",
        Some(Code::CannotOpen | Code::PermissionDenied | Code::ReadOnly) => {
            "check that the server's user may write there"
        }
        Some(Code::DatabaseBusy | Code::DatabaseLocked) => {
            "end the program that holds the database"
        }
        Some(Code::SystemIoFailure) => "check the disk",
        _ => return error.to_string(),
    };
    format!("{error}; {remedy}")
}
