//! `bench`: builds the release binaries, makes sure the peers are installed, and lets `loadgen` measure.

use crate::packages::{Needed, require};
use crate::step::{build_binaries, program, root, run as run_step};
use anyhow::Result;

/// `cargo xtask bench [NAME…] [--runs N] [--servers a,b]`
pub(crate) fn run(args: &[String]) -> Result<()> {
    require(&[
        Needed { program: "prosody", package: "prosody" },
        Needed { program: "ejabberdctl", package: "ejabberd" },
    ])?;
    let binaries = build_binaries(true)?;
    let mut command = program(&binaries.loadgen.to_string_lossy(), &[]);
    command.args(args).env("STEADFAST_BIN", binaries.steadfast);
    // A quick run shows that the bench works; its figures are worth nothing.
    if !args.iter().any(|arg| arg == "--quick") {
        command.arg("--output").arg(root().join("docs/performance.md"));
    }
    run_step(command)
}
