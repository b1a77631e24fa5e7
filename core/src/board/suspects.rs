//! Suspects: what ran when a process died may be what it died of. Suspects run one at a time in a
//! session, beside other work, so that the next death tells. Any other end clears the suspicion.

use std::collections::BTreeMap;

use super::activation::{Activation, Suspect};
use super::state::State;
use crate::event::AttemptEnd;
use crate::ids::{ActivationId, SessionId};

/// The suspect that runs in each session. Derived data, as the rest of the index.
#[derive(Clone, Debug, Default)]
pub(super) struct InTurn(BTreeMap<SessionId, ActivationId>);

impl InTurn {
    pub(super) fn begin(&mut self, session: SessionId, id: ActivationId) {
        self.0.insert(session, id);
    }

    pub(super) fn end(&mut self, session: SessionId) {
        self.0.remove(&session);
    }

    /// The suspect that runs in a session.
    pub(super) fn of(&self, session: SessionId) -> Option<ActivationId> {
        self.0.get(&session).copied()
    }
}

impl Activation {
    /// An attempt of it ended: with its process, or in another way.
    pub(super) fn judge(&mut self, end: AttemptEnd) {
        self.suspect = match end {
            AttemptEnd::Lost => Some(match self.suspect {
                // It ran among others: any of them may have been it.
                None => Suspect { deaths: 0 },
                Some(Suspect { deaths }) => Suspect { deaths: deaths.saturating_add(1) },
            }),
            AttemptEnd::Done
            | AttemptEnd::Failed(_)
            | AttemptEnd::Released
            | AttemptEnd::Cancelled
            | AttemptEnd::BoardFull => None,
        };
    }
}

impl State {
    /// Whether one more death is one too many, if it is lost now.
    pub(super) fn is_crash_loop(&self, activation: &Activation) -> bool {
        let Some(Suspect { deaths }) = activation.suspect else { return false };
        let limit = self.agent(activation.agent).map(|agent| agent.definition.crash_loop);
        limit.is_some_and(|limit| deaths + 1 >= limit)
    }

    /// The suspect that another one waits for: one runs in every session that there is.
    pub(super) fn suspect_before(&self) -> Option<ActivationId> {
        let mut running = self.sessions.keys().map(|&session| self.index.in_turn.of(session));
        let first = running.next()??;
        running.all(|other| other.is_some()).then_some(first)
    }
}
