//! `documentation`: pages that are generated, so that they say what the program does.

use crate::cli::{Cli, Page};
use crate::config;
use crate::terminal::answer;
use anyhow::{Context, Result};
use clap::{Command, CommandFactory};
use std::fmt::Write;
use std::path::Path;

/// Families that docs/cluster-commands.md describes.
const CLUSTER_FAMILIES: [&str; 5] = ["type", "resource", "group", "node", "cluster"];

/// Writes every manual page into a folder.
pub(crate) fn write_man_pages(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let mut all = Cli::command();
    all.build();
    let mut pages = cluster_commands::man_pages();
    pages.push(cluster_commands::man_page_of(&all));
    let of_service = |c: &&Command| {
        !CLUSTER_FAMILIES.contains(&c.get_name()) && !c.is_hide_set() && c.get_name() != "help"
    };
    for command in all.get_subcommands().filter(of_service) {
        pages.push(cluster_commands::man_page_of(command));
        let verbs = command.get_subcommands().filter(|v| v.get_name() != "help");
        pages.extend(verbs.map(cluster_commands::man_page_of));
    }
    for (name, text) in pages {
        let path = folder.join(name);
        std::fs::write(&path, text).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

/// Prints a page.
pub(crate) fn run(page: Page) -> Result<()> {
    let text = match page {
        Page::Configuration => config::markdown(),
        Page::Commands => commands(),
        Page::ClusterCommands => cluster_commands::markdown(),
    };
    Ok(answer(&text)?)
}

/// Every command with its help.
fn commands() -> String {
    let mut out = String::from(
        "# Commands\n\n\
         <!-- Written by `steadfast documentation commands` from crates/steadfast/src/cli.rs. Do \
            not edit. -->\n\nThe cluster's commands have a page of their own: [cluster-commands.md](cluster-commands.md).\n",
    );
    let mut all = Cli::command().term_width(100);
    all.build();
    let is_of_service = |name: &str| !CLUSTER_FAMILIES.contains(&name);
    for command in all.get_subcommands().filter(|c| is_of_service(c.get_name())) {
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
