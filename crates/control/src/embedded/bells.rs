//! What the store's thread waits for, all in one place:
//!
//! - the *wake*, when this process asks something;
//! - the *touch*, when any process has changed the file (each touches it after its commit);
//! - the *timer*, when the next lease is due; it counts suspension;
//! - the *patience*, for what nobody announced: a process that died between its commit and its touch, a deleted file.

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::fs::inotify;
use rustix::io::{Errno, read, write};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Wait for what nobody announced.
const PATIENCE: Duration = Duration::from_millis(250);
/// The same when touches cannot be seen.
const PATIENCE_WITHOUT_TOUCH: Duration = Duration::from_millis(10);

/// Wakes the thread.
#[derive(Clone, Debug)]
pub(super) struct Wake(Arc<OwnedFd>);

impl Wake {
    pub(super) fn ring(&self) {
        // Only fails when it rings already.
        let _ = write(&*self.0, &1_u64.to_ne_bytes());
    }
}

pub(super) struct Bells {
    wake: Wake,
    timer: OwnedFd,
    touch: Option<OwnedFd>,
}

impl Bells {
    pub(super) fn hang(path: &Path) -> io::Result<Self> {
        let wake = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let timer = timerfd_create(TimerfdClockId::Boottime, flags)?;
        let touch = watch_touches(path).inspect_err(|error| {
            let path = path.display();
            tracing::warn!(%path, %error, "inotify is not to be had; the control store is looked at every 10 ms instead");
        });
        Ok(Self { wake: Wake(Arc::new(wake)), timer, touch: touch.ok() })
    }

    pub(super) fn wake(&self) -> Wake {
        self.wake.clone()
    }

    /// Waits for any of them, with the timer set to go off after this time.
    pub(super) fn wait(&self, next_end: Option<Duration>) -> io::Result<()> {
        // Zero would mean never.
        let next_end = next_end.map_or(Duration::ZERO, |left| left.max(Duration::from_nanos(1)));
        let times =
            Itimerspec { it_interval: timespec(Duration::ZERO), it_value: timespec(next_end) };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &times)?;
        let mut fds = vec![
            PollFd::new(&*self.wake.0, PollFlags::IN),
            PollFd::new(&self.timer, PollFlags::IN),
        ];
        fds.extend(self.touch.as_ref().map(|touch| PollFd::new(touch, PollFlags::IN)));
        let patience = if self.touch.is_some() { PATIENCE } else { PATIENCE_WITHOUT_TOUCH };
        match poll(&mut fds, Some(&timespec(patience))) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        drain(&*self.wake.0);
        drain(&self.timer);
        if let Some(touch) = &self.touch {
            drain(touch);
        }
        Ok(())
    }
}

fn watch_touches(path: &Path) -> io::Result<OwnedFd> {
    let touch = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)?;
    inotify::add_watch(&touch, path, inotify::WatchFlags::ATTRIB)?;
    Ok(touch)
}

/// Which events came is of no interest: after each wait everything is looked at.
fn drain(fd: impl AsFd) {
    let mut buffer = [0_u8; 1024];
    while matches!(read(fd.as_fd(), &mut buffer), Ok(count) if count == buffer.len()) {}
}

fn timespec(time: Duration) -> Timespec {
    let tv_sec = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    Timespec { tv_sec, tv_nsec: time.subsec_nanos().into() }
}
