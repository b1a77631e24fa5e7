//! Held: activations whose outputs found no room on an agenda. Each waits until that agenda has
//! room for what was missing, first come, first served. Room that one was let go for is promised
//! until its attempt has ended, so that a hundred do not run for the room of one.
//!
//! Derived data, as the rest of the index: after it is rebuilt nothing is promised.

use std::collections::{BTreeMap, BTreeSet};

use crate::event::Room;
use crate::ids::{ActivationId, AgentNo};
use crate::time::Elapsed;

#[derive(Clone, Debug, Default)]
pub(super) struct Held {
    /// By agenda: since when each may run at the earliest, and how much room it needs.
    waiting: BTreeMap<Option<AgentNo>, BTreeSet<(Elapsed, ActivationId, u32)>>,
    promised: BTreeMap<ActivationId, Room>,
    /// The sums of what is promised, by agenda.
    sums: BTreeMap<Option<AgentNo>, usize>,
}

impl Held {
    pub(super) fn insert(&mut self, id: ActivationId, since: Elapsed, room: Room) {
        self.waiting.entry(room.agent).or_default().insert((since, id, room.activations));
    }

    /// Whether it was held; it is not any more.
    pub(super) fn remove(&mut self, id: ActivationId, since: Elapsed, room: Room) -> bool {
        let Some(waiting) = self.waiting.get_mut(&room.agent) else { return false };
        let removed = waiting.remove(&(since, id, room.activations));
        if waiting.is_empty() {
            self.waiting.remove(&room.agent);
        }
        removed
    }

    pub(super) fn contains(&self, id: ActivationId, since: Elapsed, room: Room) -> bool {
        let waiting = self.waiting.get(&room.agent);
        waiting.is_some_and(|waiting| waiting.contains(&(since, id, room.activations)))
    }

    /// The first of each agenda that has room for it; `free` says how much an agenda has.
    fn fitting(
        &self,
        free: impl Fn(Option<AgentNo>) -> usize,
    ) -> impl Iterator<Item = (Elapsed, ActivationId, Room)> {
        self.waiting.iter().filter_map(move |(&agent, waiting)| {
            let &(since, id, activations) = waiting.first()?;
            let room = Room { agent, activations };
            self.fits(room, &free).then_some((since, id, room))
        })
    }

    /// Whether there is room that is promised to nobody.
    pub(super) fn fits(&self, room: Room, free: impl Fn(Option<AgentNo>) -> usize) -> bool {
        let promised = self.sums.get(&room.agent).copied().unwrap_or(0);
        promised + room.activations as usize <= free(room.agent)
    }

    /// When the first one may run for which there is room.
    pub(super) fn next(&self, free: impl Fn(Option<AgentNo>) -> usize) -> Option<Elapsed> {
        self.fitting(free).map(|(since, ..)| since).min()
    }

    /// Lets one go that may run at `now`, and promises it its room.
    pub(super) fn take(
        &mut self,
        now: Elapsed,
        free: impl Fn(Option<AgentNo>) -> usize,
    ) -> Option<ActivationId> {
        let (since, id, room) = self.fitting(free).find(|(since, ..)| *since <= now)?;
        self.remove(id, since, room);
        self.promised.insert(id, room);
        *self.sums.entry(room.agent).or_default() += room.activations as usize;
        Some(id)
    }

    /// An attempt ended, or an activation was closed: what it was promised is free again.
    pub(super) fn release(&mut self, id: ActivationId) {
        let Some(room) = self.promised.remove(&id) else { return };
        if let Some(sum) = self.sums.get_mut(&room.agent) {
            *sum -= room.activations as usize;
        }
    }
}
