//! `-y NAME=VALUE` and `-x NAME=VALUE` of resources: from what was typed to the value that is kept, or why not.
//!
//! Names in any case; the wrong option is told the right one; tunability, bounds, PER_NODE and resetting with an empty value. Knows one property
//! at a time; what several must agree on is in `resources`.

use super::find;
use super::refusal::{refusals, refuse, shown};
use crate::model::{
    Assignment, Cluster, DependencyKind, FailoverMode, PropertyValue, Refusal, Resource, SchaCode,
};
use crate::names::{NodeName, PropertyName, ResourceName};
use rtr::properties::{Category, EffectiveProperty};
use rtr::{ResourceType, Tunable};

refusals! {
    wrong_option(property, of_type, kind, right, wrong): Prop =
        "{property} is {kind} property of {of_type}: set it with {right} {property}=VALUE, not with {wrong}";
    unknown_property(typed, of_type): Prop =
        "resources of type {of_type} have no property {typed}; scrgadm -pvv -t {of_type} lists what they have";
    unknown_property_near(typed, of_type, near, option): Prop =
        "resources of type {of_type} have no property {typed}; did you mean {near} ({option})?";
    not_declared(property, of_type): Prop =
        "the RTR file of {of_type} does not declare {property}, so its resources do not have it; leave it out";
    of_groups(property, group): Prop =
        "{property} is a property of resource groups: set it with scrgadm -c -g {group} -y {property}=VALUE";
    of_types(property, of_type): Prop =
        "{property} is a property of the resource type {of_type}, not of its resources; leave it out";
    query_only(property): Prop = "{property} only shows what the cluster sees and cannot be set; leave it out";
    by_switch(property, flag, resource): Prop =
        "{property} is not set as a property: use scswitch -e {flag}-j {resource} or scswitch -n {flag}-j {resource}";
    by_setstatus(property, resource): Prop =
        "{property} is not set as a property: the methods of {resource} set it with scha_resource_setstatus";
    fixed(property, resource): Prop =
        "{property} is fixed when {resource} is created; to change it remove {resource} and create it again";
    not_per_node(property, node): Prop =
        "{property} has the same value on all nodes (it is not PER_NODE): leave out {{{node}}}";
    given_twice(property): Inval = "{property} is given twice; give it once";
    never_tunable(property, of_type): Prop =
        "{property} can never be set: the RTR file of {of_type} says TUNABLE = NONE";
    only_at_creation(property, resource): Prop =
        "{property} can be set only when the resource is created: remove {resource} and create it again with the new value";
    only_disabled(property, resource): State =
        "{property} can be set only while {resource} is disabled: first scswitch -n -j {resource}";
    no_default(property, of_type): Prop =
        "{property} has no default in {of_type}, so it cannot be reset with an empty value; give a value";
}

/// One property that an operation sets, as VALIDATE is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Changed {
    /// As it is shown.
    pub(crate) name: String,
    pub(crate) extension: bool,
    /// PER_NODE, with a node.
    pub(crate) node: Option<NodeName>,
    /// The proposed value.
    pub(crate) value: Vec<String>,
}

/// What a property may be set in.
#[derive(Clone, Debug)]
pub(crate) struct Setting<'a> {
    pub(crate) cluster: &'a Cluster,
    /// The resource's name, for sentences.
    pub(crate) name: &'a ResourceName,
    /// The type the resource will have.
    pub(crate) rtr: &'a ResourceType,
    /// The type it had, when it is migrated: what is new may be set at any time.
    pub(crate) old: Option<&'a ResourceType>,
    /// TRUE in the creating command.
    pub(crate) creating: bool,
    /// Whether it is enabled, or still runs, anywhere.
    pub(crate) enabled: bool,
    effective: Vec<EffectiveProperty>,
}

impl<'a> Setting<'a> {
    pub(crate) fn new(cluster: &'a Cluster, name: &'a ResourceName, rtr: &'a ResourceType) -> Self {
        let effective = rtr.effective_properties();
        Self { cluster, name, rtr, old: None, creating: true, enabled: false, effective }
    }

    pub(crate) fn effective(&self) -> &[EffectiveProperty] {
        &self.effective
    }

    /// Sets all of them in the resource, or refuses the first that cannot be.
    pub(crate) fn apply(
        &self,
        resource: &mut Resource,
        system: &[Assignment],
        extension: &[Assignment],
    ) -> Result<Vec<Changed>, Refusal> {
        let typed = system.iter().map(|a| (a, false)).chain(extension.iter().map(|a| (a, true)));
        let mut changed: Vec<Changed> = Vec::new();
        for (assignment, as_extension) in typed {
            let property = self.named(assignment, as_extension)?;
            self.is_tunable(property, assignment)?;
            let value = self.value(property, assignment)?;
            let node = assignment.node.clone();
            if changed.iter().any(|c| c.name == property.name && c.node == node) {
                return Err(given_twice(&property.name));
            }
            let value = keep(resource, property, node.as_ref(), value);
            let name = property.name.clone();
            changed.push(Changed { name, extension: property.extension, node, value });
        }
        Ok(changed)
    }

    /// The property that is meant, which must be one that an administrator sets with this option.
    fn named(
        &self,
        assignment: &Assignment,
        as_extension: bool,
    ) -> Result<&EffectiveProperty, Refusal> {
        let typed = assignment.name.as_str();
        let full = self.rtr.full_name();
        let found = self.effective.iter().find(|p| p.name.eq_ignore_ascii_case(typed));
        let Some(property) = found else { return Err(self.unknown(typed)) };
        if property.extension != as_extension {
            let (kind, right, wrong) = if as_extension {
                ("a system-defined", "-y", "-x")
            } else {
                ("an extension", "-x", "-y")
            };
            return Err(wrong_option(&property.name, full, kind, right, wrong));
        }
        match (property.category, property.name.as_str()) {
            (Category::Required, name) => return Err(fixed(name, self.name)),
            (_, name @ "On_off_switch") => return Err(by_switch(name, "", self.name)),
            (_, name @ "Monitored_switch") => return Err(by_switch(name, "-M ", self.name)),
            (_, name @ ("Status" | "Status_msg")) => return Err(by_setstatus(name, self.name)),
            (Category::QueryOnly, name) => return Err(query_only(name)),
            _ => {}
        }
        if let Some(node) = &assignment.node {
            if !property.per_node {
                return Err(not_per_node(&property.name, node));
            }
            find::node(self.cluster, node)?;
        }
        Ok(property)
    }

    fn unknown(&self, typed: &str) -> Refusal {
        let full = self.rtr.full_name();
        if let Some(row) = rtr::properties::resource(typed) {
            return not_declared(row.name, full);
        }
        if let Some(row) = rtr::properties::group(typed) {
            return of_groups(row.name, "GROUP");
        }
        if let Some(row) = rtr::properties::resource_type(typed) {
            return of_types(row.name, full);
        }
        let near = rtr::nearest(typed, self.effective.iter().map(|p| p.name.as_str()));
        let near = near.and_then(|near| self.effective.iter().find(|p| p.name == near));
        match near {
            Some(p) => {
                let option = if p.extension { "-x" } else { "-y" };
                unknown_property_near(shown(typed), full, &p.name, option)
            }
            None => unknown_property(shown(typed), full),
        }
    }

    fn is_tunable(
        &self,
        property: &EffectiveProperty,
        assignment: &Assignment,
    ) -> Result<(), Refusal> {
        let is_new = self.old.is_some_and(|old| old.effective_property(&assignment.name).is_none());
        match property.tunable {
            Tunable::None => Err(never_tunable(&property.name, self.rtr.full_name())),
            Tunable::AtCreation if !self.creating && !is_new => {
                Err(only_at_creation(&property.name, self.name))
            }
            Tunable::WhenDisabled if self.enabled && !is_new => {
                Err(only_disabled(&property.name, self.name))
            }
            _ => Ok(()),
        }
    }

    /// The value that is kept; `None`: back to the default.
    fn value(
        &self,
        property: &EffectiveProperty,
        assignment: &Assignment,
    ) -> Result<Option<Vec<String>>, Refusal> {
        if !assignment.value.is_empty() {
            let value = property.check(&assignment.value);
            return value.map(Some).map_err(|error| refuse(SchaCode::Prop, error.to_string()));
        }
        match &property.default {
            Some(_) => Ok(None),
            None => Err(no_default(&property.name, self.rtr.full_name())),
        }
    }
}

/// Writes a value (`None`: the default) into the resource and gives back what it is now.
pub(crate) fn keep(
    resource: &mut Resource,
    property: &EffectiveProperty,
    node: Option<&NodeName>,
    value: Option<Vec<String>>,
) -> Vec<String> {
    let default = property.default.clone().unwrap_or_default();
    let now = value.clone().unwrap_or_else(|| default.clone());
    if let Some(kind) = DependencyKind::of_property(&property.name) {
        *list_mut(resource, kind) = now.iter().map(|name| ResourceName::new(name)).collect();
        return now;
    }
    match property.name.as_str() {
        "R_description" => resource.description = now.first().cloned().unwrap_or_default(),
        "Failover_mode" => {
            let mode = now.first().and_then(|token| FailoverMode::from_token(token));
            resource.failover_mode = mode.unwrap_or_default();
        }
        // The type it has; `upgrade` changes it.
        "Type_version" => {}
        name => return keep_value(resource, &PropertyName::new(name), (node, value), default),
    }
    now
}

fn keep_value(
    resource: &mut Resource,
    name: &PropertyName,
    (node, value): (Option<&NodeName>, Option<Vec<String>>),
    default: Vec<String>,
) -> Vec<String> {
    let mut set = resource.values.remove(name);
    let now = match (node, value) {
        (None, Some(value)) => {
            set.get_or_insert_default().value.clone_from(&value);
            value
        }
        (None, None) => {
            // Nodes with values of their own keep them.
            set = set.filter(|s| !s.per_node.is_empty());
            if let Some(set) = &mut set {
                set.value.clone_from(&default);
            }
            default
        }
        (Some(node), Some(value)) => {
            let set = set.get_or_insert_with(|| PropertyValue {
                value: default,
                ..PropertyValue::default()
            });
            set.per_node.insert(node.clone(), value.clone());
            value
        }
        (Some(node), None) => {
            let now = set.as_ref().map_or_else(|| default.clone(), |s| s.value.clone());
            if let Some(set) = &mut set {
                set.per_node.remove(node);
            }
            set = set.filter(|s| !s.per_node.is_empty() || s.value != default);
            now
        }
    };
    if let Some(set) = set {
        resource.values.insert(name.clone(), set);
    }
    now
}

fn list_mut(resource: &mut Resource, kind: DependencyKind) -> &mut Vec<ResourceName> {
    match kind {
        DependencyKind::Strong => &mut resource.dependencies.strong,
        DependencyKind::Weak => &mut resource.dependencies.weak,
        DependencyKind::Restart => &mut resource.dependencies.restart,
        DependencyKind::OfflineRestart => &mut resource.dependencies.offline_restart,
    }
}
