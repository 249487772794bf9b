//! The properties of resource types, rt_properties(5), under the names of `scha_resourcetype_get`.

use super::{Category, Kind};
use crate::model::{Method, ResourceType, SystemDefined};
use Category::{Conditional, Optional, QueryOnly, Required};

/// A row of the table. None can be changed after registration, except Installed_nodes and RT_system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TypeProperty {
    /// As it is shown.
    pub name: &'static str,
    /// Type.
    pub kind: Kind,
    /// Who gives the value.
    pub category: Category,
    /// One line.
    pub description: &'static str,
}

/// The type property of this name.
pub fn resource_type(name: &str) -> Option<&'static TypeProperty> {
    TYPE.iter().find(|p| p.name.eq_ignore_ascii_case(name))
}

impl ResourceType {
    /// What the RTR file says of a type property, as `scha_resourcetype_get` prints it: a value, or the elements of a list. Methods
    /// are paths as written. `None`: there is no such property or method, or its value is not the file's but the
    /// configuration's (Installed_nodes, Resource_list).
    pub fn type_property(&self, name: &str) -> Option<Vec<String>> {
        let truth = |is: bool| Some(vec![if is { "TRUE" } else { "FALSE" }.to_owned()]);
        let text = |text: &str| Some(vec![text.to_owned()]);
        if let Some(method) = Method::from_name(name) {
            return self.methods.get(&method).and_then(|path| text(path));
        }
        match resource_type(name)?.name {
            "Resource_type" => text(&self.resource_type),
            "Vendor_ID" => text(self.vendor_id.as_deref().unwrap_or_default()),
            "RT_version" => text(&self.rt_version),
            "RT_description" => text(&self.rt_description),
            "API_version" => text(&self.api_version.to_string()),
            "RT_basedir" => text(self.rt_basedir.as_deref().unwrap_or_default()),
            "Failover" => truth(self.failover),
            "Single_instance" => truth(self.single_instance),
            "Init_nodes" => text(&self.init_nodes.to_string()),
            "Pkglist" => Some(self.pkglist.clone()),
            "RT_system" => truth(self.rt_system),
            "Is_logical_hostname" => {
                truth(self.sysdefined_type == Some(SystemDefined::LogicalHostname))
            }
            "Is_shared_address" => {
                truth(self.sysdefined_type == Some(SystemDefined::SharedAddress))
            }
            _ => None,
        }
    }
}

const fn row(
    name: &'static str,
    kind: Kind,
    category: Category,
    description: &'static str,
) -> TypeProperty {
    TypeProperty { name, kind, category, description }
}

const fn method(name: &'static str, description: &'static str) -> TypeProperty {
    row(name, Kind::String, Conditional, description)
}

/// All of them.
pub const TYPE: &[TypeProperty] = &[
    row("Resource_type", Kind::String, Required, "Base name"),
    row("Vendor_ID", Kind::String, Conditional, "Prefix of the full name"),
    row("RT_version", Kind::String, Required, "Version"),
    row("RT_description", Kind::String, Conditional, "What the type is, for people"),
    row("API_version", Kind::Int(1), Optional, "Of the agent API"),
    row("RT_basedir", Kind::String, Conditional, "Directory of relative method paths"),
    row("Failover", Kind::Boolean, Optional, "Whether it runs on one node at a time"),
    row(
        "Single_instance",
        Kind::Boolean,
        Optional,
        "Whether the cluster may have one resource of it only",
    ),
    row(
        "Init_nodes",
        Kind::Enum(&["RG_PRIMARIES", "RT_INSTALLED_NODES"]),
        Optional,
        "Where INIT, FINI, BOOT and VALIDATE run",
    ),
    row(
        "Installed_nodes",
        Kind::StringArray,
        Optional,
        "Nodes where the software is installed; * is all",
    ),
    row("Pkglist", Kind::StringArray, Conditional, "Packages that deliver it"),
    row("RT_system", Kind::Boolean, Optional, "Whether it is protected from deletion and edits"),
    row("Is_logical_hostname", Kind::Boolean, QueryOnly, "Whether it is the type of logical hosts"),
    row(
        "Is_shared_address",
        Kind::Boolean,
        QueryOnly,
        "Whether it is the type of shared addresses",
    ),
    row("Resource_list", Kind::StringArray, QueryOnly, "Resources of it"),
    method("Validate", "Checks property values before they are committed"),
    method("Update", "Tells a running resource that properties changed"),
    method("Init", "Once, when a resource comes under management"),
    method("Fini", "Once, when it leaves management"),
    method("Boot", "When a node joins"),
    method("Prenet_start", "Before the network addresses of the group are up"),
    method("Start", "Starts the resource"),
    method("Monitor_start", "Starts its fault monitor"),
    method("Monitor_stop", "Stops its fault monitor"),
    method("Stop", "Stops the resource"),
    method("Postnet_stop", "After the network addresses of the group are down"),
    method("Monitor_check", "Whether it could run on a candidate node"),
];
