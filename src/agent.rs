//! Declaring agents: what wakes them, what they run, how often, and what they may return.

use std::error::Error as StdError;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use smol_str::SmolStr;

use artel_core::artifact::{Artifact, descriptor};
use artel_core::key::OnDead;
use artel_core::outputs::IntoOutputs;
use artel_core::policy::{Breaker, ErrorKind, RateLimit, Retry};
use artel_core::predicate::{Condition, Field};

use crate::best_of::Candidate;
use crate::board::Board;
use crate::handler::{Erased, Handler};
use crate::options::{Key, Options, Selector, define};
use crate::output::Output;
use crate::program::{Agent, Closure, KeyClosure};

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

    /// Only artifacts that this agent, and every other one that is named, did not make.
    pub fn not_from(mut self, agent: impl Into<SmolStr>) -> Self {
        self.options.not_from.push(agent.into());
        self
    }

    /// Also artifacts that the agent made itself, which do not wake it otherwise. What it makes of its own
    /// work goes one deeper each time, and ends as a dead letter with the reason `loop` at the depth limit.
    pub const fn self_trigger(mut self) -> Self {
        self.options.self_trigger = true;
        self
    }

    /// Makes the agent a member of a group, which is declared with [`Board::group`]: an artifact that meets
    /// the subscriptions of several members is worked on once, by one of them. See
    /// [`Group`](crate::Group), to which retries, the order and the dead letters are left then.
    pub fn exclusive(mut self, group: impl Into<SmolStr>) -> Self {
        self.options.group = Some(group.into());
        self
    }

    /// Holds the first `matches` until the last of them is there. Then they go through, one activation
    /// each, and so do all later ones.
    pub const fn after(mut self, matches: u64) -> Self {
        self.options.after = matches;
        self
    }

    /// Wakes the agent when no further match came for so long, with the last one; those before it expire.
    /// Each key has a time of its own where artifacts have one: their own ordering key, unless
    /// [`key`](Self::key) or [`key_field`](Self::key_field) says otherwise.
    pub const fn quiet(mut self, time: Duration) -> Self {
        self.options.quiet = Some(time);
        self
    }

    /// Wakes the agent on a match only when it has become so old, unless an artifact of a type that is
    /// named with [`without`](Self::without) has come to its tree of work meanwhile. Then it expires.
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

    /// Only artifacts for which an expression in CEL says yes, such as
    /// `payload.score > 80 && "urgent" in artifact.tags`. It sees the payload as its JSON is stored,
    /// and of the `artifact` its `id`, `type`, `producer`, `producer_kind`, `correlation`, `depth`,
    /// `tags` and `ordering_key`. Any process can evaluate it, and `why-not` can show it. A missing
    /// field is an error unless `has` asks for it; what is an error does not match, and that is
    /// recorded. At most 4 KiB; nothing that loops.
    pub fn cel(mut self, expression: impl Into<SmolStr>) -> Self {
        self.set_filter(Selector::Cel(expression.into()));
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

    /// Works on activations with the same key one at a time, in the order of their artifacts. The key
    /// is the artifact's own ordering key, unless [`key`](Self::key) or
    /// [`key_field`](Self::key_field) says otherwise; what has none is in no order. While the oldest
    /// one waits, for a retry or whatever it is, it holds back its key and nothing else. When it dies,
    /// its key goes on.
    pub const fn ordered(mut self) -> Self {
        self.options.ordered = Some(OnDead::Continue);
        self
    }

    /// As [`ordered`](Self::ordered), but a dead letter stops its key until it is redriven or dropped.
    pub const fn ordered_strictly(mut self) -> Self {
        self.options.ordered = Some(OnDead::Stop);
        self
    }

    /// What the key of an artifact is, where the agent is [ordered](Self::ordered) or
    /// [bounded by key](Self::concurrency_per_key); none is no key. It should be quick and must not
    /// depend on anything but the artifact. One that panics, or gives what cannot be an ordering key
    /// (1 to 512 bytes without control characters), makes a dead letter with the reason `bad-key`.
    pub fn key<K: Into<SmolStr>>(
        mut self,
        key: impl Fn(&T) -> Option<K> + Send + Sync + 'static,
    ) -> Self {
        let closure: KeyClosure =
            Arc::new(move |value| value.downcast_ref().and_then(&key).map(Into::into));
        self.options.key = Key::Closure(closure);
        self
    }

    /// The field that the key of an artifact is in, such as `Review::fields().customer`: text, a number
    /// or a truth value. Any process can work it out.
    pub fn key_field<V: ?Sized>(mut self, field: &Field<V>) -> Self {
        let (path, optional) = field.place();
        self.options.key = Key::Field { path: path.clone(), optional };
        self
    }

    /// How many attempts of the agent with the same key may run at once, at least 1. Without it, as
    /// many as of the agent. The key is the artifact's own ordering key, unless [`key`](Self::key) or
    /// [`key_field`](Self::key_field) says otherwise; what has none is not counted.
    pub const fn concurrency_per_key(mut self, attempts: u32) -> Self {
        self.options.key_concurrency = Some(attempts);
        self
    }

    /// Declares a type that the agent publishes beside what its handler's signature says, with
    /// [`Context::publish`](crate::Context::publish).
    pub fn publishes<O: Artifact>(mut self) -> Self {
        self.options.outputs.push(descriptor::<O>());
        self
    }

    /// Declares a type that the agent publishes, as [`publishes`](Self::publishes) does, and says what
    /// its artifacts are held to: which are published, what each has to pass, how many there are.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use artel::{Artifact, Board, Context, Error};
    /// # use schemars::JsonSchema;
    /// # use serde::{Deserialize, Serialize};
    /// # #[derive(Serialize, Deserialize, JsonSchema, Artifact)] struct Package { name: String }
    /// #[derive(Serialize, Deserialize, JsonSchema, Artifact)]
    /// struct Finding { severity: u8, text: String }
    ///
    /// # async fn review(_: Context, _: Arc<Package>) -> Result<Vec<Finding>, Error> { Ok(Vec::new()) }
    /// # fn declare(board: &Board) {
    /// board
    ///     .agent("review")
    ///     .on::<Package>()
    ///     .output::<Finding>(|finding| {
    ///         finding
    ///             .publish_if(|finding| finding.severity > 2)
    ///             .validate("says something", |finding| !finding.text.is_empty())
    ///             .count(..=20)
    ///     })
    ///     .run(review);
    /// # }
    /// ```
    pub fn output<O: Artifact>(mut self, say: impl FnOnce(Output<O>) -> Output<O>) -> Self {
        self.options.rules.push(say(Output::new()).into_rules());
        self.publishes::<O>()
    }

    /// Runs the handler so many times at once in each attempt, and publishes what the one returned that
    /// has the highest score; of equal ones the first. Each of these candidates takes a slot, and has
    /// random numbers and steps of its own. One that fails, or whose score is not a finite number, is
    /// left out; when all fail, the attempt does. What the others returned is kept in the attempt's
    /// report, up to the payload limit.
    pub fn best_of(
        mut self,
        candidates: u32,
        score: impl Fn(&Candidate<'_>) -> f64 + Send + Sync + 'static,
    ) -> Self {
        self.options.candidates = candidates;
        self.options.score = Some(Arc::new(score));
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

    /// How many processes may die of one activation before it is a dead letter with the reason
    /// `crash-loop`, at least 1; 5 unless it is set. What ran when a process died is suspect: of suspects one
    /// at a time runs in a session, beside other work, and the deaths in its own turn are counted.
    pub const fn crash_loop(mut self, deaths: u32) -> Self {
        self.options.crash_loop = deaths;
        self
    }

    /// How many attempts of the agent may run at once, at least 1; 16 unless it is set.
    pub const fn concurrency(mut self, attempts: u32) -> Self {
        self.options.concurrency = attempts;
        self
    }

    /// Holds attempts back while too many fail; see [`Breaker`]. What waits stays on the agenda and
    /// uses up no attempts. Without it, nothing is held back.
    pub fn breaker(mut self, breaker: Breaker) -> Self {
        self.options.limits.breaker = Some(breaker);
        self
    }

    /// How often attempts of the agent may begin; see [`RateLimit`]. Without it, as often as there
    /// is work.
    pub const fn rate_limit(mut self, rate: RateLimit) -> Self {
        self.options.limits.rate = Some(rate);
        self
    }

    /// Names something that attempts of the agent depend on, and another one each time. It is
    /// declared with [`Board::dependency`]; what holds it back holds the agent back too.
    pub fn depends_on(mut self, dependency: impl Into<SmolStr>) -> Self {
        self.options.dependencies.push(dependency.into());
        self
    }

    /// Lets the agent see artifacts that ask for this label, and for every other one that is named.
    pub fn label(mut self, label: impl Into<SmolStr>) -> Self {
        self.options.labels.push(label.into());
        self
    }

    /// Lets the agent see artifacts of this tenant, and of every other one that is named. An attempt on an
    /// artifact of one tenant sees nothing of the others.
    pub fn tenant(mut self, tenant: impl Into<SmolStr>) -> Self {
        self.options.tenants.push(tenant.into());
        self
    }

    /// Lets the agent see artifacts of every tenant: what works for all of them. An attempt on an artifact
    /// of one tenant sees nothing of the others.
    pub const fn all_tenants(mut self) -> Self {
        self.options.all_tenants = true;
        self
    }

    /// Where the agent's dead letters are listed; under its name unless it is set.
    pub fn dead_letter_queue(mut self, queue: impl Into<SmolStr>) -> Self {
        self.options.queue = Some(queue.into());
        self
    }

    /// How long a dead letter is kept that nobody redrives or drops, at least an hour; 90 days unless it
    /// is set. The board drops it within the hour after, while a program runs it. It keeps what a person
    /// has to decide on: what is [in doubt](crate::event::DeadReason::InDoubt), and what stops its key
    /// because the agent is [ordered strictly](Self::ordered_strictly).
    pub const fn dead_letters_kept(mut self, time: Duration) -> Self {
        self.options.dead_letters.time = time;
        self
    }

    /// Whether what went wrong is kept: the errors and the log lines of attempts that failed; they are
    /// unless it is set. Without them a dead letter, a notice of it and an alert say reason, kind and
    /// fingerprint. For agents whose errors repeat what nobody else should read.
    pub const fn dead_letter_trace(mut self, kept: bool) -> Self {
        self.options.dead_letters.trace = kept;
        self
    }

    /// Has somebody told over HTTP of the agent's dead letters; see [`Webhook`](crate::Webhook). Without
    /// it, whom the board says ([`BoardBuilder::alert_webhook`](crate::BoardBuilder::alert_webhook)),
    /// or nobody.
    #[cfg(feature = "webhooks")]
    pub fn alert_webhook(mut self, webhook: crate::Webhook) -> Self {
        self.options.webhook = Some(webhook);
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
        let functions = options.functions();
        let (outputs, score) = (options.rules.clone(), options.score.take());
        let mut types = options.outputs.clone();
        types.push(descriptor::<T>());
        types.extend(options.without.iter().cloned());
        #[cfg(feature = "webhooks")]
        board.alert(&name, options.webhook.clone());
        let dependencies = options.dependencies.clone();
        let agent = define(&name, T::NAME, options).map(|definition| Agent {
            definition: Arc::new(definition),
            handler: erased,
            functions: vec![functions],
            outputs,
            score,
        });
        board.declare(&name, &dependencies, agent, types);
    }
}
