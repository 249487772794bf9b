//! The commands with the original's syntax: one file each, with its table first and then what its forms ask of the daemon.
//!
//! Each translates, waits and renders; none decides anything about the cluster. Exit codes: 0 done, 1 refused or failed, 2 not
//! understood; the `scha` commands have the codes of their functions.

pub(crate) mod pmfadm;
pub(crate) mod scha;
pub(crate) mod scrgadm;
pub(crate) mod scstat;
pub(crate) mod scswitch;

use crate::session::{Session, Stay};
use crate::table::parse::{Line, Parsed, UsageError};
use crate::table::{Command, Opt, flag, help, parse, value};
use node_api::ClientError;
use std::time::Duration;

/// All commands, in the order in which they are documented.
pub(crate) const COMMANDS: [&Command; 10] = [
    &scrgadm::COMMAND,
    &scswitch::COMMAND,
    &scstat::COMMAND,
    &pmfadm::COMMAND,
    &scha::RESOURCE_GET,
    &scha::GROUP_GET,
    &scha::TYPE_GET,
    &scha::CLUSTER_GET,
    &scha::CONTROL,
    &scha::SET_STATUS,
];

/// Codes of scrgadm, scswitch and scstat.
pub(crate) const EXIT: &[(&str, &str)] = &[
    ("0", "done, and what was asked for has come true"),
    ("1", "refused, or it did not come true; the reason is on standard error"),
    ("2", "the command line was not understood; nothing was done"),
];
/// Exit code of a usage error.
pub(crate) const USAGE: u8 = 2;

/// Longest `--timeout`, in seconds: a day.
const TIMEOUT_S_MAX: i64 = 86_400;
/// For commands that wait.
pub(crate) const NO_WAIT: Opt =
    flag("no-wait", "end as soon as it is accepted, without waiting until it has come true");
/// For commands that wait.
pub(crate) const TIMEOUT: Opt =
    value("timeout", "seconds", "wait at most so long; the operation goes on");

/// How a command line says how long to stay.
pub(crate) fn stay(parsed: &Parsed) -> Result<Stay, UsageError> {
    let timeout = match parsed.value("timeout") {
        None => None,
        Some(typed) => {
            let seconds = crate::typed::number("--timeout", typed, (1, TIMEOUT_S_MAX), "seconds")?;
            Some(Duration::from_secs(seconds.unsigned_abs()))
        }
    };
    Ok(Stay { wait: !parsed.has("no-wait"), timeout })
}

/// Why a command did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Usage(#[from] UsageError),
    #[error(transparent)]
    Client(#[from] ClientError),
    /// Said, and nothing sent.
    #[error("{0}")]
    Refused(String),
    /// Everything has been said already.
    #[error("failed with code {0}")]
    Code(u8),
}

/// Runs a command to its exit code.
pub(crate) fn run(command: &'static Command, args: &[String], session: &mut Session<'_>) -> u8 {
    let (usage_code, is_scha) = match command.name.starts_with("scha_") {
        true => (rgm::SchaCode::Inval as u8, true),
        false if command.name == "pmfadm" => (1, false),
        false => (USAGE, false),
    };
    let done = match parse::parse(command, args) {
        Ok(Line::Help) => {
            session.answer(&help::help(command));
            return 0;
        }
        Ok(Line::Parsed(parsed)) => dispatch(command, &parsed, session),
        Err(error) => Err(error.into()),
    };
    match done {
        Ok(()) => 0,
        Err(Failure::Code(code)) => code,
        Err(Failure::Usage(error)) => {
            let text = help::complaint(command, &error);
            session.remark(text.trim_end());
            usage_code
        }
        Err(Failure::Client(error)) => {
            session.complain(&error.to_string());
            if is_scha { crate::session::scha_code(&error) as u8 } else { 1 }
        }
        Err(Failure::Refused(sentence)) => {
            session.complain(&sentence);
            1
        }
    }
}

fn dispatch(
    command: &'static Command,
    parsed: &Parsed,
    session: &mut Session<'_>,
) -> Result<(), Failure> {
    match command.name {
        "scrgadm" => scrgadm::run(parsed, session),
        "scswitch" => scswitch::run(parsed, session),
        "scstat" => scstat::run(parsed, session),
        "pmfadm" => pmfadm::run(parsed, session),
        _ => scha::run(command, parsed, session),
    }
}

/// What is said of device groups, wherever they are named.
pub(crate) fn no_device_groups() -> Failure {
    Failure::Refused(
        "there are no device groups here: a disk belongs to the resource group that uses it; give it to a SUNW.HAStoragePlus resource and switch the group with scswitch -z -g".to_owned(),
    )
}
