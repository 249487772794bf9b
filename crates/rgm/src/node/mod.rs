//! One node of the cluster as a state machine: lease, membership, election, planner and executor. The daemon and the simulation drive the
//! same code. Diagram of its life:
//!
//! ```text
//! Outside ──granted──► Joining ──member key written──► Inside ──lease or key lost──► (StopEverything; this core is over)
//! ```
//!
//! A core lives for one incarnation. It never gives an order to run a start method when its lease may have ended: the daemon is over then, and
//! the guard has stopped everything (docs/decisions/0010).

use crate::executor::{CallId, Fact, MethodOutcome};
use crate::model::{Answer, Cluster, Decision, MethodCall, Operation, Refusal, RequestId};
use crate::names::{GroupName, NodeName};
use crate::store::{Raw, Transaction};
use std::time::Duration;

/// Both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// CLOCK_BOOTTIME: leases are counted with it, because it counts suspension.
    pub boot: Duration,
    /// Wall clock, ms: histories and ping-pong guards are counted with it.
    pub wall_ms: u64,
}

/// Fixed when the core is made.
#[derive(Clone, Debug)]
pub struct Settings {
    /// This node.
    pub node: NodeName,
    /// Lease time asked of the store.
    pub lease: Duration,
    /// The part of the lease kept for stopping everything.
    pub reserve: Duration,
    /// Boot id of the machine.
    pub boot_id: String,
    /// Software version.
    pub version: String,
    /// The cluster's id this node remembers, empty when it has never been in one.
    pub cluster_id: String,
}

/// Why the store did not do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreFailure {
    /// Perhaps done, perhaps not.
    Unavailable,
    /// The lease is gone.
    LeaseGone,
}

/// A transaction's identity, to match answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TxnId(pub u64);

/// Facts.
#[derive(Clone, Debug, PartialEq)]
pub enum Input {
    /// The store's keys changed: all that changed up to this revision, in one coherent step. `None`: deleted. The first one carries everything.
    StoreChanged {
        /// The revision this brings us to.
        revision: i64,
        /// Key below the cluster's prefix, and what it is now.
        changes: Vec<(String, Option<Raw>)>,
        /// TRUE: a re-listing; keys not named are gone.
        complete: bool,
    },
    /// Answer to `Effect::Grant`: the lease's time, counted from when the request was sent.
    Granted {
        /// When it was sent.
        sent: Duration,
        /// The time granted.
        result: Result<Duration, StoreFailure>,
    },
    /// Answer to `Effect::KeepAlive`.
    Renewed {
        /// When it was sent.
        sent: Duration,
        /// The time granted from then.
        result: Result<Duration, StoreFailure>,
    },
    /// Answer to `Effect::Commit`: the revision, or `None` when a guard did not hold.
    Committed {
        /// Which.
        txn: TxnId,
        /// How.
        result: Result<Option<i64>, StoreFailure>,
    },
    /// A method ended.
    MethodFinished {
        /// Which run.
        call: CallId,
        /// How.
        outcome: MethodOutcome,
        /// What it wrote.
        output: String,
    },
    /// The fence agent ended (it runs as a job of the president).
    Local(Fact),
    /// Somebody at the admin socket asks for this.
    Asked {
        /// Handle of the asker; `Effect::Answered` carries it.
        asker: u64,
        /// What.
        operation: Operation,
        /// Who.
        by: String,
    },
    /// Leave in order: stop being a member once nothing runs here (after an evacuation), revoke the lease.
    LeaveAsked,
    /// Time has passed.
    TimePassed,
}

/// Orders to the shell.
#[derive(Clone, Debug, PartialEq)]
pub enum Effect {
    /// Ask the store for a lease.
    Grant(Duration),
    /// Renew it.
    KeepAlive,
    /// Give it back: everything has been stopped.
    Revoke,
    /// Commit this; at most one of them is under way.
    Commit(TxnId, Transaction),
    /// Run a method.
    Run(CallId, MethodCall),
    /// Run a fence agent; ends with `Input::MethodFinished`.
    Fence(CallId, NodeName, crate::model::Fencing),
    /// Kill a method.
    Kill(CallId),
    /// Tell the guard: alive until then (CLOCK_BOOTTIME).
    AliveUntil(Duration),
    /// The right to act is lost or given up: the daemon ends now and the guard stops everything. The sentence says why.
    StopEverything(String),
    /// Reset the machine (Failover_mode HARD).
    ResetNode(String),
    /// Write to the log.
    Say(Option<GroupName>, Decision),
    /// Answer an asker of `Input::Asked`.
    Answered {
        /// Who asked.
        asker: u64,
        /// The request's id.
        request: RequestId,
        /// The answer.
        answer: Answer,
    },
    /// A local fact (`Input::Local`) was refused.
    Refused(Refusal),
}

/// The state machine.
#[derive(Debug)]
pub struct NodeCore {
    settings: Settings,
    cluster: Cluster,
}

impl NodeCore {
    /// A new life.
    pub fn new(settings: Settings) -> Self {
        Self { settings, cluster: Cluster::default() }
    }

    /// What it was made with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The cluster as this node knows it.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// Takes in a fact and appends what is to be done, in order.
    pub fn handle(&mut self, now: Now, input: Input, effects: &mut Vec<Effect>) {
        let _ = (now, input, effects);
    }

    /// When `TimePassed` is due, on the boot clock.
    pub fn next_timeout(&self) -> Option<Duration> {
        None
    }
}
