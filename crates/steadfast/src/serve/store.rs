//! The store of the service: where it lies, how it is opened, how a backup takes its place.
//!
//! Nothing is ever deleted here that was a store: what a backup replaces is kept beside it.

use anyhow::{Context, Result, bail};
use im_store_sqlite::{Options, SqliteStore, Verified};
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Folder of the store in the runtime_dir.
const FOLDER: &str = "store";
/// Folder of a backup that is about to take its place.
const RESTORED: &str = "store.restored";
/// The file that a complete store has.
const TABLES: &str = "store.db";

/// Opens the store of a runtime_dir, making it first if need be.
pub(crate) fn open(runtime_dir: &Path) -> Result<SqliteStore> {
    let (store, restored) = (runtime_dir.join(FOLDER), runtime_dir.join(RESTORED));
    if !store.exists() && restored.join(TABLES).exists() {
        // A restore was interrupted between its two renames; this is the second one.
        fs::rename(&restored, &store)
            .with_context(|| format!("cannot put {} in place", restored.display()))?;
        sync(runtime_dir)?;
    }
    Ok(SqliteStore::open(&store, &Options::default())?)
}

/// Fails when the folder is another user's: what we write into it, its service could not read.
pub(crate) fn check_owner(runtime_dir: &Path) -> Result<()> {
    let owner = fs::metadata(runtime_dir)
        .with_context(|| format!("cannot look at {}", runtime_dir.display()))?
        .uid();
    let me = rustix::process::geteuid().as_raw();
    if owner != me {
        bail!(
            "{} belongs to user {owner}, you are user {me}; run this as that user: sudo -u \
                '#{owner}' steadfast …",
            runtime_dir.display()
        );
    }
    Ok(())
}

/// Fails when somebody has the store open.
pub(crate) fn check_unused(runtime_dir: &Path) -> Result<()> {
    if runtime_dir.join(FOLDER).exists() {
        SqliteStore::open(&runtime_dir.join(FOLDER), &Options::default())?.close();
    }
    Ok(())
}

/// A backup, checked and unpacked beside the store.
#[derive(Debug)]
pub(crate) struct Restored {
    /// What is in it.
    pub(crate) found: Verified,
    runtime_dir: PathBuf,
}

impl Restored {
    /// Checks a backup and unpacks it beside the store, which may be in use meanwhile.
    pub(crate) fn prepare(runtime_dir: &Path, file: &Path) -> Result<Self> {
        let folder = runtime_dir.join(RESTORED);
        if folder.exists() {
            if !runtime_dir.join(FOLDER).exists() {
                bail!(
                    "a restore was interrupted; start the service once to complete it, then \
                        restore again"
                );
            }
            // Left behind by a restore that was interrupted while it unpacked.
            fs::remove_dir_all(&folder)
                .with_context(|| format!("cannot remove {}", folder.display()))?;
        }
        let found = im_store_sqlite::restore(file, &folder, &mut |_| {})?;
        Ok(Self { found, runtime_dir: runtime_dir.to_owned() })
    }

    /// Puts it in the place of the store, which nobody may have open. Gives where the old one is kept now.
    pub(crate) fn put_in_place(&self) -> Result<Option<PathBuf>> {
        let (store, restored) = (self.runtime_dir.join(FOLDER), self.runtime_dir.join(RESTORED));
        let kept = store.exists().then(|| self.free_name());
        let what =
            || format!("cannot put {} in the place of {}", restored.display(), store.display());
        if let Some(kept) = &kept {
            fs::rename(&store, kept).with_context(what)?;
        }
        fs::rename(&restored, &store).with_context(what)?;
        sync(&self.runtime_dir)?;
        Ok(kept)
    }

    fn free_name(&self) -> PathBuf {
        let seconds =
            SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let names =
            (seconds..).map(|number| self.runtime_dir.join(format!("{FOLDER}.before-{number}")));
        names
            .into_iter()
            .find(|name| !name.exists())
            .unwrap_or_else(|| self.runtime_dir.join("store.before"))
    }
}

fn sync(folder: &Path) -> Result<()> {
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.with_context(|| format!("cannot sync {}", folder.display()))
}
