//! Undoes claims: what the guard calls for everything the methods of a dead daemon left behind (docs/decisions/0010).
//!
//! Quick, blocking, and idempotent: what has been undone already is no error. It is called again and again until it succeeds, so it never waits
//! for anything itself. It must never touch what no claim names.

use crate::net::netlink::Netlink;
use crate::net::route;
use crate::net::subnet::Subnet;
use crate::storage::{busy, mounts, reservation};
use node_api::claim::Claim;
use rustix::io::Errno;
use rustix::mount::{UnmountFlags, unmount};
use rustix::process::{Pid, Signal, kill_process};
use std::net::IpAddr;
use std::path::Path;

/// Most file systems that can lie over each other at one mount point before we stop looking.
const STACKED_MAX: usize = 16;

/// Undoes one claim; the error is a sentence.
pub fn undo(claim: &Claim) -> Result<(), String> {
    match claim {
        Claim::Address { address, prefix, interface } => remove(*address, *prefix, interface),
        Claim::Mount { mount_point, device } => release(mount_point, device),
        Claim::Reservation { device, key } => {
            let program = reservation::Program::of_environment();
            reservation::release(&program, device, *key)
        }
    }
}

fn remove(address: IpAddr, prefix: u8, interface: &str) -> Result<(), String> {
    let sentence = |error: std::io::Error| {
        format!("address {address} could not be removed from {interface}: {error}")
    };
    let mut netlink = Netlink::open().map_err(sentence)?;
    let links = route::links(&mut netlink).map_err(sentence)?;
    // An interface that is gone took its addresses with it.
    let Some(link) = links.iter().find(|link| link.name == interface) else { return Ok(()) };
    route::delete(&mut netlink, link.index, Subnet { address, prefix }).map_err(sentence)
}

/// Unmounts; whoever is in the way is killed, since nothing of a dead daemon may go on writing (P4).
fn release(mount_point: &Path, device: &str) -> Result<(), String> {
    let shown = mount_point.display();
    for _ in 0..STACKED_MAX {
        let is_mounted = mounts::is_mount_point(mount_point)
            .map_err(|error| format!("/proc/self/mountinfo cannot be read: {error}"))?;
        if !is_mounted {
            return Ok(());
        }
        match unmount(mount_point, UnmountFlags::NOFOLLOW) {
            Ok(()) | Err(Errno::INVAL) => {}
            Err(Errno::BUSY) => {
                let users = busy::users_of(mount_point);
                for user in &users {
                    if let Some(pid) = Pid::from_raw(user.pid) {
                        // It may have ended since.
                        let _ = kill_process(pid, Signal::KILL);
                    }
                }
                let users = busy::list(&users);
                return Err(format!("{device} at {shown} is still used by {users}"));
            }
            Err(error) => {
                return Err(format!("{device} at {shown} could not be unmounted: {error}"));
            }
        }
    }
    Err(format!("{shown} is still a mount point after {STACKED_MAX} unmounts"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_undone_already() {
        let interface = "no-such-if0".to_owned();
        let address =
            Claim::Address { address: "10.9.8.7".parse().unwrap(), prefix: 24, interface };
        assert_eq!(undo(&address), Ok(()));
        let mount_point = "/no/such/mount/point".into();
        let mount = Claim::Mount { mount_point, device: "/dev/none".to_owned() };
        assert_eq!(undo(&mount), Ok(()));
    }
}
