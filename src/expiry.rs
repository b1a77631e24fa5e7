//! Dead letters whose time is over: a task of the owner that looks, each hour, and drops what nobody redrove
//! or dropped while it was kept. What a person has to decide on is kept until they do.
//!
//! The state does not know dead letters, of which there is no bound: they are read from the log, when the
//! oldest of them is due, a page at a time.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use artel_core::board::State;
use artel_core::classify::chain_of;
use artel_core::command::{Command, DeadLetterRef, Rejection, Request};
use artel_core::definition::DeadLetterKeeping;
use artel_core::envelope::Actor;
use artel_core::event::DeadReason;
use artel_core::ids::{AgentNo, Seq, SubscriptionNo};
use artel_core::key::OnDead;
use artel_core::log::{self, ActivationQuery, ClosedActivation, Outcome, OutcomeFilter};
use artel_core::time::Timestamp;

use crate::committer::Failure;
use crate::entropy;
use crate::submit::Submitter;

/// How often it looks whether one is due: nothing is kept for less.
const EVERY: Duration = DeadLetterKeeping::TIME_MIN;
/// How many dead letters one command drops, and how many are read at a time.
const PART: usize = 100;
const PAGE: u32 = 1_000;

/// Why dead letters could not be looked through.
#[derive(Debug, thiserror::Error)]
enum Unswept {
    #[error("cannot read the dead letters")]
    Read(#[source] log::Error),
    #[error("the board does not drop them")]
    Drop(#[source] Failure),
}

/// How long dead letters are kept, as the board has it at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Kept {
    agents: BTreeMap<AgentNo, Duration>,
    /// The subscriptions whose dead letters stop their key.
    strict: Vec<SubscriptionNo>,
}

impl Kept {
    fn of(state: &State) -> Self {
        let agents = state.agents().map(|(no, it)| (no, it.definition.dead_letters.time));
        let strict = state
            .subscriptions()
            .filter(|(_, record)| record.definition.ordered == Some(OnDead::Stop));
        Self { agents: agents.collect(), strict: strict.map(|(no, _)| no).collect() }
    }

    /// When a dead letter has been kept for its time; none for one that a person has to decide on.
    fn until(&self, closed: &ClosedActivation) -> Option<Timestamp> {
        let stops = closed.key.is_some() && self.strict.contains(&closed.subscription);
        if stops || closed.outcome == Outcome::Dead(DeadReason::InDoubt) {
            return None;
        }
        Some(after(closed.at, *self.agents.get(&closed.agent)?))
    }
}

/// Drops what is due, until `stop`.
pub(crate) async fn run(submitter: Submitter, stop: CancellationToken) {
    let mut seen = Kept::default();
    let mut next = Timestamp(i64::MIN);
    loop {
        let Ok(kept) = submitter.committer.look(Kept::of).await else {
            return;
        };
        let now = submitter.clock.wall();
        if kept != seen || next <= now {
            match sweep(&submitter, &kept, now).await {
                Ok(due) => (seen, next) = (kept, due),
                Err(unswept) => {
                    let error = chain_of(&unswept).join(": ");
                    tracing::warn!(error, "dead letters are kept for longer than they should be");
                }
            }
        }
        let goes_on = tokio::select! {
            biased;
            () = stop.cancelled() => false,
            () = tokio::time::sleep(EVERY) => true,
        };
        if !goes_on {
            return;
        }
    }
}

/// Drops the dead letters that are due, and says when there may be one again.
async fn sweep(submitter: &Submitter, kept: &Kept, now: Timestamp) -> Result<Timestamp, Unswept> {
    // What is to die yet is kept from then on.
    let shortest = kept.agents.values().min().copied().unwrap_or(EVERY);
    let mut next = after(now, shortest);
    let mut query = ActivationQuery {
        outcomes: vec![OutcomeFilter::Dead],
        limit: PAGE,
        ..ActivationQuery::default()
    };
    loop {
        let as_of = submitter.committer.look(State::seq).await.map_err(Unswept::Drop)?;
        let page = submitter.log.closed_activations(&query).await.map_err(Unswept::Read)?;
        let mut due = Vec::new();
        for closed in page.items {
            match kept.until(&closed) {
                Some(until) if until <= now => due.push(closed),
                Some(until) => next = next.min(until),
                None => {}
            }
        }
        for part in due.chunks(PART) {
            if !drop_part(submitter, part, as_of).await.map_err(Unswept::Drop)? {
                next = now;
            }
        }
        let Some(cursor) = page.next else { return Ok(next) };
        query.cursor = Some(cursor);
    }
}

/// Drops these, apart from those that somebody else touches meanwhile; says whether none is left over.
async fn drop_part(
    submitter: &Submitter,
    part: &[ClosedActivation],
    as_of: Seq,
) -> Result<bool, Failure> {
    let letter = |closed: &ClosedActivation| DeadLetterRef {
        closed: closed.clone(),
        as_of,
        out_of_order: false,
    };
    let mut letters: Vec<_> = part.iter().map(letter).collect();
    while !letters.is_empty() {
        let command = Command {
            id: entropy::command_id(&*submitter.entropy),
            actor: Actor::Board,
            correlation: None,
            trace: None,
            seed: entropy::seed(&*submitter.entropy),
            request: Request::DropDead(letters.clone()),
        };
        match submitter.committer.owed(command).await {
            Ok(_) => {
                let dropped = letters.len();
                tracing::info!(dropped, "dead letters were kept for their time and are dropped");
                return Ok(true);
            }
            Err(Failure::Rejected(Rejection::NotDead { activation, .. })) => {
                letters.retain(|letter| letter.closed.activation != activation);
            }
            // The next look finds them again, as they are then.
            Err(Failure::Rejected(Rejection::StaleLookUp { .. })) => return Ok(false),
            Err(failure) => return Err(failure),
        }
    }
    Ok(true)
}

/// A moment of the wall clock, some time after another.
fn after(moment: Timestamp, time: Duration) -> Timestamp {
    let time = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    Timestamp(moment.0.saturating_add(time))
}
