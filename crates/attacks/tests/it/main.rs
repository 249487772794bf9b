//! The attack list against real processes, and the table that says which test stands for which attack.
//!
//! They need the `steadfast` binary: `cargo xtask test` builds it and says where it is; by hand, `cargo build -p steadfast`.
#![expect(clippy::unwrap_used, reason = "these are tests, with their helpers")]

mod access;
mod before_login;
mod clock;
mod floods;
mod full_disk;
mod login;
mod logs;
mod machine;
mod order;
mod raw;
mod service;
mod spoofing;
mod stanzas;
mod table;
mod unread;
mod xml;
