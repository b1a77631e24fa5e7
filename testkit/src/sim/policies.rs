//! The limits of a simulated board, drawn from its seed: breakers and rate limits of its agents, and of
//! a service that some of them depend on.

use std::time::Duration;

use artel::{Board, Breaker, Dependency, RateLimit};
use artel_core::key::OnDead;

use super::agents::{AGENTS_MAX, Token};
use super::crew::Crew;
use super::timed::When;
use crate::dice::Dice;

/// What the service is called.
const SERVICE: &str = "service";

/// What holds attempts back on a board.
#[derive(Clone, Debug, Default)]
pub(super) struct Policies {
    /// Of each agent, by its number less one.
    agents: Vec<Limits>,
    /// Of the service; none without one.
    service: Option<Limits>,
    /// When each agent wakes, by its number less one.
    whens: Vec<When>,
    pub(super) crew: Crew,
}

/// What an agent, or the service, is limited by.
#[derive(Clone, Debug, Default)]
pub(super) struct Limits {
    pub(super) breaker: Option<Breaker>,
    pub(super) rate: Option<RateLimit>,
    /// Whether the agent depends on the service.
    depends: bool,
    /// Whether the agent works in the order of keys, and what a dead letter does to its key.
    pub(super) ordered: Option<OnDead>,
    /// How many attempts of a key run at once.
    pub(super) key_limit: Option<u32>,
}

/// The key of a token, for agents that ask: few keys, so that many wait for each other; some have none,
/// and some one that cannot be one.
pub(super) fn key_of(token: &Token) -> Option<String> {
    match token.number {
        number if number % 61 == 13 => Some(String::new()),
        number if number % 4 == 3 => None,
        number => Some((number % 3).to_string()),
    }
}

pub(super) fn draw(dice: &mut Dice) -> Policies {
    if dice.percent(40) {
        return Policies::default();
    }
    let service = dice.percent(50).then(|| limits(dice, 70));
    let service = service.filter(|limits| limits.breaker.is_some() || limits.rate.is_some());
    let mut agent = |_| {
        let mut limits = limits(dice, 40);
        limits.depends = service.is_some() && dice.percent(60);
        limits.ordered = match dice.below(10) {
            0..3 => Some(OnDead::Continue),
            3..5 => Some(OnDead::Stop),
            _ => None,
        };
        limits.key_limit = dice.percent(30).then(|| small(dice, 1, 2));
        limits
    };
    let agents = (0..AGENTS_MAX).map(&mut agent).collect();
    Policies { agents, service, ..Policies::default() }
}

fn limits(dice: &mut Dice, likely: u64) -> Limits {
    let breaker = dice.percent(likely).then(|| breaker(dice));
    let rate = dice.percent(likely).then(|| {
        let period = Duration::from_millis(200 + dice.below(4_000));
        RateLimit::per(small(dice, 1, 12), period).burst(small(dice, 1, 6))
    });
    Limits { breaker, rate, ..Limits::default() }
}

fn breaker(dice: &mut Dice) -> Breaker {
    let breaker = if dice.percent(60) {
        Breaker::consecutive(small(dice, 1, 4))
    } else {
        Breaker::failure_rate(small(dice, 20, 80))
            .minimum_calls(small(dice, 2, 6))
            .window(Duration::from_millis(3_000 + dice.below(60_000)))
    };
    let breaker = breaker.probes(small(dice, 1, 3)).recovery(dice.up_to(15_000));
    if dice.percent(40) {
        return breaker.recovery_backoff(1.5, Duration::from_secs(60));
    }
    breaker
}

fn small(dice: &mut Dice, least: u64, most: u64) -> u32 {
    u32::try_from(least + dice.below(most - least + 1)).unwrap_or(u32::MAX)
}

impl Policies {
    /// The limits of the agent with this number, and what it depends on.
    pub(super) fn of(&self, number: u32) -> (Limits, Option<&'static str>) {
        let index = usize::try_from(number - 1).unwrap_or(usize::MAX);
        let mut limits = self.agents.get(index).cloned().unwrap_or_default();
        if self.crew.has(number) {
            (limits.ordered, limits.key_limit) = (None, None);
        }
        let depends = limits.depends.then_some(SERVICE);
        (limits, depends)
    }

    /// The same with agents that do not wake at once.
    pub(super) fn waking(self, whens: Vec<When>) -> Self {
        Self { whens, ..self }
    }

    /// The same with a group, or without one.
    pub(super) fn with(self, crew: Crew) -> Self {
        Self { crew, ..self }
    }

    /// When the agent with this number wakes. What is in an order is not held until there are more: the
    /// first of a key would hold back the others for ever.
    pub(super) fn when(&self, number: u32) -> When {
        let index = usize::try_from(number - 1).unwrap_or(usize::MAX);
        let when = self.whens.get(index).copied().unwrap_or_default();
        match when {
            _ if self.crew.has(number) => When::AtOnce,
            When::After(_) if self.of(number).0.ordered.is_some() => When::AtOnce,
            when => when,
        }
    }

    /// Declares the service, where there is one.
    pub(super) fn declare(&self, board: &Board) {
        let Some(Limits { breaker, rate, .. }) = self.service.clone() else { return };
        let service = Dependency::new(SERVICE);
        let service = if let Some(breaker) = breaker { service.breaker(breaker) } else { service };
        let service = if let Some(rate) = rate { service.rate_limit(rate) } else { service };
        board.dependency(service);
    }
}
