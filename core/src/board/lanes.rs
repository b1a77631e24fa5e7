//! Lanes: the activations of one subscription with one ordering key. Only one of a lane is let out at
//! a time, the oldest; it holds back the others whatever it waits for, until it is closed.
//!
//! Derived data, as the rest of the index.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::{ActivationId, SubscriptionNo};
use crate::names::OrderingKey;

#[derive(Clone, Debug, Default)]
pub(super) struct Lanes(BTreeMap<SubscriptionNo, BTreeMap<OrderingKey, Lane>>);

#[derive(Clone, Debug, Default)]
pub(super) struct Lane {
    members: BTreeSet<ActivationId>,
    /// The one that is let out.
    pub(super) out: Option<ActivationId>,
    /// Dead letters that stop what is younger.
    stops: BTreeSet<ActivationId>,
}

impl Lane {
    /// The one that is to be let out, unless an attempt of another one runs.
    pub(super) fn next(&self) -> Option<ActivationId> {
        let first = *self.members.first()?;
        self.stops.first().is_none_or(|stop| first < *stop).then_some(first)
    }

    /// What holds back a member that is not let out.
    fn before(&self) -> Option<ActivationId> {
        self.out.or_else(|| self.stops.first().copied())
    }
}

impl Lanes {
    pub(super) fn get(&self, subscription: SubscriptionNo, key: &OrderingKey) -> Option<&Lane> {
        self.0.get(&subscription)?.get(key)
    }

    /// Changes a lane; one that nothing is left of is forgotten.
    pub(super) fn change(
        &mut self,
        subscription: SubscriptionNo,
        key: &OrderingKey,
        change: impl FnOnce(&mut Lane),
    ) {
        let lanes = self.0.entry(subscription).or_default();
        if let Some(lane) = lanes.get_mut(key) {
            change(lane);
            if lane.members.is_empty() && lane.stops.is_empty() {
                lanes.remove(key);
            }
        } else {
            let mut lane = Lane::default();
            change(&mut lane);
            if !lane.members.is_empty() || !lane.stops.is_empty() {
                lanes.insert(key.clone(), lane);
            }
        }
        if lanes.is_empty() {
            self.0.remove(&subscription);
        }
    }

    /// Lets the first one out of each lane out of which none is.
    pub(super) fn let_out(&mut self) {
        for lane in self.0.values_mut().flat_map(BTreeMap::values_mut) {
            lane.out = lane.out.or_else(|| lane.next());
        }
    }

    /// Whether a member waits for an older one.
    pub(super) fn is_behind(
        &self,
        subscription: SubscriptionNo,
        key: &OrderingKey,
        id: ActivationId,
    ) -> bool {
        self.get(subscription, key).is_some_and(|lane| lane.out != Some(id))
    }

    /// The older one that a member waits for.
    pub(super) fn before(
        &self,
        subscription: SubscriptionNo,
        key: &OrderingKey,
        id: ActivationId,
    ) -> Option<ActivationId> {
        let lane = self.get(subscription, key)?;
        lane.before().filter(|before| *before != id)
    }
}

impl Lane {
    pub(super) fn enter(&mut self, id: ActivationId) {
        self.members.insert(id);
    }

    pub(super) fn leave(&mut self, id: ActivationId) {
        self.members.remove(&id);
        if self.out == Some(id) {
            self.out = None;
        }
    }

    pub(super) fn stop(&mut self, id: ActivationId) {
        self.stops.insert(id);
    }

    pub(super) fn go_on(&mut self, id: ActivationId) {
        self.stops.remove(&id);
    }
}
