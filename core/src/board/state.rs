//! The state of a board: what is open, and what names mean.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::activation::Activation;
use super::alert::Alert;
use super::correlation::{Correlation, Hour};
use super::debt::Debt;
use super::failing::Failing;
use super::index::Index;
use super::meter::Meter;
use crate::definition::{AgentDefinition, DependencyDefinition, SubscriptionDefinition};
use crate::ids::{
    ActivationId, AgentNo, CatalogueNo, CorrelationId, DebtId, DependencyNo, Epoch, Incarnation,
    Level, ProcessId, Seq, SessionId, SubscriptionNo, TypeNo,
};
use crate::names::{AgentName, BoardName, DependencyName, OrderingKey, ProgramName, TypeName};
use crate::policy::Bounds;
use crate::time::{Elapsed, Now, Timestamp};

/// The live state of a board: the fold of its decisions.
///
/// Equal logs give equal states, byte for byte in [`encode`](Self::encode).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    pub(super) header: Header,
    pub(super) types: Vec<TypeRecord>,
    pub(super) agents: Vec<AgentRecord>,
    pub(super) subscriptions: Vec<SubscriptionRecord>,
    pub(super) dependencies: Vec<DependencyRecord>,
    pub(super) catalogue: CatalogueNo,
    pub(super) sessions: BTreeMap<SessionId, SessionRecord>,
    /// Each in memory of its own: inside of a tree, whose nodes are little more than half full when
    /// keys come in order, each would take half as much again.
    pub(super) activations: BTreeMap<ActivationId, Box<Activation>>,
    pub(super) correlations: BTreeMap<CorrelationId, Correlation>,
    pub(super) artifacts: u64,
    /// What trees of work that settled have had in their hour, where that was much.
    pub(super) settled_hours: BTreeMap<CorrelationId, Hour>,
    /// The dead letters of ordering keys. Those of strict keys are all kept, since each stops its key:
    /// what bounds them is that each waits for a person. The first of a key is kept for what it stops, and
    /// the others for what they stop once it is gone.
    pub(super) dead_keys: BTreeMap<SubscriptionNo, BTreeMap<OrderingKey, DeadKey>>,
    /// Whether nothing is leased at all.
    pub(super) paused: bool,
    /// Trees of work of which nothing is leased.
    pub(super) paused_correlations: BTreeSet<CorrelationId>,
    /// What the board owes itself.
    pub(super) debts: BTreeMap<DebtId, Debt>,
    /// Matches that wait until they are old enough, and when an artifact that they are to wake without
    /// may be seen by their agent, if that is before.
    pub(super) reveals: BTreeMap<ActivationId, Elapsed>,
    /// The alerts that are not yet sent.
    pub(super) alerts: BTreeMap<(AgentNo, DebtId), Alert>,
    #[serde(skip)]
    pub(super) index: Index,
}

/// Who the board is and how far its log goes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The board's name; none before the log's first event.
    pub board: Option<BoardName>,
    /// The identity that the log began with; none before its first event. What is derived from an identity is
    /// derived from this one, so that it stays what it is when the board is adopted.
    pub origin: Option<Incarnation>,
    /// The identity of the log; none before its first event.
    pub incarnation: Option<Incarnation>,
    /// What the log may contain.
    pub level: Level,
    /// Made in development mode.
    pub dev: bool,
    /// The newest ownership.
    pub epoch: Epoch,
    /// The process that has it.
    pub owner: Option<ProcessId>,
    /// What that process calls itself.
    pub program: Option<ProgramName>,
    /// The last event that is folded in.
    pub seq: Seq,
    /// The wall clock of the last decision.
    pub at: Timestamp,
    /// The board's own clock at the last decision.
    pub elapsed: Elapsed,
    /// What the wall clock is ahead of the board's own clock, in milliseconds.
    pub clock_offset_ms: i64,
}

/// A version of a registered type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypeRecord {
    /// The name of the type.
    pub name: TypeName,
    /// The version of its schema.
    pub version: u32,
    /// The schema in normal form, as canonical JSON.
    pub schema: Arc<str>,
    /// How many artifacts of this version the board has had.
    pub artifacts: u64,
}

/// An agent that was registered at some time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentRecord {
    /// The newest definition.
    pub definition: Arc<AgentDefinition>,
    /// The numbers of its subscriptions, in the order of the definition.
    pub subscriptions: Vec<SubscriptionNo>,
    /// Whether a program names it.
    pub registered: bool,
    /// Whether somebody paused it.
    pub paused: bool,
    /// What its attempts depend on.
    pub dependencies: Vec<DependencyNo>,
    /// The state of its limits.
    pub meter: Meter,
    /// When an attempt of it began or ended last: of a group's members the longest idle one runs.
    pub moved: Seq,
}

/// A dependency that was registered at some time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DependencyRecord {
    /// The newest definition.
    pub definition: Arc<DependencyDefinition>,
    /// The state of its limits.
    pub meter: Meter,
}

/// A subscription that was registered at some time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionRecord {
    /// Whose it is.
    pub agent: AgentNo,
    /// What wakes it.
    pub definition: SubscriptionDefinition,
    /// Whether artifacts are matched against it.
    pub current: bool,
    /// What became of its placements.
    pub counters: Counters,
    /// How its predicate failed, by clause.
    pub failing: Vec<Failing>,
}

impl SubscriptionRecord {
    /// Whether what it matched is held until more has matched. One that is no longer current holds
    /// nothing.
    pub(super) fn holds(&self) -> bool {
        self.current && self.counters.placements < self.definition.after
    }

    /// Whether the next match lets go what is held.
    pub(super) fn lets_go(&self) -> bool {
        self.current && self.counters.placements + 1 == self.definition.after
    }

    /// Counts a match.
    pub(super) const fn counted(&mut self) -> &mut Self {
        self.counters.placements += 1;
        self
    }
}

/// What became of the placements of a subscription. Always: placements = done + dead + cancelled +
/// expired plus those that are open.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// How often an artifact met the subscription.
    pub placements: u64,
    /// Whose outputs are on the board.
    pub done: u64,
    /// Dead letters, dropped ones included.
    pub dead: u64,
    /// Cancelled ones.
    pub cancelled: u64,
    /// Those for which what they waited for was no longer so before they ran.
    pub expired: u64,
}

/// The dead letters of an ordering key that are neither redriven nor dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct DeadKey {
    pub(super) dead: BTreeSet<ActivationId>,
    /// The youngest of the key that ran since the first of them died.
    pub(super) ran: Option<ActivationId>,
}

/// An executor that is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionRecord {
    /// The process that it lives in.
    pub process: ProcessId,
    /// How many attempts it runs at once.
    pub slots: u32,
}

impl State {
    /// Who the board is and how far its log goes.
    #[must_use]
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// The last event that is folded in.
    #[must_use]
    pub const fn seq(&self) -> Seq {
        self.header.seq
    }

    /// The bounds that decisions keep to.
    #[must_use]
    pub const fn bounds(&self) -> &Bounds {
        &self.index.bounds
    }

    /// Keeps decisions to other bounds from here on. They are no part of what is recorded.
    pub const fn keep_to(&mut self, bounds: Bounds) {
        self.index.bounds = bounds;
    }

    /// The number of the current catalogue of subscriptions.
    #[must_use]
    pub const fn catalogue(&self) -> CatalogueNo {
        self.catalogue
    }

    /// How many artifacts the board has had.
    #[must_use]
    pub const fn artifacts(&self) -> u64 {
        self.artifacts
    }

    /// All versions of all types, by number.
    pub fn types(&self) -> impl Iterator<Item = (TypeNo, &TypeRecord)> {
        (0..).map(TypeNo).zip(&self.types)
    }

    /// All agents, by number.
    pub fn agents(&self) -> impl Iterator<Item = (AgentNo, &AgentRecord)> {
        (0..).map(AgentNo).zip(&self.agents)
    }

    /// All subscriptions, by number, those that are no longer current included.
    pub fn subscriptions(&self) -> impl Iterator<Item = (SubscriptionNo, &SubscriptionRecord)> {
        (0..).map(SubscriptionNo).zip(&self.subscriptions)
    }

    /// All open sessions.
    pub fn sessions(&self) -> impl Iterator<Item = (SessionId, &SessionRecord)> {
        self.sessions.iter().map(|(&id, session)| (id, session))
    }

    /// All open activations, oldest first.
    #[must_use]
    pub fn activations(&self) -> impl DoubleEndedIterator<Item = (ActivationId, &Activation)> {
        self.activations.iter().map(|(&id, activation)| (id, &**activation))
    }

    /// All trees of work of which something is open.
    pub fn correlations(&self) -> impl Iterator<Item = (CorrelationId, &Correlation)> {
        self.correlations.iter().map(|(&id, correlation)| (id, correlation))
    }

    /// An open activation.
    #[must_use]
    pub fn activation(&self, id: ActivationId) -> Option<&Activation> {
        self.activations.get(&id).map(|activation| &**activation)
    }

    /// A tree of work of which something is open.
    #[must_use]
    pub fn correlation(&self, id: CorrelationId) -> Option<&Correlation> {
        self.correlations.get(&id)
    }

    /// A version of a type by number.
    #[must_use]
    pub fn type_record(&self, type_no: TypeNo) -> Option<&TypeRecord> {
        self.types.get(type_no.get() as usize)
    }

    /// The newest version of a type, by name: the one that is published.
    #[must_use]
    pub fn type_named(&self, name: &TypeName) -> Option<(TypeNo, &TypeRecord)> {
        self.versions_of(name).max_by_key(|(_, record)| record.version)
    }

    /// All versions of a type, in the order in which they were registered.
    pub fn versions_of(&self, name: &TypeName) -> impl Iterator<Item = (TypeNo, &TypeRecord)> {
        self.types().filter(move |(_, record)| record.name == *name)
    }

    /// Whether two numbers mean versions of one type.
    pub(super) fn is_one_type(&self, one: TypeNo, two: TypeNo) -> bool {
        let name = |no| self.type_record(no).map(|record| &record.name);
        one == two || name(one).is_some_and(|known| name(two) == Some(known))
    }

    /// An agent by number.
    #[must_use]
    pub fn agent(&self, agent: AgentNo) -> Option<&AgentRecord> {
        self.agents.get(agent.get() as usize)
    }

    /// An agent by name.
    #[must_use]
    pub fn agent_named(&self, name: &AgentName) -> Option<(AgentNo, &AgentRecord)> {
        self.agents().find(|(_, record)| record.definition.name == *name)
    }

    /// A subscription by number.
    #[must_use]
    pub fn subscription(&self, subscription: SubscriptionNo) -> Option<&SubscriptionRecord> {
        self.subscriptions.get(subscription.get() as usize)
    }

    /// All dependencies, by number.
    pub fn dependencies(&self) -> impl Iterator<Item = (DependencyNo, &DependencyRecord)> {
        (0..).map(DependencyNo).zip(&self.dependencies)
    }

    /// A dependency by number.
    #[must_use]
    pub fn dependency(&self, dependency: DependencyNo) -> Option<&DependencyRecord> {
        self.dependencies.get(dependency.get() as usize)
    }

    /// A dependency by name.
    #[must_use]
    pub fn dependency_named(
        &self,
        name: &DependencyName,
    ) -> Option<(DependencyNo, &DependencyRecord)> {
        self.dependencies().find(|(_, record)| record.definition.name == *name)
    }

    /// The trees of work that somebody paused.
    pub fn paused_correlations(&self) -> impl Iterator<Item = CorrelationId> {
        self.paused_correlations.iter().copied()
    }

    /// How many activations run.
    #[must_use]
    pub const fn running(&self) -> u32 {
        self.index.running
    }

    /// How many activations of an agent wait, and how many run.
    #[must_use]
    pub fn load(&self, agent: AgentNo) -> (usize, u32) {
        self.index.load(agent)
    }

    /// When something is due next: a delay that ends, an attempt that is overdue.
    #[must_use]
    pub fn next_due(&self) -> Option<Elapsed> {
        self.index.next_due()
    }

    /// How many activations only wait for a free slot: their time has come, a program runs their
    /// agent, and if as many of its attempts run as may, these end about as often as the board
    /// appends. What is behind slow handlers waits for them, and not for the board.
    #[must_use]
    pub fn backlog(&self) -> usize {
        self.index.agenda.backlog()
    }

    /// To be told of each append, so that [`backlog`](Self::backlog) knows slow handlers.
    pub fn appended(&mut self) {
        self.index.agenda.appended();
    }

    /// Whether nothing runs or is owed, and nothing will run by itself: what is left waits for a program that
    /// names its agent, or for a person.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.index.running == 0
            && self.debts.is_empty()
            && (self.paused
                || self.index.is_quiet()
                    && self.index.next_with_room().is_none()
                    && self.index.agenda.next_release().is_none()
                    && !self.delays()
                    && !self.recovers())
    }

    fn delays(&self) -> bool {
        let may_run = |id| {
            let activation = self.activations.get(&id);
            activation.is_some_and(|it| self.may_run(it.agent, &it.members))
        };
        self.index.delayed().any(may_run)
    }

    /// Whether something waits behind a breaker that will let attempts through again by itself.
    fn recovers(&self) -> bool {
        let waits = |of| {
            let mut agents = self.agents().map(|(agent, _)| agent);
            agents
                .any(|agent| self.index.agenda.waits(agent) && self.metered_by(agent).contains(&of))
        };
        self.index.recovering().any(waits)
    }

    /// The times of a decision that is made now: neither clock falls.
    #[must_use]
    pub fn clamp(&self, now: Now) -> Now {
        Now { wall: now.wall.max(self.header.at), elapsed: now.elapsed.max(self.header.elapsed) }
    }
}
