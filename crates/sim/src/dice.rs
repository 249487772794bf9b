//! Every choice of a simulation comes from here, and so from its seed.

use rand_chacha::ChaCha8Rng;
use rand_core::{RngCore, SeedableRng};

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

    /// 32 bytes for a core.
    pub(crate) fn seed(&mut self) -> [u8; 32] {
        let mut seed = [0; 32];
        self.0.fill_bytes(&mut seed);
        seed
    }
}
