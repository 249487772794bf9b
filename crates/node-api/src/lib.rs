//! What a node daemon can be asked at its admin socket (`request`), the client for it (`client`), and the claims that methods leave for the
//! guard (`claim`).
//!
//! Operators' commands, resource types' methods and fault monitors are all clients; none of them decides anything about the cluster.
//! One JSON object per line, one request per connection: the daemon answers with lines until `Reply::is_last`. The socket's permissions
//! are the security: root and the admin group (design §3).

pub mod claim;
pub mod client;
pub mod request;

pub use client::{Client, ClientError, socket_path};
pub use request::{Ask, Reply, Snapshot, StoredKey};
