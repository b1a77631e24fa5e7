//! Dead letters whose time is over: a task of the owner that looks, each hour, and drops what nobody redrove
//! or dropped while it was kept. What a person has to decide on is kept until they do.
//!
//! Nothing brings a dead letter back that was dropped, so that a wall clock which is wrong for a while must
//! drop none: a look does nothing where the clock has gone on by more than the time since the look before,
//! and the first comes some minutes after the start, when a machine's clock has been set.
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
/// When it looks first.
const FIRST: Duration = Duration::from_secs(5 * 60);
/// By how much the wall clock may go on faster than the time.
const JUMP: Duration = Duration::from_secs(60);
/// How many dead letters are read at a time, and dropped by one command.
const PAGE: u32 = 100;

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
        let strict = state.subscriptions().filter(|(_, record)| {
            record.current && record.definition.ordered == Some(OnDead::Stop)
        });
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
    let works = Expiry { submitter }.run();
    tokio::select! {
        biased;
        () = stop.cancelled() => {}
        () = works => {}
    }
}

struct Expiry {
    submitter: Submitter,
}

impl Expiry {
    /// Looks again and again. May be dropped at any time: what is dropped by then is, and the rest is found
    /// by the next look.
    async fn run(self) {
        let (mut seen, mut next) = (Kept::default(), Timestamp(i64::MIN));
        let mut pause = FIRST;
        loop {
            let clock = &*self.submitter.clock;
            let (wall, monotonic) = (clock.wall(), clock.monotonic());
            tokio::time::sleep(pause).await;
            pause = EVERY;
            let now = clock.wall();
            if now.since(wall) > clock.monotonic().saturating_sub(monotonic) + JUMP {
                tracing::warn!(
                    "the wall clock has jumped; no dead letter is dropped before the next look"
                );
                continue;
            }
            let Ok(kept) = self.submitter.committer.look(Kept::of).await else { return };
            if kept == seen && next > now {
                continue;
            }
            match self.sweep(&kept, now).await {
                Ok(due) => (seen, next) = (kept, due),
                Err(unswept) => {
                    let error = chain_of(&unswept).join(": ");
                    tracing::warn!(error, "dead letters are kept for longer than they should be");
                }
            }
        }
    }

    /// Drops the dead letters that are due, and says when there may be one again.
    async fn sweep(&self, kept: &Kept, now: Timestamp) -> Result<Timestamp, Unswept> {
        // What is to die yet is kept from then on.
        let shortest = kept.agents.values().min().copied().unwrap_or(EVERY);
        let mut next = after(now, shortest);
        let mut query = ActivationQuery {
            outcomes: vec![OutcomeFilter::Dead],
            limit: PAGE,
            ..ActivationQuery::default()
        };
        loop {
            // Before the page is read: what is touched after this is touched since.
            let as_of = self.submitter.committer.look(State::seq).await.map_err(Unswept::Drop)?;
            let page = self.submitter.log.closed_activations(&query).await;
            let page = page.map_err(Unswept::Read)?;
            let mut due = Vec::new();
            for closed in page.items {
                match kept.until(&closed) {
                    Some(until) if until <= now => due.push(closed),
                    Some(until) => next = next.min(until),
                    None => {}
                }
            }
            if !self.drop_these(due, as_of).await.map_err(Unswept::Drop)? {
                // Somebody touched one of them meanwhile.
                next = now;
            }
            let Some(cursor) = page.next else { return Ok(next) };
            query.cursor = Some(cursor);
        }
    }

    /// Drops these; says whether none is left over.
    async fn drop_these(&self, due: Vec<ClosedActivation>, as_of: Seq) -> Result<bool, Failure> {
        let letter = |closed| DeadLetterRef { closed, as_of, out_of_order: false };
        let letters: Vec<_> = due.into_iter().map(letter).collect();
        let dropped = letters.len();
        if dropped == 0 {
            return Ok(true);
        }
        let entropy = &*self.submitter.entropy;
        let command = Command {
            id: entropy::command_id(entropy),
            actor: Actor::Board,
            correlation: None,
            trace: None,
            seed: entropy::seed(entropy),
            request: Request::DropDead(letters),
        };
        match self.submitter.committer.owed(command).await {
            Ok(_) => {
                tracing::info!(dropped, "dead letters were kept for their time and are dropped");
                Ok(true)
            }
            Err(Failure::Rejected(Rejection::NotDead { .. } | Rejection::StaleLookUp { .. })) => {
                Ok(false)
            }
            Err(failure) => Err(failure),
        }
    }
}

/// A moment of the wall clock, some time after another.
fn after(moment: Timestamp, time: Duration) -> Timestamp {
    let time = i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
    Timestamp(moment.0.saturating_add(time))
}
