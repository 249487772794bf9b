//! `-y NAME=VALUE` of resource groups: from what was typed to the group as it would be, and what its properties must agree on.

use super::affinities;
use super::find;
use super::refusal::{Kind, list, refusals, refuse, shown, unknown};
use crate::model::{Assignment, Cluster, Configuration, Group, GroupMode, Refusal, SchaCode};
use crate::names::{GroupName, NodeName};
use rtr::Tunable;
use rtr::properties::{Category, GROUP, GroupProperty, group as property_named};

refusals! {
    unknown_property(typed, near): Prop =
        "resource groups have no property {typed}; did you mean {near}?";
    unknown_property_list(typed): Prop =
        "resource groups have no property {typed}; scrgadm -pv lists what they have";
    of_resources(property): Prop =
        "{property} is a property of resources, not of resource groups: set it with scrgadm -c -j RESOURCE -y {property}=VALUE";
    query_only(property): Prop = "{property} only shows what the cluster sees and cannot be set; leave it out";
    by_suspend(group): Prop =
        "Suspend_automatic_recovery is not set as a property: use scswitch -s -g {group} or scswitch -r -g {group}";
    fixed(property): Prop = "{property} is fixed: create another group with the name you want";
    mode_fixed(group, mode): Prop =
        "RG_mode of {group} is fixed at creation and is {mode}: remove the group and create it again to change it";
    per_node(property, node): Prop = "{property} has the same value on all nodes: leave out {{{node}}}";
    given_twice(property): Inval = "{property} is given twice; give it once";
    node_twice(node): Prop = "Nodelist: {node} is named twice; name it once, at its place in the order of preference";
    no_nodes(group): Node = "resource group {group} needs a node, and the cluster has none: add one with steadfast node add NODE";
    too_large(property, value): Prop = "property {property}: {value} is more than the maximum, 4294967295";
    global_resources(value): Prop = "Global_resources_used: {value} is not possible; write * for all or nothing for none";
    desired_above(group, desired, maximum): Prop =
        "Desired_primaries of {group} would be {desired}, more than its Maximum_primaries {maximum}: lower it or raise Maximum_primaries";
    failover_maximum(group, maximum): Prop =
        "Maximum_primaries of {group} cannot be {maximum}, because its RG_mode is Failover: create the group with RG_mode=Scalable";
    depends_on_itself(group): Depend = "RG_dependencies: resource group {group} cannot depend on itself";
    dependency_twice(group): Prop = "RG_dependencies: {group} is named twice; name it once";
}

fn number(property: &str, value: &[String]) -> Result<u32, Refusal> {
    let value = value.first().map_or("0", String::as_str);
    value.parse().map_err(|_| too_large(property, value))
}

fn text(value: &[String]) -> String {
    value.first().cloned().unwrap_or_default()
}

fn is_true(value: &[String]) -> bool {
    value.first().is_some_and(|v| v == "TRUE")
}

/// Sets what was typed; gives back the names of what was set, as they are shown.
pub(crate) fn apply(
    cluster: &Cluster,
    name: &GroupName,
    group: &mut Group,
    typed: &[Assignment],
    creating: bool,
) -> Result<Vec<&'static str>, Refusal> {
    let mut set: Vec<&'static str> = Vec::new();
    for assignment in typed {
        let property = named(name, assignment)?;
        if set.contains(&property.name) {
            return Err(given_twice(property.name));
        }
        if property.tunable == Tunable::AtCreation && !creating {
            return Err(mode_fixed(name, group.mode.token()));
        }
        let value = if assignment.value.is_empty() {
            property.default_values().unwrap_or_default()
        } else {
            let value = property.check(&assignment.value);
            value.map_err(|error| refuse(SchaCode::Prop, error.to_string()))?
        };
        keep(cluster, group, property.name, &value)?;
        set.push(property.name);
    }
    if creating && !set.contains(&"RG_mode") && group.maximum_primaries > 1 {
        group.mode = GroupMode::Scalable;
    }
    if group.nodelist.is_empty() {
        let mut nodes: Vec<_> = cluster.config.nodes.iter().collect();
        nodes.sort_by_key(|(_, node)| node.id);
        group.nodelist = nodes.into_iter().map(|(node, _)| node.clone()).collect();
    }
    Ok(set)
}

fn named(group: &GroupName, assignment: &Assignment) -> Result<&'static GroupProperty, Refusal> {
    let typed = assignment.name.as_str();
    let Some(property) = property_named(typed) else {
        if let Some(row) = rtr::properties::resource(typed) {
            return Err(of_resources(row.name));
        }
        return Err(match rtr::nearest(typed, GROUP.iter().map(|row| row.name)) {
            Some(near) => unknown_property(shown(typed), near),
            None => unknown_property_list(shown(typed)),
        });
    };
    match (property.category, property.name) {
        (Category::Required, name) => return Err(fixed(name)),
        (_, "Suspend_automatic_recovery") => return Err(by_suspend(group)),
        (Category::QueryOnly, name) => return Err(query_only(name)),
        _ => {}
    }
    match &assignment.node {
        Some(node) => Err(per_node(property.name, node)),
        None => Ok(property),
    }
}

fn keep(
    cluster: &Cluster,
    group: &mut Group,
    property: &str,
    value: &[String],
) -> Result<(), Refusal> {
    match property {
        "RG_description" => group.description = text(value),
        "RG_project_name" => group.project_name = text(value),
        "Pathprefix" => group.pathprefix = text(value),
        "RG_mode" => {
            let scalable = text(value) == "Scalable";
            group.mode = if scalable { GroupMode::Scalable } else { GroupMode::Failover };
        }
        "Nodelist" => group.nodelist = nodes(cluster, value)?,
        "Maximum_primaries" => group.maximum_primaries = number(property, value)?,
        "Desired_primaries" => group.desired_primaries = number(property, value)?,
        "Pingpong_interval" => group.pingpong_interval_s = number(property, value)?,
        "Failback" => group.failback = is_true(value),
        "Auto_start_on_new_cluster" => group.auto_start_on_new_cluster = is_true(value),
        "Implicit_network_dependencies" => group.implicit_network_dependencies = is_true(value),
        "RG_system" => group.system = is_true(value),
        "Global_resources_used" => {
            group.global_resources_used = match value {
                [] => false,
                [all] if all == "*" => true,
                other => return Err(global_resources(shown(&other.join(",")))),
            }
        }
        "RG_dependencies" => {
            group.dependencies = value.iter().map(|name| GroupName::new(name)).collect();
        }
        "RG_affinities" => {
            let parsed: Result<_, Refusal> = value.iter().map(|v| affinities::parse(v)).collect();
            group.affinities = parsed?;
        }
        other => return Err(query_only(other)),
    }
    Ok(())
}

fn nodes(cluster: &Cluster, value: &[String]) -> Result<Vec<NodeName>, Refusal> {
    let nodes: Vec<NodeName> = value.iter().map(|name| NodeName::new(name)).collect();
    for (at, node) in nodes.iter().enumerate() {
        find::node(cluster, node)?;
        if nodes[..at].contains(node) {
            return Err(node_twice(node));
        }
    }
    Ok(nodes)
}

/// What the properties of a group must agree on, with each other and with other groups. Gives back warnings.
pub(crate) fn check(config: &Configuration, name: &GroupName) -> Result<Vec<String>, Refusal> {
    let Some(group) = config.groups.get(name) else { return Ok(Vec::new()) };
    if group.nodelist.is_empty() {
        return Err(no_nodes(name));
    }
    if group.mode == GroupMode::Failover && group.maximum_primaries > 1 {
        return Err(failover_maximum(name, group.maximum_primaries));
    }
    if group.desired_primaries > group.maximum_primaries {
        return Err(desired_above(name, group.desired_primaries, group.maximum_primaries));
    }
    for (at, on) in group.dependencies.iter().enumerate() {
        if on == name {
            return Err(depends_on_itself(name));
        }
        if group.dependencies[..at].contains(on) {
            return Err(dependency_twice(on));
        }
        exists(config, name, on)?;
    }
    for affinity in group.affinities.iter().filter(|a| a.target != *name) {
        exists(config, name, &affinity.target)?;
    }
    affinities::check(config, name)?;
    Ok(warnings(config, name, group))
}

fn exists(config: &Configuration, name: &GroupName, target: &GroupName) -> Result<(), Refusal> {
    if config.groups.contains_key(target) {
        return Ok(());
    }
    let others = config.groups.keys().filter(|other| *other != name);
    Err(unknown(Kind::Group, target.as_str(), others.map(GroupName::as_str)))
}

fn warnings(config: &Configuration, name: &GroupName, group: &Group) -> Vec<String> {
    let mut warnings = Vec::new();
    if usize::try_from(group.maximum_primaries).is_ok_and(|max| max > group.nodelist.len()) {
        warnings.push(format!(
            "Maximum_primaries of {name} is {}, but its Nodelist has only {}",
            group.maximum_primaries,
            list(&group.nodelist)
        ));
    }
    for affinity in group.affinities.iter().filter(|a| a.kind.sign().starts_with("++")) {
        let target = config.groups.get(&affinity.target);
        if target.is_some_and(|t| !t.nodelist.iter().any(|n| group.nodelist.contains(n))) {
            warnings.push(format!(
                "{name} can never be online: its Nodelist and that of {} have no node in common",
                affinity.target
            ));
        }
    }
    let same_prefix =
        |other: &Group| !other.pathprefix.is_empty() && other.pathprefix == group.pathprefix;
    if let Some((other, _)) = config.groups.iter().find(|(n, g)| *n != name && same_prefix(g)) {
        warnings
            .push(format!("Pathprefix of {name} is also that of {other}; it should be its own"));
    }
    warnings
}
