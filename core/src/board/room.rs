//! Room: what a command would add to the board, counted once, and the bounds that it may not pass.
//! The same for publishes from outside, outputs of attempts and redriven dead letters.

use std::collections::BTreeMap;

use smallvec::SmallVec;

use super::state::State;
use crate::command::Rejection;
use crate::ids::{AgentNo, CorrelationId};
use crate::policy::Bounds;
use crate::time::Elapsed;

/// By how much agendas are longer than their bounds allow before the board refuses what it owes
/// itself.
pub(super) const OWED_FACTOR: usize = 2;

/// What a command adds to the board.
#[derive(Debug, Default)]
pub(super) struct Growth {
    created: usize,
    agents: Counts<AgentNo>,
    artifacts: Counts<CorrelationId>,
}

/// How often each key was counted. Nearly always there are one or two, which need no tree.
#[derive(Debug)]
enum Counts<K> {
    /// Ascending.
    Few(SmallVec<[(K, usize); 2]>),
    Many(BTreeMap<K, usize>),
}

impl<K> Default for Counts<K> {
    fn default() -> Self {
        Self::Few(SmallVec::new())
    }
}

impl<K: Ord + Copy> Counts<K> {
    /// From how many keys on they are a tree.
    const MANY: usize = 8;

    /// The count of a key, which is 0 when it is new.
    fn of(&mut self, key: K) -> &mut usize {
        if let Self::Few(few) = self
            && few.len() == Self::MANY
        {
            *self = Self::Many(few.drain(..).collect());
        }
        match self {
            Self::Few(few) => {
                let place = few.binary_search_by_key(&key, |(key, _)| *key);
                let place = place.unwrap_or_else(|place| {
                    few.insert(place, (key, 0));
                    place
                });
                &mut few[place].1
            }
            Self::Many(many) => many.entry(key).or_default(),
        }
    }

    /// The keys with their counts, ascending.
    fn iter(&self) -> impl Iterator<Item = (K, usize)> {
        let (few, many) = match self {
            Self::Few(few) => (Some(few), None),
            Self::Many(many) => (None, Some(many)),
        };
        let few = few.into_iter().flatten().copied();
        few.chain(many.into_iter().flatten().map(|(key, count)| (*key, *count)))
    }
}

/// An agenda that is too full for what a command adds to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Full {
    /// Whose agenda; none for the board's.
    pub(super) agent: Option<AgentNo>,
    pub(super) open: usize,
    pub(super) wanted: usize,
    pub(super) limit: usize,
}

/// How long an agenda may be; `agent` is none for the board's.
pub(super) const fn agenda_len_max(
    bounds: &Bounds,
    agent: Option<AgentNo>,
    factor: usize,
) -> usize {
    let limit = match agent {
        None => bounds.agenda_len,
        Some(_) => bounds.agent_agenda_len,
    };
    limit * factor
}

impl Growth {
    pub(super) fn add_artifact(&mut self, correlation: CorrelationId) {
        *self.artifacts.of(correlation) += 1;
    }

    pub(super) fn add_activation(&mut self, agent: Option<AgentNo>) {
        self.created += 1;
        if let Some(agent) = agent {
            *self.agents.of(agent) += 1;
        }
    }

    /// The command also closes an activation of this agent.
    pub(super) fn close_one(&mut self, agent: AgentNo) {
        self.created = self.created.saturating_sub(1);
        let count = self.agents.of(agent);
        *count = count.saturating_sub(1);
    }
}

impl State {
    /// The first agenda, those of agents before the board's, that is too full for what is added to
    /// it; `factor` is how many times its bound it may have. What makes the board's agenda no
    /// longer always fits, so that agents which hand work to each other never wait for each other.
    pub(super) fn check_room(&self, growth: &Growth, factor: usize) -> Result<(), Full> {
        if growth.created == 0 {
            return Ok(());
        }
        let agents = growth.agents.iter().map(|(agent, wanted)| (Some(agent), wanted));
        for (agent, wanted) in agents.chain([(None, growth.created)]) {
            let open = self.index.open(agent);
            let limit = agenda_len_max(self.bounds(), agent, factor);
            if wanted > 0 && open + wanted > limit {
                return Err(Full { agent, open, wanted, limit });
            }
        }
        Ok(())
    }

    /// How a full agenda is named to whoever asked.
    pub(super) fn agenda_full(&self, full: Full) -> Rejection {
        let name = |agent| self.agent(agent).map_or("?", |record| record.definition.name.as_str());
        Rejection::AgendaFull {
            what: full
                .agent
                .map_or_else(|| "the board".to_owned(), |agent| format!("agent `{}`", name(agent))),
            open: full.open as u64,
            limit: full.limit as u64,
        }
    }

    /// Refuses artifacts that would exceed what a tree of work may have in an hour.
    pub(super) fn check_correlations(
        &self,
        growth: &Growth,
        now: Elapsed,
    ) -> Result<(), Rejection> {
        let limit = u64::from(self.bounds().correlation_artifacts);
        for (correlation, count) in growth.artifacts.iter() {
            let value = u64::from(self.artifacts_in_hour(correlation, now)) + count as u64;
            if value > limit {
                let what = "artifacts per correlation and hour";
                return Err(Rejection::Limit { what, value, limit });
            }
        }
        Ok(())
    }
}
