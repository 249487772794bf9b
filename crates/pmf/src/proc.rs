//! Processes as `/proc` shows them: who descends from whom, and signals that reach exactly those meant.
//!
//! A process is named by its number and its start time together, so that a number used again is never mistaken. Everything
//! here reads files and may take milliseconds: callers in a runtime put it on a blocking thread.

use std::collections::{HashMap, HashSet};

use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open, pidfd_send_signal};
use serde::{Deserialize, Serialize};

use crate::sys;

/// Most processes of one tree that are looked at.
const MEMBERS_MAX: usize = 65_536;

/// One process at the moment of reading.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Process {
    /// Its number.
    pub pid: i32,
    /// Its parent's number.
    pub parent: i32,
    /// Its process group.
    pub group: i32,
    /// Its session.
    pub session: i32,
    /// When it started, in clock ticks since boot.
    pub started: u64,
    /// The kernel's letter: `R`, `S`, `D` (waits for a disk or a dead mount and cannot be killed), `Z`, `T`, …
    pub state: char,
    /// The name of its program, at most 15 bytes.
    pub name: String,
}

impl Process {
    /// Whether it is dead and only waits to be reaped.
    pub fn is_zombie(&self) -> bool {
        matches!(self.state, 'Z' | 'X')
    }
}

/// Those who are still there after all was tried.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Survivors {
    /// The survivors; empty only when they could not be read.
    pub processes: Vec<Process>,
}

impl std::fmt::Display for Survivors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} processes are still there:", self.processes.len())?;
        for process in self.processes.iter().take(20) {
            write!(f, " {} ({}, state {})", process.pid, process.name, process.state)?;
        }
        if self.processes.iter().any(|process| process.state == 'D') {
            write!(f, "; state D waits inside the kernel, see what disk or mount does not answer")?;
        }
        Ok(())
    }
}

/// One process, or `None` when there is none of that number.
pub(crate) fn read(pid: i32) -> Option<Process> {
    parse(&std::fs::read(format!("/proc/{pid}/stat")).ok()?)
}

/// `proc_pid_stat(5)`. The name may contain anything, brackets too, so the last bracket ends it.
fn parse(stat: &[u8]) -> Option<Process> {
    let open = stat.iter().position(|byte| *byte == b'(')?;
    let close = stat.iter().rposition(|byte| *byte == b')')?;
    let pid = std::str::from_utf8(&stat[..open]).ok()?.trim().parse().ok()?;
    let name = String::from_utf8_lossy(stat.get(open + 1..close)?).into_owned();
    let rest = std::str::from_utf8(stat.get(close + 1..)?).ok()?;
    let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
    Some(Process {
        pid,
        name,
        state: fields.first()?.chars().next()?,
        parent: fields.get(1)?.parse().ok()?,
        group: fields.get(2)?.parse().ok()?,
        session: fields.get(3)?.parse().ok()?,
        started: fields.get(19)?.parse().ok()?,
    })
}

/// All processes we may see.
pub(crate) fn all() -> Vec<Process> {
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter_map(read).collect()
}

/// The descendants of `root` among `processes`, parents before children; `root` itself is not among them.
pub(crate) fn descent_in(root: i32, processes: Vec<Process>) -> Vec<Process> {
    let mut children: HashMap<i32, Vec<Process>> = HashMap::new();
    for process in processes {
        children.entry(process.parent).or_default().push(process);
    }
    let mut found: Vec<Process> = Vec::new();
    let mut next = vec![root];
    while let Some(parent) = next.pop() {
        for process in children.remove(&parent).unwrap_or_default() {
            if process.pid != root && found.len() < MEMBERS_MAX {
                next.push(process.pid);
                found.push(process);
            }
        }
    }
    found
}

/// The descendants of `root`, now.
pub(crate) fn descent(root: i32) -> Vec<Process> {
    descent_in(root, all())
}

/// Sends a signal to exactly this process; false when it is gone, another has its number, or we may not.
pub(crate) fn signal(process: &Process, number: i32) -> bool {
    let (Some(pid), Some(signal)) = (Pid::from_raw(process.pid), sys::signal(number)) else {
        return false;
    };
    let Ok(pidfd) = pidfd_open(pid, PidfdFlags::empty()) else { return false };
    // The descriptor stands for whoever has the number now: it must still be the one that was read.
    read(process.pid).is_some_and(|now| now.started == process.started)
        && pidfd_send_signal(&pidfd, signal).is_ok()
}

/// Sends a signal to every living descendant of `root`; says how many got it.
pub(crate) fn signal_descent(root: i32, number: i32) -> usize {
    let members = descent(root);
    members.iter().filter(|process| !process.is_zombie() && signal(process, number)).count()
}

/// Kills every descendant of `root` that can be found: all are stopped first, so that none forks away while the next is
/// looked for; then all are killed. Those that became descendants meanwhile are found by the caller's next call.
pub(crate) fn kill_descent(root: i32) {
    const ROUNDS_MAX: usize = 16;
    let mut stopped: HashSet<(i32, u64)> = HashSet::new();
    let mut members = Vec::new();
    for _ in 0..ROUNDS_MAX {
        members = descent(root);
        let mut is_complete = true;
        for process in members.iter().filter(|process| !process.is_zombie()) {
            if stopped.insert((process.pid, process.started)) {
                is_complete = false;
                signal(process, libc::SIGSTOP);
            }
        }
        if is_complete {
            break;
        }
    }
    for process in members.iter().filter(|process| !process.is_zombie()) {
        signal(process, libc::SIGKILL);
    }
    // Who forks and ends faster than it can be looked up is still in its group, and a group dies at once. Groups lie within
    // sessions, and sessions within the tree; only the keeper's own group holds others.
    let groups: HashSet<i32> = members.iter().map(|process| process.group).collect();
    for group in groups.into_iter().filter(|group| *group != root && *group > 1) {
        if let Some(group) = Pid::from_raw(group) {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(pid: i32, parent: i32) -> Process {
        Process { pid, parent, group: 1, session: 1, started: 1, state: 'S', name: String::new() }
    }

    #[test]
    fn a_name_with_brackets_and_blanks_does_not_confuse_the_fields() {
        let line = b"42 (a) S 9 (b) S 7 42 41 0 -1 1 2 3 4 5 6 7 8 9 20 0 1 0 5555 1 1\n";
        let process = parse(line).unwrap();
        assert_eq!((process.pid, process.parent, process.session), (42, 7, 41));
        assert_eq!((process.name.as_str(), process.state), ("a) S 9 (b", 'S'));
        assert_eq!(process.started, 5555);
    }

    #[test]
    fn damaged_lines_are_no_process() {
        for line in [&b""[..], b"42", b"42 (", b"42 ()", b"x (a) S 1 2 3", b") (", b"1 (\xff) S 1"]
        {
            assert_eq!(parse(line), None, "{line:?}");
        }
    }

    #[test]
    fn descent_holds_children_of_children_and_nobody_else() {
        let all = vec![process(2, 1), process(5, 4), process(4, 2), process(3, 1), process(9, 8)];
        let mut found: Vec<i32> = descent_in(2, all).iter().map(|process| process.pid).collect();
        found.sort_unstable();
        assert_eq!(found, [4, 5]);
        assert_eq!(descent_in(7, vec![process(7, 7)]), []);
    }

    #[test]
    fn a_process_with_our_number_but_another_start_gets_no_signal() {
        let mut me = read(i32::try_from(std::process::id()).unwrap()).unwrap();
        me.started += 1;
        assert!(!signal(&me, libc::SIGKILL));
    }
}
