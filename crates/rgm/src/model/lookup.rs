//! Questions to the configuration that planner, executor and operations all ask, answered once.

use super::configuration::{Configuration, DependencyKind, Group, Resource, TypeConfig};
use super::job::MethodCall;
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
        let set = self.number(resource, method_timeout_property(method));
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

impl Group {
    /// Position in Nodelist: smaller is preferred. `None`: not a potential primary.
    pub fn preference(&self, node: &NodeName) -> Option<usize> {
        self.nodelist.iter().position(|n| n == node)
    }
}

/// `<Method>_timeout` of a method.
pub const fn method_timeout_property(method: Method) -> &'static str {
    match method {
        Method::Validate => "Validate_timeout",
        Method::Update => "Update_timeout",
        Method::Init => "Init_timeout",
        Method::Fini => "Fini_timeout",
        Method::Boot => "Boot_timeout",
        Method::PrenetStart => "Prenet_start_timeout",
        Method::Start => "Start_timeout",
        Method::MonitorStart => "Monitor_start_timeout",
        Method::MonitorStop => "Monitor_stop_timeout",
        Method::Stop => "Stop_timeout",
        Method::PostnetStop => "Postnet_stop_timeout",
        Method::MonitorCheck => "Monitor_check_timeout",
    }
}
