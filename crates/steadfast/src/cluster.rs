//! The cluster's part of the command line: programs that this binary is under other names (`scrgadm` and the rest, as links), and programs
//! that the node daemon starts of itself (methods, keepers of process trees).
//!
//! Looked at before anything else, because a keeper must run before there are threads, and a link has its own syntax.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Runs what this process is, when that is not `steadfast` itself.
pub(crate) fn run_other_program() -> Option<ExitCode> {
    let mut arguments = std::env::args_os();
    let own = arguments.next().unwrap_or_default();
    let own = Path::new(&own).file_name().and_then(OsStr::to_str).unwrap_or_default().to_owned();
    if cluster_commands::is_command(&own) {
        return Some(cluster_commands::run(&own, &texts(arguments)));
    }
    let first = arguments.next()?;
    match first.to_str()? {
        "pmf-launch" => Some(pmf::launcher::main()),
        "methods" => {
            let arguments = texts(arguments);
            let (name, rest) = arguments.split_first()?;
            Some(agents::run(name, rest))
        }
        "monitor" => Some(agents::run("probe_loop", &texts(arguments))),
        name if cluster_commands::is_command(name) => {
            Some(cluster_commands::run(name, &texts(arguments)))
        }
        _ => None,
    }
}

/// Arguments as text. What is not UTF-8 is no name of anything here; the command refuses it by its sight.
fn texts(arguments: impl Iterator<Item = OsString>) -> Vec<String> {
    arguments.map(|argument| argument.to_string_lossy().into_owned()).collect()
}

/// `steadfast node`: the guard, or (`--daemon`, started by the guard) the daemon.
pub(crate) fn node(config: Option<PathBuf>, is_daemon: bool) -> anyhow::Result<ExitCode> {
    let config = config.unwrap_or_else(|| node::config::CONFIG_DEFAULT.into());
    if is_daemon {
        Ok(node::start::run_daemon(&config, agents::undo)?)
    } else {
        node::start::run_guard(&config, agents::undo).map_err(anyhow::Error::msg)
    }
}
