//! Where the admin socket lies, as a path that the kernel takes: an address may have 107 bytes, a folder's name more.
//!
//! Never changes the working directory; relative paths of the operator stay what they are.

use super::SOCKET;
use anyhow::{Context, Result};
use rustix::fs::{CWD, Mode, OFlags, openat};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

/// Bytes that an address has room for, less those of a longer suffix.
const PATH_BYTES_MAX: usize = 100;

/// The path of a socket; good for as long as this lives.
pub(crate) struct SocketPath {
    /// To be bound or connected to.
    pub(crate) path: PathBuf,
    _folder: Option<OwnedFd>,
}

impl SocketPath {
    /// The socket in a runtime_dir, which must exist if its name is long.
    pub(crate) fn of(runtime_dir: &Path) -> Result<Self> {
        let path = runtime_dir.join(SOCKET);
        if path.as_os_str().len() <= PATH_BYTES_MAX {
            return Ok(Self { path, _folder: None });
        }
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = openat(CWD, runtime_dir, flags, Mode::empty())
            .with_context(|| format!("cannot open the folder {}", runtime_dir.display()))?;
        let path = PathBuf::from(format!("/proc/self/fd/{}/{SOCKET}", folder.as_raw_fd()));
        Ok(Self { path, _folder: Some(folder) })
    }
}
