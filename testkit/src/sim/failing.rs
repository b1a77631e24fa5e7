//! The rules of predicates that fail, told once more from the events: what went wrong is told with the
//! first artifact that names the clause, and then once a minute, with the count of all since.

use std::collections::BTreeMap;
use std::time::Duration;

use artel_core::envelope::Clause;
use artel_core::event::Event;
use artel_core::ids::SubscriptionNo;
use artel_core::record::Decision;
use artel_core::time::Elapsed;

use super::audit::Audit;
use super::cases::Case;

/// How long the same is not told of again.
const QUIET: Duration = Duration::from_secs(60);

/// What was seen of predicates that failed.
#[derive(Debug, Default)]
pub(super) struct Failing {
    /// For how many artifacts since it was told of, and when that was.
    seen: BTreeMap<(SubscriptionNo, Clause), (u64, Option<Elapsed>)>,
}

/// Before a decision is folded in.
pub(super) fn before(audit: &mut Audit, decision: &Decision) {
    let mut owed = Vec::new();
    let seen = &mut audit.failing.seen;
    for event in &decision.events {
        let Event::ArtifactCommitted(draft) = event else { continue };
        for &(subscription, clause) in &draft.verdicts.declined {
            if matches!(clause, Clause::FilterError | Clause::FilterPanic | Clause::FilterBound) {
                let (count, told) = seen.entry((subscription, clause)).or_default();
                *count += 1;
                let due = told.is_none_or(|told| decision.elapsed.since(told) >= QUIET);
                if due && !owed.contains(&(subscription, clause)) {
                    owed.push((subscription, clause));
                }
            }
        }
    }
    for event in &decision.events {
        let Event::PredicateFailed { subscription, clause, count, text } = event else { continue };
        let of = (*subscription, *clause);
        let expected = audit.failing.seen.insert(of, (0, Some(decision.elapsed)));
        let at = owed.iter().position(|owed| *owed == of).map(|at| owed.swap_remove(at));
        audit.cases.count(Case::PredicateFailed);
        if at.is_none() || expected.is_none_or(|(seen, _)| seen != *count) || text.is_none() {
            audit.violated(format_args!("I13: {event:?}, and {expected:?} was seen"));
        }
    }
    for of in owed {
        audit.violated(format_args!("I13: nobody tells that the predicate {of:?} failed"));
    }
}
