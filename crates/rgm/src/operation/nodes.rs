//! Nodes and the settings of the cluster: added, removed, fenced, in maintenance, confirmed dead.

use super::IntentOrder;
use super::draft::Draft;
use super::find;
use super::refusal::{Kind, list, refusals, shown};
use super::storage;
use crate::goal::Goal;
use crate::model::{Assignment, ClusterSettings, Fencing, NodeConfig, Refusal, Resource};
use crate::names::{NodeName, legal};

/// Longest new_cluster_wait_s.
const NEW_CLUSTER_WAIT_S_MAX: u32 = 86_400;
/// Longest time-out of a fence agent.
const FENCING_TIMEOUT_S_MAX: u32 = 3600;

refusals! {
    is_member(node): State =
        "node {node} is a member of the cluster: evacuate it with scswitch -S -h {node}, stop its daemon, then remove it";
    in_nodelist(node, groups): State =
        "node {node} is in the Nodelist of {groups}: first take it out with scrgadm -c -g GROUP -h NODES";
    in_installed(node, types): State =
        "node {node} is in Installed_nodes of {types}: first take it out with scrgadm -c -t TYPE -h NODES";
    fence_pending(node): State =
        "node {node} was lost and is not yet fenced: wait until it is, or, if you know that it is dead, steadfast node confirm-dead {node}";
    bad_agent(agent): Inval =
        "the fence agent {agent} is not the name or the path of a program: give one such as fence_ipmilan";
    bad_timeout(timeout): Inval =
        "the fence agent's time-out of {timeout} s is not possible: give 1 to 3600 seconds";
    bad_option(option): Inval =
        "the fence agent's option {option} is not possible: names are letters, digits, - and _, and values have no line end";
    action_option(): Inval = "the fence agent's option action is set by the cluster itself: leave it out";
    is_alive(node): State =
        "node {node} is a member of the cluster and so alive: there is nothing to confirm";
    is_not_lost(node): State =
        "nothing waits for node {node} to be dead: there is nothing to confirm";
    nothing_to_set(): Inval = "nothing to set: give at least one NAME=VALUE";
    unknown_setting(typed, near): Prop = "the cluster has no setting {typed}; did you mean {near}?";
    unknown_setting_list(typed, names): Prop = "the cluster has no setting {typed}; the settings are {names}";
    id_is_fixed(): Prop = "the setting id identifies this cluster for ever and cannot be set; leave it out";
    setting_per_node(name, node): Prop = "{name} is a setting of the whole cluster: leave out {{{node}}}";
    setting_twice(name): Inval = "{name} is given twice; give it once";
    not_boolean(name, value): Prop = "{name}: {value} is neither TRUE nor FALSE";
    not_seconds(name, value): Prop = "{name}: {value} is not a number of seconds from 0 to 86400";
    bad_cluster_name(value, why): Prop = "name: {value} {why}; give another name";
}

pub(crate) fn add(draft: &mut Draft<'_>, name: &NodeName) -> Result<(), Refusal> {
    find::free_name(draft.cluster, Kind::Node, name.as_str())?;
    let last = draft.cluster.config.nodes.values().map(|n| n.id).max().unwrap_or(0);
    let config = NodeConfig { id: last.saturating_add(1), fencing: None, maintenance: false };
    draft.new.config.nodes.insert(name.clone(), config);
    Ok(())
}

pub(crate) fn remove(draft: &mut Draft<'_>, name: &NodeName) -> Result<(), Refusal> {
    find::node(draft.cluster, name)?;
    let (cluster, config) = (draft.cluster, &draft.cluster.config);
    if cluster.is_member(name) {
        return Err(is_member(name));
    }
    if cluster.fences.get(name).is_some_and(|f| f.state != crate::model::FenceState::Done) {
        return Err(fence_pending(name));
    }
    find::all_readable(cluster, Kind::Group)?;
    find::all_readable(cluster, Kind::Type)?;
    let groups = config.groups.iter().filter(|(_, g)| g.preference(name).is_some());
    let groups = list(groups.map(|(group, _)| group));
    if !groups.is_empty() {
        return Err(in_nodelist(name, groups));
    }
    let has = |t: &crate::model::TypeConfig| {
        t.installed_nodes.as_ref().is_some_and(|nodes| nodes.contains(name))
    };
    let types = list(config.types.iter().filter(|(_, t)| has(t)).map(|(of_type, _)| of_type));
    if !types.is_empty() {
        return Err(in_installed(name, types));
    }
    let owed = cluster.fini.get(name).map(|owed| list(owed.keys())).unwrap_or_default();
    if !owed.is_empty() {
        draft.say(format!("{name} still owes FINI of {owed}; it will not be run there"));
    }
    draft.new.config.nodes.remove(name);
    for resource in draft.new.config.resources.values_mut() {
        forget(resource, name);
    }
    Ok(())
}

/// Takes a removed node out of switches and PER_NODE values.
fn forget(resource: &mut Resource, node: &NodeName) {
    resource.enabled.except.retain(|n| n != node);
    resource.monitored.except.retain(|n| n != node);
    for value in resource.values.values_mut() {
        value.per_node.remove(node);
    }
}

pub(crate) fn set_fencing(
    draft: &mut Draft<'_>,
    name: &NodeName,
    fencing: Option<&Fencing>,
) -> Result<(), Refusal> {
    find::node(draft.cluster, name)?;
    if let Some(fencing) = fencing {
        is_usable(fencing)?;
    }
    if let Some(node) = draft.new.config.nodes.get_mut(name) {
        node.fencing = fencing.cloned();
    }
    if fencing.is_none() { storage::all_are_fenced(&draft.new.config) } else { Ok(()) }
}

fn is_usable(fencing: &Fencing) -> Result<(), Refusal> {
    let agent = &fencing.agent;
    let is_plain = !agent.is_empty() && !agent.contains(|c: char| c.is_control() || c == ' ');
    if !is_plain || (agent.contains('/') && !agent.starts_with('/')) {
        return Err(bad_agent(shown(agent)));
    }
    if fencing.timeout_s == 0 || fencing.timeout_s > FENCING_TIMEOUT_S_MAX {
        return Err(bad_timeout(fencing.timeout_s));
    }
    for (option, value) in &fencing.options {
        if option.eq_ignore_ascii_case("action") {
            return Err(action_option());
        }
        let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        if option.is_empty() || !option.chars().all(legal) || value.contains(['\n', '\r', '\0']) {
            return Err(bad_option(shown(option)));
        }
    }
    Ok(())
}

pub(crate) fn set_maintenance(
    draft: &mut Draft<'_>,
    name: &NodeName,
    on: bool,
) -> Result<(), Refusal> {
    if find::node(draft.cluster, name)?.maintenance == on {
        draft.say(format!("{name} is {} maintenance already", if on { "in" } else { "out of" }));
    }
    if let Some(node) = draft.new.config.nodes.get_mut(name) {
        node.maintenance = on;
    }
    if on && draft.cluster.is_member(name) {
        draft.wait_for(Goal::Evacuated { node: name.clone() });
    }
    Ok(())
}

pub(crate) fn confirm_dead(draft: &mut Draft<'_>, name: &NodeName) -> Result<(), Refusal> {
    find::node(draft.cluster, name)?;
    let cluster = draft.cluster;
    if cluster.is_member(name) && !cluster.fences.contains_key(name) {
        return Err(is_alive(name));
    }
    let holds = |i: &crate::model::Intent| i.holders.iter().any(|h| h.node == *name);
    if !cluster.fences.contains_key(name) && !cluster.intents.values().any(holds) {
        return Err(is_not_lost(name));
    }
    draft.order(IntentOrder::ConfirmDead(name.clone()));
    Ok(())
}

const SETTINGS: [&str; 6] = [
    "name",
    "new_cluster_wait_s",
    "retry_after_pingpong",
    "sticky_offline",
    "unfenced_storage_allowed",
    "hard_only_with_candidate",
];

pub(crate) fn set_cluster(draft: &mut Draft<'_>, typed: &[Assignment]) -> Result<(), Refusal> {
    if typed.is_empty() {
        return Err(nothing_to_set());
    }
    let mut set: Vec<&str> = Vec::new();
    for assignment in typed {
        let name = setting(assignment)?;
        if set.contains(&name) {
            return Err(setting_twice(name));
        }
        set.push(name);
        assign(&mut draft.new.config.cluster, name, &assignment.value)?;
    }
    if !draft.new.config.cluster.unfenced_storage_allowed
        && set.contains(&"unfenced_storage_allowed")
    {
        storage::all_are_fenced(&draft.new.config)?;
    }
    Ok(())
}

fn setting(assignment: &Assignment) -> Result<&'static str, Refusal> {
    let typed = assignment.name.as_str();
    if typed.eq_ignore_ascii_case("id") {
        return Err(id_is_fixed());
    }
    let Some(name) = SETTINGS.into_iter().find(|name| name.eq_ignore_ascii_case(typed)) else {
        return Err(match rtr::nearest(typed, SETTINGS) {
            Some(near) => unknown_setting(shown(typed), near),
            None => unknown_setting_list(shown(typed), SETTINGS.join(", ")),
        });
    };
    match &assignment.node {
        Some(node) => Err(setting_per_node(name, node)),
        None => Ok(name),
    }
}

/// Sets one; an empty value is the default.
fn assign(settings: &mut ClusterSettings, name: &str, value: &str) -> Result<(), Refusal> {
    let default = ClusterSettings::default();
    let truth = |default: bool| match value {
        "" => Ok(default),
        v if v.eq_ignore_ascii_case("TRUE") => Ok(true),
        v if v.eq_ignore_ascii_case("FALSE") => Ok(false),
        _ => Err(not_boolean(name, shown(value))),
    };
    match name {
        "name" if value.is_empty() => settings.name = default.name,
        "name" => {
            legal(value).map_err(|why| bad_cluster_name(shown(value), why))?;
            value.clone_into(&mut settings.name);
        }
        "new_cluster_wait_s" if value.is_empty() => {
            settings.new_cluster_wait_s = default.new_cluster_wait_s;
        }
        "new_cluster_wait_s" => {
            let seconds = value.parse().ok().filter(|s| *s <= NEW_CLUSTER_WAIT_S_MAX);
            settings.new_cluster_wait_s = seconds.ok_or_else(|| not_seconds(name, shown(value)))?;
        }
        "retry_after_pingpong" => {
            settings.retry_after_pingpong = truth(default.retry_after_pingpong)?;
        }
        "sticky_offline" => settings.sticky_offline = truth(default.sticky_offline)?,
        "unfenced_storage_allowed" => {
            settings.unfenced_storage_allowed = truth(default.unfenced_storage_allowed)?;
        }
        _ => settings.hard_only_with_candidate = truth(default.hard_only_with_candidate)?,
    }
    Ok(())
}
