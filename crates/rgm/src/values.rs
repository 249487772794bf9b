//! Values of configured properties by name, each as a list of strings: what VALIDATE is told, what `scha_*_get` and `scrgadm -p` print.
//!
//! Only configuration and defaults; what is seen on nodes (states, statuses) is not here. Unknown names are `None`.

use crate::model::{
    Affinity, AffinityKind, Configuration, DependencyKind, Group, Resource, TypeConfig,
};
use crate::names::{GroupName, NodeName, PropertyName, ResourceName};
use crate::words::{switch, truth};
use rtr::{Method, SystemDefined};
use std::fmt;

fn one(value: impl ToString) -> Vec<String> {
    vec![value.to_string()]
}

fn text(value: &str) -> Vec<String> {
    if value.is_empty() { Vec::new() } else { one(value) }
}

fn each<T: ToString>(values: &[T]) -> Vec<String> {
    values.iter().map(ToString::to_string).collect()
}

impl AffinityKind {
    /// As it is typed in front of the target.
    pub const fn sign(self) -> &'static str {
        match self {
            Self::WeakPositive => "+",
            Self::StrongPositive => "++",
            Self::StrongPositiveDelegating => "+++",
            Self::WeakNegative => "-",
            Self::StrongNegative => "--",
        }
    }
}

impl fmt::Display for Affinity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.kind.sign(), self.target)
    }
}

impl Group {
    /// A property of rg_properties(5) that is configured.
    pub fn property(&self, name: &GroupName, property: &str) -> Option<Vec<String>> {
        let value = match property.to_ascii_lowercase().as_str() {
            "rg_name" => one(name),
            "rg_description" => text(&self.description),
            "rg_mode" => one(self.mode.token()),
            "nodelist" => each(&self.nodelist),
            "maximum_primaries" => one(self.maximum_primaries),
            "desired_primaries" => one(self.desired_primaries),
            "failback" => one(truth(self.failback)),
            "auto_start_on_new_cluster" => one(truth(self.auto_start_on_new_cluster)),
            "implicit_network_dependencies" => one(truth(self.implicit_network_dependencies)),
            "global_resources_used" => text(if self.global_resources_used { "*" } else { "" }),
            "pathprefix" => text(&self.pathprefix),
            "pingpong_interval" => one(self.pingpong_interval_s),
            "rg_dependencies" => each(&self.dependencies),
            "rg_affinities" => each(&self.affinities),
            "rg_project_name" => text(&self.project_name),
            "rg_system" => one(truth(self.system)),
            "suspend_automatic_recovery" => one(truth(self.suspended)),
            _ => return None,
        };
        Some(value)
    }
}

impl Resource {
    /// The list of a kind of dependency.
    pub fn depends(&self, kind: DependencyKind) -> &Vec<ResourceName> {
        match kind {
            DependencyKind::Strong => &self.dependencies.strong,
            DependencyKind::Weak => &self.dependencies.weak,
            DependencyKind::Restart => &self.dependencies.restart,
            DependencyKind::OfflineRestart => &self.dependencies.offline_restart,
        }
    }
}

impl DependencyKind {
    /// All four.
    pub const ALL: [Self; 4] = [Self::Strong, Self::Weak, Self::Restart, Self::OfflineRestart];

    /// The kind of a property's name, in any case.
    pub fn of_property(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.property().eq_ignore_ascii_case(name))
    }
}

impl Configuration {
    /// A property of a resource, system-defined or extension: what an operator set (PER_NODE on this node first), else the default of its
    /// type or of the framework. `None`: the resource has no such property, or it is not configured but seen.
    pub fn property(
        &self,
        name: &ResourceName,
        resource: &Resource,
        property: &str,
        node: Option<&NodeName>,
    ) -> Option<Vec<String>> {
        let of_type = self.type_of(resource);
        if let Some(kind) = DependencyKind::of_property(property) {
            return Some(each(resource.depends(kind)));
        }
        let on_any = |s: &crate::model::Switch| node.map_or(s.on, |n| s.is_on(n));
        match property.to_ascii_lowercase().as_str() {
            "resource_name" => return Some(one(name)),
            "type" => return Some(one(&resource.type_name)),
            "type_version" => return of_type.map(|t| one(&t.rtr.rt_version)),
            "r_description" => return Some(text(&resource.description)),
            "failover_mode" => return Some(one(resource.failover_mode.token())),
            "on_off_switch" => return Some(one(switch(on_any(&resource.enabled)))),
            "monitored_switch" => return Some(one(switch(on_any(&resource.monitored)))),
            _ => {}
        }
        let has = of_type?.rtr.effective_property(property)?;
        if let Some(set) = resource.values.get(&PropertyName::new(property)) {
            let own = node.and_then(|n| set.per_node.get(n));
            return Some(own.unwrap_or(&set.value).clone());
        }
        (has.category != rtr::properties::Category::QueryOnly)
            .then(|| has.default.unwrap_or_default())
    }

    /// A property of rt_properties(5).
    pub fn type_property(&self, of_type: &TypeConfig, property: &str) -> Option<Vec<String>> {
        let rtr = &of_type.rtr;
        if let Some(method) = Method::from_name(property) {
            return Some(rtr.methods.get(&method).map(one).unwrap_or_default());
        }
        let value = match property.to_ascii_lowercase().as_str() {
            "resource_type" => one(&rtr.resource_type),
            "vendor_id" => text(rtr.vendor_id.as_deref().unwrap_or("")),
            "rt_version" => text(&rtr.rt_version),
            "rt_description" => text(&rtr.rt_description),
            "api_version" => one(rtr.api_version),
            "rt_basedir" => text(rtr.rt_basedir.as_deref().unwrap_or("")),
            "failover" => one(truth(rtr.failover)),
            "single_instance" => one(truth(rtr.single_instance)),
            "init_nodes" => one(rtr.init_nodes),
            "installed_nodes" => {
                of_type.installed_nodes.as_ref().map_or_else(|| one("*"), |nodes| each(nodes))
            }
            "pkglist" => rtr.pkglist.clone(),
            "rt_system" => one(truth(of_type.system)),
            "is_logical_hostname" => {
                one(truth(rtr.sysdefined_type == Some(SystemDefined::LogicalHostname)))
            }
            "is_shared_address" => {
                one(truth(rtr.sysdefined_type == Some(SystemDefined::SharedAddress)))
            }
            "resource_list" => {
                let full = rtr.full_name();
                let of = self.resources.iter().filter(|(_, r)| r.type_name.as_str() == full);
                of.map(|(name, _)| name.to_string()).collect()
            }
            _ => return None,
        };
        Some(value)
    }
}
