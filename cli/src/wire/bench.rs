//! What a bench found, as JSON.

use serde::Serialize;

/// The answer of `bench`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Bench {
    /// Where the scratch board lay.
    pub(crate) log: String,
    /// Whether the program was built with optimisation; figures of one that was not say little.
    pub(crate) optimised: bool,
    /// How many inputs were published while it was measured.
    pub(crate) hops: u64,
    /// How many were published before, to warm up.
    pub(crate) warm_up_hops: u64,
    /// Bytes of each payload.
    pub(crate) payload: u32,
    /// Agents that each artifact of the row woke.
    pub(crate) agents: u32,
    /// Agents in a row.
    pub(crate) depth: u32,
    /// Agents that nothing woke.
    pub(crate) unrelated: u32,
    /// Tags of each input.
    pub(crate) tags: u32,
    /// How trees of work were named: `ordered` or `random`.
    pub(crate) correlations: &'static str,
    /// Publishes that were outstanding at once.
    pub(crate) in_flight: u32,
    /// Inputs in one publish.
    pub(crate) many: u32,
    /// Inputs that were to be published in a second, or `max`.
    pub(crate) rate: String,
    /// Threads that the board, its agents and the publishers had.
    pub(crate) threads: usize,
    /// Whether each publish was followed by a wait until its tree of work had settled.
    pub(crate) settle: bool,
    /// Whole hops a second: from the first publish until nothing was left to do.
    pub(crate) value: f64,
    /// Hops a second whose rows a bare loop writes to the same kind of log.
    pub(crate) baseline: Option<f64>,
    /// The value over the baseline; none at a given rate, which says nothing of what a board can do.
    pub(crate) ratio: Option<f64>,
    /// Rows that the baseline wrote and that were then found to be those of the log, the warm-up's
    /// included.
    pub(crate) baseline_rows: Option<u64>,
    /// How long the measured part took.
    pub(crate) took_ms: f64,
    /// How long a publish took until it was answered; with a rate, from when it was to be sent.
    pub(crate) publish_ms: Option<Latency>,
    /// How long a hop took from its publish until its tree of work had settled and its end was looked
    /// up.
    pub(crate) hop_ms: Option<Latency>,
    /// One publish of so many was followed to the end of its hop.
    pub(crate) followed: u64,
    /// Appends of the measured part.
    pub(crate) appends: u64,
    /// Hops in an append, on average.
    pub(crate) hops_per_append: f64,
    /// Bytes of memory that the process had resident when a tenth was published.
    pub(crate) resident_at_tenth: Option<u64>,
    /// Bytes of memory that it had resident at the end.
    pub(crate) resident_at_end: Option<u64>,
    /// Bytes that a hop takes in the file of the board.
    pub(crate) disk_bytes_per_hop: Option<f64>,
    /// How long the disk takes to keep a page, on average.
    pub(crate) sync_ms: Option<f64>,
}

/// A distribution of latencies, in milliseconds.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Latency {
    /// How many there were.
    pub(crate) samples: u64,
    /// The median.
    pub(crate) p50: f64,
    /// Nine of ten took at most this long.
    pub(crate) p90: f64,
    /// 99 of 100 did.
    pub(crate) p99: f64,
    /// 999 of 1 000 did.
    pub(crate) p999: f64,
    /// The longest.
    pub(crate) max: f64,
}
