//! Declaring agents: what wakes them, what they run, how often, and what they may return.

use std::error::Error as StdError;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use smol_str::SmolStr;

use artel_core::artifact::{Artifact, TypeDescriptor, descriptor};
use artel_core::classify::Classifier;
use artel_core::definition::{AgentDefinition, Filter, SubscriptionDefinition};
use artel_core::names::{AgentName, QueueName, Tag, TypeName};
use artel_core::outputs::IntoOutputs;
use artel_core::policy::{ErrorKind, Retry};
use artel_core::predicate::Condition;

use crate::board::Board;
use crate::handler::{Erased, Handler};
use crate::program::{Agent, Closure};

/// An agent that is being declared. Nothing happens before [`run`](Subscribed::run), and what is
/// wrong is said by [`Board::start`].
#[derive(Debug)]
#[must_use = "an agent without `.on::<T>()` and `.run(handler)` does nothing"]
pub struct AgentBuilder<'a> {
    board: &'a Board,
    name: SmolStr,
}

/// An agent that is being declared, with the type that wakes it.
#[must_use = "an agent without `.run(handler)` does nothing"]
pub struct Subscribed<'a, T, S = ()> {
    board: &'a Board,
    name: SmolStr,
    state: Arc<S>,
    options: Options,
    marker: PhantomData<fn() -> T>,
}

struct Options {
    from: Vec<SmolStr>,
    tags_all: Vec<SmolStr>,
    tags_any: Vec<SmolStr>,
    filter: Option<Selector>,
    second_filter: bool,
    priority: u8,
    outputs: Vec<TypeDescriptor>,
    retry: Retry,
    timeout: Duration,
    total_timeout: Option<Duration>,
    concurrency: u32,
    queue: Option<SmolStr>,
    classifier: Option<Box<Classifier>>,
}

enum Selector {
    Fields(Condition),
    Closure(Closure),
}

impl Default for Options {
    fn default() -> Self {
        Self {
            from: Vec::new(),
            tags_all: Vec::new(),
            tags_any: Vec::new(),
            filter: None,
            second_filter: false,
            priority: SubscriptionDefinition::PRIORITY,
            outputs: Vec::new(),
            retry: Retry::default(),
            timeout: AgentDefinition::ATTEMPT_TIMEOUT,
            total_timeout: None,
            concurrency: AgentDefinition::CONCURRENCY,
            queue: None,
            classifier: None,
        }
    }
}

impl<T, S> std::fmt::Debug for Subscribed<'_, T, S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subscribed").field("name", &self.name).finish_non_exhaustive()
    }
}

impl<'a> AgentBuilder<'a> {
    pub(crate) const fn new(board: &'a Board, name: SmolStr) -> Self {
        Self { board, name }
    }

    /// Wakes the agent on artifacts of this type.
    pub fn on<T: Artifact>(self) -> Subscribed<'a, T> {
        Subscribed {
            board: self.board,
            name: self.name,
            state: Arc::new(()),
            options: Options::default(),
            marker: PhantomData,
        }
    }
}

impl<'a, T: Artifact, S: Send + Sync + 'static> Subscribed<'a, T, S> {
    /// Only artifacts that this agent made, or another one that is named.
    pub fn from(mut self, agent: impl Into<SmolStr>) -> Self {
        self.options.from.push(agent.into());
        self
    }

    /// Only artifacts that have this tag, and every other one that is named.
    pub fn tagged(mut self, tag: impl Into<SmolStr>) -> Self {
        self.options.tags_all.push(tag.into());
        self
    }

    /// Only artifacts that have this tag or another one that is named here.
    pub fn tagged_any(mut self, tag: impl Into<SmolStr>) -> Self {
        self.options.tags_any.push(tag.into());
        self
    }

    /// Only artifacts for which the closure says yes. It should be quick and must not depend on
    /// anything but the artifact; one that panics does not match, and that is recorded.
    pub fn filter(mut self, filter: impl Fn(&T) -> bool + Send + Sync + 'static) -> Self {
        let closure: Closure = Arc::new(move |value| value.downcast_ref().is_some_and(&filter));
        self.set_filter(Selector::Closure(closure));
        self
    }

    /// Only artifacts whose fields meet the condition, such as
    /// `Review::fields().score.gt(80)`. Any process can evaluate it, and `why-not` can show it.
    pub fn matching(mut self, condition: Condition) -> Self {
        self.set_filter(Selector::Fields(condition));
        self
    }

    fn set_filter(&mut self, filter: Selector) {
        self.options.second_filter |= self.options.filter.is_some();
        self.options.filter = Some(filter);
    }

    /// 0 to 9, higher first; each step is worth 30 s of waiting. 5 unless it is set.
    pub const fn priority(mut self, priority: u8) -> Self {
        self.options.priority = priority;
        self
    }

    /// Declares a type that the agent publishes beside what its handler's signature says, with
    /// [`Context::publish`](crate::Context::publish).
    pub fn publishes<O: Artifact>(mut self) -> Self {
        self.options.outputs.push(descriptor::<O>());
        self
    }

    /// What happens after a failure; see [`Retry`].
    pub fn retry(mut self, retry: Retry) -> Self {
        self.options.retry = retry;
        self
    }

    /// Says what errors of foreign types mean for the next attempt. Asked about each error that a
    /// handler returned as [`Error`](crate::Error) without saying what it means and of a type that is not known, then
    /// about its causes, from the outside in; the first answer counts, and without one the error is
    /// transient.
    pub fn classify(
        mut self,
        classify: impl Fn(&(dyn StdError + 'static)) -> Option<ErrorKind> + Send + Sync + 'static,
    ) -> Self {
        self.options.classifier = Some(Box::new(classify));
        self
    }

    /// How long an attempt may take: 60 s unless it is set. A handler that takes longer is dropped
    /// at its next await, and its late result is refused.
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.options.timeout = timeout;
        self
    }

    /// How long an activation may take from its creation, waiting and retries included. Without
    /// it, for ever.
    pub const fn total_timeout(mut self, timeout: Duration) -> Self {
        self.options.total_timeout = Some(timeout);
        self
    }

    /// How many attempts of the agent may run at once, at least 1; 16 unless it is set.
    pub const fn concurrency(mut self, attempts: u32) -> Self {
        self.options.concurrency = attempts;
        self
    }

    /// Where the agent's dead letters are listed; under its name unless it is set.
    pub fn dead_letter_queue(mut self, queue: impl Into<SmolStr>) -> Self {
        self.options.queue = Some(queue.into());
        self
    }

    /// Shares a value with every attempt: the handler takes it as a third parameter, `Arc<S>`.
    pub fn state<U: Send + Sync + 'static>(self, state: U) -> Subscribed<'a, T, U> {
        self.shared_state(Arc::new(state))
    }

    /// Shares a value that others share too.
    pub fn shared_state<U: Send + Sync + 'static>(self, state: Arc<U>) -> Subscribed<'a, T, U> {
        Subscribed {
            board: self.board,
            name: self.name,
            state,
            options: self.options,
            marker: PhantomData,
        }
    }

    /// What the agent runs. Completes the declaration.
    pub fn run<Form: 'static, H: Handler<T, S, Form>>(self, handler: H) {
        let Self { board, name, state, mut options, .. } = self;
        H::Outputs::declare(&mut options.outputs);
        let classifier = options.classifier.take();
        let erased = Arc::new(Erased::<H, T, S, Form>::new(handler, state, classifier));
        let closure = match &options.filter {
            Some(Selector::Closure(closure)) => Some(closure.clone()),
            Some(Selector::Fields(_)) | None => None,
        };
        let mut types = options.outputs.clone();
        types.push(descriptor::<T>());
        let agent = define(&name, T::NAME, options).map(|definition| Agent {
            definition: Arc::new(definition),
            handler: erased,
            closures: vec![closure],
        });
        board.declare(&name, agent, types);
    }
}

/// Checks an agent's options and makes its definition.
fn define(name: &str, type_name: &str, options: Options) -> Result<AgentDefinition, String> {
    let says = |problem: String| format!("agent `{name}`: {problem}");
    let bad = |error: artel_core::names::Error| says(error.to_string());
    if options.priority > SubscriptionDefinition::PRIORITY_MAX {
        return Err(says(format!("priority is {}, allowed are 0 to 9", options.priority)));
    }
    if options.concurrency == 0 {
        return Err(says("concurrency is 0, so nothing would ever run; use at least 1".to_owned()));
    }
    if options.timeout.is_zero() {
        return Err(says("the time-out is zero, so every attempt would fail".to_owned()));
    }
    if options.second_filter {
        return Err(says("it has two filters; write one that says both".to_owned()));
    }
    let filter = match options.filter {
        None => Filter::All,
        Some(Selector::Closure(_)) => Filter::Closure { label: SmolStr::new_static("closure") },
        Some(Selector::Fields(condition)) => {
            Filter::Fields(condition.build().map_err(|error| says(error.to_string()))?)
        }
    };
    let agent_name = AgentName::new(name).map_err(|error| error.to_string())?;
    let subscription = SubscriptionDefinition {
        types: vec![TypeName::new(type_name).map_err(bad)?],
        from: parse_all(options.from, AgentName::new).map_err(bad)?,
        tags_all: parse_all(options.tags_all, Tag::new).map_err(bad)?,
        tags_any: parse_all(options.tags_any, Tag::new).map_err(bad)?,
        filter,
        priority: options.priority,
    };
    let outputs = options.outputs.iter().map(|output| output.name().clone());
    let queue = options.queue.unwrap_or_else(|| name.into());
    Ok(AgentDefinition {
        name: agent_name,
        subscriptions: vec![subscription],
        outputs: sorted(outputs.collect()),
        retry: options.retry,
        attempt_timeout: options.timeout,
        total_timeout: options.total_timeout,
        concurrency: options.concurrency,
        dead_letter_queue: QueueName::new(queue).map_err(bad)?,
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
