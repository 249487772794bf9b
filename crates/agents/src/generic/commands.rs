//! The commands of a generic data service, and the addresses it listens on.

use crate::failure::Outcome;
use crate::logical_host::addresses_of;
use crate::monitor::{Probe, end_points};
use crate::subject::Subject;
use rgm::{Resource, ResourceName};
use std::net::{IpAddr, Ipv4Addr};

/// Stands in commands for the host names of the network resources, separated by commas.
const HOSTNAMES: &str = "$hostnames";

/// A command property with `$hostnames` filled in; `None` when it is empty.
pub(super) fn command(subject: &Subject, property: &str) -> Option<String> {
    let line = subject.text(property)?;
    Some(line.replace(HOSTNAMES, &hostnames(subject).join(",")))
}

/// The network resources it uses: Network_resources_used, or those it depends on and those of its group.
pub(super) fn network_resources(subject: &Subject) -> Vec<(&ResourceName, &Resource)> {
    let config = &subject.cluster.config;
    let named = subject.values("Network_resources_used");
    let depends: Vec<ResourceName> =
        config.dependencies_of(subject.name()).into_iter().map(|d| d.on).collect();
    let proposed = subject.values("Resource_dependencies");
    let is_used = |name: &ResourceName, resource: &Resource| {
        if !named.is_empty() {
            return named.iter().any(|n| n == name.as_str());
        }
        resource.group == *subject.group()
            || depends.contains(name)
            || proposed.iter().any(|n| n == name.as_str())
    };
    let network = config.resources.iter().filter(|(_, resource)| config.is_network(resource));
    network.filter(|(name, resource)| is_used(name, resource)).collect()
}

fn hostnames(subject: &Subject) -> Vec<String> {
    let config = &subject.cluster.config;
    let of = |resource| config.value(resource, "HostnameList", Some(&subject.node));
    let lists = network_resources(subject).into_iter().filter_map(|(_, resource)| of(resource));
    lists.flatten().cloned().collect()
}

/// How the service is probed: Probe_command; else, when it is network-aware, by connections; else not at all.
pub(super) fn probe(subject: &Subject) -> Outcome<Probe> {
    if let Some(line) = command(subject, "Probe_command") {
        return Ok(Probe::Shell(line));
    }
    if !subject.is_true("Network_aware", true) {
        return Ok(Probe::None);
    }
    let mut addresses = addresses_of(&hostnames(subject))?;
    if addresses.is_empty() {
        addresses.push(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    let points = end_points(&addresses, &subject.values("Port_list"));
    Ok(if points.is_empty() { Probe::None } else { Probe::Connect(points) })
}
