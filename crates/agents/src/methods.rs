//! The table of methods: the names that RTR files use, and where each is.

use crate::call::Call;
use crate::failure::{Outcome, say, wrong};
use crate::subject::Subject;
use crate::{generic, logical_host, monitor, storage};
use std::process::ExitCode;

/// A method.
type Method = fn(&Subject) -> Outcome;

const METHODS: &[(&str, Method)] = &[
    ("logicalhostname_prenet_start", logical_host::prenet_start),
    ("logicalhostname_start", logical_host::start),
    ("logicalhostname_stop", logical_host::stop),
    ("logicalhostname_postnet_stop", logical_host::postnet_stop),
    ("logicalhostname_validate", logical_host::validate),
    ("logicalhostname_update", logical_host::update),
    ("logicalhostname_monitor_start", logical_host::monitor_start),
    ("logicalhostname_monitor_stop", logical_host::monitor_stop),
    ("logicalhostname_monitor_check", logical_host::monitor_check),
    ("logicalhostname_monitor", logical_host::monitor),
    ("storage_prenet_start", storage::prenet_start),
    ("storage_postnet_stop", storage::postnet_stop),
    ("storage_validate", storage::validate),
    ("storage_update", storage::update),
    ("storage_init", storage::boot),
    ("storage_boot", storage::boot),
    ("storage_monitor_check", storage::monitor_check),
    ("gds_svc_start", generic::start),
    ("gds_svc_stop", generic::stop),
    ("gds_validate", generic::validate),
    ("gds_update", generic::update),
    ("gds_monitor_start", generic::monitor_start),
    ("gds_monitor_stop", generic::monitor_stop),
    ("gds_monitor_check", generic::monitor_check),
    ("gds_probe", generic::probe),
    ("probe_loop", monitor::probe_loop),
    ("probe_loop_start", monitor::start),
    ("probe_loop_stop", monitor::stop),
];

/// The holder of bare claims: it asks the daemon nothing.
const HOLD: &str = "logicalhostname_hold";

/// Whether there is such a method.
pub fn is_method(name: &str) -> bool {
    METHODS.iter().any(|(known, _)| *known == name)
}

/// Runs a method to its end: `steadfast methods NAME ARGUMENTS`. Exit code 0: done; 1: failed, with a sentence on standard error.
pub fn run(name: &str, arguments: &[String]) -> ExitCode {
    match dispatch(name, arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            say(failure);
            ExitCode::FAILURE
        }
    }
}

fn dispatch(name: &str, arguments: &[String]) -> Outcome {
    let call = Call::parse(arguments)?;
    if name == HOLD {
        return logical_host::hold(&call);
    }
    let Some((_, method)) = METHODS.iter().find(|(known, _)| *known == name) else {
        let known = METHODS.iter().map(|(known, _)| *known);
        let near = rtr::nearest(name, known)
            .map_or(String::new(), |near| format!("; did you mean {near}?"));
        return wrong(format!("there is no built-in method {name}{near}"));
    };
    method(&Subject::open(call)?)
}
