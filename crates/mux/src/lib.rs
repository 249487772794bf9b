//! The multiplexor: all bytes from outside enter here.
//!
//! It accepts, limits, speaks TLS, cuts the stream into whole elements and passes these up the link; it carries out the
//! orders that come down. It knows no accounts, no stanzas and no sessions, and it must never decide anything that
//! depends on them.
//!
//! In reading order, from socket to link:
//!
//! 1. `listen` accepts connections, within the budgets of `admission`;
//! 2. `tls` shakes hands where TLS is wanted, in a task of its own;
//! 3. `connection` is the life of one connection: one task, one state machine, the timers of `alarms`;
//! 4. `line` is the other direction: where orders of the server wait for the connection's task.
//!
//! A quiet connection holds no buffer. Bytes are read into, gathered in and encrypted in buffers lent by the thread
//! (`scratch`).

mod admission;
mod alarms;
mod config;
mod connection;
mod journal;
mod line;
mod listen;
mod metrics;
mod mux;
mod scratch;
mod shown;
mod socket;
mod tls;

pub use config::{Config, ListenerConfig, ListenerKind, MuxLimits, StartError};
pub use line::Downlink;
pub use metrics::MuxMetrics;
pub use mux::Mux;
pub use tls::{TlsError, TlsFiles, TlsStore};
