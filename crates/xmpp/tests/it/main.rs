//! Tests of the crate from outside, one module for each thing that must hold.

#![expect(clippy::expect_used, reason = "a test that cannot go on has failed")]

mod addresses;
mod bounded;
mod corpus;
mod differential;
mod elements;
mod expat;
mod forbidden;
mod framing;
mod limits;
mod memory;
