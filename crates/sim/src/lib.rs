//! Seeded simulation of the messaging service: clients of every kind, a disk that loses everything uncommitted, crashes
//! between any two steps. One seed, one history; a failure prints the seed and the command that replays it.
//!
//! Checked are the promises: P1 (what was accepted is received, and archived once), P2 (each session gets each message once
//! and in order; counters never lie), P3 (nobody sees a session leave that can be resumed).

mod actor;
mod dice;
mod faults;
mod instance;
mod ledger;
mod pipe;
mod play;
mod world;

pub use faults::{Fault, PlantedFault, ShellFault};
pub use ledger::Violation;
pub use play::{Report, play};
