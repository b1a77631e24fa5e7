//! The words for what the library has as values: the same in text and in JSON, and stable.

use artel::envelope::Clause;
use artel::event::{
    AlertEnd, AttemptEnd, Closure, DeadReason, Mended, Next, Reached, SessionEnd, Tripped,
};
use artel::key::OnDead;
use artel::log::{Durability, Outcome};
use artel::{ErrorKind, Standing};

pub(crate) const fn durability(durability: Durability) -> &'static str {
    match durability {
        Durability::Nothing => "nothing",
        Durability::Process => "process",
        Durability::Host => "host",
    }
}

pub(crate) const fn standing(standing: &Standing) -> &'static str {
    match standing {
        Standing::Waiting(_) => "waiting",
        Standing::Running => "running",
        Standing::Closed { outcome, .. } => match outcome {
            Outcome::Done => "done",
            Outcome::Dead(_) => "dead",
            Outcome::Cancelled => "cancelled",
            Outcome::Dropped(_) => "dropped",
            Outcome::Expired => "expired",
        },
    }
}

/// Why an activation is, or was, a dead letter.
pub(crate) const fn dead_reason(standing: &Standing) -> Option<&'static str> {
    match standing {
        Standing::Closed { outcome: Outcome::Dead(why) | Outcome::Dropped(why), .. } => {
            Some(reason(*why))
        }
        Standing::Waiting(_) | Standing::Running | Standing::Closed { .. } => None,
    }
}

pub(crate) const fn reason(reason: DeadReason) -> &'static str {
    reason.as_str()
}

/// Why an activation was closed, and what it died of if it did.
pub(crate) const fn closure(why: Closure) -> (&'static str, Option<&'static str>) {
    match why {
        Closure::Cancelled => ("cancelled", None),
        Closure::Expired => ("expired", None),
        Closure::Dead(of) => ("dead", Some(reason(of))),
    }
}

/// A limit that outputs may exceed.
pub(crate) const fn reached(limit: Reached) -> &'static str {
    match limit {
        Reached::Depth => "depth",
        Reached::CorrelationArtifacts => "correlation",
        Reached::Agenda => "agenda",
    }
}

pub(crate) const fn clause(clause: Clause) -> &'static str {
    match clause {
        Clause::Producer => "producer",
        Clause::NotFrom => "not-from",
        Clause::SelfTrigger => "self-trigger",
        Clause::TagsAll => "tags-all",
        Clause::TagsAny => "tags-any",
        Clause::Filter => "filter",
        Clause::FilterError => "filter-error",
        Clause::FilterPanic => "filter-panic",
        Clause::Visibility => "visibility",
        Clause::FilterBound => "filter-bound",
    }
}

pub(crate) const fn end(end: AttemptEnd) -> &'static str {
    match end {
        AttemptEnd::Done => "done",
        AttemptEnd::Failed(_) => "failed",
        AttemptEnd::Lost => "lost",
        AttemptEnd::Released => "released",
        AttemptEnd::Cancelled => "cancelled",
        AttemptEnd::BoardFull => "board-full",
    }
}

pub(crate) const fn error_kind(end: AttemptEnd) -> Option<ErrorKind> {
    match end {
        AttemptEnd::Failed(kind) => Some(kind),
        AttemptEnd::Done
        | AttemptEnd::Lost
        | AttemptEnd::Released
        | AttemptEnd::Cancelled
        | AttemptEnd::BoardFull => None,
    }
}

pub(crate) const fn next(next: Next) -> &'static str {
    match next {
        Next::Closed => "closed",
        Next::Retry { .. } => "retry",
        Next::WhenRoom { .. } => "when-room",
        Next::Dead(_) => "dead",
    }
}

pub(crate) const fn session_end(reason: SessionEnd) -> &'static str {
    match reason {
        SessionEnd::Closed => "closed",
        SessionEnd::Lost => "lost",
    }
}

pub(crate) const fn alert_end(end: AlertEnd) -> &'static str {
    match end {
        AlertEnd::Delivered => "delivered",
        AlertEnd::GivenUp => "given-up",
    }
}

pub(crate) const fn tripped(why: Tripped) -> &'static str {
    match why {
        Tripped::InARow => "in-a-row",
        Tripped::Rate => "rate",
        Tripped::Probe => "probe",
        Tripped::Operator => "operator",
    }
}

pub(crate) const fn mended(why: Mended) -> &'static str {
    match why {
        Mended::Probes => "probes",
        Mended::Operator => "operator",
    }
}

pub(crate) const fn on_dead(on_dead: OnDead) -> &'static str {
    match on_dead {
        OnDead::Continue => "continue",
        OnDead::Stop => "stop",
    }
}

/// A number with its noun: `1 batch`, `2 batches`.
pub(crate) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
