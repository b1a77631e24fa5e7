//! Room: what a command would add to the board, counted once, and the bounds that it may not pass.
//! The same for publishes from outside, outputs of attempts and redriven dead letters.

use smallvec::SmallVec;

use super::state::State;
use crate::command::Rejection;
use crate::ids::{AgentNo, CorrelationId};
use crate::policy::Bounds;
use crate::time::Elapsed;

/// By how much agendas are longer than their bounds allow before the board refuses what it owes
/// itself.
pub(super) const OWED_FACTOR: usize = 2;

/// What a command adds to the board. Lists and not maps: nearly always there are one or two.
#[derive(Debug, Default)]
pub(super) struct Growth {
    created: usize,
    /// The agent of each activation.
    agents: SmallVec<[AgentNo; 8]>,
    /// The tree of work of each artifact.
    correlations: SmallVec<[CorrelationId; 2]>,
    /// Whose activation the command closes.
    closed: Option<AgentNo>,
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
        self.correlations.push(correlation);
    }

    pub(super) fn add_activation(&mut self, agent: Option<AgentNo>) {
        self.created += 1;
        self.agents.extend(agent);
    }

    /// The command also closes an activation of this agent.
    pub(super) fn close_one(&mut self, agent: AgentNo) {
        self.created = self.created.saturating_sub(1);
        self.closed = Some(agent);
    }
}

/// How often each is in a list.
fn counts<K: Copy + Ord>(list: &mut [K]) -> impl Iterator<Item = (K, usize)> {
    list.sort_unstable();
    list.chunk_by(|one, next| one == next).map(|same| (same[0], same.len()))
}

impl State {
    /// The first agenda, those of agents before the board's, that is too full for what is added to
    /// it; `factor` is how many times its bound it may have. What makes the board's agenda no
    /// longer always fits, so that agents which hand work to each other never wait for each other.
    pub(super) fn check_room(&self, growth: &Growth, factor: usize) -> Result<(), Full> {
        if growth.created == 0 {
            return Ok(());
        }
        let mut agents = growth.agents.clone();
        let agents = counts(&mut agents).map(|(agent, created)| {
            let closed = usize::from(growth.closed == Some(agent));
            (Some(agent), created - closed)
        });
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
            wanted: full.wanted as u64,
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
        let mut correlations = growth.correlations.clone();
        for (correlation, count) in counts(&mut correlations) {
            let value = u64::from(self.artifacts_in_hour(correlation, now)) + count as u64;
            if value > limit {
                let what = "artifacts per correlation and hour";
                return Err(Rejection::Limit { what, value, limit });
            }
        }
        Ok(())
    }
}
