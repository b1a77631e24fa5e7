//! Take over: the beginning of an ownership. The first one creates the board.

use super::state::State;
use crate::command::TakeOver;
use crate::event::{AttemptEnd, Event, LEVEL, SessionEnd};
use crate::time::Now;

impl State {
    pub(super) fn decide_take_over(&self, take_over: &TakeOver, now: Now, events: &mut Vec<Event>) {
        if self.header.board.is_none() {
            events.push(Event::BoardCreated {
                name: take_over.board.clone(),
                incarnation: take_over.incarnation,
                level: LEVEL,
                dev: take_over.dev,
            });
        }
        events.push(Event::OwnerChanged {
            epoch: take_over.epoch,
            process: take_over.process,
            program: take_over.program.clone(),
        });
        // A session lives in its owner's process in this version, so it ended with that process.
        for (&session, record) in &self.sessions {
            if record.process != take_over.process {
                self.end_attempts_of(session, AttemptEnd::Lost, now, events);
                events.push(Event::SessionEnded { session, reason: SessionEnd::Lost });
            }
        }
    }
}
