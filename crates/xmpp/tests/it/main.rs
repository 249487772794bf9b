//! Tests of the crate from outside, one module for each thing that must hold.

mod forbidden;
mod framing;
