//! Configuration: a table of keys (`table.rs`), what values they take (`kind.rs`), reading a file (`read.rs`), laying
//! layers over each other (`settings.rs`), checking them together (`check.rs`), and the typed result (`effective.rs`).
//!
//! Never opens a socket or writes a file.

mod check;
mod effective;
mod kind;
mod print;
mod problem;
mod read;
mod settings;
mod table;
#[cfg(test)]
mod tests;

pub(crate) use effective::{Config, Listener, Log, TlsDemand, load};
pub(crate) use print::{default_file, effective as print_effective, effective_json, markdown};
pub(crate) use settings::Layers;

/// Reads a length of time from the command line.
pub(crate) fn span(text: &str) -> Result<std::time::Duration, String> {
    kind::parse_span(text)
        .ok_or_else(|| "write a length of time such as 500ms, 10s or 2m".to_owned())
}
