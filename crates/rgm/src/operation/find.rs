//! Names that operators type, looked up once: nodes, types, groups, resources. Each unknown name is refused with the nearest right one.
//!
//! Never guesses: a name that could mean two types is refused with both.

use super::refusal::{Kind, list, refusals, shown, unknown};
use crate::model::{Cluster, Group, NodeConfig, Refusal, Resource, TypeConfig};
use crate::names::{GroupName, NodeName, ResourceName, TypeName, legal};
use std::collections::BTreeMap;

refusals! {
    unreadable(noun, name, why): State =
        "the {noun} {name} is in the control store but cannot be used: {why}";
    illegal_name(noun, name, why): Inval = "the name {name} {why}; give the {noun} another name";
    name_taken(noun, name): State = "the name {name} is taken: there is a {noun} {name} already";
    ambiguous(typed, candidates): Rt =
        "the resource type {typed} is ambiguous: {candidates} are registered; give vendor and version";
    no_such_type(typed): Rt =
        "the resource type {typed} is not registered; register it with scrgadm -a -t {typed}";
    no_such_type_near(typed, near): Rt =
        "the resource type {typed} is not registered; did you mean {near}? If not, register it with scrgadm -a -t {typed}";
    not_a_member(node, members): Node =
        "node {node} is not a member of the cluster now; {members}";
}

/// The problem with a key, if it could not be read.
fn problem(cluster: &Cluster, kind: Kind, name: &str) -> Option<Refusal> {
    let problem = cluster.problems.get(&format!("{}/{name}", kind.key()))?;
    Some(unreadable(kind.noun(), shown(name), &problem.sentence))
}

fn find<'a, K: Ord + std::borrow::Borrow<str>, V>(
    cluster: &Cluster,
    kind: Kind,
    map: &'a BTreeMap<K, V>,
    name: &str,
) -> Result<&'a V, Refusal> {
    if let Some(refusal) = problem(cluster, kind, name) {
        return Err(refusal);
    }
    map.get(name).ok_or_else(|| unknown(kind, name, map.keys().map(std::borrow::Borrow::borrow)))
}

/// The group of this name.
pub(crate) fn group<'a>(cluster: &'a Cluster, name: &GroupName) -> Result<&'a Group, Refusal> {
    find(cluster, Kind::Group, &cluster.config.groups, name.as_str())
}

/// The resource of this name.
pub(crate) fn resource<'a>(
    cluster: &'a Cluster,
    name: &ResourceName,
) -> Result<&'a Resource, Refusal> {
    find(cluster, Kind::Resource, &cluster.config.resources, name.as_str())
}

/// The node of this name.
pub(crate) fn node<'a>(cluster: &'a Cluster, name: &NodeName) -> Result<&'a NodeConfig, Refusal> {
    find(cluster, Kind::Node, &cluster.config.nodes, name.as_str())
}

/// The node of this name, which must be a member.
pub(crate) fn member(cluster: &Cluster, name: &NodeName) -> Result<(), Refusal> {
    node(cluster, name)?;
    if cluster.is_member(name) {
        return Ok(());
    }
    let members = match list(cluster.members.keys()) {
        names if names.is_empty() => "no node is".to_owned(),
        names => format!("members are {names}"),
    };
    Err(not_a_member(name, members))
}

/// The type that a short, vendor-qualified or versioned name means. The full name always means itself.
pub(crate) fn type_named<'a>(
    cluster: &'a Cluster,
    typed: &str,
) -> Result<(&'a TypeName, &'a TypeConfig), Refusal> {
    if let Some(refusal) = problem(cluster, Kind::Type, typed) {
        return Err(refusal);
    }
    let types = &cluster.config.types;
    let full = types.iter().find(|(name, _)| name.as_str().eq_ignore_ascii_case(typed));
    if let Some(found) = full {
        return Ok(found);
    }
    let mut matching = types.iter().filter(|(_, t)| t.rtr.matches_name(typed));
    match (matching.next(), matching.next()) {
        (Some(found), None) => Ok(found),
        (Some(_), Some(_)) => {
            let all = types.iter().filter(|(_, t)| t.rtr.matches_name(typed));
            Err(ambiguous(shown(typed), list(all.map(|(name, _)| name))))
        }
        _ => Err(unknown_type(types, typed)),
    }
}

fn unknown_type(types: &BTreeMap<TypeName, TypeConfig>, typed: &str) -> Refusal {
    let full = types.keys().map(TypeName::as_str);
    let short = types.values().map(|t| t.rtr.resource_type.as_str());
    let unversioned = types.keys().filter_map(|name| name.as_str().split(':').next());
    match rtr::nearest(typed, full.chain(unversioned).chain(short)) {
        Some(near) => no_such_type_near(shown(typed), near),
        None => no_such_type(shown(typed)),
    }
}

/// A name for something new: legal and free.
pub(crate) fn free_name(cluster: &Cluster, kind: Kind, name: &str) -> Result<(), Refusal> {
    legal(name).map_err(|why| illegal_name(kind.noun(), shown(name), why))?;
    if let Some(refusal) = problem(cluster, kind, name) {
        return Err(refusal);
    }
    let config = &cluster.config;
    let taken = match kind {
        Kind::Node => config.nodes.contains_key(name),
        Kind::Type => config.types.contains_key(name),
        Kind::Group => config.groups.contains_key(name),
        Kind::Resource => config.resources.contains_key(name),
    };
    if taken { Err(name_taken(kind.noun(), name)) } else { Ok(()) }
}

/// Refused while anything of this kind cannot be read: it may need what is about to be removed.
pub(crate) fn all_readable(cluster: &Cluster, kind: Kind) -> Result<(), Refusal> {
    let prefix = format!("{}/", kind.key());
    let mut names = cluster.problems.keys().filter_map(|key| key.strip_prefix(&prefix));
    names.find_map(|name| problem(cluster, kind, name)).map_or(Ok(()), Err)
}

/// Refused when there is a type of this full name that cannot be read.
pub(crate) fn free_type(cluster: &Cluster, full: &str) -> Result<(), Refusal> {
    problem(cluster, Kind::Type, full).map_or(Ok(()), Err)
}

/// A list as typed, each once, in order.
pub(crate) fn each_once<T: Clone + PartialEq>(typed: &[T]) -> Vec<T> {
    let mut once: Vec<T> = Vec::with_capacity(typed.len());
    for item in typed {
        if !once.contains(item) {
            once.push(item.clone());
        }
    }
    once
}

/// The nodes of a list, each once, all known.
pub(crate) fn nodes(cluster: &Cluster, typed: &[NodeName]) -> Result<Vec<NodeName>, Refusal> {
    let once = each_once(typed);
    once.iter().try_for_each(|name| node(cluster, name).map(|_| ()))?;
    Ok(once)
}

/// The groups of a list, each once, all known.
pub(crate) fn groups(cluster: &Cluster, typed: &[GroupName]) -> Result<Vec<GroupName>, Refusal> {
    let once = each_once(typed);
    once.iter().try_for_each(|name| group(cluster, name).map(|_| ()))?;
    Ok(once)
}

/// The resources of a list, each once, all known.
pub(crate) fn resources(
    cluster: &Cluster,
    typed: &[ResourceName],
) -> Result<Vec<ResourceName>, Refusal> {
    let once = each_once(typed);
    once.iter().try_for_each(|name| resource(cluster, name).map(|_| ()))?;
    Ok(once)
}
