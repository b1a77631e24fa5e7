//! The rules of notices: of each death there is one, where somebody was subscribed when it happened and
//! it was not itself about a notice; in its tree of work, made by the board from the same inputs.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use artel::{Board, Context, DeadLetter, Error, Retry};
use artel_core::board::State;
use artel_core::envelope::{Envelope, Inputs, Producer};
use artel_core::event::{Closure, Event, Next};
use artel_core::ids::{ActivationId, AttemptId, CorrelationId, DebtId, Seq, SubscriptionNo};
use artel_core::record::Decision;

use super::agents::Around;
use super::audit::Audit;
use super::cases::Case;
use super::secrets;
use crate::dice::Dice;

/// What the agent is called that is subscribed to notices.
pub(super) const UNDERTAKER: &str = "undertaker";

/// What was owed and was paid.
#[derive(Debug, Default)]
pub(super) struct Notices {
    /// The deaths of which a notice is missing.
    owed: BTreeMap<DebtId, Death>,
}

/// A death, as its notice has to tell it.
#[derive(Clone, Debug)]
struct Death {
    correlation: CorrelationId,
    inputs: Inputs,
}

/// Declares the agent that is subscribed to notices; it fails now and then.
pub(super) fn declare(board: &Board, around: &Arc<Around>) {
    let retry = Retry::fixed(Duration::from_millis(700)).max_attempts(2);
    let agent = board.agent(UNDERTAKER).on::<DeadLetter>().retry(retry);
    let agent = secrets::clear(agent, 1);
    agent.timeout(Duration::from_secs(5)).shared_state(around.clone()).run(bury);
}

async fn bury(cx: Context, letter: Arc<DeadLetter>, around: Arc<Around>) -> Result<(), Error> {
    let attempt = AttemptId { activation: cx.activation(), attempt: cx.attempt() };
    let _handler = around.begins(attempt, 1);
    let mut dice =
        Dice::new(u64::from(cx.new_id().as_bytes()[15]) << 32 | letter.activation.0.get());
    if dice.percent(20) {
        tokio::time::sleep(dice.up_to(2_000)).await;
    }
    match dice.below(10) {
        0..3 => Err(Error::transient("drawn")),
        3 => Err(Error::permanent("drawn")),
        _ => {
            around.returns_nothing(attempt);
            Ok(())
        }
    }
}

/// Whether a subscription is one to notices.
fn is_of_undertaker(state: &State, subscription: SubscriptionNo) -> bool {
    let record = state.subscription(subscription);
    let agent = record.and_then(|record| state.agent(record.agent));
    agent.is_some_and(|agent| agent.definition.name.as_str() == UNDERTAKER)
}

/// Before a decision is folded in: what it makes due, and what it pays.
pub(super) fn before(audit: &mut Audit, decision: &Decision) {
    let mut made = BTreeMap::new();
    let mut paid: VecDeque<Death> = VecDeque::new();
    let first = audit.state.seq().next().get();
    for (seq, event) in (first..).map(Seq).zip(&decision.events) {
        match event {
            Event::ActivationCreated { subscription, inputs, correlation, .. } => {
                let death = Death { correlation: *correlation, inputs: inputs.clone() };
                made.insert(ActivationId(seq), (*subscription, death));
            }
            Event::AttemptEnded { attempt, next: Next::Dead(_), .. } => {
                died(audit, (seq, attempt.activation), &made);
            }
            Event::ActivationClosed { activation, why: Closure::Dead(_) } => {
                died(audit, (seq, *activation), &made);
            }
            Event::DebtPaid { debt } => match audit.notices.owed.remove(debt) {
                Some(death) => paid.push_back(death),
                None => audit.violated(format_args!("I3: {debt} is paid and was not owed")),
            },
            Event::ArtifactCommitted(draft) if draft.envelope.producer == Producer::Board => {
                given(audit, &draft.envelope, paid.pop_front());
            }
            _ => {}
        }
    }
    if !paid.is_empty() {
        audit.violated(format_args!("I3: {paid:?} is paid, and nothing is there"));
    }
}

/// A notice is on the board.
fn given(audit: &mut Audit, envelope: &Envelope, death: Option<Death>) {
    let fits = death.is_some_and(|death| {
        death.correlation == envelope.correlation && death.inputs == envelope.causes
    });
    if !fits {
        audit.violated(format_args!("I3: notice {} is of no death that there was", envelope.id));
    }
    audit.cases.count(Case::Noticed);
}

/// An activation died.
fn died(
    audit: &mut Audit,
    (seq, id): (Seq, ActivationId),
    made: &BTreeMap<ActivationId, (SubscriptionNo, Death)>,
) {
    let state = &audit.state;
    let wanted = state
        .agents()
        .any(|(_, agent)| agent.registered && agent.definition.name.as_str() == UNDERTAKER);
    let open = state.activation(id).map(|open| {
        let death = Death { correlation: open.correlation, inputs: open.inputs.clone() };
        (open.subscription, death)
    });
    let Some((subscription, death)) = open.or_else(|| made.get(&id).cloned()) else { return };
    if is_of_undertaker(state, subscription) {
        audit.cases.count(Case::NoticeDied);
    } else if wanted {
        audit.notices.owed.insert(DebtId(seq), death);
    }
}

/// Once a decision is folded in: the board owes what the audit says.
pub(super) fn after(audit: &mut Audit) {
    let same = audit.state.debts().map(|(id, _)| id).eq(audit.notices.owed.keys().copied());
    if !same {
        let owed: Vec<_> = audit.notices.owed.keys().copied().collect();
        audit.violated(format_args!("I3: {owed:?} are owed, and the state says otherwise"));
    }
}
