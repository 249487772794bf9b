//! The shell of the messaging core: it takes facts from the multiplexor, the store and administrators, runs the core on one
//! thread, commits what the core writes, and only then carries out what the core orders.
//!
//! ```text
//!  multiplexor ──Up──► ┌──────┐  batch   ┌───────────┐ ──Down──► multiplexor
//!  admin ────────────► │ core │ ───────► │ committer │ ──order─► readers, hashers
//!     ▲  answers       └──────┘          └───────────┘              │
//!     └──────────────────  ▲ ◄── read, hashed, room ◄──────────────┘
//! ```
//! The core never waits for the committer: while a commit is under way, facts go on being handled and join the next batch.
//! So nobody can wait in a circle, and the slower the disk, the larger the batches. It must never carry out an effect of
//! a batch that is not durable.

mod committer;
mod core_loop;
mod server;
mod stats;
mod workers;

pub use server::{Config, Died, Server, ServerHandle, StartError};
pub use stats::Stats;
