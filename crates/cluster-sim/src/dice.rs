//! Every choice of a simulated cluster comes from here, and so from its seed. Never asks the machine for anything.

use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};
use std::time::Duration;

/// A stream of choices.
#[derive(Debug)]
pub(crate) struct Dice(ChaCha8Rng);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// A number below `n`, which is at least 1.
    pub(crate) fn below(&mut self, n: usize) -> usize {
        assert!(n > 0, "a choice needs something to choose from");
        (self.0.next_u64() % n as u64) as usize
    }

    /// True in so many of a thousand cases.
    pub(crate) fn permille(&mut self, n: u32) -> bool {
        self.0.next_u32() % 1000 < n
    }

    /// From `from` to `to` milliseconds, in microseconds' steps.
    pub(crate) fn ms(&mut self, from: u64, to: u64) -> Duration {
        let span = (to - from) * 1000 + 1;
        Duration::from_micros(from * 1000 + self.0.next_u64() % span)
    }

    /// One of them; none of none.
    pub(crate) fn one_of<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        if of.is_empty() { None } else { of.get(self.below(of.len())) }
    }

    /// A number from `from` to `to`.
    pub(crate) fn within(&mut self, from: i64, to: i64) -> i64 {
        from + (self.0.next_u64() % (to - from + 1) as u64) as i64
    }
}
