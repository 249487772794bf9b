//! Resource groups: created, changed, removed, managed, unmanaged (sun-cluster §3.10).
//!
//! A change of Nodelist decides here who gets a VALIDATE, who owes a FINI, and that nothing still runs on a node that leaves.

use super::draft::Draft;
use super::find;
use super::group_setting;
use super::order::no_circle;
use super::refusal::{Kind, list, refusals};
use super::storage;
use super::types;
use crate::model::{Assignment, Group, Refusal};
use crate::names::{GroupName, NodeName};
use rtr::{InitNodes, Method};

refusals! {
    nothing_to_change(group): Inval = "nothing to change in {group}: give at least one -y NAME=VALUE";
    nothing_named(): Inval = "no resource group is named; give one with -g";
    has_resources(group, resources): State =
        "resource group {group} still has {resources}: first remove what it has with scrgadm -r -j";
    is_running(group, nodes): State =
        "resource group {group} is not offline on {nodes}: first scswitch -F -g {group}";
    is_wanted(group, others): Depend =
        "resource group {group} is named in RG_dependencies or RG_affinities of {others}: first take it out there with scrgadm -c -g";
    node_in_use(group, node): State =
        "resource group {group} runs on {node}, which the new Nodelist does not have: first move it with scswitch -z -g {group} -h NODE";
    resources_enabled(group, resources): State =
        "resource group {group} has enabled resources: first disable {resources} with scswitch -n -j";
}

pub(crate) fn create(
    draft: &mut Draft<'_>,
    name: &GroupName,
    assignments: &[Assignment],
) -> Result<(), Refusal> {
    find::free_name(draft.cluster, Kind::Group, name.as_str())?;
    let mut group = Group::default();
    group_setting::apply(draft.cluster, name, &mut group, assignments, true)?;
    draft.new.config.groups.insert(name.clone(), group);
    draft.new.messages.extend(group_setting::check(&draft.new.config, name)?);
    no_circle(&draft.new.config)
}

pub(crate) fn change(
    draft: &mut Draft<'_>,
    name: &GroupName,
    assignments: &[Assignment],
) -> Result<(), Refusal> {
    let old = find::group(draft.cluster, name)?;
    if assignments.is_empty() {
        return Err(nothing_to_change(name));
    }
    let unprotects = |a: &Assignment| {
        a.name.eq_ignore_ascii_case("RG_system") && a.value.eq_ignore_ascii_case("FALSE")
    };
    if !assignments.iter().all(unprotects) {
        draft.not_protected(name)?;
    }
    let mut group = old.clone();
    let set = group_setting::apply(draft.cluster, name, &mut group, assignments, false)?;
    if group == *old {
        draft.say(format!("{name} has these values already"));
        return Ok(());
    }
    draft.new.config.groups.insert(name.clone(), group.clone());
    draft.new.messages.extend(group_setting::check(&draft.new.config, name)?);
    no_circle(&draft.new.config)?;
    if group.nodelist != old.nodelist {
        change_nodelist(draft, name, old, &group)?;
    }
    draft.validate_group(name, &set);
    for resource in draft.names_in(name) {
        draft.edit_resource(&resource, |r| r.generation += 1);
        if group.managed {
            draft.wait_applied(&resource);
        }
    }
    Ok(())
}

fn change_nodelist(
    draft: &mut Draft<'_>,
    name: &GroupName,
    old: &Group,
    group: &Group,
) -> Result<(), Refusal> {
    let gone: Vec<NodeName> =
        old.nodelist.iter().filter(|n| !group.nodelist.contains(n)).cloned().collect();
    let holds = |node: &&NodeName| {
        let intent = draft.cluster.intents.get(name);
        let is_holder = intent.is_some_and(|i| i.holders.iter().any(|h| h.node == **node));
        is_holder || !draft.cluster.group_state(name, node).is_offline()
    };
    if let Some(node) = gone.iter().find(holds) {
        return Err(node_in_use(name, node));
    }
    for resource in draft.names_in(name) {
        let Some(of) = draft.new.config.resources.get(&resource) else { continue };
        if let Some(of_type) = draft.new.config.type_of(of) {
            types::is_installed(of_type, &of.type_name, name, &group.nodelist)?;
            let owes = group.managed && of_type.rtr.init_nodes == InitNodes::RgPrimaries;
            if owes {
                draft.owe_fini(&resource, &gone);
            }
        }
    }
    if group.managed { storage::is_fenced(&draft.new.config, name) } else { Ok(()) }
}

pub(crate) fn remove(draft: &mut Draft<'_>, name: &GroupName) -> Result<(), Refusal> {
    find::group(draft.cluster, name)?;
    draft.not_protected(name)?;
    find::all_readable(draft.cluster, Kind::Resource)?;
    find::all_readable(draft.cluster, Kind::Group)?;
    let config = &draft.cluster.config;
    let resources = list(config.resources_of(name).map(|(resource, _)| resource));
    if !resources.is_empty() {
        return Err(has_resources(name, resources));
    }
    is_offline(draft, name)?;
    let names_it =
        |g: &Group| g.dependencies.contains(name) || g.affinities.iter().any(|a| a.target == *name);
    let others = config.groups.iter().filter(|(other, g)| *other != name && names_it(g));
    let others = list(others.map(|(other, _)| other));
    if !others.is_empty() {
        return Err(is_wanted(name, others));
    }
    draft.new.config.groups.remove(name);
    Ok(())
}

/// Refused while any node may have something of the group running.
fn is_offline(draft: &Draft<'_>, name: &GroupName) -> Result<(), Refusal> {
    draft.no_stop_failure(name)?;
    let held = draft.cluster.intents.get(name).into_iter().flat_map(|i| &i.holders);
    let mut nodes: Vec<&NodeName> =
        draft.cluster.nodes_running(name).chain(held.map(|h| &h.node)).collect();
    nodes.sort();
    nodes.dedup();
    if nodes.is_empty() { Ok(()) } else { Err(is_running(name, list(nodes))) }
}

pub(crate) fn manage(draft: &mut Draft<'_>, typed: &[GroupName]) -> Result<(), Refusal> {
    for name in named(draft, typed)? {
        if find::group(draft.cluster, &name)?.managed {
            draft.say(format!("{name} is managed already"));
            continue;
        }
        // It stays offline until somebody brings it online (planner: a group that is newly managed rests).
        set_managed(draft, &name);
    }
    Ok(())
}

/// Takes a group under management; INIT of its resources follows.
pub(crate) fn set_managed(draft: &mut Draft<'_>, name: &GroupName) {
    draft.edit_group(name, |g| g.managed = true);
    for resource in draft.names_in(name) {
        let of = draft.new.config.resources.get(&resource);
        if of.is_some_and(|r| draft.new.config.has_method(r, Method::Init)) {
            draft.wait_applied(&resource);
        }
    }
}

pub(crate) fn unmanage(draft: &mut Draft<'_>, typed: &[GroupName]) -> Result<(), Refusal> {
    for name in named(draft, typed)? {
        let group = find::group(draft.cluster, &name)?;
        if !group.managed {
            draft.say(format!("{name} is unmanaged already"));
            continue;
        }
        draft.not_protected(&name)?;
        let config = &draft.cluster.config;
        let enabled = |r: &crate::model::Resource| r.enabled.is_on_any(&group.nodelist);
        let enabled = config.resources_of(&name).filter(|(_, r)| enabled(r)).map(|(n, _)| n);
        let enabled = list(enabled);
        if !enabled.is_empty() {
            return Err(resources_enabled(&name, enabled));
        }
        is_offline(draft, &name)?;
        for (resource, of) in config.resources_of(&name) {
            draft.owe_fini(resource, &config.init_nodes(of));
            draft.wait_applied(resource);
        }
        draft.edit_group(&name, |g| g.managed = false);
    }
    Ok(())
}

/// The groups of a list that must not be empty.
pub(crate) fn named(draft: &Draft<'_>, typed: &[GroupName]) -> Result<Vec<GroupName>, Refusal> {
    if typed.is_empty() {
        return Err(nothing_named());
    }
    find::groups(draft.cluster, typed)
}
