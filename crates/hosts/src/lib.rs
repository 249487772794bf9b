//! Hosts on one machine, for proof: each is a set of namespaces (network, mounts, processes, host name, IPC) with files of its own under `/etc`, `/run` and
//! `/var`, a wire to a bridge, and a loop device onto a disk image that all hosts share. On them run etcd, a cluster manager (ours, or one of
//! the others), and a small HTTP service with an address and a file system; a client outside requests all the time.
//!
//! Tests (`tests/it`) check what must never happen, the benchmark (`hosts-bench`, by `cargo xtask bench failover`) measures the time without
//! service. Walk: `site` puts together `space`, `host`, `wire`, `disk`, `etcd`; `contender` is what is measured; `client` and `ledger` say what came
//! of it; `faults` lists what is done to it. It never ends a process it did not start, and whatever becomes of the rig, the hosts end with it. Needs root.

pub mod client;
pub mod contender;
pub mod disk;
pub mod etcd;
pub mod faults;
pub mod host;
pub mod keepalived;
pub mod ledger;
pub mod measure;
pub mod power;
pub mod report;
pub mod shell;
pub mod site;
pub mod space;
pub mod steadfast;
pub mod wire;

pub use contender::Contender;
pub use site::{Programs, Site};
