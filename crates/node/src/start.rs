//! `steadfast node`: the guard in this process, the daemon below it.

use crate::config::{ConfigError, NodeFile};
use crate::daemon;
use crate::guard::{self, Options, Traces, Undo};
use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

/// Runs the guard as the file says, until the node has left or is told to end.
pub fn run_guard(config: &Path, undo: Undo) -> Result<ExitCode, String> {
    let file = NodeFile::read(config).map_err(|error| error.to_string())?;
    crate::log::start(&file.log.level, file.log.syslog);
    let exe = std::env::current_exe().map_err(|error| format!("own program: {error}"))?;
    std::fs::create_dir_all(&file.node.run_dir)
        .map_err(|error| format!("{}: {error}", file.node.run_dir.display()))?;
    let cgroup = pmf::CgroupParent::open(&daemon::cgroup_name(&file)).ok();
    let arguments = ["node", "--daemon", "--config"].map(OsString::from);
    let daemon = [exe.into_os_string()].into_iter().chain(arguments);
    let options = Options {
        daemon: daemon.chain([config.as_os_str().to_owned()]).collect(),
        traces: Traces {
            cgroup: cgroup.map(|parent| parent.path().to_owned()),
            claims: file.claims(),
            undo,
        },
        reserve: file.reserve(),
        reset: file.reset(),
        run_dir: file.node.run_dir.clone(),
    };
    guard::run(&options).map_err(|error| format!("the guard cannot run: {error}"))
}

/// Runs the daemon; standard input is the guard's socket.
pub fn run_daemon(config: &Path, undo: Undo) -> Result<ExitCode, ConfigError> {
    let file = NodeFile::read(config)?;
    crate::log::start(&file.log.level, file.log.syslog);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let code = match runtime {
        Ok(runtime) => {
            let code = runtime.block_on(daemon::run(file, undo));
            runtime.shutdown_background();
            code
        }
        Err(error) => {
            tracing::error!("no runtime: {error}");
            daemon::OVER
        }
    };
    Ok(ExitCode::from(code))
}
