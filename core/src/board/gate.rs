//! Gates: the reasons for which a runnable activation waits, in the order in which they are asked.
//! Gates only look; a permit and a slot are taken together, with the lease.

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use super::activation::Phase;
use super::state::State;
use crate::event::{Metered, Pausable};
use crate::ids::{ActivationId, AgentNo};
use crate::time::Elapsed;

/// Why a runnable activation waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Gate {
    /// Somebody paused the board, the agent or the tree of work.
    Paused(Pausable),
    /// No program names its agent.
    Unregistered,
    /// Its subscription holds it until so many more have matched.
    After(u64),
    /// What its last attempt returned found no room on an agenda, and there is none yet.
    Room,
    /// Its delay is not over.
    NotBefore(Elapsed),
    /// An older activation with the same ordering key is not done.
    OrderingKey(ActivationId),
    /// A circuit breaker is open, or half-open with as many attempts running as it lets through.
    Breaker {
        /// Whose breaker.
        of: Metered,
        /// When it lets attempts through by itself, if it does.
        until: Option<Elapsed>,
    },
    /// As many attempts began lately as a rate limit allows.
    Rate {
        /// Whose rate limit.
        of: Metered,
        /// When the next one may begin.
        until: Elapsed,
    },
    /// As many attempts run on the board as may, or there are not slots enough for all candidates.
    BoardConcurrency,
    /// As many attempts of its agent run as may.
    AgentConcurrency,
    /// As many attempts of its agent with its key run as may.
    KeyConcurrency,
    /// It ran when a process died, and in every session another one runs of which that is so.
    Suspect(ActivationId),
    /// No executor offers a permit, or not one for each candidate, or others are before it.
    Permit,
}

impl Gate {
    /// The gate's name, as people read it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Paused(_) => "paused",
            Self::Unregistered => "unregistered",
            Self::After(_) => "after",
            Self::Room => "room",
            Self::NotBefore(_) => "not-before",
            Self::OrderingKey(_) => "ordering-key",
            Self::Breaker { .. } => "breaker",
            Self::Rate { .. } => "rate",
            Self::BoardConcurrency => "concurrency (board)",
            Self::AgentConcurrency => "concurrency (agent)",
            Self::KeyConcurrency => "concurrency (key)",
            Self::Suspect(_) => "suspect",
            Self::Permit => "permit",
        }
    }
}

impl Gate {
    /// Its place in the order in which gates are asked.
    pub(super) const fn place(&self) -> u8 {
        match self {
            Self::Paused(_) => 0,
            Self::Unregistered => 1,
            Self::After(_) => 2,
            Self::Room => 3,
            Self::NotBefore(_) => 4,
            Self::OrderingKey(_) => 5,
            Self::Breaker { .. } => 6,
            Self::Rate { .. } => 7,
            Self::BoardConcurrency => 8,
            Self::AgentConcurrency => 9,
            Self::KeyConcurrency => 10,
            Self::Suspect(_) => 11,
            Self::Permit => 12,
        }
    }

    /// Whether no attempt of the agent begins, whatever it works on, until a person or a program says so.
    const fn is_of_agent(&self) -> bool {
        matches!(self, Self::Paused(_) | Self::Unregistered)
    }
}

impl State {
    /// The one before an activation in the order of its key, which may be a dead letter that stops the
    /// key; also where it waits at an earlier gate.
    #[must_use]
    pub fn behind(&self, id: ActivationId) -> Option<ActivationId> {
        let (no, key) = self.lane_of(self.activations.get(&id)?)?;
        self.index.lanes.before(no, &key, id)
    }

    /// The first gate that holds a waiting activation, as of the last decision; none when it is
    /// not open or runs.
    #[must_use]
    pub fn gate(&self, id: ActivationId) -> Option<Gate> {
        let activation = self.activations.get(&id)?;
        // One that was let go because there is room waits for neither room nor time.
        let (since, room) = match activation.phase {
            Phase::Waiting { since } => (Some(since), None),
            Phase::Full { since, room } if self.index.is_held(id, since, room) => {
                (Some(since), Some(room))
            }
            Phase::Full { .. } => (None, None),
            Phase::Running(_) => return None,
        };
        let since = since.filter(|since| *since > self.header.elapsed);
        let agent = self.agent(activation.agent)?;
        let paused = [
            Pausable::Board,
            Pausable::Agent(activation.agent),
            Pausable::Correlation(activation.correlation),
        ];
        if let Some(what) = paused.into_iter().find(|what| self.is_paused(*what)) {
            return Some(Gate::Paused(what));
        }
        let members = &activation.members;
        let of = |&member: &AgentNo| self.gate_of_member(activation.agent, member);
        let gates: SmallVec<[Option<Gate>; 4]> = members.iter().map(of).collect();
        if !agent.registered {
            return Some(Gate::Unregistered);
        }
        // Of a group, one member will do.
        let is_shut = |gate: &Option<Gate>| gate.as_ref().is_some_and(Gate::is_of_agent);
        if !gates.is_empty() && gates.iter().all(is_shut) {
            return gates.into_iter().flatten().min_by_key(Gate::place);
        }
        if let Some(record) = self.subscription(activation.subscription)
            && record.holds()
        {
            return Some(Gate::After(record.definition.after - record.counters.placements));
        }
        if room.is_some_and(|room| since.is_none() || !self.index.fits(room)) {
            return Some(Gate::Room);
        }
        if let Some(since) = since {
            return Some(Gate::NotBefore(since));
        }
        if let Some(before) = self.behind(id) {
            return Some(Gate::OrderingKey(before));
        }
        let gate = if gates.is_empty() { self.gate_of(activation.agent) } else { nearest(gates) };
        if gate.is_some() {
            return gate;
        }
        if self.index.key_is_full(activation) {
            return Some(Gate::KeyConcurrency);
        }
        if activation.suspect.is_some()
            && let Some(before) = self.suspect_before()
        {
            return Some(Gate::Suspect(before));
        }
        Some(Gate::Permit)
    }
}

/// The gate of the one of several agents that is nearest to running; none when one may run.
fn nearest(gates: impl IntoIterator<Item = Option<Gate>>) -> Option<Gate> {
    gates.into_iter().max_by_key(|gate| gate.as_ref().map_or(u8::MAX, Gate::place)).flatten()
}
