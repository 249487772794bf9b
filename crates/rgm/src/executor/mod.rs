//! A node's part: from configuration, intents and what runs here to the next methods. Pure and level-triggered: `step` looks at everything
//! and says what to do now; `handle` takes in facts. Nothing here waits.
//!
//! Never starts a resource of a group for which this incarnation has no permit; never starts before, or stops after, what it depends on.

mod advance;
mod asked;
mod decide;
mod duties;
mod finish;
mod publish;
mod table;
mod transitions;

use crate::model::{
    Cluster, GroupState, Incarnation, JobId, MethodCall, Observed, Refusal, Status,
};
use crate::names::{GroupName, NodeName, ResourceName};
use crate::planted::Planted;
use asked::RestartAsked;
use duties::{Fini, Task};
use rtr::Method;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use table::{Init, Table};

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
    /// A RESTART of the whole group that the president has accepted for this resource: only counted (Num_rg_restarts).
    GroupRestartTold {
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

/// More changes of state than a resource can go through without running a method. A look that needs more is gone on with at the next one.
const ROUNDS_PER_RESOURCE: usize = 16;

/// What a running method is for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Purpose {
    /// The life of a resource.
    Resource(ResourceName),
    /// A FINI that is owed.
    Fini(ResourceName),
    /// A job.
    Job(JobId),
}

/// Tells whether anything in the store has changed: number of keys and sum of their revisions. Revisions only grow, so with the same number of
/// keys every change makes the sum greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    keys: usize,
    sum: i64,
    problems: usize,
}

impl Stamp {
    fn of<'a>(revisions: impl Iterator<Item = &'a i64>, problems: usize) -> Option<Self> {
        let mut stamp = Self { keys: 0, sum: 0, problems };
        for revision in revisions {
            stamp.keys += 1;
            stamp.sum = stamp.sum.wrapping_add(*revision);
        }
        // Without revisions (a cluster made by hand) nothing can be told from them.
        (stamp.keys > 0).then_some(stamp)
    }

    fn of_everything(cluster: &Cluster) -> Option<Self> {
        Self::of(cluster.revisions.values(), cluster.problems.len())
    }

    fn of_configuration(cluster: &Cluster) -> Option<Self> {
        const FOLDERS: [(&str, &str); 4] = [
            ("group/", "group0"),
            ("node/", "node0"),
            ("resource/", "resource0"),
            ("type/", "type0"),
        ];
        let folders = FOLDERS.iter().flat_map(|&(from, to)| {
            let range = (Bound::Included(from), Bound::Excluded(to));
            cluster.revisions.range::<str, _>(range).map(|(_, revision)| revision)
        });
        Self::of(folders, cluster.problems.len())
    }
}

/// What runs here.
#[derive(Clone, Debug)]
pub struct Executor {
    node: NodeName,
    incarnation: Incarnation,
    planted: Planted,
    table: Table,
    /// What the table was made from.
    configured: Option<Stamp>,
    /// What the last look saw. `None`: look again, whatever the store says.
    looked: Option<Stamp>,
    /// FALSE before the first look: what is managed then gets BOOT, what comes later INIT.
    has_looked: bool,
    /// BOOT methods are due or run.
    boots: bool,
    next_call: u64,
    calls: BTreeMap<CallId, Purpose>,
    tasks: BTreeMap<JobId, Task>,
    finis: BTreeMap<ResourceName, Fini>,
    /// FINIs that are owed and not over.
    owed: BTreeSet<ResourceName>,
    /// Given with the next `step`.
    orders: Vec<Order>,
    observed: BTreeMap<GroupName, Observed>,
}

impl Executor {
    /// A new incarnation: nothing runs here (0010), BOOT is due.
    pub fn new(node: NodeName, incarnation: Incarnation) -> Self {
        Self {
            node,
            incarnation,
            planted: Planted::default(),
            table: Table::default(),
            configured: None,
            looked: None,
            has_looked: false,
            boots: false,
            next_call: 1,
            calls: BTreeMap::new(),
            tasks: BTreeMap::new(),
            finis: BTreeMap::new(),
            owed: BTreeSet::new(),
            orders: Vec::new(),
            observed: BTreeMap::new(),
        }
    }

    /// The same, erring in a planted way.
    pub fn with_planted(self, planted: Planted) -> Self {
        Self { planted, ..self }
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
        self.looked = None;
        match fact {
            Fact::MethodFinished { call, outcome, output } => {
                match self.calls.remove(&call) {
                    Some(Purpose::Resource(name)) => {
                        if let Some(n) = self.table.find(&name) {
                            self.resource_method_ended(cluster, now_ms, n, outcome);
                        }
                    }
                    Some(Purpose::Fini(name)) => self.fini_ended(&name, outcome),
                    Some(Purpose::Job(id)) => self.job_method_ended(&id, outcome, output),
                    None => {}
                }
                Ok(())
            }
            Fact::RestartAsked { resource, with_monitor, by_monitor } => {
                let asked = RestartAsked { resource: &resource, with_monitor, by_monitor };
                self.restart_asked(cluster, now_ms, &asked)
            }
            Fact::RestartTold { resource } => self.restart_told(cluster, now_ms, &resource),
            Fact::GroupRestartTold { resource } => {
                self.group_restart_told(cluster, now_ms, &resource)
            }
            Fact::FailedStartIgnored { resource } => self.failed_start_ignored(&resource),
            Fact::StatusSet { resource, status, message } => {
                self.status_set(&resource, status, message)
            }
        }
    }

    /// Looks at everything and gives the orders that are due now. Called again after each fact and each change of the cluster; an
    /// order is given once. When neither a fact was taken in nor a revision of the cluster has changed, it returns at once.
    pub fn step(&mut self, cluster: &Cluster, now_ms: u64) -> Vec<Order> {
        let stamp = Stamp::of_everything(cluster);
        if stamp.is_some() && stamp == self.looked {
            return Vec::new();
        }
        let configured = Stamp::of_configuration(cluster);
        if configured.is_none() || configured != self.configured {
            self.table = std::mem::take(&mut self.table).rebuilt(cluster, &self.node);
            self.configured = configured;
        }
        self.take_intents(cluster);
        self.take_fini(cluster);
        self.decide_teams(cluster);
        self.decide_init(!self.has_looked);
        self.has_looked = true;
        self.decide_units(cluster);
        self.take_jobs(cluster, now_ms);
        // Each round either orders a method or changes a state without one, of which there are few on the way up or down.
        let rounds_max = ROUNDS_PER_RESOURCE * (self.table.units.len() + 1);
        let mut rounds = 0;
        loop {
            rounds += 1;
            self.boots = self.table.units.iter().any(|u| u.here.init == Init::Due(Method::Boot));
            self.decide_teams(cluster);
            self.decide_units(cluster);
            self.restart_dependents(cluster);
            self.decide_units(cluster);
            if !self.advance(cluster, now_ms) || rounds > rounds_max {
                break;
            }
        }
        self.take_fini(cluster);
        self.end_restarts();
        self.publish(cluster);
        self.looked = stamp.filter(|_| rounds <= rounds_max);
        std::mem::take(&mut self.orders)
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
