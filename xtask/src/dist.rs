//! `dist`: one archive with the release binary and the documents a user needs, and its checksum.

use crate::step::{cargo, output, program, root, run as run_step, target};
use anyhow::{Context, Result};

/// `cargo xtask dist`
pub(crate) fn run(_args: &[String]) -> Result<()> {
    run_step(cargo(&["build", "--release", "--locked", "-p", "steadfast"]))?;
    let rustc = output(program("rustc", &["-vV"]))?;
    let host =
        rustc.lines().find_map(|l| l.strip_prefix("host: ")).context("rustc names no host")?;
    let name = format!("steadfast-{}-{host}", env!("CARGO_PKG_VERSION"));
    let dist = target().join("dist");
    let dir = dist.join(&name);
    if dir.exists() {
        std::fs::remove_dir_all(&dir)?;
    }
    std::fs::create_dir_all(&dir)?;
    std::fs::copy(target().join("release/steadfast"), dir.join("steadfast"))?;
    for document in ["README.md", "CHANGELOG.md", "ARCHITECTURE.md", "LICENSE"] {
        let from = root().join(document);
        if from.is_file() {
            std::fs::copy(from, dir.join(document))?;
        }
    }
    let mut copy = program("cp", &["-r", "docs"]);
    copy.arg(&dir);
    run_step(copy)?;
    let binary = dir.join("steadfast");
    let manuals = dir.join("man/man1").to_string_lossy().into_owned();
    run_step(program(&binary.to_string_lossy(), &["man-pages", &manuals]))?;
    let archive = format!("{name}.tar.gz");
    let mut tar = program("tar", &["-czf", &archive, &name]);
    tar.current_dir(&dist);
    run_step(tar)?;
    let mut sum = program("sha256sum", &[&archive]);
    sum.current_dir(&dist);
    let sum = output(sum)?;
    std::fs::write(dist.join(format!("{archive}.sha256")), &sum)?;
    println!("{}\n{}", dist.join(archive).display(), sum.trim());
    Ok(())
}
