//! The ready fault monitor (§6.3, §6.4 of the semantics): a loop that probes a service, wakes at once when its process tree dies, and does what
//! `rgm::monitor`'s arithmetic says: status, restart in place, giveover.
//!
//! `gds` uses it; any other type may: `steadfast monitor -R r -T t -G g -- probe command`, run under the tag `G,R,0.mon`, while its service
//! runs under `G,R,0.svc`. Nothing is decided here.

mod act;
mod death;
mod probe;
mod watch;

pub(crate) use death::{DeathWatch, Seen};
pub(crate) use probe::{Probe, end_points};
pub(crate) use watch::watch;

use crate::failure::{Outcome, wrong};
use crate::service;
use crate::subject::Subject;
use rgm::monitor::Settings;
use rgm::{FailoverMode, GroupMode};
use std::time::Duration;

/// `steadfast monitor -R r -T t -G g -- probe command`: the loop for any type. Without a command only deaths count.
pub(crate) fn probe_loop(subject: &Subject) -> Outcome {
    let command = &subject.call.command;
    let probe = if command.is_empty() { Probe::None } else { Probe::Program(command.clone()) };
    watch(subject, &probe)
}

/// A ready MONITOR_START: puts `probe_loop` with its command under PMF.
pub(crate) fn start(subject: &Subject) -> Outcome {
    if subject.call.command.is_empty() {
        return wrong("the command of the probe is missing: give it after --");
    }
    let mut command = service::own_command("probe_loop", &subject.call)?;
    command.push("--".to_owned());
    command.extend(subject.call.command.iter().cloned());
    service::start_monitor(subject, command)
}

/// A ready MONITOR_STOP.
pub(crate) fn stop(subject: &Subject) -> Outcome {
    service::stop_monitor(subject)
}

/// What the arithmetic depends on, with the defaults of types that do not declare it.
pub(crate) fn settings(subject: &Subject) -> Settings {
    let group = subject.cluster.config.groups.get(subject.group());
    let mode = subject.resource().map_or(FailoverMode::None, |r| r.failover_mode);
    Settings {
        resource: subject.name().to_string(),
        probe_interval: subject.seconds("Thorough_probe_interval", 60).max(Duration::from_secs(1)),
        probe_timeout: probe_timeout(subject),
        retry_count: u32::try_from(subject.number("Retry_count", 2)).unwrap_or(0),
        retry_interval: subject.seconds("Retry_interval", 370),
        failover_enabled: subject.is_true("Failover_enabled", true),
        failover_mode: mode,
        scalable: group.is_some_and(|g| g.mode == GroupMode::Scalable),
    }
}

/// Probe_timeout.
pub(crate) fn probe_timeout(subject: &Subject) -> Duration {
    subject.seconds("Probe_timeout", 30).max(Duration::from_secs(1))
}
