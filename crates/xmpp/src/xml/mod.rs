//! XML as XMPP uses it (RFC 6120 §11): restricted, namespaced, bounded.
//!
//! Three steps, three files: [`framer`] cuts a byte stream into whole top-level elements and checks them, [`element`]
//! gives one such element a shape without copying it, [`writer`] and [`edit`] make bytes again.

mod cdata;
mod chars;
mod declaration;
pub mod edit;
pub mod element;
mod fault;
pub mod framer;
mod header;
mod letters;
mod lexer;
mod reference;
mod scope;
mod tape;
mod work;
pub mod writer;

pub use edit::Edit;
pub use element::{Element, Node};
pub use framer::{Frame, Framer, Limits, StreamHeader};
pub use writer::Writer;
