//! What the logical host needs of the kernel's network: addresses and interfaces (`netlink`, `route`), asking whether somebody holds an address and
//! telling everybody that we do (`probe`, with `arp` for IPv4 and `neighbour` for IPv6).
//!
//! Blocking, a few system calls each, no thread. It decides nothing: which address goes where is `logical_host`'s.

pub(crate) mod arp;
pub(crate) mod attribute;
pub(crate) mod neighbour;
pub(crate) mod netlink;
pub(crate) mod packet;
pub(crate) mod probe;
pub(crate) mod route;
pub(crate) mod subnet;
