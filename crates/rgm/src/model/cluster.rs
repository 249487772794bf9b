//! The whole cluster as one value: what a president plans from, what a node acts on, what `status` shows.

use super::configuration::Configuration;
use super::intent::{Fence, History, Intent};
use super::job::{FiniOwed, Job, JobId};
use super::observed::{Incarnation, Member, Observed};
use super::request::{Answer, Request, RequestId};
use crate::names::{GroupName, NodeName, ResourceName};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `president`: who plans. Held under a lease; the create revision of the key is the term.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct President {
    /// The node.
    pub node: NodeName,
    /// Its incarnation.
    pub incarnation: Incarnation,
    /// From the key's create revision; not in the value.
    #[serde(skip)]
    pub term: i64,
}

/// `last-members`: who was a member when a president last looked. Not under a lease: after all have died, a cluster that forms waits for these.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastMembers {
    /// By name.
    pub nodes: Vec<NodeName>,
}

/// A key that could not be understood. The object it stands for is left alone: nothing is written over it, and what depends on it
/// is not moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Problem {
    /// Below the cluster's prefix.
    pub key: String,
    /// Unknown, newer, damaged: one sentence with what to do.
    pub sentence: String,
}

/// Everything.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cluster {
    /// What operators have said.
    pub config: Configuration,
    /// Who is alive.
    pub members: BTreeMap<NodeName, Member>,
    /// What each member says of each group.
    pub observed: BTreeMap<NodeName, BTreeMap<GroupName, Observed>>,
    /// Who may run what.
    pub intents: BTreeMap<GroupName, Intent>,
    /// Why.
    pub history: BTreeMap<GroupName, History>,
    /// FINIs that nodes owe.
    pub fini: BTreeMap<NodeName, BTreeMap<ResourceName, FiniOwed>>,
    /// Lost nodes that may still write.
    pub fences: BTreeMap<NodeName, Fence>,
    /// Not yet answered.
    pub requests: BTreeMap<RequestId, Request>,
    /// Answered, not yet fetched.
    pub answers: BTreeMap<RequestId, Answer>,
    /// Jobs of nodes.
    pub jobs: BTreeMap<JobId, Job>,
    /// Who plans.
    pub president: Option<President>,
    /// Who was a member when there last was a president. `None`: unknown.
    pub last_members: Option<LastMembers>,
    /// What could not be understood, by key.
    pub problems: BTreeMap<String, Problem>,
    /// Mod revision of every key, for guards.
    pub revisions: BTreeMap<String, i64>,
}
