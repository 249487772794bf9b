//! PRENET_START, START, STOP, POSTNET_STOP of a logical host.
//!
//! Every address is claimed (`Claim::Address`) before it is added and the claim forgotten after it is removed. STOP works from the claims, not
//! from the properties: what was added is removed even if names have come to mean something else meanwhile.

use super::hold;
use super::place::{Network, Place, place};
use crate::failure::{Doing, Outcome, failed, say, wrong};
use crate::net::netlink::Netlink;
use crate::net::probe;
use crate::net::route::{self, Link};
use crate::net::subnet::Subnet;
use crate::subject::Subject;
use node_api::claim::{Claim, Claims};
use rgm::Status;
use std::net::IpAddr;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

/// A claim made by PRENET_START this recently needs no second question to the neighbours in START.
const ASKED_RECENTLY: Duration = Duration::from_secs(10);
/// Announcements sent by START itself; the monitor repeats them later.
const ANNOUNCEMENTS: u32 = 3;
/// Between them.
const ANNOUNCEMENT_PAUSE: Duration = Duration::from_millis(1);

/// An address of this resource that is claimed on this node.
pub(super) struct Claimed {
    name: String,
    address: IpAddr,
    prefix: u8,
    interface: String,
    is_recent: bool,
}

impl Claimed {
    pub(super) const fn address(&self) -> IpAddr {
        self.address
    }
}

fn name_prefix(subject: &Subject) -> String {
    // Legal names have no '.', so no other resource's claims begin like this.
    format!("address.{}.", subject.name())
}

fn claim_name(subject: &Subject, address: IpAddr) -> String {
    format!("{}{address}", name_prefix(subject))
}

/// The claims of this resource.
pub(super) fn claimed(subject: &Subject, claims: &Claims) -> Outcome<Vec<Claimed>> {
    let all = claims.all().doing("reading the claims of this node")?;
    let prefix = name_prefix(subject);
    let own = all.into_iter().filter_map(|(file, claim)| {
        let name = file.file_stem()?.to_str()?.to_owned();
        match claim {
            Ok(Claim::Address { address, prefix: bits, interface })
                if name.starts_with(&prefix) =>
            {
                let name = claim_name(subject, address);
                Some(Claimed {
                    name,
                    address,
                    prefix: bits,
                    interface,
                    is_recent: is_recent(&file),
                })
            }
            _ => None,
        }
    });
    Ok(own.collect())
}

fn is_recent(file: &Path) -> bool {
    let made = std::fs::metadata(file).and_then(|m| m.modified());
    let age = made.ok().and_then(|made| SystemTime::now().duration_since(made).ok());
    age.is_some_and(|age| age < ASKED_RECENTLY)
}

/// PRENET_START: the place is known, the interface is up, nobody else holds the addresses, and they are claimed.
pub(crate) fn prenet_start(subject: &Subject) -> Outcome {
    let mut netlink = Netlink::open().doing("opening a netlink socket")?;
    let network = Network::look(&mut netlink)?;
    match place(subject, &network)? {
        Place::Bare(_) => Ok(()),
        Place::Interface(link, subnets) => prepare(subject, &network, &link, &subnets).map(drop),
    }
}

/// START: the addresses are on the interface, and the neighbours have been told.
pub(crate) fn start(subject: &Subject) -> Outcome {
    let mut netlink = Netlink::open().doing("opening a netlink socket")?;
    let network = Network::look(&mut netlink)?;
    match place(subject, &network)? {
        Place::Bare(addresses) => hold::take(subject, &addresses)?,
        Place::Interface(link, subnets) => {
            let missing = prepare(subject, &network, &link, &subnets)?;
            for subnet in &missing {
                route::add(&mut netlink, link.index, *subnet)
                    .doing(format_args!("adding {subnet} to {}", link.name))?;
            }
            announce(&link, &subnets);
        }
    }
    subject.set_status(Status::Ok, "LogicalHostname online.");
    Ok(())
}

/// Claims what is not on the interface yet, after asking the neighbours; returns it.
fn prepare(
    subject: &Subject,
    network: &Network,
    link: &Link,
    subnets: &[Subnet],
) -> Outcome<Vec<Subnet>> {
    if !link.is_up() {
        return failed(format!(
            "interface {} of node {} is down: bring it up with ip link set {0} up",
            link.name, subject.node
        ));
    }
    let claims = subject.claims()?;
    let claimed = claimed(subject, &claims)?;
    let mut missing = Vec::new();
    for subnet in subnets {
        let claim = claimed.iter().find(|claim| claim.address == subnet.address);
        match (network.holder(subnet.address), claim) {
            (None, _) => missing.push(*subnet),
            (Some(_), Some(_)) => {}
            (Some(on), None) => {
                return wrong(format!(
                    "{} is on interface {} of node {} already, and not by this cluster: remove it there (ip address del {}/{} dev {1})",
                    subnet.address, on.name, subject.node, subnet.address, subnet.prefix
                ));
            }
        }
    }
    let is_asked =
        |subnet: &&Subnet| claimed.iter().any(|c| c.address == subnet.address && c.is_recent);
    let unasked: Vec<IpAddr> =
        missing.iter().filter(|subnet| !is_asked(subnet)).map(|subnet| subnet.address).collect();
    nobody_holds(subject, link, &unasked)?;
    for subnet in &missing {
        let claim = Claim::Address {
            address: subnet.address,
            prefix: subnet.prefix,
            interface: link.name.clone(),
        };
        claims
            .make(&claim_name(subject, subnet.address), &claim)
            .doing(format_args!("claiming {}", subnet.address))?;
    }
    Ok(missing)
}

/// A host that was just switched off, or a switch that answers for it, may be heard a little longer.
const HOLDER_PATIENCE: Duration = Duration::from_secs(3);
/// Before it is asked again.
const HOLDER_PAUSE: Duration = Duration::from_millis(100);

fn nobody_holds(subject: &Subject, link: &Link, addresses: &[IpAddr]) -> Outcome {
    let time = u64::try_from(subject.number("Address_probe_ms", 30)).unwrap_or(0);
    let begun = Instant::now();
    let holder = loop {
        let holder = probe::holder(link, addresses, Duration::from_millis(time))
            .doing(format_args!("asking on {} whether somebody holds {addresses:?}", link.name))?;
        if holder.is_none() || begun.elapsed() > HOLDER_PATIENCE {
            break holder;
        }
        std::thread::sleep(HOLDER_PAUSE);
    };
    match holder {
        None => Ok(()),
        Some(holder) => failed(format!(
            "{} is in use: {} on the wire of {} answers for it; find that host (it may be a node that was not stopped), or give the logical host another address",
            holder.address,
            probe::shown(holder.hardware),
            link.name
        )),
    }
}

fn announce(link: &Link, subnets: &[Subnet]) {
    let addresses: Vec<IpAddr> = subnets.iter().map(|subnet| subnet.address).collect();
    for number in 0..ANNOUNCEMENTS {
        if number > 0 {
            std::thread::sleep(ANNOUNCEMENT_PAUSE);
        }
        if let Err(error) = probe::announce(link, &addresses) {
            // The addresses are there and serve whoever asks; neighbours with old entries find out later.
            say(format!("{addresses:?} could not be announced on {}: {error}", link.name));
            return;
        }
    }
}

/// STOP: the addresses are gone.
pub(crate) fn stop(subject: &Subject) -> Outcome {
    remove(subject)?;
    hold::leave(subject)?;
    subject.set_status(Status::Offline, "LogicalHostname offline.");
    Ok(())
}

/// POSTNET_STOP: also when START never ran.
pub(crate) fn postnet_stop(subject: &Subject) -> Outcome {
    remove(subject)
}

fn remove(subject: &Subject) -> Outcome {
    let claims = subject.claims()?;
    let claimed = claimed(subject, &claims)?;
    if claimed.is_empty() {
        return Ok(());
    }
    let mut netlink = Netlink::open().doing("opening a netlink socket")?;
    let links = route::links(&mut netlink).doing("listing the interfaces")?;
    for claim in claimed {
        let Claimed { name, address, prefix, interface, .. } = claim;
        // An interface that is gone took its addresses with it.
        if let Some(link) = links.iter().find(|link| link.name == interface) {
            route::delete(&mut netlink, link.index, Subnet { address, prefix })
                .doing(format_args!("removing {address} from {interface}"))?;
        }
        claims.forget(&name).doing(format_args!("forgetting the claim of {address}"))?;
    }
    Ok(())
}
