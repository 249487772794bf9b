//! PRENET_START and UPDATE: waits for what must be there, reserves disks, checks file systems and mounts them.
//!
//! What is mounted or reserved is claimed before; what is mounted already is claimed too and left as it is.

use super::fstab::Entry;
use super::release;
use super::wanted::{Wanted, device_of, reservation_program};
use super::{mounts, reservation, validate};
use crate::failure::{Doing, Failure, Outcome, failed, say};
use crate::run::run;
use crate::subject::Subject;
use node_api::claim::Claim;
use rgm::Status;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

/// Where mount, umount and fsck are.
const MOUNT: &str = "/bin/mount";
const FSCK: &str = "fsck";
/// fsck(8): errors were corrected; the system should be rebooted (which concerns the root file system only).
const FSCK_HARMLESS: i32 = 1 | 2;
/// Between two looks for a device or a global file system.
const PAUSE: Duration = Duration::from_millis(100);

/// Name of the claim of a mount.
pub(super) fn mount_claim(subject: &Subject, mount_point: &Path) -> String {
    format!("mount.{}.{}", subject.name(), mount_point.display())
}

/// Name of the claim of a reservation.
pub(super) fn disk_claim(subject: &Subject, disk: &Path) -> String {
    format!("reservation.{}.{}", subject.name(), disk.display())
}

/// PRENET_START.
pub(crate) fn prenet_start(subject: &Subject) -> Outcome {
    let wanted = Wanted::of(subject)?;
    await_paths(subject, &wanted)?;
    reserve(subject, &wanted)?;
    for entry in wanted.global.iter().filter(|_| wanted.mounts_global) {
        if !mounts::is_mount_point(&entry.mount_point).doing("reading /proc/self/mountinfo")? {
            mount(entry)?;
        }
    }
    for entry in &wanted.local {
        take(subject, entry)?;
    }
    subject.set_status(Status::Ok, "storage is available");
    Ok(())
}

/// UPDATE: what was added is mounted, what was taken out is unmounted.
pub(crate) fn update(subject: &Subject) -> Outcome {
    let wanted = Wanted::of(subject)?;
    let kept: Vec<PathBuf> = wanted.local.iter().map(|entry| entry.mount_point.clone()).collect();
    release::unmount_all_but(subject, &kept)?;
    prenet_start(subject)?;
    release::give_back_all_but(subject, &wanted.disks()?)
}

/// Until devices, service paths and global file systems are there, or most of the time is over.
fn await_paths(subject: &Subject, wanted: &Wanted) -> Outcome {
    // The rest is for saying what is missing.
    let until = Instant::now() + subject.seconds("Prenet_start_timeout", 1800) * 9 / 10;
    let mut is_told = false;
    while let Some(missing) = missing(wanted)? {
        if Instant::now() >= until {
            return failed(format!("{missing} did not appear on node {}", subject.node));
        }
        if !is_told {
            is_told = true;
            say(format!("waiting for {missing}"));
        }
        std::thread::sleep(PAUSE);
    }
    Ok(())
}

fn missing(wanted: &Wanted) -> Outcome<Option<String>> {
    if let Some(device) = wanted.devices.iter().find(|device| !device.exists()) {
        return Ok(Some(format!("device {}", device.display())));
    }
    if let Some(entry) = wanted.local.iter().find(|e| e.has_device() && e.device().is_none()) {
        let at = entry.mount_point.display();
        return Ok(Some(format!("device {} of {at}", entry.source)));
    }
    let global = wanted.global.iter().filter(|_| !wanted.mounts_global).map(|e| &e.mount_point);
    let paths = wanted.service_paths.iter().filter(|path| !validate::is_device(path));
    for path in global.chain(paths) {
        if !mounts::is_mount_point(path).doing("reading /proc/self/mountinfo")? {
            return Ok(Some(format!("global file system {}", path.display())));
        }
    }
    Ok(None)
}

fn reserve(subject: &Subject, wanted: &Wanted) -> Outcome {
    let disks = wanted.disks()?;
    if disks.is_empty() {
        return Ok(());
    }
    let (claims, program) = (subject.claims()?, reservation_program(subject));
    let key = reservation::key_of(subject.node_id());
    for disk in disks {
        let claim = Claim::Reservation { device: disk.clone(), key };
        claims
            .make(&disk_claim(subject, &disk), &claim)
            .doing(format_args!("claiming {}", disk.display()))?;
        let removed = reservation::take(&program, &disk, key).map_err(Failure::Environment)?;
        for key in removed {
            say(format!("{}: the key {key:#x} of another node was removed", disk.display()));
        }
    }
    Ok(())
}

/// Checked, claimed and mounted, unless it is.
fn take(subject: &Subject, entry: &Entry) -> Outcome {
    let at = &entry.mount_point;
    let mounted = mounts::at(at).doing("reading /proc/self/mountinfo")?;
    if mounted.is_none() && entry.has_device() {
        check(subject, &device_of(entry)?, entry)?;
    }
    let claim = Claim::Mount { mount_point: at.clone(), device: entry.source.clone() };
    subject
        .claims()?
        .make(&mount_claim(subject, at), &claim)
        .doing(format_args!("claiming {}", at.display()))?;
    if mounted.is_some() { Ok(()) } else { mount(entry) }
}

/// fsck -p, or what the operator wants instead.
fn check(subject: &Subject, device: &Path, entry: &Entry) -> Outcome {
    let own = subject.values("FilesystemCheckCommand");
    let mut command = match own.split_first() {
        Some((program, arguments)) => {
            let mut command = Command::new(program);
            command.args(arguments);
            command
        }
        None => {
            let mut command = Command::new(FSCK);
            command.args(["-T", "-p"]);
            if entry.kind != "auto" {
                command.args(["-t", &entry.kind]);
            }
            command
        }
    };
    let program = command.get_program().to_string_lossy().into_owned();
    let ended = run(command.arg(device), None)
        .doing(format_args!("running {program} to check {}", device.display()))?;
    let code = ended.status.and_then(|status| status.code());
    match code {
        Some(0) => Ok(()),
        // Another program's exit codes are its own: only 0 is known to be good.
        Some(code) if program.contains("fsck") && code & !FSCK_HARMLESS == 0 => {
            let line = ended.last_line().unwrap_or("no words");
            say(format!("{}: {program} corrected errors: {line}", device.display()));
            Ok(())
        }
        _ => failed(format!(
            "{} of {} did not pass its check, {program} {}; repair it by hand with fsck {0}",
            device.display(),
            entry.mount_point.display(),
            ended.sentence()
        )),
    }
}

fn mount(entry: &Entry) -> Outcome {
    let at = entry.mount_point.display();
    let ended = run(Command::new(MOUNT).arg(&entry.mount_point), None)
        .doing(format_args!("running {MOUNT} for {at}"))?;
    if ended.is_success() {
        return Ok(());
    }
    failed(format!("{} could not be mounted at {at}: mount {}", entry.source, ended.sentence()))
}
