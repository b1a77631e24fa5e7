//! Random bytes that are the same in every run.

use std::sync::atomic::{AtomicU64, Ordering};

use artel::Entropy;
use artel_core::seed;

/// Random bytes from a seed and a counter.
#[derive(Debug)]
pub struct SeededEntropy {
    seed: u64,
    drawn: AtomicU64,
}

impl SeededEntropy {
    /// The bytes that belong to this seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { seed, drawn: AtomicU64::new(0) }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(16) {
            let drawn = self.drawn.fetch_add(1, Ordering::SeqCst);
            chunk.copy_from_slice(&seed::derive(self.seed, drawn)[..chunk.len()]);
        }
    }
}
