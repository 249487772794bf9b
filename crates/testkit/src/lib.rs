//! What tests share: a scripted XMPP client, server processes under test, text scenarios, a loss checker, load.
//!
//! The client here is the other side of every claim we make, so it shares no parser, no SASL and no stream management with
//! the server: a mistake made in one cannot hide in the other. Nothing in this crate is part of the product, and nothing
//! in the product may depend on it.

pub mod client;
pub mod load;
pub mod loss;
pub mod peers;
pub mod process;
pub mod sasl;
pub mod scenario;
pub mod server;
pub mod transport;
pub mod xml;
