//! A server process of our own making: started in a process group, its output kept, ended by its own id and no other.
//!
//! Ends with the test, whatever the test does. Never touches a process it did not start.

use anyhow::{Context, Result, bail, ensure};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How often a wait looks again.
const POLL: Duration = Duration::from_millis(5);
/// Lines of the log that a failure shows.
const LOG_LINES: usize = 40;

/// A running child with its log.
pub struct Process {
    child: Child,
    log: PathBuf,
    name: String,
}

/// What a process and its children have used and hold.
#[derive(Clone, Copy, Debug, Default)]
pub struct Usage {
    /// CPU time, user and system.
    pub cpu: Duration,
    /// Proportional set size in bytes.
    pub pss_bytes: u64,
}

impl Process {
    /// Starts a program; its output is appended to `log`.
    pub fn start(mut command: Command, log: &Path) -> Result<Self> {
        let name = command.get_program().to_string_lossy().into_owned();
        let out = std::fs::OpenOptions::new().create(true).append(true).open(log)?;
        command.stdin(Stdio::null()).stdout(out.try_clone()?).stderr(out).process_group(0);
        let child = command.spawn().with_context(|| format!("starting {name}"))?;
        Ok(Self { child, log: log.to_owned(), name })
    }
    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
    /// Waits until it accepts connections, or says why it does not.
    pub fn wait_until_listening(&mut self, address: SocketAddr, limit: Duration) -> Result<()> {
        let deadline = Instant::now() + limit;
        loop {
            if TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok() {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended with {status} before it listened\n{}", self.name, self.log_tail());
            }
            ensure!(
                Instant::now() < deadline,
                "{} does not listen on {address} after {limit:?}\n{}",
                self.name,
                self.log_tail()
            );
            std::thread::sleep(POLL);
        }
    }
    /// The last lines it wrote.
    pub fn log_tail(&self) -> String {
        let text = std::fs::read(&self.log).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
    }
    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
    fn id(&self) -> Option<Pid> {
        Pid::from_raw(i32::try_from(self.child.id()).ok()?)
    }
    /// SIGKILL to the process and its group; returns when it is gone.
    pub fn kill(&mut self) -> Result<()> {
        if self.is_running()
            && let Some(pid) = self.id()
        {
            // The group first, so that no child outlives it; both may be gone already.
            let _ = kill_process_group(pid, Signal::KILL);
            let _ = kill_process(pid, Signal::KILL);
        }
        self.child.wait().context("waiting for the killed process")?;
        Ok(())
    }
    /// SIGTERM; returns its exit status, an error when it is still there at the limit.
    pub fn terminate(&mut self, limit: Duration) -> Result<ExitStatus> {
        if let Some(pid) = self.id() {
            let _ = kill_process(pid, Signal::TERM);
        }
        let deadline = Instant::now() + limit;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            ensure!(Instant::now() < deadline, "{} ignores SIGTERM for {limit:?}", self.name);
            std::thread::sleep(POLL);
        }
    }
    /// CPU and memory of it and all its descendants.
    pub fn usage(&self) -> Usage {
        let mut usage = Usage::default();
        for pid in descendants(self.child.id()) {
            usage.cpu += cpu_time(pid);
            usage.pss_bytes += pss_bytes(pid);
        }
        usage
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Err(e) = self.kill() {
            eprintln!("could not end {}: {e:#}", self.name);
        }
        if std::thread::panicking() {
            eprintln!("--- the last lines of {} ---\n{}", self.name, self.log_tail());
        }
    }
}

/// A TCP port of the loopback address that was free a moment ago.
pub fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn stat_fields(pid: u32) -> Option<Vec<u64>> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The command name is in parentheses and may hold anything.
    let rest = stat.rsplit_once(')')?.1;
    Some(rest.split_whitespace().map(|f| f.parse().unwrap_or(0)).collect())
}

fn descendants(root: u32) -> Vec<u32> {
    let mut parents = Vec::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
        if let Some(fields) = stat_fields(pid) {
            parents.push((pid, u32::try_from(fields[1]).unwrap_or(0)));
        }
    }
    let mut found = vec![root];
    let mut at = 0;
    while let Some(&parent) = found.get(at) {
        found.extend(parents.iter().filter(|(_, p)| *p == parent).map(|(pid, _)| *pid));
        at += 1;
    }
    found
}

/// CPU time of all threads, living and ended, in the kernel's ticks of 10 ms.
fn cpu_time(pid: u32) -> Duration {
    let Some(fields) = stat_fields(pid) else { return Duration::ZERO };
    // Fields 14 and 15 of proc(5), counted from the state, which is field 3.
    let ticks = fields.get(11).unwrap_or(&0) + fields.get(12).unwrap_or(&0);
    Duration::from_millis(ticks * 10)
}

fn pss_bytes(pid: u32) -> u64 {
    let rollup = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = rollup.lines().find_map(|l| l.strip_prefix("Pss:")).unwrap_or("0");
    line.split_whitespace().next().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0) * 1024
}
