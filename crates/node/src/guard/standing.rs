//! What makes the guard harder to stop than what it guards: locked in memory, first in line for the processor, last for the killer of
//! processes when memory runs out. Each needs rights, and is worth having alone.
//!
//! None of it may reach the daemon and the services: memory locks end with fork, the others are taken back around it.

use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::setpriority_process;
use rustix::process::{geteuid, getpid, getpriority_process, set_child_subreaper};
use std::fs;

/// Before everybody else.
const NICE: i32 = -20;
const OOM_FILE: &str = "/proc/self/oom_score_adj";
/// Never chosen.
const OOM_NEVER: &str = "-1000";
/// For the daemon, whose death is a failover: chosen late. Keepers set themselves back to 0.
const OOM_LATE: &str = "-900";

/// How the guard stood before.
#[derive(Debug)]
pub(super) struct Standing {
    nice: i32,
    oom: Option<String>,
}

impl Standing {
    /// Remembers how this process stands, and raises it.
    pub(super) fn raise() -> Self {
        let _ = set_child_subreaper(Some(getpid()));
        let nice = getpriority_process(None).unwrap_or(0);
        let oom = fs::read_to_string(OOM_FILE).ok().map(|text| text.trim().to_owned());
        // Under a limit, memory asked for later would be refused instead of locked.
        let future =
            if geteuid().is_root() { MlockAllFlags::FUTURE } else { MlockAllFlags::empty() };
        let _ = mlockall(MlockAllFlags::CURRENT | future);
        let standing = Self { nice, oom };
        standing.up();
        standing
    }

    fn up(&self) {
        let _ = setpriority_process(None, NICE);
        let _ = fs::write(OOM_FILE, OOM_NEVER);
    }

    /// Starts something that shall inherit none of it.
    pub(super) fn as_anybody<T>(&self, start: impl FnOnce() -> T) -> T {
        let _ = setpriority_process(None, self.nice);
        if let Some(oom) = &self.oom {
            let _ = fs::write(OOM_FILE, oom);
        }
        let started = start();
        self.up();
        started
    }
}

/// The daemon's own standing: it may be killed for memory, but late.
pub(crate) fn of_daemon() {
    let _ = fs::write(OOM_FILE, OOM_LATE);
}
