//! The task that attends one keeper: takes its reports, publishes them, reaps it, and cleans up when it was killed.
//!
//! It must never publish that nobody is left before that is so.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::unix::OwnedReadHalf;
use tokio::sync::watch;

use crate::cgroup::Cgroup;
use crate::exit::Exit;
use crate::reap;
use crate::wire::Report;

/// Most bytes of reports a keeper can have to tell.
const REPORTS_BYTES_MAX: u64 = 4096;
/// How often it is looked whether the cgroup of a released tree can be removed.
const RELEASED_LOOK: Duration = Duration::from_secs(5);
/// First and longest pause between two looks at what a killed keeper left.
const STRAY_PAUSE: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(500));

/// What is known of a tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TreeState {
    /// The started process, or the errno of the refusal.
    pub(crate) started: Option<Result<i32, i32>>,
    /// How the started process ended.
    pub(crate) first: Option<Exit>,
    /// Nobody down to the watched depth is alive.
    pub(crate) is_watched_gone: bool,
    /// Nobody is left.
    pub(crate) is_empty: bool,
    /// The keeper has been reaped.
    pub(crate) is_keeper_gone: bool,
}

pub(crate) struct Attendant {
    pub(crate) tag: String,
    pub(crate) keeper: reap::Keeper,
    pub(crate) cgroup: Option<Cgroup>,
    pub(crate) publish: watch::Sender<TreeState>,
    pub(crate) is_released: Arc<AtomicBool>,
}

impl Attendant {
    pub(crate) async fn run(mut self, from_keeper: OwnedReadHalf) {
        let mut lines = BufReader::new(from_keeper.take(REPORTS_BYTES_MAX)).lines();
        while let Ok(Some(line)) = lines.next_line().await {
            match Report::parse(&line) {
                Some(report) => self.apply(&report),
                None => {
                    tracing::error!(tag = self.tag, "the keeper said {line:?}, which means nothing")
                }
            }
        }
        if let Err(error) = self.keeper.reap().await {
            tracing::error!(tag = self.tag, "cannot wait for the keeper: {error}");
        }
        self.publish.send_modify(|state| state.is_keeper_gone = true);
        let state = *self.publish.borrow();
        match state.started {
            None => self.publish.send_modify(|state| {
                state.started = Some(Err(libc::ECHILD));
                state.is_empty = true;
            }),
            Some(Err(_)) => self.publish.send_modify(|state| state.is_empty = true),
            Some(Ok(_)) if state.is_empty => {}
            Some(Ok(_)) if self.is_released.load(Ordering::Acquire) => {
                return self.await_released().await;
            }
            Some(Ok(_)) => self.clean_up_after_killed_keeper().await,
        }
        self.remove_cgroup().await;
    }

    fn apply(&mut self, report: &Report) {
        if let Report::NoCgroup(errno) = report {
            let error = std::io::Error::from_raw_os_error(*errno);
            tracing::warn!(
                tag = self.tag,
                "the keeper may not move between cgroups: {error}; the tree runs without"
            );
        }
        self.publish.send_modify(|state| match report {
            Report::Started(pid) => state.started = Some(Ok(*pid)),
            Report::Refused(errno) => state.started = Some(Err(*errno)),
            Report::NoCgroup(_) => {}
            Report::First(exit) => state.first = Some(*exit),
            Report::Watched => state.is_watched_gone = true,
            Report::Empty => state.is_empty = true,
        });
    }

    /// Somebody killed the keeper: what it kept is killed, since it cannot be watched any more.
    async fn clean_up_after_killed_keeper(&mut self) {
        tracing::error!(
            tag = self.tag,
            "the keeper {} was killed; killing its tree",
            self.keeper.pid()
        );
        let session = self.keeper.pid();
        let mut pause = STRAY_PAUSE.0;
        loop {
            let cgroup = self.cgroup.take();
            let look = tokio::task::spawn_blocking(move || {
                let is_populated = cgroup.as_ref().is_some_and(|cgroup| {
                    cgroup.kill();
                    cgroup.is_populated()
                });
                (cgroup, is_populated | reap::kill_strays(session))
            });
            // A failed look means that the runtime is ending.
            let Ok((cgroup, is_anyone_left)) = look.await else { return };
            self.cgroup = cgroup;
            if !is_anyone_left {
                break;
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(STRAY_PAUSE.1);
        }
        self.publish.send_modify(|state| {
            state.first = state.first.or(Some(Exit::Signalled(libc::SIGKILL)));
            state.is_empty = true;
        });
    }

    async fn await_released(self) {
        let Self { cgroup: Some(mut cgroup), publish, .. } = self else { return };
        drop(publish);
        loop {
            let look = tokio::task::spawn_blocking(move || {
                let is_done = !cgroup.is_populated() && cgroup.remove();
                (cgroup, is_done)
            });
            match look.await {
                Ok((_, true)) | Err(_) => return,
                Ok((populated, false)) => cgroup = populated,
            }
            tokio::time::sleep(RELEASED_LOOK).await;
        }
    }

    async fn remove_cgroup(self) {
        if let Some(cgroup) = self.cgroup {
            let _ = tokio::task::spawn_blocking(move || cgroup.remove()).await;
        }
    }
}
