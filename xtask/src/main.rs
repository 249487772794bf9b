//! `cargo xtask`: the one entry for everything that is done to this repository.
//!
//! A command is a value in [`COMMANDS`]: name, arguments, what it does, the function. Help is made from that list. Nothing here
//! is part of the product, and every step prints the command line it runs, so that it can be repeated by hand.

#![expect(clippy::print_stdout, reason = "a command line program talks to a terminal")]

mod bench;
mod dist;
mod interop;
mod packages;
mod step;
mod test;
mod tidy;

use anyhow::{Result, bail};
use std::process::ExitCode;

/// One verb of `cargo xtask`.
struct Command {
    name: &'static str,
    arguments: &'static str,
    about: &'static str,
    run: fn(&[String]) -> Result<()>,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "test",
        arguments: "[--without interop]",
        about: "every check: format, lints, tidy, tests, documentation, simulation, interoperability",
        run: test::run,
    },
    Command {
        name: "ci",
        arguments: "[--without interop]",
        about: "the same as test",
        run: test::run,
    },
    Command {
        name: "tidy",
        arguments: "",
        about: "the rules of the house that no compiler knows",
        run: tidy::run,
    },
    Command {
        name: "sim",
        arguments: "[cluster] --seed N | --seeds A..B",
        about: "simulate the messaging core, or clusters of nodes, with these seeds",
        run: test::sim,
    },
    Command {
        name: "scenarios",
        arguments: "[--server KIND | --at ADDRESS:PORT --domain D --password P] [NAME…]",
        about: "play the text scenarios against a server",
        run: test::scenarios,
    },
    Command {
        name: "faults",
        arguments: "[--trials N] [--pairs N] [--fault kill|term|both] [--tls yes] [--seed N] [--server KIND]",
        about: "kill the server again and again while clients talk, and count what was lost",
        run: test::faults,
    },
    Command {
        name: "interop",
        arguments: "[slixmpp|aioxmpp|xmppjs|profanity|go-sendxmpp…]",
        about: "let other people's clients talk through the server",
        run: interop::run,
    },
    Command {
        name: "bench",
        arguments: "[chat|idle|login|presence|latency|start…] [--runs N] [--servers A,B] [--quick yes] | failover [--quick] [--runs N] [--contender WORD] [--fault NAME]",
        about: "measure beside ejabberd and Prosody, writes docs/performance.md; failover: beside keepalived, writes docs/failover.md",
        run: bench::run,
    },
    Command {
        name: "bless",
        arguments: "",
        about: "run the golden tests and accept what they print",
        run: test::bless,
    },
    Command {
        name: "docs",
        arguments: "",
        about: "the documentation of all crates, warnings refused",
        run: test::docs,
    },
    Command {
        name: "dist",
        arguments: "[--debug]",
        about: "target/dist/steadfast-VERSION-TARGET.tar.gz: all that a machine is installed from",
        run: dist::run,
    },
];

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let name = args.next().unwrap_or_default();
    let rest: Vec<String> = args.collect();
    match dispatch(&name, &rest) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask {name}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(name: &str, rest: &[String]) -> Result<()> {
    if let Some(command) = COMMANDS.iter().find(|c| c.name == name) {
        return (command.run)(rest);
    }
    println!("cargo xtask COMMAND\n");
    for command in COMMANDS {
        println!("  {} {}\n      {}", command.name, command.arguments, command.about);
    }
    match name {
        "" | "help" | "--help" => Ok(()),
        other => bail!("no command is called {other}"),
    }
}
