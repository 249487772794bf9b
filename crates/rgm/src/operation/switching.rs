//! Where groups are: switched, remastered, brought online and offline, restarted, evacuated (`scswitch -z -Z -F -R -S`).
//!
//! Decides whether it may be; which nodes are the best is the planner's.

use super::IntentOrder;
use super::draft::Draft;
use super::groups::{named, set_managed};
use super::refusal::{list, refusals};
use super::{dependencies, find, storage};
use crate::goal::Goal;
use crate::model::{AffinityKind, Group, Refusal, Switch};
use crate::names::{GroupName, NodeName};

/// Largest `-K`, in seconds.
const HOLD_S_MAX: u32 = 65535;

refusals! {
    unmanaged(group): State =
        "resource group {group} is unmanaged: first scswitch -o -g {group}, or bring it online with scswitch -Z -g {group}";
    too_many(group, count, maximum): Inval =
        "resource group {group} may be online on {maximum} nodes at most (Maximum_primaries), and {count} are named: name fewer";
    too_many_for_one(group, count): Inval =
        "resource group {group} may be online on one node at most (Maximum_primaries), and {count} are named: name one";
    not_in_nodelist(group, node, nodelist): Node =
        "{node} is not in the Nodelist of {group}, which is {nodelist}: name one of them, or change it with scrgadm -c -g {group} -h NODES";
    in_maintenance(node): Node =
        "node {node} is in maintenance: end that with steadfast node maintenance {node} off, or name another node";
    breaks_positive(group, sign, target, place): Depend =
        "{group} has the affinity {sign}{target} and can be online only where {target} is, which is {place}: switch both, with scswitch -z -g {target},{group} -h NODE";
    breaks_negative(group, target, node): Depend =
        "{group} has the affinity --{target} and cannot be online on {node}, where {target} is: name another node, or move {target} first";
    no_candidate(group, nodelist): Node =
        "no node of {group} can take it: of its Nodelist {nodelist} none is a member that is not in maintenance; start one of them";
    not_online_there(group, node, place): State =
        "resource group {group} is not online on {node}, so it cannot be restarted there; it is {place}";
    is_needed(group, dependent, its_group): Depend =
        "resource group {group} cannot go offline while {dependent} of {its_group} depends on it: take both offline, with scswitch -F -g {its_group},{group}";
    is_needed_by_group(group, dependent): Depend =
        "resource group {group} cannot go offline while {dependent} is online, which depends on it (RG_dependencies): take both offline, with scswitch -F -g {dependent},{group}";
    hold_too_long(hold): Inval = "-K {hold} is more than the maximum, 65535 seconds";
    no_nodes_named(): Inval = "no node is named; give one with -h";
}

fn managed<'a>(draft: &Draft<'a>, name: &GroupName) -> Result<&'a Group, Refusal> {
    let group = find::group(draft.cluster, name)?;
    if group.managed { Ok(group) } else { Err(unmanaged(name)) }
}

/// Where it is online now, for sentences.
fn place(draft: &Draft<'_>, group: &GroupName) -> String {
    match list(draft.cluster.nodes_online(group)) {
        nodes if nodes.is_empty() => "online nowhere".to_owned(),
        nodes => format!("online on {nodes}"),
    }
}

pub(crate) fn switch(
    draft: &mut Draft<'_>,
    groups: &[GroupName],
    nodes: &[NodeName],
) -> Result<(), Refusal> {
    if nodes.is_empty() {
        return offline(draft, groups);
    }
    let nodes = find::nodes(draft.cluster, nodes)?;
    let groups = named(draft, groups)?;
    for name in &groups {
        let group = managed(draft, name)?;
        let count = nodes.len();
        if u32::try_from(count).map_or(true, |count| count > group.maximum_primaries) {
            return Err(match group.maximum_primaries {
                1 => too_many_for_one(name, count),
                maximum => too_many(name, count, maximum),
            });
        }
        for node in &nodes {
            may_be_on(draft, (name, group), node)?;
        }
        draft.no_stop_failure(name)?;
        affinities_hold(draft, (name, group), &groups, &nodes)?;
        storage::is_fenced(&draft.new.config, name)?;
    }
    for group in groups {
        draft.order(IntentOrder::Primaries(group.clone(), nodes.clone()));
        draft.wait_for(Goal::Primaries { group, nodes: nodes.clone() });
    }
    Ok(())
}

fn may_be_on(
    draft: &Draft<'_>,
    (name, group): (&GroupName, &Group),
    node: &NodeName,
) -> Result<(), Refusal> {
    if group.preference(node).is_none() {
        return Err(not_in_nodelist(name, node, list(&group.nodelist)));
    }
    find::member(draft.cluster, node)?;
    if find::node(draft.cluster, node)?.maintenance {
        return Err(in_maintenance(node));
    }
    Ok(())
}

/// Strong affinities of a group that goes to these nodes; `together` are the groups that go there with it.
fn affinities_hold(
    draft: &Draft<'_>,
    (name, group): (&GroupName, &Group),
    together: &[GroupName],
    nodes: &[NodeName],
) -> Result<(), Refusal> {
    for affinity in &group.affinities {
        let target = &affinity.target;
        let will_be = |node: &NodeName| {
            let intent = draft.cluster.intents.get(target);
            if together.contains(target) {
                nodes.contains(node)
            } else {
                intent.is_some_and(|intent| intent.target.contains(node))
            }
        };
        match affinity.kind {
            AffinityKind::StrongPositive | AffinityKind::StrongPositiveDelegating
                if !nodes.iter().all(will_be) =>
            {
                let place = place(draft, target);
                return Err(breaks_positive(name, affinity.kind.sign(), target, place));
            }
            AffinityKind::StrongNegative => {
                if let Some(node) = nodes.iter().find(|node| will_be(node)) {
                    return Err(breaks_negative(name, target, node));
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// A node that could take the group now, as far as nodes go.
fn has_candidate(draft: &Draft<'_>, group: &Group) -> bool {
    let can = |node: &NodeName| {
        let config = draft.new.config.nodes.get(node);
        draft.cluster.is_member(node) && config.is_some_and(|c| !c.maintenance)
    };
    group.nodelist.iter().any(can)
}

/// The groups of a list, or all; of all, those that cannot be served are said and left out.
fn each_servable(
    draft: &mut Draft<'_>,
    typed: Option<&[GroupName]>,
    check: impl Fn(&Draft<'_>, &GroupName) -> Result<(), Refusal>,
) -> Result<Vec<GroupName>, Refusal> {
    if let Some(typed) = typed {
        let groups = named(draft, typed)?;
        groups.iter().try_for_each(|name| check(draft, name))?;
        return Ok(groups);
    }
    let mut servable = Vec::new();
    for name in draft.cluster.config.groups.keys() {
        match check(draft, name) {
            Ok(()) => servable.push(name.clone()),
            Err(refusal) => draft.say(format!("left out: {}", refusal.sentence)),
        }
    }
    Ok(servable)
}

fn can_come_online(draft: &Draft<'_>, name: &GroupName) -> Result<(), Refusal> {
    let group = find::group(draft.cluster, name)?;
    draft.no_stop_failure(name)?;
    if !has_candidate(draft, group) {
        return Err(no_candidate(name, list(&group.nodelist)));
    }
    storage::is_fenced(&draft.cluster.config, name)
}

pub(crate) fn remaster(draft: &mut Draft<'_>, typed: Option<&[GroupName]>) -> Result<(), Refusal> {
    let all = typed.is_none();
    let check = |draft: &Draft<'_>, name: &GroupName| {
        managed(draft, name).and_then(|_| can_come_online(draft, name))
    };
    for name in each_servable(draft, typed, check)? {
        let desired = draft.cluster.config.groups.get(&name).map(|g| g.desired_primaries);
        if desired == Some(0) {
            if !all {
                draft.say(format!("Desired_primaries of {name} is 0, so it stays offline"));
            }
            continue;
        }
        draft.order(IntentOrder::Remaster(name.clone()));
        draft.wait_for(Goal::Settled { group: name });
    }
    Ok(())
}

pub(crate) fn online(draft: &mut Draft<'_>, typed: Option<&[GroupName]>) -> Result<(), Refusal> {
    let groups = each_servable(draft, typed, can_come_online)?;
    for name in &groups {
        set_managed(draft, name);
        for resource in draft.names_in(name) {
            draft.edit_resource(&resource, |r| {
                r.enabled = Switch::everywhere(true);
                r.monitored = Switch::everywhere(true);
            });
        }
    }
    for name in groups {
        for resource in draft.names_in(&name) {
            dependencies::dependees_enabled(&draft.new.config, &resource, true)?;
        }
        draft.order(IntentOrder::Remaster(name.clone()));
        draft.wait_for(Goal::Settled { group: name });
    }
    Ok(())
}

pub(crate) fn offline(draft: &mut Draft<'_>, typed: &[GroupName]) -> Result<(), Refusal> {
    let groups = named(draft, typed)?;
    for name in &groups {
        let group = find::group(draft.cluster, name)?;
        if !group.managed {
            draft.say(format!("{name} is unmanaged, so it is offline already"));
            continue;
        }
        draft.not_protected(name)?;
        draft.no_stop_failure(name)?;
        is_not_needed(draft, name, &groups)?;
        draft.order(IntentOrder::Offline(name.clone()));
        draft.wait_for(Goal::Primaries { group: name.clone(), nodes: Vec::new() });
    }
    Ok(())
}

/// Refused while another group that stays online needs this one.
fn is_not_needed(draft: &Draft<'_>, name: &GroupName, going: &[GroupName]) -> Result<(), Refusal> {
    let (cluster, config) = (draft.cluster, &draft.cluster.config);
    let stays = |other: &GroupName| {
        other != name && !going.contains(other) && cluster.nodes_online(other).next().is_some()
    };
    for (other, group) in config.groups.iter().filter(|(other, _)| stays(other)) {
        let same_node = |node: &NodeName| cluster.group_state(name, node).is_online();
        if group.dependencies.contains(name) && cluster.nodes_online(other).any(same_node) {
            return Err(is_needed_by_group(name, other));
        }
        for (resource, of) in config.resources_of(other) {
            let on_this = |on: &crate::names::ResourceName| {
                config.resources.get(on).is_some_and(|r| r.group == *name)
            };
            let mut on = config.dependencies_of(resource).into_iter();
            let needs = on.any(|d| d.kind.is_strong() && on_this(&d.on));
            if needs && dependencies::is_enabled_anywhere(config, of) {
                return Err(is_needed(name, resource, other));
            }
        }
    }
    Ok(())
}

pub(crate) fn restart(
    draft: &mut Draft<'_>,
    groups: &[GroupName],
    nodes: &[NodeName],
) -> Result<(), Refusal> {
    let nodes = find::nodes(draft.cluster, nodes)?;
    for name in named(draft, groups)? {
        managed(draft, &name)?;
        draft.no_stop_failure(&name)?;
        let online: Vec<NodeName> = draft.cluster.nodes_online(&name).cloned().collect();
        let nodes = if nodes.is_empty() { online.clone() } else { nodes.clone() };
        let elsewhere = nodes.iter().find(|node| !online.contains(node));
        if let Some(node) = elsewhere {
            find::member(draft.cluster, node)?;
            return Err(not_online_there(&name, node, place(draft, &name)));
        }
        if nodes.is_empty() {
            return Err(not_online_there(&name, "any node", "offline"));
        }
        draft.order(IntentOrder::Restart(name.clone(), nodes));
        draft.wait_for(Goal::Restarted { group: name });
    }
    Ok(())
}

pub(crate) fn evacuate(
    draft: &mut Draft<'_>,
    nodes: &[NodeName],
    hold_s: u32,
) -> Result<(), Refusal> {
    if hold_s > HOLD_S_MAX {
        return Err(hold_too_long(hold_s));
    }
    let nodes = find::nodes(draft.cluster, nodes)?;
    if nodes.is_empty() {
        return Err(no_nodes_named());
    }
    let avoid_until_ms = draft.now_ms.saturating_add(u64::from(hold_s) * 1000);
    for node in &nodes {
        if !draft.cluster.is_member(node) {
            draft.say(format!("{node} is not a member of the cluster, so nothing runs there"));
            continue;
        }
        for (name, group) in &draft.cluster.config.groups {
            if !group.managed || group.preference(node).is_none() {
                continue;
            }
            if draft.cluster.resource_stop_failed_on(name, node) {
                // The others leave; this one cannot, and the goal says so.
                draft.say(format!("{name} stays on {node}: a resource of it could not be stopped"));
                continue;
            }
            let (group, node) = (name.clone(), node.clone());
            draft.order(IntentOrder::LeaveNode { group, node, giveover: None, avoid_until_ms });
        }
        draft.wait_for(Goal::Evacuated { node: node.clone() });
    }
    Ok(())
}
