//! Addresses and interfaces of this machine, through rtnetlink(7).

use super::attribute::{each, put, u32_at};
use super::netlink::{ACK, CREATE, DUMP, EXCLUSIVE, Message, Netlink};
use super::subnet::{Subnet, host_prefix};
use rustix::io::Errno;
use std::io;
use std::net::{IpAddr, Ipv4Addr};

const NEW_LINK: u16 = 16;
const GET_LINK: u16 = 18;
const NEW_ADDRESS: u16 = 20;
const DELETE_ADDRESS: u16 = 21;
const GET_ADDRESS: u16 = 22;

const IFA_ADDRESS: u16 = 1;
const IFA_LOCAL: u16 = 2;
const IFA_BROADCAST: u16 = 4;
const IFA_FLAGS: u16 = 8;
/// No duplicate detection by the kernel: we asked already, and an address that is tentative for a second serves nobody.
const IFA_F_NODAD: u32 = 0x02;

const IFLA_ADDRESS: u16 = 1;
const IFLA_IFNAME: u16 = 3;

const IFF_UP: u32 = 0x1;
const IFF_LOOPBACK: u32 = 0x8;
const IFF_RUNNING: u32 = 0x40;
const IFF_NOARP: u32 = 0x80;

const AF_INET: u8 = 2;
const AF_INET6: u8 = 10;

/// Events of links and of both families' addresses (RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR).
pub(crate) const EVENTS: u32 = 0x1 | 0x10 | 0x100;

/// An interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) index: u32,
    pub(crate) name: String,
    /// Ethernet's, when it has one.
    pub(crate) hardware: Option<[u8; 6]>,
    flags: u32,
}

impl Link {
    pub(crate) const fn is_up(&self) -> bool {
        self.flags & IFF_UP != 0
    }

    /// Up and with a carrier.
    pub(crate) const fn is_running(&self) -> bool {
        self.is_up() && self.flags & IFF_RUNNING != 0
    }

    pub(crate) const fn is_loopback(&self) -> bool {
        self.flags & IFF_LOOPBACK != 0
    }

    /// Whether neighbours find each other by asking (ARP, neighbour discovery).
    pub(crate) const fn has_neighbours(&self) -> bool {
        self.hardware.is_some() && self.flags & (IFF_LOOPBACK | IFF_NOARP) == 0
    }
}

/// An address on an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Configured {
    pub(crate) index: u32,
    pub(crate) subnet: Subnet,
}

/// All interfaces.
pub(crate) fn links(netlink: &mut Netlink) -> io::Result<Vec<Link>> {
    let answers = netlink.request(GET_LINK, DUMP, &[0; 16])?;
    Ok(answers.iter().filter(|m| m.kind == NEW_LINK).filter_map(link).collect())
}

/// All addresses of all interfaces.
pub(crate) fn addresses(netlink: &mut Netlink) -> io::Result<Vec<Configured>> {
    let answers = netlink.request(GET_ADDRESS, DUMP, &[0; 8])?;
    Ok(answers.iter().filter(|m| m.kind == NEW_ADDRESS).filter_map(configured).collect())
}

/// Adds an address. One that is there already is no error.
pub(crate) fn add(netlink: &mut Netlink, index: u32, subnet: Subnet) -> io::Result<()> {
    let mut body = address_body(index, subnet);
    match subnet.address {
        IpAddr::V4(address) if subnet.prefix < 31 => {
            let hosts = u32::MAX.checked_shr(u32::from(subnet.prefix)).unwrap_or(0);
            let broadcast = Ipv4Addr::from_bits(address.to_bits() | hosts);
            put(&mut body, IFA_BROADCAST, &broadcast.octets());
        }
        IpAddr::V4(_) => {}
        IpAddr::V6(_) => put(&mut body, IFA_FLAGS, &IFA_F_NODAD.to_ne_bytes()),
    }
    match netlink.request(NEW_ADDRESS, ACK | CREATE | EXCLUSIVE, &body) {
        Err(error) if is(&error, Errno::EXIST) => Ok(()),
        other => other.map(drop),
    }
}

/// Removes an address. One that is not there is no error, nor is an interface that has gone.
pub(crate) fn delete(netlink: &mut Netlink, index: u32, subnet: Subnet) -> io::Result<()> {
    match netlink.request(DELETE_ADDRESS, ACK, &address_body(index, subnet)) {
        Err(error) if is(&error, Errno::ADDRNOTAVAIL) || is(&error, Errno::NODEV) => Ok(()),
        other => other.map(drop),
    }
}

/// Whether the kernel said this.
pub(crate) fn is(error: &io::Error, code: Errno) -> bool {
    error.raw_os_error() == Some(code.raw_os_error())
}

/// struct ifaddrmsg, with the address itself.
fn address_body(index: u32, subnet: Subnet) -> Vec<u8> {
    let (family, octets) = match subnet.address {
        IpAddr::V4(address) => (AF_INET, address.octets().to_vec()),
        IpAddr::V6(address) => (AF_INET6, address.octets().to_vec()),
    };
    let scope = if subnet.address.is_loopback() { 254 } else { 0 };
    let mut body = vec![family, subnet.prefix, 0, scope];
    body.extend_from_slice(&index.to_ne_bytes());
    put(&mut body, IFA_LOCAL, &octets);
    put(&mut body, IFA_ADDRESS, &octets);
    body
}

fn link(message: &Message) -> Option<Link> {
    let (index, flags) = (u32_at(&message.body, 4)?, u32_at(&message.body, 8)?);
    let mut link = Link { index, name: String::new(), hardware: None, flags };
    for (kind, value) in each(message.body.get(16..)?) {
        match kind {
            IFLA_IFNAME => {
                let name = value.split(|b| *b == 0).next().unwrap_or_default();
                link.name = String::from_utf8_lossy(name).into_owned();
            }
            IFLA_ADDRESS => link.hardware = value.try_into().ok(),
            _ => {}
        }
    }
    Some(link)
}

fn configured(message: &Message) -> Option<Configured> {
    let (family, prefix) = (*message.body.first()?, *message.body.get(1)?);
    let index = u32_at(&message.body, 4)?;
    let mut address = None;
    for (kind, value) in each(message.body.get(8..)?) {
        // IFA_ADDRESS of a point-to-point link is the other end's; IFA_LOCAL is always ours. IPv6 has only the former.
        if kind == IFA_LOCAL || (kind == IFA_ADDRESS && address.is_none()) {
            address = ip(family, value).or(address);
        }
    }
    let address = address?;
    Some(Configured { index, subnet: Subnet { address, prefix: prefix.min(host_prefix(address)) } })
}

fn ip(family: u8, value: &[u8]) -> Option<IpAddr> {
    match family {
        AF_INET => <[u8; 4]>::try_from(value).ok().map(IpAddr::from),
        AF_INET6 => <[u8; 16]>::try_from(value).ok().map(IpAddr::from),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_loopback_interface_and_its_address_are_seen() {
        let mut netlink = Netlink::open().unwrap();
        let links = links(&mut netlink).unwrap();
        let loopback = links.iter().find(|l| l.is_loopback()).unwrap();
        assert_eq!(loopback.name, "lo");
        assert!(!loopback.has_neighbours());
        let all = addresses(&mut netlink).unwrap();
        let subnet = Subnet { address: "127.0.0.1".parse().unwrap(), prefix: 8 };
        assert!(all.contains(&Configured { index: loopback.index, subnet }), "{all:?}");
    }
}
