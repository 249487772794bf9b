//! `cargo xtask sim`: plays seeds and prints what was broken, with the command that plays it again.

use sim::{Fault, Report, play};
use std::process::ExitCode;

const USAGE: &str = "usage: sim [--seed N | --seeds A..B] [--fault NAME] [--trace]";

/// What to play.
#[derive(Debug, Default)]
struct Arguments {
    seeds: std::ops::Range<u64>,
    fault: Option<Fault>,
    trace: bool,
}

#[expect(clippy::print_stdout, reason = "this is a command")]
fn main() -> ExitCode {
    let arguments = match parse(std::env::args().skip(1)) {
        Ok(arguments) => arguments,
        Err(why) => {
            println!("{why}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    let mut total = Report::default();
    let mut failures = 0;
    let count = arguments.seeds.end - arguments.seeds.start;
    for seed in arguments.seeds {
        let report = play(seed, arguments.fault, arguments.trace);
        for line in &report.trace {
            println!("{line}");
        }
        for violation in &report.violations {
            println!("seed {seed}: {}: {}", violation.promise, violation.what);
        }
        if !report.violations.is_empty() {
            failures += 1;
            println!("play it again: cargo xtask sim --seed {seed} --trace");
        }
        total.sent += report.sent;
        total.accepted += report.accepted;
        total.received += report.received;
        total.resumed += report.resumed;
        total.crashes += report.crashes;
    }
    println!(
        "{count} seeds, {failures} with violations: {} messages sent, {} accepted, {} received, {} resumptions, {} crashes",
        total.sent, total.accepted, total.received, total.resumed, total.crashes
    );
    if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut arguments = Arguments { seeds: 0..1000, ..Arguments::default() };
    while let Some(word) = words.next() {
        match word.as_str() {
            "--seed" => {
                let seed = number(words.next().as_deref())?;
                arguments.seeds = seed..seed + 1;
            }
            "--seeds" => {
                let text = words.next().unwrap_or_default();
                let (from, to) = text.split_once("..").ok_or("--seeds takes A..B")?;
                arguments.seeds = number(Some(from))?..number(Some(to))?;
            }
            "--fault" => arguments.fault = Some(fault(&words.next().unwrap_or_default())?),
            "--trace" => arguments.trace = true,
            other => return Err(format!("unknown argument {other:?}")),
        }
    }
    Ok(arguments)
}

fn number(text: Option<&str>) -> Result<u64, String> {
    let text = text.unwrap_or_default();
    text.parse().map_err(|_| format!("{text:?} is not a seed"))
}

fn fault(name: &str) -> Result<Fault, String> {
    let known = Fault::all();
    known.iter().copied().find(|f| f.name() == name).ok_or_else(|| {
        let names: Vec<_> = known.iter().map(|f| f.name()).collect();
        format!("there is no fault {name:?}; there are {}", names.join(", "))
    })
}
