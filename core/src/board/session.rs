//! Sessions: executors come, and go.

use super::doubt::attempt_ended;
use super::state::State;
use crate::command::{OpenSession, Rejection};
use crate::event::{AttemptEnd, DeadReason, Event, Next, SessionEnd};
use crate::ids::{AttemptId, SessionId};
use crate::time::Now;

impl State {
    pub(super) fn decide_open_session(
        &self,
        open: &OpenSession,
        events: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        if self.sessions.contains_key(&open.session) {
            return Err(Rejection::SessionOpen { session: open.session });
        }
        let OpenSession { session, process, slots } = *open;
        events.push(Event::SessionOpened { session, process, slots });
        Ok(())
    }

    pub(super) fn decide_end_session(
        &self,
        session: SessionId,
        now: Now,
        events: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        if !self.sessions.contains_key(&session) {
            return Err(Rejection::UnknownSession { session });
        }
        self.end_attempts_of(session, AttemptEnd::Released, now, events);
        events.push(Event::SessionEnded { session, reason: SessionEnd::Closed });
        Ok(())
    }

    /// Ends every attempt that runs in a session; the activations wait again, at once, and none of
    /// their retries is used up. What processes died of too often does not.
    pub(super) fn end_attempts_of(
        &self,
        session: SessionId,
        end: AttemptEnd,
        now: Now,
        events: &mut Vec<Event>,
    ) {
        let again = Next::Retry { not_before: now.elapsed, counted: false };
        for (&activation, entry) in &self.activations {
            if let Some(running) = entry.running().filter(|running| running.session == session) {
                let attempt = AttemptId { activation, attempt: running.attempt };
                let crashes = end == AttemptEnd::Lost && self.is_crash_loop(entry);
                let next = if crashes { Next::Dead(DeadReason::CrashLoop) } else { again };
                events.push(attempt_ended((attempt, entry), (end, next), (None, None)));
            }
        }
    }
}
