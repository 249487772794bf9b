//! SUNW.HAStoragePlus and SUNW.HAStorage: file systems and disks that are there before anything of their group starts, and gone after all of it
//! has stopped.
//!
//! - `fstab`: what `/etc/fstab` says of a mount point; whether it is *local* (moves with the group) or *global*.
//! - `wanted`: what the properties of a resource ask for on this node.
//! - `validate`: what the operator may not ask.
//! - `take`: PRENET_START: waits for devices, reserves disks, checks, mounts.
//! - `release`: POSTNET_STOP: unmounts, with whoever is in the way named and, last, killed; gives disks back.
//! - `busy`, `mounts`, `reservation`: who uses a file system, what is mounted, SCSI-3 persistent reservations.

pub(crate) mod busy;
mod fstab;
pub(crate) mod mounts;
mod release;
pub(crate) mod reservation;
mod take;
mod validate;
mod wanted;

pub(crate) use release::{boot, postnet_stop};
pub(crate) use take::{prenet_start, update};
pub(crate) use validate::{monitor_check, validate};
