//! Administration: one set of requests (`protocol.rs`), reached through the socket of the running service
//! (`socket.rs`), or by opening the store when nothing runs (`door.rs`).
//!
//! Never decides anything about accounts; the core does.

pub(crate) mod door;
mod path;
pub(crate) mod protocol;
pub(crate) mod socket;

pub(crate) use path::SocketPath;

/// Name of the socket in the runtime_dir.
pub(crate) const SOCKET: &str = "admin.sock";
