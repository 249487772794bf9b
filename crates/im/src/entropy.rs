//! Unguessable values from one seed. The shell seeds it from the operating system, a simulation from its own seed.

use rand_chacha::ChaCha20Rng;
use rand_core::{RngCore, SeedableRng};

/// A stream of unguessable bytes.
#[derive(Debug)]
pub(crate) struct Entropy(ChaCha20Rng);

impl Entropy {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self(ChaCha20Rng::from_seed(seed))
    }

    /// 16 bytes, for nonces and identifiers.
    pub(crate) fn bytes(&mut self) -> [u8; 16] {
        let mut bytes = [0; 16];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// 64 bits, for secrets within an identifier.
    pub(crate) fn number(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// 96 bits as 24 hexadecimal digits.
    pub(crate) fn token(&mut self) -> String {
        let bytes = self.bytes();
        bytes[..12].iter().map(|b| format!("{b:02x}")).collect()
    }
}
