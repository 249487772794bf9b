//! Tests of the embedded store through its port, its files and its disk.

#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod backups;
mod conformance;
mod crashes;
mod disk;
mod full;
mod opening;
mod readers;
