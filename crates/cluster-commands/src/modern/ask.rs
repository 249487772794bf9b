//! From what was typed to operations. What depends on the cluster's configuration (whether a property is an extension, where a group
//! is online) is read from a snapshot of it.

use super::arguments::{GroupCommand, NodeCommand, ResourceCommand, Resources, SomeGroups};
use crate::files;
use crate::table::parse::UsageError;
use crate::typed;
use rgm::{Assignment, Cluster, Fencing, GroupName, NodeName, Operation, ResourceName};
use rtr::ResourceType;
use std::collections::BTreeMap;
use std::path::PathBuf;

type Asked = Result<Vec<Operation>, UsageError>;

pub(super) fn names<T>(
    given: &[String],
    one: impl Fn(&str) -> Result<T, UsageError>,
) -> Result<Vec<T>, UsageError> {
    given.iter().map(|name| one(name)).collect()
}

fn group(name: &str) -> Result<GroupName, UsageError> {
    typed::group("GROUP", name)
}

fn node(name: &str) -> Result<NodeName, UsageError> {
    typed::node("NODE", name)
}

fn resource(name: &str) -> Result<ResourceName, UsageError> {
    typed::resource("RESOURCE", name)
}

fn some(groups: &SomeGroups) -> Result<Option<Vec<GroupName>>, UsageError> {
    if groups.all { Ok(None) } else { names(&groups.names, group).map(Some) }
}

fn assignments(given: &[String]) -> Result<Vec<Assignment>, UsageError> {
    typed::assignments("-p", given.iter().map(String::as_str))
}

fn with_nodes(nodes: &[String], properties: &[String]) -> Result<Vec<Assignment>, UsageError> {
    let given = assignments(properties)?;
    if nodes.is_empty() {
        return Ok(given);
    }
    if given.iter().any(|a| a.name.eq_ignore_ascii_case("Nodelist")) {
        return Err(UsageError::new("--node and -p Nodelist are the same; give one of them"));
    }
    names(nodes, node)?;
    Ok(std::iter::once(typed::set("Nodelist", nodes.join(","))).chain(given).collect())
}

/// Operations about groups, in order. `None`: it only shows.
pub(super) fn of_group(command: &GroupCommand, cluster: &Cluster) -> Option<Asked> {
    let listed = |given: &[String]| names(given, group);
    Some(match command {
        GroupCommand::Create { name, nodes, properties, .. } => {
            let nodes = if nodes.is_empty() && !has_nodelist(properties) {
                cluster.config.nodes.keys().map(ToString::to_string).collect()
            } else {
                nodes.clone()
            };
            group(name).and_then(|group| {
                let assignments = with_nodes(&nodes, properties)?;
                Ok(vec![Operation::CreateGroup { group, assignments }])
            })
        }
        GroupCommand::Set { name, nodes, properties, .. } => group(name).and_then(|group| {
            let assignments = with_nodes(nodes, properties)?;
            Ok(vec![Operation::ChangeGroup { group, assignments }])
        }),
        GroupCommand::Delete(of) => listed(&of.names)
            .map(|all| all.into_iter().map(|group| Operation::RemoveGroup { group }).collect()),
        GroupCommand::Switch { names: given, nodes, .. } => listed(given)
            .and_then(|groups| Ok(vec![Operation::Switch { groups, nodes: names(nodes, node)? }])),
        GroupCommand::Online { names: given, enable, .. } => {
            listed(given).map(|groups| online(cluster, groups, *enable))
        }
        GroupCommand::Offline(of) => {
            listed(&of.names).map(|groups| vec![Operation::Offline { groups }])
        }
        GroupCommand::Remaster(of) => some(of).map(|groups| vec![Operation::Remaster { groups }]),
        GroupCommand::Restart { names: given, nodes, .. } => listed(given).and_then(|groups| {
            let nodes = names(nodes, node)?;
            Ok(restart(cluster, groups, &nodes))
        }),
        GroupCommand::Manage(of) => {
            listed(&of.names).map(|groups| vec![Operation::Manage { groups }])
        }
        GroupCommand::Unmanage(of) => {
            listed(&of.names).map(|groups| vec![Operation::Unmanage { groups }])
        }
        GroupCommand::Suspend { groups, kill } => {
            some(groups).map(|groups| vec![Operation::Suspend { groups, kill: *kill }])
        }
        GroupCommand::Quiesce { groups, kill } => {
            some(groups).map(|groups| vec![Operation::Quiesce { groups, kill: *kill }])
        }
        GroupCommand::Resume(of) => some(of).map(|groups| vec![Operation::Resume { groups }]),
        GroupCommand::Status(_)
        | GroupCommand::Show(_)
        | GroupCommand::Explain { .. }
        | GroupCommand::List { .. } => return None,
    })
}

fn has_nodelist(properties: &[String]) -> bool {
    properties.iter().any(|p| p.to_ascii_lowercase().starts_with("nodelist="))
}

/// Manages what is not, then brings it online.
fn online(cluster: &Cluster, groups: Vec<GroupName>, enable: bool) -> Vec<Operation> {
    if enable {
        return vec![Operation::Online { groups: Some(groups) }];
    }
    let is_unmanaged = |g: &&GroupName| cluster.config.groups.get(*g).is_some_and(|g| !g.managed);
    let unmanaged: Vec<GroupName> = groups.iter().filter(is_unmanaged).cloned().collect();
    let manage = (!unmanaged.is_empty()).then_some(Operation::Manage { groups: unmanaged });
    manage.into_iter().chain([Operation::Remaster { groups: Some(groups) }]).collect()
}

/// Without nodes: wherever each is online.
fn restart(cluster: &Cluster, groups: Vec<GroupName>, nodes: &[NodeName]) -> Vec<Operation> {
    if !nodes.is_empty() {
        return vec![Operation::RestartGroups { groups, nodes: nodes.to_vec() }];
    }
    let each = |group: GroupName| {
        let mut nodes: Vec<NodeName> = cluster.nodes_online(&group).cloned().collect();
        if nodes.is_empty() {
            // The daemon says that it is online nowhere, or that there is no such group.
            let config = cluster.config.groups.get(&group);
            nodes = config.and_then(|g| g.nodelist.first()).cloned().into_iter().collect();
        }
        Operation::RestartGroups { groups: vec![group], nodes }
    };
    groups.into_iter().map(each).collect()
}

/// Operations about resources, in order. `None`: it only shows.
pub(super) fn of_resource(
    command: &ResourceCommand,
    cluster: &Cluster,
    prefixes: &[PathBuf],
) -> Option<Asked> {
    Some(match command {
        ResourceCommand::Create { name, type_name, group: of, properties, disabled, .. } => {
            create((name, type_name, of), properties, *disabled, (cluster, prefixes))
        }
        ResourceCommand::Set { name, properties, .. } => set(name, properties, cluster),
        ResourceCommand::Delete(of) => no_nodes(of, "delete").map(|all| {
            all.into_iter().map(|resource| Operation::RemoveResource { resource }).collect()
        }),
        ResourceCommand::Restart(of) => {
            no_nodes(of, "restart").map(|resources| vec![Operation::RestartResources { resources }])
        }
        ResourceCommand::Enable(of) => switch(of, false, true),
        ResourceCommand::Disable(of) => switch(of, false, false),
        ResourceCommand::Monitor(of) => switch(of, true, true),
        ResourceCommand::Unmonitor(of) => switch(of, true, false),
        ResourceCommand::Clear(of) => clear(of, cluster),
        ResourceCommand::Status(_) | ResourceCommand::Show(_) | ResourceCommand::List { .. } => {
            return None;
        }
    })
}

fn no_nodes(of: &Resources, verb: &str) -> Result<Vec<ResourceName>, UsageError> {
    if !of.nodes.is_empty() {
        return Err(UsageError::new(format!("{verb} takes no --node; leave it out")));
    }
    names(&of.names, resource)
}

fn switch(of: &Resources, monitor: bool, on: bool) -> Asked {
    let resources = names(&of.names, resource)?;
    let nodes = names(&of.nodes, node)?;
    let nodes = (!nodes.is_empty()).then_some(nodes);
    Ok(vec![Operation::SwitchResources { resources, nodes, monitor, on }])
}

/// Without nodes: wherever each could not be stopped.
fn clear(of: &Resources, cluster: &Cluster) -> Asked {
    let resources = names(&of.names, resource)?;
    let mut nodes = names(&of.nodes, node)?;
    if nodes.is_empty() {
        let failed = |n: &&NodeName| {
            resources.iter().any(|r| cluster.resource_state(r, n) == rgm::ResourceState::StopFailed)
        };
        nodes = cluster.members.keys().filter(failed).cloned().collect();
    }
    if nodes.is_empty() {
        let all: Vec<&str> = resources.iter().map(ResourceName::as_str).collect();
        return Err(UsageError::new(format!(
            "{} is in state Stop failed on no node; there is nothing to clear",
            all.join(", ")
        )));
    }
    Ok(vec![Operation::ClearStopFailed { resources, nodes }])
}

fn create(
    (name, type_name, of): (&str, &str, &str),
    properties: &[String],
    disabled: bool,
    (cluster, prefixes): (&Cluster, &[PathBuf]),
) -> Asked {
    let type_name = typed::type_name("--type", type_name)?.to_owned();
    let registered = cluster.config.types.values().find(|t| t.rtr.matches_name(&type_name));
    let builtin = files::builtin(&type_name, prefixes);
    let rtr = registered.map(|t| &t.rtr).or(builtin.as_deref());
    let (system, extension) = split(assignments(properties)?, rtr);
    Ok(vec![Operation::CreateResource {
        resource: resource(name)?,
        type_name,
        group: group(of)?,
        system,
        extension,
        enabled: !disabled,
        builtin,
    }])
}

fn set(name: &str, properties: &[String], cluster: &Cluster) -> Asked {
    let resource = resource(name)?;
    let of_type = cluster.config.resources.get(&resource).and_then(|r| cluster.config.type_of(r));
    let (system, extension) = split(assignments(properties)?, of_type.map(|t| &t.rtr));
    Ok(vec![Operation::ChangeResource { resource, system, extension }])
}

/// System-defined ones and extensions. What the type does not know counts as system-defined: the daemon says what is wrong.
fn split(all: Vec<Assignment>, rtr: Option<&ResourceType>) -> (Vec<Assignment>, Vec<Assignment>) {
    let effective = rtr.map(ResourceType::effective_properties).unwrap_or_default();
    let is_extension = |a: &Assignment| {
        effective.iter().any(|p| p.extension && p.name.eq_ignore_ascii_case(&a.name))
    };
    all.into_iter().partition(|a| !is_extension(a))
}

/// Operations about nodes. `None`: it only shows, it is about this node's daemon, or it has files to be read first ([`fencing`]).
pub(super) fn of_node(command: &NodeCommand) -> Option<Asked> {
    let one = |name: &str, make: fn(NodeName) -> Operation| node(name).map(|n| vec![make(n)]);
    Some(match command {
        NodeCommand::Add(of) => one(&of.name, |node| Operation::AddNode { node }),
        NodeCommand::Remove(of) => one(&of.name, |node| Operation::RemoveNode { node }),
        NodeCommand::ConfirmDead(of) => one(&of.name, |node| Operation::ConfirmDead { node }),
        NodeCommand::Evacuate { names: given, hold, .. } => {
            names(given, node).map(|nodes| vec![Operation::Evacuate { nodes, hold_s: *hold }])
        }
        NodeCommand::Maintenance { name, off, .. } => {
            node(name).map(|node| vec![Operation::SetMaintenance { node, on: !off }])
        }
        NodeCommand::List { .. }
        | NodeCommand::Status(_)
        | NodeCommand::Leave { .. }
        | NodeCommand::Fencing { .. } => return None,
    })
}

/// The operation that sets or unsets a fence agent; its options have been read.
pub(super) fn fencing(
    name: &str,
    agent: Option<&str>,
    options: BTreeMap<String, String>,
    timeout_s: u32,
) -> Result<Operation, UsageError> {
    let node = node(name)?;
    let fencing = agent.map(|agent| Fencing { agent: agent.to_owned(), options, timeout_s });
    Ok(Operation::SetFencing { node, fencing })
}
