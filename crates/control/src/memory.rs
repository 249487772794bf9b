//! The control store in memory: a pure state machine ([`Machine`]), and the port over it ([`MemoryStore`]).
//!
//! The machine is what the simulation of whole clusters runs on: no clock, no thread, no lock; the time is an argument. The store serves tests
//! of the shell. Neither keeps anything beyond the process, so neither may ever serve a real cluster.

mod log;
mod machine;
#[cfg(test)]
mod machine_tests;
mod store;

pub use machine::{Machine, Options};
pub use store::{ManualClock, MemoryStore};
