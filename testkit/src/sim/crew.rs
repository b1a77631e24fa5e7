//! A group: some agents of some simulations are one subscriber together; and the rules of that, told once
//! more from the events.

use std::collections::{BTreeMap, BTreeSet};

use artel::{Board, Group, Retry, Subscribed};
use artel_core::board::{AgentRecord, State};
use artel_core::event::Event;
use artel_core::ids::{ActivationId, AgentNo};
use artel_core::record::Decision;

use super::agents::{Token, number_of, takes};
use super::audit::Audit;
use super::cases::Case;
use crate::dice::Dice;

/// What the group is called.
pub(super) const CREW: &str = "crew";

/// Whether the agent with this number is a member, where there is a group.
pub(super) const fn is_member(number: u32) -> bool {
    matches!(number, 1..=3)
}

/// Whether there is a group, and whether it keeps tokens of one taste in order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Crew {
    #[default]
    None,
    Plain,
    Ordered,
    Strict,
}

pub(super) fn draw(dice: &mut Dice) -> Crew {
    match dice.below(10) {
        0..6 => Crew::None,
        6..8 => Crew::Plain,
        8 => Crew::Ordered,
        _ => Crew::Strict,
    }
}

impl Crew {
    /// Declares the group, which needs a member.
    pub(super) fn declare(self, board: &Board, mut numbers: impl Iterator<Item = u32>) {
        if self == Self::None || !numbers.any(is_member) {
            return;
        }
        let group = Group::new(CREW).retry(Retry::default().max_attempts(4)).crash_loop(2);
        let group = match self {
            Self::None | Self::Plain => group,
            Self::Ordered => group.ordered().key_field(&Token::fields().taste),
            Self::Strict => group.ordered_strictly().key_field(&Token::fields().taste),
        };
        board.group(group);
    }

    /// Whether the agent with this number is a member.
    pub(super) fn has(self, number: u32) -> bool {
        self != Self::None && is_member(number)
    }

    /// Makes an agent a member.
    pub(super) fn join<S: Send + Sync + 'static>(
        agent: Subscribed<'_, Token, S>,
    ) -> Subscribed<'_, Token, S> {
        agent.exclusive(CREW)
    }
}

/// Once a decision is folded in: what a group was woken with is run by a member that it woke, and everything
/// else by the agent whose it is.
pub(super) fn after(audit: &mut Audit, decision: &Decision) {
    for event in &decision.events {
        let Event::AttemptStarted { attempt, member, .. } = event else { continue };
        let Some(open) = audit.state.activation(attempt.activation).cloned() else { continue };
        let is_group = audit.state.agent(open.agent).is_some_and(|it| it.definition.is_group());
        let right = match member {
            Some(member) => is_group && open.members.contains(member),
            None => !is_group && open.members.is_empty(),
        };
        if !right {
            let members = &open.members;
            audit.violated(format_args!("I2: {attempt} is run by {member:?} of {members:?}"));
        }
        if let Some(member) = member {
            let before = audit.crew.last.insert(attempt.activation, *member);
            let another = before.is_some_and(|before| before != *member);
            audit.cases.count(Case::MemberRan { another });
        }
    }
}

/// What was seen of a group.
#[derive(Debug, Default)]
pub(super) struct Seen {
    /// Who ran each activation last.
    last: BTreeMap<ActivationId, AgentNo>,
}

impl Seen {
    /// The member that ran an activation last; none where it is no group's.
    pub(super) fn runner(&self, id: ActivationId) -> Option<AgentNo> {
        self.last.get(&id).copied()
    }
}

/// How many activations a token of some taste makes that an agent returned.
pub(super) fn woken(state: &State, taste: u32, maker: AgentNo) -> usize {
    let group_of = |record: &AgentRecord| {
        let mut subscriptions = record.definition.subscriptions.iter();
        subscriptions.find_map(|it| it.group.clone())
    };
    let own = state.agent(maker).and_then(group_of);
    let mut groups = BTreeSet::new();
    let mut alone = 0;
    for (no, record) in state.agents() {
        let number = number_of(record.definition.name.as_str());
        if !record.registered || !number.is_some_and(|number| takes(number, taste)) {
            continue;
        }
        match group_of(record) {
            None => alone += usize::from(no != maker),
            Some(group) if Some(&group) != own.as_ref() => drop(groups.insert(group)),
            Some(_) => {}
        }
    }
    alone + groups.len()
}
