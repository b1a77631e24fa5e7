//! Groups: several agents that are one subscriber.

use std::collections::BTreeSet;
use std::time::Duration;

use smol_str::SmolStr;

use artel_core::artifact::{Artifact, TypeDescriptor, descriptor};
use artel_core::definition::{
    AgentDefinition, AgentKind, Clearance, Filter, Limits, SubscriptionDefinition,
};
use artel_core::key::OnDead;
use artel_core::names::{self, AgentName, QueueName};
use artel_core::policy::Retry;
use artel_core::predicate::Field;

use crate::options::{Key, Options, wakes};
use crate::program::Program;

/// Several agents that are one subscriber together, declared with [`Board::group`](crate::Board::group).
/// Its members name it with [`exclusive`](crate::Subscribed::exclusive).
///
/// An artifact that meets the subscriptions of some members makes one activation, and whichever of those
/// members is free runs it: of several the one that has been idle longest. A further attempt may be
/// another one's. What holds attempts back (concurrency, breakers, rate limits, pauses) is up to each
/// member, as are time-out and handler; what becomes of the activation is up to the group. What a member
/// made wakes nobody of its group, unless that one asks for it with
/// [`self_trigger`](crate::Subscribed::self_trigger).
#[must_use = "a group is declared with `board.group(…)`"]
pub struct Group {
    name: SmolStr,
    options: Options,
}

impl std::fmt::Debug for Group {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Group").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Group {
    /// A group with the options of an agent that sets none. Its name is how the board knows it again
    /// after a restart, and must not be that of an agent.
    pub fn new(name: impl Into<SmolStr>) -> Self {
        Self { name: name.into(), options: Options::default() }
    }

    /// What happens after a failure of whichever member; see [`Retry`].
    pub fn retry(mut self, retry: Retry) -> Self {
        self.options.retry = retry;
        self
    }

    /// How long an activation may take from its creation, waiting and retries included. Without
    /// it, for ever.
    pub const fn total_timeout(mut self, timeout: Duration) -> Self {
        self.options.total_timeout = Some(timeout);
        self
    }

    /// How many processes may die of one activation before it is a dead letter, at least 1; 5 unless it is
    /// set. See [`crash_loop`](crate::Subscribed::crash_loop).
    pub const fn crash_loop(mut self, deaths: u32) -> Self {
        self.options.crash_loop = deaths;
        self
    }

    /// Where the group's dead letters are listed; under its name unless it is set.
    pub fn dead_letter_queue(mut self, queue: impl Into<SmolStr>) -> Self {
        self.options.queue = Some(queue.into());
        self
    }

    /// How long a dead letter of the group is kept that nobody redrives or drops, at least an hour; 90 days
    /// unless it is set. See [`dead_letters_kept`](crate::Subscribed::dead_letters_kept).
    pub const fn dead_letters_kept(mut self, time: Duration) -> Self {
        self.options.dead_letters.time = time;
        self
    }

    /// Whether what went wrong is kept, whichever member failed; it is unless it is set. See
    /// [`dead_letter_trace`](crate::Subscribed::dead_letter_trace).
    pub const fn dead_letter_trace(mut self, kept: bool) -> Self {
        self.options.dead_letters.trace = kept;
        self
    }

    /// Has somebody told over HTTP of the group's dead letters; see [`Webhook`](crate::Webhook). Without
    /// it, whom the board says, or nobody.
    #[cfg(feature = "webhooks")]
    pub fn alert_webhook(mut self, webhook: crate::Webhook) -> Self {
        self.options.webhook = Some(webhook);
        self
    }

    /// 0 to 9, higher first; each step is worth 30 s of waiting. 5 unless it is set.
    pub const fn priority(mut self, priority: u8) -> Self {
        self.options.priority = priority;
        self
    }

    /// Works on activations with the same key one at a time, in the order of their artifacts, whichever
    /// member it is; see [`ordered`](crate::Subscribed::ordered). The key is the artifact's own ordering
    /// key, unless [`key_field`](Self::key_field) says otherwise.
    pub const fn ordered(mut self) -> Self {
        self.options.ordered = Some(OnDead::Continue);
        self
    }

    /// As [`ordered`](Self::ordered), but a dead letter stops its key until it is redriven or dropped.
    pub const fn ordered_strictly(mut self) -> Self {
        self.options.ordered = Some(OnDead::Stop);
        self
    }

    /// The field that the key of an artifact is in, such as `Review::fields().customer`, of whichever of
    /// the types that members are subscribed to.
    pub fn key_field<V: ?Sized>(mut self, field: &Field<V>) -> Self {
        let (path, optional) = field.place();
        self.options.key = Key::Field { path: path.clone(), optional };
        self
    }

    /// Holds the first `matches` until the last of them is there; see
    /// [`after`](crate::Subscribed::after).
    pub const fn after(mut self, matches: u64) -> Self {
        self.options.after = matches;
        self
    }

    /// Wakes the group when no further match came for so long; see
    /// [`quiet`](crate::Subscribed::quiet).
    pub const fn quiet(mut self, time: Duration) -> Self {
        self.options.quiet = Some(time);
        self
    }

    /// Wakes the group on a match only when it has become so old; see
    /// [`older_than`](crate::Subscribed::older_than).
    pub const fn older_than(mut self, age: Duration) -> Self {
        self.options.older_than = Some(age);
        self
    }

    /// Names a type that a match must not be followed by before it is [old](Self::older_than) enough, and
    /// another one each time.
    pub fn without<U: Artifact>(mut self) -> Self {
        self.options.without.push(descriptor::<U>());
        self
    }

    #[cfg(feature = "webhooks")]
    pub(crate) const fn name(&self) -> &SmolStr {
        &self.name
    }

    #[cfg(feature = "webhooks")]
    pub(crate) fn webhook(&self) -> Option<crate::Webhook> {
        self.options.webhook.clone()
    }

    /// Checks the options and makes the definition, with the types that it names.
    pub(crate) fn define(self) -> Result<(AgentDefinition, Vec<TypeDescriptor>), String> {
        let Self { name, options } = self;
        let says = |problem: String| format!("group `{name}`: {problem}");
        let bad = |error: names::Error| says(error.to_string());
        options.check().map_err(says)?;
        let wakes = wakes(&options).map_err(|problem| says(problem.to_owned()))?;
        let subscription = SubscriptionDefinition {
            types: Vec::new(),
            from: Vec::new(),
            not_from: Vec::new(),
            self_trigger: false,
            tags_all: Vec::new(),
            tags_any: Vec::new(),
            filter: Filter::All,
            priority: options.priority,
            key: options.key.of(),
            ordered: options.ordered,
            after: options.after,
            wakes,
            group: None,
        };
        let queue = options.queue.unwrap_or_else(|| name.clone());
        let definition = AgentDefinition {
            name: AgentName::new(name.clone()).map_err(bad)?,
            kind: AgentKind::Group,
            subscriptions: vec![subscription],
            outputs: Vec::new(),
            retry: options.retry,
            attempt_timeout: options.timeout,
            total_timeout: options.total_timeout,
            // Its members have bounds of their own.
            concurrency: u32::MAX,
            key_concurrency: None,
            dead_letter_queue: QueueName::new(queue).map_err(bad)?,
            dead_letters: options.dead_letters,
            limits: Limits::default(),
            dependencies: Vec::new(),
            clearance: Clearance::default(),
            output_rules: Vec::new(),
            candidates: options.candidates,
            crash_loop: options.crash_loop,
            // Set where its webhook is checked.
            alert_after: None,
        };
        Ok((definition, options.without))
    }
}

/// What is wrong with the groups of a program and their members.
pub(crate) fn problems(program: &Program) -> Vec<String> {
    let mut problems = Vec::new();
    let mut populated = BTreeSet::new();
    for agent in program.agents.values() {
        let name = &agent.definition.name;
        let groups = agent.definition.subscriptions.iter().filter_map(|it| it.group.as_ref());
        for group in groups {
            populated.insert(group);
            if !program.groups.contains_key(group) {
                problems.push(format!(
                    "agent `{name}`: it is a member of group `{group}`, which is not declared; \
                     declare it with `board.group(Group::new(\"{group}\"))`"
                ));
            }
        }
    }
    for name in program.groups.keys() {
        if program.agents.contains_key(name) {
            problems.push(format!("group `{name}` has the name of an agent; use another name"));
        }
        if !populated.contains(name) {
            problems.push(format!(
                "group `{name}` has no member, so nothing would ever run; make agents members with \
                 `.exclusive(\"{name}\")`"
            ));
        }
    }
    problems
}
