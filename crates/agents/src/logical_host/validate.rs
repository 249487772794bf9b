//! VALIDATE and MONITOR_CHECK of a logical host: what the operator may not ask of it, on each node.

use super::hosts;
use super::methods::claimed;
use super::place::{Network, Place, may_configure, place};
use crate::failure::{Doing, Outcome, wrong};
use crate::net::netlink::Netlink;
use crate::subject::Subject;
use rgm::{Resource, ResourceName};
use std::net::{IpAddr, ToSocketAddrs};

/// VALIDATE.
pub(crate) fn validate(subject: &Subject) -> Outcome {
    let addresses = hosts::resolve_all(&subject.values("HostnameList"))?;
    for address in &addresses {
        is_usable(*address)?;
        is_of_no_other(subject, *address)?;
    }
    names_nodes(subject)?;
    let mut netlink = Netlink::open().doing("opening a netlink socket")?;
    let network = Network::look(&mut netlink)?;
    if may_configure() {
        is_not_the_nodes_own(subject, &network, &addresses)?;
    }
    place(subject, &network).map(drop)
}

/// MONITOR_CHECK: this node could take the addresses now.
pub(crate) fn monitor_check(subject: &Subject) -> Outcome {
    let mut netlink = Netlink::open().doing("opening a netlink socket")?;
    let network = Network::look(&mut netlink)?;
    if let Place::Interface(link, _) = place(subject, &network)?
        && !link.is_running()
    {
        return wrong(format!("interface {} of node {} has no link", link.name, subject.node));
    }
    if subject.is_true("CheckNameService", true) {
        name_service_answers(subject)?;
    }
    Ok(())
}

fn is_usable(address: IpAddr) -> Outcome {
    let why = match address {
        _ if address.is_unspecified() => "is no address of a host",
        _ if address.is_multicast() => "is a multicast address",
        IpAddr::V4(v4) if v4.is_broadcast() => "is the broadcast address",
        IpAddr::V6(v6) if v6.is_unicast_link_local() => {
            "is a link-local address, which clients cannot use"
        }
        _ => return Ok(()),
    };
    wrong(format!("{address} {why}: give HostnameList addresses of hosts"))
}

/// Refused when another logical host of the cluster has the address.
fn is_of_no_other(subject: &Subject, address: IpAddr) -> Outcome {
    let config = &subject.cluster.config;
    let is_other = |(name, resource): &(&ResourceName, &Resource)| {
        *name != subject.name() && config.is_network(resource)
    };
    for (name, resource) in config.resources.iter().filter(is_other) {
        let names = config.value(resource, "HostnameList", Some(&subject.node)).unwrap_or_default();
        // Names that no longer resolve are no conflict; their own resource says so.
        let mut theirs = names.iter().filter_map(|name| hosts::resolve(name).ok()).flatten();
        if theirs.any(|other| other == address) {
            return wrong(format!(
                "{address} is the address of resource {name} in group {} already: give {} another",
                resource.group,
                subject.name()
            ));
        }
    }
    Ok(())
}

/// Every node that NetIfList names is a node, and every node of the group has an entry.
fn names_nodes(subject: &Subject) -> Outcome {
    let list = subject.values("NetIfList");
    let nodes = &subject.cluster.config.nodes;
    let is_named = |node: &str, id: u32| {
        let id = id.to_string();
        let mut named = list.iter().filter_map(|entry| entry.split_once('@'));
        named.any(|(_, n)| n == node || n == id)
    };
    for entry in &list {
        let named = entry.split_once('@').filter(|(interface, _)| !interface.is_empty());
        let Some((_, node)) = named else {
            return wrong(format!("NetIfList entry {entry} is not interface@node"));
        };
        if !nodes.iter().any(|(name, n)| name.as_str() == node || n.id.to_string() == node) {
            let known: Vec<&str> = nodes.keys().map(|n| n.as_str()).collect();
            return wrong(format!(
                "NetIfList entry {entry} names no node of the cluster, which are {}",
                known.join(", ")
            ));
        }
    }
    for node in subject.nodelist().iter().filter(|_| !list.is_empty()) {
        let id = nodes.get(node).map_or(0, |n| n.id);
        if !is_named(node.as_str(), id) {
            return wrong(format!(
                "NetIfList names no interface for node {node} of group {}: add interface@{node}",
                subject.group()
            ));
        }
    }
    Ok(())
}

/// Refused when the node has the address by itself, not by this resource.
fn is_not_the_nodes_own(subject: &Subject, network: &Network, addresses: &[IpAddr]) -> Outcome {
    let claimed = claimed(subject, &subject.claims()?)?;
    for address in addresses {
        let is_claimed = claimed.iter().any(|claim| claim.address() == *address);
        let own = network.holder(*address).filter(|_| !is_claimed && !address.is_loopback());
        if let Some(link) = own {
            return wrong(format!(
                "{address} is an address of node {} itself (interface {}): a logical host needs one of its own",
                subject.node, link.name
            ));
        }
    }
    Ok(())
}

/// A name that is not in the hosts file must be resolvable by this node now.
fn name_service_answers(subject: &Subject) -> Outcome {
    for name in subject.values("HostnameList") {
        if name.parse::<IpAddr>().is_err() && (name.as_str(), 0).to_socket_addrs().is_err() {
            return wrong(format!(
                "the name service of node {} does not know {name}: repair it, or set CheckNameService=FALSE",
                subject.node
            ));
        }
    }
    Ok(())
}
