//! Runs programs in the repository's root, prints what it runs, and says what failed.

use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// The root of the repository.
pub(crate) fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here).to_owned()
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from)
}

/// A program with its arguments, to be run in the root.
pub(crate) fn program(name: &str, args: &[&str]) -> Command {
    let mut command = Command::new(name);
    command.args(args).current_dir(root());
    command
}

/// `cargo` with arguments.
pub(crate) fn cargo(args: &[&str]) -> Command {
    program(&std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned()), args)
}

/// Runs it to its end; an error names the command line.
pub(crate) fn run(mut command: Command) -> Result<()> {
    let line = line_of(&command);
    println!("$ {line}");
    let start = Instant::now();
    let status = command.status().with_context(|| format!("starting: {line}"))?;
    let took = start.elapsed().as_secs_f64();
    if !status.success() {
        bail!("failed after {took:.0} s with {status}: {line}");
    }
    println!("  ok, {took:.1} s");
    Ok(())
}

/// Runs it and gives its standard output.
pub(crate) fn output(mut command: Command) -> Result<String> {
    let line = line_of(&command);
    let out = command.output().with_context(|| format!("starting: {line}"))?;
    if !out.status.success() {
        bail!("{line}: {}", String::from_utf8_lossy(&out.stderr));
    }
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}

/// Whether a program is in `PATH`.
pub(crate) fn has_program(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|dir| dir.join(name).is_file())
}

/// Builds what process tests run; gives the paths of `steadfast` and of the binaries of testkit.
pub(crate) fn build_binaries(release: bool) -> Result<Binaries> {
    let mut args = vec!["build", "--locked", "-p", "steadfast", "-p", "testkit", "--bins"];
    if release {
        args.push("--release");
    }
    run(cargo(&args))?;
    let dir = target().join(if release { "release" } else { "debug" });
    Ok(Binaries {
        steadfast: dir.join("steadfast"),
        testkit: dir.join("testkit"),
        loadgen: dir.join("loadgen"),
    })
}

/// What [`build_binaries`] built.
pub(crate) struct Binaries {
    pub(crate) steadfast: PathBuf,
    pub(crate) testkit: PathBuf,
    pub(crate) loadgen: PathBuf,
}

fn line_of(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|w| w.to_string_lossy().into_owned()).collect::<Vec<_>>().join(" ")
}
