//! Values on the command line: parsed once, here.

use std::str::FromStr;
use std::time::Duration;

use clap::ValueEnum;

use artel::event::DeadReason;
use artel::ids::{ActivationId, ArtifactId, CorrelationId, Seq};
use artel::log::OutcomeFilter;
use artel::time::Timestamp;

use crate::times;

/// An artifact, as a person names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ArtifactRef {
    Id(ArtifactId),
    Seq(Seq),
}

impl FromStr for ArtifactRef {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(seq) = text.parse() {
            return Ok(Self::Seq(seq));
        }
        let id = text.parse().map_err(|_| {
            "an artifact has a UUID, such as 0193f2a0-7c1e-7000-8000-00000000000a, \
             and a seq, such as 42"
                .to_owned()
        })?;
        Ok(Self::Id(id))
    }
}

impl std::fmt::Display for ArtifactRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Id(id) => id.fmt(f),
            Self::Seq(seq) => seq.fmt(f),
        }
    }
}

/// The id of an activation, or of the dead letter that became of it.
pub(crate) fn activation_id(text: &str) -> Result<ActivationId, String> {
    let help = "an activation's id is a number, the seq of the event that created it, such as 42";
    text.parse().map_err(|_| help.to_owned())
}

/// The id of a tree of work.
pub(crate) fn correlation_id(text: &str) -> Result<CorrelationId, String> {
    let help = "a tree of work has a UUID, such as 0193f2a0-7c1e-7000-8000-00000000000a";
    text.parse().map_err(|_| help.to_owned())
}

/// The seq of an event or an artifact.
pub(crate) fn seq(text: &str) -> Result<Seq, String> {
    text.parse().map_err(|_| "a seq is a number, such as 42".to_owned())
}

/// A moment, as a person names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    At(Timestamp),
    Ago(Duration),
}

impl Moment {
    /// The moment on the wall clock, which shows `now`.
    pub(crate) fn resolve(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Ago(ago) => {
                let millis = i64::try_from(ago.as_millis()).unwrap_or(i64::MAX);
                Timestamp(now.as_millis().saturating_sub(millis))
            }
        }
    }
}

impl FromStr for Moment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(at) = times::parse(text) {
            return Ok(Self::At(at));
        }
        let help = "write 2026-11-21T05:44:00Z, 2026-11-21 (UTC), or how long ago, such as 15m";
        duration(text).map(Self::Ago).map_err(|_| help.to_owned())
    }
}

/// A duration: a whole number and `ms`, `s`, `m`, `h` or `d`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let help = || "write a whole number and ms, s, m, h or d, such as 500ms".to_owned();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| help())?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(help()),
    };
    let millis = number.checked_mul(millis).filter(|&millis| millis > 0).ok_or_else(help)?;
    Ok(Duration::from_millis(millis))
}

/// An outcome, as a person names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutcomeArg {
    Done,
    Dead,
    Cancelled,
    Dropped,
    Expired,
}

impl From<OutcomeArg> for OutcomeFilter {
    fn from(outcome: OutcomeArg) -> Self {
        match outcome {
            OutcomeArg::Done => Self::Done,
            OutcomeArg::Dead => Self::Dead,
            OutcomeArg::Cancelled => Self::Cancelled,
            OutcomeArg::Dropped => Self::Dropped,
            OutcomeArg::Expired => Self::Expired,
        }
    }
}

/// Why an activation is a dead letter, as a person names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReasonArg {
    /// It failed as often as the policy allows
    AttemptsExhausted,
    /// It failed in a way that the policy does not retry
    NotRetryable,
    /// The next attempt would begin after the policy's time for retries
    RetryTimeElapsed,
    /// The time for the whole activation is over
    TotalTimeout,
    /// Its outputs would be too deep: probably a loop of agents
    Loop,
    /// Its outputs would exceed a limit of its tree of work
    Limit,
    /// Its key could not be worked out
    BadKey,
    /// Processes died of it too often
    CrashLoop,
    /// An attempt ended in the middle of an irreversible step
    InDoubt,
}

impl From<ReasonArg> for DeadReason {
    fn from(reason: ReasonArg) -> Self {
        match reason {
            ReasonArg::AttemptsExhausted => Self::AttemptsExhausted,
            ReasonArg::NotRetryable => Self::NotRetryable,
            ReasonArg::RetryTimeElapsed => Self::RetryTimeElapsed,
            ReasonArg::TotalTimeout => Self::TotalTimeout,
            ReasonArg::Loop => Self::Loop,
            ReasonArg::Limit => Self::Limit,
            ReasonArg::BadKey => Self::BadKey,
            ReasonArg::CrashLoop => Self::CrashLoop,
            ReasonArg::InDoubt => Self::InDoubt,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_a_time_a_day_or_an_age() {
        let moment = |text: &str| text.parse::<Moment>();
        assert_eq!(moment("1970-01-01T00:00:01.5Z"), Ok(Moment::At(Timestamp(1_500))));
        assert_eq!(moment("1970-01-01T01:00:00+01:00"), Ok(Moment::At(Timestamp(0))));
        assert_eq!(moment("1970-01-02"), Ok(Moment::At(Timestamp(86_400_000))));
        assert_eq!(moment("15m"), Ok(Moment::Ago(Duration::from_mins(15))));
        assert!(moment("yesterday").unwrap_err().starts_with("write 2026"));
        let ago = Moment::Ago(Duration::from_secs(2));
        assert_eq!(ago.resolve(Timestamp(5_000)), Timestamp(3_000));
    }

    #[test]
    fn a_duration_has_a_unit_and_is_not_zero() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("2d"), Ok(Duration::from_hours(48)));
        for wrong in ["", "5", "ms", "0s", "1.5s", "5w", "99999999999999999999d"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_number_is_a_seq_and_anything_else_an_id() {
        assert_eq!("42".parse(), Ok(ArtifactRef::Seq(Seq(42))));
        let id = "0193f2a0-7c1e-7000-8000-00000000000a";
        assert_eq!(id.parse(), Ok(ArtifactRef::Id(id.parse().unwrap())));
        assert!("licence".parse::<ArtifactRef>().is_err());
    }
}
