//! Failover storage on ext4 images, in a mount namespace of its own with an `/etc/fstab` of its own.

use crate::daemon::{Daemon, PROGRAM};
use crate::root::{must, needed, run, until};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const HASP: &str = "SUNW.HAStoragePlus";

/// A machine: its mount namespace lives as long as a process in it.
struct Machine {
    holder: Child,
    folder: PathBuf,
    daemon: Daemon,
}

impl Machine {
    /// With this fstab, in which `@` is the machine's folder.
    fn new(fstab: &str) -> Self {
        needed();
        let daemon = Daemon::start();
        let folder = daemon.path().canonicalize().unwrap();
        let machine_fstab = folder.join("fstab");
        std::fs::write(&machine_fstab, fstab.replace('@', folder.to_str().unwrap())).unwrap();
        let ready = folder.join("ready");
        let script = "mount --bind \"$1\" /etc/fstab && touch \"$2\" && exec sleep 600";
        let mut holder = Command::new("unshare");
        holder.args(["-m", "--propagation", "private", "sh", "-c", script, "sh"]);
        let holder = holder.arg(&machine_fstab).arg(&ready).spawn().unwrap();
        until("the mount namespace is ready", || ready.exists());
        Self { holder, folder, daemon }
    }

    fn inside(&self) -> Vec<String> {
        let pid = self.holder.id().to_string();
        ["nsenter", "-t", &pid, "-m", "--"].map(str::to_owned).to_vec()
    }

    fn method(&self, method: &str, name: &str) -> Result<(), String> {
        let inside = self.inside();
        let words: Vec<&str> = inside.iter().map(String::as_str).collect();
        self.daemon.method(&words, method, name)
    }

    fn sh(&self, line: &str) -> String {
        let inside = self.inside();
        let mut words: Vec<&str> = inside.iter().map(String::as_str).collect();
        words.extend(["sh", "-c", line]);
        must(&words)
    }

    fn at(&self, name: &str) -> String {
        self.folder.join(name).to_str().unwrap().to_owned()
    }

    /// An image with a file system, and the folder it is to be mounted at.
    fn image(&self, name: &str) -> PathBuf {
        let image = self.folder.join(format!("{name}.img"));
        std::fs::File::create(&image).unwrap().set_len(8 << 20).unwrap();
        must(&["mkfs.ext4", "-q", "-F", image.to_str().unwrap()]);
        std::fs::create_dir_all(self.folder.join(name)).unwrap();
        image
    }

    fn mounted(&self) -> String {
        let all = self.sh("cut -d' ' -f5 /proc/self/mountinfo");
        let prefix = self.folder.to_str().unwrap();
        let inside = all.lines().filter_map(|line| line.strip_prefix(prefix));
        let mut names: Vec<&str> = inside.map(|name| name.trim_start_matches('/')).collect();
        names.sort_unstable();
        names.join(" ")
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}

const ONE: &str = "@/im.img @/im ext4 loop,noauto,noatime 0 0\n";

#[test]
fn a_file_system_is_mounted_before_the_start_and_unmounted_after_the_stop_however_often() {
    let machine = Machine::new(ONE);
    machine.image("im");
    machine.daemon.add("store", HASP, &[("FilesystemMountPoints", &machine.at("im"))]);
    for method in ["validate", "init", "boot", "monitor_check", "prenet_start", "prenet_start"] {
        machine.method(&format!("storage_{method}"), "store").unwrap();
    }
    assert_eq!(machine.mounted(), "im");
    let options = machine.sh(&format!("grep ' {} ' /proc/mounts", machine.at("im")));
    assert!(options.contains("noatime"), "the entry's options count: {options}");
    assert_eq!(machine.daemon.claim_count(), 1);
    let error = machine.method("storage_monitor_check", "store").unwrap_err();
    assert!(error.contains("although the group is not online there"), "{error}");
    for _ in 0..2 {
        machine.method("storage_postnet_stop", "store").unwrap();
        assert_eq!(machine.mounted(), "");
        assert_eq!(machine.daemon.claim_count(), 0);
    }
}

#[test]
fn who_is_in_the_way_of_an_unmount_is_named_and_last_killed() {
    let machine = Machine::new(ONE);
    machine.image("im");
    machine.daemon.add("store", HASP, &[("FilesystemMountPoints", &machine.at("im"))]);
    machine.method("storage_prenet_start", "store").unwrap();
    let inside = machine.inside();
    // nsenter changes into the root folder; an open file is in the way all the same.
    let script = format!("exec 3> {}/log; exec sleep 600", machine.at("im"));
    let mut polite = {
        let mut command = Command::new(&inside[0]);
        command.args(&inside[1..]).args(["sh", "-c", &script]).stderr(Stdio::null());
        command.spawn().unwrap()
    };
    until("the file is open", || machine.sh(&format!("ls {}", machine.at("im"))).contains("log"));
    let words: Vec<&str> = inside.iter().map(String::as_str).collect();
    let output = machine.daemon.command(&words, "storage_postnet_stop", "store").output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let expect = format!(
        "used by sleep (process {}, has {}/log open): asked to end",
        polite.id(),
        machine.at("im")
    );
    assert!(said.contains(&expect), "{said}");
    assert!(!polite.wait().unwrap().success());
    assert_eq!(machine.mounted(), "");
}

#[test]
fn a_damaged_file_system_is_repaired_when_that_is_safe_and_not_mounted_when_it_is_not() {
    let machine = Machine::new(ONE);
    let image = machine.image("im");
    let image = image.to_str().unwrap();
    machine.daemon.add("store", HASP, &[("FilesystemMountPoints", &machine.at("im"))]);
    must(&["debugfs", "-w", "-R", "ssv state 0", image]);
    must(&["debugfs", "-w", "-R", "ssv free_blocks_count 1", image]);
    machine.method("storage_prenet_start", "store").unwrap();
    machine.method("storage_postnet_stop", "store").unwrap();
    must(&["debugfs", "-w", "-R", "ssv state 2", image]);
    must(&["debugfs", "-w", "-R", "clri <2>", image]);
    let error = machine.method("storage_prenet_start", "store").unwrap_err();
    assert!(error.contains("did not pass its check, fsck ended with exit code 4"), "{error}");
    assert_eq!(machine.mounted(), "");
    machine.daemon.set("store", "FilesystemCheckCommand", "/bin/false");
    let error = machine.method("storage_prenet_start", "store").unwrap_err();
    assert!(error.contains("did not pass its check, /bin/false ended with exit code 1"), "{error}");
}

const TWO: &str = "@/im.img @/im ext4 loop,noauto 0 0\n@/in.img @/im/in ext4 loop,noauto 0 0\n";

#[test]
fn mount_points_are_added_and_removed_while_the_resource_is_online() {
    let machine = Machine::new(TWO);
    machine.image("im");
    machine.image("in");
    let (outer, inner) = (machine.at("im"), machine.at("im/in"));
    machine.daemon.add("store", HASP, &[("FilesystemMountPoints", &outer)]);
    machine.method("storage_prenet_start", "store").unwrap();
    machine.sh(&format!("mkdir -p {inner}"));
    // The inner one is given first; it is mounted last all the same.
    machine.daemon.set("store", "FilesystemMountPoints", &format!("{inner},{outer}"));
    machine.method("storage_update", "store").unwrap();
    assert_eq!(machine.mounted(), "im im/in");
    machine.daemon.set("store", "FilesystemMountPoints", &outer);
    machine.method("storage_update", "store").unwrap();
    assert_eq!(machine.mounted(), "im");
    machine.daemon.set("store", "FilesystemMountPoints", &format!("{inner},{outer}"));
    machine.method("storage_update", "store").unwrap();
    machine.method("storage_postnet_stop", "store").unwrap();
    assert_eq!(machine.mounted(), "");
}

#[test]
fn the_guard_unmounts_what_a_dead_daemon_left_and_kills_who_is_in_the_way() {
    let machine = Machine::new(ONE);
    machine.image("im");
    machine.daemon.add("store", HASP, &[("FilesystemMountPoints", &machine.at("im"))]);
    machine.method("storage_prenet_start", "store").unwrap();
    let inside = machine.inside();
    let script = format!("trap '' TERM; cd {} && touch here && exec sleep 600", machine.at("im"));
    let mut user = Command::new(&inside[0]);
    let mut user = user.args(&inside[1..]).args(["sh", "-c", &script]).spawn().unwrap();
    until("it works there", || machine.sh(&format!("ls {}", machine.at("im"))).contains("here"));
    let claims = machine.daemon.claims();
    let mut undo: Vec<&str> = inside.iter().map(String::as_str).collect();
    undo.extend([PROGRAM, "undo", claims.to_str().unwrap()]);
    let first = run(&undo);
    assert!(
        String::from_utf8_lossy(&first.stderr).contains("works in"),
        "who is in the way is named"
    );
    until("it is unmounted", || run(&undo).status.success());
    assert!(!user.wait().unwrap().success());
    assert_eq!(machine.mounted(), "");
}

#[test]
fn what_is_wrong_with_storage_is_told_before_it_exists() {
    let machine = Machine::new(
        "@/im.img @/im ext4 loop,noauto 0 0\n@/boot.img @/boot ext4 loop 0 0\n@/none.img @/im ext3 noauto\n\
         @/gone.img @/gone ext4 noauto,loop 0 0\nhost:/x @/global nfs rw 0 0\n@/ok.img @/ok ext4 loop,noauto 0 0\n",
    );
    machine.image("ok");
    std::fs::create_dir_all(machine.folder.join("global")).unwrap();
    std::fs::create_dir_all(machine.folder.join("gone")).unwrap();
    machine.daemon.add("other", HASP, &[("FilesystemMountPoints", &machine.at("taken"))]);
    let cases = [
        ("FilesystemMountPoints=@/ok", ""),
        ("FilesystemMountPoints=@/ok,@/global", ""),
        ("ServicePaths=@/global", ""),
        ("GlobalDevicePaths=/dev/null", ""),
        ("AffinityOn=TRUE", "has nothing to look after"),
        ("FilesystemMountPoints=relative", "relative is not an absolute path"),
        ("FilesystemMountPoints=@/ok,@/ok/", "twice"),
        ("FilesystemMountPoints=@/im", "several entries"),
        ("FilesystemMountPoints=@/boot", "lacks the option noauto"),
        ("FilesystemMountPoints=@/no", "has no entry for"),
        ("FilesystemMountPoints=@/gone", "gone.img of"),
        ("ServicePaths=@/ok", "name it in FilesystemMountPoints"),
        ("ServicePaths=/usr", "is neither a device nor the mount point"),
        ("GlobalDevicePaths=/dev/no-such-disk", "/dev/no-such-disk is not there on node n1"),
    ];
    let inside = machine.inside();
    let words: Vec<&str> = inside.iter().map(String::as_str).collect();
    for (property, expect) in cases {
        let property = property.replace('@', machine.folder.to_str().unwrap());
        for of in [HASP, "SUNW.HAStorage"] {
            let said = machine.daemon.validate(&words, "storage_validate", of, &[&property]);
            match expect {
                "" => assert_eq!(said, Ok(()), "{property}"),
                _ => assert!(said.clone().unwrap_err().contains(expect), "{property}: {said:?}"),
            }
        }
    }
    assert!(Path::new(&machine.at("ok")).is_dir());
}
