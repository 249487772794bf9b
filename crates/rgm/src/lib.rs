//! The resource group manager without I/O: it knows the whole cluster as one value and says what is to be done next.
//!
//! - `model`: configuration, intents, observed state, requests: everything that lies in the control store, and its codec (`store`).
//! - `operation`: what an operator or a monitor may ask, and the pure decision whether it may be done (properties, tunability, dependencies).
//! - `planner`: president's part: from the cluster to intents, each with its reason. A list of passes.
//! - `executor`: node's part: from intents and what runs here to the next methods.
//! - `node`: lease, membership, election, planner and executor joined into the state machine that the daemon and the simulation drive.
//! - `monitor`: the fault monitor's arithmetic (scds_fm_action).
//! - `goal`: when what an operator asked for has come true, or why it will not.
//! - `scha`: the answers of `scha_*_get`.
//! - `values`: configured values by property name.
//! - `words`: how states are spelled.
//!
//! No clock, no threads, no files: time is an argument. What this crate decides twice from the same state is the same.
//! Facts: docs/decisions/0008 to 0011; semantics: Sun Cluster 3.1 (rg_properties(5), r_properties(5), scha_control(1HA)).

pub mod executor;
pub mod goal;
pub mod model;
pub mod monitor;
pub mod names;
pub mod node;
pub mod operation;
pub mod planner;
pub mod planted;
pub mod scha;
pub mod store;
pub mod values;
pub mod words;

pub use model::*;
pub use names::*;
