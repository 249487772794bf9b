//! `/etc/fstab` (fstab(5)), as far as it decides what is done: mounting itself is mount(8)'s, which reads the same entry with all its options.
//!
//! A file system is *global* when all nodes may have it mounted at once: its type is one of a network or cluster file system, or its options
//! have `x-steadfast.global`. (`_netdev` does not say so: disks over iSCSI have it too.) All others are local: mounted on one node at a time, by
//! their resource alone, which is why they must have `noauto`.

use super::mounts::unescaped;
use crate::run::run;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Where it is.
pub(crate) const FILE: &str = "/etc/fstab";
/// Says that all nodes may mount it at once.
const GLOBAL_OPTION: &str = "x-steadfast.global";
/// Types of which that is known.
const GLOBAL_TYPES: [&str; 14] = [
    "nfs",
    "nfs4",
    "cifs",
    "smb3",
    "ceph",
    "fuse.ceph",
    "glusterfs",
    "fuse.glusterfs",
    "gfs2",
    "ocfs2",
    "lustre",
    "beegfs",
    "moosefs",
    "9p",
];
/// Types without a device to look at.
const WITHOUT_DEVICE: [&str; 4] = ["tmpfs", "ramfs", "overlay", "none"];
/// findfs(8) reads the superblocks of all disks.
const FIND_TIMEOUT: Duration = Duration::from_secs(30);

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Device, file, `UUID=…`, or what the type takes.
    pub(crate) source: String,
    pub(crate) mount_point: PathBuf,
    pub(crate) kind: String,
    options: Vec<String>,
}

impl Entry {
    fn has(&self, option: &str) -> bool {
        self.options.iter().any(|o| o == option)
    }

    /// See the head of this file.
    pub(crate) fn is_global(&self) -> bool {
        self.has(GLOBAL_OPTION) || GLOBAL_TYPES.contains(&self.kind.as_str())
    }

    /// Not mounted when the machine boots.
    pub(crate) fn is_noauto(&self) -> bool {
        self.has("noauto")
    }

    /// Whether there is a device (or an image file) that can be looked for and checked.
    pub(crate) fn has_device(&self) -> bool {
        let is_bind = self.has("bind") || self.has("rbind");
        !self.is_global() && !is_bind && !WITHOUT_DEVICE.contains(&self.kind.as_str())
    }

    /// The device; `None` when it is not there (now).
    pub(crate) fn device(&self) -> Option<PathBuf> {
        let found = match self.source.split_once('=') {
            None => PathBuf::from(&self.source),
            Some((tag, value)) => {
                let value = value.trim_matches('"');
                let folder = format!("/dev/disk/by-{}", tag.to_ascii_lowercase());
                let link = Path::new(&folder).join(value);
                if link.exists() { link } else { find(&format!("{tag}={value}"))? }
            }
        };
        found.canonicalize().ok()
    }
}

/// Asks findfs(8), where no udev keeps links.
fn find(tag: &str) -> Option<PathBuf> {
    let ended = run(Command::new("findfs").arg(tag), Some(FIND_TIMEOUT)).ok()?;
    let line = ended.last_line().filter(|_| ended.is_success())?;
    Some(PathBuf::from(line))
}

/// All entries; lines that are none are left to mount(8) to complain of.
pub(crate) fn read() -> std::io::Result<Vec<Entry>> {
    Ok(parse(&std::fs::read_to_string(FILE)?))
}

fn parse(text: &str) -> Vec<Entry> {
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with('#'));
    let entries = lines.filter_map(|line| {
        let mut words = line.split_whitespace().map(unescaped);
        let (source, mount_point, kind) = (words.next()?, words.next()?, words.next()?);
        let options = words.next().unwrap_or_default();
        let options = options.split(',').filter(|o| !o.is_empty()).map(str::to_owned).collect();
        Some(Entry { source, mount_point: clean(&mount_point), kind, options })
    });
    entries.collect()
}

/// Without doubled or trailing slashes.
pub(crate) fn clean(path: &str) -> PathBuf {
    Path::new(path).components().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(line: &str) -> Entry {
        parse(line).remove(0)
    }

    #[test]
    fn what_an_entry_says_is_understood() {
        let entry = one("/dev/sdb1\t/global/im/  ext4 noauto,noatime 0 2");
        assert_eq!(entry.mount_point, Path::new("/global/im"));
        assert!(entry.is_noauto() && !entry.is_global() && entry.has_device());
        assert_eq!(one(r"/dev/a /with\040blank xfs").mount_point, Path::new("/with blank"));
    }

    #[test]
    fn global_are_network_types_and_what_says_so() {
        for (line, expect) in [
            ("host:/im /im nfs4 rw", true),
            ("/dev/sdb /im gfs2 noauto", true),
            ("/dev/sdb /im ext4 x-steadfast.global,noauto", true),
            ("/dev/sdb /im ext4 _netdev,noauto", false),
        ] {
            assert_eq!(one(line).is_global(), expect, "{line}");
        }
        assert!(!one("tmpfs /im tmpfs noauto").has_device());
        assert!(!one("/srv /im none noauto,bind").has_device());
    }

    #[test]
    fn comments_and_short_lines_are_no_entries() {
        assert_eq!(parse("# /dev/a /a ext4\n\n/dev/b /b\n").len(), 0);
    }
}
