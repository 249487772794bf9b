//! What is mounted in this process's mount namespace, from `/proc/self/mountinfo` (proc_pid_mountinfo(5)).

use std::io;
use std::path::{Path, PathBuf};

/// One mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    pub(crate) mount_point: PathBuf,
    /// Device, or what the file system calls its source.
    pub(crate) source: String,
    /// Device number, `major:minor`.
    pub(crate) device: String,
}

/// All mounts, the oldest first.
pub(crate) fn all() -> io::Result<Vec<Mount>> {
    let text = std::fs::read_to_string("/proc/self/mountinfo")?;
    Ok(text.lines().filter_map(line).collect())
}

/// The mount that is seen at a path, if it is a mount point.
pub(crate) fn at(mount_point: &Path) -> io::Result<Option<Mount>> {
    Ok(all()?.into_iter().rev().find(|mount| mount.mount_point == mount_point))
}

/// Whether something is mounted exactly there.
pub(crate) fn is_mount_point(path: &Path) -> io::Result<bool> {
    Ok(at(path)?.is_some())
}

fn line(line: &str) -> Option<Mount> {
    let (head, tail) = line.split_once(" - ")?;
    let mut head = head.split(' ');
    let device = head.nth(2)?.to_owned();
    let mount_point = PathBuf::from(unescaped(head.nth(1)?));
    let source = unescaped(tail.split(' ').nth(1)?);
    Some(Mount { mount_point, source, device })
}

/// Blank, tab, newline and backslash are written as three octal digits, here and in fstab(5).
pub(crate) fn unescaped(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..3).filter(|d| d.iter().all(|b| (b'0'..=b'7').contains(b)));
        match (first, digits) {
            (b'\\', Some(&[a, b, c])) if a <= b'3' => {
                bytes.push((a - b'0') * 64 + (b - b'0') * 8 + (c - b'0'));
                rest = after.get(3..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_with_blanks_and_optional_fields_is_read() {
        let text = r"36 35 98:0 /mnt1 /mnt\0402 rw,noatime master:1 shared:2 - ext3 /dev/root rw,errors=continue";
        let mount = line(text).unwrap();
        assert_eq!(mount.mount_point, Path::new("/mnt 2"));
        assert_eq!((mount.source.as_str(), mount.device.as_str()), ("/dev/root", "98:0"));
        assert_eq!(line("36 35 98:0"), None);
    }

    #[test]
    fn escapes_that_are_none_stay_as_they_are() {
        for (text, expect) in
            [(r"a\011b", "a\tb"), (r"\134", "\\"), (r"\9", r"\9"), (r"x\04", r"x\04")]
        {
            assert_eq!(unescaped(text), expect);
        }
    }

    #[test]
    fn the_root_is_a_mount_point() {
        assert!(is_mount_point(Path::new("/")).unwrap());
        assert!(!is_mount_point(Path::new("/proc/self/nothing")).unwrap());
    }
}
