//! How events keep ordering keys in order: whom a lane lets out, and what dead letters do to it.

use super::activation::Activation;
use super::state::State;
use crate::ids::{ActivationId, SubscriptionNo};
use crate::key::OnDead;
use crate::names::OrderingKey;

/// Of how many keys of a subscription dead letters are remembered. Beyond it those of the first key
/// are forgotten, unless they stop it: nobody knows then whether younger ones ran since.
const DEAD_KEYS_MAX: usize = 100_000;

/// A subscription, and a key of it.
pub(super) type LaneOf = (SubscriptionNo, OrderingKey);

impl State {
    fn on_dead(&self, subscription: SubscriptionNo) -> Option<OnDead> {
        self.subscription(subscription).and_then(|record| record.definition.ordered)
    }

    /// The lane of an activation; none of one without a key, or whose subscription has no order.
    pub(super) fn lane_of(&self, activation: &Activation) -> Option<LaneOf> {
        let key = activation.key.as_deref()?;
        self.on_dead(activation.subscription)?;
        Some((activation.subscription, key.clone()))
    }

    /// Lets out of a lane whom it is to let out, unless an attempt of another one runs.
    pub(super) fn settle_lane(&mut self, lane: Option<LaneOf>) {
        let Some((no, key)) = lane else { return };
        let Some(lane) = self.index.lanes.get(no, &key) else { return };
        let (before, after) = (lane.out, lane.next());
        let runs = |id| self.activation(id).is_some_and(|it| it.running().is_some());
        if before == after || before.is_some_and(runs) {
            return;
        }
        for id in before.into_iter().chain(after) {
            self.take_out(id);
        }
        self.index.lanes.change(no, &key, |lane| lane.out = after);
        for id in before.into_iter().chain(after) {
            self.put_in(id);
        }
    }

    pub(super) fn take_out(&mut self, id: ActivationId) {
        if let Some(activation) = self.activations.get(&id) {
            let facts = self.facts(id, activation);
            self.index.remove(id, activation, facts);
        }
    }

    pub(super) fn put_in(&mut self, id: ActivationId) {
        if let Some(activation) = self.activations.get(&id) {
            let facts = self.facts(id, activation);
            self.index.insert(id, activation, facts, self.header.elapsed);
        }
    }

    /// Derives the lanes anew, before anything is taken up by the index.
    pub(super) fn rebuild_lanes(&mut self) {
        for (&id, activation) in &self.activations {
            let Some((no, key)) = self.lane_of(activation) else { continue };
            let runs = activation.running().is_some();
            self.index.lanes.change(no, &key, |lane| {
                lane.enter(id);
                if runs {
                    lane.out = Some(id);
                }
            });
        }
        for (&no, keys) in &self.dead_keys {
            if self.on_dead(no) != Some(OnDead::Stop) {
                continue;
            }
            for (key, letters) in keys {
                self.index.lanes.change(no, key, |lane| {
                    letters.dead.iter().for_each(|&id| lane.stop(id));
                });
            }
        }
        self.index.lanes.let_out();
    }

    /// An activation with an ordering key died.
    pub(super) fn note_dead(&mut self, no: SubscriptionNo, key: &OrderingKey, id: ActivationId) {
        let stops = self.on_dead(no) == Some(OnDead::Stop);
        let keys = self.dead_keys.entry(no).or_default();
        if !keys.contains_key(key) {
            if keys.len() >= DEAD_KEYS_MAX && !stops {
                keys.pop_first();
            }
            keys.insert(key.clone(), super::state::DeadKey::default());
        }
        if let Some(letters) = keys.get_mut(key) {
            letters.dead.insert(id);
        }
        if stops {
            self.index.lanes.change(no, key, |lane| lane.stop(id));
        }
    }

    /// An attempt of an activation begins: dead letters of its key that are older were overtaken.
    pub(super) fn note_ran(&mut self, id: ActivationId) {
        if self.dead_keys.is_empty() {
            return;
        }
        let Some(activation) = self.activations.get(&id) else { return };
        let Some(key) = &activation.key else { return };
        let keys = self.dead_keys.get_mut(&activation.subscription);
        if let Some(letters) = keys.and_then(|keys| keys.get_mut(key)) {
            letters.ran = letters.ran.max(Some(id));
        }
    }

    /// A dead letter is one no longer.
    pub(super) fn forget_dead_of(
        &mut self,
        no: SubscriptionNo,
        key: Option<&OrderingKey>,
        id: ActivationId,
    ) {
        let Some(key) = key else { return };
        let Some(keys) = self.dead_keys.get_mut(&no) else { return };
        let Some(letters) = keys.get_mut(key) else { return };
        if !letters.dead.remove(&id) {
            return;
        }
        if letters.dead.is_empty() {
            keys.remove(key);
        }
        if keys.is_empty() {
            self.dead_keys.remove(&no);
        }
        self.index.lanes.change(no, key, |lane| lane.go_on(id));
        self.settle_lane(Some((no, key.clone())));
    }
}
