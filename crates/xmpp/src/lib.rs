//! Sans-IO XMPP: framing of restricted XML with limits, JIDs, stanzas, stream negotiation, SASL, stream management.
//!
//! Nothing in this crate reads a clock, a socket, a file or a source of randomness. Time, randomness and identity are
//! arguments.

pub mod credentials;
pub mod jid;
pub mod negotiation;
pub mod ns;
mod prepare;
pub mod sasl;
pub mod sm;
pub mod stanza_error;
pub mod stream_error;
pub mod xml;
