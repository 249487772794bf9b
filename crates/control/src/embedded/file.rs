//! How the file comes into being, whose it is, and whether it still is the one that was opened.
//!
//! A new store is made complete under another name and then given its own, so nobody ever sees half of one. A file that is not ours or of a
//! newer format is recognised with a connection that takes no locks and writes nothing. This code never opens the file by itself: closing it
//! again would drop the locks that SQLite holds for another store of this process.

use super::errors::error_of;
use crate::Error;
use rusqlite::{Connection, ErrorCode, OpenFlags};
use rustix::fs::{CWD, FileType, Mode, RenameFlags, mknodat, renameat_with, statfs};
use rustix::io::Errno;
use std::ffi::OsString;
use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Marks the file as ours: `SFcs` in ASCII.
const APPLICATION_ID: i64 = 0x5346_6373;

/// The format known here.
const FORMAT: i64 = 1;

const SCHEMA: &str = "
    CREATE TABLE meta (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        revision INTEGER NOT NULL,      -- the latest
        oldest INTEGER NOT NULL,        -- first that can still be watched from
        last_lease INTEGER NOT NULL,    -- the last id given
        log_events INTEGER NOT NULL,    -- rows of event
        log_bytes INTEGER NOT NULL,     -- and their keys and values
        boot TEXT NOT NULL              -- boot of the machine that the leases are counted in
    ) STRICT;
    INSERT INTO meta VALUES (1, 1, 1, 0, 0, 0, '');
    CREATE TABLE entry (
        key TEXT NOT NULL PRIMARY KEY,
        value BLOB NOT NULL,
        create_revision INTEGER NOT NULL,
        mod_revision INTEGER NOT NULL,
        lease INTEGER
    ) STRICT;
    CREATE INDEX entry_lease ON entry (lease) WHERE lease IS NOT NULL;
    CREATE TABLE lease (
        id INTEGER PRIMARY KEY,
        ttl_ns INTEGER NOT NULL,
        ends_ns INTEGER NOT NULL        -- on the clock of the boot
    ) STRICT;
    CREATE INDEX lease_ends ON lease (ends_ns);
    CREATE TABLE event (
        id INTEGER PRIMARY KEY,
        revision INTEGER NOT NULL,
        key TEXT NOT NULL,
        value BLOB,                     -- NULL: deleted
        create_revision INTEGER NOT NULL,
        lease INTEGER
    ) STRICT;
    CREATE INDEX event_revision ON event (revision);
";

/// Longest wait for another process's transaction.
const BUSY_MAX: Duration = Duration::from_secs(5);

/// File systems that several machines share; SQLite's shared memory does not reach across them.
const SHARED_FILE_SYSTEMS: [(u64, &str); 9] = [
    (0x6969, "NFS"),
    (0x517b, "SMB"),
    (0xfe53_4d42, "SMB2"),
    (0xff53_4d42, "CIFS"),
    (0x00c3_6400, "Ceph"),
    (0x0116_1970, "GFS2"),
    (0x7461_636f, "OCFS2"),
    (0x0bd0_0bd0, "Lustre"),
    (0x0102_1997, "9P"),
];

/// Device and inode of the file and of what SQLite keeps beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    paths: [PathBuf; 3],
    inodes: [(u64, u64); 3],
}

impl Identity {
    /// Of the files that lie there now.
    fn read(path: &Path) -> Result<Self, Error> {
        let paths = [path.to_owned(), beside(path, "-wal"), beside(path, "-shm")];
        let mut inodes = [(0, 0); 3];
        for (path, inode) in paths.iter().zip(&mut inodes) {
            *inode = inode_of(path)?;
        }
        Ok(Self { paths, inodes })
    }

    /// Whether they are still the same files. Otherwise other processes no longer see what is written here.
    pub(super) fn check(&self) -> Result<(), Error> {
        for (path, inode) in self.paths.iter().zip(self.inodes) {
            if inode_of(path).ok() != Some(inode) {
                return Err(Error::Damaged(format!(
                    "{} was deleted or replaced while in use; restart everything that uses it",
                    path.display()
                )));
            }
        }
        Ok(())
    }
}

fn inode_of(path: &Path) -> Result<(u64, u64), Error> {
    let found = fs::metadata(path).map_err(|error| unavailable(path, &error))?;
    Ok((found.dev(), found.ino()))
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(suffix);
    PathBuf::from(name)
}

fn unavailable(path: &Path, error: &io::Error) -> Error {
    Error::Unavailable(format!("{}: {error}", path.display()))
}

/// The folder a file is in.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Opens the store, making it first if there is none.
pub(super) fn open(path: &Path) -> Result<(Connection, Identity), Error> {
    refuse_shared_file_system(folder_of(path))?;
    // Once more if another process takes away what was just found.
    for _ in 0..3 {
        match fs::symlink_metadata(path) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => create(path)?,
            Err(error) => return Err(unavailable(path, &error)),
        }
        let before = inode_of(path)?;
        check_untouched(path)?;
        let connection = connect(path).map_err(|error| error_of(path, &error))??;
        let identity = Identity::read(path)?;
        if identity.inodes[0] == before {
            return Ok((connection, identity));
        }
    }
    let shown = path.display();
    Err(Error::Unavailable(format!("{shown} is replaced again and again by another program")))
}

fn refuse_shared_file_system(folder: &Path) -> Result<(), Error> {
    let found = statfs(folder).map_err(|error| unavailable(folder, &error.into()))?;
    let magic = found.f_type as u64 & 0xffff_ffff;
    match SHARED_FILE_SYSTEMS.iter().find(|(known, _)| *known == magic) {
        None => Ok(()),
        Some((_, name)) => Err(Error::Invalid(format!(
            "{} is on a file system shared by machines ({name}); use a local one, or etcd",
            folder.display()
        ))),
    }
}

/// Makes a complete, empty store and gives it its name, unless somebody else was faster.
fn create(path: &Path) -> Result<(), Error> {
    let random = RandomState::new().hash_one(std::process::id());
    let new = beside(path, &format!(".new-{random:016x}"));
    let made = fill(&new).and_then(|()| match name_new(&new, path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(unavailable(path, &error)),
        _ => Ok(()),
    });
    for left_over in ["", "-journal", "-wal", "-shm"] {
        let _ = fs::remove_file(beside(&new, left_over));
    }
    made?;
    let folder = folder_of(path);
    let synced = fs::File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|error| unavailable(folder, &error))
}

/// Never replaces anything. Some file systems have no such renaming, some have no links.
fn name_new(new: &Path, path: &Path) -> io::Result<()> {
    match renameat_with(CWD, new, CWD, path, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => fs::hard_link(new, path),
        other => other.map_err(io::Error::from),
    }
}

fn fill(path: &Path) -> Result<(), Error> {
    mknodat(CWD, path, FileType::RegularFile, Mode::RUSR | Mode::WUSR, 0)
        .map_err(|error| unavailable(path, &error.into()))?;
    let fill = || {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(path, flags)?;
        connection.pragma_update(None, "synchronous", "FULL")?;
        let transaction = connection.transaction()?;
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", FORMAT)?;
        transaction.execute_batch(SCHEMA)?;
        transaction.commit()?;
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))?;
        connection.close().map_err(|(_, error)| error)
    };
    fill().map_err(|error| error_of(path, &error))
}

/// Whether the file is ours and of a format known here, found out without a trace.
fn check_untouched(path: &Path) -> Result<(), Error> {
    let found = fs::metadata(path).map_err(|error| unavailable(path, &error))?;
    if !found.is_file() || found.len() == 0 {
        let what = if found.is_file() { "empty" } else { "not a regular file" };
        return Err(Error::Damaged(format!(
            "{} is {what}; a control store is made only where there is no file",
            path.display()
        )));
    }
    let check = || {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
            | OpenFlags::SQLITE_OPEN_URI
            | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection = Connection::open_with_flags(immutable_uri(path), flags)?;
        check_format(&connection, path)
    };
    match check() {
        // A process that died, or a disk that filled up, while the log was being copied into the file: it is whole only together with its log,
        // which this connection does not read.
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseCorrupt) => Ok(()),
        other => other.map_err(|error| error_of(path, &error))?,
    }
}

fn immutable_uri(path: &Path) -> String {
    let mut uri = "file:".to_owned();
    for byte in path.as_os_str().as_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'_' | b'-' => {
                uri.push(char::from(*byte));
            }
            _ => uri.push_str(&format!("%{byte:02x}")),
        }
    }
    uri.push_str("?immutable=1");
    uri
}

fn check_format(connection: &Connection, path: &Path) -> rusqlite::Result<Result<(), Error>> {
    let number = |name| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let shown = path.display();
    if number("application_id")? != APPLICATION_ID {
        return Ok(Err(Error::Damaged(format!("{shown} is a database of another program"))));
    }
    let format = number("user_version")?;
    if format != FORMAT {
        return Ok(Err(Error::Damaged(format!(
            "{shown} has format {format}, this version knows {FORMAT}; use the version that wrote it"
        ))));
    }
    Ok(Ok(()))
}

fn connect(path: &Path) -> rusqlite::Result<Result<Connection, Error>> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags)?;
    let mut since = Instant::now();
    connection.busy_handler(Some(move |tries| wait_for_others(&mut since, tries)))?;
    if connection.is_readonly("main")? {
        let shown = path.display();
        return Ok(Err(Error::Unavailable(format!(
            "{shown} is read-only; check that this user may write it"
        ))));
    }
    connection.execute_batch(
        "PRAGMA foreign_keys = OFF;
         PRAGMA temp_store = MEMORY;
         PRAGMA cache_size = -4096;
         PRAGMA trusted_schema = OFF;
         PRAGMA cell_size_check = ON;",
    )?;
    connection.set_prepared_statement_cache_capacity(64);
    if let Err(error) = check_format(&connection, path)? {
        return Ok(Err(error));
    }
    let mode: String =
        connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))?;
    let verdict: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    let shown = path.display();
    Ok(match (mode.as_str(), verdict.as_str()) {
        ("wal", "ok") => Ok(connection),
        ("wal", _) => Err(Error::Damaged(format!("{shown}: {verdict}; restore a backup"))),
        _ => Err(Error::Unavailable(format!(
            "{shown}: its file system has no write-ahead log ({mode})"
        ))),
    })
}

/// Transactions take less than a millisecond and a sync: short waits first. Whether to try again.
fn wait_for_others(since: &mut Instant, tries: i32) -> bool {
    if tries == 0 {
        *since = Instant::now();
    }
    let pause = match tries {
        ..20 => Duration::from_micros(100),
        20..500 => Duration::from_millis(1),
        _ => Duration::from_millis(5),
    };
    std::thread::sleep(pause);
    since.elapsed() < BUSY_MAX
}
