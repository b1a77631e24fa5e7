//! The verb `artel bench`: what load to make, and of what.

use std::num::NonZeroU32;
use std::str::FromStr;

use clap::{Args, ValueEnum, value_parser};

use crate::bench;

#[derive(Args, Debug)]
pub(crate) struct Bench {
    /// Where the scratch board lies: `memory:`, `sqlite:PATH` with a path that is not there yet, or
    /// `postgres://HOST/DATABASE?board=NAME` or `redis://HOST/0?board=NAME` with a board that is not
    /// there yet
    #[arg(long, value_name = "URL", default_value = "memory:")]
    pub(crate) log: String,
    /// How many inputs are published, beside those of the warm-up (a twentieth of them)
    #[arg(long, value_name = "N", default_value_t = 200_000, value_parser = value_parser!(u64).range(1..=1_000_000_000))]
    pub(crate) hops: u64,
    /// Bytes of each payload
    #[arg(long, value_name = "BYTES", default_value_t = 100, value_parser = value_parser!(u32).range(bench::PAYLOAD_LENS))]
    pub(crate) payload: u32,
    /// How many publishes are outstanding at once, each awaited
    #[arg(long, value_name = "N", default_value_t = 1_024, value_parser = value_parser!(u32).range(1..=65_536))]
    pub(crate) in_flight: u32,
    /// How many inputs go into one publish, as one tree of work
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u32).range(1..=10_000))]
    pub(crate) many: u32,
    /// How many inputs a second are published: `max` for the next as soon as there is room, or a
    /// number, which is kept to whatever the board does
    #[arg(long, value_name = "max|N", default_value = "max")]
    pub(crate) rate: Rate,
    /// How many agents subscribe to the same type, so that each artifact of it wakes so many
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u32).range(1..=256))]
    pub(crate) agents: u32,
    /// How many agents stand in a row, each working on what the one before it made
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = value_parser!(u32).range(bench::DEPTHS))]
    pub(crate) depth: u32,
    /// How many further agents subscribe to a type that nobody publishes
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = value_parser!(u32).range(0..=100_000))]
    pub(crate) unrelated: u32,
    /// How many tags each input has
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = value_parser!(u32).range(0..=256))]
    pub(crate) tags: u32,
    /// How the trees of work are named
    #[arg(long, value_enum, default_value_t, value_name = "KIND")]
    pub(crate) correlations: Correlations,
    /// Wait, after each publish, until its tree of work has settled
    #[arg(long)]
    pub(crate) settle: bool,
    /// How many threads the board, its agents and the publishers have: one for each core, if not given.
    /// Beside a server on the same machine, leave it a core
    #[arg(long, value_name = "N", value_parser = value_parser!(u16).range(1..=1_024))]
    pub(crate) threads: Option<u16>,
    /// Leave the baseline out
    #[arg(long)]
    pub(crate) no_baseline: bool,
    /// Keep the board, and the file of the baseline beside it
    #[arg(long)]
    pub(crate) keep: bool,
}

/// How many inputs a second are published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rate {
    /// As many as there is room for.
    Max,
    /// So many.
    PerSecond(NonZeroU32),
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "max" {
            return Ok(Self::Max);
        }
        let rate = text.parse().map_err(|_| "write `max`, or a whole number above 0".to_owned())?;
        Ok(Self::PerSecond(rate))
    }
}

impl std::fmt::Display for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Max => f.write_str("max"),
            Self::PerSecond(rate) => rate.fmt(f),
        }
    }
}

/// How trees of work are named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Correlations {
    /// By the board, in the order of time
    #[default]
    Ordered,
    /// By the publisher, at random: each input continues a tree of its own
    Random,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_the_most_there_is_or_a_number() {
        assert_eq!("max".parse(), Ok(Rate::Max));
        assert_eq!("500".parse::<Rate>().unwrap().to_string(), "500");
        for wrong in ["0", "-1", "1.5", "fast", ""] {
            assert!(wrong.parse::<Rate>().is_err(), "{wrong}");
        }
    }
}
