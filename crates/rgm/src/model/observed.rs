//! What each node says of itself. Written by that node alone, under its lease.

use crate::names::{NodeName, ResourceName};
use rtr::Method;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One life of a node's daemon: the create revision of its `member/N` key, so unique and growing.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Incarnation(pub i64);

/// `member/N`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// From the key's create revision; not in the value.
    #[serde(skip)]
    pub incarnation: Incarnation,
    /// Wall clock, for people.
    pub joined_ms: u64,
    /// Boot id of the machine: a node that comes back with the same one was not reset.
    pub boot_id: String,
    /// Version of the software.
    pub version: String,
    /// The cluster's id (`ClusterSettings::id`) that it believes it belongs to.
    pub cluster_id: String,
}

/// State of a group on a node, as scstat names it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum GroupState {
    /// Not under control.
    Unmanaged,
    /// Nothing of it runs here.
    #[default]
    Offline,
    /// Start methods run here.
    PendingOnline,
    /// A start waits for a resource of another group.
    PendingOnlineBlocked,
    /// All enabled resources are started.
    Online,
    /// Online, but a resource failed to start or is not monitored because its monitor failed.
    OnlineFaulted,
    /// Stop methods run here.
    PendingOffline,
    /// A resource could not be stopped; the group can move nowhere until that is cleared.
    ErrorStopFailed,
}

/// State of a resource on a node, derived only from which methods ran and how they ended. The legal transitions are in
/// `executor::transitions`.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ResourceState {
    /// Nothing of it runs here.
    #[default]
    Offline,
    /// PRENET_START runs.
    PrenetStarting,
    /// PRENET_START is done (or there is none), START is due.
    PrenetStarted,
    /// START runs.
    Starting,
    /// START is done, MONITOR_START is due.
    JustStarted,
    /// MONITOR_START runs.
    MonitorStarting,
    /// Started, and monitored if it has a monitor that is switched on.
    Online,
    /// MONITOR_STOP runs.
    MonitorStopping,
    /// Started and not monitored, by choice or because a stop is under way.
    OnlineUnmonitored,
    /// STOP runs.
    Stopping,
    /// STOP is done, POSTNET_STOP is due.
    Stopped,
    /// POSTNET_STOP runs.
    PostnetStopping,
    /// A start method failed.
    StartFailed,
    /// A stop method failed; an operator must clear it.
    StopFailed,
    /// MONITOR_START failed; the resource itself runs.
    MonitorFailed,
}

/// Status keyword, set by the resource's own methods and monitor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    /// Works.
    Ok,
    /// Works badly.
    Degraded,
    /// Does not work.
    Faulted,
    /// Nobody knows.
    Unknown,
    /// Does not run.
    #[default]
    Offline,
}

/// A method that runs now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunningMethod {
    /// Which.
    pub method: Method,
    /// Wall clock.
    pub since_ms: u64,
    /// Seconds it may take.
    pub timeout_s: u32,
}

/// A method that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MethodFailure {
    /// Which.
    pub method: Method,
    /// One sentence: exit code, signal or time-out, and the last line it wrote.
    pub why: String,
    /// Wall clock.
    pub at_ms: u64,
}

/// A resource on a node.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ObservedResource {
    /// From its methods.
    pub state: ResourceState,
    /// From its agent.
    pub status: Status,
    /// From its agent.
    pub status_message: String,
    /// How often it was started in this incarnation; dependents restart when it grows.
    pub starts: u64,
    /// It runs, and will be stopped (or restarted) as soon as those that must stop first have.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub stopping: bool,
    /// Wall clock of the last change of `state`.
    pub since_ms: u64,
    /// What runs now.
    pub method: Option<RunningMethod>,
    /// The last failure that still matters.
    pub failure: Option<MethodFailure>,
    /// Wall clock of restarts asked for by its monitor within the last Retry_interval (Num_resource_restarts).
    pub restarts_ms: Vec<u64>,
    /// The same for restarts of the whole group (Num_rg_restarts).
    pub group_restarts_ms: Vec<u64>,
    /// `Resource::generation` that UPDATE was last told of, or that it was started with.
    pub generation: u64,
}

/// A start that failed and, by Failover_mode, sends the group elsewhere.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartFailure {
    /// Generation of the intent it was tried under.
    pub generation: u64,
    /// Which resource.
    pub resource: ResourceName,
    /// What happened.
    pub failure: MethodFailure,
}

/// `observed/N/G`
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Observed {
    /// Who says so.
    pub incarnation: Incarnation,
    /// The node acts on this generation of the intent and never again on an older one.
    pub generation: u64,
    /// State of the group here.
    pub state: GroupState,
    /// Its resources here.
    pub resources: BTreeMap<ResourceName, ObservedResource>,
    /// Why it went offline by itself, until the next generation that permits it here.
    pub start_failure: Option<StartFailure>,
    /// Why it waits: one sentence for `status` (blocked by which resource of which group).
    pub waits_for: Option<String>,
    /// Node that says so; not in the value.
    #[serde(skip)]
    pub node: Option<NodeName>,
}
