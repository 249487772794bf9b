//! Who this node is: what the core is made with, and the id of the cluster it belongs to, which is kept in the state folder so that it never
//! joins another by mistake.

use super::Ending;
use crate::config::NodeFile;
use rgm::node::Settings;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// What the core is made with.
pub(super) fn settings(file: &NodeFile) -> Result<Settings, Ending> {
    let failed =
        |path: &Path, error: io::Error| Ending::again(format!("{}: {error}", path.display()));
    let kernel = |name: &str| {
        let path = Path::new("/proc/sys/kernel/random").join(name);
        fs::read_to_string(&path).map_err(|error| failed(&path, error))
    };
    let memory = memory(file);
    let cluster_id = match fs::read_to_string(&memory) {
        Ok(id) => id.trim().to_owned(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
        // A node that cannot read its memory must not take itself for a new one.
        Err(error) => return Err(failed(&memory, error)),
    };
    Ok(Settings {
        node: file.node_name(),
        lease: file.lease(),
        reserve: file.reserve(),
        boot_id: kernel("boot_id")?.trim().to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        cluster_id,
        new_cluster_id: kernel("uuid")?.chars().filter(char::is_ascii_hexdigit).collect(),
        planted: rgm::planted::Planted::default(),
    })
}

fn memory(file: &NodeFile) -> PathBuf {
    file.node.state_dir.join("cluster-id")
}

/// Keeps the cluster's id, whole or not at all.
pub(super) fn remember(file: &NodeFile, id: &str) -> Result<(), String> {
    let path = memory(file);
    let draft = path.with_extension("new");
    let write = || -> io::Result<()> {
        let mut written = File::create(&draft)?;
        written.write_all(id.as_bytes())?;
        written.sync_all()?;
        fs::rename(&draft, &path)?;
        File::open(&file.node.state_dir)?.sync_all()
    };
    write().map_err(|error| format!("{}: {error}", path.display()))
}

/// The name of the cgroup (below the daemon's own) under which a node's trees are: its own also when another cluster of the same name is on this
/// machine, with a run folder of its own or, in another namespace, with one of the same path.
pub(crate) fn cgroup_name(file: &NodeFile) -> String {
    use std::os::unix::fs::MetadataExt;
    let folder = &file.node.run_dir;
    let path = fs::canonicalize(folder).unwrap_or_else(|_| folder.clone());
    let inode = fs::metadata(folder).map_or((0, 0), |found| (found.dev(), found.ino()));
    let place = format!("{} {} {}", path.display(), inode.0, inode.1);
    // FNV-1a: the same in every version of this program.
    let hash = place.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    format!("steadfast-{hash:016x}-{}-{}", file.cluster.name, file.node_name())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_cannot_read_its_memory_is_not_a_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = NodeFile::default();
        file.node.state_dir = folder.path().to_owned();
        assert_eq!(settings(&file).map(|s| s.cluster_id).unwrap_or_default(), "");
        remember(&file, "abc").unwrap();
        assert_eq!(settings(&file).map(|s| s.cluster_id).unwrap_or_default(), "abc");
        fs::remove_file(memory(&file)).unwrap();
        fs::create_dir(memory(&file)).unwrap();
        assert!(settings(&file).is_err());
    }

    #[test]
    fn nodes_of_one_name_with_folders_of_their_own_share_no_cgroup() {
        let mut one = NodeFile::default();
        let mut other = one.clone();
        one.node.run_dir = "/run/one".into();
        other.node.run_dir = "/run/other".into();
        assert_ne!(cgroup_name(&one), cgroup_name(&other));
    }
}
