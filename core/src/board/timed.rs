//! Matches that wait for a time: until it has been quiet for a while, or until they have reached an age.
//! What comes before their time makes them expire: in the decision that commits it, or, where their agent
//! may see it only later, in the first one from then on.

use super::activation::{Activation, Phase};
use super::state::{Header, State};
use crate::definition::Wakes;
use crate::envelope::{Envelope, Members};
use crate::event::{Closure, Event};
use crate::ids::{ActivationId, AgentNo, CorrelationId, SubscriptionNo};
use crate::names::OrderingKey;
use crate::time::{Elapsed, Now, Timestamp};
use crate::visibility::Viewer;

/// What a decision has made so far that waits for a time, and what it let expire.
#[derive(Debug, Default)]
pub(super) struct Made {
    quiet: Vec<(SubscriptionNo, Option<OrderingKey>, ActivationId)>,
    aged: Vec<(SubscriptionNo, Members, CorrelationId, ActivationId)>,
    expired: Vec<ActivationId>,
}

impl Made {
    fn expire(&mut self, activation: ActivationId, events: &mut Vec<Event>) {
        if !self.expired.contains(&activation) {
            self.expired.push(activation);
            events.push(Event::ActivationClosed { activation, why: Closure::Expired });
        }
    }
}

impl State {
    /// Whether the agent of a subscription may see an artifact at a moment of the wall clock: of a group,
    /// any of these members.
    fn may_see(
        &self,
        (no, members): (SubscriptionNo, &[AgentNo]),
        envelope: &Envelope,
        at: Timestamp,
    ) -> bool {
        if envelope.visibility.restriction().is_none() {
            return true;
        }
        let sees = |agent: AgentNo| {
            self.agent(agent).is_some_and(|agent| {
                let definition = &agent.definition;
                let viewer = Viewer::agent(&definition.name, &definition.clearance);
                envelope.visibility.admits(&viewer, at)
            })
        };
        match members {
            [] => self.subscription(no).is_some_and(|record| sees(record.agent)),
            members => members.iter().copied().any(sees),
        }
    }

    /// Lets expire what was to wake without an artifact like this.
    pub(super) fn expire_aged(
        &self,
        envelope: &Envelope,
        now: Now,
        made: &mut Made,
        events: &mut Vec<Event>,
    ) {
        let tree = envelope.correlation;
        let Some(name) = self.type_record(envelope.type_no).map(|record| &record.name) else {
            return;
        };
        // What its agent may not see has not come for it.
        let without = |no: SubscriptionNo, members: &[AgentNo]| match self.wakes(no) {
            Wakes::Aged { without, .. } => {
                without.contains(name) && self.may_see((no, members), envelope, now.wall)
            }
            Wakes::AtOnce | Wakes::Quiet(_) => false,
        };
        let earlier = self.index.aged(tree).filter(|id| {
            let activation = self.activations.get(id);
            activation
                .is_some_and(|it| waits(it, now.elapsed) && without(it.subscription, &it.members))
        });
        for id in earlier {
            made.expire(id, events);
        }
        let mut here: Vec<_> = Vec::new();
        made.aged.retain(|(no, members, of, id)| {
            let expires = *of == tree && without(*no, members);
            if expires {
                here.push(*id);
            }
            !expires
        });
        for id in here {
            made.expire(id, events);
        }
    }

    /// An artifact is committed that agents may see only later: what is to wake without one of its type
    /// expires then, unless it is old enough before. Which these are is settled here, by the definitions
    /// of this moment, as it is for what may be seen at once.
    pub(super) fn note_reveal(&mut self, envelope: &Envelope) {
        let Header { at, elapsed: now, .. } = self.header;
        let Some(from) = envelope.visibility.from().filter(|from| *from > at) else { return };
        let seen = now.after(from.since(at));
        let Some(name) = self.type_record(envelope.type_no).map(|record| &record.name) else {
            return;
        };
        let expires = |id: &ActivationId| {
            let activation = self.activations.get(id)?;
            let Wakes::Aged { without, .. } = self.wakes(activation.subscription) else {
                return None;
            };
            let wanted = without.contains(name)
                && waits(activation, seen)
                && self.may_see((activation.subscription, &activation.members), envelope, from);
            Some(*id).filter(|_| wanted)
        };
        let expire: Vec<_> =
            self.index.aged(envelope.correlation).filter_map(|id| expires(&id)).collect();
        for id in expire {
            let first = self.reveals.get(&id).map_or(seen, |before| seen.min(*before));
            self.forget_reveal(id);
            self.reveals.insert(id, first);
            self.index.reveals.insert((first, id));
        }
    }

    /// An activation waits no longer.
    pub(super) fn forget_reveal(&mut self, id: ActivationId) {
        if let Some(at) = self.reveals.remove(&id) {
            self.index.reveals.remove(&(at, id));
        }
    }

    /// The event of the next match that expires because its agent may see by now what it was to wake
    /// without.
    pub(super) fn next_reveal(&self, now: Elapsed) -> Option<Event> {
        let (at, activation) = *self.index.reveals.first()?;
        (at <= now).then_some(Event::ActivationClosed { activation, why: Closure::Expired })
    }

    /// When a match wakes its agent, which is about to become this activation. One that waits until it is
    /// quiet makes the one before it expire.
    pub(super) fn wake_at(
        &self,
        (no, key): (SubscriptionNo, Option<&OrderingKey>),
        now: Elapsed,
        made: &mut Made,
        events: &mut Vec<Event>,
    ) -> Option<Elapsed> {
        match self.wakes(no) {
            Wakes::AtOnce => None,
            Wakes::Aged { age, .. } => Some(now.after(*age)),
            Wakes::Quiet(time) => {
                let earlier = self.index.quiet(no, key).filter(|id| {
                    self.activations.get(id).is_some_and(|activation| waits(activation, now))
                });
                let here =
                    made.quiet.iter().position(|(of, its, _)| *of == no && its.as_ref() == key);
                let here = here.map(|index| made.quiet.swap_remove(index).2);
                for id in earlier.into_iter().chain(here) {
                    made.expire(id, events);
                }
                Some(now.after(*time))
            }
        }
    }

    /// Remembers what was made of a match that waits for a time.
    pub(super) fn note_made(
        &self,
        (no, members): (SubscriptionNo, &[AgentNo]),
        (key, tree): (Option<OrderingKey>, CorrelationId),
        id: ActivationId,
        made: &mut Made,
    ) {
        match self.wakes(no) {
            Wakes::AtOnce => {}
            Wakes::Quiet(_) => made.quiet.push((no, key, id)),
            Wakes::Aged { .. } => made.aged.push((no, members.into(), tree, id)),
        }
    }

    fn wakes(&self, subscription: SubscriptionNo) -> &Wakes {
        const AT_ONCE: &Wakes = &Wakes::AtOnce;
        self.subscription(subscription).map_or(AT_ONCE, |record| &record.definition.wakes)
    }
}

/// Whether an activation has had no attempt, and its time has not come.
fn waits(activation: &Activation, now: Elapsed) -> bool {
    let since = match activation.phase {
        Phase::Waiting { since } => since,
        Phase::Full { .. } | Phase::Running(_) => return false,
    };
    activation.attempts == 0 && since > now
}
