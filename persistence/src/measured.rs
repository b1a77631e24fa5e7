//! What the examinations of all backends say in the same words.

use std::time::Duration;

use artel_core::finding::{Code, Finding};
use artel_core::log::Error;

use crate::mark::Mark;

/// How many commits are timed.
pub(crate) const COMMITS: usize = 20;
/// What is slow: each hop waits for a commit.
const SLOW: Duration = Duration::from_millis(20);

/// How far clocks may differ.
#[cfg(any(feature = "postgres", feature = "redis"))]
const CLOCK_DIFFERENCE_MAX: Duration = Duration::from_secs(1);

/// A duration in milliseconds, as people read it.
fn ms(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
}

/// A live process that shares boards: what it is called, its number, and how many boards it runs and wants.
#[cfg(any(feature = "postgres", feature = "redis"))]
pub(crate) type Sharer = (String, i64, u64, u64);

/// How many processes are named at most.
#[cfg(any(feature = "postgres", feature = "redis"))]
const SHARERS_NAMED_MAX: usize = 10;

/// Which live processes share boards of a place.
#[cfg(any(feature = "postgres", feature = "redis"))]
pub(crate) fn sharing(place: &str, mut sharers: Vec<Sharer>) -> Finding {
    sharers.sort();
    let named = sharers.iter().take(SHARERS_NAMED_MAX);
    let named = named.map(|(program, pid, owns, wants)| {
        format!("`{program}` (process {pid} on its machine) runs {owns} of {wants}")
    });
    let found = match (sharers.len(), named.collect::<Vec<_>>().join(", ")) {
        (0, _) => format!("no live process shares boards of {place}"),
        (1, named) => format!("1 live process shares boards of {place}: {named}"),
        (all @ ..=SHARERS_NAMED_MAX, named) => {
            format!("{all} live processes share boards of {place}: {named}")
        }
        (all, named) => format!("{all} live processes share boards of {place}: {named}, and more"),
    };
    Finding::ok(Code::Sharing, found)
}

/// What commits took that were timed, at least one.
pub(crate) fn latency(took: &mut [Duration], waits_for: &str) -> Finding {
    took.sort_unstable();
    let (middle, most) = (took[took.len() / 2], took[took.len() - 1]);
    let found = format!(
        "a commit takes {} in the middle and {} at most, of {}",
        ms(middle),
        ms(most),
        took.len()
    );
    if middle <= SLOW {
        return Finding::ok(Code::CommitLatency, found);
    }
    let advice = format!("see what slows {waits_for} down: each hop of a board waits for a commit");
    Finding::warning(Code::CommitLatency, found, advice)
}

/// Why commits could not be timed.
pub(crate) fn unmeasured(error: &dyn std::error::Error) -> Finding {
    Finding::warning(
        Code::CommitLatency,
        format!("a commit could not be timed: {error}"),
        "see whether this user may write there",
    )
}

/// There is no board at this place.
pub(crate) fn missing(place: &str) -> Finding {
    Finding::problem(
        Code::Board,
        format!("there is no board at `{place}`"),
        "name another place, or let the program of the board make it",
    )
}

/// What it means that a board is marked.
pub(crate) fn marked(mark: &Mark) -> Finding {
    match mark {
        Mark::Arriving { from } => Finding::problem(
            Code::Board,
            format!("the board is on its way here from `{from}`, and not whole yet"),
            "`artel board move` with both places goes on where it stopped; `artel board rm` removes what has \
             arrived",
        ),
        Mark::Moved { to } => Finding::warning(
            Code::Board,
            format!("the board was moved to `{to}` and goes on there; here it is only read"),
            "name it there; `artel board rm` removes what is left here",
        ),
        Mark::Regressed { known } => Finding::problem(
            Code::Board,
            format!(
                "log regressed: its owner knew what was durable up to seq {known}, and that is not there any \
                 more; nobody goes on with it"
            ),
            "put the newest copy of the log back, or go on with what is there: `artel board adopt`",
        ),
    }
}

/// The version of the tables, which this release can read.
pub(crate) fn schema(version: u32, known: u32) -> Finding {
    let found = format!("the tables have version {version}");
    if version == known {
        return Finding::ok(Code::SchemaVersion, found);
    }
    Finding::warning(
        Code::SchemaVersion,
        format!("{found}, this release writes {known}"),
        "nothing, if that is what you want: the next program of this release that writes brings them up \
         to date, and older releases cannot read them then",
    )
}

/// Why the tables cannot be read.
pub(crate) fn unreadable_schema(error: &Error) -> Finding {
    let advice = match error {
        Error::Newer { .. } => "use the release of artel that wrote it, or a later one",
        _ => "restore it from a backup",
    };
    Finding::problem(Code::SchemaVersion, error.to_string(), advice)
}

/// What it means that the server's clock is so many milliseconds ahead, as far as can be told when an
/// answer takes so long.
#[cfg(any(feature = "postgres", feature = "redis"))]
pub(crate) fn differs(ahead: i64, way: Duration) -> Finding {
    let found = match ahead {
        0 => "the server's clock and this machine's show the same time".to_owned(),
        1.. => format!("the server's clock is {ahead} ms ahead of this machine's"),
        _ => format!("the server's clock is {} ms behind this machine's", ahead.unsigned_abs()),
    };
    if u128::from(ahead.unsigned_abs()) <= CLOCK_DIFFERENCE_MAX.as_millis() + way.as_millis() / 2 {
        return Finding::ok(Code::ClockDifference, found);
    }
    Finding::warning(
        Code::ClockDifference,
        format!("{found}; ownership goes by the server's, the times on a board by its owner's"),
        "let both follow the same time servers (NTP)",
    )
}

/// A number of bytes, as people read it.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["bytes", "KiB", "MiB", "GiB", "TiB"];
    let mut unit = 0;
    let mut scaled = bytes as f64;
    while scaled >= 1024.0 && unit + 1 < UNITS.len() {
        scaled /= 1024.0;
        unit += 1;
    }
    if unit == 0 { format!("{bytes} bytes") } else { format!("{scaled:.1} {}", UNITS[unit]) }
}

#[cfg(test)]
mod tests {
    use artel_core::finding::Severity;

    use super::*;

    #[test]
    fn a_slow_disk_is_told_by_the_middle() {
        let took = |ms: [u64; 3]| ms.map(Duration::from_millis);
        let finding = latency(&mut took([900, 1, 2]), "the disk");
        assert_eq!(finding.severity, Severity::Ok);
        assert!(finding.found.contains("2.00 ms in the middle and 900.00 ms at most"));
        let finding = latency(&mut took([900, 21, 2]), "the disk");
        assert_eq!(finding.severity, Severity::Warning);
        assert!(finding.advice.unwrap().contains("the disk"));
    }

    /// DOCTOR-3: what the way of an answer explains is no difference.
    #[cfg(any(feature = "postgres", feature = "redis"))]
    #[test]
    fn clocks_differ_by_what_the_way_does_not_explain() {
        let severity = |ahead, way| differs(ahead, Duration::from_millis(way)).severity;
        assert_eq!(severity(0, 0), Severity::Ok);
        assert_eq!(severity(1_000, 0), Severity::Ok);
        assert_eq!(severity(1_001, 0), Severity::Warning);
        assert_eq!(severity(-1_001, 0), Severity::Warning);
        assert_eq!(severity(-1_400, 800), Severity::Ok);
        assert!(differs(-7, Duration::ZERO).found.contains("7 ms behind"));
    }

    #[test]
    fn bytes_are_told_in_the_largest_unit() {
        assert_eq!(bytes(1_023), "1023 bytes");
        assert_eq!(bytes(1_536), "1.5 KiB");
        assert_eq!(bytes(5 << 30), "5.0 GiB");
    }
}
