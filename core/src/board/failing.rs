//! Predicates that fail. Each artifact names the clause; what went wrong is recorded once in a while,
//! with a count, so that neither a log is filled by a bad predicate nor a bad predicate is overlooked.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::admit::Fresh;
use super::evolve::Evolved;
use super::state::State;
use crate::command::{Publish, Request};
use crate::content::Content;
use crate::envelope::{Clause, Draft};
use crate::event::Event;
use crate::ids::{Seq, SubscriptionNo};
use crate::log::ContentRow;
use crate::policy::limits;
use crate::time::{Elapsed, Now};

/// How a subscription's predicate failed in one way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failing {
    /// The clause that artifacts name.
    pub clause: Clause,
    /// For how many artifacts.
    pub count: u64,
    /// For how many of them since it was last told of.
    pub untold: u64,
    /// The event that last told of it, and when that was on the board's own clock.
    pub told: Option<(Seq, Elapsed)>,
}

impl State {
    /// Tells of the predicates that failed for artifacts which are committed now, unless the same has
    /// been told of within a minute.
    pub(super) fn note_failures(
        &self,
        publish: &Publish,
        fresh: &Fresh<'_>,
        now: Now,
        events: &mut Vec<Event>,
    ) {
        let mut counts: BTreeMap<(SubscriptionNo, Clause), u64> = BTreeMap::new();
        for failure in fresh.iter().flat_map(|artifact| failures(&artifact.draft)) {
            *counts.entry(failure).or_default() += 1;
        }
        for ((subscription, clause), more) in counts {
            let Some(record) = self.subscription(subscription) else { continue };
            let before = record.failing.iter().find(|failing| failing.clause == clause);
            let told = before.and_then(|failing| failing.told);
            let due = told.is_none_or(|(_, at)| at.after(limits::PREDICATE_QUIET) <= now.elapsed);
            if due {
                let count = before.map_or(0, |failing| failing.untold) + more;
                let text = text_of(publish, subscription, clause).map(Content::hash);
                events.push(Event::PredicateFailed { subscription, clause, count, text });
            }
        }
    }

    /// Counts the predicates that failed for an artifact.
    pub(super) fn count_failures(&mut self, draft: &Draft) -> Evolved {
        for (subscription, clause) in failures(draft) {
            let failing = self.failing_mut(subscription, clause)?;
            failing.count += 1;
            failing.untold += 1;
        }
        Ok(())
    }

    /// What was counted has been told of.
    pub(super) fn tell_failure(
        &mut self,
        seq: Seq,
        (subscription, clause): (SubscriptionNo, Clause),
        count: u64,
    ) -> Evolved {
        let now = self.header.elapsed;
        let failing = self.failing_mut(subscription, clause)?;
        if failing.untold != count {
            let untold = failing.untold;
            return Err(format!(
                "subscription {subscription} tells of {count} failures, and has {untold}"
            ));
        }
        failing.untold = 0;
        failing.told = Some((seq, now));
        Ok(())
    }

    fn failing_mut(
        &mut self,
        subscription: SubscriptionNo,
        clause: Clause,
    ) -> Result<&mut Failing, String> {
        let record = self.subscriptions.get_mut(subscription.get() as usize);
        let record = record.ok_or_else(|| format!("there is no subscription {subscription}"))?;
        let at = record.failing.iter().position(|failing| failing.clause == clause);
        let at = at.unwrap_or_else(|| {
            record.failing.push(Failing { clause, count: 0, untold: 0, told: None });
            record.failing.len() - 1
        });
        Ok(&mut record.failing[at])
    }
}

/// The predicates that failed for an artifact, as it names them.
fn failures(draft: &Draft) -> impl Iterator<Item = (SubscriptionNo, Clause)> {
    draft.verdicts.declined.iter().copied().filter(|(_, clause)| clause.is_failure())
}

fn text_of(publish: &Publish, subscription: SubscriptionNo, clause: Clause) -> Option<&Content> {
    let failure = publish
        .failures
        .iter()
        .find(|failure| failure.subscription == subscription && failure.clause == clause)?;
    Some(&failure.text)
}

/// The row of the text that an event tells of.
pub(super) fn row(
    request: &Request,
    seq: Seq,
    subscription: SubscriptionNo,
    clause: Clause,
) -> Option<ContentRow> {
    let text = text_of(request.publish()?, subscription, clause)?;
    Some(ContentRow { seq, salt: text.salt(), bytes: text.bytes().clone() })
}
