//! The messaging core: who gets which stanza, what is remembered, what is said. A state machine without I/O, clock,
//! randomness of its own, threads or async.
//!
//! Facts go in ([`Input`]), two lists come out ([`Output`]): *writes*, which the shell makes durable in one transaction,
//! and *effects*, which it carries out afterwards, in order (`docs/decisions/0004`). Reading order for newcomers:
//! [`core`](mod@core), `connection`, `session`, `elements`, `gather`, `pipeline`, `features`.

mod account;
mod admin;
mod bind;
mod connection;
pub mod core;
mod datetime;
mod elements;
mod ending;
mod entropy;
pub mod features;
mod gather;
mod input;
mod options;
mod output;
mod pipeline;
mod planted;
mod queue;
mod resume;
mod routing;
#[cfg(test)]
mod scene;
mod session;
mod stanza;
mod state;
mod throttle;
mod timers;
mod unused;
mod wire;

pub use admin::{AdminRefused, AdminReply, AdminRequest};
pub use core::Core;
pub use input::{Input, Now, Ticket};
pub use options::{ArchiveDefault, ContactAddresses, Options};
pub use output::{Counters, Effect, Output, Report};
#[cfg(feature = "planted-faults")]
pub use planted::PlantedFault;
