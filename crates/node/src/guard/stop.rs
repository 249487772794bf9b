//! Stopping everything a node runs, without its daemon: every process it ever started, then every claim its methods left.
//!
//! Used by the guard when the daemon is dead or silent, and by the daemon itself when the guard is. Never gives up early: it says what is
//! left when the time is over, so that the machine can be reset.

use crate::clock;
use node_api::claim::{Claim, Claims};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitOptions, getpid, pidfd_open, pidfd_send_signal, wait,
};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Between two looks at what still lives. Death by SIGKILL takes about this long.
const LOOK_AGAIN: Duration = Duration::from_millis(1);
/// First and longest pause before claims that could not be undone are tried again.
const UNDO_AGAIN: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(250));
/// Processes named one by one in a sentence.
const NAMED_MAX: usize = 5;

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

/// What could not be stopped in time, a sentence each; empty: everything is stopped. This process must be the subreaper of what it started;
/// wait statuses are left to those who wait for them.
pub fn stop_everything(traces: &Traces, until: Duration) -> Vec<String> {
    stop(traces, until, &mut || ())
}

/// The same for a process that waits for nothing else: the dead are reaped. `meanwhile` is called again and again.
pub(super) fn stop_adopted(
    traces: &Traces,
    until: Duration,
    meanwhile: &mut dyn FnMut(),
) -> Vec<String> {
    stop(traces, until, &mut || {
        meanwhile();
        while let Ok(Some(_)) = wait(WaitOptions::NOHANG) {}
    })
}

fn stop(traces: &Traces, until: Duration, meanwhile: &mut dyn FnMut()) -> Vec<String> {
    let left = kill_all(traces.cgroup.as_deref(), until, meanwhile);
    if left.is_empty() { undo_claims(traces, until, meanwhile) } else { left }
}

/// Kills all descendants of this process and all in the cgroup until none is left or the time is over.
fn kill_all(cgroup: Option<&Path>, until: Duration, meanwhile: &mut dyn FnMut()) -> Vec<String> {
    loop {
        let is_populated = cgroup.is_some_and(kill_cgroup);
        let living = below(getpid().as_raw_nonzero().get());
        for process in &living {
            process.kill();
        }
        meanwhile();
        if living.is_empty() && !is_populated {
            return Vec::new();
        }
        if clock::boot() >= until {
            return sentences(&living, cgroup.filter(|_| is_populated));
        }
        std::thread::sleep(LOOK_AGAIN);
    }
}

/// Kills at one blow what the daemon's trees hold, also what an earlier guard's daemon started. TRUE: somebody was still in it. Without a
/// cgroup the walk kills the same processes, one after the other.
fn kill_cgroup(cgroup: &Path) -> bool {
    let events = fs::read_to_string(cgroup.join("cgroup.events")).unwrap_or_default();
    let is_populated = events.lines().any(|line| line == "populated 1");
    if is_populated {
        let _ = fs::write(cgroup.join("cgroup.kill"), "1");
    }
    is_populated
}

fn sentences(living: &[Process], cgroup: Option<&Path>) -> Vec<String> {
    let mut said: Vec<String> = living.iter().take(NAMED_MAX).map(Process::sentence).collect();
    if living.len() > NAMED_MAX {
        said.push(format!("and {} more processes", living.len() - NAMED_MAX));
    }
    if let (true, Some(cgroup)) = (living.is_empty(), cgroup) {
        said.push(format!("processes in {} do not die", cgroup.display()));
    }
    said
}

/// A process, by its number and the time at which it began.
#[derive(Clone, Debug)]
pub(super) struct Process {
    pub(super) pid: i32,
    /// Clock ticks since the machine's start.
    pub(super) began: u64,
    name: String,
    state: char,
    parent: i32,
}

impl Process {
    pub(super) fn sentence(&self) -> String {
        let Self { pid, name, state, .. } = self;
        format!("process {pid} ({name}) does not die, state {state}")
    }

    /// A zombie runs nothing.
    pub(super) fn is_dead(&self) -> bool {
        matches!(self.state, 'Z' | 'X')
    }

    /// Sends SIGKILL, if the number still stands for this process.
    pub(super) fn kill(&self) {
        let Some(pid) = Pid::from_raw(self.pid) else { return };
        let Ok(pidfd) = pidfd_open(pid, PidfdFlags::empty()) else { return };
        if read_process(self.pid).is_some_and(|now| now.began == self.began) {
            // It may have died since.
            let _ = pidfd_send_signal(&pidfd, Signal::KILL);
        }
    }
}

/// All living processes below this one, by `/proc`.
pub(super) fn below(root: i32) -> Vec<Process> {
    let mut children: BTreeMap<i32, Vec<Process>> = BTreeMap::new();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    for pid in entries.filter_map(|e| e.file_name().to_str()?.parse::<i32>().ok()) {
        let Some(process) = read_process(pid) else { continue };
        children.entry(process.parent).or_default().push(process);
    }
    let mut found = Vec::new();
    let mut open = vec![root];
    while let Some(parent) = open.pop() {
        for process in children.remove(&parent).unwrap_or_default() {
            open.push(process.pid);
            if !process.is_dead() {
                found.push(process);
            }
        }
    }
    found
}

/// From `/proc/PID/stat`.
pub(super) fn read_process(pid: i32) -> Option<Process> {
    parse_stat(pid, &fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

/// The name may hold anything, so it is cut at the last `)`.
fn parse_stat(pid: i32, stat: &str) -> Option<Process> {
    let (head, tail) = stat.rsplit_once(')')?;
    let name = head.split_once('(')?.1.to_owned();
    let mut fields = tail.split_whitespace();
    let state = fields.next()?.chars().next()?;
    let parent = fields.next()?.parse().ok()?;
    // proc(5): starttime is field 22, parent field 4.
    let began = fields.nth(17)?.parse().ok()?;
    Some(Process { pid, began, name, state, parent })
}

/// Undoes all claims, newest first, and tries again what failed until the time is over.
fn undo_claims(traces: &Traces, until: Duration, meanwhile: &mut dyn FnMut()) -> Vec<String> {
    let mut pause = UNDO_AGAIN.0;
    loop {
        let left = undo_once(traces);
        meanwhile();
        let now = clock::boot();
        if left.is_empty() || now >= until {
            return left;
        }
        std::thread::sleep(pause.min(until - now));
        pause = (pause * 2).min(UNDO_AGAIN.1);
    }
}

fn undo_once(traces: &Traces) -> Vec<String> {
    let found = match Claims::open(&traces.claims).and_then(|claims| claims.all()) {
        Ok(found) => found,
        Err(error) => return vec![format!("{}: {error}", traces.claims.display())],
    };
    let mut left = Vec::new();
    for (file, claim) in found {
        let shown = file.display();
        let undone = match claim {
            Ok(claim) => (traces.undo)(&claim),
            Err(why) => Err(format!(
                "it says what must be undone and cannot be read ({why}): see to it by hand, then remove the file"
            )),
        };
        match undone {
            Ok(()) => {
                // What is undone twice does no harm.
                let _ = fs::remove_file(&file);
            }
            Err(why) => left.push(format!("{shown}: {why}")),
        }
    }
    left
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_read_whatever_its_name() {
        let stat = "12 (a) b (c) R 7 12 12 0 -1 4194560 96 0 0 0 0 0 0 0 20 0 1 0 4711 2523136 1";
        let found = parse_stat(12, stat).unwrap();
        assert_eq!((found.state, found.parent, found.began), ('R', 7, 4711));
        assert_eq!(found.name, "a) b (c");
        assert!(parse_stat(12, "12 (a").is_none());
    }

    #[test]
    fn this_process_is_below_its_parent() {
        let own = read_process(getpid().as_raw_nonzero().get()).unwrap();
        assert!(below(own.parent).iter().any(|p| p.pid == own.pid && p.began == own.began));
    }
}
