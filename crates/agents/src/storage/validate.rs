//! VALIDATE and MONITOR_CHECK of storage.

use super::mounts;
use super::wanted::{Wanted, device_of, paths, reservation_program};
use crate::failure::{Doing, Failure, Outcome, say, wrong};
use crate::subject::Subject;
use rgm::{GroupMode, ResourceName};
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

/// VALIDATE.
pub(crate) fn validate(subject: &Subject) -> Outcome {
    let wanted = Wanted::of(subject)?;
    is_something(subject, &wanted)?;
    is_of_one_node(subject, &wanted)?;
    is_of_no_other(subject)?;
    is_there(subject, &wanted)?;
    if subject.call.type_name.as_str().to_ascii_lowercase().starts_with("sunw.hastorage:")
        || subject.call.type_name.as_str().eq_ignore_ascii_case("SUNW.HAStorage")
    {
        say("SUNW.HAStorage is the older name; new resources should have type SUNW.HAStoragePlus");
    }
    Ok(())
}

/// MONITOR_CHECK: all is there, and no local file system is mounted here by somebody else.
pub(crate) fn monitor_check(subject: &Subject) -> Outcome {
    let wanted = Wanted::of(subject)?;
    is_there(subject, &wanted)?;
    for entry in &wanted.local {
        let mount = mounts::at(&entry.mount_point).doing("reading /proc/self/mountinfo")?;
        if let Some(mount) = mount {
            return wrong(format!(
                "{} is mounted at {} of node {} already, although the group is not online there: unmount it",
                mount.source,
                entry.mount_point.display(),
                subject.node
            ));
        }
    }
    Ok(())
}

fn is_something(subject: &Subject, wanted: &Wanted) -> Outcome {
    let Wanted { local, global, devices, service_paths, .. } = wanted;
    if local.is_empty() && global.is_empty() && devices.is_empty() && service_paths.is_empty() {
        return wrong(format!(
            "{} has nothing to look after: give FilesystemMountPoints, GlobalDevicePaths or ServicePaths",
            subject.name()
        ));
    }
    Ok(())
}

/// A local file system in a group that runs on several nodes would be mounted several times.
fn is_of_one_node(subject: &Subject, wanted: &Wanted) -> Outcome {
    let group = subject.cluster.config.groups.get(subject.group());
    let is_scalable = group.is_some_and(|g| g.mode == GroupMode::Scalable);
    match wanted.local.first() {
        Some(entry) if is_scalable => wrong(format!(
            "{} is a local file system, which only one node may mount, but group {} is scalable",
            entry.mount_point.display(),
            subject.group()
        )),
        _ => Ok(()),
    }
}

/// A mount point belongs to one resource.
fn is_of_no_other(subject: &Subject) -> Outcome {
    let config = &subject.cluster.config;
    let own = paths(subject, "FilesystemMountPoints")?;
    let is_storage = |name: &ResourceName| {
        let of_type = config.resources.get(name).and_then(|r| config.type_of(r));
        of_type
            .is_some_and(|t| matches!(t.rtr.resource_type.as_str(), "HAStoragePlus" | "HAStorage"))
    };
    for (name, resource) in &config.resources {
        if name == subject.name() || !is_storage(name) {
            continue;
        }
        let theirs = config.value(resource, "FilesystemMountPoints", Some(&subject.node));
        for path in theirs.unwrap_or_default() {
            if own.contains(&super::fstab::clean(path)) {
                return wrong(format!(
                    "{path} is looked after by resource {name} in group {} already",
                    resource.group
                ));
            }
        }
    }
    Ok(())
}

/// Mount points, devices and paths exist on this node; disks to be reserved can be.
fn is_there(subject: &Subject, wanted: &Wanted) -> Outcome {
    for entry in wanted.local.iter().chain(&wanted.global) {
        if entry.has_device() {
            device_of(entry)?;
        }
        let at = &entry.mount_point;
        // A folder inside another file system of the list shows only once that is mounted.
        let is_inside = wanted.local.iter().any(|o| o != entry && at.starts_with(&o.mount_point));
        if !is_inside && !at.is_dir() {
            return wrong(format!(
                "{} is no folder on node {}: make it with mkdir -p",
                at.display(),
                subject.node
            ));
        }
    }
    for device in &wanted.devices {
        if !device.exists() {
            return wrong(format!(
                "device {} is not there on node {}",
                device.display(),
                subject.node
            ));
        }
    }
    for path in &wanted.service_paths {
        is_service_path(subject, path)?;
    }
    let program = reservation_program(subject);
    for disk in wanted.disks()? {
        program.can_reserve(&disk).map_err(Failure::Wrong)?;
    }
    Ok(())
}

/// A device, or a global file system that is mounted or can be.
fn is_service_path(subject: &Subject, path: &PathBuf) -> Outcome {
    let (shown, node) = (path.display(), &subject.node);
    let entries = super::fstab::read().unwrap_or_default();
    if let Some(entry) = entries.iter().find(|entry| entry.mount_point == *path) {
        if entry.is_global() {
            return Ok(());
        }
        return wrong(format!(
            "{shown} is a local file system on node {node}, which ServicePaths only waits for: name it in FilesystemMountPoints, so that it is mounted (for one that all nodes mount, add x-steadfast.global to its entry)"
        ));
    }
    if is_device(path) || mounts::is_mount_point(path).unwrap_or(false) {
        return Ok(());
    }
    wrong(format!(
        "{shown} is neither a device nor the mount point of a global file system on node {node}"
    ))
}

/// Block or character.
pub(super) fn is_device(path: &Path) -> bool {
    std::fs::metadata(path)
        .is_ok_and(|m| m.file_type().is_block_device() || m.file_type().is_char_device())
}
