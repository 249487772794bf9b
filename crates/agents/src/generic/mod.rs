//! SUNW.gds, the generic data service: any program as a service, by commands that are given as properties.
//!
//! - `commands`: the commands with `$hostnames` filled in, and how the service is probed.
//! - `validate`, `start`, `stop`: the methods; its monitor is `crate::monitor`'s loop.

mod commands;
mod start;
mod stop;
mod validate;

pub(crate) use start::start;
pub(crate) use stop::stop;
pub(crate) use validate::{monitor_check, validate};

use crate::failure::Outcome;
use crate::monitor::watch;
use crate::service::{self, Part};
use crate::subject::Subject;

/// MONITOR_START.
pub(crate) fn monitor_start(subject: &Subject) -> Outcome {
    service::start_monitor(subject, service::own_command("gds_probe", &subject.call)?)
}

/// MONITOR_STOP.
pub(crate) fn monitor_stop(subject: &Subject) -> Outcome {
    service::stop_monitor(subject)
}

/// UPDATE: the monitor reads its properties when it starts.
pub(crate) fn update(subject: &Subject) -> Outcome {
    if service::runs(subject, Part::Monitor)? {
        monitor_stop(subject)?;
        monitor_start(subject)?;
    }
    Ok(())
}

/// The monitor itself.
pub(crate) fn probe(subject: &Subject) -> Outcome {
    watch(subject, &commands::probe(subject)?)
}
