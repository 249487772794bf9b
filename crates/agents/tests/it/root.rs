//! Running programs as root in namespaces, with an error that says what is missing.

use std::process::{Command, Output};

/// Fails with one line unless this is root.
pub(crate) fn needed() {
    assert!(
        rustix::process::geteuid().is_root(),
        "this test configures addresses and mounts: run it as root (cargo xtask test in CI is)"
    );
}

/// Runs a program that must succeed; its output.
pub(crate) fn must(words: &[&str]) -> String {
    let output = run(words);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {said}", words.join(" "));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Runs a program.
pub(crate) fn run(words: &[&str]) -> Output {
    let output = Command::new(words[0]).args(&words[1..]).output();
    output.unwrap_or_else(|error| panic!("{} is needed for this test: {error}", words[0]))
}

/// Waits until something is true; nothing here takes nearly as long.
pub(crate) fn until(what: &str, mut is_true: impl FnMut() -> bool) {
    let begun = std::time::Instant::now();
    while !is_true() {
        assert!(begun.elapsed().as_secs() < 30, "in vain: {what}");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
}
