//! Commands: requests to change a board. Each carries what the decision needs and the core may not
//! get by itself: its id, its seed, verdicts of matching, answers of look-ups.

use std::sync::Arc;

pub use crate::board::{EndAlert, Pay};
use crate::content::{Content, Value};
use crate::envelope::{Actor, Clause, Draft};
use crate::event::{Metered, Pausable};
use crate::fingerprint::Fingerprint;
use crate::ids::{
    ActivationId, AgentNo, ArtifactId, AttemptId, CatalogueNo, CommandId, CorrelationId, DebtId,
    Epoch, Incarnation, ProcessId, Seq, SessionId, SubscriptionNo,
};
use crate::log::{ClosedActivation, LookedUp};
use crate::names::{
    AgentName, BoardName, DependencyName, IdempotencyKey, ProgramName, StepName, TypeName,
};
use crate::policy::ErrorKind;
use crate::step::{IntendStep, Settle, StepClass, StepRejection};
use crate::trace::TraceContext;

pub use crate::answer::{Answer, Receipt};
pub use crate::registration::{Registration, TypeRefusal, TypeRegistration, Upcast};

/// A request to change a board.
#[derive(Clone, Debug)]
pub struct Command {
    /// What its events carry, so that its answer can be found again.
    pub id: CommandId,
    /// Who asks.
    pub actor: Actor,
    /// The tree of work it belongs to, where there is one.
    pub correlation: Option<CorrelationId>,
    /// Where it belongs in a distributed trace.
    pub trace: Option<TraceContext>,
    /// Random bits that the seeds of the attempts it starts are derived from.
    pub seed: u64,
    /// What is asked.
    pub request: Request,
}

/// What is asked of a board.
#[derive(Clone, Debug)]
pub enum Request {
    /// Begin an ownership; the first one creates the board.
    TakeOver(TakeOver),
    /// Make these the types and agents of the board.
    Register(Registration),
    /// An executor is there.
    OpenSession(OpenSession),
    /// An executor leaves; what it still runs is given back.
    EndSession(SessionId),
    /// Put artifacts on the board: all or none.
    Publish(Publish),
    /// An attempt ended.
    Finish(Finish),
    /// A step of an attempt has a result.
    RecordStep(RecordStep),
    /// Time has passed: end what is overdue, start what is due.
    Elapse,
    /// Try dead letters again.
    Redrive(Vec<DeadLetterRef>),
    /// Give dead letters up.
    DropDead(Vec<DeadLetterRef>),
    /// Cancel what is open of a tree of work.
    CancelCorrelation(CorrelationId),
    /// Cancel these open activations.
    CancelActivations(Vec<ActivationId>),
    /// Lease nothing more of it.
    Pause(Pausable),
    /// Lease it again.
    Resume(Pausable),
    /// Open a circuit breaker until it is closed by hand.
    OpenBreaker(Metered),
    /// Close a circuit breaker.
    CloseBreaker(Metered),
    /// Give what the board owes itself.
    Pay(Pay),
    /// An alert of dead letters is not sent any more.
    EndAlert(EndAlert),
    /// An irreversible step of an attempt is about to be done.
    IntendStep(IntendStep),
    /// An irreversible step of an attempt was not done after all.
    WithdrawStep(IntendStep),
    /// Say whether the irreversible steps were done that a dead letter is in doubt about, and try it
    /// again.
    Settle(Box<Settle>),
}

impl Request {
    /// The artifacts that it brings, if it brings any.
    #[must_use]
    pub fn artifacts(&self) -> &[NewArtifact] {
        self.publish().map_or(&[], |publish| &publish.artifacts)
    }

    /// What it publishes, if it publishes anything.
    #[must_use]
    pub const fn publish(&self) -> Option<&Publish> {
        match self {
            Self::Publish(publish) => Some(publish),
            Self::Finish(finish) => match &finish.outcome {
                AttemptOutcome::Done(publish) => Some(publish),
                AttemptOutcome::Failed(_) | AttemptOutcome::Released => None,
            },
            Self::Pay(pay) => Some(&pay.publish),
            Self::TakeOver(_)
            | Self::Register(_)
            | Self::OpenSession(_)
            | Self::EndSession(_)
            | Self::RecordStep(_)
            | Self::Elapse
            | Self::Redrive(_)
            | Self::DropDead(_)
            | Self::CancelCorrelation(_)
            | Self::CancelActivations(_)
            | Self::Pause(_)
            | Self::Resume(_)
            | Self::OpenBreaker(_)
            | Self::CloseBreaker(_)
            | Self::EndAlert(_)
            | Self::IntendStep(_)
            | Self::WithdrawStep(_)
            | Self::Settle(_) => None,
        }
    }
}

/// The beginning of an ownership.
#[derive(Clone, Debug)]
pub struct TakeOver {
    /// The fencing number that the log gave.
    pub epoch: Epoch,
    /// The process that owns the board now.
    pub process: ProcessId,
    /// What it calls itself.
    pub program: ProgramName,
    /// What the board is called; used when it is created.
    pub board: BoardName,
    /// The identity of the log; used when the board is created.
    pub incarnation: Incarnation,
    /// Made in development mode; used when the board is created.
    pub dev: bool,
}

/// The presence of an executor.
#[derive(Clone, Debug)]
pub struct OpenSession {
    /// Its identity.
    pub session: SessionId,
    /// The process that it lives in.
    pub process: ProcessId,
    /// How many attempts it runs at once.
    pub slots: u32,
}

/// Artifacts to put on the board.
#[derive(Clone, Debug)]
pub struct Publish {
    /// The artifacts, matched and hashed.
    pub artifacts: Vec<NewArtifact>,
    /// The catalogue that they were matched against.
    pub catalogue: CatalogueNo,
    /// What was found of their ids and keys.
    pub looked_up: LookedUp,
    /// What is to be told of predicates that failed: one text at most for each subscription and
    /// clause.
    pub failures: Vec<PredicateFailure>,
}

/// What is to be told of a predicate that could not say yes or no. Whether it is recorded is decided
/// with the command.
#[derive(Clone, Debug)]
pub struct PredicateFailure {
    /// Whose predicate.
    pub subscription: SubscriptionNo,
    /// The clause that is recorded with the artifact.
    pub clause: Clause,
    /// What went wrong.
    pub text: Content,
}

/// An artifact to put on the board.
#[derive(Clone, Debug)]
pub struct NewArtifact {
    /// Envelope and verdicts.
    pub draft: Arc<Draft>,
    /// The payload, canonical JSON.
    pub payload: Content,
    /// The value that the payload was made from, for handlers in the same process.
    pub value: Option<Value>,
    /// Whether the id was made by the caller, who may use it again.
    pub client_id: bool,
}

impl NewArtifact {
    /// How many bytes it takes, envelope and payload, roughly.
    #[must_use]
    pub fn byte_len(&self) -> usize {
        self.draft.envelope.byte_len() + self.payload.bytes().len()
    }
}

/// The end of an attempt, as its executor reports it.
#[derive(Clone, Debug)]
pub struct Finish {
    /// Which attempt.
    pub attempt: AttemptId,
    /// How it ended.
    pub outcome: AttemptOutcome,
    /// Error chain and log lines, where there are any.
    pub report: Option<Content>,
    /// What the failure is grouped by, where it is one.
    pub fingerprint: Option<Fingerprint>,
}

/// How an attempt ended, as its executor reports it.
#[derive(Clone, Debug)]
pub enum AttemptOutcome {
    /// The handler returned these.
    Done(Publish),
    /// The handler failed.
    Failed(ErrorKind),
    /// The executor gives it back.
    Released,
}

/// The result of a step.
#[derive(Clone, Debug)]
pub struct RecordStep {
    /// The attempt whose step it is.
    pub attempt: AttemptId,
    /// The name of the step.
    pub step: StepName,
    /// Its result.
    pub result: Content,
    /// What kind of step it is.
    pub class: StepClass,
}

/// A dead letter as it was looked up.
#[derive(Clone, Debug)]
pub struct DeadLetterRef {
    /// What the store has of it.
    pub closed: ClosedActivation,
    /// The seq that this is complete to.
    pub as_of: Seq,
    /// Whether it may be tried again although younger ones of its ordering key may have run since.
    pub out_of_order: bool,
}

/// Why a board refuses a command. Nothing was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rejection {
    /// The artifacts were matched against an older catalogue: match them again.
    #[error("the artifacts were matched against catalogue {used}, the board is at {current}")]
    StaleCatalogue {
        /// What they were matched against.
        used: CatalogueNo,
        /// What is current.
        current: CatalogueNo,
    },
    /// The look-up is older than what the board still remembers: look again.
    #[error("the look-up is complete to seq {as_of}, the board needs {horizon} or later")]
    StaleLookUp {
        /// What it is complete to.
        as_of: Seq,
        /// What is needed.
        horizon: Seq,
    },
    /// The idempotency key stands for another payload.
    #[error(
        "the idempotency key `{key}` was used for another payload, by artifact {existing}; \
             use a new key for a new payload"
    )]
    KeyReused {
        /// The key.
        key: IdempotencyKey,
        /// The artifact that has it.
        existing: ArtifactId,
    },
    /// The id stands for another payload.
    #[error("the artifact id {id} was used for another payload; make a new id")]
    IdReused {
        /// The id.
        id: ArtifactId,
    },
    /// There is no room on the agenda: try later.
    #[error(
        "the agenda of {what} is full: {open} activations are open, {wanted} more are wanted, \
             the limit is {limit}"
    )]
    AgendaFull {
        /// The board, or which agent.
        what: String,
        /// How many are open.
        open: u64,
        /// How many more the command would have opened.
        wanted: u64,
        /// How many may be.
        limit: u64,
    },
    /// A number exceeds its limit.
    #[error("{what} is {value}, the limit is {limit}")]
    Limit {
        /// What is too large.
        what: &'static str,
        /// How large it is.
        value: u64,
        /// How large it may be.
        limit: u64,
    },
    /// The attempt is over: what it returned is refused.
    #[error("attempt {attempt} is over; what it returned is refused")]
    Superseded {
        /// The attempt that reported.
        attempt: AttemptId,
    },
    /// The activation is not a dead letter.
    #[error("activation {activation} is not a dead letter: {state}")]
    NotDead {
        /// Which one.
        activation: ActivationId,
        /// What it is instead.
        state: &'static str,
    },
    /// Younger activations of the same key may have run since the activation died.
    #[error(
        "activation {activation} has an ordering key of which younger ones may have run since; \
             redrive it out of order if that does no harm"
    )]
    OutOfOrder {
        /// Which one. Its key is a part of a payload, which not everybody may see who is refused.
        activation: ActivationId,
    },
    /// The activation is not open.
    #[error("activation {activation} is not open")]
    NotOpen {
        /// Which one.
        activation: ActivationId,
    },
    /// Nothing of the tree of work is open.
    #[error("nothing of correlation {correlation} is open")]
    NothingOpen {
        /// Which one.
        correlation: CorrelationId,
    },
    /// A type of the program does not go with what the board has of it.
    #[error(transparent)]
    Type(TypeRefusal),
    /// A subscription or an output names a type that is not registered.
    #[error("agent `{agent}` names the type `{type_name}`, which is not registered")]
    UnknownType {
        /// The agent.
        agent: String,
        /// The type.
        type_name: TypeName,
    },
    /// An agent depends on something that is not registered.
    #[error("agent `{agent}` depends on `{dependency}`, which is not declared")]
    UnknownDependency {
        /// The agent.
        agent: String,
        /// What it depends on.
        dependency: DependencyName,
    },
    /// An agent is a member of a group that is not registered.
    #[error("agent `{agent}` is a member of group `{group}`, which is not declared")]
    UnknownGroup {
        /// The agent.
        agent: String,
        /// The group.
        group: AgentName,
    },
    /// The name of an agent became that of a group, or the other way round.
    #[error("`{name}` was {was} on this board and is {is} now; give it another name")]
    KindChanged {
        /// The name.
        name: AgentName,
        /// What it was.
        was: &'static str,
        /// What it is.
        is: &'static str,
    },
    /// An attempt would take more slots than there can be.
    #[error(
        "agent `{agent}` asks for the best of {candidates}, which take a slot each, and {what} \
             allows {limit}"
    )]
    TooManyCandidates {
        /// The agent.
        agent: String,
        /// How many candidates an attempt of it would have.
        candidates: u32,
        /// What does not allow so many.
        what: &'static str,
        /// How many it allows.
        limit: u32,
    },
    /// There is no such agent.
    #[error("there is no agent {agent}")]
    UnknownAgent {
        /// Its number.
        agent: AgentNo,
    },
    /// It has no circuit breaker.
    #[error("{of} has no circuit breaker")]
    NoBreaker {
        /// The agent or the dependency.
        of: String,
    },
    /// The same session is open already.
    #[error("session {session} is open already")]
    SessionOpen {
        /// Which one.
        session: SessionId,
    },
    /// The session is not open.
    #[error("session {session} is not open")]
    UnknownSession {
        /// Which one.
        session: SessionId,
    },
    /// The same step of the same activation has a result already, from another attempt or call.
    #[error("step `{step}` of attempt {attempt} has a result already")]
    StepRecorded {
        /// The attempt that reported.
        attempt: AttemptId,
        /// The step.
        step: StepName,
    },
    /// The board does not owe this, or no longer.
    #[error("the board owes nothing for event {debt}, or no longer")]
    NotOwed {
        /// What was to be paid.
        debt: DebtId,
    },
    /// The step cannot be done, completed or settled like this.
    #[error(transparent)]
    Step(StepRejection),
}

impl Rejection {
    /// A stable name for this kind of rejection.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::StaleCatalogue { .. } => "stale-catalogue",
            Self::StaleLookUp { .. } => "stale-look-up",
            Self::KeyReused { .. } => "key-reused",
            Self::IdReused { .. } => "id-reused",
            Self::AgendaFull { .. } => "busy",
            Self::Limit { .. } => "limit",
            Self::Superseded { .. } => "superseded",
            Self::NotDead { .. } => "not-dead",
            Self::OutOfOrder { .. } => "out-of-order",
            Self::NotOpen { .. } => "not-open",
            Self::NothingOpen { .. } => "nothing-open",
            Self::Type(refusal) => refusal.code(),
            Self::UnknownType { .. } => "unknown-type",
            Self::UnknownDependency { .. } => "unknown-dependency",
            Self::UnknownGroup { .. } => "unknown-group",
            Self::KindChanged { .. } => "kind-changed",
            Self::TooManyCandidates { .. } => "too-many-candidates",
            Self::UnknownAgent { .. } => "unknown-agent",
            Self::NoBreaker { .. } => "no-breaker",
            Self::SessionOpen { .. } => "session-open",
            Self::UnknownSession { .. } => "unknown-session",
            Self::StepRecorded { .. } => "step-recorded",
            Self::NotOwed { .. } => "not-owed",
            Self::Step(rejection) => rejection.code(),
        }
    }

    /// Whether the same command may be accepted later, or after its verdicts and look-ups were
    /// made anew.
    #[must_use]
    pub const fn retryable(&self) -> bool {
        matches!(
            self,
            Self::StaleCatalogue { .. } | Self::StaleLookUp { .. } | Self::AgendaFull { .. }
        )
    }
}
