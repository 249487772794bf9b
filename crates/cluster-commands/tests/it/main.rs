//! The commands from outside: command lines in, requests of the admin socket, text and exit codes out. A fake daemon (`daemon`) answers.

#![allow(
    clippy::unwrap_used,
    clippy::too_many_lines,
    reason = "a failed unwrap is a failed test, and tables of cases are long"
)]

mod bad;
mod chapter;
mod cluster;
mod codes;
mod daemon;
mod modern;
mod pages;
mod renderings;
