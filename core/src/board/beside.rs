//! What the committer keeps beside the fold and hands to every decision: attempts that were ended
//! but still hold their slot, and what was committed since the oldest look-up that is accepted.
//! None of it survives a crash, and none of it has to.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::state::State;
use crate::event::Event;
use crate::ids::{ActivationId, ArtifactId, AttemptId, Seq, SessionId};
use crate::log::{Existing, LookedUp};
use crate::names::IdempotencyKey;
use crate::policy::limits;

/// What the committer keeps beside the fold.
#[derive(Debug, Default)]
pub struct Beside {
    /// What was decided since the oldest look-up that is accepted.
    pub recent: Recent,
    /// Attempts that were ended, and the slots that they still take.
    holding: BTreeMap<SessionId, BTreeMap<AttemptId, u32>>,
    leasing_stopped: bool,
}

impl Beside {
    /// What is known beside a state that was just read from the log: nothing yet.
    #[must_use]
    pub fn at(seq: Seq) -> Self {
        Self { recent: Recent { horizon: seq, ..Recent::default() }, ..Self::default() }
    }

    /// No permit is on offer from here on.
    pub const fn stop_leasing(&mut self) {
        self.leasing_stopped = true;
    }

    pub(super) const fn leases(&self) -> bool {
        !self.leasing_stopped
    }

    /// The board ended an attempt, but its executor has not let go of its slots yet.
    pub(super) fn hold(&mut self, session: SessionId, attempt: AttemptId, slots: u32) {
        self.holding.entry(session).or_default().insert(attempt, slots);
    }

    /// An executor's slots are free again after the board had ended their attempt.
    pub fn release(&mut self, session: SessionId, attempt: AttemptId) {
        if let Some(held) = self.holding.get_mut(&session) {
            held.remove(&attempt);
        }
    }

    /// Brings what is kept in line with the state that a recovery found. Slots are forgotten that
    /// are held by attempts which run on, or which are not `executing`: their start was decided and
    /// never left, so that nobody would let go of them. So are the ids and keys of artifacts that
    /// are not on the board: those up to `durable` are, and those that were `found` after it. What
    /// is kept serves answers to commands from before; look-ups from before are refused.
    pub fn recovered<'a>(
        &mut self,
        state: &State,
        durable: Seq,
        executing: &BTreeSet<AttemptId>,
        found: impl IntoIterator<Item = (Seq, &'a [Event])>,
    ) {
        for held in self.holding.values_mut() {
            held.retain(|held, _| {
                let ended = state
                    .activation(held.activation)
                    .and_then(super::Activation::running)
                    .is_none_or(|running| running.attempt != held.attempt);
                ended && executing.contains(held)
            });
        }
        let mut landed = BTreeMap::new();
        for (first, events) in found {
            for (seq, event) in (first.get()..).map(Seq).zip(events) {
                if let Event::ArtifactCommitted(draft) = event {
                    landed.insert(seq, draft.envelope.id);
                }
            }
        }
        self.recent.horizon = state.seq();
        self.recent.retain(|existing| {
            existing.seq <= durable || landed.get(&existing.seq) == Some(&existing.id)
        });
    }

    pub(super) fn held_by(&self, session: SessionId) -> u32 {
        self.holding.get(&session).map_or(0, |held| held.values().sum())
    }

    pub(super) fn forget_session(&mut self, session: SessionId) {
        self.holding.remove(&session);
    }
}

/// Ids, keys and closings decided since the oldest look-up that is still accepted. Bounded: when
/// it is full the oldest go, and look-ups from before them are refused.
#[derive(Debug)]
pub struct Recent {
    horizon: Seq,
    len_max: usize,
    ids: BTreeMap<ArtifactId, Existing>,
    keys: BTreeMap<IdempotencyKey, Existing>,
    closed: BTreeMap<ActivationId, Seq>,
    order: VecDeque<(Seq, Entry)>,
}

#[derive(Debug)]
enum Entry {
    Id(ArtifactId),
    Key(IdempotencyKey),
    Closed(ActivationId),
}

impl Default for Recent {
    fn default() -> Self {
        Self {
            horizon: Seq(0),
            len_max: limits::RECENT_LEN_MAX,
            ids: BTreeMap::new(),
            keys: BTreeMap::new(),
            closed: BTreeMap::new(),
            order: VecDeque::new(),
        }
    }
}

impl Recent {
    /// How many entries are kept from here on.
    pub const fn keep(&mut self, len_max: usize) {
        self.len_max = len_max;
    }

    /// The oldest look-up that is accepted.
    #[must_use]
    pub const fn horizon(&self) -> Seq {
        self.horizon
    }

    pub(super) fn by_id(&self, id: ArtifactId, looked_up: &LookedUp) -> Option<Existing> {
        self.ids.get(&id).or_else(|| looked_up.ids.get(&id)).copied()
    }

    pub(super) fn by_key(&self, key: &IdempotencyKey, looked_up: &LookedUp) -> Option<Existing> {
        self.keys.get(key).or_else(|| looked_up.keys.get(key)).copied()
    }

    /// Whether a dead letter was touched after a look-up that is complete to `as_of`.
    pub(super) fn touched_since(&self, activation: ActivationId, as_of: Seq) -> bool {
        self.closed.get(&activation).is_some_and(|&seq| seq > as_of)
    }

    pub(super) fn remember_id(&mut self, seq: Seq, existing: Existing) {
        self.ids.insert(existing.id, existing);
        self.push(seq, Entry::Id(existing.id));
    }

    pub(super) fn remember_key(&mut self, seq: Seq, key: IdempotencyKey, existing: Existing) {
        self.keys.insert(key.clone(), existing);
        self.push(seq, Entry::Key(key));
    }

    pub(super) fn remember_closed(&mut self, seq: Seq, activation: ActivationId) {
        self.closed.insert(activation, seq);
        self.push(seq, Entry::Closed(activation));
    }

    /// Keeps these artifacts only. Closings are forgotten: the look-ups that need them are refused.
    fn retain(&mut self, kept: impl Fn(&Existing) -> bool) {
        self.ids.retain(|_, existing| kept(existing));
        self.keys.retain(|_, existing| kept(existing));
        self.closed.clear();
        let Self { ids, keys, .. } = self;
        self.order.retain(|(_, entry)| match entry {
            Entry::Id(id) => ids.contains_key(id),
            Entry::Key(key) => keys.contains_key(key),
            Entry::Closed(_) => false,
        });
    }

    fn push(&mut self, seq: Seq, entry: Entry) {
        self.order.push_back((seq, entry));
        while self.order.len() > self.len_max {
            let Some((seq, entry)) = self.order.pop_front() else { break };
            self.horizon = self.horizon.max(seq);
            match entry {
                Entry::Id(id) => drop_if(&mut self.ids, &id, |existing| existing.seq <= seq),
                Entry::Key(key) => drop_if(&mut self.keys, &key, |existing| existing.seq <= seq),
                Entry::Closed(id) => drop_if(&mut self.closed, &id, |&touched| touched <= seq),
            }
        }
    }
}

fn drop_if<K: Ord, V>(map: &mut BTreeMap<K, V>, key: &K, old: impl Fn(&V) -> bool) {
    if map.get(key).is_some_and(old) {
        map.remove(key);
    }
}
