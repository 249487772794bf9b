//! `bench`: builds the release binaries, makes sure the peers are installed, and lets `loadgen` measure.

use crate::packages::{Needed, require};
use crate::step::{build_binaries, cargo, program, root, run as run_step, target};
use anyhow::Result;

/// `cargo xtask bench [NAME…] [--runs N] [--servers a,b]`, `cargo xtask bench failover [--quick] [--runs N] [--contender WORD] [--fault NAME]`
pub(crate) fn run(args: &[String]) -> Result<()> {
    if let [first, rest @ ..] = args
        && first == "failover"
    {
        return failover(rest);
    }
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

/// Hosts in namespaces, real etcd, faults, beside keepalived. What earlier parts measured is kept in `target/failover.json` and added to.
fn failover(args: &[String]) -> Result<()> {
    require(&[
        Needed { program: "etcd", package: "etcd-server" },
        Needed { program: "etcdctl", package: "etcd-client" },
        Needed { program: "ip", package: "iproute2" },
        Needed { program: "nft", package: "nftables" },
        Needed { program: "mkfs.ext4", package: "e2fsprogs" },
        Needed { program: "keepalived", package: "keepalived" },
    ])?;
    run_step(cargo(&[
        "build",
        "--locked",
        "--release",
        "-p",
        "steadfast",
        "-p",
        "hosts",
        "--bins",
    ]))?;
    let bench = target().join("release/hosts-bench");
    let mut command = program(&bench.to_string_lossy(), &[]);
    command.args(args);
    // A quick run shows that the bench works; its figures are worth little.
    if !args.iter().any(|arg| arg == "--quick") {
        command.arg("--results").arg(target().join("failover.json"));
        command.arg("--page").arg(root().join("docs/failover.md"));
    }
    run_step(command)
}
