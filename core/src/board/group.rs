//! Groups: several agents that are one subscriber. An artifact that meets the subscriptions of some members
//! makes one activation, of the group; whichever of those members is free runs it. What holds attempts
//! back is the members' own, as for all their attempts; retries, the time for the whole activation and
//! the dead letters are the group's.

use smallvec::SmallVec;

use super::circuit::Circuit;
use super::gate::Gate;
use super::meter::Holding;
use super::state::State;
use crate::event::Pausable;
use crate::ids::{AgentNo, SubscriptionNo};
use crate::log::ClosedActivation;
use crate::names::AgentName;

impl State {
    /// Those who are still members of a group, of whom another attempt may begin that takes at most so many
    /// slots: the longest idle first. One that runs something is not idle, and comes after all that are.
    pub(super) fn longest_idle(
        &self,
        group: AgentNo,
        members: &[AgentNo],
        slots: u32,
    ) -> SmallVec<[AgentNo; 4]> {
        let idle = |agent: &AgentNo| {
            let (_, running) = self.index.load(*agent);
            (running > 0, self.agent(*agent).map(|record| record.moved), *agent)
        };
        let open = self.index.agenda.open_within(group, members, slots);
        let mut open: SmallVec<[AgentNo; 4]> = open.collect();
        open.sort_by_key(idle);
        open
    }

    /// Each group with each of its members.
    pub(super) fn memberships(&self) -> impl Iterator<Item = (AgentNo, AgentNo)> {
        let current = self.subscriptions().filter(|(_, record)| record.current);
        current.filter_map(|(_, record)| {
            let (group, _) = self.agent_named(record.definition.group.as_ref()?)?;
            Some((group, record.agent))
        })
    }

    /// The subscriptions of the members of a group, by the group's name.
    pub fn subscriptions_in<'a>(
        &'a self,
        group: &'a AgentName,
    ) -> impl Iterator<Item = (SubscriptionNo, AgentNo)> {
        let current = self.subscriptions().filter(|(_, record)| record.current);
        current
            .filter(move |(_, record)| record.definition.group.as_ref() == Some(group))
            .map(|(no, record)| (no, record.agent))
    }

    /// Whether an activation was woken by a notice of a dead letter.
    pub(super) fn is_about_notice(&self, closed: &ClosedActivation) -> bool {
        let record = self.subscription(closed.subscription);
        if record.is_some_and(|record| record.definition.is_about_notices()) {
            return true;
        }
        let mut members = closed.members.iter().filter_map(|&member| self.agent(member));
        members.any(|member| {
            let mut subscriptions = member.subscriptions.iter();
            subscriptions.any(|&no| {
                let record = self.subscription(no);
                record.is_some_and(|it| {
                    it.definition.group.is_some() && it.definition.is_about_notices()
                })
            })
        })
    }

    /// Whether a program runs what is an agent's, or, of a group, one of these members', and nobody paused
    /// it.
    pub(super) fn may_run(&self, agent: AgentNo, members: &[AgentNo]) -> bool {
        let may = |no| self.agent(no).is_some_and(|record| record.registered && !record.paused);
        let member_may = |no| self.index.agenda.is_member(agent, no) && may(no);
        may(agent) && (members.is_empty() || members.iter().copied().any(member_may))
    }

    /// As [`gate_of`](Self::gate_of), of what a group was woken with: one that has left it is as good as gone.
    pub(super) fn gate_of_member(&self, group: AgentNo, member: AgentNo) -> Option<Gate> {
        if self.index.agenda.is_member(group, member) {
            return self.gate_of(member);
        }
        Some(Gate::Unregistered)
    }

    /// What holds attempts of an agent back, whatever they work on; none when nothing does.
    pub(super) fn gate_of(&self, agent: AgentNo) -> Option<Gate> {
        let record = self.agent(agent)?;
        if record.paused {
            return Some(Gate::Paused(Pausable::Agent(agent)));
        }
        if !record.registered {
            return Some(Gate::Unregistered);
        }
        match self.holding(agent, self.header.elapsed) {
            Some(Holding::Breaker(of)) => {
                let circuit = self.meter(of).and_then(|(meter, _)| meter.circuit.as_ref());
                let until = circuit.and_then(Circuit::due);
                return Some(Gate::Breaker { of, until });
            }
            Some(Holding::Rate(of, until)) => return Some(Gate::Rate { of, until }),
            None => {}
        }
        let slots = record.definition.slots();
        if self.index.used.saturating_add(slots) > self.bounds().concurrency {
            return Some(Gate::BoardConcurrency);
        }
        self.index.agent_is_full(agent).then_some(Gate::AgentConcurrency)
    }
}
