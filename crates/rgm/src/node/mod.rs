//! One node of the cluster as a state machine: lease, membership, election, planner and executor. The daemon and the simulation drive the
//! same code. Diagram of its life:
//!
//! ```text
//! Outside ──lease granted, store listed──► Joining ──own member key seen──► Inside
//!    └──────────────────────────────────────┴── lease or key lost, refused, left ──┴──► Over (StopEverything was said)
//! ```
//!
//! A core lives for one incarnation. It never gives an order when its lease may have ended: the daemon is over then, and
//! the guard has stopped everything (docs/decisions/0010). So every input is looked at only after the lease.
//!
//! What it ever waits for: answers to `Grant`, `KeepAlive` and `Commit` (one of each at most), the store's changes, ends of methods, and the
//! times listed in [`NodeCore::next_timeout`].
//!
//! - `lease`: when to renew, and until when one may act.
//! - `membership`: joining, and what makes a member stop being one.
//! - `commit`: the one transaction under way, and what it has done to revisions before the view shows it.
//! - `presidency`: election, forming the cluster, plans.
//! - `local`: the executor's orders, what the node reports, jobs.
//! - `ask`: requests of this node until they are answered.

mod ask;
mod commit;
mod lease;
mod local;
mod membership;
mod presidency;
#[cfg(test)]
mod tests;

use ask::Asks;
use commit::Line;
use lease::Lease;
use local::Local;
use membership::{Life, View};
use presidency::Presidency;

use crate::executor::{CallId, Executor, Fact, MethodOutcome};
use crate::model::{Answer, Cluster, Decision, MethodCall, Operation, Refusal, RequestId};
use crate::names::{GroupName, NodeName};
use crate::planted::{Planted, PlantedFault};
use crate::store::{Key, Raw, Transaction};
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
    /// The cluster's id this node remembers ([`NodeCore::cluster_id`]), empty when it has never been in one. A node without memory is
    /// added by a request of its own when it joins: whoever the store lets in may be a node. One with memory that is not configured any more was
    /// removed, and is refused.
    pub cluster_id: String,
    /// A fresh random id: the one the cluster gets if it is this node that forms it.
    pub new_cluster_id: String,
    /// In which way it errs, for the simulation; `Planted::default()`: in none.
    pub planted: Planted,
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
    life: Life,
    view: View,
    lease: Lease,
    line: Line,
    presidency: Presidency,
    local: Local,
    asks: Asks,
    leaving: bool,
}

impl NodeCore {
    /// A new life. Its first `TimePassed` is due at once.
    pub fn new(settings: Settings) -> Self {
        Self {
            lease: Lease::new(&settings),
            life: Life::Outside,
            cluster: Cluster::default(),
            view: View::default(),
            line: Line::default(),
            presidency: Presidency::default(),
            local: Local::default(),
            asks: Asks::default(),
            leaving: false,
            settings,
        }
    }

    /// What it was made with.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The cluster as this node knows it.
    pub fn cluster(&self) -> &Cluster {
        &self.cluster
    }

    /// The executor; `None` as long as this node is no member.
    pub fn executor(&self) -> Option<&Executor> {
        match &self.life {
            Life::Inside(executor) => Some(executor),
            _ => None,
        }
    }

    /// This life's incarnation; `None` as long as this node is no member.
    pub fn incarnation(&self) -> Option<crate::model::Incarnation> {
        self.executor().map(Executor::incarnation)
    }

    /// Whether this node plans, as far as it knows.
    pub fn is_president(&self) -> bool {
        self.term().is_some()
    }

    /// TRUE: `StopEverything` was said; nothing more ever comes.
    pub fn is_over(&self) -> bool {
        matches!(self.life, Life::Over)
    }

    /// The cluster's id, once this node is a configured member: the shell keeps it for the next life's [`Settings::cluster_id`].
    pub fn cluster_id(&self) -> Option<&str> {
        let id = self.cluster.config.cluster.id.as_str();
        let is_configured = self.cluster.config.nodes.contains_key(&self.settings.node);
        (self.executor().is_some() && is_configured && !id.is_empty()).then_some(id)
    }

    /// Takes in a fact and appends what is to be done, in order.
    pub fn handle(&mut self, now: Now, input: Input, effects: &mut Vec<Effect>) {
        if self.is_over() {
            return;
        }
        let looks = !self.settings.planted.is(PlantedFault::ActsAfterPause)
            || matches!(input, Input::TimePassed);
        if looks && let Some(sentence) = self.lease.over(now.boot, &self.settings) {
            return self.stop(sentence, effects);
        }
        if let Err(sentence) = self.take_in(now, input, effects) {
            return self.stop(sentence, effects);
        }
        if looks && let Some(sentence) = self.lease.over(now.boot, &self.settings) {
            return self.stop(sentence, effects);
        }
        effects.extend(self.lease.due(now.boot));
        if let Err(sentence) = self.advance_life(now, effects) {
            return self.stop(sentence, effects);
        }
        self.act(now, effects);
        self.answer_asks(now, effects);
        self.plan(now);
        self.commit_next(now, effects);
        if self.leaving && self.is_idle() {
            effects.push(Effect::Revoke);
            let node = &self.settings.node;
            let sentence = format!("{node} leaves in order: nothing runs here any more");
            self.stop(sentence, effects);
        }
    }

    /// `Err`: the sentence to stop with.
    fn take_in(&mut self, now: Now, input: Input, effects: &mut Vec<Effect>) -> Result<(), String> {
        match input {
            Input::StoreChanged { revision, changes, complete } => {
                return self.take_in_changes(now, (revision, complete), changes, effects);
            }
            Input::Granted { sent, result } => {
                effects.extend(self.lease.granted(now.boot, sent, result));
            }
            Input::Renewed { sent, result } => {
                effects.extend(self.lease.renewed(now.boot, sent, result, &self.settings)?);
            }
            Input::Committed { txn, result } => return self.committed(now, txn, result, effects),
            Input::MethodFinished { call, outcome, output } => {
                self.method_finished(now, call, (outcome, output), effects);
            }
            Input::Local(fact) => self.take_in_fact(now, fact, effects),
            Input::Asked { asker, operation, by } => {
                self.take_in_ask(now, asker, (operation, by), effects);
            }
            Input::LeaveAsked => self.leaving = true,
            Input::TimePassed => self.local.touched = true,
        }
        Ok(())
    }

    /// When `TimePassed` is due, on the boot clock: the lease's renewal or end, the next try of a commit, of an election, of a plan, and the end of
    /// the patience with a request that cannot be written.
    pub fn next_timeout(&self) -> Option<Duration> {
        if self.is_over() {
            return None;
        }
        let times = [
            self.lease.next_timeout(),
            self.line.next_timeout(),
            self.election_due(),
            self.presidency.next_timeout(),
            self.asks.next_timeout(self.settings.lease),
        ];
        times.into_iter().flatten().min()
    }

    fn stop(&mut self, sentence: String, effects: &mut Vec<Effect>) {
        self.life.become_next(Life::Over);
        effects.push(Effect::StopEverything(sentence));
    }

    /// Says something of this node itself.
    fn say(&self, now: Now, sentence: String) -> Effect {
        let by = self.settings.node.to_string();
        Effect::Say(None, Decision { at_ms: now.wall_ms, sentence, by })
    }

    fn member_key(&self) -> String {
        Key::Member(self.settings.node.clone()).to_string()
    }
}
