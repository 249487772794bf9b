//! Persistent reservations, against a stand-in for `sg_persist` that keeps the keys of a disk in a file and obeys the rules of SPC for type 5.

use crate::daemon::Daemon;
use crate::root::{must, needed};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

const STAND_IN: &str = include_str!("sg_persist");

struct Disk {
    program: PathBuf,
    device: PathBuf,
    state: PathBuf,
}

impl Disk {
    fn new(folder: &Path) -> Self {
        let program = folder.join("sg_persist");
        std::fs::write(&program, STAND_IN).unwrap();
        std::fs::set_permissions(&program, PermissionsExt::from_mode(0o755)).unwrap();
        let device = folder.join("disk");
        std::fs::write(&device, b"").unwrap();
        let state = folder.join("disk.keys");
        Self { program, device, state }
    }

    fn state(&self) -> String {
        std::fs::read_to_string(&self.state).unwrap_or_default()
    }
}

fn add(daemon: &Daemon, disk: &Disk) {
    let (program, device) = (disk.program.to_str().unwrap(), disk.device.to_str().unwrap());
    let properties =
        [("GlobalDevicePaths", device), ("Reservation", "scsi3"), ("Reservation_command", program)];
    daemon.add("store", "SUNW.HAStoragePlus", &properties);
}

#[test]
fn the_key_of_the_previous_holder_is_removed_and_ours_is_the_only_one() {
    needed();
    let daemon = Daemon::start();
    let disk = Disk::new(daemon.path());
    add(&daemon, &disk);
    std::fs::write(&disk.state, "key 0x5354000000000002\nholder 0x5354000000000002\n").unwrap();
    daemon.method(&[], "storage_validate", "store").unwrap();
    for _ in 0..2 {
        daemon.method(&[], "storage_prenet_start", "store").unwrap();
        assert_eq!(disk.state(), "key 0x5354000000000001\nholder 0x5354000000000001\n");
        assert_eq!(daemon.claim_count(), 1);
    }
    for _ in 0..2 {
        daemon.method(&[], "storage_postnet_stop", "store").unwrap();
        assert_eq!(disk.state(), "");
        assert_eq!(daemon.claim_count(), 0);
    }
}

#[test]
fn the_guard_gives_a_disk_back() {
    let daemon = Daemon::start();
    let disk = Disk::new(daemon.path());
    add(&daemon, &disk);
    daemon.method(&[], "storage_prenet_start", "store").unwrap();
    let claims = daemon.claims();
    let program = format!("STEADFAST_SG_PERSIST={}", disk.program.display());
    for _ in 0..2 {
        must(&["env", &program, crate::daemon::PROGRAM, "undo", claims.to_str().unwrap()]);
        assert_eq!(disk.state(), "");
    }
}

#[test]
fn a_disk_without_reservations_is_refused_when_the_resource_is_made() {
    let daemon = Daemon::start();
    let disk = Disk::new(daemon.path());
    std::fs::write(&disk.program, "#!/bin/sh\necho 'PR in: command not supported' >&2\nexit 9\n")
        .unwrap();
    add(&daemon, &disk);
    let error = daemon.method(&[], "storage_validate", "store").unwrap_err();
    assert!(error.contains("exit code 9: PR in: command not supported"), "{error}");
    let error = daemon.method(&[], "storage_prenet_start", "store").unwrap_err();
    assert!(error.contains("exit code 9"), "{error}");
}

#[test]
fn a_disk_that_lies_about_the_reservation_is_not_believed() {
    let daemon = Daemon::start();
    let disk = Disk::new(daemon.path());
    std::fs::write(&disk.program, "#!/bin/sh\nexit 0\n").unwrap();
    add(&daemon, &disk);
    let error = daemon.method(&[], "storage_prenet_start", "store").unwrap_err();
    assert!(error.contains("is not reserved for us"), "{error}");
}
