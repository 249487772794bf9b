//! What may be asked of the cluster, and the decision whether it may be done: names, preconditions, tunability, bounds, cycles. Pure.
//!
//! A file per family (`types`, `groups`, `resources`, `switching`, `control`, `nodes`), each with its table of refusals at the top; what they share:
//! `find` names, `setting` and `group_setting` properties, `agreement`, `dependencies`, `order`, `affinities` and `storage` rules over several objects,
//! `upgrade` type versions, `validate` the VALIDATE runs. Decides and describes the change; the planner's first pass writes it. Never changes anything half: all of an operation or nothing.

mod affinities;
mod agreement;
mod control;
mod dependencies;
mod draft;
pub(crate) mod find;
mod group_setting;
mod groups;
mod nodes;
mod order;
pub(crate) mod refusal;
mod resources;
mod setting;
mod storage;
mod switching;
mod types;
mod upgrade;
mod validate;

use crate::goal::Goal;
use crate::model::{Cluster, Configuration, MethodCall, Operation, Refusal};
use crate::names::{GroupName, NodeName};
use draft::Draft;

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
    let mut draft = Draft::new(cluster, now_ms);
    if let Some(decided) = decide_configuration(&mut draft, operation) {
        decided?;
    } else {
        decide_state(&mut draft, operation)?;
    }
    Ok(draft.new)
}

/// What `scrgadm` and `steadfast node|cluster` ask; `None`: something else.
fn decide_configuration(
    draft: &mut Draft<'_>,
    operation: &Operation,
) -> Option<Result<(), Refusal>> {
    Some(match operation {
        Operation::RegisterType { rtr, path, installed_nodes } => {
            types::register(draft, rtr, path, installed_nodes.as_deref())
        }
        Operation::ChangeType { type_name, installed_nodes, system } => {
            types::change(draft, type_name, installed_nodes.as_ref(), *system)
        }
        Operation::RemoveType { type_name } => types::remove(draft, type_name),
        Operation::CreateGroup { group, assignments } => groups::create(draft, group, assignments),
        Operation::ChangeGroup { group, assignments } => groups::change(draft, group, assignments),
        Operation::RemoveGroup { group } => groups::remove(draft, group),
        Operation::CreateResource { .. } => resources::create(draft, operation),
        Operation::ChangeResource { resource, system, extension } => {
            resources::change(draft, resource, system, extension)
        }
        Operation::RemoveResource { resource } => resources::remove(draft, resource),
        Operation::AddNode { node } => nodes::add(draft, node),
        Operation::RemoveNode { node } => nodes::remove(draft, node),
        Operation::SetFencing { node, fencing } => {
            nodes::set_fencing(draft, node, fencing.as_ref())
        }
        Operation::SetMaintenance { node, on } => nodes::set_maintenance(draft, node, *on),
        Operation::ConfirmDead { node } => nodes::confirm_dead(draft, node),
        Operation::SetCluster { assignments } => nodes::set_cluster(draft, assignments),
        _ => return None,
    })
}

/// What `scswitch` and `scha_control` ask.
fn decide_state(draft: &mut Draft<'_>, operation: &Operation) -> Result<(), Refusal> {
    match operation {
        Operation::Switch { groups, nodes } => switching::switch(draft, groups, nodes),
        Operation::Remaster { groups } => switching::remaster(draft, groups.as_deref()),
        Operation::Online { groups } => switching::online(draft, groups.as_deref()),
        Operation::Offline { groups } => switching::offline(draft, groups),
        Operation::RestartGroups { groups, nodes } => switching::restart(draft, groups, nodes),
        Operation::RestartResources { resources } => control::restart(draft, resources),
        Operation::Evacuate { nodes, hold_s } => switching::evacuate(draft, nodes, *hold_s),
        Operation::SwitchResources { resources, nodes, monitor, on } => {
            control::switch_resources(draft, resources, nodes.as_deref(), (*monitor, *on))
        }
        Operation::Manage { groups } => groups::manage(draft, groups),
        Operation::Unmanage { groups } => groups::unmanage(draft, groups),
        Operation::ClearStopFailed { resources, nodes } => control::clear(draft, resources, nodes),
        Operation::Quiesce { groups, kill } => control::quiesce(draft, groups.as_deref(), *kill),
        Operation::Suspend { groups, kill } => control::suspend(draft, groups.as_deref(), *kill),
        Operation::Resume { groups } => control::resume(draft, groups.as_deref()),
        Operation::Giveover { resource, group, node, check_only } => {
            control::giveover(draft, (resource, group, node), *check_only)
        }
        Operation::ControlRestart { resource, group, node, check_only } => {
            control::control_restart(draft, (resource, group, node), *check_only)
        }
        // `decide_configuration` has taken all others.
        _ => Ok(()),
    }
}
