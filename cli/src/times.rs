//! Times and durations as they are shown. All times are UTC, in RFC 3339: to the second for people,
//! to the millisecond in JSON.

use std::time::Duration;

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};

use artel::state::State;
use artel::time::{Elapsed, Timestamp};

/// For people: `2026-11-21T05:44:00Z`.
pub(crate) fn seconds(at: Timestamp) -> String {
    text(at, SecondsFormat::Secs)
}

/// For programs: `2026-11-21T05:44:00.123Z`.
pub(crate) fn millis(at: Timestamp) -> String {
    text(at, SecondsFormat::Millis)
}

fn text(at: Timestamp, format: SecondsFormat) -> String {
    DateTime::<Utc>::from_timestamp_millis(at.as_millis())
        .map_or_else(|| format!("{} ms", at.as_millis()), |at| at.to_rfc3339_opts(format, true))
}

/// Reads an RFC 3339 time, or a day, which begins at midnight UTC.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    if let Ok(at) = DateTime::parse_from_rfc3339(text) {
        return Some(Timestamp(at.timestamp_millis()));
    }
    let day: NaiveDate = text.parse().ok()?;
    Some(Timestamp(day.and_hms_opt(0, 0, 0)?.and_utc().timestamp_millis()))
}

/// A moment of the board's own clock on the wall clock, as far as the two agree now.
pub(crate) fn on_wall(state: &State, moment: Elapsed) -> Timestamp {
    let header = state.header();
    let moment = i64::try_from(moment.as_millis()).unwrap_or(i64::MAX);
    let now = i64::try_from(header.elapsed.as_millis()).unwrap_or(i64::MAX);
    Timestamp(header.at.as_millis().saturating_add(moment.saturating_sub(now)))
}

/// A duration in whole milliseconds.
pub(crate) fn whole_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A duration as people read it, with as much of it as matters.
pub(crate) fn took(duration: Duration) -> String {
    let millis = duration.as_millis();
    let seconds = duration.as_secs();
    match seconds {
        0 => format!("{millis} ms"),
        1..60 => format!("{seconds}.{} s", millis % 1_000 / 100),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_utc() {
        assert_eq!(seconds(Timestamp(1_500)), "1970-01-01T00:00:01Z");
        assert_eq!(millis(Timestamp(1_500)), "1970-01-01T00:00:01.500Z");
        assert_eq!(seconds(Timestamp(i64::MAX)), "9223372036854775807 ms");
    }

    #[test]
    fn durations_have_two_figures_that_matter() {
        assert_eq!(took(Duration::from_millis(12)), "12 ms");
        assert_eq!(took(Duration::from_millis(1_250)), "1.2 s");
        assert_eq!(took(Duration::from_secs(184)), "3 min 4 s");
        assert_eq!(took(Duration::from_secs(7_260)), "2 h 1 min");
    }
}
