//! Publish: artifacts from outside, all or none.

use super::beside::Beside;
use super::state::State;
use crate::command::{Publish, Rejection};
use crate::event::Event;
use crate::time::Now;

impl State {
    pub(super) fn decide_publish(
        &self,
        publish: &Publish,
        now: Now,
        beside: &Beside,
        events: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        self.check_fresh(publish, beside)?;
        let admission = self.admit(publish, beside)?;
        self.check_correlations(&admission.growth, now.elapsed)?;
        self.check_room(&admission.growth, 1).map_err(|full| self.agenda_full(full))?;
        self.commit_artifacts(&admission.fresh, now, events);
        self.note_failures(publish, &admission.fresh, now, events);
        Ok(())
    }
}
