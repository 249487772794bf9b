//! The control store in etcd: [`control::ControlStore`] over etcd's v3 interface, for clusters of more than one machine.
//!
//! Quorum, leases and history are etcd's; here are only the ways to it: several endpoints, mutual TLS, one namespace, and what becomes of a
//! call whose member dies. A transaction is never sent twice unless it was certainly not handled the first time. Needs etcd 3.4 or newer, no
//! `protoc` to build. Nobody here compacts etcd: set `--auto-compaction-mode` and `--auto-compaction-retention` there.

mod endpoints;
mod failure;
mod grpc;
mod hedge;
mod options;
mod proto;
#[cfg(feature = "rig")]
pub mod rig;
mod status;
mod store;
mod tls;
mod watch;

pub use options::{ConnectError, ENDPOINTS_MAX, EtcdOptions, Login, NAMESPACE_BYTES_MAX, Tls};
pub use store::EtcdStore;
