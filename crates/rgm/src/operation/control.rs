//! Single resources switched, restarted and cleared; groups quiesced, suspended and resumed; what monitors ask with `scha_control`.

use super::IntentOrder;
use super::draft::Draft;
use super::groups::named;
use super::refusal::{list, refusals};
use super::{dependencies, find, storage};
use crate::goal::Goal;
use crate::model::{
    AffinityKind, FailoverMode, Group, GroupState, JobKind, Refusal, Resource, ResourceState,
};
use crate::names::{GroupName, NodeName, ResourceName};
use rtr::Method;

refusals! {
    no_resource_named(): Inval = "no resource is named; give one with -j";
    no_node_named(): Inval = "no node is named; give one with -h";
    not_in_nodelist(resource, node, nodelist): Node =
        "{resource} cannot run on {node}: the Nodelist of its resource group is {nodelist}; name one of them";
    not_online(resource): State =
        "{resource} is online nowhere, so it cannot be restarted: enable it with scswitch -e -j {resource}, or bring its group online";
    not_stop_failed(resource, node, state): State =
        "{resource} is not STOP_FAILED on {node}, it is {state}: nothing is to be cleared";
    other_group(resource, its_group, group): Rg =
        "{resource} is in resource group {its_group}, not in {group}: give -G {its_group}";
    group_not_online(group, node, state): State =
        "resource group {group} is not online on {node}, it is {state}: nothing was done";
    gagged(resource, mode, what): Checks =
        "Failover_mode of {resource} is {mode}, which does not let its monitor ask for {what}: set Failover_mode to NONE, SOFT or HARD to allow it";
    suspended(group): Checks =
        "automatic recovery of resource group {group} is suspended: resume it with scswitch -r -g {group}";
    bound(group, sign, target, node): Checks =
        "{group} cannot leave {node}: it has the affinity {sign}{target}, and {target} is there; move {target}, or use +++{target}";
    no_candidate(group, node, why): Checks =
        "{group} stays on {node}, because no other node can take it: {why}";
}

/// Whether `scswitch -e|-n [-M]` may be done, and the switches as they would be.
pub(crate) fn switch_resources(
    draft: &mut Draft<'_>,
    typed: &[ResourceName],
    nodes: Option<&[NodeName]>,
    (monitor, on): (bool, bool),
) -> Result<(), Refusal> {
    let names = resources(draft, typed)?;
    let nodes = nodes.map(|typed| find::nodes(draft.cluster, typed)).transpose()?;
    for name in &names {
        let resource = find::resource(draft.cluster, name)?;
        let group = find::group(draft.cluster, &resource.group)?;
        let outside = nodes.iter().flatten().find(|node| group.preference(node).is_none());
        if let Some(node) = outside {
            return Err(not_in_nodelist(name, node, list(&group.nodelist)));
        }
        if !on {
            draft.not_protected(&resource.group)?;
        }
        draft.no_stop_failure(&resource.group)?;
        let nodes = nodes.as_deref();
        draft.edit_resource(name, |r| {
            let switch = if monitor { &mut r.monitored } else { &mut r.enabled };
            switch.set(on, nodes, &group.nodelist);
        });
        if monitor && !draft.cluster.config.has_method(resource, Method::MonitorStart) {
            draft.say(format!(
                "the type of {name} has no monitor, so nothing is started or stopped"
            ));
        }
        if monitor {
            draft.wait_for(Goal::Monitored { resource: name.clone(), on });
        } else if nodes.is_none() {
            draft.wait_for(Goal::Resource { resource: name.clone(), on });
        }
    }
    if !monitor {
        may_be_switched(draft, &names, on)?;
    }
    Ok(())
}

fn may_be_switched(draft: &mut Draft<'_>, names: &[ResourceName], on: bool) -> Result<(), Refusal> {
    if !on {
        return draft.no_dependents_left(names);
    }
    for name in names {
        dependencies::dependees_enabled(&draft.new.config, name, true)?;
        let group = draft.new.config.resources.get(name).map(|r| &r.group);
        group.map_or(Ok(()), |group| storage::is_fenced(&draft.new.config, group))?;
    }
    Ok(())
}

fn resources(draft: &Draft<'_>, typed: &[ResourceName]) -> Result<Vec<ResourceName>, Refusal> {
    if typed.is_empty() {
        return Err(no_resource_named());
    }
    find::resources(draft.cluster, typed)
}

pub(crate) fn restart(draft: &mut Draft<'_>, typed: &[ResourceName]) -> Result<(), Refusal> {
    for name in resources(draft, typed)? {
        let resource = find::resource(draft.cluster, &name)?;
        draft.no_stop_failure(&resource.group)?;
        let mut starts = Vec::new();
        for node in draft.cluster.members.keys() {
            let Some(seen) = draft.cluster.resource_on(&name, node) else { continue };
            if seen.state.is_started() && resource.enabled.is_on(node) {
                starts.push((node.clone(), seen.starts));
                draft.job(node, JobKind::Restart(name.clone()));
            }
        }
        if starts.is_empty() {
            return Err(not_online(&name));
        }
        draft.wait_for(Goal::ResourceRestarted { resource: name, starts });
    }
    Ok(())
}

pub(crate) fn clear(
    draft: &mut Draft<'_>,
    typed: &[ResourceName],
    nodes: &[NodeName],
) -> Result<(), Refusal> {
    let names = resources(draft, typed)?;
    if nodes.is_empty() {
        return Err(no_node_named());
    }
    for node in find::nodes(draft.cluster, nodes)? {
        find::member(draft.cluster, &node)?;
        for name in &names {
            let state = draft.cluster.resource_state(name, &node);
            if state != ResourceState::StopFailed {
                return Err(not_stop_failed(name, &node, state.token()));
            }
            draft.job(&node, JobKind::Clear(name.clone()));
            draft.wait_for(Goal::Cleared { resource: name.clone(), node: node.clone() });
        }
    }
    Ok(())
}

/// The groups of a list, or all managed ones.
fn listed_or_managed(
    draft: &Draft<'_>,
    typed: Option<&[GroupName]>,
) -> Result<Vec<GroupName>, Refusal> {
    match typed {
        Some(typed) => named(draft, typed),
        None => {
            let groups = draft.cluster.config.groups.iter();
            Ok(groups.filter(|(_, g)| g.managed).map(|(name, _)| name.clone()).collect())
        }
    }
}

fn kill_methods(draft: &mut Draft<'_>, group: &GroupName) {
    let nodes: Vec<NodeName> = draft.cluster.nodes_running(group).cloned().collect();
    for node in nodes {
        draft.job(&node, JobKind::KillMethods(group.clone()));
    }
}

pub(crate) fn quiesce(
    draft: &mut Draft<'_>,
    typed: Option<&[GroupName]>,
    kill: bool,
) -> Result<(), Refusal> {
    for group in listed_or_managed(draft, typed)? {
        if !find::group(draft.cluster, &group)?.managed {
            draft.say(format!("{group} is unmanaged, so it is quiet already"));
            continue;
        }
        draft.order(IntentOrder::Quiesce(group.clone()));
        if kill {
            kill_methods(draft, &group);
        }
        draft.wait_for(Goal::Quiet { group });
    }
    Ok(())
}

pub(crate) fn suspend(
    draft: &mut Draft<'_>,
    typed: Option<&[GroupName]>,
    kill: bool,
) -> Result<(), Refusal> {
    for group in listed_or_managed(draft, typed)? {
        if find::group(draft.cluster, &group)?.suspended {
            draft.say(format!("automatic recovery of {group} is suspended already"));
        }
        draft.edit_group(&group, |g| g.suspended = true);
        if kill {
            kill_methods(draft, &group);
            draft.wait_for(Goal::Quiet { group });
        }
    }
    Ok(())
}

pub(crate) fn resume(draft: &mut Draft<'_>, typed: Option<&[GroupName]>) -> Result<(), Refusal> {
    for group in listed_or_managed(draft, typed)? {
        if !find::group(draft.cluster, &group)?.suspended && typed.is_some() {
            draft.say(format!("automatic recovery of {group} is not suspended"));
        }
        draft.edit_group(&group, |g| g.suspended = false);
    }
    Ok(())
}

/// What `scha_control` of both kinds demands: the resource is in the group, the group is online here, its monitor may ask.
fn may_ask<'a>(
    draft: &Draft<'a>,
    (name, group_name, node): (&ResourceName, &GroupName, &NodeName),
    what: &str,
) -> Result<(&'a Resource, &'a Group), Refusal> {
    let group = find::group(draft.cluster, group_name)?;
    let resource = find::resource(draft.cluster, name)?;
    if resource.group != *group_name {
        return Err(other_group(name, &resource.group, group_name));
    }
    find::member(draft.cluster, node)?;
    draft.no_stop_failure(group_name)?;
    let state = draft.cluster.group_state(group_name, node);
    if !state.is_online() {
        return Err(group_not_online(group_name, node, state.token()));
    }
    if matches!(resource.failover_mode, FailoverMode::RestartOnly | FailoverMode::LogOnly) {
        return Err(gagged(name, resource.failover_mode.token(), what));
    }
    if group.suspended {
        return Err(suspended(group_name));
    }
    Ok((resource, group))
}

pub(crate) fn control_restart(
    draft: &mut Draft<'_>,
    (name, group, node): (&ResourceName, &GroupName, &NodeName),
    check_only: bool,
) -> Result<(), Refusal> {
    may_ask(draft, (name, group, node), "a restart of the group")?;
    if !check_only {
        draft.order(IntentOrder::Restart(group.clone(), vec![node.clone()]));
        draft.wait_for(Goal::Restarted { group: group.clone() });
    }
    Ok(())
}

/// The MONITOR_CHECKs and the choice are the planner's; here is whether there is anything to choose from.
pub(crate) fn giveover(
    draft: &mut Draft<'_>,
    (name, group_name, node): (&ResourceName, &GroupName, &NodeName),
    check_only: bool,
) -> Result<(), Refusal> {
    let (_, group) = may_ask(draft, (name, group_name, node), "a giveover")?;
    if let Some(a) = group.affinities.iter().find(|a| a.kind == AffinityKind::StrongPositive) {
        return Err(bound(group_name, a.kind.sign(), &a.target, node));
    }
    let others: Vec<&NodeName> = group.nodelist.iter().filter(|n| *n != node).collect();
    let mut reasons: Vec<String> = Vec::new();
    for other in &others {
        match unfit(draft, (name, group_name, group), other) {
            Some(why) => reasons.push(why),
            None => {
                if !check_only {
                    let (group, node) = (group_name.clone(), node.clone());
                    // Only giveovers of this resource avoid the node: history/G remembers that (pingpong_check).
                    let avoid_until_ms = draft.now_ms;
                    let giveover = Some(name.clone());
                    draft.wait_for(Goal::Settled { group: group.clone() });
                    draft.order(IntentOrder::LeaveNode { group, node, giveover, avoid_until_ms });
                }
                return Ok(());
            }
        }
    }
    let why = if reasons.is_empty() {
        format!("the Nodelist has only {node}")
    } else {
        reasons.join("; ")
    };
    Err(no_candidate(group_name, node, why))
}

/// Why a node cannot take the group from a giveover of this resource.
fn unfit(
    draft: &Draft<'_>,
    (name, group_name, group): (&ResourceName, &GroupName, &Group),
    node: &NodeName,
) -> Option<String> {
    let cluster = draft.cluster;
    let config = cluster.config.nodes.get(node);
    if !cluster.is_member(node) {
        return Some(format!("{node} is not a member"));
    }
    if config.is_none_or(|c| c.maintenance) {
        return Some(format!("{node} is in maintenance"));
    }
    if !cluster.config.is_installed(group_name, node) {
        return Some(format!("the software is not installed on {node}"));
    }
    if cluster.group_state(group_name, node) != GroupState::Offline {
        return Some(format!("it is on {node} too"));
    }
    let keeps_away = |a: &&crate::model::Affinity| {
        let intent = cluster.intents.get(&a.target);
        a.kind == AffinityKind::StrongNegative && intent.is_some_and(|i| i.target.contains(node))
    };
    if let Some(affinity) = group.affinities.iter().find(keeps_away) {
        return Some(format!("{} is on {node}, and the affinity is {affinity}", affinity.target));
    }
    let avoided = cluster.intents.get(group_name).is_some_and(|intent| {
        intent.avoid.iter().any(|(n, until_ms)| n == node && *until_ms > draft.now_ms)
    });
    if avoided {
        return Some(format!("{node} is being evacuated"));
    }
    let interval_ms = u64::from(group.pingpong_interval_s) * 1000;
    let history = cluster.history.get(group_name);
    let left = history.into_iter().flat_map(|h| &h.giveovers).find(|g| {
        // Either way: a time far ahead is that of a clock which was set back since.
        g.resource == *name && g.node == *node && g.at_ms.abs_diff(draft.now_ms) < interval_ms
    });
    left.map(|g| {
        let ago_s = draft.now_ms.saturating_sub(g.at_ms) / 1000;
        format!(
            "{name} gave it over from {node} {ago_s} s ago, less than Pingpong_interval ({} s)",
            group.pingpong_interval_s
        )
    })
}
