//! A resource moves to another version of its type: `Type_version` (sun-cluster §1.7).
//!
//! When it may is said by the new type's `#$upgrade_from` lines; what it takes along is said by the new type's properties.

use super::dependencies::is_enabled_anywhere;
use super::draft::Draft;
use super::refusal::{list, refusals, refuse, shown};
use super::setting::Changed;
use crate::model::{Refusal, Resource, SchaCode, TypeConfig};
use crate::names::{ResourceName, TypeName};
use rtr::properties::EffectiveProperty;
use rtr::{ResourceType, Tunability};

refusals! {
    no_such_version(base, version, versions): Prop =
        "resource type {base} is not registered in version {version}; registered are {versions}: register it with scrgadm -a -t {base} -f FILE";
    never(resource, from, to): State =
        "{resource} cannot be migrated from version {from} to {to}: the new type allows it at creation only; create another resource";
    not_disabled(resource, from, to): State =
        "{resource} can be migrated from version {from} to {to} only while it is disabled: first scswitch -n -j {resource}";
    not_offline(resource, group, from, to): State =
        "{resource} can be migrated from version {from} to {to} only while resource group {group} is offline: first scswitch -F -g {group}";
    not_unmanaged(resource, group, from, to): State =
        "{resource} can be migrated from version {from} to {to} only while resource group {group} is unmanaged: first scswitch -u -g {group}";
    monitored(resource, from, to): State =
        "{resource} can be migrated from version {from} to {to} only while its monitor is disabled: first scswitch -n -M -j {resource}";
}

/// Where a resource goes.
#[derive(Clone, Debug)]
pub(crate) struct Migration {
    pub(crate) type_name: TypeName,
    pub(crate) of_type: TypeConfig,
}

impl Migration {
    /// What VALIDATE is told.
    pub(crate) fn change(&self) -> Changed {
        let value = vec![self.of_type.rtr.rt_version.clone()];
        Changed { name: "Type_version".to_owned(), extension: false, node: None, value }
    }
}

/// The migration to this version; `None` when the resource has it already.
pub(crate) fn migration(
    draft: &Draft<'_>,
    (name, resource): (&ResourceName, &Resource),
    version: &str,
) -> Result<Option<Migration>, Refusal> {
    let config = &draft.cluster.config;
    let Some(old) = config.type_of(resource) else { return Ok(None) };
    let same_base = |t: &TypeConfig| {
        t.rtr.resource_type == old.rtr.resource_type && t.rtr.vendor_id == old.rtr.vendor_id
    };
    let mut versions = config.types.iter().filter(|(_, t)| same_base(t));
    let Some((type_name, of_type)) = versions.find(|(_, t)| t.rtr.rt_version == version) else {
        let base = resource.type_name.as_str().split(':').next().unwrap_or_default();
        let all = config.types.values().filter(|t| same_base(t)).map(|t| &t.rtr.rt_version);
        return Err(no_such_version(base, shown(version), list(all)));
    };
    if *type_name == resource.type_name {
        return Ok(None);
    }
    may_migrate(draft, (name, resource), &old.rtr, &of_type.rtr)?;
    Ok(Some(Migration { type_name: type_name.clone(), of_type: of_type.clone() }))
}

/// When the new type allows the old version to move to it.
fn when(old: &ResourceType, new: &ResourceType) -> Tunability {
    let lines = new.upgrade.iter().flat_map(|upgrade| &upgrade.from);
    // A type without #$upgrade counts as registered before versions were part of names: the empty version.
    let says =
        |version: &str| version == old.rt_version || (version.is_empty() && old.upgrade.is_none());
    lines.into_iter().find(|line| says(&line.version)).map_or(Tunability::WhenUnmanaged, |l| l.when)
}

fn may_migrate(
    draft: &Draft<'_>,
    (name, resource): (&ResourceName, &Resource),
    old: &ResourceType,
    new: &ResourceType,
) -> Result<(), Refusal> {
    let (config, cluster) = (&draft.cluster.config, draft.cluster);
    let (from, to, group) = (&old.rt_version, &new.rt_version, &resource.group);
    let Some(of_group) = config.groups.get(group) else { return Ok(()) };
    let offline = cluster.nodes_running(group).next().is_none();
    match when(old, new) {
        Tunability::Anytime => Ok(()),
        Tunability::AtCreation => Err(never(name, from, to)),
        Tunability::WhenDisabled if is_enabled_anywhere(config, resource) => {
            Err(not_disabled(name, from, to))
        }
        Tunability::WhenOffline if !offline => Err(not_offline(name, group, from, to)),
        Tunability::WhenUnmanaged if of_group.managed => Err(not_unmanaged(name, group, from, to)),
        Tunability::WhenUnmonitored
            if old.methods.contains_key(&rtr::Method::MonitorStart)
                && is_enabled_anywhere(config, resource)
                && resource.monitored.is_on_any(&of_group.nodelist) =>
        {
            Err(monitored(name, from, to))
        }
        _ => Ok(()),
    }
}

/// Drops values of properties that the new type does not have, and refuses values that it does not allow. Gives back what was dropped.
pub(crate) fn carry_over(
    name: &ResourceName,
    resource: &mut Resource,
    effective: &[EffectiveProperty],
) -> Result<Vec<String>, Refusal> {
    let mut dropped = Vec::new();
    let kept = std::mem::take(&mut resource.values);
    for (property, set) in kept {
        let has = effective.iter().find(|p| p.name.eq_ignore_ascii_case(property.as_str()));
        let Some(has) = has else {
            dropped.push(format!(
                "{property} of {name} is dropped: the new version of its type does not have it"
            ));
            continue;
        };
        for value in std::iter::once(&set.value).chain(set.per_node.values()) {
            has.check_values(value).map_err(|error| {
                let option = if has.extension { "-x" } else { "-y" };
                let sentence = format!(
                    "{error} of the new version: give {option} {}=VALUE in the same command",
                    has.name
                );
                refuse(SchaCode::Prop, sentence)
            })?;
        }
        resource.values.insert(property, set);
    }
    Ok(dropped)
}
