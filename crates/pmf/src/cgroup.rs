//! A cgroup (version 2) for each tree, so that the whole of it is killed by one write.
//!
//! No controllers are used. It must never be relied on alone: a machine may not have it, we may not be permitted, and a
//! service run by root can leave it; the keeper's descent is the truth, the cgroup the fast way.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Most bytes of a tag that are repeated in the name of its cgroup.
const NAME_BYTES_MAX: usize = 100;
/// How long leftovers of an earlier daemon may take to die, and how often it is looked.
const LEFTOVERS_PATIENCE: Duration = Duration::from_secs(2);
const LEFTOVERS_LOOK: Duration = Duration::from_millis(2);
/// Deepest nesting that is looked at when a tree's cgroup is removed.
const NESTING_MAX: usize = 16;

/// Why there is no cgroup; trees work without.
#[derive(Debug, thiserror::Error)]
pub enum CgroupUnavailable {
    /// `/proc/mounts` shows no file system of type cgroup2.
    #[error("no cgroup2 file system is mounted")]
    NotMounted,
    /// Our own cgroup cannot be told.
    #[error("/proc/self/cgroup names no usable version 2 cgroup")]
    NoHome,
    /// Linux before 5.14.
    #[error("{0} has no cgroup.kill; it takes Linux 5.14")]
    NoKill(PathBuf),
    /// Not permitted, or the name is taken by something else.
    #[error("cannot create the cgroup {path}: {error}")]
    Refused {
        /// Its directory.
        path: PathBuf,
        /// What the kernel said.
        error: std::io::Error,
    },
}

/// The cgroup below which every tree gets its own; one per node daemon. Removed when dropped, if nobody is in it.
#[derive(Debug)]
pub struct CgroupParent {
    path: PathBuf,
    home: PathBuf,
    serial: AtomicU64,
}

impl CgroupParent {
    /// Creates, or takes over, the cgroup `name` below our own. `name` is one word, unique on the machine.
    pub fn open(name: &str) -> Result<Arc<Self>, CgroupUnavailable> {
        let mounts = std::fs::read_to_string("/proc/mounts").unwrap_or_default();
        let mount = mount_point(&mounts).ok_or(CgroupUnavailable::NotMounted)?;
        let own = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let own = own_cgroup(&own).ok_or(CgroupUnavailable::NoHome)?;
        let home = mount.join(own.trim_start_matches('/'));
        let path = home.join(file_name(name));
        match std::fs::create_dir(&path) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(CgroupUnavailable::Refused { path, error });
            }
            _ => {}
        }
        if !path.join("cgroup.kill").exists() {
            return Err(CgroupUnavailable::NoKill(path));
        }
        Ok(Arc::new(Self { path, home, serial: AtomicU64::new(0) }))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Kills what an earlier daemon of the same name left behind, and waits up to two seconds until it is gone.
    /// Blocks: call it before the first tree is started. Says how many cgroups were found.
    pub fn clear_leftovers(&self) -> usize {
        let entries = std::fs::read_dir(&self.path).into_iter().flatten().flatten();
        let dirs = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        let mut left: Vec<Cgroup> = dirs.map(|entry| Cgroup::at(entry.path())).collect();
        let count = left.len();
        let begun = Instant::now();
        left.iter().for_each(Cgroup::kill);
        loop {
            left.retain(|cgroup| !cgroup.remove());
            if left.is_empty() {
                return count;
            }
            if begun.elapsed() > LEFTOVERS_PATIENCE {
                break;
            }
            std::thread::sleep(LEFTOVERS_LOOK);
        }
        for cgroup in left {
            tracing::error!(
                "processes of an earlier daemon in {} do not die",
                cgroup.path.display()
            );
        }
        count
    }

    /// A new, empty cgroup.
    pub(crate) fn create(self: &Arc<Self>, tag: &str) -> std::io::Result<Cgroup> {
        let serial = self.serial.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}.{}.{serial}", file_name(tag), std::process::id());
        let path = self.path.join(name);
        std::fs::create_dir(&path)?;
        Ok(Cgroup { path, _parent: Some(self.clone()) })
    }

    pub(crate) fn home(&self) -> &Path {
        &self.home
    }
}

impl Drop for CgroupParent {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.path);
    }
}

/// The cgroup of one tree.
#[derive(Debug)]
pub(crate) struct Cgroup {
    path: PathBuf,
    /// The parent can only be removed after it.
    _parent: Option<Arc<CgroupParent>>,
}

impl Cgroup {
    /// One that exists already, made by somebody else.
    pub(crate) fn at(path: PathBuf) -> Self {
        Self { path, _parent: None }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Kills everybody in it and below it, those being forked included. An error means that it is gone.
    pub(crate) fn kill(&self) {
        let _ = std::fs::write(self.path.join("cgroup.kill"), "1");
    }

    /// Whether somebody is in it or below it. A cgroup that is gone holds nobody.
    pub(crate) fn is_populated(&self) -> bool {
        let events = std::fs::read_to_string(self.path.join("cgroup.events")).unwrap_or_default();
        events.lines().any(|line| line == "populated 1")
    }

    /// Removes it and those the service made below it; says whether it is gone.
    pub(crate) fn remove(&self) -> bool {
        remove_below(&self.path, NESTING_MAX);
        !self.path.exists()
    }
}

/// An empty cgroup is of no use to anybody; one with somebody in it is not removed by the kernel.
impl Drop for Cgroup {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.path);
    }
}

fn remove_below(path: &Path, nesting: usize) {
    if std::fs::remove_dir(path).is_ok() || nesting == 0 {
        return;
    }
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    for entry in entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        remove_below(&entry.path(), nesting - 1);
    }
    let _ = std::fs::remove_dir(path);
}

/// Moves this process into the cgroup at `path`.
pub(crate) fn join(path: &Path) -> std::io::Result<()> {
    std::fs::write(path.join("cgroup.procs"), "0")
}

/// The first cgroup2 mount in `/proc/mounts`: `/sys/fs/cgroup`, or `/sys/fs/cgroup/unified` on hybrid machines.
fn mount_point(mounts: &str) -> Option<PathBuf> {
    let mut rows = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
    let row = rows.find(|row| row.get(2) == Some(&"cgroup2"))?;
    // A blank in a path is written \040; such a mount point is not worth a parser.
    row.get(1).filter(|path| !path.contains('\\')).map(PathBuf::from)
}

/// The path after `0::`; none when it lies outside of our cgroup namespace.
fn own_cgroup(text: &str) -> Option<&str> {
    let path = text.lines().find_map(|line| line.strip_prefix("0::"))?;
    (path.starts_with('/') && !path.split('/').any(|part| part == "..")).then_some(path)
}

/// A tag as the name of a directory.
fn file_name(tag: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || "_-,".contains(c) { c } else { '_' };
    tag.chars().take(NAME_BYTES_MAX).map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mount_is_found_on_hybrid_and_on_unified_machines() {
        for (mounts, expect) in [
            (
                "tmpfs /sys/fs/cgroup tmpfs rw 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n",
                Some("/sys/fs/cgroup/unified"),
            ),
            ("cgroup2 /sys/fs/cgroup cgroup2 rw,nsdelegate 0 0\n", Some("/sys/fs/cgroup")),
            ("cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\n", None),
            ("", None),
        ] {
            assert_eq!(mount_point(mounts), expect.map(PathBuf::from));
        }
    }

    #[test]
    fn our_own_cgroup_is_the_line_of_version_two() {
        assert_eq!(
            own_cgroup("4:memory:/a\n0::/system.slice/x.service\n"),
            Some("/system.slice/x.service")
        );
        assert_eq!(own_cgroup("4:memory:/a\n"), None);
        assert_eq!(own_cgroup("0::/../outside\n"), None);
    }

    #[test]
    fn a_tag_cannot_leave_the_parent_directory() {
        assert_eq!(file_name("../a/b c,1.svc"), "___a_b_c,1_svc");
        assert!(file_name(&"é".repeat(500)).len() <= NAME_BYTES_MAX);
    }
}
