//! The multiplexor over real sockets, with a scripted server behind it.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod abuse;
mod deadlines;
mod flow;
mod streams;
mod tls;
mod world;
