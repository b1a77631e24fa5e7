//! The hot paths of the core, without a runtime around them: matching, decide, evolve, the encoding
//! of a decision, and the fold of a log. `dev/bench --criterion core`

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on ends where it is")]

use std::hint::black_box;
use std::sync::Arc;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use smallvec::SmallVec;

use artel_core::board::{Beside, Changes, State};
use artel_core::catalogue::{Candidate, Catalogue, Closures, Unanswered};
use artel_core::command::{
    AttemptOutcome, Command, Finish, NewArtifact, OpenSession, Publish, Registration, Request,
    TakeOver, TypeRegistration,
};
use artel_core::content::Content;
use artel_core::definition::{
    AgentDefinition, AgentKind, Clearance, DeadLetterKeeping, Filter, Limits,
    SubscriptionDefinition, Wakes,
};
use artel_core::envelope::{Actor, Draft, Envelope, Producer, Verdicts};
use artel_core::hash::Salt;
use artel_core::ids::{
    ArtifactId, CommandId, CorrelationId, Epoch, Incarnation, ProcessId, SessionId, SubscriptionNo,
};
use artel_core::key::{BadKey, KeyOf};
use artel_core::log::LookedUp;
use artel_core::names::{AgentName, BoardName, OrderingKey, ProgramName, QueueName, Tag, TypeName};
use artel_core::policy::Retry;
use artel_core::record::{Decision, Encoder};
use artel_core::time::{Elapsed, Now, Timestamp};
use artel_core::visibility::Visibility;

const PAYLOAD: &[u8] = br#"{"n":12345,"text":"a payload of about one hundred bytes, as the figures of the board have it ......"}"#;

/// Hops of which the commands are made ahead.
const HOPS: u64 = 64;

struct Never;

impl Closures for Never {
    fn evaluate(&self, _: SubscriptionNo) -> Result<bool, Unanswered> {
        Ok(false)
    }

    fn key(&self, _: SubscriptionNo) -> Result<Option<OrderingKey>, BadKey> {
        Ok(None)
    }
}

fn id(n: u128) -> [u8; 16] {
    n.to_be_bytes()
}

fn agent(name: &str, on: &str, tag: Option<&str>) -> Arc<AgentDefinition> {
    Arc::new(AgentDefinition {
        name: AgentName::new(name).unwrap(),
        kind: AgentKind::Agent,
        subscriptions: vec![SubscriptionDefinition {
            types: vec![TypeName::new(on).unwrap()],
            from: Vec::new(),
            not_from: Vec::new(),
            self_trigger: false,
            tags_all: tag.map(|tag| Tag::new(tag).unwrap()).into_iter().collect(),
            tags_any: Vec::new(),
            filter: Filter::All,
            priority: 5,
            key: KeyOf::default(),
            ordered: None,
            after: 0,
            wakes: Wakes::AtOnce,
            group: None,
        }],
        outputs: Vec::new(),
        retry: Retry::default(),
        attempt_timeout: AgentDefinition::ATTEMPT_TIMEOUT,
        total_timeout: None,
        concurrency: 256,
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
    })
}

/// A board in a bench: what a committer holds.
struct Board {
    state: State,
    beside: Beside,
    changes: Changes,
    ids: u128,
    /// Every command that was decided, where somebody wants them.
    recorded: Option<Vec<Command>>,
}

/// Decides a command at a moment.
fn decide_at(
    (state, beside, changes): (&mut State, &mut Beside, &mut Changes),
    command: &Command,
    elapsed: Elapsed,
) -> Option<Decision> {
    let now = Now { wall: Timestamp(1_000), elapsed };
    state.decide(command, now, beside, changes).unwrap().decision
}

impl Board {
    fn with(agents: Vec<Arc<AgentDefinition>>) -> Self {
        let (state, beside, changes) = (State::default(), Beside::default(), Changes::default());
        let mut board = Self { state, beside, changes, ids: 0, recorded: None };
        let process = ProcessId::from_bytes(id(1));
        board.ask(Request::TakeOver(TakeOver {
            epoch: Epoch(1),
            process,
            program: ProgramName::new("bench").unwrap(),
            board: BoardName::new("bench").unwrap(),
            incarnation: Incarnation::from_bytes(id(2)),
            dev: false,
        }));
        let types = ["In", "Out"].map(|name| TypeRegistration {
            name: TypeName::new(name).unwrap(),
            version: 1,
            schema: "{}".into(),
            upcasts: Vec::new(),
        });
        board.ask(Request::Register(Registration {
            types: types.into(),
            agents,
            ..Registration::default()
        }));
        let session = SessionId::from_bytes(id(3));
        board.ask(Request::OpenSession(OpenSession { session, process, slots: 256 }));
        board
    }

    fn command(&mut self, request: Request) -> Command {
        self.ids += 1;
        Command {
            id: CommandId::from_bytes(id(self.ids)),
            actor: Actor::Board,
            correlation: None,
            trace: None,
            seed: 7,
            request,
        }
    }

    fn ask(&mut self, request: Request) -> Option<Decision> {
        let command = self.command(request);
        let elapsed = Elapsed(u64::try_from(self.ids).unwrap());
        let board = (&mut self.state, &mut self.beside, &mut self.changes);
        let decision = decide_at(board, &command, elapsed);
        if let Some(recorded) = &mut self.recorded {
            recorded.push(command);
        }
        decision
    }

    fn publish(&mut self, catalogue: &Catalogue, type_name: &str, producer: Producer) -> Publish {
        self.ids += 1;
        let type_no = catalogue.type_no(type_name).unwrap();
        let payload = Content::new(Salt([1; 16]), Bytes::from_static(PAYLOAD));
        let candidate = Candidate {
            type_no,
            producer: None,
            tags: &[],
            payload: PAYLOAD,
            visibility: &Visibility::PUBLIC,
            ordering_key: None,
            envelope: None,
        };
        let verdicts = catalogue.verdicts(candidate, &Never);
        let envelope = Envelope {
            id: ArtifactId::from_bytes(id(self.ids)),
            type_no,
            producer,
            correlation: CorrelationId::from_bytes(id(self.ids)),
            parents: Vec::new(),
            causes: SmallVec::new(),
            depth: 0,
            tags: Vec::new(),
            visibility: Visibility::PUBLIC,
            ordering_key: None,
            idempotency_key: None,
            not_before: None,
            expires_at: None,
            trace: None,
            payload_len: 100,
            payload_hash: payload.hash(),
        };
        let draft = Arc::new(Draft { envelope, verdicts });
        let artifacts = vec![NewArtifact { draft, payload, value: None, client_id: false }];
        let looked_up = LookedUp::default();
        Publish { artifacts, catalogue: catalogue.number(), looked_up, failures: Vec::new() }
    }

    /// One hop: a publish that is leased at once, and a finish with one output.
    fn hop(&mut self, catalogue: &Catalogue) -> [Decision; 2] {
        let program = Producer::Program(ProgramName::new("bench").unwrap());
        let publish = self.publish(catalogue, "In", program);
        let published = self.ask(Request::Publish(publish)).unwrap();
        let lease = self.changes.leases.pop().unwrap();
        let producer = Producer::Agent { agent: lease.agent, attempt: lease.attempt };
        let output = self.publish(catalogue, "Out", producer);
        let outcome = AttemptOutcome::Done(output);
        let finish = Finish { attempt: lease.attempt, outcome, report: None, fingerprint: None };
        let finished = self.ask(Request::Finish(finish)).unwrap();
        self.changes = Changes::default();
        [published, finished]
    }
}

fn matching(c: &mut Criterion) {
    let mut group = c.benchmark_group("matching");
    for unrelated in [10, 10_000] {
        let mut agents: Vec<_> =
            (0..unrelated).map(|n| agent(&format!("other{n}"), "Out", None)).collect();
        agents.push(agent("one", "In", None));
        let board = Board::with(agents);
        let catalogue = Catalogue::of(&board.state);
        let type_no = catalogue.type_no("In").unwrap();
        let candidate = Candidate {
            type_no,
            producer: None,
            tags: &[],
            payload: PAYLOAD,
            visibility: &Visibility::PUBLIC,
            ordering_key: None,
            envelope: None,
        };
        group.bench_function(format!("one of {unrelated} unrelated"), |b| {
            b.iter(|| -> Verdicts { catalogue.verdicts(black_box(candidate), &Never) });
        });
    }
    let agents = (0..1_000).map(|n| agent(&format!("a{n}"), "In", Some("tag"))).collect();
    let board = Board::with(agents);
    let catalogue = Catalogue::of(&board.state);
    let type_no = catalogue.type_no("In").unwrap();
    // Without any tag there would be nothing to look through.
    let tags = ["other", "others"].map(|tag| Tag::new(tag).unwrap());
    let candidate = Candidate {
        type_no,
        producer: None,
        tags: &tags,
        payload: PAYLOAD,
        visibility: &Visibility::PUBLIC,
        ordering_key: None,
        envelope: None,
    };
    group.throughput(Throughput::Elements(1_000));
    group.bench_function("1000 of the same type with a tag filter", |b| {
        b.iter(|| catalogue.verdicts(black_box(candidate), &Never));
    });
    group.finish();
}

/// Hops whose commands are made before the time begins: decide alone, with what it evolves.
fn decide(c: &mut Criterion) {
    let mut group = c.benchmark_group("decide");
    group.throughput(Throughput::Elements(HOPS));
    let mut board = Board::with(vec![agent("one", "In", None)]);
    let catalogue = Catalogue::of(&board.state);
    let before = board.state.clone();
    board.recorded = Some(Vec::new());
    for _ in 0..HOPS {
        board.hop(&catalogue);
    }
    let now = Elapsed(u64::try_from(board.ids).unwrap());
    let commands = board.recorded.take().unwrap();
    group.bench_function("hops", |b| {
        b.iter_batched(
            || (before.clone(), Beside::default(), Changes::default()),
            |(mut state, mut beside, mut changes)| {
                for command in &commands {
                    let board = (&mut state, &mut beside, &mut changes);
                    black_box(decide_at(board, black_box(command), now));
                }
                (state, beside, changes)
            },
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

/// Hops with all that the core does of them: matching, the payload's hash, envelopes, both decisions;
/// and their encoding.
fn whole(c: &mut Criterion) {
    let mut group = c.benchmark_group("whole");
    group.throughput(Throughput::Elements(1));
    let mut board = Board::with(vec![agent("one", "In", None)]);
    let catalogue = Catalogue::of(&board.state);
    group.bench_function("hop", |b| b.iter(|| black_box(board.hop(&catalogue))));
    let mut encoder = Encoder::default();
    let hop = board.hop(&catalogue);
    group.bench_function("encode hop", |b| {
        b.iter(|| {
            for decision in &hop {
                encoder.push(black_box(decision));
            }
            encoder.take()
        });
    });
    group.finish();
}

fn evolve(c: &mut Criterion) {
    let mut group = c.benchmark_group("evolve");
    let mut board = Board::with(vec![agent("one", "In", None)]);
    let catalogue = Catalogue::of(&board.state);
    let before = board.state.encode();
    let decisions: Vec<Decision> = (0..1_000).flat_map(|_| board.hop(&catalogue)).collect();
    group.throughput(Throughput::Elements(1_000));
    group.bench_function("hops", |b| {
        b.iter_batched(
            || State::decode(&before).unwrap(),
            |mut state| {
                let mut changes = Changes::default();
                for decision in &decisions {
                    state.apply(decision, &mut changes).unwrap();
                }
                state
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

criterion_group!(benches, matching, decide, whole, evolve);
criterion_main!(benches);
