//! Debian packages that checks and benches need: found, installed when that is allowed, or named in one line.

use crate::step::{has_program, program, run as run_step};
use anyhow::{Result, bail};
use std::path::Path;

/// A program and the package that brings it.
pub(crate) struct Needed {
    pub(crate) program: &'static str,
    pub(crate) package: &'static str,
}

/// Makes sure that all are there.
pub(crate) fn require(needed: &[Needed]) -> Result<()> {
    let missing: Vec<&str> =
        needed.iter().filter(|n| !has_program(n.program)).map(|n| n.package).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let packages = missing.join(" ");
    if !is_root() || !has_program("apt-get") {
        bail!("missing, and only root on Debian can install them here: apt-get install {packages}");
    }
    forbid_service_starts()?;
    run_step(program("apt-get", &["update", "-q"]))?;
    let mut install = program("apt-get", &["install", "-y", "-q", "--no-install-recommends"]);
    install.args(&missing).env("DEBIAN_FRONTEND", "noninteractive");
    run_step(install)?;
    if let Some(still) = needed.iter().find(|n| !has_program(n.program)) {
        bail!("{} is installed and brings no program {}", still.package, still.program);
    }
    Ok(())
}

fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let uid = status.lines().find_map(|l| l.strip_prefix("Uid:")).unwrap_or_default();
    uid.split_whitespace().nth(1) == Some("0")
}

/// Debian starts a server when it installs one; a machine that only tests wants none. An existing policy is left alone.
fn forbid_service_starts() -> Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    let policy = Path::new("/usr/sbin/policy-rc.d");
    if !policy.exists() {
        std::fs::write(
            policy,
            "#!/bin/sh\n# Written by cargo xtask: no package starts a service here.\nexit 101\n",
        )?;
        std::fs::set_permissions(policy, std::fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}
