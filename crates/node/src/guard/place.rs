//! The guard's place: the run folder, which is one guard's at a time, and the note of who runs there, by which a guard that comes after a
//! killed one finds the daemon it left.
//!
//! It must never touch a process of which it is not sure: a number counts only with the time at which its process began.

use super::stop::{self, Process};
use crate::clock;
use rustix::fs::{FlockOperation, flock};
use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Between two looks at an earlier daemon that is being killed.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// A run folder that is ours until we end.
#[derive(Debug)]
pub(crate) struct Place {
    folder: PathBuf,
    /// Holds the lock; nobody inherits it.
    _lock: File,
}

impl Place {
    pub(crate) fn take(folder: &Path) -> Result<Self, String> {
        let path = folder.join("guard.lock");
        let shown = path.display();
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
        let lock = lock.map_err(|error| format!("{shown}: {error}"))?;
        if let Err(error) = flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            return Err(match error {
                rustix::io::Errno::WOULDBLOCK => format!(
                    "another guard runs with the run folder {}; a second node on this machine needs a run_dir of its own",
                    folder.display()
                ),
                error => format!("{shown}: {error}"),
            });
        }
        Ok(Self { folder: folder.to_owned(), _lock: lock })
    }

    /// Writes down who runs. A disk that is full costs only what this is for.
    pub(super) fn note_daemon(&self, daemon: u32) {
        let pids = format!("{}\n{daemon}\n", std::process::id());
        let _ = fs::write(self.folder.join("guard.pid"), pids);
        let began = i32::try_from(daemon).ok().and_then(stop::read_process);
        let began = began.map_or(0, |process| process.began);
        let _ = fs::write(self.folder.join("guard.daemon"), format!("{daemon} {began}\n"));
    }

    /// Nobody runs here any more.
    pub(super) fn leave(&self) {
        let _ = fs::remove_file(self.folder.join("guard.pid"));
        let _ = fs::remove_file(self.folder.join("guard.daemon"));
    }

    /// Kills the daemon of a guard that was killed, and all that descends from it. One that runs ends by itself when its guard dies; one
    /// that is stopped (SIGSTOP) does not.
    pub(super) fn end_earlier_daemon(&self, patience: Duration) {
        let until = clock::boot() + patience;
        let mut has_said = false;
        while let Some(daemon) = self.earlier_daemon() {
            if !has_said {
                tracing::warn!(
                    "the daemon {} of an earlier guard still lives; killing it",
                    daemon.pid
                );
                has_said = true;
            }
            for process in stop::below(daemon.pid) {
                process.kill();
            }
            daemon.kill();
            if clock::boot() >= until {
                tracing::error!("{}", daemon.sentence());
                return;
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    fn earlier_daemon(&self) -> Option<Process> {
        let note = fs::read_to_string(self.folder.join("guard.daemon")).ok()?;
        let (pid, began) = note.trim().split_once(' ')?;
        let found = stop::read_process(pid.parse().ok()?)?;
        (Some(found.began) == began.parse::<u64>().ok() && !found.is_dead()).then_some(found)
    }
}
