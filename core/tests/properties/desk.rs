//! The desk of a test: gives commands to a board as a committer would, and keeps beside it what a
//! log would keep. It judges nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use smallvec::SmallVec;
use uuid::Uuid;

use artel_core::board::{Beside, Changes, Lease, Settled, State};
use artel_core::catalogue::{Candidate, Catalogue, Closures, Unanswered};
use artel_core::command::{
    Answer, AttemptOutcome, Command, DeadLetterRef, Finish, NewArtifact, OpenSession, Publish,
    Registration, Rejection, Request, TakeOver, TypeRegistration,
};
use artel_core::content::Content;
use artel_core::definition::{
    AgentDefinition, AgentKind, Clearance, DeadLetterKeeping, DependencyDefinition, Filter, Limits,
    SubscriptionDefinition, Wakes,
};
use artel_core::envelope::{Actor, Draft, Envelope, Producer};
use artel_core::event::Event;
use artel_core::hash::Salt;
use artel_core::ids::{
    ActivationId, ArtifactId, AttemptId, CommandId, CorrelationId, Epoch, Incarnation, ProcessId,
    Seq, SessionId, SubscriptionNo,
};
use artel_core::key::{BadKey, KeyOf};
use artel_core::log::{ClosedActivation, LookedUp};
use artel_core::names::{
    AgentName, BoardName, IdempotencyKey, OrderingKey, ProgramName, QueueName, TypeName,
};
use artel_core::policy::{Jitter, Retry};
use artel_core::record::Decision;
use artel_core::time::{Elapsed, Now, Timestamp};
use artel_core::visibility::Visibility;

/// The types that every board of these tests has.
pub(crate) const TYPES: [&str; 3] = ["A", "B", "C"];

/// A command that was accepted and led to events, with the moment at which it was given.
#[derive(Clone)]
pub(crate) struct Given {
    pub(crate) command: Command,
    pub(crate) now: Now,
}

/// A board, and what lies beside it.
pub(crate) struct Desk {
    pub(crate) state: State,
    pub(crate) beside: Beside,
    pub(crate) log: Vec<Decision>,
    /// The commands of `log`, one for one.
    pub(crate) given: Vec<Given>,
    /// Attempts that run, as they were leased.
    pub(crate) leases: Vec<Lease>,
    /// What the last command leased, stopped and settled.
    pub(crate) leased: Vec<Lease>,
    pub(crate) stopped: Vec<(SessionId, AttemptId)>,
    /// All that was stopped and whose slot nobody has freed.
    pub(crate) to_free: Vec<(SessionId, AttemptId)>,
    pub(crate) settled: Vec<Settled>,
    pub(crate) closed: BTreeMap<ActivationId, ClosedActivation>,
    pub(crate) cancelled: Vec<CorrelationId>,
    pub(crate) now: Now,
    ids: u128,
}

/// A new artifact.
#[derive(Clone, Debug)]
pub(crate) struct New {
    pub(crate) of: &'static str,
    pub(crate) payload: String,
    pub(crate) key: Option<String>,
    /// The id, where the publisher makes it.
    pub(crate) id: Option<u128>,
    pub(crate) correlation: Option<CorrelationId>,
    pub(crate) depth: u16,
}

pub(crate) fn new(of: &'static str) -> New {
    New { of, payload: "{}".to_owned(), key: None, id: None, correlation: None, depth: 0 }
}

/// Closures of which none says no.
pub(crate) struct NoClosures;

impl Closures for NoClosures {
    fn evaluate(&self, _: SubscriptionNo) -> Result<bool, Unanswered> {
        Ok(true)
    }

    fn key(&self, _: SubscriptionNo) -> Result<Option<OrderingKey>, BadKey> {
        Ok(None)
    }
}

pub(crate) fn type_name(name: &str) -> TypeName {
    TypeName::new(name).unwrap()
}

/// An agent with one subscription, whose attempts have no end by time.
pub(crate) fn agent(name: &str, on: &str) -> AgentDefinition {
    AgentDefinition {
        name: AgentName::new(name).unwrap(),
        kind: AgentKind::Agent,
        subscriptions: vec![subscription(on, SubscriptionDefinition::PRIORITY)],
        outputs: Vec::new(),
        retry: Retry::fixed(Duration::from_secs(1)).jitter(Jitter::None),
        attempt_timeout: Duration::from_secs(1_000_000_000),
        total_timeout: None,
        concurrency: AgentDefinition::CONCURRENCY,
        key_concurrency: None,
        dead_letter_queue: QueueName::new(name).unwrap(),
        dead_letters: DeadLetterKeeping::default(),
        limits: Limits::default(),
        dependencies: Vec::new(),
        clearance: Clearance::default(),
        output_rules: Vec::new(),
        candidates: AgentDefinition::CANDIDATES,
        crash_loop: AgentDefinition::CRASH_LOOP,
        alert_after: None,
    }
}

pub(crate) fn subscription(on: &str, priority: u8) -> SubscriptionDefinition {
    SubscriptionDefinition {
        types: vec![type_name(on)],
        from: Vec::new(),
        not_from: Vec::new(),
        self_trigger: false,
        tags_all: Vec::new(),
        tags_any: Vec::new(),
        filter: Filter::All,
        priority,
        key: KeyOf::default(),
        ordered: None,
        after: 0,
        wakes: Wakes::AtOnce,
        group: None,
    }
}

pub(crate) const fn process(number: u128) -> ProcessId {
    ProcessId::new(Uuid::from_u128(number))
}

pub(crate) const fn session(number: u128) -> SessionId {
    SessionId::new(Uuid::from_u128(1_000_000 + number))
}

pub(crate) const INCARNATION: Incarnation = Incarnation::new(Uuid::from_u128(9));

impl Desk {
    /// A board that process 1 has created, with these agents and one session of so many slots.
    pub(crate) fn with(agents: &[AgentDefinition], slots: u32) -> Self {
        let mut desk = Self {
            state: State::default(),
            beside: Beside::default(),
            log: Vec::new(),
            given: Vec::new(),
            leases: Vec::new(),
            leased: Vec::new(),
            stopped: Vec::new(),
            to_free: Vec::new(),
            settled: Vec::new(),
            closed: BTreeMap::new(),
            cancelled: Vec::new(),
            now: Now { wall: Timestamp(1_000_000), elapsed: Elapsed(0) },
            ids: 1_000,
        };
        desk.take_over(1);
        desk.register(agents);
        desk.open_session(1, slots);
        desk
    }

    pub(crate) fn next_id(&mut self) -> u128 {
        self.ids += 1;
        self.ids
    }

    pub(crate) fn ask(&mut self, request: Request) -> Result<Answer, Rejection> {
        let id = self.next_id();
        let command = Command {
            id: CommandId::new(Uuid::from_u128(id)),
            actor: Actor::Board,
            correlation: None,
            trace: None,
            seed: u64::try_from(id).unwrap(),
            request,
        };
        self.give(command)
    }

    pub(crate) fn give(&mut self, command: Command) -> Result<Answer, Rejection> {
        let mut changes = Changes::default();
        let now = self.now;
        let ran: BTreeMap<AttemptId, SessionId> = self.running_in().collect();
        (self.leased, self.stopped, self.settled) = Default::default();
        let decided = self.state.decide(&command, now, &mut self.beside, &mut changes)?;
        if let Some(decision) = decided.decision {
            self.log.push(decision);
            self.given.push(Given { command, now });
        }
        let sessions = changes.stops.iter().filter_map(|stop| Some((*ran.get(stop)?, *stop)));
        self.stopped = sessions.collect();
        self.to_free.extend(&self.stopped);
        self.settled = changes.settled;
        self.leases.extend(changes.leases.iter().cloned());
        self.leased = changes.leases;
        for activation in changes.rows.reopened {
            self.closed.remove(&activation);
        }
        for closed in changes.rows.closed {
            self.closed.insert(closed.activation, closed);
        }
        self.cancelled.extend(changes.rows.cancelled);
        let runs = |lease: &Lease| {
            let activation = self.state.activation(lease.attempt.activation);
            activation.and_then(|one| one.running()).map(|it| it.attempt)
                == Some(lease.attempt.attempt)
        };
        self.leases.retain(runs);
        Ok(decided.answer)
    }

    fn running_in(&self) -> impl Iterator<Item = (AttemptId, SessionId)> {
        self.state.activations().filter_map(|(activation, entry)| {
            let running = entry.running()?;
            Some((AttemptId { activation, attempt: running.attempt }, running.session))
        })
    }

    pub(crate) fn take_over(&mut self, epoch: u64) {
        let take_over = TakeOver {
            epoch: Epoch(epoch),
            process: process(u128::from(epoch)),
            program: ProgramName::new("test").unwrap(),
            board: BoardName::new("test").unwrap(),
            incarnation: INCARNATION,
            dev: false,
        };
        self.ask(Request::TakeOver(take_over)).unwrap();
    }

    pub(crate) fn register(&mut self, agents: &[AgentDefinition]) {
        self.register_with(agents, Vec::new());
    }

    /// Agents, and what they depend on.
    pub(crate) fn register_on(&mut self, agents: &[AgentDefinition], on: DependencyDefinition) {
        self.register_with(agents, vec![Arc::new(on)]);
    }

    fn register_with(
        &mut self,
        agents: &[AgentDefinition],
        dependencies: Vec<Arc<DependencyDefinition>>,
    ) {
        let types = TYPES.map(|name| TypeRegistration {
            name: type_name(name),
            version: 1,
            schema: "{}".into(),
            upcasts: Vec::new(),
        });
        let agents = agents.iter().cloned().map(Arc::new).collect();
        let registration = Registration { types: types.into(), dependencies, agents };
        self.ask(Request::Register(registration)).unwrap();
    }

    /// The session of the process that has this number as well.
    pub(crate) fn open_session(&mut self, number: u128, slots: u32) {
        let (session, process) = (session(number), process(number));
        self.ask(Request::OpenSession(OpenSession { session, process, slots })).unwrap();
    }

    /// Time passes, on both clocks.
    pub(crate) fn pass(&mut self, millis: u64) {
        self.now.elapsed = Elapsed(self.now.elapsed.0 + millis);
        self.now.wall = Timestamp(self.now.wall.0 + i64::try_from(millis).unwrap());
        self.ask(Request::Elapse).unwrap();
    }

    /// The state is read back from what it was encoded to, and goes on.
    pub(crate) fn read_back(&mut self) {
        let bytes = self.state.encode();
        self.state = State::decode(&bytes).unwrap();
        assert_eq!(self.state.encode(), bytes, "a snapshot reads back as itself");
    }

    /// The process dies; another one reads the board back, takes it over and has so many slots.
    pub(crate) fn die(&mut self, slots: u32) {
        self.read_back();
        self.beside = Beside::at(self.state.seq());
        let epoch = self.state.header().epoch.next().get();
        self.take_over(epoch);
        self.open_session(u128::from(epoch), slots);
    }

    /// I10: the fold of the log, as a fork makes it, is the state, byte for byte.
    pub(crate) fn check_fold(&self) {
        let (mut fork, mut changes) = (State::default(), Changes::default());
        for decision in &self.log {
            fork.apply(decision, &mut changes).unwrap();
        }
        assert_eq!(fork.encode(), self.state.encode(), "the fold is the live state");
    }

    /// Executors let go of the slots of attempts that the last command stopped.
    pub(crate) fn release_stopped(&mut self) {
        for (session, attempt) in std::mem::take(&mut self.stopped) {
            self.beside.release(session, attempt);
        }
    }

    pub(crate) fn publish(&mut self, news: &[New], looked_up: LookedUp) -> Publish {
        let producer = Producer::Program(ProgramName::new("test").unwrap());
        self.outgoing(news, &producer, looked_up)
    }

    fn outgoing(&mut self, news: &[New], producer: &Producer, looked_up: LookedUp) -> Publish {
        let catalogue = Catalogue::of(&self.state);
        let shared = CorrelationId::new(Uuid::from_u128(self.next_id()));
        let artifacts = news.iter().map(|new| {
            let id = new.id.unwrap_or_else(|| self.next_id());
            artifact(new, id, producer, &catalogue, new.correlation.unwrap_or(shared))
        });
        Publish {
            artifacts: artifacts.collect(),
            catalogue: catalogue.number(),
            looked_up,
            failures: Vec::new(),
        }
    }

    /// A publish whose look-up found nothing, and is as new as can be.
    pub(crate) fn publish_new(&mut self, news: &[New]) -> Result<Answer, Rejection> {
        let looked_up = LookedUp { as_of: self.state.seq(), ..LookedUp::default() };
        let publish = self.publish(news, looked_up);
        self.ask(Request::Publish(publish))
    }

    pub(crate) fn done(&mut self, lease: &Lease, news: &[New]) -> Result<Answer, Rejection> {
        let belongs = |new: &New| New { correlation: Some(lease.correlation), ..new.clone() };
        let news: Vec<New> = news.iter().map(belongs).collect();
        let producer = Producer::Agent { agent: lease.agent, attempt: lease.attempt };
        let looked_up = LookedUp { as_of: self.state.seq(), ..LookedUp::default() };
        let publish = self.outgoing(&news, &producer, looked_up);
        self.finish(lease, AttemptOutcome::Done(publish))
    }

    pub(crate) fn finish(
        &mut self,
        lease: &Lease,
        outcome: AttemptOutcome,
    ) -> Result<Answer, Rejection> {
        let (report, fingerprint) = (None, None);
        let finish = Finish { attempt: lease.attempt, outcome, report, fingerprint };
        self.ask(Request::Finish(finish))
    }

    pub(crate) fn letter(&self, activation: ActivationId) -> DeadLetterRef {
        DeadLetterRef {
            closed: self.closed[&activation].clone(),
            as_of: self.state.seq(),
            out_of_order: false,
        }
    }

    /// The events of the last decision, with their seqs, where the last command led to one.
    pub(crate) fn last_events(&self) -> Vec<(Seq, &Event)> {
        let Some(last) = self.log.last() else { return Vec::new() };
        let before = self.state.seq().get() - last.events.len() as u64;
        (before + 1..).map(Seq).zip(&last.events).collect()
    }
}

fn artifact(
    new: &New,
    id: u128,
    producer: &Producer,
    catalogue: &Catalogue,
    correlation: CorrelationId,
) -> NewArtifact {
    // Salts differ from publish to publish, as they do outside.
    let salt = Salt((id ^ correlation.uuid().as_u128()).to_le_bytes());
    let payload = Content::new(salt, Bytes::from(new.payload.clone()));
    let type_no = catalogue.type_no(new.of).unwrap();
    let made_by = match producer {
        Producer::Agent { agent, .. } => Some(*agent),
        _ => None,
    };
    let candidate = Candidate {
        type_no,
        producer: made_by,
        tags: &[],
        payload: payload.bytes(),
        visibility: &Visibility::PUBLIC,
        ordering_key: None,
        envelope: None,
    };
    let verdicts = catalogue.verdicts(candidate, &NoClosures);
    let envelope = Envelope {
        id: ArtifactId::new(Uuid::from_u128(id)),
        type_no,
        producer: producer.clone(),
        correlation,
        parents: Vec::new(),
        causes: SmallVec::new(),
        depth: new.depth,
        tags: Vec::new(),
        visibility: Visibility::PUBLIC,
        ordering_key: None,
        idempotency_key: new.key.as_ref().map(|key| IdempotencyKey::new(key).unwrap()),
        not_before: None,
        expires_at: None,
        trace: None,
        payload_len: u32::try_from(payload.bytes().len()).unwrap(),
        payload_hash: payload.hash(),
    };
    let draft = Arc::new(Draft { envelope, verdicts });
    NewArtifact { draft, payload, value: None, client_id: new.id.is_some() }
}
