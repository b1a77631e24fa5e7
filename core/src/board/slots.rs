//! Slots by key: of an agent that bounds how many attempts of one key run at once, only so many
//! activations of a key are in the agent's queue as there are slots for; the others are parked beside it.
//! So a key that is full keeps no other key waiting, and a lease still looks at one entry.
//!
//! Derived data, as the rest of the index.

use std::collections::{BTreeMap, BTreeSet};

use super::agenda::{Agenda, LineOf, Rank};
use crate::ids::AgentNo;
use crate::names::OrderingKey;

#[derive(Clone, Debug, Default)]
pub(super) struct Slots {
    agents: BTreeMap<AgentNo, BTreeMap<OrderingKey, Slot>>,
    /// The key of which nothing was left last. It is forgotten when another one changes: what is leased
    /// leaves the queue before it runs, and its key is mostly the next that changes.
    emptied: Option<(AgentNo, OrderingKey)>,
}

/// How many slots attempts of one key may take at once.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct KeyLimit {
    pub(super) slots: u32,
    /// How many an attempt takes.
    pub(super) each: u32,
}

#[derive(Clone, Debug, Default)]
struct Slot {
    limit: KeyLimit,
    /// The slots that running attempts take.
    used: u32,
    queued: BTreeSet<Rank>,
    parked: BTreeSet<Rank>,
}

impl Slot {
    /// Brings what is in the queue in line with how much there may be of it: the first ones.
    fn settle(&mut self, agent: AgentNo, agenda: &mut Agenda) {
        let room = self.room() as usize;
        while self.queued.len() > room {
            let Some(last) = self.queued.pop_last() else { break };
            agenda.take_off(LineOf::Agent(agent), last);
            self.parked.insert(last);
        }
        while self.queued.len() < room {
            let Some(first) = self.parked.pop_first() else { break };
            agenda.put(LineOf::Agent(agent), first);
            self.queued.insert(first);
        }
        while let (Some(&first), Some(&last)) = (self.parked.first(), self.queued.last())
            && first < last
        {
            self.queued.remove(&last);
            agenda.take_off(LineOf::Agent(agent), last);
            self.parked.remove(&first);
            agenda.put(LineOf::Agent(agent), first);
            self.queued.insert(first);
            self.parked.insert(last);
        }
    }

    /// How many more attempts may begin.
    fn room(&self) -> u32 {
        self.limit.slots.saturating_sub(self.used) / self.limit.each.max(1)
    }

    fn is_empty(&self) -> bool {
        self.used == 0 && self.queued.is_empty() && self.parked.is_empty()
    }
}

impl Slots {
    fn change(
        &mut self,
        (agent, key): (AgentNo, &OrderingKey),
        agenda: &mut Agenda,
        change: impl FnOnce(&mut Slot, &mut Agenda),
    ) {
        let emptied = self.emptied.take();
        let keys = self.agents.entry(agent).or_default();
        // Four times a hop: a key is looked for no more often than it has to be.
        if let Some(slot) = keys.get_mut(key) {
            change(slot, agenda);
            slot.settle(agent, agenda);
            if slot.is_empty() {
                self.emptied = Some((agent, key.clone()));
            }
        } else {
            let mut slot = Slot::default();
            change(&mut slot, agenda);
            slot.settle(agent, agenda);
            if !slot.is_empty() {
                keys.insert(key.clone(), slot);
            }
        }
        if let Some((of, emptied)) = emptied
            && (of, &emptied) != (agent, key)
            && let Some(keys) = self.agents.get_mut(&of)
        {
            keys.remove(&emptied);
        }
    }

    /// Something of the key is ready.
    pub(super) fn put(
        &mut self,
        of: (AgentNo, &OrderingKey),
        limit: KeyLimit,
        rank: Rank,
        agenda: &mut Agenda,
    ) {
        self.change(of, agenda, |slot, agenda| {
            slot.limit = limit;
            // Where there is room it need not be parked first.
            if slot.parked.is_empty() && slot.queued.len() < slot.room() as usize {
                agenda.put(LineOf::Agent(of.0), rank);
                slot.queued.insert(rank);
            } else {
                slot.parked.insert(rank);
            }
        });
    }

    /// It is ready no longer.
    pub(super) fn take_off(
        &mut self,
        of: (AgentNo, &OrderingKey),
        rank: Rank,
        agenda: &mut Agenda,
    ) {
        self.change(of, agenda, |slot, agenda| {
            if !slot.parked.remove(&rank) && slot.queued.remove(&rank) {
                agenda.take_off(LineOf::Agent(of.0), rank);
            }
        });
    }

    pub(super) fn begin(
        &mut self,
        of: (AgentNo, &OrderingKey),
        limit: KeyLimit,
        slots: u32,
        agenda: &mut Agenda,
    ) {
        self.change(of, agenda, |slot, _| {
            slot.limit = limit;
            slot.used += slots;
        });
    }

    pub(super) fn end(&mut self, of: (AgentNo, &OrderingKey), slots: u32, agenda: &mut Agenda) {
        self.change(of, agenda, |slot, _| slot.used = slot.used.saturating_sub(slots));
    }

    /// Whether there is no room for another attempt of the key.
    pub(super) fn is_full(&self, (agent, key): (AgentNo, &OrderingKey)) -> bool {
        let slot = self.agents.get(&agent).and_then(|keys| keys.get(key));
        slot.is_some_and(|slot| slot.room() == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{ActivationId, Seq};

    #[test]
    fn of_keys_without_work_no_more_than_the_last_is_kept() {
        let (mut slots, mut agenda) = (Slots::default(), Agenda::default());
        let (agent, limit) = (AgentNo(1), KeyLimit { slots: 1, each: 1 });
        for number in 0..10 {
            let key = OrderingKey::new(format!("key-{number}")).unwrap();
            let (of, rank) = ((agent, &key), (0, ActivationId(Seq(number))));
            slots.put(of, limit, rank, &mut agenda);
            slots.take_off(of, rank, &mut agenda);
            slots.begin(of, limit, 1, &mut agenda);
            assert!(slots.is_full(of), "{key:?} is worked on");
            slots.end(of, 1, &mut agenda);
            assert!(!slots.is_full(of));
            assert_eq!(slots.agents[&agent].len(), 1, "those before {key:?} are forgotten");
        }
    }
}
