//! The executor against golden scripts: `tests/executor/*.txt`, one theme each. A case is a sentence, the situation, and commands with what came of
//! each indented below it. `UPDATE=1` writes what comes now; every such change has to be read.
//!
//! The words of the scripts are in `executor/script.rs`.

#![expect(clippy::unwrap_used, reason = "a script that cannot be played is a failed test")]

mod random;
mod script;

use std::fmt::Write as _;
use std::path::PathBuf;

fn scripts() -> Vec<PathBuf> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/executor");
    let files = std::fs::read_dir(folder).unwrap();
    let mut paths: Vec<PathBuf> = files.map(|f| f.unwrap().path()).collect();
    paths.retain(|p| p.extension().is_some_and(|e| e == "txt"));
    paths.sort();
    paths
}

/// Runs all cases of a file; the answer is the file as it should be.
fn played(text: &str) -> String {
    let mut out = String::new();
    let mut world = script::World::default();
    for line in text.lines() {
        if line.starts_with(' ') {
            continue;
        }
        out.push_str(line);
        out.push('\n');
        if line.starts_with("== ") {
            world = script::World::default();
        } else if !line.is_empty() && !line.starts_with('#') {
            for said in world.play(line) {
                writeln!(out, "    {said}").unwrap();
            }
        }
    }
    out
}

#[test]
fn the_executor_does_what_the_golden_scripts_say() {
    let mut wrong = Vec::new();
    for path in scripts() {
        let text = std::fs::read_to_string(&path).unwrap();
        let now = played(&text);
        let senseless: Vec<&str> = now.lines().filter(|l| l.contains("WRONG")).collect();
        if !senseless.is_empty() {
            wrong.push(format!("{}: {senseless:?}", path.display()));
        }
        if now == text {
            continue;
        }
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, now).unwrap();
            continue;
        }
        let lines = text.lines().zip(now.lines()).enumerate();
        let first = lines.clone().find(|(_, (was, is))| was != is);
        let at = first.map_or(text.lines().count().min(now.lines().count()), |(n, _)| n);
        let expected = text.lines().nth(at).unwrap_or("(end)");
        let came = now.lines().nth(at).unwrap_or("(end)");
        wrong.push(format!(
            "{}:{}\n  expected {expected}\n  came     {came}",
            path.display(),
            at + 1
        ));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn at_least_sixty_situations_are_scripted_and_each_has_a_sentence_of_its_own() {
    let mut names = std::collections::BTreeSet::new();
    for path in scripts() {
        for line in std::fs::read_to_string(path).unwrap().lines() {
            if let Some(name) = line.strip_prefix("== ") {
                assert!(names.insert(name.to_owned()), "twice: {name}");
            }
        }
    }
    assert!(names.len() >= 60, "{}", names.len());
}
