//! POSTNET_STOP, INIT and BOOT: unmounts what a resource has mounted and gives its disks back.
//!
//! Whoever is in the way of an unmount is named in the log, asked to end (SIGTERM), and last killed. Never lazily: a file system that is unmounted
//! lazily is still written to, and the next node would mount it at the same time.

use super::take::{disk_claim, mount_claim};
use super::wanted::{Wanted, reservation_program};
use super::{busy, mounts, reservation};
use crate::failure::{Doing, Failure, Outcome, failed, say};
use crate::subject::Subject;
use node_api::claim::Claim;
use rgm::Status;
use rustix::io::Errno;
use rustix::mount::{UnmountFlags, unmount};
use rustix::process::{Pid, Signal, kill_process};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long processes in the way may take to end by themselves, without a signal: they may be about to.
const PATIENCE: Duration = Duration::from_millis(200);
/// After SIGTERM.
const TERM_PATIENCE: Duration = Duration::from_secs(5);
/// After SIGKILL; some sleep in the kernel until the disk answers.
const KILL_PATIENCE: Duration = Duration::from_secs(30);
/// Between two attempts.
const PAUSE: Duration = Duration::from_millis(10);

/// POSTNET_STOP.
pub(crate) fn postnet_stop(subject: &Subject) -> Outcome {
    unmount_all_but(subject, &[])?;
    give_back_all_but(subject, &[])?;
    subject.set_status(Status::Offline, "storage is released");
    Ok(())
}

/// INIT and BOOT: nothing of this resource may be mounted here yet. Nobody is killed for that; who is in the way is named.
pub(crate) fn boot(subject: &Subject) -> Outcome {
    let mut points: Vec<PathBuf> = claimed(subject)?.into_iter().map(|(at, _)| at).collect();
    // A resource that cannot be understood here has mounted nothing here.
    let wanted = Wanted::of(subject).map(|wanted| wanted.local).unwrap_or_default();
    points.extend(wanted.into_iter().map(|entry| entry.mount_point));
    for at in deepest_first(points) {
        if !mounts::is_mount_point(&at).doing("reading /proc/self/mountinfo")? {
            continue;
        }
        match unmount(&at, UnmountFlags::NOFOLLOW) {
            Ok(()) => say(format!("{} was still mounted; it was unmounted", at.display())),
            Err(error) => {
                let users = busy::list(&busy::users_of(&at));
                return failed(format!(
                    "{} is mounted on node {} while its group is offline, and could not be unmounted ({error}); it is used by {users}",
                    at.display(),
                    subject.node
                ));
            }
        }
        forget(subject, &mount_claim(subject, &at))?;
    }
    Ok(())
}

/// Unmounts what this resource has mounted, except these.
pub(super) fn unmount_all_but(subject: &Subject, kept: &[PathBuf]) -> Outcome {
    let mut points: Vec<PathBuf> = claimed(subject)?.into_iter().map(|(at, _)| at).collect();
    points.retain(|at| !kept.contains(at));
    for at in deepest_first(points) {
        clear(subject, &at)?;
        forget(subject, &mount_claim(subject, &at))?;
    }
    Ok(())
}

/// Releases the reservations of this resource, except on these disks.
pub(super) fn give_back_all_but(subject: &Subject, kept: &[PathBuf]) -> Outcome {
    let program = reservation_program(subject);
    let all = subject.claims()?.all().doing("reading the claims of this node")?;
    for (file, claim) in all {
        let Ok(Claim::Reservation { device, key }) = claim else { continue };
        let name = disk_claim(subject, &device);
        if kept.contains(&device) || !is_named(&file, &format!("reservation.{}.", subject.name())) {
            continue;
        }
        reservation::release(&program, &device, key).map_err(Failure::Environment)?;
        forget(subject, &name)?;
    }
    Ok(())
}

/// Mount points that this resource has claimed here, with their devices.
fn claimed(subject: &Subject) -> Outcome<Vec<(PathBuf, String)>> {
    let all = subject.claims()?.all().doing("reading the claims of this node")?;
    let prefix = format!("mount.{}.", subject.name());
    let own = all.into_iter().filter_map(|(file, claim)| match claim {
        Ok(Claim::Mount { mount_point, device }) if is_named(&file, &prefix) => {
            Some((mount_point, device))
        }
        _ => None,
    });
    Ok(own.collect())
}

fn is_named(file: &Path, prefix: &str) -> bool {
    file.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(prefix))
}

fn forget(subject: &Subject, claim: &str) -> Outcome {
    subject.claims()?.forget(claim).doing(format_args!("forgetting the claim {claim}"))
}

fn deepest_first(mut points: Vec<PathBuf>) -> Vec<PathBuf> {
    points.sort();
    points.dedup();
    points.sort_by_key(|at| std::cmp::Reverse(at.components().count()));
    points
}

/// Unmounts one file system, whoever is in the way.
fn clear(subject: &Subject, at: &Path) -> Outcome {
    let steps = [
        (None, PATIENCE),
        (Some(Signal::TERM), TERM_PATIENCE),
        (Some(Signal::KILL), KILL_PATIENCE),
    ];
    for (signal, patience) in steps {
        if is_unmounted(at)? {
            return Ok(());
        }
        let until = Instant::now() + patience;
        let mut told: Vec<i32> = Vec::new();
        while Instant::now() < until {
            let users = busy::users_of(at);
            if let Some(signal) = signal {
                signal_all(at, &users, signal, &mut told);
            }
            if users.is_empty() {
                unmount_inside(at);
            }
            std::thread::sleep(PAUSE);
            if is_unmounted(at)? {
                return Ok(());
            }
        }
    }
    let users = busy::list(&busy::users_of(at));
    failed(format!(
        "{} of node {} could not be unmounted: it is still used by {users}",
        at.display(),
        subject.node
    ))
}

/// Signals each of them once, and says so.
fn signal_all(at: &Path, users: &[busy::User], signal: Signal, told: &mut Vec<i32>) {
    let new: Vec<busy::User> = users.iter().filter(|u| !told.contains(&u.pid)).cloned().collect();
    if new.is_empty() {
        return;
    }
    let word = if signal == Signal::KILL { "killed" } else { "asked to end" };
    say(format!("{} is to be unmounted but used by {}: {word}", at.display(), busy::list(&new)));
    for user in new {
        told.push(user.pid);
        if let Some(pid) = Pid::from_raw(user.pid) {
            // It may have ended this moment.
            let _ = kill_process(pid, signal);
        }
    }
}

/// Mounts inside this one, made by others: unmounting them is the only way.
fn unmount_inside(at: &Path) {
    let inside = mounts::all().unwrap_or_default();
    let mut inside: Vec<_> = inside
        .into_iter()
        .filter(|m| m.mount_point != at && m.mount_point.starts_with(at))
        .collect();
    inside.sort_by_key(|m| std::cmp::Reverse(m.mount_point.components().count()));
    for mount in inside {
        let shown = mount.mount_point.display();
        match unmount(&mount.mount_point, UnmountFlags::NOFOLLOW) {
            Ok(()) => {
                say(format!("{} at {shown} was inside and was unmounted first", mount.source))
            }
            Err(error) => say(format!("{} at {shown} is inside: {error}", mount.source)),
        }
    }
}

/// One attempt; TRUE when nothing is mounted there any more.
fn is_unmounted(at: &Path) -> Outcome<bool> {
    loop {
        if !mounts::is_mount_point(at).doing("reading /proc/self/mountinfo")? {
            return Ok(true);
        }
        match unmount(at, UnmountFlags::NOFOLLOW) {
            Ok(()) | Err(Errno::INVAL) => {}
            Err(Errno::BUSY) => return Ok(false),
            Err(error) => {
                return Err(std::io::Error::from(error))
                    .doing(format_args!("unmounting {}", at.display()));
            }
        }
    }
}
