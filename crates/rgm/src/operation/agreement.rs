//! What the properties of a resource must agree on: with each other, with its type, its group and other resources.

use super::draft::Draft;
use super::order::no_circle;
use super::refusal::{Kind, list, refusals, unknown};
use super::{dependencies, types};
use crate::model::{Configuration, Group, GroupMode, NodeConfig, Refusal, Resource, TypeConfig};
use crate::names::{GroupName, PropertyName, ResourceName, TypeName};
use rtr::SystemDefined;
use rtr::properties::EffectiveProperty;
use std::collections::BTreeMap;

refusals! {
    failover_type(of_type, group): Rt =
        "resource type {of_type} is for failover groups (FAILOVER is TRUE), and RG_mode of {group} is Scalable: use another group";
    single_instance(of_type, other): Rt =
        "there may be one resource of type {of_type} (SINGLE_INSTANCE is TRUE), and {other} is one: remove that first";
    missing(of_type, options): Prop =
        "resources of type {of_type} need a value, for which there is no default: give {options}";
    scalable_group(resource, group): Prop =
        "{resource} cannot be Scalable, because RG_mode of {group} is Failover: use a scalable group or Scalable=FALSE";
    scalable_type(resource, of_type): Prop =
        "{resource} cannot be Scalable, because its type {of_type} is for failover groups (FAILOVER is TRUE): set Scalable=FALSE";
    not_network(used): Prop =
        "Network_resources_used: {used} is not a network address (SUNW.LogicalHostname or SUNW.SharedAddress); name one that is";
    not_shared(used, resource): Prop =
        "Network_resources_used: {used} is not a SharedAddress, which {resource} needs because it is Scalable; name one that is";
    elsewhere(used, its_group, resource, group): Prop =
        "Network_resources_used: {used} is in resource group {its_group}, and {resource} is in {group}: a logical host must be in the same group";
}

/// Whether a resource of the type may be in the group. `except` is the resource itself when it is there already.
pub(crate) fn fits_group(
    config: &Configuration,
    (type_name, of_type): (&TypeName, &TypeConfig),
    (group_name, group): (&GroupName, &Group),
    except: Option<&ResourceName>,
) -> Result<(), Refusal> {
    let rtr = &of_type.rtr;
    let full = rtr.full_name();
    if rtr.failover && group.mode == GroupMode::Scalable {
        return Err(failover_type(full, group_name));
    }
    types::is_installed(of_type, type_name, group_name, &group.nodelist)?;
    let same_base = |other: &Resource| {
        let other = config.type_of(other).map(|t| &t.rtr);
        other.is_some_and(|o| o.resource_type == rtr.resource_type && o.vendor_id == rtr.vendor_id)
    };
    let mut others = config.resources.iter().filter(|(name, _)| Some(*name) != except);
    match others.find(|(_, other)| rtr.single_instance && same_base(other)) {
        Some((other, _)) => Err(single_instance(full, other)),
        None => Ok(()),
    }
}

/// Checks the resource as the draft has it; warnings go to the draft's messages.
pub(crate) fn check(
    draft: &mut Draft<'_>,
    name: &ResourceName,
    effective: &[EffectiveProperty],
) -> Result<(), Refusal> {
    let config = &draft.new.config;
    let Some(resource) = config.resources.get(name) else { return Ok(()) };
    has_all(config, resource, effective)?;
    dependencies::exist(config, name, resource)?;
    if is_scalable(config, resource) {
        let of_type = config.type_of(resource);
        if let Some(t) = of_type.filter(|t| t.rtr.failover) {
            return Err(scalable_type(name, t.rtr.full_name()));
        }
        let mode = config.groups.get(&resource.group).map(|g| g.mode);
        if mode != Some(GroupMode::Scalable) {
            return Err(scalable_group(name, &resource.group));
        }
    }
    network_used(config, name, resource)?;
    weights(&config.nodes, resource)?;
    no_circle(config)?;
    dependencies::dependees_enabled(config, name, false)?;
    let warning = retry_warning(config, name, resource);
    draft.new.messages.extend(warning);
    Ok(())
}

fn has_all(
    config: &Configuration,
    resource: &Resource,
    effective: &[EffectiveProperty],
) -> Result<(), Refusal> {
    let lacks = |p: &&EffectiveProperty| {
        p.is_needed_at_creation() && !resource.values.contains_key(&PropertyName::new(&p.name))
    };
    let option = |p: &EffectiveProperty| {
        format!("{} {}=VALUE", if p.extension { "-x" } else { "-y" }, p.name)
    };
    let options = list(effective.iter().filter(lacks).map(option));
    match (options.is_empty(), config.type_of(resource)) {
        (false, Some(of_type)) => Err(missing(of_type.rtr.full_name(), options)),
        _ => Ok(()),
    }
}

fn is_scalable(config: &Configuration, resource: &Resource) -> bool {
    let value = config.value(resource, "Scalable", None);
    value.is_some_and(|v| v.first().is_some_and(|v| v == "TRUE"))
}

fn network_used(
    config: &Configuration,
    name: &ResourceName,
    resource: &Resource,
) -> Result<(), Refusal> {
    let used = config.value(resource, "Network_resources_used", None).unwrap_or_default();
    for used in used {
        let Some(network) = config.resources.get(used.as_str()) else {
            let known = config.resources.iter().filter(|(_, r)| config.is_network(r));
            return Err(unknown(Kind::Resource, used, known.map(|(n, _)| n.as_str())));
        };
        let kind = config.type_of(network).and_then(|t| t.rtr.sysdefined_type);
        match kind {
            None => return Err(not_network(used)),
            Some(SystemDefined::LogicalHostname) if is_scalable(config, resource) => {
                return Err(not_shared(used, name));
            }
            Some(SystemDefined::LogicalHostname) if network.group != resource.group => {
                return Err(elsewhere(used, &network.group, name, &resource.group));
            }
            Some(_) => {}
        }
    }
    Ok(())
}

fn weights(
    nodes: &BTreeMap<crate::names::NodeName, NodeConfig>,
    resource: &Resource,
) -> Result<(), Refusal> {
    let set = resource.values.get(&PropertyName::new("Load_balancing_weights"));
    let named = set.into_iter().flat_map(|s| &s.value).filter_map(|w| w.split_once('@'));
    for (_, node) in named {
        if !nodes.contains_key(node) {
            return Err(unknown(Kind::Node, node, nodes.keys().map(|n| n.as_str())));
        }
    }
    Ok(())
}

/// Retry_count can never be reached when the probes that count take longer than Retry_interval.
fn retry_warning(
    config: &Configuration,
    name: &ResourceName,
    resource: &Resource,
) -> Option<String> {
    let count = config.number(resource, "Retry_count").filter(|count| *count > 0)?;
    let interval = config.number(resource, "Retry_interval")?;
    let probe = config.number(resource, "Thorough_probe_interval")?;
    let timeout = config.number(resource, "Probe_timeout").unwrap_or(0);
    let needed = count.saturating_mul(probe.saturating_add(timeout));
    (interval < needed).then(|| {
        format!(
            "Retry_interval of {name} is {interval} s, but {count} failed probes can take {needed} s (Retry_count × (Thorough_probe_interval + Probe_timeout)): the group may never be given over; set Retry_interval to {needed} or more"
        )
    })
}
