//! Tests of decisions: commands in, events and state out. Time and ids are plain numbers here.

mod adopt;
mod agenda;
mod alerts;
mod attempts;
mod breakers;
mod cancel;
mod candidates;
mod dead_letters;
mod debts;
mod deliveries;
mod doubt;
mod failing;
mod groups;
mod keys;
mod limits;
mod loops;
mod pauses;
mod publish;
mod random;
mod rates;
mod register;
mod suspects;
mod take_over;
mod visibility;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use smallvec::SmallVec;
use uuid::Uuid;

use super::{Beside, Changes, Lease, State};
use crate::catalogue::{Candidate, Catalogue, Closures, Unanswered};
use crate::command::{
    Answer, AttemptOutcome, Command, DeadLetterRef, Finish, NewArtifact, OpenSession, Publish,
    Receipt, Registration, Rejection, Request, TakeOver, TypeRegistration,
};
use crate::content::Content;
use crate::definition::{
    AgentDefinition, AgentKind, Clearance, DeadLetterKeeping, DependencyDefinition, Filter, Limits,
    SubscriptionDefinition, Wakes,
};
use crate::envelope::{Actor, Clause, Draft, Envelope, Producer};
use crate::event::Event;
use crate::fingerprint::Fingerprint;
use crate::hash::Salt;
use crate::ids::{
    ActivationId, ArtifactId, AttemptId, CommandId, CorrelationId, Epoch, Incarnation, ProcessId,
    Seq, SessionId, SubscriptionNo,
};
use crate::key::{BadKey, KeyOf};
use crate::log::{ClosedActivation, LookedUp, Outcome};
use crate::names::{
    AgentName, BoardName, IdempotencyKey, OrderingKey, ProgramName, QueueName, TypeName,
};
use crate::policy::{ErrorKind, Jitter, Retry};
use crate::record::Decision;
use crate::time::{Elapsed, Now, Timestamp};
use crate::visibility::Visibility;

/// A board in a test: the state, what lies beside it, and the log so far.
pub(super) struct Board {
    pub(super) state: State,
    pub(super) beside: Beside,
    pub(super) log: Vec<Decision>,
    /// Attempts that were leased and not taken yet.
    pub(super) leases: Vec<Lease>,
    pub(super) closed: Vec<ClosedActivation>,
    pub(super) stops: Vec<AttemptId>,
    pub(super) settled: Vec<super::Settled>,
    pub(super) now: Now,
    ids: u128,
}

pub(super) fn uuid(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

pub(super) const PROCESS: u128 = 1;
pub(super) const SESSION: u128 = 2;

struct NoClosures;

impl Closures for NoClosures {
    fn evaluate(&self, _: SubscriptionNo) -> Result<bool, Unanswered> {
        Ok(true)
    }

    fn key(&self, _: SubscriptionNo) -> Result<Option<OrderingKey>, BadKey> {
        Err(BadKey::Panicked)
    }
}

/// An agent that wakes on one type and returns another, with one attempt at a time.
pub(super) fn agent(name: &str, on: &str) -> AgentDefinition {
    AgentDefinition {
        name: AgentName::new(name).unwrap(),
        kind: AgentKind::Agent,
        subscriptions: vec![SubscriptionDefinition {
            types: vec![TypeName::new(on).unwrap()],
            from: Vec::new(),
            not_from: Vec::new(),
            self_trigger: false,
            tags_all: Vec::new(),
            tags_any: Vec::new(),
            filter: Filter::All,
            priority: SubscriptionDefinition::PRIORITY,
            key: KeyOf::default(),
            ordered: None,
            after: 0,
            wakes: Wakes::AtOnce,
            group: None,
        }],
        outputs: Vec::new(),
        retry: Retry::fixed(Duration::from_secs(1)).jitter(Jitter::None),
        attempt_timeout: AgentDefinition::ATTEMPT_TIMEOUT,
        total_timeout: None,
        concurrency: AgentDefinition::CONCURRENCY,
        key_concurrency: None,
        dead_letter_queue: QueueName::new(name).unwrap(),
        limits: Limits::default(),
        dependencies: Vec::new(),
        clearance: Clearance::default(),
        output_rules: Vec::new(),
        candidates: AgentDefinition::CANDIDATES,
        dead_letters: DeadLetterKeeping::default(),
        crash_loop: AgentDefinition::CRASH_LOOP,
        alert_after: None,
    }
}

/// A new artifact in a test.
#[derive(Clone, Default)]
pub(super) struct New {
    pub(super) of: &'static str,
    pub(super) payload: &'static str,
    pub(super) key: Option<&'static str>,
    pub(super) id: Option<u128>,
    pub(super) correlation: Option<CorrelationId>,
    pub(super) depth: u16,
    pub(super) order: Option<&'static str>,
    pub(super) not_before: Option<crate::envelope::NotBefore>,
    pub(super) visibility: Option<&'static Visibility>,
}

pub(super) fn new(of: &'static str) -> New {
    New { of, payload: "{}", ..New::default() }
}

impl Board {
    /// A board with the types `A`, `B`, `C`, these agents, and a session with `slots`.
    pub(super) fn with(agents: &[AgentDefinition], slots: u32) -> Self {
        let mut board = Self::created();
        board.register(agents).unwrap();
        board.open_session(SESSION, PROCESS, slots);
        board
    }

    pub(super) fn created() -> Self {
        let mut board = Self {
            state: State::default(),
            beside: Beside::default(),
            log: Vec::new(),
            leases: Vec::new(),
            closed: Vec::new(),
            stops: Vec::new(),
            settled: Vec::new(),
            now: Now { wall: Timestamp(1_000_000), elapsed: Elapsed(0) },
            ids: 1_000,
        };
        board.take_over(1, PROCESS);
        board
    }

    pub(super) fn next_id(&mut self) -> u128 {
        self.ids += 1;
        self.ids
    }

    pub(super) fn ask(&mut self, request: Request) -> Result<Answer, Rejection> {
        let id = self.next_id();
        let command = Command {
            id: CommandId::new(uuid(id)),
            actor: Actor::Board,
            correlation: None,
            trace: None,
            seed: u64::try_from(id).unwrap(),
            request,
        };
        self.command(&command)
    }

    pub(super) fn command(&mut self, command: &Command) -> Result<Answer, Rejection> {
        // Encoding a state with a hundred thousand activations for each command takes too long.
        let before = (self.state.activations.len() < 1_000).then(|| self.state.encode());
        let same = |state: &State| before.as_ref().is_none_or(|before| *before == state.encode());
        let mut changes = Changes::default();
        let decided = self.state.decide(command, self.now, &mut self.beside, &mut changes);
        let decided = match decided {
            Ok(decided) => decided,
            Err(rejection) => {
                assert!(same(&self.state), "a refused command changes nothing");
                return Err(rejection);
            }
        };
        if decided.decision.is_none() {
            assert!(same(&self.state), "without events nothing changes");
        }
        self.log.extend(decided.decision);
        self.leases.extend(changes.leases);
        self.stops.extend(changes.stops);
        self.settled.extend(changes.settled);
        self.closed.retain(|closed| !changes.rows.reopened.contains(&closed.activation));
        for closed in changes.rows.closed {
            self.closed.retain(|before| before.activation != closed.activation);
            self.closed.push(closed);
        }
        Ok(decided.answer)
    }

    pub(super) fn take_over(&mut self, epoch: u64, process: u128) {
        let take_over = TakeOver {
            epoch: Epoch(epoch),
            process: ProcessId::new(uuid(process)),
            program: ProgramName::new("test").unwrap(),
            board: BoardName::new("test").unwrap(),
            incarnation: Incarnation::new(uuid(9)),
            dev: false,
        };
        self.ask(Request::TakeOver(take_over)).unwrap();
    }

    pub(super) fn register(&mut self, agents: &[AgentDefinition]) -> Result<Answer, Rejection> {
        self.register_with(&[], agents)
    }

    pub(super) fn register_with(
        &mut self,
        dependencies: &[DependencyDefinition],
        agents: &[AgentDefinition],
    ) -> Result<Answer, Rejection> {
        let types = ["A", "B", "C"].map(|name| TypeRegistration {
            name: TypeName::new(name).unwrap(),
            version: 1,
            schema: "{}".into(),
            upcasts: Vec::new(),
        });
        let agents = agents.iter().cloned().map(Arc::new).collect();
        let dependencies = dependencies.iter().cloned().map(Arc::new).collect();
        self.ask(Request::Register(Registration { types: types.into(), dependencies, agents }))
    }

    pub(super) fn open_session(&mut self, session: u128, process: u128, slots: u32) {
        let open = OpenSession {
            session: SessionId::new(uuid(session)),
            process: ProcessId::new(uuid(process)),
            slots,
        };
        self.ask(Request::OpenSession(open)).unwrap();
    }

    /// Time passes, on both clocks.
    pub(super) fn pass(&mut self, time: Duration) {
        let millis = u64::try_from(time.as_millis()).unwrap();
        self.now.elapsed = Elapsed(self.now.elapsed.0 + millis);
        self.now.wall = Timestamp(self.now.wall.0 + i64::try_from(millis).unwrap());
        self.ask(Request::Elapse).unwrap();
    }

    pub(super) fn outgoing(&mut self, news: &[New], producer: &Producer) -> Publish {
        let catalogue = Catalogue::of(&self.state);
        let shared = CorrelationId::new(uuid(self.next_id()));
        let artifacts =
            news.iter().map(|new| self.artifact(new, producer, &catalogue, shared)).collect();
        let looked_up = LookedUp { as_of: self.state.seq(), ..LookedUp::default() };
        Publish { artifacts, catalogue: catalogue.number(), looked_up, failures: Vec::new() }
    }

    fn artifact(
        &mut self,
        new: &New,
        producer: &Producer,
        catalogue: &Catalogue,
        shared: CorrelationId,
    ) -> NewArtifact {
        let id = new.id.unwrap_or_else(|| self.next_id());
        let payload = Content::new(Salt([3; 16]), Bytes::from_static(new.payload.as_bytes()));
        let type_no = catalogue.type_no(new.of).unwrap();
        let agent = match producer {
            Producer::Agent { agent, .. } => Some(*agent),
            _ => None,
        };
        let ordering_key = new.order.map(|key| OrderingKey::new(key).unwrap());
        let candidate = Candidate {
            type_no,
            producer: agent,
            tags: &[],
            payload: payload.bytes(),
            visibility: new.visibility.unwrap_or(&Visibility::PUBLIC),
            ordering_key: ordering_key.as_ref(),
            envelope: None,
        };
        let verdicts = catalogue.verdicts(candidate, &NoClosures);
        let envelope = Envelope {
            id: ArtifactId::new(uuid(id)),
            type_no,
            producer: producer.clone(),
            correlation: new.correlation.unwrap_or(shared),
            parents: Vec::new(),
            causes: SmallVec::new(),
            depth: new.depth,
            tags: Vec::new(),
            visibility: new.visibility.cloned().unwrap_or_default(),
            ordering_key,
            idempotency_key: new.key.map(|key| IdempotencyKey::new(key).unwrap()),
            not_before: new.not_before.map(Box::new),
            expires_at: None,
            trace: None,
            payload_len: 2,
            payload_hash: payload.hash(),
        };
        let draft = Arc::new(Draft { envelope, verdicts });
        NewArtifact { draft, payload, value: None, client_id: new.id.is_some() }
    }

    pub(super) fn publish(&mut self, news: &[New]) -> Result<Vec<Receipt>, Rejection> {
        let producer = Producer::Program(ProgramName::new("test").unwrap());
        let publish = self.outgoing(news, &producer);
        match self.ask(Request::Publish(publish))? {
            Answer::Published(receipts) => Ok(receipts),
            other => panic!("a publish is answered by {other:?}"),
        }
    }

    /// The next attempt that was leased.
    pub(super) fn leased(&mut self) -> Lease {
        assert!(!self.leases.is_empty(), "nothing was leased");
        self.leases.remove(0)
    }

    pub(super) fn done(&mut self, lease: &Lease, news: &[New]) -> Result<Answer, Rejection> {
        let news: Vec<New> = news
            .iter()
            .map(|new| New { correlation: Some(lease.correlation), ..new.clone() })
            .collect();
        let producer = Producer::Agent { agent: lease.agent, attempt: lease.attempt };
        let publish = self.outgoing(&news, &producer);
        self.finish(lease.attempt, AttemptOutcome::Done(publish))
    }

    pub(super) fn fail(&mut self, lease: &Lease, kind: ErrorKind) -> Result<Answer, Rejection> {
        self.finish(lease.attempt, AttemptOutcome::Failed(kind))
    }

    pub(super) fn finish(
        &mut self,
        attempt: AttemptId,
        outcome: AttemptOutcome,
    ) -> Result<Answer, Rejection> {
        let report = Some(Content::new(Salt([4; 16]), Bytes::from_static(b"report")));
        let fingerprint = Some(Fingerprint([5; 8]));
        self.ask(Request::Finish(Finish { attempt, outcome, report, fingerprint }))
    }

    /// The dead letter as the store would find it.
    pub(super) fn dead_letter(&self, activation: ActivationId) -> DeadLetterRef {
        let find = |closed: &&ClosedActivation| closed.activation == activation;
        let closed = self.closed.iter().find(find).expect("it is closed").clone();
        DeadLetterRef { closed, as_of: self.state.seq(), out_of_order: false }
    }

    pub(super) fn outcome(&self, activation: ActivationId) -> Option<Outcome> {
        let find = |closed: &&ClosedActivation| closed.activation == activation;
        self.closed.iter().find(find).map(|closed| closed.outcome)
    }

    /// All events so far, with their seqs.
    pub(super) fn events(&self) -> Vec<(Seq, &Event)> {
        let events = self.log.iter().flat_map(|decision| &decision.events);
        (1..).map(Seq).zip(events).collect()
    }

    /// Folds the log from its beginning, from half-way, and compares; counts every placement.
    pub(super) fn check(&self) {
        let mut folded = State::default();
        let mut changes = Changes::default();
        for (index, decision) in self.log.iter().enumerate() {
            folded.apply(decision, &mut changes).unwrap();
            if index == self.log.len() / 2 {
                folded = State::decode(&folded.encode()).unwrap();
            }
        }
        assert_eq!(folded.encode(), self.state.encode(), "I10: the fold gives the live state");
        for (no, record) in self.state.subscriptions() {
            let open = self.state.activations().filter(|(_, a)| a.subscription == no).count();
            let counters = record.counters;
            assert_eq!(
                counters.placements,
                counters.done + counters.dead + counters.cancelled + counters.expired + open as u64,
                "I2: every placement of subscription {no} is somewhere"
            );
        }
        let open: u32 = self.state.correlations().map(|(_, c)| c.open).sum();
        let (activations, debts) = (self.state.activations().count(), self.state.debts().count());
        assert_eq!(open as usize, activations + debts);
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.check();
        }
    }
}
