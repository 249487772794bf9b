//! Stopping everything a node runs, without its daemon: every process it ever started, then every claim its methods left.
//!
//! Used by the guard when the daemon is dead or silent, and by the daemon itself when the guard is. Never gives up early: it says what is
//! left when the time is over, so that the machine can be reset.

use crate::clock;
use node_api::claim::{Claim, Claims};
use rustix::process::{Pid, Signal, WaitOptions, getpid, kill_process, wait};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Between two looks at what still lives. Death by SIGKILL takes about this long.
const LOOK_AGAIN: Duration = Duration::from_millis(1);

/// Undoes one claim. Must be idempotent: it may have been undone already.
pub type Undo = fn(&Claim) -> Result<(), String>;

/// Where a node's traces are.
#[derive(Clone, Debug)]
pub struct Traces {
    /// The cgroup under which the daemon made all others, if it could.
    pub cgroup: Option<PathBuf>,
    /// The claims folder.
    pub claims: PathBuf,
    /// Undoes a claim.
    pub undo: Undo,
}

/// What could not be stopped in time, a sentence each; empty: everything is stopped.
pub fn stop_everything(traces: &Traces, until: Duration) -> Vec<String> {
    let mut left = kill_descendants(traces.cgroup.as_deref(), until);
    if left.is_empty() {
        left = undo_claims(traces, until);
    }
    left
}

/// Kills all descendants of this process (which must be their subreaper) until none is left or the time is over.
fn kill_descendants(cgroup: Option<&Path>, until: Duration) -> Vec<String> {
    loop {
        if let Some(cgroup) = cgroup {
            // Absent when the daemon could make no cgroup; the walk below kills the same processes, only not at one blow.
            let _ = fs::write(cgroup.join("cgroup.kill"), "1");
        }
        let living = descendants();
        for process in &living {
            // It may have died since.
            let _ = kill_process(process.pid, Signal::KILL);
        }
        while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
        if living.is_empty() {
            return Vec::new();
        }
        if clock::boot() >= until {
            return living.into_iter().map(|p| p.sentence()).collect();
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// A process below this one.
struct Process {
    pid: Pid,
    name: String,
    state: char,
}

impl Process {
    fn sentence(&self) -> String {
        let Self { pid, name, state } = self;
        format!("process {} ({name}) does not die, state {state}", pid.as_raw_nonzero())
    }
}

/// All living processes below this one, by `/proc`. Zombies do not count: they run nothing.
fn descendants() -> Vec<Process> {
    let mut children: BTreeMap<i32, Vec<(i32, String, char)>> = BTreeMap::new();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    for pid in entries.filter_map(|e| e.file_name().to_str()?.parse::<i32>().ok()) {
        let Some((name, state, parent)) = read_stat(pid) else { continue };
        children.entry(parent).or_default().push((pid, name, state));
    }
    let mut found = Vec::new();
    let mut open = vec![getpid().as_raw_nonzero().get()];
    while let Some(parent) = open.pop() {
        for (pid, name, state) in children.remove(&parent).unwrap_or_default() {
            open.push(pid);
            if let (false, Some(pid)) = (matches!(state, 'Z' | 'X'), Pid::from_raw(pid)) {
                found.push(Process { pid, name, state });
            }
        }
    }
    found
}

/// Name, state and parent from `/proc/PID/stat`. The name may hold anything, so it is cut at the last `)`.
fn read_stat(pid: i32) -> Option<(String, char, i32)> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (head, tail) = stat.rsplit_once(')')?;
    let name = head.split_once('(')?.1.to_owned();
    let mut fields = tail.split_whitespace();
    Some((name, fields.next()?.chars().next()?, fields.next()?.parse().ok()?))
}

/// Undoes all claims, newest first, and tries again what failed until the time is over.
fn undo_claims(traces: &Traces, until: Duration) -> Vec<String> {
    loop {
        let left = undo_once(traces);
        if left.is_empty() || clock::boot() >= until {
            return left;
        }
        std::thread::sleep(LOOK_AGAIN * 10);
    }
}

fn undo_once(traces: &Traces) -> Vec<String> {
    let found = match Claims::open(&traces.claims).and_then(|claims| claims.all()) {
        Ok(found) => found,
        Err(error) => return vec![format!("{}: {error}", traces.claims.display())],
    };
    let mut left = Vec::new();
    for (file, claim) in found {
        let undone = claim.and_then(|claim| (traces.undo)(&claim));
        match undone {
            Ok(()) => {
                // What is undone twice does no harm.
                let _ = fs::remove_file(&file);
            }
            Err(why) => left.push(format!("{}: {why}", file.display())),
        }
    }
    left
}
