//! What the monitor does about a failure, each with its sentence.

use super::{COMPLETE_FAILURE, FaultMonitor, push};
use crate::model::{FailoverMode, Status};
use std::time::Duration;

/// A status and the sentence that goes with it; the sentence is also logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Logged {
    /// `scha_resource_setstatus` with this.
    pub status: Status,
    /// What, why, and what next.
    pub sentence: String,
}

/// Orders to the monitor program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Sleep until the next probe.
    None,
    /// Set the status, then sleep.
    SetStatus(Logged),
    /// Set the status; stop and start the service (STOP and START, no PRENET_START, no POSTNET_STOP), announce it with
    /// RESOURCE_IS_RESTARTED, then tell `Restarted` or `RestartFailed`.
    Restart(Logged),
    /// Set the status; `scha_control -O GIVEOVER`, then tell `Accepted` or `Refused`.
    Giveover(Logged),
    /// Set the status; take the resource offline on this node alone (scalable groups), then tell `Accepted` or `Refused`.
    OfflineHere(Logged),
    /// Set the status, and let the service run as it is: its properties forbid more.
    KeepRunning(Logged),
}

impl FaultMonitor {
    /// No action, whatever came before; old failures only age.
    pub(super) fn healthy(&mut self) -> Action {
        if !self.history.is_empty() {
            return Action::None;
        }
        let sentence = format!("{} works", self.settings.resource);
        self.set_status(Status::Ok, sentence)
    }

    pub(super) fn failed(&mut self, now: Duration, weight: u32) -> Action {
        push(&mut self.history, (now, weight));
        let (sum, restarts) = self.counted();
        let resource = &self.settings.resource;
        if sum < COMPLETE_FAILURE {
            let sentence = format!(
                "{resource} works badly: {}; failures add up to {sum} of {COMPLETE_FAILURE}, at which it is restarted",
                self.why
            );
            return self.set_status(Status::Degraded, sentence);
        }
        if self.settings.failover_mode == FailoverMode::LogOnly {
            return self.keep_running("Failover_mode is LOG_ONLY");
        }
        let (count, window) = (self.settings.retry_count, self.settings.retry_interval.as_secs());
        if restarts < usize::try_from(count).unwrap_or(usize::MAX) {
            let sentence = format!(
                "{resource} failed: {}; it is restarted here, restart {} of {count} within {window} s",
                self.why,
                restarts + 1
            );
            return self.restart(sentence);
        }
        self.why = format!("{}, after {restarts} of {count} restarts within {window} s", self.why);
        self.give_over(now)
    }

    /// 201: the agent knows that a restart is of no use.
    pub(super) fn give_over_at_once(&mut self, now: Duration) -> Action {
        let gagged = matches!(
            self.settings.failover_mode,
            FailoverMode::RestartOnly | FailoverMode::LogOnly
        );
        if self.settings.failover_enabled && !gagged {
            self.why = format!("{}, which asks for a giveover at once", self.why);
            return self.give_over(now);
        }
        self.failed(now, COMPLETE_FAILURE)
    }

    pub(super) fn give_over(&mut self, now: Duration) -> Action {
        if self.settings.failover_mode == FailoverMode::RestartOnly {
            return self.stay(now, "Failover_mode is RESTART_ONLY");
        }
        if !self.settings.failover_enabled {
            return self.stay(now, "Failover_enabled is FALSE");
        }
        self.next_probe = None;
        let (resource, why) = (&self.settings.resource, &self.why);
        let status = Status::Faulted;
        self.status = Some(status);
        if self.settings.scalable {
            let sentence =
                format!("{resource} failed: {why}; it goes offline on this node, others serve on");
            return Action::OfflineHere(Logged { status, sentence });
        }
        let sentence = format!(
            "{resource} failed: {why}; a giveover of its group to another node is asked for"
        );
        Action::Giveover(Logged { status, sentence })
    }

    /// A refused giveover: what failed is forgotten, and the service restarted where it is.
    pub(super) fn refused(&mut self, now: Duration, refusal: &str) -> Action {
        self.age(now);
        self.history.clear();
        self.is_last_resort = true;
        let resource = &self.settings.resource;
        let sentence = format!(
            "{resource} failed: {}; it could not be given over ({refusal}), so it is restarted here",
            self.why
        );
        self.restart(sentence)
    }

    fn restart(&mut self, sentence: String) -> Action {
        self.next_probe = None;
        self.status = Some(Status::Degraded);
        Action::Restart(Logged { status: Status::Degraded, sentence })
    }

    /// Probing goes on.
    fn stay(&mut self, now: Duration, because: &str) -> Action {
        self.next_probe = Some(now + self.settings.probe_interval);
        self.keep_running(because)
    }

    fn keep_running(&mut self, because: &str) -> Action {
        self.history.clear();
        let status = Status::Faulted;
        self.status = Some(status);
        let sentence = format!(
            "{} failed: {}; {because}, so it is left as it is and probed again",
            self.settings.resource, self.why
        );
        Action::KeepRunning(Logged { status, sentence })
    }

    /// The same status twice with nothing new to say is no action; a degraded one is said each time, because its sum changes.
    pub(super) fn set_status(&mut self, status: Status, sentence: String) -> Action {
        if self.status == Some(status) && status != Status::Degraded {
            return Action::None;
        }
        self.status = Some(status);
        Action::SetStatus(Logged { status, sentence })
    }
}
