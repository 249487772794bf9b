//! `cargo xtask sim cluster`: plays seeds and prints what was broken, with the command that plays it again. A single seed is traced.

use cluster_sim::{Fault, Report, play};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};

const USAGE: &str = "usage: cluster-sim [--seed N | --seeds A..B] [--fault NAME]";
/// Threads; each plays seeds of its own.
const THREADS: usize = 2;

/// What to play.
#[derive(Debug, Default)]
struct Arguments {
    seeds: std::ops::Range<u64>,
    fault: Option<Fault>,
    trace: bool,
}

fn main() -> ExitCode {
    match parse(std::env::args().skip(1)) {
        Ok(arguments) => play_all(&arguments),
        Err(why) => {
            say(&format!("{why}\n{USAGE}"));
            ExitCode::from(2)
        }
    }
}

#[expect(clippy::print_stdout, reason = "this is a command")]
fn say(line: &str) {
    println!("{line}");
}

fn play_all(arguments: &Arguments) -> ExitCode {
    let next = AtomicU64::new(arguments.seeds.start);
    let work = || {
        let (mut total, mut failures) = (Report::default(), 0_u64);
        loop {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= arguments.seeds.end {
                return (total, failures);
            }
            failures += u64::from(!play_one(seed, arguments, &mut total));
        }
    };
    let parts: Vec<(Report, u64)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS).map(|_| scope.spawn(work)).collect();
        threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
    });
    let (mut total, mut failures) = (Report::default(), 0);
    for (part, failed) in parts {
        add(&mut total, &part);
        failures += failed;
    }
    let count = arguments.seeds.end - arguments.seeds.start;
    say(&format!(
        "{count} seeds, {failures} with violations: {} events, {} revisions, {} starts, {} moves, {} answers, {} accepted",
        total.events, total.revisions, total.starts, total.moves, total.answers, total.accepted
    ));
    if failures == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn add(total: &mut Report, part: &Report) {
    total.events += part.events;
    total.revisions += part.revisions;
    total.starts += part.starts;
    total.moves += part.moves;
    total.answers += part.answers;
    total.accepted += part.accepted;
}

/// TRUE: nothing was broken.
fn play_one(seed: u64, arguments: &Arguments, total: &mut Report) -> bool {
    let played = catch_unwind(AssertUnwindSafe(|| play(seed, arguments.fault, arguments.trace)));
    let again = format!("play it again: cargo xtask sim cluster --seed {seed}");
    let Ok(report) = played else {
        say(&format!("seed {seed}: it panicked\n{again}"));
        return false;
    };
    for line in &report.trace {
        say(line);
    }
    for violation in &report.violations {
        say(&format!("seed {seed}: {}: {}\n{again}", violation.checker, violation.what));
    }
    add(total, &report);
    report.violations.is_empty()
}

fn parse(mut words: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut arguments = Arguments { seeds: 0..1000, ..Arguments::default() };
    while let Some(word) = words.next() {
        match word.as_str() {
            "--seed" => {
                let seed = number(words.next().as_deref())?;
                arguments.seeds = seed..seed + 1;
                arguments.trace = true;
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
    if arguments.seeds.end < arguments.seeds.start {
        return Err("--seeds takes A..B, with A not after B".to_owned());
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
