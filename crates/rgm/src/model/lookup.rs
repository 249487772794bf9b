//! Questions to the configuration that planner, executor and operations all ask, answered once.

use super::cluster::Cluster;
use super::configuration::{Configuration, DependencyKind, Group, Resource, Switch, TypeConfig};
use super::job::MethodCall;
use super::observed::{GroupState, Observed, ObservedResource, ResourceState};
use crate::names::{GroupName, NodeName, PropertyName, ResourceName};
use rtr::{InitNodes, Method};

/// Framework's default of every `<Method>_timeout`, in seconds (r_properties(5)).
const METHOD_TIMEOUT_S: u32 = 3600;

/// One thing a resource depends on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// How.
    pub kind: DependencyKind,
    /// On what; perhaps in another group.
    pub on: ResourceName,
    /// TRUE: not configured but implied by Implicit_network_dependencies; satisfied for PRENET_START once the address is plumbed.
    pub implicit: bool,
}

impl DependencyKind {
    /// Whether the dependent must not run unless the dependee runs: all kinds but weak.
    pub const fn is_strong(self) -> bool {
        !matches!(self, Self::Weak)
    }

    /// Name of the property.
    pub const fn property(self) -> &'static str {
        match self {
            Self::Strong => "Resource_dependencies",
            Self::Weak => "Resource_dependencies_weak",
            Self::Restart => "Resource_dependencies_restart",
            Self::OfflineRestart => "Resource_dependencies_offline_restart",
        }
    }
}

impl Configuration {
    /// The resources of a group, by name.
    pub fn resources_of<'a>(
        &'a self,
        group: &'a GroupName,
    ) -> impl Iterator<Item = (&'a ResourceName, &'a Resource)> {
        self.resources.iter().filter(move |(_, resource)| resource.group == *group)
    }

    /// The type of a resource. `None` only when the store lost it; nothing is run for such a resource.
    pub fn type_of(&self, resource: &Resource) -> Option<&TypeConfig> {
        self.types.get(&resource.type_name)
    }

    /// Whether it holds network addresses (LogicalHostname, SharedAddress).
    pub fn is_network(&self, resource: &Resource) -> bool {
        self.type_of(resource).is_some_and(|t| t.rtr.sysdefined_type.is_some())
    }

    /// Everything a resource depends on: configured ones first, then the implicit network dependencies of its group (not in scalable
    /// groups, not for network resources themselves, and not where the network resource itself depends on this one).
    pub fn dependencies_of(&self, name: &ResourceName) -> Vec<Dependency> {
        let Some(resource) = self.resources.get(name) else { return Vec::new() };
        let own = &resource.dependencies;
        let kinds = [
            (DependencyKind::Strong, &own.strong),
            (DependencyKind::Weak, &own.weak),
            (DependencyKind::Restart, &own.restart),
            (DependencyKind::OfflineRestart, &own.offline_restart),
        ];
        let mut all: Vec<Dependency> = kinds
            .into_iter()
            .flat_map(|(kind, list)| list.iter().map(move |on| (kind, on)))
            .map(|(kind, on)| Dependency { kind, on: on.clone(), implicit: false })
            .collect();
        if !self.has_implicit_dependencies(resource) {
            return all;
        }
        for (network, _) in
            self.resources_of(&resource.group).filter(|(_, other)| self.is_network(other))
        {
            if !all.iter().any(|d| d.on == *network && d.kind.is_strong())
                && !self.reaches(network, name)
            {
                all.push(Dependency {
                    kind: DependencyKind::Strong,
                    on: network.clone(),
                    implicit: true,
                });
            }
        }
        all
    }

    fn has_implicit_dependencies(&self, resource: &Resource) -> bool {
        let group = self.groups.get(&resource.group);
        let in_failover = group.is_some_and(|g| {
            g.implicit_network_dependencies && g.mode == super::configuration::GroupMode::Failover
        });
        in_failover && !self.is_network(resource)
    }

    /// Whether `from` depends, over any number of configured dependencies, on `to`.
    pub fn reaches(&self, from: &ResourceName, to: &ResourceName) -> bool {
        let mut seen: Vec<&ResourceName> = Vec::new();
        let mut open = vec![from];
        while let Some(at) = open.pop() {
            let Some(resource) = self.resources.get(at) else { continue };
            let d = &resource.dependencies;
            for next in d.strong.iter().chain(&d.weak).chain(&d.restart).chain(&d.offline_restart) {
                if next == to {
                    return true;
                }
                if !seen.contains(&next) {
                    seen.push(next);
                    open.push(next);
                }
            }
        }
        false
    }

    /// Effective value of a property on a node: what an operator set (PER_NODE first), else the default the type declares. `None`: neither.
    pub fn value<'a>(
        &'a self,
        resource: &'a Resource,
        property: &str,
        node: Option<&NodeName>,
    ) -> Option<&'a [String]> {
        if let Some(set) = resource.values.get(&PropertyName::new(property)) {
            let own = node.and_then(|n| set.per_node.get(n));
            return Some(own.unwrap_or(&set.value));
        }
        let declared = &self.type_of(resource)?.rtr.properties;
        let entry = declared.iter().find(|p| p.name.eq_ignore_ascii_case(property))?;
        entry.default.as_deref()
    }

    /// Effective integer of a property.
    pub fn number(&self, resource: &Resource, property: &str) -> Option<i64> {
        self.value(resource, property, None)?.first()?.parse().ok()
    }

    /// `<Method>_timeout` in seconds.
    pub fn timeout_s(&self, resource: &Resource, method: Method) -> u32 {
        let set = self.number(resource, method.timeout_property());
        set.and_then(|s| u32::try_from(s).ok()).filter(|s| *s > 0).unwrap_or(METHOD_TIMEOUT_S)
    }

    /// The call of a method of a resource, `extra` arguments after `-R -T -G`. `None`: its type has no such method.
    pub fn call(
        &self,
        name: &ResourceName,
        method: Method,
        extra: &[String],
    ) -> Option<MethodCall> {
        let resource = self.resources.get(name)?;
        let rtr = &self.type_of(resource)?.rtr;
        let path = rtr.methods.get(&method)?;
        let program = match &rtr.rt_basedir {
            Some(base) if !path.starts_with('/') => {
                format!("{}/{path}", base.trim_end_matches('/'))
            }
            _ => path.clone(),
        };
        let pairs = [
            ("-R", name.as_str()),
            ("-T", resource.type_name.as_str()),
            ("-G", resource.group.as_str()),
        ];
        let mut arguments: Vec<String> = pairs
            .iter()
            .flat_map(|(flag, value)| [(*flag).to_owned(), (*value).to_owned()])
            .collect();
        arguments.extend_from_slice(extra);
        Some(MethodCall {
            method,
            resource: name.clone(),
            type_name: resource.type_name.clone(),
            group: resource.group.clone(),
            program,
            arguments,
            timeout_s: self.timeout_s(resource, method),
        })
    }

    /// Whether the type of a resource has this method.
    pub fn has_method(&self, resource: &Resource, method: Method) -> bool {
        self.type_of(resource).is_some_and(|t| t.rtr.methods.contains_key(&method))
    }

    /// Where INIT, FINI, BOOT and VALIDATE of a resource run.
    pub fn init_nodes(&self, resource: &Resource) -> Vec<NodeName> {
        let Some(of_type) = self.type_of(resource) else { return Vec::new() };
        match (of_type.rtr.init_nodes, &of_type.installed_nodes) {
            (InitNodes::RgPrimaries, _) => {
                self.groups.get(&resource.group).map(|g| g.nodelist.clone()).unwrap_or_default()
            }
            (InitNodes::RtInstalledNodes, Some(nodes)) => nodes.clone(),
            (InitNodes::RtInstalledNodes, None) => self.nodes.keys().cloned().collect(),
        }
    }

    /// Whether all types of the group's resources are installed on the node.
    pub fn is_installed(&self, group: &GroupName, node: &NodeName) -> bool {
        self.resources_of(group).all(|(_, resource)| {
            self.type_of(resource)
                .and_then(|t| t.installed_nodes.as_ref())
                .is_none_or(|nodes| nodes.contains(node))
        })
    }

    /// Whether the group has storage that several nodes could write at the same time, so that a lost node must be fenced before the group
    /// moves (design §5.3): a storage resource with file systems, devices or pools of its own.
    pub fn has_shared_storage(&self, group: &GroupName) -> bool {
        const DISKS: [&str; 3] = ["FilesystemMountPoints", "GlobalDevicePaths", "Zpools"];
        self.resources_of(group).any(|(_, resource)| {
            let is_storage = self.type_of(resource).is_some_and(|t| {
                matches!(t.rtr.resource_type.as_str(), "HAStoragePlus" | "HAStorage")
            });
            is_storage
                && DISKS
                    .iter()
                    .any(|p| self.value(resource, p, None).is_some_and(|v| !v.is_empty()))
        })
    }
}

/// What is seen now. A node that is not a member, or says something of an older incarnation, says nothing.
impl Cluster {
    /// Whether the node is alive in the cluster.
    pub fn is_member(&self, node: &NodeName) -> bool {
        self.members.contains_key(node)
    }

    /// What the present incarnation of a node says of a group.
    pub fn observed_on(&self, node: &NodeName, group: &GroupName) -> Option<&Observed> {
        let member = self.members.get(node)?;
        let observed = self.observed.get(node)?.get(group)?;
        (observed.incarnation == member.incarnation).then_some(observed)
    }

    /// State of a group on a node, as commands show it.
    pub fn group_state(&self, group: &GroupName, node: &NodeName) -> GroupState {
        let seen = self.observed_on(node, group).map_or(GroupState::Offline, |o| o.state);
        match self.config.groups.get(group) {
            Some(of) if !of.managed && seen.is_offline() => GroupState::Unmanaged,
            Some(of) if of.managed && seen == GroupState::Unmanaged => GroupState::Offline,
            _ => seen,
        }
    }

    /// What a node says of a resource.
    pub fn resource_on(&self, name: &ResourceName, node: &NodeName) -> Option<&ObservedResource> {
        let resource = self.config.resources.get(name)?;
        self.observed_on(node, &resource.group)?.resources.get(name)
    }

    /// State of a resource on a node.
    pub fn resource_state(&self, name: &ResourceName, node: &NodeName) -> ResourceState {
        self.resource_on(name, node).map_or(ResourceState::Offline, |o| o.state)
    }

    /// The members on which something of the group runs.
    pub fn nodes_running<'a>(
        &'a self,
        group: &'a GroupName,
    ) -> impl Iterator<Item = &'a NodeName> + 'a {
        self.members.keys().filter(move |node| !self.group_state(group, node).is_offline())
    }

    /// The members on which the group is online, faulted or not.
    pub fn nodes_online<'a>(
        &'a self,
        group: &'a GroupName,
    ) -> impl Iterator<Item = &'a NodeName> + 'a {
        self.members.keys().filter(move |node| self.group_state(group, node).is_online())
    }

    /// Whether a resource of the group could not be stopped on this node.
    pub fn resource_stop_failed_on(&self, group: &GroupName, node: &NodeName) -> bool {
        let seen = self.observed_on(node, group);
        seen.is_some_and(|o| o.resources.values().any(|r| r.state == ResourceState::StopFailed))
    }

    /// The first resource of the group that could not be stopped, and where.
    pub fn stop_failed(&self, group: &GroupName) -> Option<(&ResourceName, &NodeName)> {
        self.members.keys().find_map(|node| {
            let resources = &self.observed_on(node, group)?.resources;
            let (name, _) = resources.iter().find(|(_, o)| o.state == ResourceState::StopFailed)?;
            Some((name, node))
        })
    }
}

impl Switch {
    /// Sets it on some of the nodes, or everywhere; `all` are the nodes that count.
    pub fn set(&mut self, on: bool, nodes: Option<&[NodeName]>, all: &[NodeName]) {
        let Some(nodes) = nodes else {
            *self = Self::everywhere(on);
            return;
        };
        let is_on = |node: &NodeName| if nodes.contains(node) { on } else { self.is_on(node) };
        let different: Vec<NodeName> =
            all.iter().filter(|n| is_on(n) != self.on).cloned().collect();
        *self = if !all.is_empty() && different.len() == all.len() {
            Self::everywhere(!self.on)
        } else {
            Self { on: self.on, except: different }
        };
    }

    /// Whether it is on, on any of these nodes.
    pub fn is_on_any(&self, nodes: &[NodeName]) -> bool {
        nodes.iter().any(|node| self.is_on(node)) || (nodes.is_empty() && self.on)
    }
}

impl Group {
    /// Position in Nodelist: smaller is preferred. `None`: not a potential primary.
    pub fn preference(&self, node: &NodeName) -> Option<usize> {
        self.nodelist.iter().position(|n| n == node)
    }
}
