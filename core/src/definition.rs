//! What a board knows of an agent: subscriptions, policies, outputs. A plain value, kept in events;
//! handlers and closures stay in the program.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::key::{KeyOf, OnDead};
use crate::names::{AgentName, DependencyName, Label, QueueName, Tag, TypeName};
use crate::output_rule::OutputRule;
use crate::policy::{Breaker, RateLimit, Retry};
use crate::predicate::Predicate;
use crate::predicate::cel::Cel;
use crate::visibility::Tenants;

/// An agent as a board records it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentDefinition {
    /// What the agent is called.
    pub name: AgentName,
    /// Whether it runs itself, or stands for others.
    pub kind: AgentKind,
    /// What wakes it.
    pub subscriptions: Vec<SubscriptionDefinition>,
    /// What it may return, sorted.
    pub outputs: Vec<TypeName>,
    /// What happens after a failure.
    pub retry: Retry,
    /// How long an attempt may take.
    pub attempt_timeout: Duration,
    /// How long the activation may take in all, waiting included; none is for ever.
    pub total_timeout: Option<Duration>,
    /// How many attempts of this agent may run at once.
    pub concurrency: u32,
    /// How many of those may be of one key.
    pub key_concurrency: Option<u32>,
    /// Where its dead letters are listed.
    pub dead_letter_queue: QueueName,
    /// What is kept of its dead letters.
    pub dead_letters: DeadLetterKeeping,
    /// What holds its attempts back.
    pub limits: Limits,
    /// What its attempts depend on, sorted: what holds those back holds these back too.
    pub dependencies: Vec<DependencyName>,
    /// What it may see that not everybody may.
    pub clearance: Clearance,
    /// What its outputs are held to, sorted by type.
    pub output_rules: Vec<OutputRule>,
    /// How many candidates each of its attempts has, of which one is published. An attempt takes as
    /// many slots.
    pub candidates: u32,
    /// How many processes may die in the own turn of an activation before it is a dead letter.
    pub crash_loop: u32,
    /// For how long its deaths of one kind are gathered into one alert; none when nobody is alerted.
    pub alert_after: Option<Duration>,
}

/// What is kept of an agent's dead letters, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetterKeeping {
    /// How long one is kept that nobody redrives or drops: the board drops it then.
    pub time: Duration,
    /// Whether what went wrong is kept: the errors and the log lines of attempts that failed.
    pub trace: bool,
}

impl DeadLetterKeeping {
    /// The shortest time for which dead letters are kept.
    pub const TIME_MIN: Duration = Duration::from_secs(60 * 60);
}

impl Default for DeadLetterKeeping {
    /// 90 days, with what went wrong.
    fn default() -> Self {
        Self { time: Duration::from_secs(90 * 24 * 60 * 60), trace: true }
    }
}

/// What the name of an agent stands for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum AgentKind {
    /// An agent, with a handler of its own.
    #[default]
    Agent,
    /// A group of agents, of which one runs each activation: the one subscriber that they are together.
    /// It has one subscription, which says nothing of what it is about, since the members' own do.
    Group,
}

/// What somebody may see that not everybody may.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clearance {
    /// The labels that it has, sorted.
    pub labels: Vec<Label>,
    /// The tenants whose artifacts it may see.
    pub tenants: Tenants,
}

/// Something that attempts of several agents depend on, such as a service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DependencyDefinition {
    /// What it is called.
    pub name: DependencyName,
    /// What holds attempts back of all agents that depend on it.
    pub limits: Limits,
}

/// What holds attempts back until something is well again, or some time has passed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Holds attempts back after failures.
    pub breaker: Option<Breaker>,
    /// How often attempts may begin.
    pub rate: Option<RateLimit>,
}

/// A subscription as a board records it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionDefinition {
    /// The types that it is about, sorted.
    pub types: Vec<TypeName>,
    /// Producers of which one must have made the artifact; empty for any.
    pub from: Vec<AgentName>,
    /// Producers of which none may have made the artifact.
    pub not_from: Vec<AgentName>,
    /// Whether the agent also wakes on what it made itself.
    pub self_trigger: bool,
    /// Tags that must all be there, sorted.
    pub tags_all: Vec<Tag>,
    /// Tags of which one must be there, sorted; empty for any.
    pub tags_any: Vec<Tag>,
    /// The predicate on the payload.
    pub filter: Filter,
    /// 0 to 9, higher first.
    pub priority: u8,
    /// Where the keys of its activations come from.
    pub key: KeyOf,
    /// Whether activations with the same key are worked on one at a time, in order, and what a dead
    /// letter does to its key.
    pub ordered: Option<OnDead>,
    /// So many matches are held until the last of them is there; all later ones go through.
    pub after: u64,
    /// When a match wakes the agent.
    pub wakes: Wakes,
    /// The group that is woken in the agent's place, for one of its members to run. What a match then
    /// leads to is up to the group's own subscription.
    pub group: Option<AgentName>,
}

/// When a match wakes an agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wakes {
    /// At once.
    #[default]
    AtOnce,
    /// When no further match came for so long: of its key, or of the subscription where it has none.
    Quiet(Duration),
    /// When it is so old and no artifact of these types has come to its tree of work since.
    Aged {
        /// How old.
        age: Duration,
        /// The types, sorted.
        without: Vec<TypeName>,
    },
}

/// The predicate of a subscription.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Filter {
    /// Every payload.
    All,
    /// A predicate over field paths, which any process can evaluate.
    Fields(Predicate),
    /// A closure of the program that registered the agent.
    Closure {
        /// Where in the program it stands, for people.
        label: SmolStr,
    },
    /// An expression in CEL, which any process can evaluate.
    Cel(Cel),
}

impl Limits {
    /// Whether nothing is held back.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.breaker.is_none() && self.rate.is_none()
    }
}

impl AgentDefinition {
    /// How many attempts of an agent may run at once, unless it says otherwise.
    pub const CONCURRENCY: u32 = 16;
    /// How long an attempt may take, unless its agent says otherwise.
    pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(60);
    /// How many processes die of an activation before it is a dead letter, unless its agent says
    /// otherwise.
    pub const CRASH_LOOP: u32 = 5;
    /// How many candidates an attempt has, unless its agent asks for the best of several.
    pub const CANDIDATES: u32 = 1;

    /// Whether it stands for the members of a group.
    #[must_use]
    pub const fn is_group(&self) -> bool {
        matches!(self.kind, AgentKind::Group)
    }

    /// How many slots each of its attempts takes.
    #[must_use]
    pub const fn slots(&self) -> u32 {
        if self.candidates == 0 { 1 } else { self.candidates }
    }
}

impl SubscriptionDefinition {
    /// The priority of a subscription that names none.
    pub const PRIORITY: u8 = 5;
    /// The highest priority.
    pub const PRIORITY_MAX: u8 = 9;

    /// Whether it is about notices of dead letters: then of what dies of it no notice is given.
    #[must_use]
    pub fn is_about_notices(&self) -> bool {
        self.types.iter().any(|name| name.as_str() == crate::board::DEAD_LETTER)
    }
}
