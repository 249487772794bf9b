//! A node's part: from configuration, intents and what runs here to the next methods. Pure and level-triggered: `step` looks at everything
//! and says what to do now; `handle` takes in facts. Nothing here waits.
//!
//! Never starts a resource of a group for which this incarnation has no permit; never starts before, or stops after, what it depends on.

use crate::model::{
    Cluster, GroupState, Incarnation, JobId, MethodCall, Observed, Refusal, Status,
};
use crate::names::{GroupName, NodeName, ResourceName};
use std::collections::BTreeMap;

/// Identifies one run of a method; never reused by an executor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub u64);

/// How a method ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MethodOutcome {
    /// Exit 0.
    Succeeded,
    /// Anything else: one sentence (exit code, signal, time-out, could not be started) and the last line it wrote.
    Failed(String),
}

/// Facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// A method ended.
    MethodFinished {
        /// Which run.
        call: CallId,
        /// How.
        outcome: MethodOutcome,
        /// What it wrote (bounded); for jobs.
        output: String,
    },
    /// The resource's monitor or `scha_control` wants it restarted in place. `with_monitor`: RESOURCE_RESTART (the monitor is stopped and
    /// started too); without: the monitor restarts its service itself and goes on watching. `whole` PRENET_START etc. are used when there is no START/STOP.
    RestartAsked {
        /// Which.
        resource: ResourceName,
        /// RESOURCE_RESTART.
        with_monitor: bool,
        /// Counts into Num_resource_restarts.
        by_monitor: bool,
    },
    /// RESOURCE_IS_RESTARTED: only counted.
    RestartTold {
        /// Which.
        resource: ResourceName,
    },
    /// IGNORE_FAILED_START, from inside a start method.
    FailedStartIgnored {
        /// Which.
        resource: ResourceName,
    },
    /// `scha_resource_setstatus`.
    StatusSet {
        /// Which.
        resource: ResourceName,
        /// Keyword.
        status: Status,
        /// Message.
        message: String,
    },
}

/// Orders to the shell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Run a method; `Fact::MethodFinished` follows, always.
    Run {
        /// This run.
        call: CallId,
        /// What.
        method: MethodCall,
    },
    /// Kill a running method now; it then ends as failed.
    Kill(CallId),
    /// A job is done; write its result.
    JobDone(JobId, crate::model::JobResult),
    /// FINI of this resource was run (its failure is only logged); delete the debt.
    FiniDone(ResourceName),
    /// Failover_mode HARD and a stop method failed: reset this node. Carries the sentence.
    ResetNode(String),
    /// Say this in the log, about this group.
    Say(Option<GroupName>, String),
}

/// What runs here.
#[derive(Clone, Debug)]
pub struct Executor {
    node: NodeName,
    incarnation: Incarnation,
    observed: BTreeMap<GroupName, Observed>,
}

impl Executor {
    /// A new incarnation: nothing runs here (0010), BOOT is due.
    pub fn new(node: NodeName, incarnation: Incarnation) -> Self {
        Self { node, incarnation, observed: BTreeMap::new() }
    }

    /// Which node.
    pub fn node(&self) -> &NodeName {
        &self.node
    }

    /// Which life of it.
    pub fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// Takes in a fact. Refused when it makes no sense now (unknown resource, not online, Failover_mode forbids it).
    pub fn handle(&mut self, cluster: &Cluster, now_ms: u64, fact: Fact) -> Result<(), Refusal> {
        let _ = (cluster, now_ms, fact);
        Ok(())
    }

    /// Looks at everything and gives the orders that are due now. Called again after each fact and each change of the cluster; an
    /// order is given once.
    pub fn step(&mut self, cluster: &Cluster, now_ms: u64) -> Vec<Order> {
        let _ = (cluster, now_ms);
        Vec::new()
    }

    /// What this node says of each group: written to `observed/N/G` whenever it differs from what lies there.
    pub fn observed(&self) -> &BTreeMap<GroupName, Observed> {
        &self.observed
    }

    /// State of a group here.
    pub fn group_state(&self, group: &GroupName) -> GroupState {
        self.observed.get(group).map_or(GroupState::Offline, |o| o.state)
    }
}
