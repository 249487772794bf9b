//! Everything a connection ever waits for, besides bytes and orders.
//!
//! | alarm | set when | cleared when | default |
//! |---|---|---|---|
//! | login | the connection is accepted | the server raises it | 30 s |
//! | stall | output waits and the client takes none | the client takes some | 60 s |
//! | ending | the end is ordered | last words are written; then set again for the peer's own end | 10 s, 1 s |
//!
//! One sleep serves all of them, and exists only while one is set: a connection that is logged in and quiet has none.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::time::{Instant, Sleep, sleep_until};

/// Which time is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alarm {
    /// Not logged in in time.
    Login,
    /// Output waits and the client takes none.
    Stall,
    /// The end takes too long.
    Ending,
}

/// The alarms of one connection.
#[derive(Debug, Default)]
pub(crate) struct Alarms {
    login: Option<Instant>,
    stall: Option<Instant>,
    ending: Option<Instant>,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Alarms {
    pub(crate) fn new(login: Instant) -> Self {
        Self { login: Some(login), ..Self::default() }
    }

    fn slot(&mut self, alarm: Alarm) -> &mut Option<Instant> {
        match alarm {
            Alarm::Login => &mut self.login,
            Alarm::Stall => &mut self.stall,
            Alarm::Ending => &mut self.ending,
        }
    }

    /// Sets an alarm, again if it was set.
    pub(crate) fn set(&mut self, alarm: Alarm, at: Instant) {
        *self.slot(alarm) = Some(at);
    }

    /// Forgets an alarm.
    pub(crate) fn clear(&mut self, alarm: Alarm) {
        *self.slot(alarm) = None;
    }

    /// Whether an alarm is set.
    pub(crate) fn is_set(&mut self, alarm: Alarm) -> bool {
        self.slot(alarm).is_some()
    }

    /// When the login must be done, if it must.
    pub(crate) fn login(&self) -> Option<Instant> {
        self.login
    }

    /// The alarm whose time is up; it is cleared by being told.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Alarm> {
        loop {
            let all = [
                (Alarm::Ending, self.ending),
                (Alarm::Stall, self.stall),
                (Alarm::Login, self.login),
            ];
            let next = all.into_iter().filter_map(|(alarm, at)| Some((at?, alarm)));
            let Some((at, alarm)) = next.min_by_key(|(at, _)| *at) else {
                self.sleep = None;
                return Poll::Pending;
            };
            // A sleep that is too early is left alone: alarms are mostly set later, and then this costs nothing.
            let sleep = match &mut self.sleep {
                Some(sleep) if sleep.deadline() <= at => sleep,
                slot => slot.insert(Box::pin(sleep_until(at))),
            };
            if sleep.as_mut().poll(cx).is_pending() {
                return Poll::Pending;
            }
            let is_due = sleep.deadline() >= at;
            self.sleep = None;
            if is_due {
                self.clear(alarm);
                return Poll::Ready(alarm);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::time::Duration;

    async fn next(alarms: &mut Alarms) -> Alarm {
        poll_fn(|cx| alarms.poll(cx)).await
    }

    #[tokio::test(start_paused = true)]
    async fn the_earliest_alarm_rings_first_and_only_once() {
        let start = Instant::now();
        let mut alarms = Alarms::new(start + Duration::from_secs(30));
        alarms.set(Alarm::Stall, start + Duration::from_secs(10));
        assert_eq!(next(&mut alarms).await, Alarm::Stall);
        assert_eq!(start.elapsed().as_secs(), 10);
        assert_eq!(next(&mut alarms).await, Alarm::Login);
        assert_eq!(start.elapsed().as_secs(), 30);
        assert!(!alarms.is_set(Alarm::Login));
    }

    #[tokio::test(start_paused = true)]
    async fn an_alarm_set_again_rings_at_the_later_time() {
        let start = Instant::now();
        let mut alarms = Alarms::default();
        alarms.set(Alarm::Stall, start + Duration::from_secs(10));
        assert!(alarms.poll(&mut Context::from_waker(std::task::Waker::noop())).is_pending());
        alarms.set(Alarm::Stall, start + Duration::from_secs(25));
        assert_eq!(next(&mut alarms).await, Alarm::Stall);
        assert_eq!(start.elapsed().as_secs(), 25);
    }

    #[tokio::test(start_paused = true)]
    async fn a_quiet_connection_holds_no_timer() {
        let mut alarms = Alarms::new(Instant::now() + Duration::from_secs(30));
        let mut cx = Context::from_waker(std::task::Waker::noop());
        assert!(alarms.poll(&mut cx).is_pending());
        alarms.clear(Alarm::Login);
        assert!(alarms.poll(&mut cx).is_pending());
        assert!(alarms.sleep.is_none());
    }
}
