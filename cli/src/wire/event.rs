//! Events, as JSON: everything that is recorded, with names beside numbers.

use serde::Serialize;
use serde_json::value::RawValue;

use super::activation::Subscription;
use super::artifact::Trace;
use super::output::OutputRule;
use super::turn::{BreakerOptions, Metered, RateLimit};

/// A line of `event tail`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Event {
    /// Its position in the log.
    pub(crate) seq: u64,
    /// When it was recorded, by the board's wall clock.
    pub(crate) at: String,
    /// Who asked for it.
    pub(crate) actor: Actor,
    /// The command that led to it.
    pub(crate) command: String,
    /// The tree of work that it is about, where it is about one.
    pub(crate) correlation: Option<String>,
    /// Where the command belongs in a distributed trace.
    pub(crate) trace: Option<Trace>,
    /// `kind` names what happened; the other fields depend on it.
    #[serde(flatten)]
    #[cfg_attr(test, schemars(skip))]
    pub(crate) happened: Happened,
}

/// Who asked for something.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) enum Actor {
    /// An agent's attempt.
    Attempt {
        /// The attempt, such as `43/1`.
        attempt: String,
        /// The agent.
        agent: Option<String>,
    },
    /// A program, through its handle.
    Program {
        /// What it calls itself.
        name: String,
    },
    /// A person.
    Operator {
        /// Who it was.
        name: String,
        /// Why.
        reason: String,
    },
    /// The board itself: its timers, its recovery.
    Board,
}

/// What happened.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) enum Happened {
    /// The first event of every log.
    BoardCreated {
        /// What the board is called.
        name: String,
        /// The identity of its log.
        incarnation: String,
        /// What the log may contain.
        level: u16,
        /// Made in development mode.
        dev: bool,
    },
    /// A process took the board over.
    OwnerChanged {
        /// The number of this ownership.
        epoch: u64,
        /// The life of the process.
        process: String,
        /// What the process calls itself.
        program: String,
    },
    /// The wall clock and the monotonic clock disagreed by more than a minute.
    ClockJumped {
        /// By how many milliseconds the wall clock went ahead or, below zero, back.
        by_ms: i64,
    },
    /// An artifact type may be used from here on.
    TypeRegistered {
        /// The board's number of the type.
        type_no: u32,
        /// Its name.
        name: String,
        /// The version of the schema.
        version: u32,
        /// The schema.
        #[cfg_attr(test, schemars(with = "Option<serde_json::Value>"))]
        schema: Option<Box<RawValue>>,
    },
    /// An agent holds this definition from here on.
    AgentDefined {
        /// The board's number of the agent.
        agent_no: u32,
        /// Its name.
        agent: String,
        /// The numbers of its subscriptions, in the order of the definition.
        subscription_nos: Vec<u32>,
        /// What it subscribes to and how it is run.
        definition: AgentDefinition,
    },
    /// An agent is named by no program any more; its waiting work waits.
    AgentRetired {
        /// The board's number of the agent.
        agent_no: u32,
        /// Its name.
        agent: String,
    },
    /// An executor is there.
    SessionOpened {
        /// The session.
        session: String,
        /// The life of the process that it is in.
        process: String,
        /// How many attempts it runs at once.
        slots: u32,
    },
    /// An executor is gone.
    SessionEnded {
        /// The session.
        session: String,
        /// `closed` or `lost`.
        reason: &'static str,
    },
    /// An artifact is on the board.
    ArtifactCommitted {
        /// Its id.
        artifact: String,
        /// The name of its type.
        #[serde(rename = "type")]
        type_name: String,
        /// Who made it.
        producer: String,
        /// The attempt that returned it.
        attempt: Option<String>,
        /// The artifacts that it was made from, by seq.
        causes: Vec<u64>,
        /// How many artifacts lie between it and a publish from outside.
        depth: u16,
        /// Its tags.
        tags: Vec<String>,
        /// What makes a second publish of it the same publish.
        idempotency_key: Option<String>,
        /// What it is worked on in order by.
        ordering_key: Option<String>,
        /// How many bytes the payload has.
        payload_len: u32,
        /// The hash of the payload behind its salt.
        payload_hash: String,
        /// The agents that it wakes.
        wakes: Vec<String>,
        /// The agents with a subscription to its type that it does not wake, each with the first
        /// clause that said no.
        declined: Vec<(String, &'static str)>,
        /// How many more declined than are listed.
        declined_more: u32,
    },
    /// An artifact met a subscription: a unit of work. Its id is this event's seq.
    ActivationCreated {
        /// Whose work it is.
        agent: String,
        /// The number of the subscription that was met.
        subscription: u32,
        /// The artifacts to work on, by seq.
        input_seqs: Vec<u64>,
        /// What it is ordered or counted by.
        key: Option<String>,
        /// Before when it is not worked on, in milliseconds of the board's own clock.
        not_before_ms: Option<u64>,
        /// The members of the group of whom any may run it.
        members: Vec<String>,
    },
    /// An attempt begins.
    AttemptStarted {
        /// The activation.
        activation: u64,
        /// The number of the attempt.
        attempt: u32,
        /// The agent.
        agent: Option<String>,
        /// The executor.
        session: String,
        /// What its random numbers are derived from, as text: it has 64 bits.
        seed: String,
        /// When it is over at the latest, in milliseconds of the board's own clock.
        deadline_ms: u64,
        /// How many slots it takes: one for each of its candidates.
        slots: u32,
        /// The member that runs it, where the activation is a group's.
        member: Option<String>,
    },
    /// An attempt ended.
    AttemptEnded {
        /// The activation.
        activation: u64,
        /// The number of the attempt.
        attempt: u32,
        /// The agent.
        agent: Option<String>,
        /// How it ended: `done`, `failed`, `lost`, `released`, `cancelled` or `board-full`.
        end: &'static str,
        /// The kind of the error.
        error_kind: Option<&'static str>,
        /// What becomes of the activation: `closed`, `retry`, `when-room` or `dead`.
        next: &'static str,
        /// The earliest start of the next attempt, in milliseconds of the board's own clock.
        not_before_ms: Option<u64>,
        /// Whether it used up one of the retries.
        counted: Option<bool>,
        /// Why the activation dies.
        reason: Option<&'static str>,
        /// The hash of its report, behind its salt.
        report: Option<String>,
        /// What the failure is grouped by, where the activation dies of it.
        fingerprint: Option<String>,
    },
    /// A step's result is recorded.
    StepRecorded {
        /// The activation.
        activation: u64,
        /// The number of the attempt.
        attempt: u32,
        /// The agent.
        agent: Option<String>,
        /// The name of the step.
        step: String,
        /// The hash of the result, behind its salt.
        result: String,
    },
    /// A waiting activation is over without a further attempt.
    ActivationClosed {
        /// The activation.
        activation: u64,
        /// The agent.
        agent: Option<String>,
        /// `cancelled`, `dead` or `expired`.
        why: &'static str,
        /// Why it died.
        reason: Option<&'static str>,
    },
    /// A dead letter is tried again.
    ActivationRedriven {
        /// The activation.
        activation: u64,
        /// The agent.
        agent: String,
        /// The number of the subscription that was met.
        subscription: u32,
        /// The artifacts to work on, by seq.
        input_seqs: Vec<u64>,
        /// What it is ordered or counted by.
        key: Option<String>,
        /// Whether younger ones of its ordering key may have run since.
        out_of_order: bool,
        /// How many attempts it has had.
        attempts: u32,
    },
    /// A dead letter was given up.
    DeadLetterDropped {
        /// The activation.
        activation: u64,
        /// The agent.
        agent: Option<String>,
    },
    /// A tree of work was cancelled.
    CorrelationCancelled {},
    /// A dependency holds this definition from here on.
    DependencyDefined {
        /// The board's number of the dependency.
        dependency_no: u32,
        /// Its name.
        dependency: String,
        /// How its circuit breaker is set.
        breaker: Option<BreakerOptions>,
        /// How often attempts may begin that depend on it.
        rate_limit: Option<RateLimit>,
    },
    /// A circuit breaker lets no attempt through from here on.
    BreakerOpened {
        /// Whose breaker.
        of: Metered,
        /// `in-a-row`, `rate`, `probe` or `operator`.
        why: &'static str,
        /// Until when, in milliseconds of the board's own clock; null until it is closed by hand.
        until_ms: Option<u64>,
        /// Failures that it had counted.
        failures: u32,
        /// Of how many attempts.
        calls: u32,
    },
    /// A circuit breaker lets a few attempts through, to see how they end, because its time is over.
    BreakerHalfOpened {
        /// Whose breaker.
        of: Metered,
        /// How often it opened since it was last closed.
        openings: u32,
    },
    /// A circuit breaker lets all attempts through again.
    BreakerClosed {
        /// Whose breaker.
        of: Metered,
        /// `probes` or `operator`.
        why: &'static str,
        /// Failures that it had counted.
        failures: u32,
        /// Of how many attempts.
        calls: u32,
    },
    /// Nothing of it is leased from here on.
    Paused {
        /// What is paused: `the board`, an agent, or a tree of work.
        what: String,
    },
    /// It is leased again.
    Resumed {
        /// What is no longer paused.
        what: String,
    },
    /// The board owes no longer what an event made due: it is on the board.
    DebtPaid {
        /// The seq of that event.
        debt: u64,
    },
    /// An alert of dead letters is not sent any more.
    AlertEnded {
        /// The agent.
        agent: String,
        /// The seq of the death that made it due.
        alert: u64,
        /// How many dead letters it is about.
        deaths: u64,
        /// How often it was sent.
        tries: u32,
        /// `delivered` or `given-up`.
        end: &'static str,
    },
    /// A person let the board go on although its log had lost its end.
    Adopted {
        /// The identity of the log from here on.
        incarnation: String,
        /// How many seqs the event takes, its own included: those that the lost end may have had.
        span: u64,
    },
    /// The predicate of a subscription could not say yes or no; told at most once a minute for each
    /// clause.
    PredicateFailed {
        /// Whose predicate.
        agent: String,
        /// The board's number of the subscription.
        subscription: u32,
        /// `filter-error`, `filter-panic` or `filter-bound`.
        clause: &'static str,
        /// For how many artifacts since it was told before.
        count: u64,
        /// What went wrong the last time; null when it was not told, or erased.
        text: Option<String>,
    },
    /// An irreversible step is about to be done.
    StepIntended {
        /// The activation.
        activation: u64,
        /// The number of the attempt.
        attempt: u32,
        /// The agent.
        agent: Option<String>,
        /// The name of the step.
        step: String,
    },
    /// An irreversible step was not done after all.
    StepWithdrawn {
        /// The activation.
        activation: u64,
        /// The number of the attempt.
        attempt: u32,
        /// The agent.
        agent: Option<String>,
        /// The name of the step.
        step: String,
    },
    /// A person said of an irreversible step whether it was done.
    StepSettled {
        /// The activation that was in doubt about it.
        activation: u64,
        /// The agent.
        agent: Option<String>,
        /// The name of the step.
        step: String,
        /// Whether it was done.
        happened: bool,
        /// The hash of its result, behind its salt.
        result: Option<String>,
    },
    /// What an attempt returned would exceed a limit, so that its activation dies.
    LimitReached {
        /// The activation.
        activation: u64,
        /// The number of the attempt.
        attempt: u32,
        /// The agent.
        agent: Option<String>,
        /// `depth`, `correlation` or `agenda`.
        limit: &'static str,
        /// What it would have come to.
        value: u64,
        /// What is allowed.
        bound: u64,
    },
}

/// What an agent subscribes to and how it is run.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct AgentDefinition {
    /// `agent`, or `group` where it stands for its members.
    pub(crate) kind: &'static str,
    /// What wakes it.
    pub(crate) subscriptions: Vec<Subscription>,
    /// What it may return.
    pub(crate) outputs: Vec<String>,
    /// How many attempts an activation has at most.
    pub(crate) attempts_max: u32,
    /// How long an attempt may take.
    pub(crate) attempt_timeout_ms: u64,
    /// How long an activation may take in all.
    pub(crate) total_timeout_ms: Option<u64>,
    /// How many attempts of it may run at once.
    pub(crate) concurrency: u32,
    /// How many of those may be of one key.
    pub(crate) key_concurrency: Option<u32>,
    /// Where its dead letters are listed.
    pub(crate) queue: String,
    /// How long one is kept that nobody redrives or drops.
    pub(crate) dead_letters_kept_ms: u64,
    /// Whether the errors and the log lines of attempts that failed are kept.
    pub(crate) dead_letter_trace: bool,
    /// How its circuit breaker is set.
    pub(crate) breaker: Option<BreakerOptions>,
    /// How often its attempts may begin.
    pub(crate) rate_limit: Option<RateLimit>,
    /// What its attempts depend on.
    pub(crate) dependencies: Vec<String>,
    /// What is said about its outputs.
    pub(crate) output_rules: Vec<OutputRule>,
    /// How many candidates each attempt has, of which one is published.
    pub(crate) candidates: u32,
    /// The labels that it has.
    pub(crate) labels: Vec<String>,
    /// The tenants whose artifacts it may see; null for all.
    pub(crate) tenants: Option<Vec<String>>,
    /// How many processes may die of an activation before it is a dead letter.
    pub(crate) crash_loop: u32,
    /// For how long its deaths of one kind are gathered into an alert; null when nobody is alerted.
    pub(crate) alert_after_ms: Option<u64>,
}
