//! What a storage resource asks for on this node: its properties together with `/etc/fstab`.

use super::fstab::{self, Entry};
use super::reservation::Program;
use crate::failure::{Doing, Outcome, wrong};
use crate::subject::Subject;
use std::path::{Path, PathBuf};

/// Everything a resource asks for.
#[derive(Clone, Debug)]
pub(crate) struct Wanted {
    /// Mounted here and nowhere else, what lies deeper later.
    pub(crate) local: Vec<Entry>,
    /// Of file systems that every node may mount.
    pub(crate) global: Vec<Entry>,
    /// Devices that must be there.
    pub(crate) devices: Vec<PathBuf>,
    /// Devices, or mount points of global file systems.
    pub(crate) service_paths: Vec<PathBuf>,
    /// AffinityOn: global file systems are mounted when they are not.
    pub(crate) mounts_global: bool,
    /// Reservation=scsi3.
    pub(crate) reserves: bool,
}

impl Wanted {
    /// Refused when a mount point has no entry, or a local one would be mounted at boot.
    pub(crate) fn of(subject: &Subject) -> Outcome<Self> {
        let entries = fstab::read().doing(format_args!("reading {}", fstab::FILE))?;
        let (mut local, mut global) = (Vec::new(), Vec::new());
        for path in paths(subject, "FilesystemMountPoints")? {
            let entry = entry_of(subject, &entries, &path)?;
            let list = if entry.is_global() { &mut global } else { &mut local };
            list.push(entry);
        }
        local.sort_by_key(|entry| entry.mount_point.components().count());
        Ok(Self {
            local,
            global,
            devices: paths(subject, "GlobalDevicePaths")?,
            service_paths: paths(subject, "ServicePaths")?,
            mounts_global: subject.is_true("AffinityOn", true),
            reserves: subject.text("Reservation").is_some_and(|r| r.eq_ignore_ascii_case("scsi3")),
        })
    }

    /// The disks to reserve, each once.
    pub(crate) fn disks(&self) -> Outcome<Vec<PathBuf>> {
        let mut disks: Vec<PathBuf> = Vec::new();
        if !self.reserves {
            return Ok(disks);
        }
        let of_mounts = self.local.iter().filter(|entry| entry.has_device()).map(device_of);
        let named = self.devices.iter().map(|path| {
            path.canonicalize().doing(format_args!("finding the device {}", path.display()))
        });
        for disk in of_mounts.chain(named) {
            let disk = disk?;
            if !disks.contains(&disk) {
                disks.push(disk);
            }
        }
        Ok(disks)
    }
}

/// The device of an entry; refused when it is not there.
pub(crate) fn device_of(entry: &Entry) -> Outcome<PathBuf> {
    match entry.device() {
        Some(device) => Ok(device),
        None => wrong(format!(
            "device {} of {} is not there: connect the disk, or correct its entry in {}",
            entry.source,
            entry.mount_point.display(),
            fstab::FILE
        )),
    }
}

/// The program for reservations.
pub(crate) fn reservation_program(subject: &Subject) -> Program {
    Program::new(subject.text("Reservation_command").as_deref().unwrap_or("sg_persist"))
}

/// A list of absolute paths; for zones' `local:global` pairs the first counts.
pub(super) fn paths(subject: &Subject, property: &str) -> Outcome<Vec<PathBuf>> {
    let mut paths: Vec<PathBuf> = Vec::new();
    for value in subject.values(property) {
        let path = value.split(':').next().unwrap_or_default();
        let has_dots = Path::new(path).components().any(|c| c.as_os_str() == "..");
        if !path.starts_with('/') || has_dots {
            return wrong(format!("{property}: {value} is not an absolute path without \"..\""));
        }
        let path = fstab::clean(path);
        if paths.contains(&path) {
            return wrong(format!("{property} has {} twice", path.display()));
        }
        paths.push(path);
    }
    Ok(paths)
}

fn entry_of(subject: &Subject, entries: &[Entry], path: &Path) -> Outcome<Entry> {
    let (node, shown, file) = (&subject.node, path.display(), fstab::FILE);
    let mut found = entries.iter().filter(|entry| entry.mount_point == path);
    let Some(entry) = found.next() else {
        return wrong(format!(
            "node {node} has no entry for {shown} in {file}: add a line such as \"/dev/DISK {shown} ext4 noauto 0 0\""
        ));
    };
    if found.next().is_some() {
        return wrong(format!("node {node} has several entries for {shown} in {file}: leave one"));
    }
    if !entry.is_global() && !entry.is_noauto() {
        return wrong(format!(
            "the entry for {shown} in {file} of node {node} lacks the option noauto: with it only this resource mounts the file system, so that no two nodes ever do (for a file system that all nodes mount, add x-steadfast.global)"
        ));
    }
    Ok(entry.clone())
}
