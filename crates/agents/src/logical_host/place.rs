//! Where addresses belong on this node: the interface that has an address of the same subnet, or the one that NetIfList names; or, on the loopback
//! interface and without the right to configure interfaces, nowhere: they are only claimed.

use super::hosts;
use crate::failure::{Doing, Outcome, wrong};
use crate::net::netlink::Netlink;
use crate::net::route::{self, Configured, Link};
use crate::net::subnet::{Subnet, host_prefix};
use crate::subject::Subject;
use rustix::thread::{CapabilitySet, capabilities};
use std::net::{IpAddr, UdpSocket};

/// Where the addresses of a resource belong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// On an interface, each with the prefix it gets.
    Interface(Link, Vec<Subnet>),
    /// Nowhere; held against the other nodes of this machine.
    Bare(Vec<IpAddr>),
}

/// The network of this node as it is now.
#[derive(Clone, Debug, Default)]
pub(crate) struct Network {
    pub(crate) links: Vec<Link>,
    pub(crate) configured: Vec<Configured>,
}

impl Network {
    /// Asks the kernel.
    pub(crate) fn look(netlink: &mut Netlink) -> Outcome<Self> {
        Ok(Self {
            links: route::links(netlink).doing("listing the interfaces")?,
            configured: route::addresses(netlink).doing("listing the addresses")?,
        })
    }

    pub(crate) fn link(&self, name: &str) -> Option<&Link> {
        self.links.iter().find(|link| link.name == name)
    }

    /// The interface that has exactly this address.
    pub(crate) fn holder(&self, address: IpAddr) -> Option<&Link> {
        let found = self.configured.iter().find(|c| c.subnet.address == address)?;
        self.links.iter().find(|link| link.index == found.index)
    }

    /// The interface for an address, and its prefix there.
    fn choose(&self, address: IpAddr, among: &[IpAddr], on: Option<&str>) -> Option<(&Link, u8)> {
        let of_subnet = self.configured.iter().filter(|c| {
            // Our own addresses prove nothing: they are here because of a choice made before.
            c.subnet.contains(address) && !among.contains(&c.subnet.address)
        });
        let linked = of_subnet.filter_map(|c| {
            let link = self.links.iter().find(|link| link.index == c.index)?;
            let is_fit = !link.is_loopback() && c.subnet.prefix < host_prefix(address);
            let is_named = on.is_none_or(|name| name == link.name);
            (is_fit && is_named).then_some((link, c.subnet.prefix))
        });
        let best = linked.max_by_key(|(link, prefix)| (link.is_running(), link.is_up(), *prefix));
        // A named interface without the subnet takes the address alone.
        best.or_else(|| Some((self.link(on?)?, host_prefix(address))))
    }
}

/// The interface that NetIfList (`interface@node`, by name or id) has for this node.
pub(crate) fn named_interface(subject: &Subject) -> Outcome<Option<String>> {
    let list = subject.values("NetIfList");
    let id = subject.node_id().to_string();
    for entry in &list {
        match entry.split_once('@') {
            Some((interface, node)) if node == subject.node.as_str() || node == id => {
                return Ok(Some(interface.to_owned()));
            }
            Some(_) => {}
            None => return wrong(format!("NetIfList entry {entry} is not interface@node")),
        }
    }
    if list.is_empty() {
        return Ok(None);
    }
    wrong(format!("NetIfList names no interface for node {}: add interface@{0}", subject.node))
}

/// Where the resource's addresses belong on this node.
pub(crate) fn place(subject: &Subject, network: &Network) -> Outcome<Place> {
    let addresses = hosts::resolve_all(&subject.values("HostnameList"))?;
    if addresses.is_empty() {
        return wrong("HostnameList is empty: give at least one host name or address");
    }
    let on = named_interface(subject)?;
    if addresses.iter().all(IpAddr::is_loopback) || !may_configure() {
        return bare(addresses);
    }
    let mut chosen: Option<&Link> = None;
    let mut subnets = Vec::new();
    for address in &addresses {
        let Some((link, prefix)) = network.choose(*address, &addresses, on.as_deref()) else {
            return wrong(nowhere(*address, subject, network, on.as_deref()));
        };
        if let Some(other) = chosen.filter(|other| other.index != link.index) {
            return wrong(format!(
                "{} belongs on {} and {address} on {} of node {}: one resource takes the host names of one subnet, so make two resources",
                addresses.first().map(ToString::to_string).unwrap_or_default(),
                other.name,
                link.name,
                subject.node
            ));
        }
        chosen = Some(link);
        subnets.push(Subnet { address: *address, prefix });
    }
    match chosen {
        Some(link) => Ok(Place::Interface(link.clone(), subnets)),
        None => wrong("HostnameList is empty: give at least one host name or address"),
    }
}

fn nowhere(address: IpAddr, subject: &Subject, network: &Network, on: Option<&str>) -> String {
    let node = &subject.node;
    if let Some(name) = on {
        let names: Vec<&str> = network.links.iter().map(|link| link.name.as_str()).collect();
        return format!(
            "node {node} has no interface {name}, which NetIfList names; it has {}",
            names.join(", ")
        );
    }
    let subnets: Vec<String> = network
        .configured
        .iter()
        .filter(|c| {
            c.subnet.address.is_ipv4() == address.is_ipv4() && !c.subnet.address.is_loopback()
        })
        .map(|c| c.subnet.to_string())
        .collect();
    let subnets = if subnets.is_empty() { "none".to_owned() } else { subnets.join(", ") };
    format!(
        "no interface of node {node} is in a subnet with {address} (its subnets: {subnets}): configure one, or name the interface with NetIfList=interface@{node}"
    )
}

/// Only claimed; refused when nobody here could use them.
fn bare(addresses: Vec<IpAddr>) -> Outcome<Place> {
    for address in &addresses {
        if let Err(error) = UdpSocket::bind((*address, 0)) {
            return wrong(format!(
                "{address} is not an address of this machine ({error}), and without the right to configure interfaces (CAP_NET_ADMIN) it cannot be made one: run the node as root, or take an address such as 127.0.0.10"
            ));
        }
    }
    Ok(Place::Bare(addresses))
}

/// CAP_NET_ADMIN.
pub(crate) fn may_configure() -> bool {
    capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::NET_ADMIN))
}
