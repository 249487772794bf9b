//! `test` and its parts. Every step runs, so that one run says all that is wrong; the summary counts steps and is printed
//! as it is. Nothing is ever skipped in silence.

use crate::packages::Needed;
use crate::step::{build_binaries, cargo, has_program, program, run as run_step, target};
use crate::{interop, packages, tidy};
use anyhow::{Result, bail, ensure};
use std::path::PathBuf;
use std::time::Instant;

/// Seeds of the simulation in every run of the tests.
const SIM_SEEDS: &str = "0..400";

/// One thing that `test` checks.
struct Step {
    name: &'static str,
    run: fn() -> Result<()>,
}

const STEPS: &[Step] = &[
    Step { name: "format", run: || run_step(cargo(&["fmt", "--all", "--check"])) },
    Step { name: "tidy", run: || tidy::run(&[]) },
    Step {
        name: "lints",
        run: || {
            let args =
                ["clippy", "--workspace", "--all-targets", "--locked", "--", "-D", "warnings"];
            run_step(cargo(&args))
        },
    },
    Step { name: "tests", run: tests },
    Step {
        name: "documentation tests",
        run: || run_step(cargo(&["test", "--doc", "--workspace", "--locked"])),
    },
    Step { name: "simulation", run: || sim(&["--seeds".to_owned(), SIM_SEEDS.to_owned()]) },
    Step { name: "interop", run: || interop::run(&[]) },
];

/// `cargo xtask test [--without STEP]…`
pub(crate) fn run(args: &[String]) -> Result<()> {
    let mut without = Vec::new();
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        match (arg.as_str(), args.next()) {
            ("--without", Some(name)) if STEPS.iter().any(|s| s.name == name) => without.push(name),
            ("--without", Some(name)) => bail!("no step is called {name}"),
            _ => bail!("test takes only --without STEP, not {arg}"),
        }
    }
    let start = Instant::now();
    let (mut passed, mut failed) = (0, Vec::new());
    for step in STEPS {
        if without.iter().any(|name| *name == step.name) {
            println!("== {}: left out, as --without says", step.name);
            continue;
        }
        println!("== {}", step.name);
        match (step.run)() {
            Ok(()) => passed += 1,
            Err(error) => {
                println!("== {} FAILED: {error:#}", step.name);
                failed.push(step.name);
            }
        }
    }
    let minutes = start.elapsed().as_secs_f64() / 60.0;
    let left_out = without.len();
    println!(
        "xtask test: {passed} steps passed, {} failed, {left_out} left out, {minutes:.1} minutes",
        failed.len()
    );
    ensure!(failed.is_empty(), "failed: {}", failed.join(", "));
    Ok(())
}

/// What tests of the cluster manager start: a real control store, hosts in network namespaces, file systems in images.
const TEST_PACKAGES: &[Needed] = &[
    Needed { program: "etcd", package: "etcd-server" },
    Needed { program: "etcdctl", package: "etcd-client" },
    Needed { program: "ip", package: "iproute2" },
    Needed { program: "nft", package: "nftables" },
    Needed { program: "mkfs.ext4", package: "e2fsprogs" },
    Needed { program: "losetup", package: "mount" },
    Needed { program: "ping", package: "iputils-ping" },
];

fn tests() -> Result<()> {
    packages::require(TEST_PACKAGES)?;
    let binaries = build_binaries(false)?;
    let mut command = if has_program("cargo-nextest") {
        cargo(&["nextest", "run", "--workspace", "--locked"])
    } else {
        println!(
            "cargo-nextest is not installed: using cargo test, which runs the same tests more slowly"
        );
        cargo(&["test", "--workspace", "--locked", "--lib", "--bins", "--tests"])
    };
    command.env("STEADFAST_BIN", binaries.steadfast);
    // One for each test: what the first leaves behind would be missing for the second.
    let mut mounted = Vec::new();
    for name in ["STEADFAST_SMALL_FS", "STEADFAST_SMALL_FS_PROCESS", "STEADFAST_SMALL_FS_CONTROL"] {
        match SmallFs::mount(name) {
            Some(small) => {
                command.env(name, &small.0);
                mounted.push(small);
            }
            None => println!(
                "cannot mount a small file system (only root can): the test of {name} does nothing"
            ),
        }
    }
    run_step(command)
}

/// A file system of 64 MiB in memory, for the tests of the full disk; gone when dropped.
struct SmallFs(PathBuf);

impl SmallFs {
    fn mount(name: &str) -> Option<Self> {
        let dir = target().join("small-fs").join(name);
        std::fs::create_dir_all(&dir).ok()?;
        let path = dir.to_string_lossy().into_owned();
        let mount = ["-t", "tmpfs", "-o", "size=64m", "steadfast-tests", &path];
        run_step(program("mount", &mount)).ok().map(|()| Self(dir))
    }
}

impl Drop for SmallFs {
    fn drop(&mut self) {
        if let Err(error) = run_step(program("umount", &[&self.0.to_string_lossy()])) {
            println!("{error:#}");
        }
    }
}

/// `cargo xtask sim [cluster] --seed N | --seeds A..B`
pub(crate) fn sim(args: &[String]) -> Result<()> {
    let (mut command, rest) = match args.split_first() {
        // Optimised in the development profile too, which the tests have built already.
        Some((name, rest)) if name == "cluster" => {
            (cargo(&["run", "--quiet", "-p", "cluster-sim", "--"]), rest)
        }
        // Thousands of seeds want an optimised core.
        _ => (cargo(&["run", "--quiet", "--release", "-p", "sim", "--"]), args),
    };
    command.args(rest);
    run_step(command)
}

/// `cargo xtask scenarios …`
pub(crate) fn scenarios(args: &[String]) -> Result<()> {
    testkit("scenarios", args)
}

/// `cargo xtask faults …`
pub(crate) fn faults(args: &[String]) -> Result<()> {
    testkit("faults", args)
}

fn testkit(verb: &str, args: &[String]) -> Result<()> {
    let binaries = build_binaries(false)?;
    let mut command = program(&binaries.testkit.to_string_lossy(), &[verb]);
    command.args(args).env("STEADFAST_BIN", binaries.steadfast);
    run_step(command)
}

/// `cargo xtask bless`
pub(crate) fn bless(_args: &[String]) -> Result<()> {
    let mut command = cargo(&["test", "--workspace"]);
    // Two names, as the crates were written by two people.
    command.env("UPDATE", "1").env("STEADFAST_BLESS", "1");
    run_step(command)?;
    run_step(program("git", &["status", "--short"]))
}

/// `cargo xtask docs`
pub(crate) fn docs(_args: &[String]) -> Result<()> {
    let mut command = cargo(&["doc", "--workspace", "--no-deps", "--locked"]);
    command.env("RUSTDOCFLAGS", "-D warnings");
    run_step(command)
}
