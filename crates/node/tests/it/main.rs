//! Nodes as real processes: guard, daemon, keepers, methods that are shell scripts, the embedded store in a temporary folder. After every
//! case nothing of it is left.
#![expect(clippy::unwrap_used, reason = "a stage that cannot be set fails its case")]

mod admin;
mod failfast;
mod fencing;
mod groups;
mod leave;
mod methods;
mod stage;
mod store;
