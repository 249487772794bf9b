//! Tests of the control store through its port, its files and its processes.

#![expect(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod embedded;
mod memory;
mod mirror;
mod opening;
mod processes;
