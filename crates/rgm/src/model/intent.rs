//! Intents, their history, and fencing. Written by the president alone.

use super::observed::Incarnation;
use crate::names::{NodeName, ResourceName};
use serde::{Deserialize, Serialize};

/// Who may have the group running (docs/decisions/0009).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// The node.
    pub node: NodeName,
    /// Its incarnation; another one of the same node holds nothing.
    pub incarnation: Incarnation,
    /// `None`: permitted to run the group. `Some(g)`: the permit was withdrawn at generation `g`, and the node has not yet
    /// said that it is offline under `g` or later.
    pub withdrawn: Option<u64>,
}

/// Why a group rests offline although nodes could run it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Rest {
    /// An operator took it offline; ends with the next change of membership unless `sticky_offline`.
    ByOperator {
        /// The incarnations of all members at that time, to see a change of membership.
        members: Vec<Incarnation>,
    },
    /// Every node has used up its start attempts.
    StartFailures,
    /// Auto_start_on_new_cluster is FALSE and no operator has started it since the cluster formed.
    NotAutoStarted,
}

/// `intent/G`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Intent {
    /// Grows with every change of this key.
    pub generation: u64,
    /// Where the group should be, most preferred first.
    pub target: Vec<NodeName>,
    /// Where it may be. Never more than Maximum_primaries.
    pub holders: Vec<Holder>,
    /// Offline on purpose.
    pub rest: Option<Rest>,
    /// Nodes it must leave before it may be there again (restart of the group: off, then on at the same place).
    pub restart: Vec<NodeName>,
    /// Evacuated nodes, and until when (wall clock, ms) they are no candidates.
    pub avoid: Vec<(NodeName, u64)>,
    /// Why `target` is what it is: one sentence.
    pub why: String,
    /// Wall clock of the last change of `target`.
    pub since_ms: u64,
    /// Generation at which each present permit was given: a start failure counts for the permit it was tried under, and once.
    pub permitted: Vec<(NodeName, u64)>,
    /// All members that were known when it was last placed: shows who has joined since (Failback), and whether the cluster has
    /// formed anew.
    pub placed_for: Vec<Incarnation>,
    /// An operator has chosen that many primaries; until its nodes change, that is the number aimed at instead of Desired_primaries.
    pub chosen: Option<u32>,
}

/// One decision of the cluster manager, for syslog, `status` and `steadfast group explain`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Wall clock.
    pub at_ms: u64,
    /// What, why and what next, in one sentence.
    pub sentence: String,
    /// Who decided: the president's node, `executor on N`, or an operator.
    pub by: String,
}

/// A start attempt that failed, for the rebalance guard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Where.
    pub node: NodeName,
    /// Wall clock.
    pub at_ms: u64,
    /// What happened.
    pub why: String,
}

/// A giveover, for the pingpong_check guard.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Giveover {
    /// Whose monitor asked.
    pub resource: ResourceName,
    /// The node it left.
    pub node: NodeName,
    /// Wall clock.
    pub at_ms: u64,
}

/// `history/G`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct History {
    /// The last [`DECISIONS_MAX`](Self::DECISIONS_MAX), oldest first.
    pub decisions: Vec<Decision>,
    /// Failed starts inside Pingpong_interval.
    pub attempts: Vec<Attempt>,
    /// Giveovers inside Pingpong_interval.
    pub giveovers: Vec<Giveover>,
}

impl History {
    /// Decisions kept per group.
    pub const DECISIONS_MAX: usize = 100;
}

/// State of the fencing of a lost node.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FenceState {
    /// Must be done, or is under way (`job` of the president's node).
    Pending,
    /// Proven: the incarnation is harmless.
    Done,
    /// The agent failed; tried again at this wall clock time.
    Failed {
        /// What it said.
        why: String,
        /// When it is tried again.
        again_ms: u64,
    },
}

/// `fence/N`: exists while a lost incarnation of the node may still write shared storage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fence {
    /// Which life of the node.
    pub incarnation: Incarnation,
    /// How far.
    pub state: FenceState,
    /// Attempts so far.
    pub attempts: u32,
    /// Wall clock when the node was lost.
    pub since_ms: u64,
}
