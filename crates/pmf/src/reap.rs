//! Wait statuses: the daemon's keepers are reaped by whoever attends them, orphans it adopted by the [`Reaper`], and all
//! other children are left to those who started them.
//!
//! Keepers lead sessions of their own, so what they leave behind is never in the daemon's session, while a child that some
//! other part of the daemon started is. That tells adopted processes from children. A child that is given a session of its
//! own by other means must not be started in a daemon with a reaper.
//!
//! With keepers, orphans reach the daemon only when a method's children were released or a keeper was killed.

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rustix::process::{
    Pid, PidfdFlags, WaitId, WaitIdOptions, getpid, pidfd_open, set_child_subreaper, waitid,
};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinHandle;

use crate::proc::{self, Process};
use crate::sys;

/// Keepers that are not reaped yet. Process-wide, because wait statuses are.
static KEEPERS: Mutex<BTreeSet<i32>> = Mutex::new(BTreeSet::new());
/// Whether this process adopts orphans.
static IS_SUBREAPER: AtomicBool = AtomicBool::new(false);
/// Whether ever a tree was released: from then on, an adopted process may be there on purpose.
static HAS_RELEASED: AtomicBool = AtomicBool::new(false);
/// Dead orphans cost a table entry each; they can wait this long.
const LOOK_PAUSE: Duration = Duration::from_secs(1);

fn keepers() -> MutexGuard<'static, BTreeSet<i32>> {
    KEEPERS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A keeper that was started and is to be reaped, by [`Self::reap`], or by a thread when it is dropped.
#[derive(Debug)]
pub(crate) struct Keeper {
    pid: i32,
    /// None once it is reaped.
    pidfd: Option<OwnedFd>,
}

impl Keeper {
    pub(crate) fn spawn(command: &mut std::process::Command) -> io::Result<Self> {
        // Until it is given its order, which is later, it stays in our session: nobody takes it for an adopted process.
        let mut child = command.spawn()?;
        let pid = i32::try_from(child.id()).map_err(|_| io::ErrorKind::InvalidData)?;
        let opened = Pid::from_raw(pid).ok_or(rustix::io::Errno::INVAL);
        match opened.and_then(|pid| pidfd_open(pid, PidfdFlags::empty())) {
            Ok(pidfd) => {
                keepers().insert(pid);
                Ok(Self { pid, pidfd: Some(pidfd) })
            }
            Err(error) => {
                child.kill()?;
                child.wait()?;
                Err(error.into())
            }
        }
    }

    pub(crate) fn pid(&self) -> i32 {
        self.pid
    }

    /// Waits until it has ended.
    pub(crate) async fn reap(&mut self) -> io::Result<()> {
        let Some(pidfd) = &self.pidfd else { return Ok(()) };
        let readable = sys::await_readable(pidfd.try_clone()?)?;
        let _ = readable.readable().await?;
        wait_status(readable.get_ref(), WaitIdOptions::NOHANG)?;
        self.pidfd = None;
        keepers().remove(&self.pid);
        Ok(())
    }
}

fn wait_status(pidfd: &OwnedFd, options: WaitIdOptions) -> io::Result<()> {
    loop {
        match waitid(WaitId::PidFd(pidfd.as_fd()), WaitIdOptions::EXITED | options) {
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
            Ok(_) => return Ok(()),
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        let Some(pidfd) = self.pidfd.take() else { return };
        let pid = self.pid;
        // Its socket closes, so it ends as soon as its tree is killed. Without a thread it stays a zombie.
        let _ = std::thread::Builder::new().name("pmf-reap".into()).spawn(move || {
            let _ = wait_status(&pidfd, WaitIdOptions::empty());
            keepers().remove(&pid);
        });
    }
}

/// Reaps adopted orphans for as long as it lives.
#[derive(Debug)]
pub struct Reaper {
    task: JoinHandle<()>,
}

/// Makes this process adopt the orphans of its descendants, and reaps them.
pub fn adopt_orphans() -> io::Result<Reaper> {
    let mut child_ended = signal(SignalKind::child())?;
    set_child_subreaper(Some(getpid()))?;
    IS_SUBREAPER.store(true, Ordering::Release);
    let task = tokio::spawn(async move {
        loop {
            let _ = tokio::task::spawn_blocking(reap_adopted).await;
            tokio::time::sleep(LOOK_PAUSE).await;
            if child_ended.recv().await.is_none() {
                return;
            }
        }
    });
    Ok(Reaper { task })
}

impl Drop for Reaper {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reaps the adopted processes that are dead; says how many.
pub fn reap_adopted() -> usize {
    let dead = adopted().into_iter().filter(Process::is_zombie);
    // Only we can reap them, so the numbers stay theirs until then.
    dead.filter_map(|process| Pid::from_raw(process.pid))
        .filter(|pid| {
            let status = waitid(WaitId::Pid(*pid), WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
            matches!(status, Ok(Some(_)))
        })
        .count()
}

/// Our children that we did not start.
fn adopted() -> Vec<Process> {
    let own_pid = getpid().as_raw_nonzero().get();
    let mut children = proc::all();
    // From /proc, not from getsid(2): that is 0 when the leader is outside our PID namespace, which rustix does not take.
    let own = children.iter().find(|process| process.pid == own_pid);
    let own_session = own.map_or(0, |process| process.session);
    children.retain(|process| process.parent == own_pid && process.session != own_session);
    // Asked after the look: whoever led a session then was noted before. And briefly: the runtime takes this lock, too.
    let keepers = keepers().clone();
    children.retain(|process| !keepers.contains(&process.pid));
    children
}

/// Notes that adopted processes may be there on purpose.
pub(crate) fn note_release() {
    HAS_RELEASED.store(true, Ordering::Release);
}

/// Kills what a killed keeper left: everybody in its session, everybody we adopted (unless trees were released: then they
/// cannot be told apart), and all who descend from them. Says whether somebody was still there.
pub(crate) fn kill_strays(session: i32) -> bool {
    let mut roots = proc::all();
    roots.retain(|process| process.session == session);
    if IS_SUBREAPER.load(Ordering::Acquire) && !HAS_RELEASED.load(Ordering::Acquire) {
        roots.extend(adopted());
    }
    roots.retain(|process| !process.is_zombie());
    for root in &roots {
        proc::signal(root, libc::SIGSTOP);
        proc::kill_descent(root.pid);
        proc::signal(root, libc::SIGKILL);
    }
    !roots.is_empty()
}
