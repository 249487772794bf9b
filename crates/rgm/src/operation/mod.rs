//! What may be asked of the cluster, and the decision whether it may be done: names, preconditions, tunability, bounds, cycles. Pure.
//!
//! Decides and describes the change; the planner's first pass writes it. Never changes anything half: all of an operation or nothing.

use crate::goal::Goal;
use crate::model::{Cluster, Configuration, MethodCall, Operation, Refusal};
use crate::names::{GroupName, NodeName};

/// What an accepted operation asks of the planner for a group's intent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IntentOrder {
    /// Exactly these primaries, whatever the guards say; the history of attempts is forgotten.
    Primaries(GroupName, Vec<NodeName>),
    /// The most preferred nodes.
    Remaster(GroupName),
    /// Offline everywhere.
    Offline(GroupName),
    /// Off and on again on these nodes.
    Restart(GroupName, Vec<NodeName>),
    /// Leave this node; candidates were checked.
    LeaveNode {
        /// Which group.
        group: GroupName,
        /// From where.
        node: NodeName,
        /// Whose monitor asked (`None`: evacuation).
        giveover: Option<crate::names::ResourceName>,
        /// Not there again until (wall clock, ms).
        avoid_until_ms: u64,
    },
    /// The operator vouches for a lost node.
    ConfirmDead(NodeName),
    /// No further start attempts elsewhere: a start that is under way ends here, and when it fails the group rests offline
    /// (`Rest::StartFailures`) until an operator or a change of membership starts it again.
    Quiesce(GroupName),
}

/// A MONITOR_CHECK or VALIDATE that must succeed first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check {
    /// Where.
    pub node: NodeName,
    /// What.
    pub call: MethodCall,
}

/// What becomes of the configuration: the new objects are taken from `config`, compared with the old one.
#[derive(Clone, Debug, PartialEq)]
pub struct Accepted {
    /// The configuration afterwards.
    pub config: Configuration,
    /// VALIDATEs that must all succeed before it is committed.
    pub checks: Vec<Check>,
    /// Orders for intents, in order.
    pub intents: Vec<IntentOrder>,
    /// FINIs that become due: node, resource, debt.
    pub fini: Vec<(NodeName, crate::names::ResourceName, crate::model::FiniOwed)>,
    /// Jobs without a result that matters to the answer (Clear, Restart, KillMethods).
    pub jobs: Vec<(NodeName, crate::model::JobKind)>,
    /// What the command waits for.
    pub goals: Vec<Goal>,
    /// Warnings.
    pub messages: Vec<String>,
}

/// Decides. `Err` names the thing, the value and the remedy.
pub fn decide(cluster: &Cluster, now_ms: u64, operation: &Operation) -> Result<Accepted, Refusal> {
    let _ = (cluster, now_ms, operation);
    Err(Refusal { code: crate::model::SchaCode::Internal, sentence: String::new() })
}
