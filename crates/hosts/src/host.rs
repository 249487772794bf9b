//! A host: a space with files of its own where programs keep what is a machine's: `/etc/fstab`, `/etc/hosts`, `/run`, `/var/lib`, `/var/log`, `/dev/shm`, `/mnt`. What is under
//! `/run` ends with it; the rest outlives its death, as a machine's disk does.

use crate::space::Space;
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// Where the shared disk is mounted on whichever host has it.
pub const SHARED: &str = "/mnt/shared";

/// One host.
#[derive(Debug)]
pub struct Host {
    name: String,
    address: String,
    /// Its files.
    root: PathBuf,
    /// The rig's folder, which all hosts see.
    base: PathBuf,
    init: PathBuf,
    wire: u32,
    space: Option<Space>,
}

/// What a host needs to know of the world.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// The rig's folder.
    pub base: PathBuf,
    /// The program `hosts-http`.
    pub init: PathBuf,
    /// Text of `/etc/hosts`.
    pub hosts: String,
    /// Process 1 of the bridge's space.
    pub wire: u32,
}

impl Host {
    /// A host that does not run yet; `device` is its way to the shared disk, if it has one.
    pub fn new(
        name: &str,
        address: &str,
        device: Option<&str>,
        around: &Surroundings,
    ) -> Result<Self> {
        let root = around.base.join(name);
        for folder in ["run", "lib", "log", "corosync", "keep", "upper", "work"] {
            fs::create_dir_all(root.join(folder))?;
        }
        fs::write(root.join("hosts"), &around.hosts)?;
        let line = device.map(|d| format!("{d} {SHARED} ext4 noauto 0 0\n"));
        fs::write(root.join("fstab"), line.unwrap_or_default())?;
        Ok(Self {
            name: name.to_owned(),
            address: address.to_owned(),
            root,
            base: around.base.clone(),
            init: around.init.clone(),
            wire: around.wire,
            space: None,
        })
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its address.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The folder with its files.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Whether it runs.
    pub const fn is_up(&self) -> bool {
        self.space.is_some()
    }

    /// Its space; an error when it is down.
    pub fn space(&self) -> Result<&Space> {
        self.space.as_ref().with_context(|| format!("{} is down", self.name))
    }

    /// Starts it; it has no cable yet.
    pub fn boot(&mut self) -> Result<&Space> {
        let run = self.root.join("run");
        fs::remove_dir_all(&run)?;
        for folder in ["lock", "mount", "steadfast", "crm", "resource-agents"] {
            fs::create_dir_all(run.join(folder))?;
        }
        let (base, root) = (self.base.display(), self.root.display());
        // The rig's folder is under /dev/shm, of which each host has its own.
        let setup = format!(
            "mount --bind {base} /mnt\nmount -t tmpfs shm /dev/shm\nmkdir -p {base}\nmount --move /mnt {base}\n\
             mount -t tmpfs mnt /mnt\nmkdir {SHARED}\n\
             mount --bind {root}/hosts /etc/hosts\nmount --bind {root}/fstab /etc/fstab\n\
             mount --bind {root}/run /run\nmount --bind {root}/lib /var/lib\nmount --bind {root}/log /var/log\n\
             mkdir /mnt/cg\nmount --rbind /sys/fs/cgroup /mnt/cg\nmount -t sysfs sysfs /sys\nmount --move /mnt/cg /sys/fs/cgroup\n"
        );
        let space = Space::start(&self.name, &self.init, &setup)?;
        fs::write(self.base.join(format!("{}.init", self.name)), space.init().to_string())?;
        Ok(self.space.insert(space))
    }

    /// Ends it at one blow. Its cable goes with it: a network namespace still answers for its addresses for a while after its last process.
    pub fn die(&mut self) {
        if let Some(space) = self.space.take() {
            space.strike();
            let (wire, port) = (self.wire.to_string(), crate::wire::port(&self.name));
            // A port that is gone already is as good.
            let _ = crate::shell::run(&[
                "nsenter", "-t", &wire, "-n", "--", "ip", "link", "del", &port,
            ]);
        }
    }
}
