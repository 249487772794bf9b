//! The configuration as a value: types, groups and resources with all their properties.

use rgm::{Cluster, GroupName, NodeName, Resource, ResourceName, TypeConfig, TypeName};
use rtr::{PropertyKind, properties};
use serde::Serialize;

/// What is to be printed: nothing named is everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Selection {
    /// Types, as typed.
    pub types: Vec<String>,
    /// Groups.
    pub groups: Vec<String>,
    /// Resources.
    pub resources: Vec<String>,
    /// 0 to 2.
    pub detail: u8,
    /// As JSON.
    pub json: bool,
}

/// Everything selected.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ConfigurationView {
    /// Of this schema.
    pub format: u32,
    /// By name.
    pub types: Vec<TypeView>,
    /// By name; of a selected resource its group, with only that resource.
    pub groups: Vec<GroupView>,
}

/// A property and its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PropertyView {
    /// Name.
    pub name: String,
    /// `system`, `extension`.
    pub class: &'static str,
    /// `int`, `stringarray`.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// For people.
    pub description: String,
    /// The value; lists have any number of elements.
    pub value: Vec<String>,
    /// PER_NODE values, by node.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub per_node: Vec<(NodeName, Vec<String>)>,
}

/// A registered type.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TypeView {
    /// Full name.
    pub name: TypeName,
    /// Where its file was.
    pub path: String,
    /// Of rt_properties(5).
    pub properties: Vec<PropertyView>,
    /// Method and program.
    pub methods: Vec<(String, String)>,
    /// What its resources have; `value` is the default.
    pub parameters: Vec<PropertyView>,
}

/// A group.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GroupView {
    /// Name.
    pub name: GroupName,
    /// Whether it is managed.
    pub managed: bool,
    /// Of rg_properties(5).
    pub properties: Vec<PropertyView>,
    /// By name.
    pub resources: Vec<ResourceView>,
}

/// A resource.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ResourceView {
    /// Name.
    pub name: ResourceName,
    /// Its group.
    pub group: GroupName,
    /// Full name of its type.
    #[serde(rename = "type")]
    pub type_name: TypeName,
    /// Version of its type.
    pub type_version: String,
    /// On each node of its group.
    pub enabled: Vec<(NodeName, bool)>,
    /// On each node of its group.
    pub monitored: Vec<(NodeName, bool)>,
    /// Every other property.
    pub properties: Vec<PropertyView>,
}

/// `string`, `int`, `boolean`, `enum`, `stringarray`.
const fn kind_word(kind: &PropertyKind) -> &'static str {
    match kind {
        PropertyKind::String { .. } => "string",
        PropertyKind::Int { .. } => "int",
        PropertyKind::Boolean => "boolean",
        PropertyKind::Enum { .. } => "enum",
        PropertyKind::StringArray { .. } => "stringarray",
    }
}

/// Looks. The error is a sentence about a name that there is not.
pub fn build(cluster: &Cluster, selection: &Selection) -> Result<ConfigurationView, String> {
    let Selection { types, groups, resources, .. } = selection;
    let config = &cluster.config;
    let all = types.is_empty() && groups.is_empty() && resources.is_empty();
    let mut view = ConfigurationView { format: 1, types: Vec::new(), groups: Vec::new() };
    if all {
        view.types = config.types.iter().map(|(n, t)| type_view(cluster, n, t)).collect();
        view.groups = config.groups.keys().map(|g| group_view(cluster, g, None)).collect();
        return Ok(view);
    }
    for typed in types {
        let named: Vec<_> =
            config.types.iter().filter(|(_, t)| t.rtr.matches_name(typed)).collect();
        if named.is_empty() {
            view.types.push(builtin_view(cluster, typed)?);
        }
        view.types.extend(named.into_iter().map(|(n, t)| type_view(cluster, n, t)));
    }
    for name in groups {
        let (name, _) = config.groups.get_key_value(name.as_str()).ok_or_else(|| {
            unknown("resource group", name, config.groups.keys().map(GroupName::as_str))
        })?;
        view.groups.push(group_view(cluster, name, None));
    }
    for name in resources {
        let (name, resource) = config.resources.get_key_value(name.as_str()).ok_or_else(|| {
            unknown("resource", name, config.resources.keys().map(ResourceName::as_str))
        })?;
        view.groups.push(group_view(cluster, &resource.group, Some(name)));
    }
    Ok(view)
}

/// The sentence about a name that there is not.
pub(crate) fn unknown<'a>(
    noun: &str,
    typed: &str,
    known: impl Iterator<Item = &'a str> + Clone,
) -> String {
    let shown = crate::typed::shown(typed);
    if let Some(near) = rtr::nearest(typed, known.clone()) {
        return format!("there is no {noun} {shown}; did you mean {near}?");
    }
    let names: Vec<&str> = known.take(6).collect();
    match names.as_slice() {
        [] => format!("there is no {noun} {shown}; no {noun} is configured"),
        names if names.len() > 5 => format!("there is no {noun} {shown}; scrgadm -p shows them"),
        names => format!("there is no {noun} {shown}; the {noun}s are {}", names.join(", ")),
    }
}

fn builtin_view(cluster: &Cluster, typed: &str) -> Result<TypeView, String> {
    let rtr = agents::builtin(typed).ok_or_else(|| {
        let names: Vec<String> = agents::builtins().iter().map(|t| t.full_name()).collect();
        let known = cluster.config.types.keys().map(TypeName::as_str);
        unknown("resource type", typed, known.chain(names.iter().map(String::as_str)))
    })?;
    let system = rtr.rt_system;
    let name = TypeName::new(&rtr.full_name());
    let path = "built in; registered with its first resource".to_owned();
    Ok(type_view(cluster, &name, &TypeConfig { rtr, installed_nodes: None, system, path }))
}

fn type_view(cluster: &Cluster, name: &TypeName, of: &TypeConfig) -> TypeView {
    let shown = properties::TYPE.iter().filter_map(|row| {
        Some(PropertyView {
            name: row.name.to_owned(),
            class: "system",
            kind: kind_word(&row.kind.kind()),
            description: row.description.to_owned(),
            value: cluster.config.type_property(of, row.name)?,
            per_node: Vec::new(),
        })
    });
    let is_method = |p: &PropertyView| rtr::Method::from_name(&p.name).is_some();
    let parameter = |p: properties::EffectiveProperty| PropertyView {
        class: if p.extension { "extension" } else { "system" },
        kind: kind_word(&p.kind),
        description: p.description,
        value: p.default.unwrap_or_default(),
        per_node: Vec::new(),
        name: p.name,
    };
    let methods = of.rtr.methods.iter();
    TypeView {
        name: name.clone(),
        path: of.path.clone(),
        properties: shown.filter(|p| !is_method(p)).collect(),
        methods: methods.map(|(m, path)| (m.to_string(), path.clone())).collect(),
        parameters: of.rtr.effective_properties().into_iter().map(parameter).collect(),
    }
}

fn group_view(cluster: &Cluster, name: &GroupName, only: Option<&ResourceName>) -> GroupView {
    let config = &cluster.config;
    let group = config.groups.get(name);
    let shown = properties::GROUP.iter().filter_map(|row| {
        Some(PropertyView {
            name: row.name.to_owned(),
            class: "system",
            kind: kind_word(&row.kind.kind()),
            description: row.description.to_owned(),
            value: group?.property(name, row.name)?,
            per_node: Vec::new(),
        })
    });
    let resources = config.resources_of(name).filter(|(r, _)| only.is_none_or(|only| only == *r));
    GroupView {
        name: name.clone(),
        managed: group.is_some_and(|g| g.managed),
        properties: shown.filter(|p| p.name != "RG_name").collect(),
        resources: resources.map(|(r, of)| resource_view(cluster, r, of)).collect(),
    }
}

fn resource_view(cluster: &Cluster, name: &ResourceName, of: &Resource) -> ResourceView {
    /// Shown in places of their own.
    const APART: [&str; 5] =
        ["Resource_name", "Type", "Type_version", "On_off_switch", "Monitored_switch"];
    let config = &cluster.config;
    let nodes = config.groups.get(&of.group).map(|g| g.nodelist.as_slice()).unwrap_or_default();
    let rtr = config.type_of(of).map(|t| &t.rtr);
    let each = |property: properties::EffectiveProperty| {
        if APART.iter().any(|a| a.eq_ignore_ascii_case(&property.name)) {
            return None;
        }
        let value = config.property(name, of, &property.name, None)?;
        let own = of.values.get(&rgm::PropertyName::new(&property.name));
        let per_node = own.into_iter().flat_map(|v| &v.per_node);
        Some(PropertyView {
            class: if property.extension { "extension" } else { "system" },
            kind: kind_word(&property.kind),
            description: property.description,
            value,
            per_node: per_node.map(|(n, v)| (n.clone(), v.clone())).collect(),
            name: property.name,
        })
    };
    let all = rtr.map(|rtr| rtr.effective_properties()).unwrap_or_default();
    let switch = |switch: &rgm::Switch| -> Vec<(NodeName, bool)> {
        nodes.iter().map(|n| (n.clone(), switch.is_on(n))).collect()
    };
    ResourceView {
        name: name.clone(),
        group: of.group.clone(),
        type_name: of.type_name.clone(),
        type_version: rtr.map(|t| t.rt_version.clone()).unwrap_or_default(),
        enabled: switch(&of.enabled),
        monitored: switch(&of.monitored),
        properties: all.into_iter().filter_map(each).collect(),
    }
}
