//! What the examinations of all backends say in the same words.

use std::time::Duration;

use artel_core::finding::{Code, Finding};
use artel_core::log::Error;

use crate::mark::Mark;

/// How many commits are timed.
pub(crate) const COMMITS: usize = 20;
/// What is slow: each hop waits for a commit.
const SLOW: Duration = Duration::from_millis(20);

/// A duration in milliseconds, as people read it.
fn ms(time: Duration) -> String {
    format!("{:.2} ms", time.as_secs_f64() * 1e3)
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
pub(crate) fn unmeasured(error: &sqlx::Error) -> Finding {
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

    #[test]
    fn bytes_are_told_in_the_largest_unit() {
        assert_eq!(bytes(1_023), "1023 bytes");
        assert_eq!(bytes(1_536), "1.5 KiB");
        assert_eq!(bytes(5 << 30), "5.0 GiB");
    }
}
