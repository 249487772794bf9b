//! Backups while the server runs, and putting one back.
//!
//! A backup is one SQLite file with everything committed before it began (and perhaps more). It is written beside its
//! final name, checked, synced, and only then renamed: a file with the final name is a good one. Restoring never writes
//! over anything.

use crate::epoch::{EpochFile, lock};
use crate::schema::{FILE_NAME, Meta, check_format, explain, open_reader, to_sql};
use crate::shared::Shared;
use im_store::OpenError;
use rusqlite::backup::{Backup, Progress, StepResult};
use rusqlite::{Connection, OpenFlags};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};

/// Memory for copying, KiB.
const CACHE_KIB: u32 = 2048;
/// Pages copied between two reports of a restore.
const COPY_PAGES: i32 = 1024;

/// Why a backup was not made, not accepted or not put back.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The operator named a file that is there already.
    #[error("{0} exists already; choose another name or remove it")]
    Exists(String),
    /// The folder to restore into holds a store.
    #[error("{0} holds a store already; restore into an empty folder, or move it away first")]
    NotEmpty(String),
    /// The folder is in use, or the file is not ours or too new.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// The file failed its check.
    #[error("{path} is damaged: {why}; use another backup")]
    Damaged {
        /// The file.
        path: String,
        /// What the check found.
        why: String,
    },
    /// Reading or writing failed.
    #[error("{path}: {why}")]
    Failed {
        /// The file.
        path: String,
        /// What happened and what to do.
        why: String,
    },
    /// The store was closed meanwhile.
    #[error("the store was closed before the backup was complete; start again")]
    Ended,
}

/// How far a copy is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CopyProgress {
    /// Pages copied.
    pub done: u64,
    /// Pages in all, so far as known.
    pub total: u64,
}

impl From<Progress> for CopyProgress {
    fn from(progress: Progress) -> Self {
        let total = u64::try_from(progress.pagecount).unwrap_or(0);
        let left = u64::try_from(progress.remaining).unwrap_or(0);
        Self { done: total.saturating_sub(left), total }
    }
}

/// What a check of a backup tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Format version of its tables.
    pub format: u32,
    /// Number of accounts.
    pub accounts: u64,
    /// Number of archived stanzas.
    pub stanzas: u64,
}

/// Makes backups of an open store; for any thread.
#[derive(Clone, Debug)]
pub struct Backups {
    pub(crate) shared: Arc<Shared>,
}

enum Told {
    Progress(CopyProgress),
    Finished(Result<(), BackupError>),
}

/// A backup that the applier is asked for.
#[derive(Debug)]
pub(crate) struct BackupJob {
    partial: PathBuf,
    tell: Sender<Told>,
}

impl BackupJob {
    pub(crate) fn target(&self) -> Result<Connection, BackupError> {
        let target = Connection::open(&self.partial).map_err(|error| self.failed(&error))?;
        tune_target(&target).map_err(|error| self.failed(&error))?;
        Ok(target)
    }

    pub(crate) fn failed(&self, error: &rusqlite::Error) -> BackupError {
        failed(&self.partial, error)
    }

    /// Whether anybody still waits for the backup.
    pub(crate) fn report(&self, progress: Progress) -> bool {
        self.tell.send(Told::Progress(progress.into())).is_ok()
    }

    pub(crate) fn finish(&self, result: Result<(), BackupError>) {
        let _ = self.tell.send(Told::Finished(result));
    }
}

impl Backups {
    /// Copies the store into a new file while it is in use. Returns when the file is complete, checked and durable.
    pub fn backup(
        &self,
        to: &Path,
        progress: &mut dyn FnMut(CopyProgress),
    ) -> Result<Verified, BackupError> {
        if to.exists() {
            return Err(BackupError::Exists(to.display().to_string()));
        }
        let partial = partial_of(to);
        remove_if_there(&partial)?;
        let made = self.copy(&partial, progress).and_then(|()| finish(&partial, to));
        if made.is_err() {
            let _ = remove_if_there(&partial);
        }
        made
    }

    fn copy(
        &self,
        partial: &Path,
        progress: &mut dyn FnMut(CopyProgress),
    ) -> Result<(), BackupError> {
        let (tell, told) = channel();
        self.shared.ask_for_backup(BackupJob { partial: partial.into(), tell });
        for message in told {
            match message {
                Told::Progress(so_far) => progress(so_far),
                Told::Finished(result) => return result,
            }
        }
        Err(BackupError::Ended)
    }
}

/// Checks a backup: that it is one, whole, and of a format that this version reads.
pub fn verify(file: &Path) -> Result<Verified, BackupError> {
    let shown = || file.display().to_string();
    if !file.is_file() {
        return Err(BackupError::Failed { path: shown(), why: "there is no such file".into() });
    }
    let connection = open_reader(file, CACHE_KIB).map_err(|error| failed(file, &error))?;
    let format = check_format(&connection, file)?;
    let damaged = |why: String| BackupError::Damaged { path: shown(), why };
    if format == 0 {
        return Err(damaged("it has no tables".into()));
    }
    let why: String = connection
        .query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))
        .map_err(|error| damaged(error.to_string()))?;
    if why != "ok" {
        return Err(damaged(why));
    }
    let count = |sql: &str| {
        let number = connection.query_row(sql, [], |row| row.get::<_, i64>(0));
        number.map(crate::schema::from_sql).map_err(|error| damaged(error.to_string()))
    };
    let accounts = count("SELECT count(*) FROM account")?;
    Ok(Verified { format, accounts, stanzas: count("SELECT count(*) FROM stanza")? })
}

/// Puts a backup into a folder that holds no store. Instances that still run on a copy are fenced by the epoch.
pub fn restore(
    file: &Path,
    dir: &Path,
    progress: &mut dyn FnMut(CopyProgress),
) -> Result<Verified, BackupError> {
    let verified = verify(file)?;
    fs::create_dir_all(dir).map_err(|error| io_failed(dir, &error))?;
    let _lock = lock(dir)?;
    let target = dir.join(FILE_NAME);
    if target.exists() || has_log(dir).map_err(|error| io_failed(dir, &error))? {
        return Err(BackupError::NotEmpty(dir.display().to_string()));
    }
    let partial = partial_of(&target);
    remove_if_there(&partial)?;
    let epoch_file = EpochFile::open(dir).map_err(|error| io_failed(dir, &error))?;
    let before = epoch_file.read().map_err(|error| io_failed(dir, &error))?.unwrap_or(0);
    let epoch = copy_back(file, &partial, before, progress)?;
    epoch_file.write(epoch).map_err(|error| io_failed(dir, &error))?;
    put_in_place(&partial, &target)?;
    Ok(verified)
}

/// Copies the tables and raises their epoch beyond every instance that may know them.
fn copy_back(
    file: &Path,
    partial: &Path,
    before: u64,
    progress: &mut dyn FnMut(CopyProgress),
) -> Result<u64, BackupError> {
    let source = open_reader(file, CACHE_KIB).map_err(|error| failed(file, &error))?;
    let at_target = |error: rusqlite::Error| failed(partial, &error);
    let mut target = Connection::open(partial).map_err(at_target)?;
    tune_target(&target).map_err(at_target)?;
    let copy = Backup::new(&source, &mut target).map_err(at_target)?;
    while copy.step(COPY_PAGES).map_err(at_target)? != StepResult::Done {
        progress(copy.progress().into());
    }
    drop(copy);
    let epoch = Meta::read(&target).map_err(at_target)?.epoch.max(before) + 1;
    target
        .execute("UPDATE meta SET epoch = ?1, log_epoch = ?1", [to_sql(epoch)])
        .map_err(at_target)?;
    target.pragma_update(None, "journal_mode", "DELETE").map_err(at_target)?;
    Ok(epoch)
}

/// Synced once, at the end.
fn tune_target(target: &Connection) -> rusqlite::Result<()> {
    target.execute_batch(&format!("PRAGMA synchronous = OFF; PRAGMA cache_size = -{CACHE_KIB};"))
}

fn finish(partial: &Path, to: &Path) -> Result<Verified, BackupError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let made =
        Connection::open_with_flags(partial, flags).map_err(|error| failed(partial, &error))?;
    // One file, without a write-ahead log beside it.
    made.pragma_update(None, "journal_mode", "DELETE").map_err(|error| failed(partial, &error))?;
    drop(made);
    let verified = verify(partial)?;
    put_in_place(partial, to)?;
    Ok(verified)
}

fn put_in_place(partial: &Path, to: &Path) -> Result<(), BackupError> {
    let done = || {
        File::open(partial)?.sync_all()?;
        rename_to_new(partial, to)?;
        let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty());
        File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
    };
    done().map_err(|error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => BackupError::Exists(to.display().to_string()),
        _ => io_failed(to, &error),
    })
}

/// Never over a file that came meanwhile, where the file system can promise that.
fn rename_to_new(from: &Path, to: &Path) -> io::Result<()> {
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) if !to.exists() => fs::rename(from, to),
        other => Ok(other?),
    }
}

fn has_log(dir: &Path) -> io::Result<bool> {
    match fs::read_dir(dir.join(crate::LOG_FOLDER)) {
        Ok(mut entries) => Ok(entries.next().is_some()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

fn partial_of(path: &Path) -> PathBuf {
    let mut name = OsString::from(path.as_os_str());
    name.push(".partial");
    name.into()
}

fn remove_if_there(path: &Path) -> Result<(), BackupError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(io_failed(path, &error)),
        _ => Ok(()),
    }
}

fn failed(path: &Path, error: &rusqlite::Error) -> BackupError {
    BackupError::Failed { path: path.display().to_string(), why: explain(error) }
}

fn io_failed(path: &Path, error: &io::Error) -> BackupError {
    BackupError::Failed { path: path.display().to_string(), why: error.to_string() }
}
