//! Tests of the crate from outside: files as agents ship them, golden diagnostics, round trips, the corpus of the fuzz target.

mod agents;
mod corpus;
mod diagnostics;
mod effective;
mod round_trip;

use std::path::{Path, PathBuf};

/// A folder of this crate's tests.
fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(name)
}

/// The files of a folder with this ending, in order.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<_> = entries
        .map(|entry| entry.unwrap_or_else(|e| panic!("{}: {e}", folder.display())).path())
        .filter(|path| path.extension().is_some_and(|e| e == ending))
        .collect();
    files.sort();
    files
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

/// Compares with a golden file, or writes it when UPDATE is set. Returns what differs.
fn golden(path: &Path, is: &str) -> Option<String> {
    let name = path.display();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(path, is).unwrap_or_else(|e| panic!("{name}: {e}"));
        return None;
    }
    let expected = std::fs::read_to_string(path).unwrap_or_default();
    (expected != is).then(|| {
        format!("{name} (UPDATE=1 writes it anew)\n--- expected\n{expected}\n--- is\n{is}")
    })
}

/// Fails with everything that differs.
fn none(differences: Vec<String>) {
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}
