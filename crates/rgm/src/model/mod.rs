//! Everything that lies in the control store, as values (docs/decisions/0008 has the table of keys and their writers).

mod cluster;
mod configuration;
mod intent;
mod job;
mod lookup;
mod observed;
mod request;

pub use cluster::{Cluster, LastMembers, President, Problem};
pub use configuration::{
    Affinity, AffinityKind, ClusterSettings, Configuration, Dependencies, DependencyKind,
    FailoverMode, Fencing, Group, GroupMode, NodeConfig, PropertyValue, Resource, Switch,
    TypeConfig,
};
pub use intent::{Attempt, Decision, Fence, FenceState, Giveover, History, Holder, Intent, Rest};
pub use job::{FiniOwed, Job, JobId, JobKind, JobResult, MethodCall};
pub use lookup::Dependency;
pub use observed::{
    GroupState, Incarnation, Member, MethodFailure, Observed, ObservedResource, ResourceState,
    RunningMethod, StartFailure, Status,
};
pub use request::{Answer, Assignment, Operation, Refusal, Request, RequestId, SchaCode};
