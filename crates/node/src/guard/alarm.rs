//! The one place where the guard waits: for a record, for the daemon's death, for the deadline, for a signal.
//!
//! The deadline is a timer on CLOCK_BOOTTIME with an absolute time: after a suspension it is due at once.

use rustix::event::{PollFd, PollFlags, poll};
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// The daemon is dead.
    Died,
    /// SIGTERM or SIGINT.
    ToldToEnd,
    /// A record is there.
    Record,
    /// The deadline, or nothing in particular.
    TimePassed,
}

/// Timer and signals.
#[derive(Debug)]
pub(crate) struct Alarm {
    timer: OwnedFd,
    signals: UnixStream,
    told_to_end: bool,
}

impl Alarm {
    pub(crate) fn new() -> io::Result<Self> {
        let (signals, writer) = UnixStream::pair()?;
        signals.set_nonblocking(true)?;
        writer.set_nonblocking(true)?;
        for signal in [signal_hook::consts::SIGTERM, signal_hook::consts::SIGINT] {
            signal_hook::low_level::pipe::register(signal, writer.try_clone()?)?;
        }
        let timer = timerfd_create(
            TimerfdClockId::Boottime,
            TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK,
        )?;
        Ok(Self { timer, signals, told_to_end: false })
    }

    /// Whether a signal to end has come.
    pub(crate) fn is_told_to_end(&self) -> bool {
        self.told_to_end
    }

    /// Rings at this time on the boot clock; `None`: never.
    pub(crate) fn set(&mut self, at: Option<Duration>) -> io::Result<()> {
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
    pub(crate) fn wait(
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
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let [died, record, signal, _] = fds.map(|fd| !fd.revents().is_empty());
        if died {
            return Ok(Event::Died);
        }
        if signal {
            let mut bytes = [0; 16];
            let _ = self.signals.read(&mut bytes);
            self.told_to_end = true;
            return Ok(Event::ToldToEnd);
        }
        Ok(if record { Event::Record } else { Event::TimePassed })
    }
}
