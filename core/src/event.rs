//! Events: what a board records. Each is a fact; folding them gives the state.
//!
//! The order of the variants is part of the stored format. A released variant never changes and
//! never moves: new behaviour is a new variant at the end, and a higher [`LEVEL`].

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use crate::ending::{AttemptEnd, Closure, DeadReason, Next, Room, SessionEnd};

use crate::definition::{AgentDefinition, DependencyDefinition};
use crate::envelope::{Clause, Draft, Inputs, Members};
use crate::fingerprint::Fingerprint;
use crate::hash::Hash;
use crate::ids::{
    ActivationId, AgentNo, AttemptId, CorrelationId, DebtId, DependencyNo, Epoch, Incarnation,
    Level, ProcessId, Seq, SessionId, SubscriptionNo, TypeNo,
};
use crate::names::{BoardName, OrderingKey, ProgramName, StepName, TypeName};
use crate::step::Step;
use crate::time::Elapsed;

/// The level that this release writes. It reads this one and the next.
pub const LEVEL: Level = Level(1);

/// One fact in a board's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// The first event of every log.
    BoardCreated {
        /// What the board is called.
        name: BoardName,
        /// The identity of this log.
        incarnation: Incarnation,
        /// What the log may contain.
        level: Level,
        /// Created in development mode: a changed schema may move the whole file aside.
        dev: bool,
    },
    /// A process took the board over.
    OwnerChanged {
        /// The fencing number of this ownership.
        epoch: Epoch,
        /// The owner.
        process: ProcessId,
        /// What the owner calls itself.
        program: ProgramName,
    },
    /// The wall clock and the monotonic clock disagreed by more than a minute.
    ClockJumped {
        /// By how many milliseconds the wall clock went ahead (or, below zero, back).
        by_ms: i64,
    },
    /// An artifact type may be used from here on.
    TypeRegistered {
        /// The number that envelopes carry.
        type_no: TypeNo,
        /// The name of the type.
        name: TypeName,
        /// The version of the schema.
        version: u32,
        /// The schema in normal form, as canonical JSON.
        schema: Arc<str>,
    },
    /// An agent holds this definition from here on.
    AgentDefined {
        /// The number of the agent.
        agent: AgentNo,
        /// What it subscribes to and how it is run.
        definition: Arc<AgentDefinition>,
        /// The number of each subscription, in the order of the definition.
        subscriptions: Vec<SubscriptionNo>,
    },
    /// An agent is named by no program any more; its waiting work waits.
    AgentRetired {
        /// The number of the agent.
        agent: AgentNo,
    },
    /// An executor is there.
    SessionOpened {
        /// The session.
        session: SessionId,
        /// The process that it lives in.
        process: ProcessId,
        /// How many attempts it runs at once.
        slots: u32,
    },
    /// An executor is gone; what it ran has ended in the same batch.
    SessionEnded {
        /// The session.
        session: SessionId,
        /// Why.
        reason: SessionEnd,
    },
    /// An artifact is on the board.
    ArtifactCommitted(Arc<Draft>),
    /// A placement became a unit of work. Its id is the seq of this event.
    ActivationCreated {
        /// The subscription that was met.
        subscription: SubscriptionNo,
        /// The artifacts to work on.
        inputs: Inputs,
        /// The tree of work it belongs to.
        correlation: CorrelationId,
        /// What it is ordered or counted by.
        key: Option<OrderingKey>,
        /// Before when it is not worked on.
        not_before: Option<Elapsed>,
        /// The members of the group whose subscription it is, of whom any may run it.
        members: Members,
    },
    /// A permit took an activation: an attempt begins.
    AttemptStarted {
        /// Which attempt.
        attempt: AttemptId,
        /// The executor that offered the permit.
        session: SessionId,
        /// What the attempt's random numbers, new ids and retry jitter are derived from.
        seed: u64,
        /// When the attempt is over at the latest.
        deadline: Elapsed,
        /// How many slots it takes: one for each of its candidates.
        slots: u32,
        /// The member that runs it, where it is a group's.
        member: Option<AgentNo>,
    },
    /// An attempt ended. Every attempt has exactly one of these.
    AttemptEnded {
        /// Which attempt.
        attempt: AttemptId,
        /// How it ended.
        end: AttemptEnd,
        /// What becomes of the activation.
        next: Next,
        /// The hash of the attempt's report (error chain and log lines), which lies beside the log
        /// under this event's seq; none where there is nothing to report.
        report: Option<Hash>,
        /// What the failure is grouped by, where the activation died of it and its executor said.
        fingerprint: Option<Fingerprint>,
    },
    /// A step's result is recorded. It lies beside the log under this event's seq.
    StepRecorded {
        /// The attempt whose step it is.
        attempt: AttemptId,
        /// The name of the step.
        step: StepName,
        /// The hash of the result.
        result: Hash,
    },
    /// A waiting activation is over without a further attempt.
    ActivationClosed {
        /// Which one.
        activation: ActivationId,
        /// Why.
        why: Closure,
    },
    /// A dead letter is tried again: a new chain of attempts of the same activation.
    ActivationRedriven(Box<Redriven>),
    /// A dead letter will never be tried again.
    DeadLetterDropped {
        /// Which one.
        activation: ActivationId,
        /// Whose it was.
        subscription: SubscriptionNo,
        /// What it was ordered or counted by.
        key: Option<OrderingKey>,
    },
    /// A tree of work was cancelled; what was open of it has ended in the same batch.
    CorrelationCancelled {
        /// Which one.
        correlation: CorrelationId,
    },
    /// A dependency holds this definition from here on.
    DependencyDefined {
        /// The number of the dependency.
        dependency: DependencyNo,
        /// What holds attempts back that depend on it.
        definition: Arc<DependencyDefinition>,
    },
    /// A circuit breaker lets no attempt through from here on.
    BreakerOpened {
        /// Whose breaker.
        of: Metered,
        /// Why.
        why: Tripped,
        /// Until when; [`Elapsed::NEVER`] until an operator closes it.
        until: Elapsed,
        /// What it had counted.
        counts: Counts,
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
        /// Why.
        why: Mended,
        /// What it had counted.
        counts: Counts,
    },
    /// Nothing of it is leased from here on. What runs goes on.
    Paused {
        /// What is paused.
        what: Pausable,
    },
    /// It is leased again.
    Resumed {
        /// What is no longer paused.
        what: Pausable,
    },
    /// The board owes this no longer: what it owed is in the same batch.
    DebtPaid {
        /// What it owed.
        debt: DebtId,
    },
    /// The predicate of a subscription could not say yes or no, so that artifacts did not meet it.
    /// Recorded at most once a minute for each subscription and clause; the artifacts name the clause
    /// each time.
    PredicateFailed {
        /// Whose predicate.
        subscription: SubscriptionNo,
        /// The clause that the artifacts name.
        clause: Clause,
        /// For how many artifacts it failed in this way since the event before, this one's included.
        count: u64,
        /// The hash of what went wrong the last time, which lies beside the log under this event's
        /// seq; none where it was not told.
        text: Option<Hash>,
    },
    /// An irreversible step is about to be done.
    StepIntended {
        /// The attempt whose step it is.
        attempt: AttemptId,
        /// The name of the step.
        step: StepName,
    },
    /// An irreversible step was not done after all, says whoever was to do it.
    StepWithdrawn {
        /// The attempt whose step it is.
        attempt: AttemptId,
        /// The name of the step.
        step: StepName,
    },
    /// A person says of an irreversible step whether it was done. Its activation is redriven in the
    /// same batch.
    StepSettled {
        /// The activation that was in doubt about it.
        activation: ActivationId,
        /// The name of the step.
        step: StepName,
        /// The hash of the result, which lies beside the log under this event's seq; none when the
        /// step was not done.
        result: Option<Hash>,
    },
    /// What an attempt returned would exceed a limit: why the attempt, which ends in the same batch,
    /// makes a dead letter.
    LimitReached {
        /// Which attempt.
        attempt: AttemptId,
        /// The tree of work.
        correlation: CorrelationId,
        /// Which limit.
        limit: Reached,
        /// What it would have come to.
        value: u64,
        /// What is allowed.
        bound: u64,
    },
    /// An alert of dead letters is not sent any more.
    AlertEnded {
        /// Whose dead letters it is about.
        agent: AgentNo,
        /// Which alert.
        alert: DebtId,
        /// How many dead letters it is about.
        deaths: u64,
        /// How often it was sent by the process that sent it last.
        tries: u32,
        /// How it ended.
        end: AlertEnd,
    },
    /// A person let the board go on although its log had lost its end: from here on the log has another
    /// identity. The only event of its batch. It takes all seqs that the lost end may have had, so that
    /// none of them is there twice.
    Adopted {
        /// The identity of the log from here on.
        incarnation: Incarnation,
        /// How many seqs the event takes, its own included; at least one.
        span: u64,
    },
}

impl Event {
    /// How many seqs it takes: one, unless it stands for what was lost.
    #[must_use]
    pub const fn span(&self) -> u64 {
        match self {
            Self::Adopted { span, .. } => *span,
            _ => 1,
        }
    }
}

/// How an alert ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum AlertEnd {
    /// Its receiver has it.
    Delivered,
    /// It was sent as often as it may, and its receiver did not take it.
    GivenUp,
}

/// A limit that the outputs of an attempt may exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Reached {
    /// How many artifacts may lie between one and a publish from outside.
    Depth,
    /// How many artifacts a tree of work may get in an hour.
    CorrelationArtifacts,
    /// How many activations an agenda takes, even if it is empty.
    Agenda,
}

/// What has a breaker and a rate limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Metered {
    /// An agent.
    Agent(AgentNo),
    /// Something that agents depend on.
    Dependency(DependencyNo),
}

/// Why a circuit breaker opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Tripped {
    /// So many attempts failed with no success between them.
    InARow,
    /// So large a share of attempts failed.
    Rate,
    /// An attempt failed that was let through to see how it ends.
    Probe,
    /// An operator opened it.
    Operator,
}

/// Why a circuit breaker closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Mended {
    /// The attempts that it let through ended well.
    Probes,
    /// An operator closed it.
    Operator,
}

/// What a circuit breaker had counted when it turned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Attempts that ended.
    pub calls: u32,
    /// Those of them that failed in a way that counts.
    pub failures: u32,
}

/// What can be paused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Pausable {
    /// The whole board.
    Board,
    /// An agent.
    Agent(AgentNo),
    /// A tree of work.
    Correlation(CorrelationId),
}

/// A dead letter that is tried again: all that is needed to open it, so that folding needs no
/// look-up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redriven {
    /// Which activation.
    pub activation: ActivationId,
    /// The subscription that was met.
    pub subscription: SubscriptionNo,
    /// The artifacts to work on.
    pub inputs: Inputs,
    /// The tree of work it belongs to.
    pub correlation: CorrelationId,
    /// What it is ordered or counted by.
    pub key: Option<OrderingKey>,
    /// Whether younger ones of its key may have run since.
    pub out_of_order: bool,
    /// How many attempts it has had; numbers go on from there.
    pub attempts: u32,
    /// The seqs of the starts and ends of those attempts.
    pub trail: Vec<Seq>,
    /// Its recorded steps.
    pub steps: Vec<Step>,
    /// The members of the group whose subscription it is, of whom any may run it.
    pub members: Members,
    /// When it may begin at the earliest, where it died before it might.
    pub not_before: Option<Elapsed>,
}
