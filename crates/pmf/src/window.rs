//! The arithmetic of restarts: failures within a period, and the pause before a program that dies at once.
//!
//! Pure: time is an argument (since any fixed origin). It must never hold more than the budget's number of failures.

use std::collections::VecDeque;
use std::time::Duration;

use crate::request::{Period, Retries};

/// What to do about a death.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The budget allows it: start again.
    Restart,
    /// More failures within the period than retries: ask the action program, or give up.
    Exhausted,
}

/// Counts the failures of one tag within its period (sun-cluster.md §6.1: restart while the count is at most `retries`).
#[derive(Clone, Debug)]
pub struct FailureWindow {
    retries: Retries,
    period: Period,
    /// Oldest first; at most retries + 1.
    failures: VecDeque<Duration>,
}

impl FailureWindow {
    /// A window without failures.
    pub fn new(retries: Retries, period: Period) -> Self {
        Self { retries, period, failures: VecDeque::new() }
    }

    /// Counts a failure that happened at `now` and says whether the budget allows a restart.
    pub fn record(&mut self, now: Duration) -> Verdict {
        let Retries::AtMost(retries) = self.retries else { return Verdict::Restart };
        let retries = retries as usize;
        self.failures.push_back(now);
        self.forget_before(now);
        while self.failures.len() > retries + 1 {
            self.failures.pop_front();
        }
        if self.failures.len() <= retries { Verdict::Restart } else { Verdict::Exhausted }
    }

    /// Failures that still count at `now`.
    pub fn failures(&mut self, now: Duration) -> usize {
        self.forget_before(now);
        self.failures.len()
    }

    /// New limits; the history is cleared (`pmfadm -m`).
    pub fn modify(&mut self, retries: Option<Retries>, period: Option<Period>) {
        self.retries = retries.unwrap_or(self.retries);
        self.period = period.unwrap_or(self.period);
        self.failures.clear();
    }

    /// The limits in force.
    pub fn limits(&self) -> (Retries, Period) {
        (self.retries, self.period)
    }

    /// A failure exactly one period old does not count any more.
    fn forget_before(&mut self, now: Duration) {
        let Period::Minutes(minutes) = self.period else { return };
        let period = Duration::from_secs(u64::from(minutes) * 60);
        while self.failures.front().is_some_and(|at| now.saturating_sub(*at) >= period) {
            self.failures.pop_front();
        }
    }
}

/// The guard against a program that dies at once and may be restarted for ever: it would burn a CPU.
///
/// The first restart is immediate. Each further death within [`Backoff::QUICK`] of its start doubles the pause from
/// [`Backoff::FIRST`] up to [`Backoff::LONGEST`]; a life longer than that starts over.
#[derive(Clone, Debug, Default)]
pub struct Backoff {
    quick_deaths: u32,
}

impl Backoff {
    /// A life shorter than this counts as dying at once.
    pub const QUICK: Duration = Duration::from_secs(2);
    /// Pause before the second quick restart.
    pub const FIRST: Duration = Duration::from_millis(50);
    /// Longest pause.
    pub const LONGEST: Duration = Duration::from_secs(5);

    /// The pause before the restart after a life of `lived`.
    pub fn pause(&mut self, lived: Duration) -> Duration {
        if lived >= Self::QUICK {
            self.quick_deaths = 0;
            return Duration::ZERO;
        }
        let doublings = self.quick_deaths;
        self.quick_deaths = self.quick_deaths.saturating_add(1);
        if doublings == 0 {
            return Duration::ZERO;
        }
        Self::FIRST.saturating_mul(1 << (doublings - 1).min(16)).min(Self::LONGEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Verdict::{Exhausted, Restart};

    fn check(retries: i64, period: i64, deaths: &[(u64, Verdict)]) {
        let retries = Retries::try_from(retries).unwrap();
        let period = Period::try_from(period).unwrap();
        let mut window = FailureWindow::new(retries, period);
        for (at_s, expect) in deaths {
            let verdict = window.record(Duration::from_secs(*at_s));
            assert_eq!(verdict, *expect, "retries {retries:?} period {period:?} at {at_s} s");
        }
    }

    #[test]
    fn failures_within_the_period_up_to_the_retries_are_restarted() {
        check(0, -1, &[(0, Exhausted), (1_000_000, Exhausted)]);
        check(2, -1, &[(0, Restart), (9_999, Restart), (99_999, Exhausted)]);
        check(2, 1, &[(0, Restart), (10, Restart), (59, Exhausted)]);
        check(
            2,
            1,
            &[(0, Restart), (10, Restart), (60, Restart), (69, Exhausted), (70, Exhausted)],
        );
        check(1, 1, &[(0, Restart), (60, Restart), (120, Restart), (121, Exhausted)]);
        check(-1, -1, &[(0, Restart), (0, Restart), (0, Restart)]);
        check(-1, 1, &[(0, Restart), (0, Restart)]);
        check(4, 2, &[(1, Restart), (2, Restart), (3, Restart), (4, Restart), (5, Exhausted)]);
    }

    #[test]
    fn after_an_action_allowed_the_restart_the_history_still_counts_until_it_expires() {
        check(1, 1, &[(0, Restart), (1, Exhausted), (2, Exhausted), (63, Restart)]);
    }

    #[test]
    fn a_changed_budget_starts_without_history() {
        let mut window = FailureWindow::new(Retries::AtMost(0), Period::Forever);
        assert_eq!(window.record(Duration::ZERO), Exhausted);
        window.modify(Some(Retries::AtMost(1)), None);
        assert_eq!(window.failures(Duration::ZERO), 0);
        assert_eq!(window.record(Duration::ZERO), Restart);
        assert_eq!(window.record(Duration::ZERO), Exhausted);
        assert_eq!(window.limits(), (Retries::AtMost(1), Period::Forever));
    }

    #[test]
    fn no_more_failures_are_kept_than_the_budget_needs() {
        let mut window = FailureWindow::new(Retries::AtMost(3), Period::Forever);
        for second in 0..1000 {
            window.record(Duration::from_secs(second));
        }
        assert_eq!(window.failures(Duration::from_secs(1000)), 4);
    }

    #[test]
    fn the_first_restart_is_immediate_and_quick_deaths_double_the_pause_up_to_its_limit() {
        let mut backoff = Backoff::default();
        let quick = Duration::from_millis(3);
        let pauses: Vec<u128> = (0..10).map(|_| backoff.pause(quick).as_millis()).collect();
        assert_eq!(pauses, [0, 50, 100, 200, 400, 800, 1600, 3200, 5000, 5000]);
        assert_eq!(backoff.pause(Backoff::QUICK), Duration::ZERO);
        assert_eq!(backoff.pause(quick), Duration::ZERO);
        assert_eq!(backoff.pause(quick), Backoff::FIRST);
    }
}
