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
        self.check_correlations(publish, now.elapsed)?;
        self.check_room(publish, 1)?;
        self.commit_artifacts(publish, beside, events)
    }
}
