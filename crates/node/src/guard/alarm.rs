//! The one place where the guard waits: for a record, for the daemon's death, for the deadline, for a signal.
//!
//! The deadline is a timer on CLOCK_BOOTTIME with an absolute time: after a suspension it is due at once.

use crate::clock;
use rustix::event::{PollFd, PollFlags, Timespec as Patience, poll};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// Longest pause between two calls of what is done meanwhile.
const MEANWHILE: Duration = Duration::from_millis(200);

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Event {
    /// The daemon is dead.
    Died,
    /// A record, a signal, the deadline, or nothing in particular.
    Woken,
}

/// Timer and signals.
#[derive(Debug)]
pub(super) struct Alarm {
    timer: OwnedFd,
    signals: UnixStream,
    told: u32,
}

impl Alarm {
    pub(super) fn new() -> io::Result<Self> {
        let (signals, writer) = UnixStream::pair()?;
        signals.set_nonblocking(true)?;
        writer.set_nonblocking(true)?;
        use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
        for signal in [SIGTERM, SIGINT, SIGHUP] {
            signal_hook::low_level::pipe::register(signal, writer.try_clone()?)?;
        }
        let timer = timerfd_create(
            TimerfdClockId::Boottime,
            TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK,
        )?;
        Ok(Self { timer, signals, told: 0 })
    }

    /// How many signals to end (SIGTERM, SIGINT, and SIGHUP when the terminal goes) have come.
    pub(super) fn told(&mut self) -> u32 {
        let mut bytes = [0; 16];
        while let Ok(count @ 1..) = self.signals.read(&mut bytes) {
            self.told = self.told.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
        }
        self.told
    }

    /// Rings at this time on the boot clock; `None`: never.
    pub(super) fn set(&mut self, at: Option<Duration>) -> io::Result<()> {
        // A time of zero would switch the timer off.
        let at = at.map(|at| at.max(Duration::from_nanos(1))).unwrap_or_default();
        let value = Timespec {
            tv_sec: i64::try_from(at.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: at.subsec_nanos().into(),
        };
        let never_again = Timespec { tv_sec: 0, tv_nsec: 0 };
        let timer = Itimerspec { it_interval: never_again, it_value: value };
        timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &timer)?;
        Ok(())
    }

    /// Waits. Death before anything else.
    pub(super) fn wait(
        &mut self,
        channel: BorrowedFd<'_>,
        death: BorrowedFd<'_>,
    ) -> io::Result<Event> {
        let mut fds = [
            PollFd::from_borrowed_fd(death, PollFlags::IN),
            PollFd::from_borrowed_fd(channel, PollFlags::IN),
            PollFd::from_borrowed_fd(self.signals.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(self.timer.as_fd(), PollFlags::IN),
        ];
        match poll(&mut fds, None) {
            Ok(_) => {}
            Err(rustix::io::Errno::INTR) => return Ok(Event::Woken),
            Err(error) => return Err(error.into()),
        }
        let [died, ..] = fds.map(|fd| !fd.revents().is_empty());
        Ok(if died { Event::Died } else { Event::Woken })
    }

    /// Lets time pass, unless another signal comes, which ends it.
    pub(super) fn pause(&mut self, time: Duration, meanwhile: &mut dyn FnMut()) {
        let (until, told) = (clock::boot() + time, self.told());
        loop {
            meanwhile();
            let left = until.saturating_sub(clock::boot());
            if left.is_zero() || self.told() > told {
                return;
            }
            let mut fds = [PollFd::from_borrowed_fd(self.signals.as_fd(), PollFlags::IN)];
            let patience = Patience::try_from(left.min(MEANWHILE)).ok();
            // Interrupted is as good as woken.
            let _ = poll(&mut fds, patience.as_ref());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_that_has_passed_wakes_at_once() {
        let mut alarm = Alarm::new().unwrap();
        let (one, _other) = UnixStream::pair().unwrap();
        alarm.set(Some(Duration::ZERO)).unwrap();
        assert_eq!(alarm.wait(one.as_fd(), one.as_fd()).unwrap(), Event::Woken);
    }
}
