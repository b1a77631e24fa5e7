//! What an agent was declared with, as it was said, and the definition that a board is given.

use std::time::Duration;

use smol_str::SmolStr;

use artel_core::artifact::TypeDescriptor;
use artel_core::classify::Classifier;
use artel_core::definition::{
    AgentDefinition, AgentKind, Clearance, DeadLetterKeeping, Filter, Limits,
    SubscriptionDefinition, Wakes,
};
use artel_core::key::{KeyOf, OnDead};
use artel_core::names::{
    self, AgentName, DependencyName, Label, QueueName, Tag, TenantId, TypeName,
};
use artel_core::policy::Retry;
use artel_core::predicate::cel::Cel;
use artel_core::predicate::{Condition, Path};
use artel_core::visibility::Tenants;

use crate::best_of::Score;
use crate::output::OutputRules;
use crate::program::{Closure, Functions, KeyClosure};

pub(crate) struct Options {
    pub(crate) group: Option<SmolStr>,
    pub(crate) from: Vec<SmolStr>,
    pub(crate) not_from: Vec<SmolStr>,
    pub(crate) self_trigger: bool,
    pub(crate) after: u64,
    pub(crate) quiet: Option<Duration>,
    pub(crate) older_than: Option<Duration>,
    pub(crate) without: Vec<TypeDescriptor>,
    pub(crate) tags_all: Vec<SmolStr>,
    pub(crate) tags_any: Vec<SmolStr>,
    pub(crate) filter: Option<Selector>,
    pub(crate) second_filter: bool,
    pub(crate) priority: u8,
    pub(crate) key: Key,
    pub(crate) ordered: Option<OnDead>,
    pub(crate) key_concurrency: Option<u32>,
    pub(crate) outputs: Vec<TypeDescriptor>,
    pub(crate) retry: Retry,
    pub(crate) timeout: Duration,
    pub(crate) total_timeout: Option<Duration>,
    pub(crate) concurrency: u32,
    pub(crate) queue: Option<SmolStr>,
    pub(crate) dead_letters: DeadLetterKeeping,
    pub(crate) limits: Limits,
    pub(crate) dependencies: Vec<SmolStr>,
    pub(crate) labels: Vec<SmolStr>,
    pub(crate) tenants: Vec<SmolStr>,
    pub(crate) all_tenants: bool,
    pub(crate) crash_loop: u32,
    pub(crate) classifier: Option<Box<Classifier>>,
    pub(crate) rules: Vec<OutputRules>,
    pub(crate) candidates: u32,
    pub(crate) score: Option<Score>,
    #[cfg(feature = "webhooks")]
    pub(crate) webhook: Option<crate::webhook::Webhook>,
}

pub(crate) enum Key {
    Own,
    Field { path: Path, optional: bool },
    Closure(KeyClosure),
}

pub(crate) enum Selector {
    Fields(Condition),
    Closure(Closure),
    Cel(SmolStr),
}

impl Default for Options {
    fn default() -> Self {
        Self {
            group: None,
            from: Vec::new(),
            not_from: Vec::new(),
            self_trigger: false,
            after: 0,
            quiet: None,
            older_than: None,
            without: Vec::new(),
            tags_all: Vec::new(),
            tags_any: Vec::new(),
            filter: None,
            second_filter: false,
            priority: SubscriptionDefinition::PRIORITY,
            key: Key::Own,
            ordered: None,
            key_concurrency: None,
            outputs: Vec::new(),
            retry: Retry::default(),
            timeout: AgentDefinition::ATTEMPT_TIMEOUT,
            total_timeout: None,
            concurrency: AgentDefinition::CONCURRENCY,
            queue: None,
            dead_letters: DeadLetterKeeping::default(),
            limits: Limits::default(),
            dependencies: Vec::new(),
            labels: Vec::new(),
            tenants: Vec::new(),
            all_tenants: false,
            crash_loop: AgentDefinition::CRASH_LOOP,
            classifier: None,
            rules: Vec::new(),
            candidates: AgentDefinition::CANDIDATES,
            score: None,
            #[cfg(feature = "webhooks")]
            webhook: None,
        }
    }
}

impl Options {
    /// What of the subscription only this program has.
    pub(crate) fn functions(&self) -> Functions {
        let filter = match &self.filter {
            Some(Selector::Closure(closure)) => Some(closure.clone()),
            Some(Selector::Fields(_) | Selector::Cel(_)) | None => None,
        };
        let key = match &self.key {
            Key::Closure(closure) => Some(closure.clone()),
            Key::Own | Key::Field { .. } => None,
        };
        Functions { filter, key }
    }

    /// What is wrong with numbers, and what does not go together.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.priority > SubscriptionDefinition::PRIORITY_MAX {
            return Err(format!("priority is {}, allowed are 0 to 9", self.priority));
        }
        if self.concurrency == 0 {
            return Err("concurrency is 0, so nothing would ever run; use at least 1".to_owned());
        }
        if self.key_concurrency == Some(0) {
            return Err("concurrency per key is 0, so nothing would ever run".to_owned());
        }
        let asked = self.ordered.is_some() || self.key_concurrency.is_some();
        let keyed = asked || self.quiet.is_some();
        if !keyed && !matches!(self.key, Key::Own) {
            return Err(
                "it has a key, and neither an order nor a concurrency per key nor a quiet \
                        time, which a key is for"
                    .to_owned(),
            );
        }
        if self.crash_loop == 0 {
            return Err(
                "the deaths of a crash loop are 0, so what never ran would be a dead letter; use \
                        at least 1"
                    .to_owned(),
            );
        }
        let kept = self.dead_letters.time;
        if kept < DeadLetterKeeping::TIME_MIN {
            return Err(format!(
                "its dead letters are kept for {kept:?}, too short for anybody to look at them; keep \
                 them for at least {:?}",
                DeadLetterKeeping::TIME_MIN
            ));
        }
        if self.timeout.is_zero() {
            return Err("the time-out is zero, so every attempt would fail".to_owned());
        }
        if self.all_tenants && !self.tenants.is_empty() {
            return Err("it may see all tenants; leave out those that it names".to_owned());
        }
        self.check_candidates()?;
        self.check_rules()?;
        if self.second_filter {
            return Err("it has two filters; write one that says both".to_owned());
        }
        Ok(())
    }

    /// An attempt that takes more slots than there can be would never begin.
    fn check_candidates(&self) -> Result<(), String> {
        let candidates = self.candidates;
        if candidates == 0 {
            return Err("it asks for the best of 0, so nothing would be published".to_owned());
        }
        if candidates == 1 {
            return Ok(());
        }
        if candidates > self.concurrency {
            return Err(format!(
                "it asks for the best of {candidates}, which take a slot each, and its concurrency is {}",
                self.concurrency
            ));
        }
        if let Some(limit) = self.key_concurrency.filter(|limit| candidates > *limit) {
            return Err(format!(
                "it asks for the best of {candidates}, which take a slot each, and its concurrency per \
                 key is {limit}"
            ));
        }
        Ok(())
    }

    fn check_rules(&self) -> Result<(), String> {
        for (index, rules) in self.rules.iter().enumerate() {
            rules.check()?;
            let name = rules.type_name;
            if self.rules[..index].iter().any(|before| before.type_name == name) {
                return Err(format!("it says twice what its `{name}` are held to; say it once"));
            }
        }
        Ok(())
    }

    /// What a member of a group leaves to it.
    fn check_member(&self) -> Result<(), String> {
        let Some(group) = &self.group else { return Ok(()) };
        let kept = &self.dead_letters;
        let said = [
            ("retry", self.retry != Retry::default()),
            ("total_timeout", self.total_timeout.is_some()),
            ("dead_letter_queue", self.queue.is_some()),
            ("dead_letters_kept", kept.time != DeadLetterKeeping::default().time),
            ("dead_letter_trace", !kept.trace),
            ("crash_loop", self.crash_loop != AgentDefinition::CRASH_LOOP),
            ("priority", self.priority != SubscriptionDefinition::PRIORITY),
            ("ordered", self.ordered.is_some()),
            ("key", !matches!(self.key, Key::Own)),
            ("after", self.after > 0),
            ("quiet", self.quiet.is_some()),
            ("older_than", self.older_than.is_some()),
            #[cfg(feature = "webhooks")]
            ("alert_webhook", self.webhook.is_some()),
        ];
        if let Some((option, _)) = said.into_iter().find(|(_, said)| *said) {
            return Err(format!(
                "it is a member of group `{group}`, to which `{option}` is left; say it with \
                 `Group::new(\"{group}\")`"
            ));
        }
        if self.key_concurrency.is_some() {
            return Err(format!(
                "it is a member of group `{group}`, whose work is not counted by key; leave out \
                 `concurrency_per_key`"
            ));
        }
        Ok(())
    }
}

impl Key {
    pub(crate) fn of(self) -> KeyOf {
        match self {
            Self::Own => KeyOf::Own,
            Self::Field { path, optional } => KeyOf::Field { path, optional },
            Self::Closure(_) => KeyOf::Closure { label: SmolStr::new_static("closure") },
        }
    }
}

/// When a match wakes an agent, or a group.
pub(crate) fn wakes(options: &Options) -> Result<Wakes, &'static str> {
    match (options.quiet, options.older_than) {
        (Some(_), Some(_)) => Err("it is to wake when it is quiet and when a match is old"),
        (Some(time), None) => Ok(Wakes::Quiet(time)),
        (None, Some(age)) => {
            let without = options.without.iter().map(|one| one.name().clone());
            Ok(Wakes::Aged { age, without: sorted(without.collect()) })
        }
        (None, None) if !options.without.is_empty() => {
            Err("`without` says nothing unless `older_than` says when")
        }
        (None, None) => Ok(Wakes::AtOnce),
    }
}
/// Checks an agent's options and makes its definition.
pub(crate) fn define(
    name: &str,
    type_name: &str,
    options: Options,
) -> Result<AgentDefinition, String> {
    let says = |problem: String| format!("agent `{name}`: {problem}");
    let bad = |error: names::Error| says(error.to_string());
    options.check_member().and_then(|()| options.check()).map_err(says)?;
    let agent_name = AgentName::new(name).map_err(|error| error.to_string())?;
    let wakes = wakes(&options).map_err(|problem| says(problem.to_owned()))?;
    let filter = match options.filter {
        None => Filter::All,
        Some(Selector::Closure(_)) => Filter::Closure { label: SmolStr::new_static("closure") },
        Some(Selector::Fields(condition)) => {
            Filter::Fields(condition.build().map_err(|error| says(error.to_string()))?)
        }
        Some(Selector::Cel(source)) => Filter::Cel(Cel::new(source.clone()).map_err(|error| {
            says(format!(
                "the CEL filter of its subscription to `{type_name}` cannot be used: {error}\n  {}",
                source.replace('\n', "\n  ")
            ))
        })?),
    };
    let subscription = SubscriptionDefinition {
        types: vec![TypeName::new(type_name).map_err(bad)?],
        from: parse_all(options.from, AgentName::new).map_err(bad)?,
        not_from: parse_all(options.not_from, AgentName::new).map_err(bad)?,
        self_trigger: options.self_trigger,
        tags_all: parse_all(options.tags_all, Tag::new).map_err(bad)?,
        tags_any: parse_all(options.tags_any, Tag::new).map_err(bad)?,
        filter,
        priority: options.priority,
        key: options.key.of(),
        ordered: options.ordered,
        after: options.after,
        wakes,
        group: options.group.map(AgentName::new).transpose().map_err(bad)?,
    };
    let tenants = parse_all(options.tenants, TenantId::new).map_err(bad)?;
    let clearance = Clearance {
        labels: parse_all(options.labels, Label::new).map_err(bad)?,
        tenants: if options.all_tenants { Tenants::All } else { Tenants::Only(tenants.into()) },
    };
    let outputs = options.outputs.iter().map(|output| output.name().clone());
    let rules = options.rules.iter().map(OutputRules::define).collect::<Result<Vec<_>, _>>();
    let mut output_rules: Vec<_> = rules.map_err(bad)?.into_iter().flatten().collect();
    output_rules.sort_unstable_by(|one, other| one.type_name.cmp(&other.type_name));
    let queue = options.queue.unwrap_or_else(|| name.into());
    Ok(AgentDefinition {
        name: agent_name,
        kind: AgentKind::Agent,
        subscriptions: vec![subscription],
        outputs: sorted(outputs.collect()),
        retry: options.retry,
        attempt_timeout: options.timeout,
        total_timeout: options.total_timeout,
        concurrency: options.concurrency,
        key_concurrency: options.key_concurrency,
        dead_letter_queue: QueueName::new(queue).map_err(bad)?,
        dead_letters: options.dead_letters,
        limits: options.limits,
        dependencies: parse_all(options.dependencies, DependencyName::new).map_err(bad)?,
        clearance,
        output_rules,
        candidates: options.candidates,
        crash_loop: options.crash_loop,
        // Set where its webhook is checked.
        alert_after: None,
    })
}

fn parse_all<N: Ord, E>(
    texts: Vec<SmolStr>,
    parse: impl Fn(SmolStr) -> Result<N, E>,
) -> Result<Vec<N>, E> {
    texts.into_iter().map(parse).collect::<Result<Vec<_>, _>>().map(sorted)
}

fn sorted<N: Ord>(mut names: Vec<N>) -> Vec<N> {
    names.sort_unstable();
    names.dedup();
    names
}
