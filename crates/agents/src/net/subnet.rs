//! Subnets: an address with the length of its network's prefix.

use std::fmt;
use std::net::IpAddr;

/// A network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Subnet {
    pub(crate) address: IpAddr,
    /// In bits.
    pub(crate) prefix: u8,
}

impl Subnet {
    /// Whether it contains an address of the same family.
    pub(crate) fn contains(&self, other: IpAddr) -> bool {
        match (self.address, other) {
            (IpAddr::V4(a), IpAddr::V4(b)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix.min(32))).unwrap_or(0);
                (a.to_bits() ^ b.to_bits()) & mask == 0
            }
            (IpAddr::V6(a), IpAddr::V6(b)) => {
                let shift = 128 - u32::from(self.prefix.min(128));
                let mask = u128::MAX.checked_shl(shift).unwrap_or(0);
                (a.to_bits() ^ b.to_bits()) & mask == 0
            }
            _ => false,
        }
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// The prefix of a single address.
pub(crate) const fn host_prefix(address: IpAddr) -> u8 {
    match address {
        IpAddr::V4(_) => 32,
        IpAddr::V6(_) => 128,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_in_a_subnet_when_the_prefix_is_equal() {
        let cases = [
            ("10.1.0.1", 16, "10.1.255.9", true),
            ("10.1.0.1", 16, "10.2.0.1", false),
            ("10.1.0.1", 32, "10.1.0.1", true),
            ("10.1.0.1", 0, "192.168.0.1", true),
            ("fd00::1", 64, "fd00::ffff:1", true),
            ("fd00::1", 64, "fd00:0:0:1::1", false),
            ("fd00::1", 0, "10.1.0.1", false),
        ];
        for (address, prefix, other, expect) in cases {
            let subnet = Subnet { address: address.parse().unwrap(), prefix };
            assert_eq!(subnet.contains(other.parse().unwrap()), expect, "{subnet} {other}");
        }
    }
}
