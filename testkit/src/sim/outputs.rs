//! What the agents of a simulation say about their outputs, drawn from its seed: which leaves they
//! withhold, how many tokens they return, and how many candidates their attempts have.

use artel::{Candidate, Subscribed};

use super::agents::{AGENTS_MAX, Around, Leaf, Token};
use super::policies::Policies;
use crate::dice::Dice;

/// What an agent says about its outputs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Outputs {
    /// Whether it withholds some leaves.
    pub(super) withholds: bool,
    /// How many tokens an attempt may return.
    pub(super) tokens_max: Option<u32>,
    /// How many candidates an attempt has.
    pub(super) candidates: u32,
}

const PLAIN: Outputs = Outputs { withholds: false, tokens_max: None, candidates: 1 };

impl Outputs {
    /// Whether so many tokens, of this taste, may be returned.
    pub(super) fn fits(self, (tokens, taste): (usize, u32)) -> bool {
        self.tokens_max
            .is_none_or(|most| tokens <= most as usize && (tokens == 0 || is_valid(taste)))
    }
}

/// Whether an agent that says how many tokens it returns lets through those of this taste.
const fn is_valid(taste: u32) -> bool {
    taste != 7
}

/// Of each agent, by its number less one.
pub(super) fn draw(dice: &mut Dice) -> Vec<Outputs> {
    let mut one = |_| Outputs {
        withholds: dice.percent(30),
        tokens_max: dice.percent(20).then_some(2),
        candidates: if dice.percent(35) { 2 + small(dice.below(2)) } else { 1 },
    };
    (0..AGENTS_MAX).map(&mut one).collect()
}

fn small(drawn: u64) -> u32 {
    u32::try_from(drawn).unwrap_or(u32::MAX)
}

/// What the agent with this number says: never more candidates than may run at once.
pub(super) fn of(
    drawn: &[Outputs],
    number: u32,
    policies: &Policies,
    (slots, board): (u32, u32),
) -> Outputs {
    let index = usize::try_from(number.saturating_sub(1)).unwrap_or(usize::MAX);
    let drawn = drawn.get(index).copied().unwrap_or(PLAIN);
    let by_key = policies.of(number).0.key_limit.unwrap_or(u32::MAX);
    Outputs { candidates: drawn.candidates.min(slots).min(board).min(by_key).max(1), ..drawn }
}

/// Whether an agent that withholds leaves withholds one with this number.
pub(super) const fn is_withheld(number: u32) -> bool {
    number % 5 == 4
}

/// How good a candidate is that returned so many artifacts.
pub(super) fn score(returned: usize) -> f64 {
    f64::from(u32::try_from(returned % 3).unwrap_or(0))
}

/// Says it of an agent that is being declared.
pub(super) fn say<S: Send + Sync + 'static>(
    agent: Subscribed<'_, Token, S>,
    said: Outputs,
) -> Subscribed<'_, Token, S> {
    let agent = agent.output::<Leaf>(|leaf| {
        if said.withholds { leaf.publish_if(|leaf| !is_withheld(leaf.number)) } else { leaf }
    });
    let agent = agent.output::<Token>(|token| match said.tokens_max {
        Some(most) => {
            token.count(..=most).validate("is to some taste", |token| is_valid(token.taste))
        }
        None => token,
    });
    if said.candidates == 1 {
        return agent;
    }
    let points = |candidate: &Candidate<'_>| {
        score(candidate.all::<Token>().count() + candidate.all::<Leaf>().count())
    };
    agent.best_of(said.candidates, points)
}

impl Around {
    /// What an agent says about its outputs.
    pub(super) fn outputs_of(&self, agent: &str) -> Outputs {
        self.outputs.get(agent).copied().unwrap_or(PLAIN)
    }
}
