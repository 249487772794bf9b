//! The methods as processes against a stand-in for the node daemon, real process trees, real addresses in network namespaces, real file systems
//! in mount namespaces. They need root and say so when it is missing.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod addresses;
mod bare;
mod daemon;
mod disks;
mod root;
mod service;
mod storage;
