//! Dice: every chance of a simulation or a campaign, in one sequence from its seed.

use std::time::Duration;

use artel_core::seed::split_mix;

/// A sequence of numbers from a seed.
#[derive(Clone, Debug)]
pub(crate) struct Dice {
    seed: u64,
    thrown: u64,
}

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self { seed, thrown: 0 }
    }

    /// Dice of their own for one part of it, which others do not disturb.
    pub(crate) const fn part(seed: u64, part: u64) -> Self {
        Self::new(split_mix(seed ^ split_mix(part)))
    }

    const fn throw(&mut self) -> u64 {
        self.thrown += 1;
        split_mix(self.seed ^ split_mix(self.thrown))
    }

    /// A number below `bound`.
    pub(crate) const fn below(&mut self, bound: u64) -> u64 {
        self.throw() % bound
    }

    /// Whether something happens that happens so many times in a hundred.
    pub(crate) const fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// A time of up to so many milliseconds.
    pub(crate) const fn up_to(&mut self, millis: u64) -> Duration {
        Duration::from_millis(self.below(millis + 1))
    }
}
