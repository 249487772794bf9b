//! The rule that a group with storage which several nodes could write needs fencing on each of them (design §5.3), unless the operator has said
//! otherwise for the whole cluster.

use super::refusal::{list, refusals};
use crate::model::{Cluster, Configuration, Holder, Refusal};
use crate::names::GroupName;

refusals! {
    no_fencing(group, writers, without): Checks =
        "resource group {group} has storage that {writers} could write at the same time, and {without} cannot be fenced when lost: give each a fence agent with steadfast node fencing NODE, or allow it at your own risk with steadfast cluster set unfenced_storage_allowed=TRUE";
    still_written(group, node): State =
        "the storage of resource group {group} may still be written by {node}, which was lost and is not fenced: wait until it is fenced or a member again, or, if you know that it is dead, steadfast node confirm-dead {node}";
}

/// Refused when a change would make a group forget that a lost node has storage of it: nothing would be fenced any more, and what is
/// configured next could be mounted twice.
pub(crate) fn is_not_forgotten(
    cluster: &Cluster,
    new: &Configuration,
    group: &GroupName,
) -> Result<(), Refusal> {
    let forgets = cluster.config.has_shared_storage(group) && !new.has_shared_storage(group);
    if !forgets || cluster.config.cluster.unfenced_storage_allowed {
        return Ok(());
    }
    let is_lost = |h: &&Holder| !cluster.members.contains_key(&h.node);
    let lost = cluster.intents.get(group).and_then(|i| i.holders.iter().find(is_lost));
    lost.map_or(Ok(()), |holder| Err(still_written(group, &holder.node)))
}

/// Refused when a lost node of the group could still write what another one has taken over.
pub(crate) fn is_fenced(config: &Configuration, group: &GroupName) -> Result<(), Refusal> {
    let nodelist = config.groups.get(group).map(|g| g.nodelist.as_slice()).unwrap_or_default();
    if config.cluster.unfenced_storage_allowed
        || nodelist.len() < 2
        || !config.has_shared_storage(group)
    {
        return Ok(());
    }
    let has_agent = |node| config.nodes.get(node).is_some_and(|n| n.fencing.is_some());
    let without = list(nodelist.iter().filter(|node| !has_agent(*node)));
    if without.is_empty() { Ok(()) } else { Err(no_fencing(group, list(nodelist), without)) }
}

/// The same for every group that may be brought online by itself: after a change of fencing or of the cluster's settings.
pub(crate) fn all_are_fenced(config: &Configuration) -> Result<(), Refusal> {
    let may_run = |name: &GroupName| {
        config.resources_of(name).any(|(_, r)| r.enabled.on || !r.enabled.except.is_empty())
    };
    let managed = config.groups.iter().filter(|(name, group)| group.managed && may_run(name));
    managed.into_iter().try_for_each(|(name, _)| is_fenced(config, name))
}
