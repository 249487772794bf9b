//! `documentation`: pages that are generated, so that they say what the program does.

use crate::cli::{Cli, Page};
use crate::config;
use crate::terminal::answer;
use anyhow::Result;
use clap::{Command, CommandFactory};
use std::fmt::Write;

/// Prints a page.
pub(crate) fn run(page: Page) -> Result<()> {
    let text = match page {
        Page::Configuration => config::markdown(),
        Page::Commands => commands(),
    };
    Ok(answer(&text)?)
}

/// Every command with its help.
fn commands() -> String {
    let mut out = String::from(
        "# Commands\n\n\
         <!-- Written by `steadfast documentation commands` from crates/steadfast/src/cli.rs. Do \
            not edit. -->\n",
    );
    let mut all = Cli::command().term_width(100);
    all.build();
    for command in all.get_subcommands() {
        describe(&mut out, command);
    }
    out
}

fn describe(out: &mut String, command: &Command) {
    if command.is_hide_set() || command.get_name() == "help" {
        return;
    }
    if command.has_subcommands() {
        command.get_subcommands().for_each(|inner| describe(out, inner));
        return;
    }
    let name = command.get_bin_name().unwrap_or(command.get_name());
    let help = command.clone().render_help().to_string();
    let _ = write!(out, "\n## {name}\n\n```text\n{}\n```\n", help.trim_end());
}
