//! `steadfast node`: the guard in this process, the daemon below it.

use crate::config::{ConfigError, NodeFile};
use crate::daemon;
use crate::guard::{self, Options, Place, Traces, Undo};
use pmf::CgroupParent;
use std::ffi::OsString;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::process::ExitCode;

/// Runs the guard as the file says, until the node has left or is told to end.
pub fn run_guard(config: &Path, undo: Undo) -> Result<ExitCode, String> {
    let file = NodeFile::read(config).map_err(|error| error.to_string())?;
    crate::log::start(&file.log.level, file.log.syslog);
    warn_of_slow_watchdog(&file);
    let exe = std::env::current_exe().map_err(|error| format!("own program: {error}"))?;
    make_folder(&file.node.run_dir, 0o755)?;
    make_folder(&file.claims(), 0o700)?;
    // Before anything is touched that may be another guard's.
    let place = match Place::take(&file.node.run_dir) {
        Ok(place) => place,
        Err(why) => {
            tracing::error!("this node is not started: {why}");
            return Ok(ExitCode::from(guard::HOPELESS));
        }
    };
    // Dropped at the end, and with it the cgroup.
    let cgroup = CgroupParent::open(&daemon::cgroup_name(&file)).ok();
    let config = std::path::absolute(config).unwrap_or_else(|_| config.to_owned());
    let arguments = ["node", "--daemon", "--config"].map(OsString::from);
    let daemon = [exe.into_os_string()].into_iter().chain(arguments);
    let options = Options {
        daemon: daemon.chain([config.into_os_string()]).collect(),
        traces: Traces {
            cgroup: cgroup.as_ref().map(|parent| parent.path().to_owned()),
            claims: file.claims(),
            undo,
        },
        reserve: file.reserve(),
        reset: file.reset(),
        run_dir: file.node.run_dir.clone(),
    };
    let code =
        guard::run(&options, place).map_err(|error| format!("the guard cannot run: {error}"))?;
    if let Some(cgroup) = cgroup {
        cgroup.clear_leftovers();
    }
    Ok(code)
}

/// Makes a folder and those above it, with these permissions whatever the umask.
pub(crate) fn make_folder(path: &Path, mode: u32) -> Result<(), String> {
    use std::os::unix::fs::PermissionsExt;
    let failed = |error: std::io::Error| format!("{}: {error}", path.display());
    if path.is_dir() {
        return Ok(());
    }
    std::fs::DirBuilder::new().recursive(true).mode(mode).create(path).map_err(failed)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).map_err(failed)
}

/// A watchdog device helps where guard and daemon are both stopped, but only when it fires before another node may take over.
fn warn_of_slow_watchdog(file: &NodeFile) {
    let guard::Reset::Watchdog(path) = file.reset() else { return };
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    let name = name.map(|name| if name == "watchdog" { "watchdog0".to_owned() } else { name });
    let file_name = format!("/sys/class/watchdog/{}/timeout", name.unwrap_or_default());
    let text = std::fs::read_to_string(&file_name).unwrap_or_default();
    if let Ok(timeout_s) = text.trim().parse::<f64>()
        && timeout_s > file.lease.time_s
    {
        tracing::warn!(
            "{} fires after {timeout_s} s, the lease is {} s: another node may start groups before it fires; set its time-out below lease.time_s, or lease.time_s above it",
            path.display(),
            file.lease.time_s
        );
    }
}

/// Runs the daemon; standard input is the guard's socket.
pub fn run_daemon(config: &Path, undo: Undo) -> Result<ExitCode, ConfigError> {
    let file = NodeFile::read(config)?;
    crate::log::start(&file.log.level, file.log.syslog);
    guard::stand_as_daemon();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
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
