//! Elapse: time has passed. Ends what is overdue; what became ready is leased as after any command.

use std::time::Duration;

use super::doubt::attempt_ended;
use super::state::State;
use crate::event::{AttemptEnd, Closure, DeadReason, Event};
use crate::ids::AttemptId;
use crate::policy::ErrorKind;
use crate::time::Now;

/// How long after its deadline an attempt is ended by the board itself. Until then its executor,
/// which has the handler's log lines, may report the time-out.
pub(super) const OVERDUE_GRACE: Duration = Duration::from_secs(1);

/// How many overdue activations one command ends.
const OVERDUE_MAX: usize = 1_000;

impl State {
    pub(super) fn decide_elapse(&self, now: Now, events: &mut Vec<Event>) {
        for id in self.index.overdue(now.elapsed).take(OVERDUE_MAX) {
            let Some(activation) = self.activations.get(&id) else { continue };
            let event = match activation.running() {
                None => Event::ActivationClosed {
                    activation: id,
                    why: Closure::Dead(DeadReason::TotalTimeout),
                },
                Some(running) => {
                    let attempt = AttemptId { activation: id, attempt: running.attempt };
                    let kind = ErrorKind::Timeout;
                    let next = self.after_failure(activation, running, kind, now.elapsed);
                    let ended = (AttemptEnd::Failed(kind), next);
                    attempt_ended((attempt, activation), ended, (None, None))
                }
            };
            events.push(event);
        }
    }
}
