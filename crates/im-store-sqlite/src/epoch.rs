//! The epoch file, which fences older instances out, and the lock file, which keeps two from meeting by mistake.
//!
//! The epoch file holds one decimal number and is only ever overwritten in place: an instance that still has it open
//! must see what its successor wrote. A successor first raises the number durably, then reads the log; an instance
//! first syncs its record, then reads the number. Whoever comes second sees the other.

use crate::disk::is_full;
use im_store::OpenError;
use rustix::fs::{FlockOperation, flock};
use std::fs::{File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;

/// Digits of the file, before a line feed.
const DIGITS: usize = 20;

#[derive(Debug)]
pub(crate) struct EpochFile {
    file: File,
}

impl EpochFile {
    pub(crate) fn open(dir: &Path) -> io::Result<Self> {
        let path = dir.join("epoch");
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(false).open(path)?;
        File::open(dir)?.sync_all()?;
        Ok(Self { file })
    }

    /// The number in the file; `None` when the file is new or was never written whole.
    pub(crate) fn read(&self) -> io::Result<Option<u64>> {
        let mut text = [0; DIGITS];
        match self.file.read_exact_at(&mut text, 0) {
            Ok(()) => Ok(std::str::from_utf8(&text).ok().and_then(|text| text.parse().ok())),
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Durable when it returns.
    pub(crate) fn write(&self, epoch: u64) -> io::Result<()> {
        self.file.write_all_at(format!("{epoch:0DIGITS$}\n").as_bytes(), 0)?;
        self.file.sync_all()
    }
}

/// Takes the lock of the folder for as long as the result lives; says who has it otherwise.
pub(crate) fn lock(dir: &Path) -> Result<File, OpenError> {
    let path = dir.join("lock");
    let failed = |error: io::Error| OpenError::Failed {
        path: dir.display().to_string(),
        why: match is_full(&error) {
            true => format!("no room for the lock file: {error}; free space"),
            false => format!("the lock file: {error}"),
        },
    };
    let mut options = OpenOptions::new();
    let mut file =
        options.read(true).write(true).create(true).truncate(false).open(path).map_err(failed)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {
            file.set_len(0).map_err(failed)?;
            file.write_all_at(format!("{}\n", std::process::id()).as_bytes(), 0).map_err(failed)?;
            Ok(file)
        }
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let mut text = String::new();
            let pid = file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
            Err(OpenError::InUse { path: dir.display().to_string(), pid: pid.unwrap_or(0) })
        }
        Err(error) => Err(failed(error.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::{EpochFile, lock};
    use im_store::OpenError;
    use std::fs;

    #[test]
    fn a_raised_epoch_is_seen_through_a_file_opened_before() {
        let dir = tempfile::tempdir().unwrap();
        let old = EpochFile::open(dir.path()).unwrap();
        assert_eq!(old.read().unwrap(), None);
        let new = EpochFile::open(dir.path()).unwrap();
        for epoch in [1, 9, 10, u64::MAX] {
            new.write(epoch).unwrap();
            assert_eq!(old.read().unwrap(), Some(epoch));
        }
    }

    #[test]
    fn a_half_written_epoch_is_no_epoch() {
        let dir = tempfile::tempdir().unwrap();
        for text in ["", "0000", "000000000000000000x1\n"] {
            fs::write(dir.path().join("epoch"), text).unwrap();
            assert_eq!(EpochFile::open(dir.path()).unwrap().read().unwrap(), None, "{text:?}");
        }
    }

    #[test]
    fn a_locked_folder_names_the_process_that_has_it() {
        let dir = tempfile::tempdir().unwrap();
        let held = lock(dir.path()).unwrap();
        match lock(dir.path()) {
            Err(OpenError::InUse { pid, .. }) => assert_eq!(pid, std::process::id()),
            other => panic!("locked twice: {other:?}"),
        }
        drop(held);
        assert!(lock(dir.path()).is_ok());
    }
}
