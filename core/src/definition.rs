//! What a board knows of an agent: subscriptions, policies, outputs. A plain value, kept in events;
//! handlers and closures stay in the program.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::names::{AgentName, QueueName, Tag, TypeName};
use crate::policy::Retry;
use crate::predicate::Predicate;

/// An agent as a board records it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentDefinition {
    /// What the agent is called.
    pub name: AgentName,
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
    /// Where its dead letters are listed.
    pub dead_letter_queue: QueueName,
}

/// A subscription as a board records it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionDefinition {
    /// The types that it is about, sorted.
    pub types: Vec<TypeName>,
    /// Producers of which one must have made the artifact; empty for any.
    pub from: Vec<AgentName>,
    /// Tags that must all be there, sorted.
    pub tags_all: Vec<Tag>,
    /// Tags of which one must be there, sorted; empty for any.
    pub tags_any: Vec<Tag>,
    /// The predicate on the payload.
    pub filter: Filter,
    /// 0 to 9, higher first.
    pub priority: u8,
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
}

impl AgentDefinition {
    /// How many attempts of an agent may run at once, unless it says otherwise.
    pub const CONCURRENCY: u32 = 16;
    /// How long an attempt may take, unless its agent says otherwise.
    pub const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(60);
}

impl SubscriptionDefinition {
    /// The priority of a subscription that names none.
    pub const PRIORITY: u8 = 5;
    /// The highest priority.
    pub const PRIORITY_MAX: u8 = 9;
}
