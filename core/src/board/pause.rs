//! Pause and resume: a person keeps a board, an agent or a tree of work from being leased. What runs
//! goes on; what is published waits; delays and time-outs go on too.

use super::evolve::Evolved;
use super::state::State;
use crate::command::Rejection;
use crate::event::{Event, Pausable};
use crate::ids::{ActivationId, CorrelationId};

impl State {
    /// Whether it is paused itself.
    #[must_use]
    pub fn is_paused(&self, what: Pausable) -> bool {
        match what {
            Pausable::Board => self.paused,
            Pausable::Agent(agent) => self.agent(agent).is_some_and(|record| record.paused),
            Pausable::Correlation(correlation) => self.paused_correlations.contains(&correlation),
        }
    }

    pub(super) fn decide_pause(
        &self,
        what: Pausable,
        events: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        match what {
            Pausable::Board => {}
            Pausable::Agent(agent) => {
                self.agent(agent).ok_or(Rejection::UnknownAgent { agent })?;
            }
            Pausable::Correlation(correlation) => {
                self.correlations
                    .get(&correlation)
                    .ok_or(Rejection::NothingOpen { correlation })?;
            }
        }
        if !self.is_paused(what) {
            events.push(Event::Paused { what });
        }
        Ok(())
    }

    pub(super) fn decide_resume(
        &self,
        what: Pausable,
        events: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        if let Pausable::Agent(agent) = what {
            self.agent(agent).ok_or(Rejection::UnknownAgent { agent })?;
        }
        if self.is_paused(what) {
            events.push(Event::Resumed { what });
        }
        Ok(())
    }

    pub(super) fn pause(&mut self, what: Pausable, paused: bool) -> Evolved {
        match what {
            Pausable::Board => self.paused = paused,
            Pausable::Agent(agent) => {
                let record = self.agents.get_mut(agent.get() as usize);
                record.ok_or_else(|| format!("there is no agent {agent}"))?.paused = paused;
                self.rebuild_index();
            }
            Pausable::Correlation(correlation) => self.pause_correlation(correlation, paused),
        }
        Ok(())
    }

    fn pause_correlation(&mut self, correlation: CorrelationId, paused: bool) {
        let mine = self.activations.iter().filter(|(_, a)| a.correlation == correlation);
        let mine: Vec<ActivationId> = mine.map(|(&id, _)| id).collect();
        for id in &mine {
            let Some(activation) = self.activations.get(id) else { continue };
            let facts = self.facts(*id, activation);
            self.index.remove(*id, activation, facts);
            if activation.running().is_none() {
                self.index.held.release(*id);
            }
        }
        if paused {
            self.paused_correlations.insert(correlation);
        } else {
            self.paused_correlations.remove(&correlation);
        }
        for id in &mine {
            let Some(activation) = self.activations.get(id) else { continue };
            let facts = self.facts(*id, activation);
            self.index.insert(*id, activation, facts, self.header.elapsed);
        }
    }
}
