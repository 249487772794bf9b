//! The command as its users meet it: what is typed, what is printed, which exit code.

#![expect(clippy::unwrap_used, reason = "a test that cannot run has failed")]

mod cluster;
mod config;
mod run;
mod running;
mod service;
