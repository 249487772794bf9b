//! Who is in the way of an unmount: every process with its working directory, root, program, an open file or a mapped file below the mount
//! point, as `/proc` tells (what fuser(1) shows).
//!
//! Of processes in our mount namespace the links are read as texts, so that nothing is asked of a file system that may hang. A process in another
//! one (a container) may see something else under the same path: of it the device is compared, so that no innocent is named, or killed.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Users that a sentence names; the rest is counted.
const NAMED_MAX: usize = 8;
/// Open files looked at per process.
const FILES_MAX: usize = 65_536;

/// A process in the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct User {
    pub(crate) pid: i32,
    /// Its command name.
    pub(crate) name: String,
    /// How it uses the file system: `works in /a`, `has /a/log open`.
    pub(crate) how: String,
}

/// What is to be unmounted.
struct Target<'a> {
    mount_point: &'a Path,
    /// Number of its device, when it can be seen and something is mounted there.
    device: Option<u64>,
    /// Our mount namespace.
    namespace: Option<PathBuf>,
}

/// All processes that use the file system at this mount point, this one excepted.
pub(crate) fn users_of(mount_point: &Path) -> Vec<User> {
    let target = Target {
        mount_point,
        device: device_mounted_at(mount_point),
        namespace: fs::read_link("/proc/self/ns/mnt").ok(),
    };
    let own = i32::try_from(std::process::id()).unwrap_or_default();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|e| e.file_name().to_str()?.parse::<i32>().ok());
    let mut users: Vec<User> =
        pids.filter(|pid| *pid != own).filter_map(|pid| user(pid, &target)).collect();
    users.sort_by_key(|user| user.pid);
    users
}

/// The device mounted at this very place. `None` when nothing is: then the folder's device is the one it lies on, and half the machine would be
/// in the way.
fn device_mounted_at(mount_point: &Path) -> Option<u64> {
    let device = |path: &Path| fs::metadata(path).ok().map(|m| m.dev());
    let own = device(mount_point)?;
    (device(mount_point.parent()?)? != own).then_some(own)
}

/// As a sentence names them: `sh (4711, works in /a) and 2 more`.
pub(crate) fn list(users: &[User]) -> String {
    if users.is_empty() {
        return "something that /proc does not show (a mount inside it, an export or a loop device)"
            .to_owned();
    }
    let named: Vec<String> = users
        .iter()
        .take(NAMED_MAX)
        .map(|user| format!("{} (process {}, {})", user.name, user.pid, user.how))
        .collect();
    let more = users.len().saturating_sub(NAMED_MAX);
    let tail = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{tail}", named.join(", "))
}

fn user(pid: i32, target: &Target<'_>) -> Option<User> {
    let folder = PathBuf::from(format!("/proc/{pid}"));
    let how = target.how_it_uses(&folder)?;
    let name = fs::read_to_string(folder.join("comm")).unwrap_or_default().trim().to_owned();
    Some(User { pid, name, how })
}

impl Target<'_> {
    /// How the process of this folder of `/proc` uses it, if it does.
    fn how_it_uses(&self, folder: &Path) -> Option<String> {
        // A process that has ended has no namespace, and nothing open.
        let is_ours = fs::read_link(folder.join("ns/mnt")).ok() == self.namespace;
        let below = |link: &Path| {
            let seen = fs::read_link(link).ok()?;
            let is_on_it = if is_ours {
                seen.starts_with(self.mount_point)
            } else {
                self.device.is_some() && fs::metadata(link).ok().map(|m| m.dev()) == self.device
            };
            is_on_it.then_some(seen)
        };
        for (link, verb) in [("cwd", "works in"), ("root", "has its root at"), ("exe", "runs")] {
            if let Some(at) = below(&folder.join(link)) {
                return Some(format!("{verb} {}", at.display()));
            }
        }
        let files = fs::read_dir(folder.join("fd")).into_iter().flatten().flatten();
        let mut files = files.take(FILES_MAX).map(|file| file.path());
        if let Some(at) = files.find_map(|file| below(&file)) {
            return Some(format!("has {} open", at.display()));
        }
        let maps = fs::read_to_string(folder.join("maps")).ok().filter(|_| is_ours)?;
        let mapped = maps.lines().filter_map(|line| line.find('/').and_then(|at| line.get(at..)));
        let at = mapped.map(Path::new).find(|path| path.starts_with(self.mount_point))?;
        Some(format!("has {} mapped", at.display()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_with_an_open_file_is_named_with_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().canonicalize().unwrap();
        let file = fs::File::create(at.join("log")).unwrap();
        let mut child = std::process::Command::new("sleep").arg("60").stdin(file).spawn().unwrap();
        let pid = i32::try_from(child.id()).unwrap();
        let users = users_of(&at);
        child.kill().unwrap();
        child.wait().unwrap();
        let user = users.iter().find(|user| user.pid == pid).unwrap();
        assert_eq!(user.how, format!("has {} open", at.join("log").display()));
        assert!(list(&users).contains(&format!("process {pid}")), "{}", list(&users));
    }

    #[test]
    fn a_folder_where_nothing_is_mounted_has_no_device_of_its_own() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(device_mounted_at(folder.path()), None);
        assert!(device_mounted_at(Path::new("/proc")).is_some());
    }

    #[test]
    fn many_users_are_counted() {
        let user = |pid| User { pid, name: "a".to_owned(), how: "works in /a".to_owned() };
        let said = list(&(1..=10).map(user).collect::<Vec<_>>());
        assert!(said.ends_with("and 2 more"), "{said}");
        assert!(list(&[]).starts_with("something"));
    }
}
