//! Machines as an administrator finds them: each a space of the rig with the whole file system of this machine as its own (an overlay over `/etc`, `/usr`, `/var`,
//! `/root` and `/srv`, which outlives its death, as a disk does), and stand-ins for what a namespace cannot have: systemd, scp, a power switch.
//!
//! Commands are run as typed, by bash. Nothing here knows what they mean, and nothing outside the spaces is changed.

use anyhow::{Context, Result, bail};
use hosts::disk::Disk;
use hosts::shell::wait_for;
use hosts::space::Space;
use hosts::wire::Wire;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// The shared disk, as both machines name it.
pub(crate) const SHARED_DISK: &str = "/dev/disk/by-id/wwn-0x5000c500a1b2c3d4";
/// Seconds one script may take.
const SCRIPT_S_MAX: &str = "90";
/// Between two looks at the power switch.
const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// Folders that each machine has its own of.
const OWN_FOLDERS: [&str; 6] = ["etc", "usr", "var", "root", "srv", "opt"];
/// What programs in a machine find in their environment.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/cluster/bin:/usr/sbin:/usr/bin:/sbin:/bin";
const UNIT: &str = "[Service]\nExecStart=/usr/bin/steadfast node\nRestart=always\n";
const STAND_INS: [(&str, &str); 4] = [
    ("local/bin/systemctl", include_str!("stand_ins/systemctl")),
    ("local/bin/journalctl", include_str!("stand_ins/journalctl")),
    ("local/bin/scp", include_str!("stand_ins/scp")),
    ("sbin/fence_ipmilan", include_str!("stand_ins/fence_ipmilan")),
];

/// What a script said.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: i32,
    /// Standard output and standard error as they came.
    pub(crate) text: String,
}

impl Said {
    /// The text of a script that must have ended well.
    #[track_caller]
    pub(crate) fn good(self) -> String {
        assert_eq!(self.code, 0, "ended with {}:\n{}", self.code, self.text);
        self.text
    }

    /// The text of a script that must have ended with this code and have said this.
    #[track_caller]
    pub(crate) fn refused(self, code: i32, sentence: &str) -> String {
        assert_eq!(self.code, code, "ended with {}:\n{}", self.code, self.text);
        assert!(self.text.contains(sentence), "{sentence:?} is not in:\n{}", self.text);
        self.text
    }
}

/// One machine.
struct Machine {
    address: String,
    setup: String,
    space: Option<Space>,
}

struct Inner {
    folder: tempfile::TempDir,
    machines: BTreeMap<String, Machine>,
    wire: Option<Wire>,
    /// Last: its devices are free once the machines are gone.
    _disk: Disk,
}

/// Machines on one network.
pub(crate) struct Lab {
    inner: Arc<Mutex<Inner>>,
    folder: PathBuf,
    ends: Arc<AtomicBool>,
    power: Option<JoinHandle<()>>,
}

fn http() -> &'static Path {
    Path::new(env!("CARGO_BIN_EXE_hosts-http"))
}

/// The program under test, built beside the test.
pub(crate) fn steadfast() -> Result<PathBuf> {
    let path = http().with_file_name("steadfast");
    if !path.exists() {
        bail!("{} is not there: cargo build -p steadfast", path.display());
    }
    Ok(path)
}

impl Lab {
    /// Machines by name and address (`10.77.0.1`). Each has `/root/download/steadfast`, and, unless it is bare, what an installation makes of it.
    pub(crate) fn start(machines: &[(&str, &str)]) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("lab").tempdir_in("/dev/shm")?;
        let path = folder.path().to_owned();
        for name in ["parcels", "power"] {
            fs::create_dir(path.join(name))?;
            fs::set_permissions(path.join(name), fs::Permissions::from_mode(0o777))?;
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        let disk = Disk::make(&path, machines.len())?;
        let mut all = BTreeMap::new();
        for (at, (name, address)) in machines.iter().enumerate() {
            let root = path.join(name);
            furnish(&root, disk.device(at))?;
            let setup = setup(&root);
            let machine = Machine { address: (*address).to_owned(), setup, space: None };
            all.insert((*name).to_owned(), machine);
        }
        let wire = Some(Wire::start(http())?);
        let inner = Inner { folder, machines: all, wire, _disk: disk };
        let inner = Arc::new(Mutex::new(inner));
        let ends = Arc::new(AtomicBool::new(false));
        let power = std::thread::spawn({
            let (inner, ends, folder) = (Arc::clone(&inner), Arc::clone(&ends), path.join("power"));
            move || {
                while !ends.load(Ordering::Relaxed) {
                    serve_power(&inner, &folder);
                    std::thread::sleep(LOOK_AGAIN);
                }
            }
        });
        let lab = Self { inner, folder: path, ends, power: Some(power) };
        for (name, _) in machines {
            lab.lock().boot(name)?;
        }
        Ok(lab)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a script on a machine to its end, as root in an interactive shell's directory.
    pub(crate) fn sh(&self, machine: &str, script: &str) -> Said {
        let mut command = {
            let inner = self.lock();
            let space = inner.machines.get(machine).and_then(|m| m.space.as_ref());
            let space = space.unwrap_or_else(|| panic!("{machine} is off: {script}"));
            let script = format!("exec 2>&1\ncd /root/download\n{script}");
            space.command(&["timeout", "-s", "KILL", SCRIPT_S_MAX, "/bin/bash", "-c", &script])
        };
        command.env_clear().env("PATH", PATH).env("HOME", "/root").env("LAB", &self.folder);
        command.env("LC_ALL", "C.UTF-8").env("DEBIAN_FRONTEND", "noninteractive");
        let out = command.stdin(Stdio::null()).output().unwrap_or_else(|e| panic!("nsenter: {e}"));
        self.carry_parcels().unwrap_or_else(|e| panic!("{e:#}"));
        let text = String::from_utf8_lossy(&out.stdout).into_owned();
        let rest = String::from_utf8_lossy(&out.stderr);
        Said { code: out.status.code().unwrap_or(-1), text: text + &rest }
    }

    /// Makes of a machine what sections 1 and 3 of `docs/two-nodes.md` make of it, and starts its node with this configuration.
    pub(crate) fn install(&self, machine: &str, node_toml: &str) -> Result<()> {
        self.put(machine, "/etc/steadfast/node.toml", node_toml)?;
        self.put(machine, "/etc/systemd/system/steadfast-node.service", UNIT)?;
        let script = "ln -sf $(readlink -f steadfast) /usr/bin/steadfast
            for c in scrgadm scswitch scstat pmfadm scha_control scha_cluster_get scha_resource_get \
                scha_resourcegroup_get scha_resourcetype_get scha_resource_setstatus
            do ln -sf steadfast /usr/bin/$c; done
            groupadd --system steadfast && systemctl enable --now steadfast-node";
        self.sh(machine, script).good();
        Ok(())
    }

    /// The folder that all machines and this test see.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// A name for its cluster that no other lab has: control groups are of the whole machine.
    pub(crate) fn cluster_name(&self) -> String {
        self.folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    /// Waits until these nodes are members, as `machine` sees it.
    #[track_caller]
    pub(crate) fn members(&self, machine: &str, nodes: &[&str]) {
        self.until(machine, "scha_cluster_get -O NODENAME_LOCAL >/dev/null && scstat -n", |said| {
            let is_online =
                |node: &&str| said.lines().any(|l| l.contains(*node) && l.contains("Online"));
            nodes.iter().all(is_online)
        });
    }

    /// Writes a file on a machine.
    pub(crate) fn put(&self, machine: &str, path: &str, text: &str) -> Result<()> {
        let at = self.file(machine, path)?;
        fs::create_dir_all(at.parent().context("no folder")?)?;
        fs::write(&at, text).with_context(|| at.display().to_string())
    }

    /// A file of a machine that is on, as a path here.
    pub(crate) fn file(&self, machine: &str, path: &str) -> Result<PathBuf> {
        let inner = self.lock();
        let machine = inner.machines.get(machine).context("no such machine")?;
        Ok(machine.space.as_ref().context("is off")?.path(path))
    }

    /// Waits until a script ends well and says what `fits`.
    #[track_caller]
    pub(crate) fn until(&self, machine: &str, script: &str, fits: impl Fn(&str) -> bool) -> String {
        let mut last = String::new();
        let waited = wait_for(script, Duration::from_secs(45), || {
            let said = self.sh(machine, script);
            last.clone_from(&said.text);
            if said.code == 0 && fits(&said.text) {
                Ok(Some(()))
            } else {
                std::thread::sleep(LOOK_AGAIN * 5);
                Ok(None)
            }
        });
        assert!(waited.is_ok(), "{script}: it still says:\n{last}");
        last
    }

    fn carry_parcels(&self) -> Result<()> {
        for parcel in fs::read_dir(self.folder.join("parcels"))? {
            let parcel = parcel?.path();
            let of = |name: &str| fs::read_to_string(parcel.join(name));
            let (Ok(host), Ok(path)) = (of("host"), of("path")) else { continue };
            let inner = self.lock();
            let space = inner.machines.get(host.trim()).and_then(|m| m.space.as_ref());
            let space = space.with_context(|| format!("scp to {host}"))?;
            space.run(&format!("cp -a {}/content/* {}", parcel.display(), path.trim()))?;
            fs::remove_dir_all(&parcel)?;
        }
        Ok(())
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Relaxed);
        if let Some(power) = self.power.take() {
            let _ = power.join();
        }
        if std::env::var_os("LAB_KEEP").is_some() {
            let inner = self.lock();
            for (name, machine) in &inner.machines {
                let Some(space) = &machine.space else { continue };
                let log = space.run("for log in /var/log/steadfast-*.log; do echo == $log; grep -v 'others are asked' $log | tail -n 60; done; steadfast cluster check; steadfast group explain web").unwrap_or_default();
                eprintln!("--- logs of {name}\n{log}");
            }
        }
        let mut inner = self.lock();
        for machine in inner.machines.values_mut() {
            machine.space = None;
        }
        inner.wire = None;
        let _ = inner.folder.path();
    }
}

impl Inner {
    fn boot(&mut self, name: &str) -> Result<()> {
        let machine = self.machines.get_mut(name).context("no such machine")?;
        let space = Space::start(name, http(), &machine.setup)?;
        if let Some(wire) = &self.wire {
            wire.attach(&space, &machine.address)?;
        }
        space.run("systemctl boot")?;
        machine.space = Some(space);
        Ok(())
    }

    fn switch(&mut self, controller: &str, action: &str) -> Result<String> {
        let address = controller.replace("10.77.1.", "10.77.0.");
        let name = self.machines.iter().find(|(_, m)| m.address == address).map(|(n, _)| n.clone());
        let name = name.with_context(|| format!("no machine behind {controller}"))?;
        let is_on = self.machines.get(&name).is_some_and(|m| m.space.is_some());
        match (action, is_on) {
            ("off" | "reboot", true) => {
                if let Some(machine) = self.machines.get_mut(&name) {
                    machine.space = None;
                }
                if action == "reboot" {
                    self.boot(&name)?;
                }
                Ok("Success: Powered OFF".to_owned())
            }
            ("on", false) => {
                self.boot(&name)?;
                Ok("Success: Powered ON".to_owned())
            }
            ("status", _) => Ok(format!("Status: {}", if is_on { "ON" } else { "OFF" })),
            ("on", true) => Ok("Success: Already ON".to_owned()),
            ("off", false) => Ok("Success: Already OFF".to_owned()),
            (other, _) => bail!("unknown action {other}"),
        }
    }
}

fn serve_power(inner: &Mutex<Inner>, folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.extension().is_none_or(|e| e != "ask") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap_or_default();
        let _ = fs::remove_file(&path);
        let Some((controller, action)) = text.trim().split_once(' ') else { continue };
        let said = inner.lock().unwrap_or_else(PoisonError::into_inner).switch(controller, action);
        let said = said.unwrap_or_else(|error| format!("{error:#}"));
        let draft = path.with_extension("draft");
        let _ = fs::write(&draft, said + "\n")
            .and_then(|()| fs::rename(&draft, path.with_extension("done")));
    }
}

/// What a machine's disk holds before it is first switched on.
fn furnish(root: &Path, device: &str) -> Result<()> {
    for folder in OWN_FOLDERS {
        fs::create_dir_all(root.join(folder).join("upper"))?;
        fs::create_dir_all(root.join(folder).join("work"))?;
    }
    let lab = root.parent().context("no folder")?.display().to_string();
    for (path, text) in STAND_INS {
        let at = root.join("usr/upper").join(path);
        fs::create_dir_all(at.parent().context("no folder")?)?;
        fs::write(&at, text.replace("$LAB", &lab))?;
        fs::set_permissions(&at, fs::Permissions::from_mode(0o755))?;
    }
    let download = root.join("root/upper/download");
    fs::create_dir_all(&download)?;
    symlink(steadfast()?, download.join("steadfast"))?;
    fs::create_dir_all(root.join("disk/by-id"))?;
    let name = Path::new(SHARED_DISK).file_name().context("no name")?;
    symlink(device, root.join("disk/by-id").join(name))?;
    // What this machine has of its own is not the lab's.
    fs::write(root.join("etc/upper/hosts"), "127.0.0.1 localhost\n")?;
    fs::write(root.join("etc/upper/fstab"), "")?;
    Ok(())
}

fn setup(root: &Path) -> String {
    let mut script = String::new();
    for folder in OWN_FOLDERS {
        let at = root.join(folder);
        let at = at.display();
        script += &format!(
            "mount -t overlay own -o lowerdir=/{folder},upperdir={at}/upper,workdir={at}/work /{folder}\n"
        );
    }
    script += "mount -t tmpfs run /run\nmkdir -p /run/lock /run/mount /dev/disk\n";
    script += &format!("mount --bind {}/disk /dev/disk\n", root.display());
    script += "mkdir /run/cg\nmount --rbind /sys/fs/cgroup /run/cg\nmount -t sysfs sysfs /sys\nmount --move /run/cg /sys/fs/cgroup\n";
    script
}
