//! The table of attacks cannot lie: every test it names exists, every row that was asked for is there, and the page in the
//! documentation is made from it.

use attacks::{ROWS, WANTED, page};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Whether a file declares a test of this name.
fn declares(path: &Path, name: &str, modules: &[&str]) -> bool {
    let Ok(text) = std::fs::read_to_string(path) else { return false };
    let lines: Vec<&str> = text.lines().collect();
    let is_test = |at: usize| {
        let before =
            lines[..at].iter().rev().take_while(|line| line.trim_start().starts_with(['#', '/']));
        before.clone().any(|line| line.trim_end().ends_with("test]") || line.contains("::test("))
    };
    let head = format!("fn {name}(");
    let is_declared =
        lines.iter().enumerate().any(|(at, line)| line.contains(&head) && is_test(at));
    is_declared && modules.iter().all(|module| text.contains(&format!("mod {module} {{")))
}

/// Finds `crate::module::test`; modules written inside of a file come last.
fn exists(test: &str) -> bool {
    let parts: Vec<&str> = test.split("::").collect();
    let [krate, modules @ .., name] = parts.as_slice() else { return false };
    let folder = root().join("crates").join(krate.replace('_', "-"));
    (0..=modules.len()).any(|files| {
        let (files, inside) = modules.split_at(files);
        let path = files.join("/");
        [
            format!("src/{path}.rs"),
            format!("src/{path}/mod.rs"),
            format!("tests/{path}.rs"),
            format!("tests/{path}/main.rs"),
            format!("tests/{path}/mod.rs"),
        ]
        .iter()
        .any(|file| declares(&folder.join(file), name, inside))
    })
}

#[test]
fn every_test_in_the_table_exists() {
    let missing: Vec<_> =
        ROWS.iter().flat_map(|row| row.tests).filter(|test| !exists(test)).collect();
    assert!(missing.is_empty(), "there is no {missing:#?}");
}

#[test]
fn a_test_that_does_not_exist_is_noticed() {
    assert!(exists("attacks::it::table::a_test_that_does_not_exist_is_noticed"));
    assert!(!exists("attacks::it::table::a_test_that_does_not_exist"));
    assert!(!exists("attacks::it::nowhere::every_test_in_the_table_exists"));
    assert!(!exists("attacks::it::table::declares"), "a function is no test");
    assert!(!exists("nothing::it::table::every_test_in_the_table_exists"));
}

#[test]
fn every_row_that_was_asked_for_is_in_the_table_with_a_test() {
    let numbers: Vec<u8> = ROWS.iter().map(|row| row.number).collect();
    assert_eq!(numbers, WANTED, "in order, and each once");
    let empty: BTreeSet<u8> =
        ROWS.iter().filter(|row| row.tests.is_empty()).map(|row| row.number).collect();
    assert!(empty.is_empty(), "{empty:?} have no test");
}

#[test]
fn the_page_in_the_documentation_is_made_from_the_table() {
    let path = root().join("docs/attacks.md");
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(kept, page(), "run this test with UPDATE=1 and look at what has changed");
}
