//! The properties that a resource of a type has: what the RTR file declares and what the framework adds.

use super::{Category, Presence, RESOURCE, SystemProperty, owned};
use crate::model::{Property, PropertyKind, ResourceType, Tunable};
use crate::value::{Rule, ValueError, split_list};
use serde::{Deserialize, Serialize};

/// One property of the resources of a type, with everything settled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectiveProperty {
    /// As it is shown: of the framework's table for a system-defined one, of the file for an extension.
    pub name: String,
    /// Set with `-x` instead of `-y`.
    pub extension: bool,
    /// The value may differ per node.
    pub per_node: bool,
    /// Type with its bounds, those of the framework and of the file together.
    pub kind: PropertyKind,
    /// What else its values must look like.
    pub rule: Rule,
    /// Empty value: `Some(vec![])`. `None`: the administrator must give one (unless [`Category::QueryOnly`]).
    pub default: Option<Vec<String>>,
    /// When an administrator may set it.
    pub tunable: Tunable,
    /// Who gives the value. Extension properties are conditional.
    pub category: Category,
    /// Whether the RTR file has an entry for it.
    pub declared: bool,
    /// One line, for people.
    pub description: String,
}

impl EffectiveProperty {
    /// Whether the administrator must give a value when a resource is created. (`Resource_name` and `Type` are given by the form
    /// of the command itself.)
    pub fn is_needed_at_creation(&self) -> bool {
        self.default.is_none() && self.category == Category::Conditional
    }

    /// The value as it is kept, from the text of `-y Name=text` or `-x Name=text`; lists are split at commas.
    pub fn check(&self, text: &str) -> Result<Vec<String>, ValueError> {
        if self.kind.is_array() {
            self.check_values(&split_list(text))
        } else {
            self.check_values(&[text])
        }
    }

    /// The value as it is kept, from values that are split already.
    pub fn check_values<S: AsRef<str>>(&self, values: &[S]) -> Result<Vec<String>, ValueError> {
        self.kind.check_with(self.rule, &self.name, values)
    }
}

/// The properties of resources of this type: system-defined ones in the order of the table, then extension properties in the
/// order of the file. Names occur once.
pub fn effective(of: &ResourceType) -> Vec<EffectiveProperty> {
    let declares = |name: &str| {
        of.properties.iter().find(|p| !p.extension && p.name.eq_ignore_ascii_case(name))
    };
    let system = RESOURCE.iter().filter_map(|row| {
        let declared = declares(row.name);
        let has = match row.presence {
            Presence::Always => true,
            Presence::Declared => declared.is_some(),
            Presence::Scalable => declared.is_some() || declares("Scalable").is_some(),
            Presence::Method(method) => of.methods.contains_key(&method),
        };
        has.then(|| system_defined(of, row, declared))
    });
    system.chain(of.properties.iter().filter(|p| p.extension).map(extension)).collect()
}

fn system_defined(
    of: &ResourceType,
    row: &SystemProperty,
    declared: Option<&Property>,
) -> EffectiveProperty {
    let default = declared.and_then(|p| p.default.clone()).or_else(|| match row.name {
        "Type" => Some(vec![of.full_name()]),
        "Type_version" => Some(vec![of.rt_version.clone()]),
        _ => row.default.map(owned),
    });
    EffectiveProperty {
        name: row.name.to_owned(),
        extension: false,
        per_node: false,
        kind: declared.map_or_else(|| row.kind.kind(), |p| p.kind.clone()),
        rule: row.rule,
        default,
        tunable: declared.and_then(|p| p.tunable).unwrap_or(row.tunable),
        category: row.category,
        declared: declared.is_some(),
        description: row.description.to_owned(),
    }
}

fn extension(declared: &Property) -> EffectiveProperty {
    EffectiveProperty {
        name: declared.name.clone(),
        extension: true,
        per_node: declared.per_node,
        kind: declared.kind.clone(),
        rule: Rule::Plain,
        default: declared.default.clone(),
        tunable: declared.tunable.unwrap_or(Tunable::Anytime),
        category: Category::Conditional,
        declared: true,
        description: declared.description.clone().unwrap_or_default(),
    }
}

impl ResourceType {
    /// The properties that resources of this type have; see [`effective`].
    pub fn effective_properties(&self) -> Vec<EffectiveProperty> {
        effective(self)
    }

    /// One of [`ResourceType::effective_properties`], by name in any case.
    pub fn effective_property(&self, name: &str) -> Option<EffectiveProperty> {
        effective(self).into_iter().find(|p| p.name.eq_ignore_ascii_case(name))
    }
}
