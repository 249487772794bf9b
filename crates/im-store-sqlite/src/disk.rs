//! What the redo log asks of a disk, and the real one.
//!
//! The log's promises hold or fall with a handful of file operations. They go through [`Disk`] so that tests can put a
//! disk underneath that tears pages, forgets what was not synced, fails and fills up. Nothing here knows records.

use rustix::fs::{FallocateFlags, fallocate, fstatvfs};
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

/// A folder of log files.
pub trait Disk: Send + Sync + fmt::Debug {
    /// Names of the files.
    fn list(&self) -> io::Result<Vec<String>>;
    /// A new file of zeros, allocated to its full length, so that writing within it changes no metadata. The file and
    /// its name are durable when this returns; when it fails, nothing is left.
    fn create(&self, name: &str, length: u64) -> io::Result<Box<dyn DiskFile>>;
    /// Opens an existing file.
    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;
    /// Gives a file another name.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Bytes still free.
    fn free_bytes(&self) -> io::Result<u64>;
}

/// An open log file.
pub trait DiskFile: Send + fmt::Debug {
    /// Bytes.
    fn length(&self) -> io::Result<u64>;
    /// Reads exactly `into.len()` bytes.
    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<()>;
    /// Writes all bytes, within the length of the file.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Returns when stable storage has what was written.
    fn sync(&self) -> io::Result<()>;
}

/// A folder of the operating system.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    handle: File,
}

impl Folder {
    /// Opens it, creating it first if need be.
    pub fn open(path: PathBuf) -> io::Result<Self> {
        fs::create_dir_all(&path)?;
        let handle = File::open(&path)?;
        if let Some(parent) = path.parent() {
            File::open(parent)?.sync_all()?;
        }
        Ok(Self { path, handle })
    }

    fn allocate(&self, name: &str, length: u64) -> io::Result<File> {
        let path = self.path.join(name);
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
        match fallocate(&file, FallocateFlags::empty(), 0, length) {
            Ok(()) | Err(rustix::io::Errno::OPNOTSUPP) => {}
            Err(error) => return Err(error.into()),
        }
        // Allocated but never written blocks would still cost a journal commit at their first sync: write them.
        let zeros = vec![0; 1 << 18];
        let mut offset = 0;
        while offset < length {
            let step = (length - offset).min(zeros.len() as u64);
            file.write_all_at(&zeros[..step as usize], offset)?;
            offset += step;
        }
        file.sync_all()?;
        self.handle.sync_all()?;
        Ok(file)
    }
}

impl Disk for Folder {
    fn list(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn create(&self, name: &str, length: u64) -> io::Result<Box<dyn DiskFile>> {
        match self.allocate(name, length) {
            Ok(file) => Ok(Box::new(file)),
            Err(error) => {
                if error.kind() != io::ErrorKind::AlreadyExists {
                    let _ = fs::remove_file(self.path.join(name));
                }
                Err(error)
            }
        }
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).open(self.path.join(name))?;
        Ok(Box::new(file))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.path.join(from), self.path.join(to))?;
        self.handle.sync_all()
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        fs::remove_file(self.path.join(name))?;
        self.handle.sync_all()
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let found = fstatvfs(&self.handle)?;
        Ok(found.f_bavail.saturating_mul(found.f_frsize))
    }
}

impl DiskFile for File {
    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        self.read_exact_at(into, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

/// Whether an error means that there is no room, and so may pass.
pub(crate) fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}
