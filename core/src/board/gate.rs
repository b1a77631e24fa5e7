//! Gates: the reasons for which a runnable activation waits, in the order in which they are asked.
//! Gates only look; a permit and a slot are taken together, with the lease.

use serde::{Deserialize, Serialize};

use super::activation::Phase;
use super::state::State;
use crate::ids::ActivationId;
use crate::time::Elapsed;

/// Why a runnable activation waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Gate {
    /// No program names its agent.
    Unregistered,
    /// What its last attempt returned found no room on an agenda, and there is none yet.
    Room,
    /// Its delay is not over.
    NotBefore(Elapsed),
    /// As many attempts run on the board as may.
    BoardConcurrency,
    /// As many attempts of its agent run as may.
    AgentConcurrency,
    /// No executor offers a permit, or others are before it.
    Permit,
}

impl Gate {
    /// The gate's name, as people read it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unregistered => "unregistered",
            Self::Room => "room",
            Self::NotBefore(_) => "not-before",
            Self::BoardConcurrency => "concurrency (board)",
            Self::AgentConcurrency => "concurrency (agent)",
            Self::Permit => "permit",
        }
    }
}

impl State {
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
        if !agent.registered {
            return Some(Gate::Unregistered);
        }
        if room.is_some_and(|room| since.is_none() || !self.index.fits(room)) {
            return Some(Gate::Room);
        }
        if let Some(since) = since {
            return Some(Gate::NotBefore(since));
        }
        if self.index.running >= self.bounds().concurrency {
            return Some(Gate::BoardConcurrency);
        }
        if self.index.load(activation.agent).1 >= agent.definition.concurrency {
            return Some(Gate::AgentConcurrency);
        }
        Some(Gate::Permit)
    }
}
