//! The cluster commands: `scrgadm`, `scswitch`, `scstat`, `pmfadm`, the `scha_*` commands, and the same operations in today's style.
//!
//! They translate arguments, wait and render; every decision about the cluster is the node daemon's.

use std::process::ExitCode;

/// The commands with the original's syntax.
const COMMANDS: [&str; 10] = [
    "scrgadm",
    "scswitch",
    "scstat",
    "pmfadm",
    "scha_resource_get",
    "scha_resourcegroup_get",
    "scha_resourcetype_get",
    "scha_cluster_get",
    "scha_control",
    "scha_resource_setstatus",
];

/// Whether a program of this name is one of the commands with the original's syntax.
pub fn is_command(name: &str) -> bool {
    COMMANDS.contains(&name)
}

/// Runs the command of this name with its arguments (without the name of the program).
pub fn run(name: &str, args: &[String]) -> ExitCode {
    let _ = args;
    eprintln!("{name}: not available in this build");
    ExitCode::FAILURE
}
