//! Neighbour discovery for IPv6 (RFC 4861): the solicitation of duplicate address detection (RFC 4862 §5.4) and the unsolicited
//! advertisement (RFC 4861 §7.2.6).
//!
//! As whole packets, because the kernel lets nobody send from an address that is not there yet.

use super::packet::Hardware;
use std::net::Ipv6Addr;

/// Kind of Ethernet frame.
pub(crate) const ETHERTYPE: u16 = 0x86dd;

const ICMPV6: u8 = 58;
const SOLICITATION: u8 = 135;
const ADVERTISEMENT: u8 = 136;
/// Override: what neighbours have cached is wrong from now on.
const OVERRIDE: u8 = 0x20;
const TARGET_LINK_LAYER_ADDRESS: u8 = 2;
const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// Bytes of the IPv6 head.
const HEAD: usize = 40;

/// "Does anybody hold this address?": where to, and the packet.
pub(crate) fn probe(address: Ipv6Addr) -> (Hardware, Vec<u8>) {
    let [.., a, b, c] = address.octets();
    let group =
        Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | u16::from(a), u16::from_be_bytes([b, c]));
    let mut message = vec![SOLICITATION, 0, 0, 0, 0, 0, 0, 0];
    message.extend_from_slice(&address.octets());
    (multicast(group), packet(Ipv6Addr::UNSPECIFIED, group, message))
}

/// "We hold this address": where to, and the packet.
pub(crate) fn announcement(from: Hardware, address: Ipv6Addr) -> (Hardware, Vec<u8>) {
    let mut message = vec![ADVERTISEMENT, 0, 0, 0, OVERRIDE, 0, 0, 0];
    message.extend_from_slice(&address.octets());
    message.extend_from_slice(&[TARGET_LINK_LAYER_ADDRESS, 1]);
    message.extend_from_slice(&from);
    (multicast(ALL_NODES), packet(address, ALL_NODES, message))
}

/// Whether a packet says that its sender has one of the addresses, or is about to take it.
pub(crate) fn claimed(payload: &[u8], addresses: &[Ipv6Addr]) -> Option<Ipv6Addr> {
    let ip = |at: usize| {
        let octets: [u8; 16] = payload.get(at..at + 16)?.try_into().ok()?;
        Some(Ipv6Addr::from(octets))
    };
    let (next, hops, kind) = (*payload.get(6)?, *payload.get(7)?, *payload.get(HEAD)?);
    // A hop limit of 255 proves that it comes from this wire (RFC 4861 §7.1).
    if next != ICMPV6 || hops != 255 {
        return None;
    }
    let (source, target) = (ip(8)?, ip(HEAD + 8)?);
    let tells = kind == ADVERTISEMENT || (kind == SOLICITATION && source.is_unspecified());
    addresses.iter().copied().find(|ours| tells && target == *ours)
}

/// RFC 2464 §7.
fn multicast(group: Ipv6Addr) -> Hardware {
    let [.., a, b, c, d] = group.octets();
    [0x33, 0x33, a, b, c, d]
}

fn packet(source: Ipv6Addr, destination: Ipv6Addr, mut message: Vec<u8>) -> Vec<u8> {
    let sum = checksum(source, destination, &message);
    if let Some(place) = message.get_mut(2..4) {
        place.copy_from_slice(&sum.to_be_bytes());
    }
    let length = u16::try_from(message.len()).unwrap_or(u16::MAX);
    let mut packet = vec![0x60, 0, 0, 0];
    packet.extend_from_slice(&length.to_be_bytes());
    packet.extend_from_slice(&[ICMPV6, 255]);
    packet.extend_from_slice(&source.octets());
    packet.extend_from_slice(&destination.octets());
    packet.append(&mut message);
    packet
}

/// Over the pseudo-head and the message (RFC 8200 §8.1).
fn checksum(source: Ipv6Addr, destination: Ipv6Addr, message: &[u8]) -> u16 {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes();
    let mut covered = Vec::with_capacity(HEAD + message.len());
    covered.extend_from_slice(&source.octets());
    covered.extend_from_slice(&destination.octets());
    covered.extend_from_slice(&length);
    covered.extend_from_slice(&[0, 0, 0, ICMPV6]);
    covered.extend_from_slice(message);
    let words = covered.chunks(2).map(|pair| match pair {
        [high, low] => u32::from(u16::from_be_bytes([*high, *low])),
        [high, ..] => u32::from(*high) << 8,
        [] => 0,
    });
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_goes_to_the_solicited_node_group_with_a_right_checksum() {
        let (to, packet) = probe("fd00::12:3456".parse().unwrap());
        assert_eq!(to, [0x33, 0x33, 0xff, 0x12, 0x34, 0x56]);
        let source = Ipv6Addr::UNSPECIFIED;
        let destination = "ff02::1:ff12:3456".parse().unwrap();
        assert_eq!(checksum(source, destination, &packet[HEAD..]), 0, "sums to zero with itself");
    }

    #[test]
    fn who_advertises_or_probes_an_address_is_seen_and_who_asks_for_it_is_not() {
        let ours: Ipv6Addr = "fd00::9".parse().unwrap();
        let (_, advertised) = announcement([2, 0, 0, 0, 0, 1], ours);
        let (_, probed) = probe(ours);
        let mut asked = probed.clone();
        asked[8..24].copy_from_slice(&"fd00::1".parse::<Ipv6Addr>().unwrap().octets());
        let mut routed = advertised.clone();
        routed[7] = 64;
        let cut = advertised[..50].to_vec();
        for (packet, expect) in
            [(advertised, true), (probed, true), (asked, false), (routed, false), (cut, false)]
        {
            assert_eq!(claimed(&packet, &[ours]).is_some(), expect);
        }
    }
}
