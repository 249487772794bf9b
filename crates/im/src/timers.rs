//! Everything the core ever waits for.

use im_store::SessionId;
use std::collections::BTreeSet;
use std::time::Duration;

/// A reason to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Timer {
    /// When a session without a connection can no longer be resumed.
    ResumeExpires(SessionId),
    /// When stanzas have gone unacknowledged long enough to ask (`<r/>`).
    AckWanted(SessionId),
    /// When a client that was asked has not answered: its connection is taken for dead.
    AckOverdue(SessionId),
    /// When a session that sent too fast may be heard again.
    RateRefilled(SessionId),
}

/// Deadlines in order of time.
#[derive(Debug, Default)]
pub(crate) struct Timers(BTreeSet<(Duration, Timer)>);

impl Timers {
    pub(crate) fn set(&mut self, at: Duration, timer: Timer) {
        self.0.insert((at, timer));
    }

    /// Forgets a timer that was set for exactly this time.
    pub(crate) fn clear(&mut self, at: Duration, timer: Timer) {
        self.0.remove(&(at, timer));
    }

    pub(crate) fn next(&self) -> Option<Duration> {
        self.0.first().map(|(at, _)| *at)
    }

    /// Takes the first timer that is due.
    pub(crate) fn pop_due(&mut self, now: Duration) -> Option<Timer> {
        if self.next()? > now {
            return None;
        }
        self.0.pop_first().map(|(_, timer)| timer)
    }
}
