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

use proptest::test_runner::{Config, RngSeed};

/// So many cases of a property, the same ones on every run: a test either holds or it does not. To look further, change
/// the seed or the number by hand.
fn always_the_same(cases: u32) -> Config {
    Config { cases, rng_seed: RngSeed::Fixed(6120), failure_persistence: None, ..Config::default() }
}
