//! `hosts-bench`: measures failover of Steadfast and of others in hosts made of namespaces. Started by `cargo xtask bench failover`, which builds what it needs.
//!
//! `hosts-bench [--runs N] [--contender WORD] [--fault NAME] [--results FILE] [--page FILE]`: with `--results` earlier parts are kept and added to; with `--page` the
//! table in the page is made anew. Needs root; never touches a process it did not start.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a command line program talks to a terminal"
)]

use anyhow::{Context, Result, bail};
use hosts::faults::{Fault, Rig, common, ours};
use hosts::keepalived::{self, Keepalived};
use hosts::report::{Check, Results};
use hosts::steadfast::{Settings, Steadfast};
use hosts::{Contender, Programs, Site};
use std::path::PathBuf;

/// Runs of each fault unless told otherwise.
const RUNS: usize = 20;

/// What was asked for.
struct Wanted {
    runs: usize,
    contenders: Vec<String>,
    faults: Vec<String>,
    results: Option<PathBuf>,
    page: Option<PathBuf>,
}

fn main() -> Result<()> {
    let wanted = Wanted::parse()?;
    let here = std::env::current_exe()?;
    let folder = here.parent().context("where am I")?;
    let steadfast =
        std::env::var_os("STEADFAST_BIN").map_or_else(|| folder.join("steadfast"), PathBuf::from);
    let programs = Programs { steadfast, http: folder.join("hosts-http") };
    let mut results = wanted.results.as_deref().map(Results::read).transpose()?.unwrap_or_default();
    for settings in [Settings::DEFAULT, Settings::TIGHT] {
        let mut faults = common::faults();
        faults.extend(ours::faults());
        measure(&wanted, &programs, Steadfast::new(settings), faults, &mut results)?;
    }
    for tuning in [keepalived::Tuning::Default, keepalived::Tuning::Tight] {
        let mut faults = common::faults();
        faults.retain(|f| !f.name.starts_with("link-cut-"));
        measure(&wanted, &programs, Keepalived::new(tuning), faults, &mut results)?;
    }
    println!("{}", results.table());
    if let Some(page) = &wanted.page {
        results.publish(page)?;
    }
    Ok(())
}

impl Wanted {
    fn parse() -> Result<Self> {
        let mut wanted = Self {
            runs: RUNS,
            contenders: Vec::new(),
            faults: Vec::new(),
            results: None,
            page: None,
        };
        let mut args = std::env::args().skip(1);
        while let Some(option) = args.next() {
            if option == "--quick" {
                wanted.runs = 5;
                continue;
            }
            let value = args.next().with_context(|| format!("{option} needs a value"))?;
            match option.as_str() {
                "--runs" => wanted.runs = value.parse()?,
                "--contender" => wanted.contenders.push(value),
                "--fault" => wanted.faults.push(value),
                "--results" => wanted.results = Some(value.into()),
                "--page" => wanted.page = Some(value.into()),
                _ => bail!("no option is called {option}"),
            }
        }
        Ok(wanted)
    }
}

/// All runs on one contender. A run that fails is noted, and the next one has a new site.
fn measure<C: Contender>(
    wanted: &Wanted,
    programs: &Programs,
    cluster: C,
    faults: Vec<Fault<C>>,
    results: &mut Results,
) -> Result<()> {
    let name = cluster.name();
    if !wanted.contenders.is_empty() && !wanted.contenders.iter().any(|w| name.contains(w.as_str()))
    {
        return Ok(());
    }
    let mut rig = Rig::start(Site::start(programs)?, cluster)?;
    for (order, fault) in faults.iter().enumerate() {
        // The bounds are Steadfast's own promise.
        let bound = if name.starts_with("Steadfast") { fault.bound } else { "" };
        if !wanted.faults.is_empty() && !wanted.faults.iter().any(|f| f == fault.name) {
            continue;
        }
        for run in 1..=wanted.runs {
            let done = rig.run(fault);
            let series = results
                .contenders
                .entry(name.clone())
                .or_default()
                .entry(fault.name.to_owned())
                .or_default();
            (series.label, series.bound, series.order) =
                (fault.label.to_owned(), bound.to_owned(), order);
            match done {
                Ok(sample) => {
                    eprintln!(
                        "{name}: {} {run}: {} ms",
                        fault.name,
                        sample.without_service_us / 1000
                    );
                    series.samples.push(sample);
                }
                Err(error) => {
                    eprintln!("{name}: {} {run}: FAILED: {error:#}", fault.name);
                    let why = error.root_cause().to_string();
                    series.failures.push(why.chars().take(200).collect());
                    note(&rig, &name, results);
                    rig = rig.anew(programs)?;
                }
            }
            if let Some(path) = &wanted.results {
                results.write(path)?;
            }
        }
    }
    note(&rig, &name, results);
    if let Some(path) = &wanted.results {
        results.write(path)?;
    }
    Ok(())
}

/// Has the checker judge what was written.
fn note<C: Contender>(rig: &Rig<C>, name: &str, results: &mut Results) {
    if !rig.cluster.has_disk() {
        return;
    }
    let check = results.checks.entry(name.to_owned()).or_default();
    match rig.site.judge() {
        Ok(found) => {
            check.acknowledged += rig.site.client().seen().acknowledged.len();
            check.lost += found.lost;
            check.epochs += found.epochs;
            check.wrong.extend(found.wrong);
        }
        Err(error) => {
            // A service that did not come back is counted as a failed run, and its log cannot be read.
            eprintln!("{name}: not judged: {error:#}");
            *check = Check { ..check.clone() };
        }
    }
}
