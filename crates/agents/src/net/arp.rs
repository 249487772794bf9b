//! ARP for IPv4 over Ethernet (RFC 826): probes and announcements as RFC 5227 has them.

use super::packet::Hardware;
use std::net::Ipv4Addr;

/// Kind of Ethernet frame.
pub(crate) const ETHERTYPE: u16 = 0x0806;

const REQUEST: u16 = 1;
const REPLY: u16 = 2;
/// Bytes of a packet.
const LENGTH: usize = 28;

/// "Does anybody hold this address?", asked without an address of our own (RFC 5227 §2.1.1).
pub(crate) fn probe(from: Hardware, address: Ipv4Addr) -> Vec<u8> {
    packet(REQUEST, from, Ipv4Addr::UNSPECIFIED, address)
}

/// "We hold this address": as a request, which RFC 5227 §2.3 recommends, and as a reply, for neighbours that take only those.
pub(crate) fn announcements(from: Hardware, address: Ipv4Addr) -> [Vec<u8>; 2] {
    [packet(REQUEST, from, address, address), packet(REPLY, from, address, address)]
}

/// Whether a packet says that its sender has one of the addresses, or is about to take it.
pub(crate) fn claimed(payload: &[u8], addresses: &[Ipv4Addr]) -> Option<Ipv4Addr> {
    if payload.get(..6)? != [0, 1, 8, 0, 6, 4] {
        return None;
    }
    let ip = |at: usize| {
        let octets: [u8; 4] = payload.get(at..at + 4)?.try_into().ok()?;
        Some(Ipv4Addr::from(octets))
    };
    let (sender, target) = (ip(14)?, ip(24)?);
    let is_probe = sender.is_unspecified();
    addresses.iter().copied().find(|ours| sender == *ours || (is_probe && target == *ours))
}

fn packet(operation: u16, from: Hardware, sender: Ipv4Addr, target: Ipv4Addr) -> Vec<u8> {
    let mut packet = Vec::with_capacity(LENGTH);
    // Ethernet, IPv4, and the lengths of their addresses.
    packet.extend_from_slice(&[0, 1, 8, 0, 6, 4]);
    packet.extend_from_slice(&operation.to_be_bytes());
    packet.extend_from_slice(&from);
    packet.extend_from_slice(&sender.octets());
    packet.extend_from_slice(&[0; 6]);
    packet.extend_from_slice(&target.octets());
    packet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_answers_announces_or_probes_an_address_is_seen_and_who_asks_for_it_is_not() {
        let ours: Ipv4Addr = "10.0.0.9".parse().unwrap();
        let other: Ipv4Addr = "10.0.0.1".parse().unwrap();
        let mac = [2, 0, 0, 0, 0, 1];
        let [request, reply] = announcements(mac, ours);
        let asked = packet(REQUEST, mac, other, ours);
        let cases = [
            (request, true),
            (reply, true),
            (probe(mac, ours), true),
            (asked, false),
            (probe(mac, other), false),
            (vec![0, 1, 8, 0, 6, 4, 0, 1], false),
            (Vec::new(), false),
        ];
        for (packet, expect) in cases {
            assert_eq!(claimed(&packet, &[ours]).is_some(), expect, "{packet:?}");
        }
    }
}
