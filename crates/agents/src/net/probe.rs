//! Asks the neighbours of an interface whether somebody holds addresses, and tells them that we do.
//!
//! The question takes a bounded time, since silence is the answer hoped for: a living host answers within a fraction of a millisecond
//! on its wire. Address conflicts are a mistake of people; two nodes of the cluster are kept apart by permits, not by this.

use super::packet::{BROADCAST, Hardware, Wire, wait};
use super::route::Link;
use super::{arp, neighbour};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

/// How often each question is put within the time.
const QUESTIONS: u32 = 3;

/// Somebody holds an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Holder {
    pub(crate) address: IpAddr,
    pub(crate) hardware: Hardware,
}

/// Both families' wires of an interface, as far as they are needed.
struct Wires {
    v4: Option<Wire>,
    v6: Option<Wire>,
    addresses_v4: Vec<Ipv4Addr>,
    addresses_v6: Vec<Ipv6Addr>,
}

impl Wires {
    fn open(link: &Link, addresses: &[IpAddr]) -> io::Result<Self> {
        let (mut addresses_v4, mut addresses_v6) = (Vec::new(), Vec::new());
        for address in addresses {
            match address {
                IpAddr::V4(address) => addresses_v4.push(*address),
                IpAddr::V6(address) => addresses_v6.push(*address),
            }
        }
        let open =
            |is_needed: bool, ethertype| is_needed.then(|| Wire::open(link, ethertype)).transpose();
        Ok(Self {
            v4: open(!addresses_v4.is_empty(), arp::ETHERTYPE)?,
            v6: open(!addresses_v6.is_empty(), neighbour::ETHERTYPE)?,
            addresses_v4,
            addresses_v6,
        })
    }

    fn all(&self) -> Vec<&Wire> {
        self.v4.iter().chain(&self.v6).collect()
    }

    fn ask(&self) -> io::Result<()> {
        for (wire, address) in
            self.v4.iter().flat_map(|w| self.addresses_v4.iter().map(move |a| (w, a)))
        {
            wire.send(BROADCAST, &arp::probe(wire.hardware, *address))?;
        }
        for (wire, address) in
            self.v6.iter().flat_map(|w| self.addresses_v6.iter().map(move |a| (w, a)))
        {
            let (to, packet) = neighbour::probe(*address);
            wire.send(to, &packet)?;
        }
        Ok(())
    }

    fn tell(&self) -> io::Result<()> {
        for (wire, address) in
            self.v4.iter().flat_map(|w| self.addresses_v4.iter().map(move |a| (w, a)))
        {
            for packet in arp::announcements(wire.hardware, *address) {
                wire.send(BROADCAST, &packet)?;
            }
        }
        for (wire, address) in
            self.v6.iter().flat_map(|w| self.addresses_v6.iter().map(move |a| (w, a)))
        {
            let (to, packet) = neighbour::announcement(wire.hardware, *address);
            wire.send(to, &packet)?;
        }
        Ok(())
    }

    /// Looks through what has arrived.
    fn answer(&self) -> io::Result<Option<Holder>> {
        for wire in self.all() {
            while let Some((from, payload)) = wire.take()? {
                let v4 = arp::claimed(&payload, &self.addresses_v4).map(IpAddr::from);
                let v6 = || neighbour::claimed(&payload, &self.addresses_v6).map(IpAddr::from);
                let claimed = v4.or_else(v6);
                if let Some(address) = claimed.filter(|_| from != wire.hardware) {
                    return Ok(Some(Holder { address, hardware: from }));
                }
            }
        }
        Ok(None)
    }
}

/// Whether somebody on the interface's wire holds one of the addresses; asked for this long when nobody does.
pub(crate) fn holder(
    link: &Link,
    addresses: &[IpAddr],
    time: Duration,
) -> io::Result<Option<Holder>> {
    if addresses.is_empty() || time.is_zero() || !link.has_neighbours() {
        return Ok(None);
    }
    let wires = Wires::open(link, addresses)?;
    for _ in 0..QUESTIONS {
        wires.ask()?;
        let until = Instant::now() + time / QUESTIONS;
        while Instant::now() < until {
            if wait(&wires.all(), until)?
                && let Some(holder) = wires.answer()?
            {
                return Ok(Some(holder));
            }
        }
    }
    Ok(None)
}

/// Tells all neighbours that the addresses are here now, once.
pub(crate) fn announce(link: &Link, addresses: &[IpAddr]) -> io::Result<()> {
    if addresses.is_empty() || !link.has_neighbours() {
        return Ok(());
    }
    Wires::open(link, addresses)?.tell()
}

/// As people write it.
pub(crate) fn shown(hardware: Hardware) -> String {
    hardware.map(|byte| format!("{byte:02x}")).join(":")
}
