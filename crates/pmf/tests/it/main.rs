//! PMF with real processes, each case with and without cgroups. After every case nobody of it is left.
#![expect(clippy::unwrap_used, reason = "a stage that cannot be set fails its case")]

mod methods;
mod registry;
mod stage;
mod trees;
