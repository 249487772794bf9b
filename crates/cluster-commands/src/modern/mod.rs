//! The cluster's operations in today's style: `steadfast type|resource|group|node|cluster VERB`. Every verb takes `--json`.
//!
//! `arguments` is what can be typed; `ask` translates it to operations; `run` carries it out and shows; `check` looks for what an operator
//! should mend; `watch` shows what goes on. Like the commands of `sun` they decide nothing.

mod arguments;
mod ask;
mod check;
mod how;
mod run;
pub(crate) mod secret;
mod watch;

pub use arguments::{
    At, Change, ClusterCli, ClusterCommand, GroupCommand, NodeCommand, ResourceCommand, TypeCommand,
};
pub use check::{Finding, findings};

use crate::session::{Session, Surroundings};
use clap::{Command, Subcommand};
use std::fmt::Write as _;
use std::io::Write;
use std::process::ExitCode;

/// Runs one.
pub fn run_modern(command: ClusterCli) -> ExitCode {
    let around = Surroundings::of_this_process();
    let (mut out, mut err) = (std::io::stdout(), std::io::stderr());
    ExitCode::from(run_modern_with(command, around, &mut out, &mut err))
}

/// The same with everything it touches as an argument; returns the exit code: 0 done, 1 failed, 2 not understood.
pub fn run_modern_with(
    command: ClusterCli,
    around: Surroundings,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> u8 {
    let mut session = Session::new("steadfast", around, out, err);
    run::run(&command, &mut session)
}

/// All of them as clap sees them.
fn tree() -> Command {
    let root = Command::new("steadfast").about("Instant messaging that stays up");
    let mut root = ClusterCli::augment_subcommands(root).disable_help_subcommand(true);
    root.build();
    root
}

/// Manual pages: one for each family and one for each verb.
pub(crate) fn man_pages() -> Vec<(String, String)> {
    let mut pages = Vec::new();
    for family in tree().get_subcommands() {
        let verbs = family.get_subcommands().filter(|v| v.get_name() != "help");
        for of in std::iter::once(family).chain(verbs) {
            pages.push(man_page_of(of));
        }
    }
    pages
}

/// The manual page of one command that clap knows: file name and roff.
pub fn man_page_of(command: &Command) -> (String, String) {
    let name = command.get_bin_name().unwrap_or(command.get_name()).replace(' ', "-");
    let man = clap_mangen::Man::new(command.clone()).title(name.clone());
    let mut text = Vec::new();
    // Writing to memory does not fail.
    let _ = man.render(&mut text);
    (format!("{name}.1"), String::from_utf8_lossy(&text).into_owned())
}

/// Documentation.
pub(crate) fn markdown() -> String {
    let mut out = String::new();
    for family in tree().get_subcommands() {
        for verb in family.get_subcommands().filter(|v| v.get_name() != "help") {
            let name = verb.get_bin_name().unwrap_or(verb.get_name());
            let help = verb.clone().term_width(100).render_long_help().to_string();
            let _ = write!(out, "\n## {name}\n\n```text\n{}\n```\n", help.trim_end());
        }
    }
    out
}
