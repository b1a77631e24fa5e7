//! The figures, and what each is to reach.

use crate::error::Error;
use crate::options::How;
use crate::{holding, load, matching, moving, postgres, redis, stall, takeover, waiting};

/// A figure.
#[derive(Debug)]
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) target: Target,
    /// Measures it once.
    pub(crate) run: fn(&How) -> Result<Run, Error>,
}

/// What one run found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Run {
    pub(crate) value: f64,
    /// What the value is compared with, measured in the same run.
    pub(crate) baseline: Option<f64>,
}

/// What a value is to reach.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Target {
    /// Nothing: it is only told.
    Told,
    AtLeast(f64),
    AtMost(f64),
    /// At least so much, and at least so many times the baseline.
    AtLeastBoth(f64, f64),
    /// At least so many times the baseline.
    TimesAtLeast(f64),
    /// At most so many times the baseline.
    TimesAtMost(f64),
    /// At most so much more than the baseline.
    MoreAtMost(f64),
    /// So many times the baseline away from it at most.
    Within(f64),
}

impl Target {
    pub(crate) fn text(self) -> Option<String> {
        Some(match self {
            Self::Told => return None,
            Self::AtLeast(least) => format!("at least {least}"),
            Self::AtMost(most) => format!("at most {most}"),
            Self::AtLeastBoth(least, times) => {
                format!("at least {least}, and {times} times the baseline")
            }
            Self::TimesAtLeast(times) => format!("at least {times} times the baseline"),
            Self::TimesAtMost(times) => format!("at most {times} times the baseline"),
            Self::MoreAtMost(more) => format!("at most {more} more than the baseline"),
            Self::Within(times) => format!("within {times} times the baseline of it"),
        })
    }

    /// Whether it is reached by a value that is so many times its baseline; none where there is no
    /// target.
    pub(crate) fn holds(self, value: f64, ratio: Option<f64>) -> Option<bool> {
        Some(match self {
            Self::Told => return None,
            Self::AtLeast(least) => value >= least,
            Self::AtMost(most) => value <= most,
            Self::AtLeastBoth(least, times) => {
                value >= least && ratio.is_some_and(|ratio| ratio >= times)
            }
            Self::TimesAtLeast(times) => ratio.is_some_and(|ratio| ratio >= times),
            Self::TimesAtMost(times) => ratio.is_some_and(|ratio| ratio <= times),
            Self::MoreAtMost(more) => ratio.is_some_and(|ratio| value - value / ratio <= more),
            Self::Within(times) => ratio.is_some_and(|ratio| (ratio - 1.0).abs() <= times),
        })
    }
}

pub(crate) const FIGURES: &[Figure] = &[
    Figure {
        name: "memory.hops",
        about: "whole hops in memory, each publish awaited, 1 024 in flight",
        unit: "hops/s",
        target: Target::AtLeast(150_000.0),
        run: load::memory_hops,
    },
    Figure {
        name: "memory.hops.many",
        about: "the same with 64 inputs in a publish, 16 publishes in flight",
        unit: "hops/s",
        target: Target::AtLeast(250_000.0),
        run: load::memory_hops_many,
    },
    Figure {
        name: "sqlite.hops.ordered",
        about: "whole hops in a file with synchronous=FULL, ordered correlations, no tags",
        unit: "hops/s",
        target: Target::AtLeastBoth(30_000.0, 0.6),
        run: load::sqlite_hops_ordered,
    },
    Figure {
        name: "sqlite.hops.random",
        about: "the same with random correlations and two tags",
        unit: "hops/s",
        target: Target::AtLeastBoth(15_000.0, 0.6),
        run: load::sqlite_hops_random,
    },
    Figure {
        name: "memory.chain",
        about: "ten agents in a row in memory, one token: time of a hop",
        unit: "us/hop",
        target: Target::AtMost(12.0),
        run: load::memory_chain,
    },
    Figure {
        name: "sqlite.chain",
        about: "ten agents in a row in a file, one token: time of a hop, beside one transaction of its rows",
        unit: "us/hop",
        target: Target::TimesAtMost(1.3),
        run: load::sqlite_chain,
    },
    Figure {
        name: "postgres.hops",
        about: "whole hops on a PostgreSQL server on the same cores, synchronous_commit=on, 500 bytes",
        unit: "hops/s",
        target: Target::AtLeastBoth(18_000.0, 0.6),
        run: postgres::hops,
    },
    Figure {
        name: "postgres.latency",
        about: "ten agents in a row on that server, one token: time of a hop, beside one raw commit of its rows",
        unit: "us/hop",
        target: Target::TimesAtMost(1.5),
        run: postgres::latency,
    },
    Figure {
        name: "postgres.latency.row",
        about: "the same beside a transaction that inserts one row of 500 bytes, without an index",
        unit: "us/hop",
        target: Target::Told,
        run: postgres::latency_beside_a_row,
    },
    Figure {
        name: "redis.hops.everysec",
        about: "whole hops on a Redis server on the same cores, appendfsync=everysec, 500 bytes",
        unit: "hops/s",
        target: Target::AtLeastBoth(15_000.0, 0.6),
        run: redis::everysec,
    },
    Figure {
        name: "redis.hops.always",
        about: "the same with appendfsync=always",
        unit: "hops/s",
        target: Target::AtLeastBoth(10_000.0, 0.6),
        run: redis::always,
    },
    Figure {
        name: "matching.10k",
        about: "whole hops in memory with 10 000 unrelated subscriptions, beside 10",
        unit: "hops/s",
        target: Target::TimesAtLeast(0.9),
        run: load::matching_10k,
    },
    Figure {
        name: "matching.10k.alone",
        about: "the matching alone with 10 000 unrelated subscriptions, beside 10",
        unit: "ns",
        target: Target::TimesAtMost(1.1),
        run: matching::unrelated,
    },
    Figure {
        name: "matching.same.tag",
        about: "matching with 1 000 subscriptions to the type, each with a tag: time of one",
        unit: "ns/subscription",
        target: Target::Told,
        run: matching::same_tag,
    },
    Figure {
        name: "matching.same.field",
        about: "the same, each with a condition on a field",
        unit: "ns/subscription",
        target: Target::Told,
        run: matching::same_field,
    },
    Figure {
        name: "cel.match",
        about: "matching with a predicate of two comparisons in CEL, beside a closure that does the same",
        unit: "us",
        target: Target::MoreAtMost(3.0),
        run: matching::cel,
    },
    Figure {
        name: "policies.cost",
        about: "whole hops in memory with every limit set and none reached, beside without any",
        unit: "hops/s",
        target: Target::TimesAtLeast(0.85),
        run: holding::cost,
    },
    Figure {
        name: "keys.hops",
        about: "whole hops in memory of 1 000 ordering keys, beside without keys",
        unit: "hops/s",
        target: Target::AtLeast(100_000.0),
        run: holding::keys,
    },
    Figure {
        name: "breaker.held",
        about: "time of a core that a board takes while 100 000 wait behind an open breaker",
        unit: "%",
        target: Target::AtMost(1.0),
        run: holding::breaker,
    },
    Figure {
        name: "waiting.bytes",
        about: "memory of a waiting activation, with 100 000 of them on a file",
        unit: "bytes",
        target: Target::AtMost(1_024.0),
        run: waiting::bytes,
    },
    Figure {
        name: "recovery.100k",
        about: "opening a file with 100 000 waiting whose process was cut off, until the board answers",
        unit: "s",
        target: Target::AtMost(2.0),
        run: waiting::recovery,
    },
    Figure {
        name: "recovery.100k.clean",
        about: "the same after a shutdown, which leaves a snapshot",
        unit: "s",
        target: Target::AtMost(2.0),
        run: waiting::recovery_clean,
    },
    Figure {
        name: "move",
        about: "events of a board that is moved from a file to a PostgreSQL server on the same cores",
        unit: "events/s",
        target: Target::AtLeast(50_000.0),
        run: moving::figure,
    },
    Figure {
        name: "takeover.postgres",
        about: "the owner of a board with 100 000 waiting on PostgreSQL is killed: until the next one has committed",
        unit: "s",
        target: Target::AtMost(12.0),
        run: takeover::postgres,
    },
    Figure {
        name: "takeover.redis",
        about: "the same on Redis",
        unit: "s",
        target: Target::AtMost(12.0),
        run: takeover::redis,
    },
    Figure {
        name: "snapshot.stall",
        about: "publish p99 while a board with 100 000 waiting takes a snapshot, beside without",
        unit: "ms",
        target: Target::TimesAtMost(2.0),
        run: stall::figure,
    },
    Figure {
        name: "rss.flat",
        about: "resident memory after 1 000 000 hops on a file, beside after 100 000",
        unit: "MiB",
        target: Target::Within(0.1),
        run: load::rss_flat,
    },
];
