//! Debts: artifacts that the board itself owes. An event makes one due; a task of the owner builds and
//! matches what is owed, which takes look-ups and code of the user's, and commits it in a decision that
//! pays the debt. So it is on the board exactly once, whatever crashes when: an unpaid debt is part of
//! the state, and a paid one is refused.

use serde::{Deserialize, Serialize};

use super::beside::Beside;
use super::evolve::Evolved;
use super::state::State;
use crate::command::{Publish, Rejection};
use crate::event::Event;
use crate::fingerprint::Fingerprint;
use crate::ids::{AgentNo, CorrelationId, DebtId};
use crate::log::{ClosedActivation, Death, Outcome};
use crate::policy::ErrorKind;
use crate::time::Now;

/// The name of the type of notices, each of which tells of a dead letter.
pub const DEAD_LETTER: &str = "artel.DeadLetter";

/// What the board owes itself, with all that it is built from which may be gone by then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Debt {
    /// An artifact of the type [`DEAD_LETTER`] about this activation, as it was when it died.
    DeadLetter(Box<ClosedActivation>),
}

impl Debt {
    /// The tree of work that the artifact belongs to.
    #[must_use]
    pub const fn correlation(&self) -> CorrelationId {
        match self {
            Self::DeadLetter(closed) => closed.correlation,
        }
    }
}

/// What the board owes itself, made by a task of its owner.
#[derive(Clone, Debug)]
pub struct Pay {
    /// Which debt.
    pub debt: DebtId,
    /// What was owed.
    pub publish: Publish,
}

/// How an activation is closed.
pub(super) struct Closing {
    pub(super) outcome: Outcome,
    /// The kind of the failure, where an attempt's end closed it.
    pub(super) kind: Option<ErrorKind>,
    /// What the failure is grouped by, where its executor said.
    pub(super) fingerprint: Option<Fingerprint>,
}

impl Closing {
    pub(super) const fn of(outcome: Outcome) -> Self {
        Self { outcome, kind: None, fingerprint: None }
    }
}

impl State {
    /// What the board owes itself, oldest first.
    pub fn debts(&self) -> impl Iterator<Item = (DebtId, &Debt)> {
        self.debts.iter().map(|(&id, debt)| (id, debt))
    }

    /// Commits what was owed. It is never refused for want of room: what died made some, and what its
    /// notice wakes leaves none for publishes from outside until it is done.
    pub(super) fn decide_pay(
        &self,
        pay: &Pay,
        now: Now,
        beside: &Beside,
        events: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        let debt = pay.debt;
        if !self.debts.contains_key(&debt) {
            return Err(Rejection::NotOwed { debt });
        }
        self.check_fresh(&pay.publish, beside)?;
        let admission = self.admit(&pay.publish, beside)?;
        events.push(Event::DebtPaid { debt });
        self.commit_artifacts(&admission.fresh, now, events);
        self.note_failures(&pay.publish, &admission.fresh, now, events);
        Ok(())
    }

    /// Whether somebody is subscribed to notices of dead letters.
    pub(super) fn notices_wanted(&self) -> bool {
        let mut current = self.subscriptions.iter().filter(|record| record.current);
        current.any(|record| record.definition.is_about_notices())
    }

    /// What an activation died of that is closed like this; none when it is no dead letter. A death that
    /// no attempt's text goes with is grouped by its reason.
    pub(super) fn death(&self, closing: &Closing, agent: AgentNo) -> Option<Death> {
        let Outcome::Dead(reason) = closing.outcome else { return None };
        let kind = closing.kind;
        let fingerprint = closing.fingerprint.unwrap_or_else(|| {
            let name = self.agent(agent).map(|record| &record.definition.name);
            let of = self.header.origin.zip(name);
            of.map_or_else(Fingerprint::default, |(board, name)| {
                Fingerprint::of(board, name, reason.as_str(), "")
            })
        });
        Some(Death { kind, fingerprint })
    }

    /// Owes a notice of an activation that died, where somebody is subscribed to such notices, and says
    /// whether it does. One that was itself about a notice makes no further one.
    pub(super) fn owe_notice(&mut self, closed: &ClosedActivation) -> bool {
        if !matches!(closed.outcome, Outcome::Dead(_)) || !self.index.notices_wanted {
            return false;
        }
        if self.is_about_notice(closed) {
            return false;
        }
        // It keeps the tree of work open, which would seem to have settled otherwise.
        self.entry_of(closed.correlation).open += 1;
        self.debts.insert(DebtId(closed.ended), Debt::DeadLetter(Box::new(closed.clone())));
        true
    }

    /// A debt is paid.
    pub(super) fn forget_debt(&mut self, id: DebtId) -> Evolved {
        let debt = self.debts.remove(&id).ok_or_else(|| format!("nothing is owed for {id}"))?;
        let correlation = debt.correlation();
        if let Some(entry) = self.correlations.get_mut(&correlation) {
            entry.open -= 1;
            if entry.open == 0 {
                self.index.touched.push(correlation);
            }
        }
        Ok(())
    }
}
