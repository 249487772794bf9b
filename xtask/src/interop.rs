//! `interop`: other people's client libraries and clients talk through the server, one script for each in `tests-interop/`.
//!
//! The scripts are ours, the libraries are not: they are installed from Debian, PyPI and npm in fixed versions, under
//! `target/interop`. What cannot be installed fails with one line that says what to do; it is never left out in silence.

use crate::packages::{Needed, require};
use crate::step::{Binaries, build_binaries, program, root, run as run_step, target};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};

/// Python packages, in the versions the scripts were written for.
const PYTHON_PACKAGES: &[&str] = &["slixmpp==1.17.0", "aioxmpp==0.13.3", "pytz==2025.2"];
/// npm packages, likewise.
const NPM_PACKAGES: &[&str] = &["@xmpp/client@0.14.0"];

/// Who runs a check.
enum Runner {
    Python,
    Node,
}

/// One script.
struct Check {
    name: &'static str,
    script: &'static str,
    runner: Runner,
    needs: &'static [Needed],
}

const CHECKS: &[Check] = &[
    Check { name: "slixmpp", script: "slixmpp_checks.py", runner: Runner::Python, needs: &[] },
    Check { name: "aioxmpp", script: "aioxmpp_checks.py", runner: Runner::Python, needs: &[] },
    Check {
        name: "xmppjs",
        script: "xmppjs_checks.mjs",
        runner: Runner::Node,
        needs: &[
            Needed { program: "node", package: "nodejs" },
            Needed { program: "npm", package: "npm" },
        ],
    },
    Check {
        name: "go-sendxmpp",
        script: "go_sendxmpp_checks.py",
        runner: Runner::Python,
        needs: &[Needed { program: "go-sendxmpp", package: "go-sendxmpp" }],
    },
    Check {
        name: "profanity",
        script: "profanity_checks.py",
        runner: Runner::Python,
        needs: &[Needed { program: "profanity", package: "profanity" }],
    },
];

/// `cargo xtask interop [NAME…]`
pub(crate) fn run(names: &[String]) -> Result<()> {
    if let Some(unknown) = names.iter().find(|n| !CHECKS.iter().any(|c| c.name == **n)) {
        bail!("no interoperability check is called {unknown}");
    }
    let chosen: Vec<&Check> =
        CHECKS.iter().filter(|c| names.is_empty() || names.iter().any(|n| n == c.name)).collect();
    let binaries = build_binaries(false)?;
    let dir = target().join("interop");
    std::fs::create_dir_all(&dir)?;
    let python = python(&dir)?;
    let mut failed = Vec::new();
    for check in &chosen {
        if let Err(error) = run_one(check, &binaries, &dir, &python) {
            println!("interop {} FAILED: {error:#}", check.name);
            failed.push(check.name);
        }
    }
    println!("interop: {} passed, {} failed", chosen.len() - failed.len(), failed.len());
    if !failed.is_empty() {
        bail!("interoperability with {}", failed.join(", "));
    }
    Ok(())
}

fn run_one(check: &Check, binaries: &Binaries, dir: &Path, python: &Path) -> Result<()> {
    require(check.needs)?;
    let script = root().join("tests-interop").join(check.script);
    let mut command = match check.runner {
        Runner::Python => program(&python.to_string_lossy(), &[]),
        Runner::Node => {
            let modules = node_modules(dir)?;
            let mut command = program("node", &[]);
            command.env("INTEROP_NODE_MODULES", modules);
            command
        }
    };
    command
        .arg(script)
        .env("TESTKIT_BIN", &binaries.testkit)
        .env("STEADFAST_BIN", &binaries.steadfast);
    run_step(command)
}

/// A Python with the packages; made anew only when the list changes.
fn python(dir: &Path) -> Result<PathBuf> {
    require(&[Needed { program: "python3", package: "python3-venv" }])?;
    let python = dir.join("venv/bin/python");
    let stamp = dir.join("python-packages");
    let wanted = PYTHON_PACKAGES.join("\n");
    if python.is_file() && std::fs::read_to_string(&stamp).is_ok_and(|have| have == wanted) {
        return Ok(python);
    }
    let venv = dir.join("venv");
    run_step(program("python3", &["-m", "venv", &venv.to_string_lossy()]))
        .context("no virtual environment: apt-get install python3-venv")?;
    let mut pip = program(&python.to_string_lossy(), &["-m", "pip", "install", "--quiet"]);
    pip.args(PYTHON_PACKAGES);
    run_step(pip).context("pip could not install the client libraries: is there a network?")?;
    std::fs::write(stamp, wanted)?;
    Ok(python)
}

fn node_modules(dir: &Path) -> Result<PathBuf> {
    let js = dir.join("js");
    std::fs::create_dir_all(&js)?;
    let stamp = js.join("packages");
    let wanted = NPM_PACKAGES.join("\n");
    if !std::fs::read_to_string(&stamp).is_ok_and(|have| have == wanted) {
        let mut npm =
            program("npm", &["install", "--no-audit", "--no-fund", "--silent", "--prefix", "."]);
        npm.args(NPM_PACKAGES).current_dir(&js);
        run_step(npm).context("npm could not install the client libraries: is there a network?")?;
        std::fs::write(stamp, wanted)?;
    }
    Ok(js.join("node_modules"))
}
