//! Tests of the embedded store through its port, its files and its disk.

#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod backups;
mod conformance;
mod crashes;
mod disk;
mod full;
mod opening;
mod readers;

/// A folder in memory where there is one: what these tests are about is simulated, and a busy real disk only slows them.
fn folder() -> tempfile::TempDir {
    let memory = std::path::Path::new("/dev/shm");
    let made = if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.unwrap()
}
