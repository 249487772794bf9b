//! The cluster commands: `scrgadm`, `scswitch`, `scstat`, `pmfadm`, the `scha_*` commands (`sun`), and the same operations in today's style
//! (`modern`). What they show is made in `view`, which needs no console and is for others too.
//!
//! Commands translate arguments, wait and render; every decision about the cluster is the node daemon's. A command line that is not
//! understood sends nothing. The tables of `sun` are the one place where an option is written down: usage errors, `--help`, man pages,
//! documentation and completions are made from them (`table`).

pub mod files;
mod interrupt;
pub mod modern;
pub mod session;
mod sun;
mod table;
mod trust;
mod typed;
pub mod view;

pub use modern::{
    ClusterCli, ClusterCommand, GroupCommand, NodeCommand, ResourceCommand, TypeCommand,
    man_page_of, run_modern,
};
pub use session::Surroundings;
pub use table::pages::Shell;

use session::Session;
use std::io::Write;
use std::process::ExitCode;

/// Whether a program of this name is one of the commands with the original's syntax.
pub fn is_command(name: &str) -> bool {
    sun::COMMANDS.iter().any(|command| command.name == name)
}

/// Names of all of them, in the order in which they are documented.
pub fn command_names() -> impl Iterator<Item = &'static str> {
    sun::COMMANDS.iter().map(|command| command.name)
}

/// Runs the command of this name with its arguments (without the name of the program).
pub fn run(name: &str, args: &[String]) -> ExitCode {
    let around = Surroundings::of_this_process();
    let (mut out, mut err) = (std::io::stdout(), std::io::stderr());
    ExitCode::from(run_with(name, args, around, &mut out, &mut err))
}

/// The same with everything it touches as an argument; returns the exit code. 2 for a name that is none.
pub fn run_with(
    name: &str,
    args: &[String],
    around: Surroundings,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> u8 {
    let mut session = Session::new(name, around, out, err);
    match sun::COMMANDS.iter().find(|command| command.name == name) {
        Some(command) => sun::run(command, args, &mut session),
        None => {
            let help = match rtr::nearest(name, command_names()) {
                Some(near) => format!("did you mean {near}?"),
                None => "it is none of the cluster's".to_owned(),
            };
            session.remark(&format!("there is no command {}; {help}", typed::shown(name)));
            sun::USAGE
        }
    }
}

/// Every manual page of the cluster's commands: file name and roff.
pub fn man_pages() -> Vec<(String, String)> {
    let own = sun::COMMANDS.iter().map(|command| table::pages::man(command));
    own.chain(modern::man_pages()).collect()
}

/// The documentation of all commands.
pub fn markdown() -> String {
    let pages: Vec<String> =
        sun::COMMANDS.iter().map(|command| table::pages::markdown(command)).collect();
    format!(
        "# Cluster commands\n\n<!-- Made from the command tables of crates/cluster-commands. Do not edit. -->\n\n{}\n{}",
        pages.join("\n"),
        modern::markdown()
    )
}

/// Completions of the commands with the original's syntax. (Those in today's style are part of `steadfast completions`.)
pub fn completions(shell: Shell) -> String {
    sun::COMMANDS.iter().map(|command| table::pages::completion(command, shell)).collect()
}
