//! SUNW.HAStoragePlus and SUNW.HAStorage: file systems and disks that move with their group.

pub(crate) mod busy;
pub(crate) mod mounts;
pub(crate) mod reservation;
