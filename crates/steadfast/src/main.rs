//! The `steadfast` command: reads what was typed (`cli.rs`), hands it to one command (`commands/`), and turns the result
//! into an exit code.
//!
//! Decides nothing about messages; that is `im`. Exit codes are given here and nowhere else: 0 done, 1 failed, 2 not
//! understood.

mod account;
mod admin;
mod cli;
mod cluster;
mod commands;
mod config;
mod probe;
mod serve;
mod terminal;
mod up;

use clap::Parser;
use std::process::ExitCode;

/// The command did what it was asked to do, and the answer is no; everything has been said already.
#[derive(Debug, thiserror::Error)]
#[error("failed")]
pub(crate) struct Failed;

fn main() -> ExitCode {
    if let Some(code) = cluster::run_other_program() {
        return code;
    }
    let cli = cli::Cli::parse();
    // What is written holds verifiers and messages: for our user only, wherever the operator lets it be written.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    match commands::run(cli.command) {
        Ok(code) => code,
        Err(error) if error.is::<Failed>() => ExitCode::FAILURE,
        Err(error) => {
            terminal::complain(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}
