//! The load generator: measures one or more servers, alternating, and writes the medians into the performance document.
//!
//! `cargo xtask bench` builds it optimised and calls it. `loadgen [NAME…] [--runs N] [--servers a,b,c] [--quick yes]
//! [--output FILE]`

#![expect(clippy::print_stdout, reason = "a command line program talks to a terminal")]

use anyhow::{Context, Result, bail, ensure};
use std::path::PathBuf;
use std::process::Command;
use testkit::load::report::{Runs, with_section};
use testkit::load::{BENCHES, Bench, Size};
use testkit::server::Kind;

struct Wishes {
    benches: Vec<&'static Bench>,
    runs: u32,
    servers: Vec<Kind>,
    size: Size,
    output: Option<PathBuf>,
    words: Vec<String>,
}

fn main() -> Result<()> {
    let wishes = wishes(std::env::args().skip(1).collect())?;
    raise_file_limit();
    for bench in &wishes.benches {
        let mut runs = Runs::default();
        for run in 0..wishes.runs {
            for kind in &wishes.servers {
                if !bench.with_peers && *kind != Kind::Steadfast {
                    continue;
                }
                let rows = (bench.run)(*kind, &wishes.size)
                    .with_context(|| format!("bench {} against {}", bench.name, kind.name()))?;
                for row in &rows {
                    let values: Vec<String> =
                        row.values.iter().map(|v| format!("{v:.2}")).collect();
                    println!(
                        "{} run {}: {} {}: {} ({})",
                        bench.name,
                        run + 1,
                        kind.name(),
                        row.variant,
                        values.join(" / "),
                        bench.columns.join(" / ")
                    );
                }
                runs.add(*kind, rows);
            }
        }
        let table = runs.table(bench);
        println!("\n{}\n{table}", bench.title);
        if let Some(path) = &wishes.output {
            let before = std::fs::read_to_string(path).unwrap_or_else(|_| head());
            let section = section(bench, &wishes, &table);
            std::fs::write(path, with_section(&before, bench.name, &section))?;
        }
    }
    Ok(())
}

fn wishes(args: Vec<String>) -> Result<Wishes> {
    let mut wishes = Wishes {
        benches: Vec::new(),
        runs: 3,
        servers: Kind::ALL.to_vec(),
        size: Size::FULL,
        output: None,
        words: args.clone(),
    };
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        let Some(option) = arg.strip_prefix("--") else {
            let found = BENCHES.iter().find(|b| b.name == arg);
            wishes.benches.push(found.with_context(|| format!("no bench is called {arg}"))?);
            continue;
        };
        let value = args.next().with_context(|| format!("{arg} needs a value"))?;
        let number = || value.parse::<usize>().with_context(|| format!("{arg} {value}"));
        match option {
            "runs" => wishes.runs = u32::try_from(number()?)?,
            "pairs" => wishes.size.pairs = number()?,
            "sessions" => wishes.size.sessions = number()?,
            "seconds" => wishes.size.seconds = number()? as u64,
            "accounts" => wishes.size.accounts = number()? as u64,
            "quick" => wishes.size = Size::QUICK,
            "output" => wishes.output = Some(value.into()),
            "servers" => {
                let kinds = value.split(',').map(Kind::from_name).collect::<Option<Vec<_>>>();
                wishes.servers = kinds.with_context(|| format!("--servers {value}"))?;
            }
            _ => bail!("no option is called {arg}"),
        }
    }
    ensure!(wishes.runs > 0, "--runs 0 measures nothing");
    if wishes.benches.is_empty() {
        wishes.benches = BENCHES.iter().collect();
    }
    Ok(wishes)
}

/// Thousands of sessions want thousands of files, here and in the servers started from here.
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, wanted) {
        eprintln!("cannot raise the limit of open files: {error}");
    }
}

fn head() -> String {
    "# Performance\n\nEvery table is written by `cargo xtask bench`; text outside the marked sections is written by people.\n"
        .to_owned()
}

fn section(bench: &Bench, wishes: &Wishes, table: &str) -> String {
    let words: Vec<&str> = wishes.words.iter().map(String::as_str).collect();
    let mut command = format!("cargo xtask bench {}", bench.name);
    for pair in words.windows(2).filter(|p| p[0].starts_with("--") && p[0] != "--output") {
        command.push_str(&format!(" {} {}", pair[0], pair[1]));
    }
    format!(
        "## {}\n\n{} Medians; servers alternate.\n\n{table}\n{}. Command: `{command}`.\n",
        bench.title,
        bench.about,
        machine()
    )
}

fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let cpu = read("/proc/cpuinfo");
    let model = cpu.lines().find_map(|l| l.strip_prefix("model name")).unwrap_or_default();
    let model = model.trim_start_matches([' ', '\t', ':']).to_owned();
    let cores = cpu.lines().filter(|l| l.starts_with("processor")).count();
    let kernel = read("/proc/sys/kernel/osrelease");
    let memory = read("/proc/meminfo");
    let memory = memory.split_whitespace().nth(1).and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
    let load = read("/proc/loadavg");
    let load = load.split_whitespace().next().unwrap_or_default();
    let date = Command::new("date").arg("+%F").output();
    let date =
        date.map(|d| String::from_utf8_lossy(&d.stdout).trim().to_owned()).unwrap_or_default();
    format!(
        "{date}, {cores} cores of {model}, {} GiB, kernel {}, load average {load} at the end; client and server share the machine",
        memory / 1024 / 1024,
        kernel.trim()
    )
}
