//! Opening and committing.

use crate::applier::Applier;
use crate::backup::Backups;
use crate::disk::{Disk, Folder};
use crate::epoch::{EpochFile, lock};
use crate::log::{AppendError, Appended, Log, Segments};
use crate::reader::{SqliteReader, recovered};
use crate::record::{HEAD, PAYLOAD_MAX};
use crate::replay::{Found, ReplayError};
use crate::schema::{FILE_NAME, Meta, open_writer};
use crate::shared::{Record, Shared};
use crate::tables::{ApplyError, CheckpointMode, Tables};
use crate::touched::Touches;
use crate::{LOG_FOLDER, Options};
use im_store::{
    Batch, CommitError, Committed, Epoch, OpenError, ReadError, Recovered, Store, codec,
};
use rusqlite::Connection;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

/// Records applied in one transaction while the log is replayed, bytes.
const REPLAY_BYTES: usize = 4 << 20;
/// Memory kept from one commit for the next, bytes.
const BUFFER_KEPT: usize = 1 << 18;

/// The embedded store; see the crate.
///
/// Dropping it is no more than a crash: what was committed is in the log, and the next instance finds it.
/// [`SqliteStore::close`] spares that instance the reading.
#[derive(Debug)]
pub struct SqliteStore {
    epoch: Epoch,
    epoch_file: EpochFile,
    log: Log,
    /// A record being made.
    buffer: Vec<u8>,
    shared: Arc<Shared>,
    recovered: Recovered,
    database: PathBuf,
    reader_cache_kib: u32,
    reserve_bytes: u64,
    broken: Option<String>,
    applier: Option<JoinHandle<()>>,
    /// Released when everything else is gone.
    _lock: Option<File>,
}

/// Why opening failed, before the folder is named.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Replay(#[from] ReplayError),
    #[error("{0}")]
    Apply(#[from] ApplyError),
    #[error("{what}: {error}")]
    Io { what: &'static str, error: std::io::Error },
    #[error("{0}")]
    Read(#[from] ReadError),
    #[error("a program keeps the database from being synced; end it")]
    Held,
}

fn at(what: &'static str) -> impl Fn(std::io::Error) -> Failure {
    move |error| Failure::Io { what, error }
}

impl SqliteStore {
    /// Opens the store of a runtime directory, making it first if need be.
    pub fn open(dir: &Path, options: &Options) -> Result<Self, OpenError> {
        let failed = |failure: Failure| failed(dir, &failure);
        fs::create_dir_all(dir).map_err(at("creating it")).map_err(failed)?;
        let disk =
            Folder::open(dir.join(LOG_FOLDER)).map_err(at("the log folder")).map_err(failed)?;
        Self::open_on(dir, Arc::new(disk), options)
    }

    /// As [`SqliteStore::open`], with the log on another disk; for tests with a disk that fails.
    pub fn open_on(dir: &Path, disk: Arc<dyn Disk>, options: &Options) -> Result<Self, OpenError> {
        let lock = if options.may_be_shared { None } else { Some(lock(dir)?) };
        let database = dir.join(FILE_NAME);
        let connection = open_writer(&database, options.writer_cache_kib)?;
        let place = Place { dir, database, disk, lock };
        Self::start(place, connection, options).map_err(|failure| failed(dir, &failure))
    }

    fn start(
        place: Place<'_>,
        mut connection: Connection,
        options: &Options,
    ) -> Result<Self, Failure> {
        let disk = place.disk;
        let epoch_file = EpochFile::open(place.dir).map_err(at("the epoch file"))?;
        let known = epoch_file.read().map_err(at("the epoch file"))?.unwrap_or(0);
        let found = Found::look(&*disk)?;
        let epoch = known.max(meta(&connection)?.epoch).max(found.last_epoch()) + 1;
        // From here on older instances acknowledge nothing, and what they did acknowledge is in the log.
        epoch_file.write(epoch).map_err(at("the epoch file"))?;
        let mut tables = Tables::claim(&mut connection, epoch)?;
        let found = Found::look(&*disk)?;
        let last = replay(&found, &*disk, &connection, &mut tables)?;
        tables.begin_log(&connection, last)?;
        // Everything older is durable in the tables before the first record of this epoch is written.
        if !tables.checkpoint(&connection, CheckpointMode::Truncate)? {
            return Err(Failure::Held);
        }
        let old = found.segments.iter().map(|(_, name)| name);
        for name in old.chain(&found.stray) {
            disk.remove(name).map_err(at("removing an old log segment"))?;
        }
        let segments = Segments::new(Arc::clone(&disk), epoch, options.segment_bytes);
        let segments = Arc::new(segments);
        let log = Log::begin(Arc::clone(&segments), last).map_err(at("a log segment"))?;
        let shared = Arc::new(Shared::new(options, last));
        let recovered = recovered(&connection)?;
        let applier = Applier {
            shared: Arc::clone(&shared),
            segments,
            disk,
            tables,
            applied: last,
            wal_pages_max: options.wal_pages_max,
            reserve_bytes: options.reserve_bytes,
        };
        let applier = thread::Builder::new()
            .name("store-applier".into())
            .spawn(move || applier.run(&connection))
            .map_err(at("starting a thread"))?;
        Ok(Self {
            epoch: Epoch(epoch),
            epoch_file,
            log,
            buffer: Vec::new(),
            shared,
            recovered,
            database: place.database,
            reader_cache_kib: options.reader_cache_kib,
            reserve_bytes: options.reserve_bytes,
            broken: None,
            applier: Some(applier),
            _lock: place.lock,
        })
    }

    /// Makes backups, from any thread.
    pub fn backups(&self) -> Backups {
        Backups { shared: Arc::clone(&self.shared) }
    }

    /// Ends after everything is in the tables, so that the next instance has no log to read.
    pub fn close(self) {
        // An applier that cannot is no loss: the log has everything.
        self.shared.flush();
    }

    fn check_epoch(&self) -> Result<(), CommitError> {
        match self.epoch_file.read() {
            Ok(Some(current)) if current == self.epoch.0 => Ok(()),
            Ok(Some(current)) => {
                Err(CommitError::Fenced { mine: self.epoch, current: Epoch(current) })
            }
            Ok(None) => Err(CommitError::Broken("the epoch file has no number any more".into())),
            Err(error) => Err(CommitError::Broken(format!("reading the epoch file: {error}"))),
        }
    }

    fn append(&mut self, batch: &Batch) -> Result<Record, CommitError> {
        // One buffer for every commit.
        self.buffer.clear();
        self.buffer.resize(HEAD, 0);
        self.buffer.shrink_to(BUFFER_KEPT);
        codec::encode(batch, &mut self.buffer);
        let length = self.buffer.len() - HEAD;
        if length > PAYLOAD_MAX {
            return Err(CommitError::Full(format!("a batch of {length} bytes is too large")));
        }
        let mut appended = self.log.append(&mut self.buffer);
        if matches!(appended, Err(AppendError::Full(_))) && self.shared.flush() {
            // Segments that only waited for the applier have been given back.
            appended = self.log.append(&mut self.buffer);
        }
        match appended {
            Ok(Appended { lsn, switched }) => {
                if switched {
                    // The applier looks more closely, but it may be far behind.
                    if self.log.free_bytes() < self.reserve_bytes {
                        self.shared.set_scarce(true);
                    }
                    self.shared.look();
                }
                Ok(Record { lsn, payload: self.buffer[HEAD..HEAD + length].into() })
            }
            Err(AppendError::Full(error)) => Err(CommitError::Full(error.to_string())),
            Err(AppendError::Broken(error)) => {
                let why = format!("writing the log: {error}");
                self.broken = Some(why.clone());
                Err(CommitError::Broken(why))
            }
        }
    }
}

impl Store for SqliteStore {
    type Reader = SqliteReader;

    fn epoch(&self) -> Epoch {
        self.epoch
    }

    fn take_recovered(&mut self) -> Recovered {
        std::mem::take(&mut self.recovered)
    }

    fn commit(&mut self, batch: &Batch) -> Result<Committed, CommitError> {
        if let Some(why) = &self.broken {
            return Err(CommitError::Broken(why.clone()));
        }
        if batch.writes.is_empty() {
            self.check_epoch()?;
            return Ok(Committed { room: self.shared.room() });
        }
        // An applier that was fenced has stopped; then the epoch file has the better answer.
        self.shared.wait_for_space().or_else(|error| self.check_epoch().and(Err(error)))?;
        let record = self.append(batch)?;
        self.check_epoch()?;
        let room = self.shared.push(record, &Touches::of(batch));
        Ok(Committed { room })
    }

    fn reader(&self) -> Result<Self::Reader, ReadError> {
        SqliteReader::open(&self.database, self.reader_cache_kib, Arc::clone(&self.shared))
    }
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        self.shared.end();
        if let Some(applier) = self.applier.take() {
            let _ = applier.join();
        }
    }
}

struct Place<'a> {
    dir: &'a Path,
    database: PathBuf,
    disk: Arc<dyn Disk>,
    lock: Option<File>,
}

fn failed(dir: &Path, failure: &Failure) -> OpenError {
    OpenError::Failed { path: dir.display().to_string(), why: failure.to_string() }
}

fn meta(connection: &Connection) -> Result<Meta, Failure> {
    Ok(Meta::read(connection).map_err(ApplyError::from)?)
}

/// Brings the last epoch's records into the tables; returns the number of the last one.
fn replay(
    found: &Found,
    disk: &dyn Disk,
    connection: &Connection,
    tables: &mut Tables,
) -> Result<u64, Failure> {
    let Meta { log_epoch, applied, .. } = meta(connection)?;
    let (mut group, mut size) = (Vec::<Vec<u8>>::new(), 0);
    let last = found.replay(disk, (log_epoch, applied), |lsn, payload| {
        size += payload.len();
        group.push(payload.to_vec());
        if size >= REPLAY_BYTES {
            apply(connection, tables, &group, lsn)?;
            group.clear();
            size = 0;
        }
        Ok::<_, Failure>(())
    })?;
    if !group.is_empty() {
        apply(connection, tables, &group, last)?;
    }
    if last > applied {
        tracing::info!(records = last - applied, "the redo log was replayed");
    }
    Ok(last)
}

/// Applies a group. Where there is little room, the write-ahead log is emptied first.
fn apply(
    connection: &Connection,
    tables: &mut Tables,
    group: &[Vec<u8>],
    lsn: u64,
) -> Result<(), ApplyError> {
    let payloads = || group.iter().map(Vec::as_slice);
    match tables.apply(connection, payloads(), lsn) {
        Err(ApplyError::Later(_)) => {
            tables.checkpoint(connection, CheckpointMode::Truncate)?;
            tables.apply(connection, payloads(), lsn)
        }
        applied => applied,
    }
}
