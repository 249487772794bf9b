//! The fault monitor's arithmetic: what a probe's result means after those before it (scds_fm_action, scds_fm_sleep). Pure.
//!
//! Results are weights: 0 is healthy, 100 a complete failure, what lies between adds up inside Retry_interval. A death of the process tree is a
//! complete failure and wakes the monitor early. The monitor restarts its service itself Retry_count times inside Retry_interval,
//! then asks for a giveover; whether that is granted is the president's to say. Never restarts or gives over on a healthy result,
//! whatever came before.
//!
//! ```text
//!            probe_due                 handle                      tell
//! (sleeps) ───────────► (probes) ──────────────► Action ─► (does) ──────► Action::None ─► (sleeps)
//! ```

mod action;
#[cfg(test)]
mod tests;

pub use action::{Action, Logged};

use crate::model::{FailoverMode, Status};
use std::collections::VecDeque;
use std::time::Duration;

/// A complete failure (SCDS_PROBE_COMPLETE_FAILURE).
pub const COMPLETE_FAILURE: u32 = 100;
/// Give over at once (SCDS_PROBE_IMMEDIATE_FAILOVER).
pub const IMMEDIATE_GIVEOVER: u32 = 201;
/// Failures and restarts kept; older ones are forgotten first. With sensible properties there are a handful.
const KEPT_MAX: usize = 1024;

/// The properties of the resource that the arithmetic depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Name of the resource, for sentences.
    pub resource: String,
    /// Thorough_probe_interval.
    pub probe_interval: Duration,
    /// Probe_timeout.
    pub probe_timeout: Duration,
    /// Retry_count: restarts inside Retry_interval; the next complete failure gives over.
    pub retry_count: u32,
    /// Retry_interval.
    pub retry_interval: Duration,
    /// Failover_enabled; TRUE when the type does not declare it.
    pub failover_enabled: bool,
    /// Failover_mode: RESTART_ONLY never gives over, LOG_ONLY does nothing.
    pub failover_mode: FailoverMode,
    /// The group runs on several nodes: instead of a giveover the resource goes offline on this node.
    pub scalable: bool,
}

impl Settings {
    /// The warning to give when Retry_interval is too short for Retry_count failures to fall into it: restarts would never be exhausted.
    pub fn warning(&self) -> Option<String> {
        let round = self.probe_interval + self.probe_timeout;
        let least = round.saturating_mul(self.retry_count);
        (self.retry_interval < least).then(|| {
            format!(
                "Retry_interval of {} is {} s, less than Retry_count × (Thorough_probe_interval + Probe_timeout) = {} s; failures may age before they add up, so raise it",
                self.resource,
                self.retry_interval.as_secs(),
                least.as_secs()
            )
        })
    }
}

/// What is learnt of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProbeResult {
    /// The probe ended by itself: 0 to 100, or [`IMMEDIATE_GIVEOVER`]; others count as a complete failure.
    Ended {
        /// The weight.
        weight: u32,
        /// What it wrote, for sentences; may be empty.
        said: String,
    },
    /// It did not end within Probe_timeout: a complete failure, unless the agent has a weight for it.
    TimedOut {
        /// The agent's weight.
        weight: Option<u32>,
    },
    /// The whole process tree of the service is gone: a complete failure.
    ServiceDied {
        /// How, as one clause: `exit code 1`, `signal 9 (KILL)`.
        how: String,
    },
    /// The probe itself could not be run (no such file, no memory): no word about the service. Counts as healthy for the history.
    NotRun {
        /// Why.
        why: String,
    },
}

/// What became of an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Done {
    /// `Action::Restart` went well: the service runs.
    Restarted,
    /// `Action::Restart` failed; why, as one clause.
    RestartFailed(String),
    /// `Action::Giveover` or `Action::OfflineHere` was accepted; the monitor is about to be stopped and need not do anything more.
    Accepted,
    /// It was refused; the refusal's sentence.
    Refused(String),
}

/// The history of one service on one node.
#[derive(Clone, Debug)]
pub struct FaultMonitor {
    settings: Settings,
    /// Failures inside Retry_interval: when, and their weight.
    history: VecDeque<(Duration, u32)>,
    /// Restarts done by this monitor inside Retry_interval.
    restarts: VecDeque<Duration>,
    /// What the agent's status was last set to.
    status: Option<Status>,
    /// When the next probe is due; `None`: an action is being done.
    next_probe: Option<Duration>,
    /// The last failure in words.
    why: String,
    /// The restart under way follows a refused giveover: when it fails there is nothing left but to go on probing.
    is_last_resort: bool,
}

impl FaultMonitor {
    /// The service was just started; the first probe is one interval away.
    pub fn new(now: Duration, settings: Settings) -> Self {
        Self {
            next_probe: Some(now + settings.probe_interval),
            settings,
            history: VecDeque::new(),
            restarts: VecDeque::new(),
            status: None,
            why: String::new(),
            is_last_resort: false,
        }
    }

    /// What it was made with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Properties changed (UPDATE); the history stays.
    pub fn update(&mut self, settings: Settings) {
        self.settings = settings;
    }

    /// When the next probe is due; `None` while an action is being done. A death of the service is handled without waiting for it.
    pub fn next_probe(&self) -> Option<Duration> {
        self.next_probe
    }

    /// Takes in a result; what is to be done is to be done now, and, for actions that are answered, [`Self::tell`] is called afterwards.
    pub fn handle(&mut self, now: Duration, result: ProbeResult) -> Action {
        if self.next_probe.is_none() {
            // An action is being done; what the service does meanwhile is its doing.
            return Action::None;
        }
        self.next_probe = Some(now + self.settings.probe_interval);
        self.age(now);
        let weight = match result {
            ProbeResult::Ended { weight, said } => {
                let weight = legal(weight);
                self.why = match said.trim() {
                    "" => format!("its probe answered {weight}"),
                    said => format!("its probe answered {weight} ({said})"),
                };
                weight
            }
            ProbeResult::TimedOut { weight } => {
                let timeout = self.settings.probe_timeout.as_secs();
                self.why = format!("its probe did not end within {timeout} s");
                weight.map_or(COMPLETE_FAILURE, legal)
            }
            ProbeResult::ServiceDied { how } => {
                self.why = format!("all its processes have ended ({how})");
                COMPLETE_FAILURE
            }
            ProbeResult::NotRun { why } => {
                let resource = &self.settings.resource;
                let sentence = format!(
                    "the probe of {resource} could not be run: {why}; correct it, until then only a death of the service is seen"
                );
                return self.set_status(Status::Unknown, sentence);
            }
        };
        match weight {
            0 => self.healthy(),
            IMMEDIATE_GIVEOVER => self.give_over_at_once(now),
            _ => self.failed(now, weight),
        }
    }

    /// Takes in what became of an action.
    pub fn tell(&mut self, now: Duration, done: Done) -> Action {
        match done {
            Done::Restarted => {
                self.history.clear();
                self.is_last_resort = false;
                self.next_probe = Some(now + self.settings.probe_interval);
                push(&mut self.restarts, now);
                let sentence =
                    format!("{} was restarted, because {}", self.settings.resource, self.why);
                self.set_status(Status::Ok, sentence)
            }
            Done::RestartFailed(_) if self.is_last_resort => {
                self.is_last_resort = false;
                self.history.clear();
                self.next_probe = Some(now + self.settings.probe_interval);
                let resource = &self.settings.resource;
                let sentence = format!(
                    "{resource} could neither be given over nor restarted here; probing goes on, look at its log"
                );
                self.set_status(Status::Faulted, sentence)
            }
            Done::RestartFailed(how) => {
                self.why = format!("its restart failed ({how})");
                self.give_over(now)
            }
            Done::Accepted => {
                self.next_probe = None;
                Action::None
            }
            Done::Refused(refusal) => self.refused(now, &refusal),
        }
    }

    /// Failures that still count, and restarts that still count.
    pub fn counted(&self) -> (u32, usize) {
        (self.history.iter().map(|(_, weight)| weight).sum(), self.restarts.len())
    }

    fn age(&mut self, now: Duration) {
        let window = self.settings.retry_interval;
        let is_old = |at: Duration| at + window <= now;
        while self.history.front().is_some_and(|(at, _)| is_old(*at)) {
            self.history.pop_front();
        }
        while self.restarts.front().is_some_and(|at| is_old(*at)) {
            self.restarts.pop_front();
        }
    }
}

fn push<T>(list: &mut VecDeque<T>, value: T) {
    if list.len() >= KEPT_MAX {
        list.pop_front();
    }
    list.push_back(value);
}

/// Weights beyond the scale are complete failures.
const fn legal(weight: u32) -> u32 {
    match weight {
        0..=COMPLETE_FAILURE | IMMEDIATE_GIVEOVER => weight,
        _ => COMPLETE_FAILURE,
    }
}
