//! `links`: `scrgadm`, `scswitch` and the rest as links to this program, which looks at the name it was started under.
//!
//! Never replaces what is not a link to a program of this name: it may be the original.

use crate::terminal::answer_line;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};

/// What stands where a link should be.
#[derive(Debug, PartialEq, Eq)]
enum Found {
    Nothing,
    /// The link that is wanted.
    Ours,
    /// A link to another `steadfast`, such as one that was moved.
    Older,
    /// Something else.
    Foreign,
}

/// Makes them in `folder`; says what was done.
pub(crate) fn run(folder: &Path) -> Result<()> {
    let program = std::env::current_exe().context("where this program is")?;
    let program = fs::canonicalize(&program).with_context(|| program.display().to_string())?;
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let target = target(&program, &fs::canonicalize(folder)?);
    let wanted: Vec<(PathBuf, Found)> = cluster_commands::command_names()
        .map(|name| folder.join(name))
        .map(|path| look(&path, &target, &program).map(|found| (path, found)))
        .collect::<Result<_>>()?;
    let foreign: Vec<String> = wanted
        .iter()
        .filter(|(_, found)| *found == Found::Foreign)
        .map(|(path, _)| path.display().to_string())
        .collect();
    if !foreign.is_empty() {
        bail!(
            "nothing was done, because something else is there: {}; remove it, or choose another folder",
            foreign.join(", ")
        );
    }
    let mut made = 0;
    for (path, _) in wanted.iter().filter(|(_, found)| *found != Found::Ours) {
        make(path, &target).with_context(|| path.display().to_string())?;
        made += 1;
    }
    let there = wanted.len() - made;
    Ok(answer_line(&format!(
        "{}: {made} links to {} made, {there} were there already",
        folder.display(),
        target.display()
    ))?)
}

/// What the links hold: the name alone when they stand beside the program, so that both can be moved together.
fn target(program: &Path, folder: &Path) -> PathBuf {
    match (program.parent(), program.file_name()) {
        (Some(own), Some(name)) if own == folder => name.into(),
        _ => program.to_path_buf(),
    }
}

fn look(path: &Path, target: &Path, program: &Path) -> Result<Found> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Found::Nothing),
        Err(error) => return Err(error).with_context(|| path.display().to_string()),
    };
    if !found.is_symlink() {
        return Ok(Found::Foreign);
    }
    let held = fs::read_link(path).with_context(|| path.display().to_string())?;
    Ok(match held.file_name() {
        _ if held == target => Found::Ours,
        name if name == program.file_name() || name == Some("steadfast".as_ref()) => Found::Older,
        _ => Found::Foreign,
    })
}

/// Puts a link in its place in one step: nobody finds the command missing.
fn make(path: &Path, target: &Path) -> std::io::Result<()> {
    let fresh = path.with_extension(format!("new-{}", std::process::id()));
    let _ = fs::remove_file(&fresh);
    std::os::unix::fs::symlink(target, &fresh)?;
    fs::rename(&fresh, path).inspect_err(|_| {
        let _ = fs::remove_file(&fresh);
    })
}
