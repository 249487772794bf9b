//! TLS (RFC 7590): where certificates come from, how hands are shaken, what a session proves, and its records.
//!
//! | file | what |
//! |---|---|
//! | [`store`] | certificate and key on disk, reloaded while we run |
//! | [`self_made`] | the certificate of a server that was given none |
//! | [`binding`] | channel bindings: RFC 9266 tls-exporter, RFC 5929 tls-server-end-point |
//! | [`witness`] | what can only be seen while rustls shakes hands |
//! | [`session`] | records in, records out, nothing kept in between |
//! | [`handshake`] | the task that gets a connection from hello to finished |
//!
//! TLS 1.2 and 1.3; no early data, no tickets, no client certificates.

pub(crate) mod binding;
pub(crate) mod handshake;
mod self_made;
pub(crate) mod session;
mod store;
mod witness;

pub use store::{TlsError, TlsFiles, TlsStore};
