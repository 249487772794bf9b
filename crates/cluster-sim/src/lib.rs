//! Seeded simulation of whole clusters: two to five nodes, each the daemon's own `rgm::node::NodeCore` under a guard, one control store, methods
//! that fail, hang and lie, operators at bad moments, and everything that can go wrong with machines, clocks and links. One thread, one queue
//! of events, one seed, one history; a failure prints the seed and the command that replays it.
//!
//! - `host`: a machine with guard and daemon; `network`: its way to the store; `watching`: how late it sees.
//! - `methods`: what methods do; `book`: what therefore runs where.
//! - `configuration`, `operator`: groups and resources of any shape, and what operators ask; `chaos`: what goes wrong, and when that ends; `tamper`: hands in the store.
//! - `judge`: the checkers, each a function that is named for its sentence.
//!
//! Never looks at a real clock, never decides anything that a daemon decides.

mod book;
mod chaos;
mod configuration;
mod dice;
mod faults;
mod host;
mod judge;
mod methods;
mod network;
mod operator;
mod play;
mod tamper;
mod watching;
mod world;

pub use faults::{Fault, PlantedFault, ShellFault};
pub use judge::Violation;
pub use play::{Report, play};
