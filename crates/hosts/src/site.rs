//! The whole rig: two hosts, a witness, a client, the wire, the disk, the power switch. A site knows nothing of cluster managers.
//!
//! What an earlier rig left, because it was killed itself, is removed when the next one starts: hosts end with their rig, so only folders, loop devices and empty
//! cgroups can be left.

use crate::client::Client;
use crate::disk::{self, Disk};
use crate::host::{Host, SHARED, Surroundings};
use crate::ledger::{self, Findings};
use crate::power::{Power, SharedHost};
use crate::shell::wait_for;
use crate::space::{Process, Space};
use crate::wire::{Cut, Wire};
use anyhow::{Context, Result, ensure};
use rustix::process::Signal;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What the folders of rigs begin with; the process id of the rig and a number follow.
const FOLDER: &str = "/dev/shm/steadfast-hosts-";
/// The logical host.
pub const SERVICE_ADDRESS: &str = "10.77.0.100";
/// Where the service listens.
pub const SERVICE: &str = "10.77.0.100:8080";
/// Name of the logical host.
pub const SERVICE_NAME: &str = "web";
/// The hosts that run the service.
pub const HOSTS: [&str; 2] = ["n1", "n2"];
/// Their addresses, and last the witness's.
pub const ADDRESSES: [&str; 3] = ["10.77.0.1", "10.77.0.2", "10.77.0.3"];

/// The programs under test, as built.
#[derive(Clone, Debug)]
pub struct Programs {
    /// `steadfast`
    pub steadfast: PathBuf,
    /// `hosts-http`
    pub http: PathBuf,
}

/// The rig. Fields are dropped in this order.
pub struct Site {
    client: Client,
    hosts: Vec<SharedHost>,
    /// The fence agents' end.
    pub power: Power,
    outside: Space,
    witness: Space,
    wire: Wire,
    /// The shared disk.
    pub disk: Disk,
    /// Where the programs are, copied: another build must not change them under the rig.
    pub programs: Programs,
    number: u32,
    _folder: Folder,
}

/// The rig's folder.
struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Site {
    /// Starts everything but a cluster manager.
    pub fn start(built: &Programs) -> Result<Self> {
        clear_leftovers();
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let base = PathBuf::from(format!("{FOLDER}{}-{number}", std::process::id()));
        fs::create_dir_all(&base)?;
        let folder = Folder(base.clone());
        let programs = copy_programs(built, &base)?;
        let disk = Disk::make(&base, HOSTS.len())?;
        fs::write(base.join("observer"), b"")?;
        let wire = Wire::start(&programs.http)?;
        let mut lines = format!("127.0.0.1 localhost\n{SERVICE_ADDRESS} {SERVICE_NAME}\n");
        for (name, address) in HOSTS.iter().zip(ADDRESSES) {
            lines.push_str(&format!("{address} {name}\n"));
        }
        let around = Surroundings {
            base: base.clone(),
            init: programs.http.clone(),
            hosts: lines,
            wire: wire.init(),
        };
        let witness = Space::start("witness", &programs.http, "")?;
        wire.attach(&witness, ADDRESSES[2])?;
        fs::write(base.join("witness.init"), witness.init().to_string())?;
        let outside = Space::start("client", &programs.http, "")?;
        wire.attach(&outside, "10.77.0.9")?;
        let mut hosts = Vec::new();
        for (at, name) in HOSTS.iter().enumerate() {
            let host = Host::new(name, ADDRESSES[at], Some(disk.device(at)), &around)?;
            hosts.push(Arc::new(Mutex::new(host)));
        }
        let power = Power::start(base.join("power"), hosts.clone())?;
        let client = Client::start(&outside, SERVICE.parse()?)?;
        let site = Self {
            client,
            hosts,
            power,
            outside,
            witness,
            wire,
            disk,
            programs,
            number,
            _folder: folder,
        };
        for at in 0..HOSTS.len() {
            site.boot(at)?;
        }
        Ok(site)
    }

    /// A name of the rig, unique on the machine.
    pub fn unique(&self) -> String {
        format!("hosts{}x{}", std::process::id(), self.number)
    }

    /// The folder that all hosts see.
    pub fn base(&self) -> &Path {
        &self._folder.0
    }

    /// The files with the ids of process 1 of both hosts and the witness.
    pub fn inits(&self) -> Vec<PathBuf> {
        let names = HOSTS.iter().copied().chain(["witness"]);
        names.map(|name| self.base().join(format!("{name}.init"))).collect()
    }

    /// The client.
    pub const fn client(&self) -> &Client {
        &self.client
    }

    /// The witness.
    pub const fn witness(&self) -> &Space {
        &self.witness
    }

    /// Where the client is.
    pub const fn outside(&self) -> &Space {
        &self.outside
    }

    /// A host.
    pub fn host(&self, at: usize) -> MutexGuard<'_, Host> {
        self.hosts[at].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts a host and plugs it in.
    pub fn boot(&self, at: usize) -> Result<()> {
        let mut host = self.host(at);
        let address = host.address().to_owned();
        let space = host.boot()?;
        self.wire.attach(space, &address)
    }

    /// Ends a host at one blow.
    pub fn kill_host(&self, at: usize) {
        self.host(at).die();
    }

    /// Runs a script on a host.
    pub fn on(&self, at: usize, script: &str) -> Result<String> {
        self.host(at).space()?.run(script)
    }

    /// Processes on a host whose command line fits; none when it is down.
    pub fn find(&self, at: usize, fits: impl Fn(&[&str]) -> bool) -> Vec<Process> {
        self.host(at).space().map(|space| space.find(fits)).unwrap_or_default()
    }

    /// The service's process on a host.
    pub fn service(&self, at: usize) -> Result<Process> {
        let is_service = |argv: &[&str]| {
            argv.first().is_some_and(|p| p.ends_with("/hosts-http"))
                && argv.get(1) == Some(&"serve")
        };
        let found = self.find(at, is_service);
        found
            .into_iter()
            .next()
            .with_context(|| format!("the service does not run on {}", HOSTS[at]))
    }

    /// Cuts a host's cable, or mends it.
    pub fn cut(&mut self, at: usize, cut: Option<Cut>) -> Result<()> {
        self.wire.cut(HOSTS[at], cut)
    }

    /// Words of the command that is the service on a host.
    pub fn service_command(&self, node: &str) -> Vec<String> {
        let (http, observer) = (self.programs.http.display(), self.base().join("observer"));
        [
            http.to_string(),
            "serve".to_owned(),
            SERVICE.to_owned(),
            SHARED.to_owned(),
            node.to_owned(),
            observer.display().to_string(),
        ]
        .to_vec()
    }

    /// Which host serves the client, as of now; waits.
    pub fn serving(&self, patience: Duration) -> Result<usize> {
        let from = Instant::now();
        wait_for("the client is served", patience, || {
            let served = self.client.served_after(from);
            Ok(served.and_then(|s| HOSTS.iter().position(|name| *name == s.node)))
        })
    }

    /// Judges the log and the observer's file, while a host that has the disk mounted runs.
    pub fn judge(&self) -> Result<Findings> {
        let acknowledged = self.client.seen().acknowledged.clone();
        let at = self.serving(Duration::from_secs(20))?;
        let log = {
            let host = self.host(at);
            fs::read_to_string(host.space()?.path(&format!("{SHARED}/log")))
        };
        let log = log.with_context(|| format!("the log on {}", HOSTS[at]))?;
        let observer = fs::read_to_string(self.base().join("observer"))?;
        Ok(ledger::check(&log, &observer, &acknowledged))
    }

    /// Stops or continues processes.
    pub fn signal(&self, processes: &[Process], signal: Signal) -> Result<()> {
        ensure!(!processes.is_empty(), "there is no such process");
        processes.iter().for_each(|p| p.signal(signal));
        Ok(())
    }
}

/// Copies the programs, so that nobody replaces them during a run.
fn copy_programs(built: &Programs, base: &Path) -> Result<Programs> {
    let folder = base.join("bin");
    fs::create_dir_all(&folder)?;
    let copy = |from: &Path, name: &str| -> Result<PathBuf> {
        let to = folder.join(name);
        fs::copy(from, &to).with_context(|| format!("{}: build it first", from.display()))?;
        Ok(to)
    };
    Ok(Programs {
        steadfast: copy(&built.steadfast, "steadfast")?,
        http: copy(&built.http, "hosts-http")?,
    })
}

/// Removes what rigs left whose process is gone.
fn clear_leftovers() {
    let entries = fs::read_dir("/dev/shm").into_iter().flatten().flatten();
    for path in entries.map(|e| e.path()) {
        let text = path.to_string_lossy().into_owned();
        let Some(rest) = text.strip_prefix(FOLDER) else { continue };
        let rig = rest.split('-').next().unwrap_or_default();
        if !rig.is_empty() && !Path::new("/proc").join(rig).exists() {
            disk::detach_leftovers(&path);
            let _ = fs::remove_dir_all(&path);
        }
    }
}
