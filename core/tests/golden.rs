//! Golden files: what a release wrote, every later one reads, and makes the same state of it. A file
//! of a released format is never written anew; a new format gets a folder of its own.

#![expect(clippy::unwrap_used, reason = "test code: a failed expectation is a failed test")]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use smallvec::smallvec;
use uuid::Uuid;

use artel_core::board::{Changes, State};
use artel_core::definition::{
    AgentDefinition, AgentKind, Clearance, DeadLetterKeeping, DependencyDefinition, Filter, Limits,
    SubscriptionDefinition, Wakes,
};
use artel_core::envelope::{Actor, Clause, Draft, Envelope, NotBefore, Producer, Verdicts};
use artel_core::event::{
    AlertEnd, AttemptEnd, Closure, Counts, DeadReason, Event, LEVEL, Mended, Metered, Next,
    Pausable, Reached, Redriven, SessionEnd, Tripped,
};
use artel_core::fingerprint::Fingerprint;
use artel_core::hash::Hash;
use artel_core::ids::{
    ActivationId, AgentNo, ArtifactId, AttemptId, AttemptNo, CommandId, CorrelationId, DebtId,
    DependencyNo, Epoch, Incarnation, ProcessId, Seq, SessionId, SubscriptionNo, TypeNo,
};
use artel_core::key::{KeyOf, OnDead};
use artel_core::names::{
    AgentName, BoardName, DependencyName, IdempotencyKey, Label, OperatorName, OrderingKey,
    ProgramName, QueueName, StepName, Tag, TenantId, TypeName,
};
use artel_core::output_rule::OutputRule;
use artel_core::policy::{Breaker, ErrorKind, Jitter, RateLimit, Retry};
use artel_core::predicate::Path;
use artel_core::predicate::cel::Cel;
use artel_core::record::{Batch, Decision, Encoder, Place, genesis};
use artel_core::step::{Step, StepMark};
use artel_core::time::{Elapsed, Timestamp};
use artel_core::trace::TraceContext;
use artel_core::visibility::{Restriction, Tenants, Visibility};

const FOLDER: &str = "golden/format-1";

const fn uuid(n: u128) -> Uuid {
    Uuid::from_u128(n)
}

fn program() -> ProgramName {
    ProgramName::new("shop").unwrap()
}

fn correlation(n: u128) -> CorrelationId {
    CorrelationId::new(uuid(n))
}

const fn attempt(activation: u64, number: u32) -> AttemptId {
    AttemptId { activation: ActivationId(Seq(activation)), attempt: AttemptNo(number) }
}

fn envelope(id: u128, producer: Producer) -> Envelope {
    Envelope {
        id: ArtifactId::new(uuid(id)),
        type_no: TypeNo(0),
        producer,
        correlation: correlation(7),
        parents: Vec::new(),
        causes: smallvec![],
        depth: 0,
        tags: Vec::new(),
        visibility: Visibility::PUBLIC,
        ordering_key: None,
        idempotency_key: None,
        not_before: None,
        expires_at: None,
        trace: None,
        payload_len: 2,
        payload_hash: Hash::of(b"{}"),
    }
}

/// An artifact with nothing left out.
fn full() -> Envelope {
    Envelope {
        correlation: correlation(8),
        parents: vec![correlation(7)],
        causes: smallvec![Seq(6)],
        depth: 1,
        tags: vec![Tag::new("blue").unwrap(), Tag::new("red").unwrap()],
        visibility: Visibility::restricted(Restriction {
            agents: Some(Box::new([AgentName::new("clerk").unwrap()])),
            labels: Box::new([Label::new("pii").unwrap()]),
            tenants: Box::new([TenantId::new("acme").unwrap()]),
            from: Some(Timestamp(1_795_000_000_000)),
        }),
        ordering_key: Some(OrderingKey::new("customer 9").unwrap()),
        idempotency_key: Some(IdempotencyKey::new("order 12").unwrap()),
        not_before: Some(Box::new(NotBefore::At(Timestamp(1_790_000_000_000)))),
        expires_at: Some(Timestamp(1_800_000_000_000)),
        trace: Some(Box::new(TraceContext { trace_id: [4; 16], span_id: [5; 8], flags: 1 })),
        ..envelope(2, Producer::Agent { agent: AgentNo(0), attempt: attempt(8, 1) })
    }
}

fn committed(envelope: Envelope, woken: &[u32]) -> Event {
    let woken = woken.iter().copied().map(SubscriptionNo).collect();
    let declined = Box::new([(SubscriptionNo(1), Clause::Filter)]);
    let keys = vec![(SubscriptionNo(0), Some(OrderingKey::new("north").unwrap()))];
    let members = Box::new([(SubscriptionNo(0), Box::from([AgentNo(0), AgentNo(300)]))]);
    let verdicts = Verdicts { woken, declined, declined_more: 3, keys: keys.into(), members };
    Event::ArtifactCommitted(Arc::new(Draft { envelope, verdicts }))
}

fn defined(no: u32, name: &str, subscription: u32) -> Event {
    let definition = AgentDefinition {
        name: AgentName::new(name).unwrap(),
        kind: AgentKind::Agent,
        subscriptions: vec![SubscriptionDefinition {
            types: vec![TypeName::new("shop.Order").unwrap()],
            from: vec![AgentName::new("clerk").unwrap()],
            not_from: vec![AgentName::new("auditor").unwrap()],
            self_trigger: true,
            tags_all: vec![Tag::new("red").unwrap()],
            tags_any: vec![Tag::new("blue").unwrap()],
            filter: Filter::Closure { label: "src/shop.rs:9".into() },
            priority: 7,
            key: KeyOf::Field { path: Path::default().then("region").then(2), optional: true },
            ordered: Some(OnDead::Stop),
            after: 300,
            wakes: Wakes::AtOnce,
            group: Some(AgentName::new("crew").unwrap()),
        }],
        outputs: vec![TypeName::new("shop.Order").unwrap()],
        retry: Retry::exponential(Duration::from_millis(1_500)).jitter(Jitter::None),
        attempt_timeout: Duration::from_secs(60),
        total_timeout: Some(Duration::from_secs(600)),
        concurrency: 4,
        key_concurrency: Some(3),
        dead_letter_queue: QueueName::new(name).unwrap(),
        dead_letters: DeadLetterKeeping { time: Duration::from_secs(86_400), trace: false },
        limits: limits(),
        dependencies: vec![DependencyName::new("bank").unwrap()],
        clearance: Clearance {
            labels: vec![Label::new("pii").unwrap()],
            tenants: Tenants::Only(Box::new([TenantId::new("acme").unwrap()])),
        },
        output_rules: vec![OutputRule {
            type_name: TypeName::new("shop.Order").unwrap(),
            conditional: true,
            checks: vec!["not empty".into()],
            count: Some((1..=300).into()),
        }],
        candidates: 2,
        crash_loop: 7,
        alert_after: Some(Duration::from_secs(60)),
    };
    let subscriptions = vec![SubscriptionNo(subscription)];
    Event::AgentDefined { agent: AgentNo(no), definition: Arc::new(definition), subscriptions }
}

fn limits() -> Limits {
    let breaker = Breaker::failure_rate(40).recovery_backoff(1.5, Duration::from_secs(90));
    Limits { breaker: Some(breaker), rate: Some(RateLimit::per_minute(9).burst(2)) }
}

/// What a breaker and an operator do.
fn held_back() -> Vec<Event> {
    let agent = Metered::Agent(AgentNo(0));
    let bank = Metered::Dependency(DependencyNo(0));
    let counts = Counts { calls: 5, failures: 4 };
    let opened = |of, why, until| Event::BreakerOpened { of, why, until, counts };
    vec![
        opened(agent, Tripped::Rate, Elapsed(41)),
        Event::BreakerHalfOpened { of: agent, openings: 3 },
        Event::BreakerClosed { of: agent, why: Mended::Probes, counts },
        opened(bank, Tripped::Operator, Elapsed::NEVER),
        Event::Paused { what: Pausable::Board },
        Event::Paused { what: Pausable::Agent(AgentNo(0)) },
        Event::Paused { what: Pausable::Correlation(correlation(7)) },
        Event::Resumed { what: Pausable::Board },
    ]
}

/// What a predicate in CEL does that fails.
fn failing() -> Vec<Event> {
    let Event::AgentDefined { definition, .. } = defined(2, "picker", 2) else { return Vec::new() };
    let mut definition = (*definition).clone();
    definition.subscriptions[0].filter = Filter::Cel(Cel::new("payload.n > 3").unwrap());
    let (definition, subscription) = (Arc::new(definition), SubscriptionNo(2));
    let clause = Clause::FilterBound;
    let verdicts = Verdicts { declined: Box::new([(subscription, clause)]), ..Verdicts::default() };
    let envelope = envelope(4, Producer::Program(program()));
    vec![
        Event::AgentDefined { agent: AgentNo(2), definition, subscriptions: vec![subscription] },
        Event::ArtifactCommitted(Arc::new(Draft { envelope, verdicts })),
        Event::PredicateFailed { subscription, clause, count: 1, text: Some(Hash::of(b"text")) },
    ]
}

fn created(of: u64, correlation: CorrelationId) -> Event {
    Event::ActivationCreated {
        subscription: SubscriptionNo(0),
        inputs: smallvec![Seq(of)],
        correlation,
        key: Some(OrderingKey::new("north").unwrap()),
        not_before: None,
        members: Box::from([AgentNo(0), AgentNo(300)]),
    }
}

fn started(of: AttemptId) -> Event {
    let session = SessionId::new(uuid(21));
    Event::AttemptStarted {
        attempt: of,
        session,
        seed: u64::MAX,
        deadline: Elapsed(70_000),
        slots: 2,
        member: Some(AgentNo(1)),
    }
}

fn ended(of: AttemptId, end: AttemptEnd, next: Next) -> Event {
    let report = Some(Hash::of(b"report"));
    Event::AttemptEnded { attempt: of, end, next, report, fingerprint: Some(Fingerprint([9; 8])) }
}

/// How a board begins: events 1 to 8.
fn beginning() -> Vec<Event> {
    vec![
        Event::BoardCreated {
            name: BoardName::new("shop").unwrap(),
            incarnation: Incarnation::new(uuid(1)),
            level: LEVEL,
            dev: true,
        },
        Event::OwnerChanged {
            epoch: Epoch(1),
            process: ProcessId::new(uuid(20)),
            program: program(),
        },
        Event::TypeRegistered {
            type_no: TypeNo(0),
            name: TypeName::new("shop.Order").unwrap(),
            version: 2,
            schema: r#"{"type":"object"}"#.into(),
        },
        Event::DependencyDefined {
            dependency: DependencyNo(0),
            definition: Arc::new(DependencyDefinition {
                name: DependencyName::new("bank").unwrap(),
                limits: Limits { breaker: Some(Breaker::default().probes(2)), rate: None },
            }),
        },
        defined(0, "packer", 0),
        Event::SessionOpened {
            session: SessionId::new(uuid(21)),
            process: ProcessId::new(uuid(20)),
            slots: 8,
        },
        committed(envelope(1, Producer::Program(program())), &[0]),
        created(7, correlation(7)),
    ]
}

/// What happens then: events 9 to 25.
fn work() -> Vec<Event> {
    vec![
        started(attempt(8, 1)),
        Event::StepRecorded {
            attempt: attempt(8, 1),
            step: StepName::new("charge").unwrap(),
            result: Hash::of(b"1"),
        },
        ended(
            attempt(8, 1),
            AttemptEnd::Failed(ErrorKind::RateLimited { retry_after_ms: Some(1_200) }),
            Next::Dead(DeadReason::AttemptsExhausted),
        ),
        Event::ActivationRedriven(Box::new(Redriven {
            activation: ActivationId(Seq(8)),
            subscription: SubscriptionNo(0),
            inputs: smallvec![Seq(7)],
            correlation: correlation(7),
            key: Some(OrderingKey::new("north").unwrap()),
            out_of_order: true,
            attempts: 1,
            trail: vec![Seq(9), Seq(11)],
            steps: vec![Step {
                name: StepName::new("charge").unwrap(),
                seq: Seq(10),
                mark: StepMark::Idempotent,
            }],
            members: Box::from([AgentNo(0), AgentNo(300)]),
            not_before: Some(Elapsed(43)),
        })),
        committed(full(), &[0]),
        created(13, correlation(8)),
        Event::ActivationClosed {
            activation: ActivationId(Seq(14)),
            why: Closure::Dead(DeadReason::TotalTimeout),
        },
        Event::DeadLetterDropped {
            activation: ActivationId(Seq(14)),
            subscription: SubscriptionNo(2),
            key: Some(OrderingKey::new("lane").unwrap()),
        },
        Event::CorrelationCancelled { correlation: correlation(8) },
        Event::ClockJumped { by_ms: -90_000 },
        defined(1, "billing", 1),
        Event::AgentRetired { agent: AgentNo(1) },
        started(attempt(8, 2)),
        ended(
            attempt(8, 2),
            AttemptEnd::Lost,
            Next::Retry { not_before: Elapsed(9_000), counted: false },
        ),
        Event::SessionEnded { session: SessionId::new(uuid(21)), reason: SessionEnd::Lost },
        committed(envelope(3, Producer::Operator(OperatorName::new("ann").unwrap())), &[0]),
        created(24, correlation(7)),
    ]
}

/// Two deaths that somebody wants to be told of, of which one is, and an alert: events 44 to 49.
fn owed() -> Vec<Event> {
    let Event::AgentDefined { definition, .. } = defined(2, "undertaker", 2) else {
        return Vec::new();
    };
    let mut definition = AgentDefinition::clone(&definition);
    definition.subscriptions[0].types = vec![TypeName::new("artel.DeadLetter").unwrap()];
    let dies = |id, why| {
        let activation = ActivationId(Seq(id));
        Event::ActivationClosed { activation, why: Closure::Dead(why) }
    };
    vec![
        Event::TypeRegistered {
            type_no: TypeNo(1),
            name: TypeName::new("artel.DeadLetter").unwrap(),
            version: 1,
            schema: r#"{"type":"object"}"#.into(),
        },
        Event::AgentDefined {
            agent: AgentNo(2),
            definition: Arc::new(definition),
            subscriptions: vec![SubscriptionNo(2)],
        },
        dies(25, DeadReason::BadKey),
        dies(8, DeadReason::TotalTimeout),
        Event::DebtPaid { debt: DebtId(Seq(46)) },
        Event::AlertEnded {
            agent: AgentNo(0),
            alert: DebtId(Seq(46)),
            deaths: 1,
            tries: 300,
            end: AlertEnd::GivenUp,
        },
        Event::Adopted { incarnation: Incarnation::new(uuid(31)), span: 300 },
    ]
}

/// What irreversible steps, deaths and limits leave.
fn deaths() -> Vec<Event> {
    let (one, two) = (attempt(25, 1), attempt(25, 2));
    let [mail, charge] = ["mail", "charge"].map(|name| StepName::new(name).unwrap());
    let intended = |step: &StepName| Event::StepIntended { attempt: one, step: step.clone() };
    vec![
        started(one),
        intended(&mail),
        Event::StepWithdrawn { attempt: one, step: mail.clone() },
        intended(&charge),
        Event::LimitReached {
            attempt: one,
            correlation: correlation(7),
            limit: Reached::CorrelationArtifacts,
            value: 100_001,
            bound: 100_000,
        },
        ended(one, AttemptEnd::Lost, Next::Dead(DeadReason::InDoubt)),
        Event::StepSettled {
            activation: ActivationId(Seq(25)),
            step: charge.clone(),
            result: Some(Hash::of(b"2")),
        },
        Event::ActivationRedriven(Box::new(Redriven {
            activation: ActivationId(Seq(25)),
            subscription: SubscriptionNo(0),
            inputs: smallvec![Seq(24)],
            correlation: correlation(7),
            key: Some(OrderingKey::new("north").unwrap()),
            out_of_order: false,
            attempts: 1,
            trail: vec![Seq(34), Seq(38), Seq(39)],
            steps: vec![Step { name: charge, seq: Seq(40), mark: StepMark::Irreversible }],
            members: Box::from([AgentNo(300)]),
            not_before: None,
        })),
        started(two),
        ended(two, AttemptEnd::Lost, Next::Retry { not_before: Elapsed(9_500), counted: false }),
    ]
}

fn decisions() -> Vec<Decision> {
    let decision = |n: u64, actor, events| Decision {
        command: CommandId::new(uuid(u128::from(n))),
        actor,
        at: Timestamp(1_767_225_600_000 + i64::try_from(n).unwrap()),
        elapsed: Elapsed(n),
        correlation: Some(correlation(7)),
        trace: Some(TraceContext { trace_id: [6; 16], span_id: [7; 8], flags: 0 }),
        events,
    };
    let name = OperatorName::new("ann").unwrap();
    vec![
        decision(40, Actor::Program(program()), beginning()),
        decision(41, Actor::Operator { name, reason: "it is whole again".into() }, work()),
        Decision { correlation: None, trace: None, ..decision(42, Actor::Board, held_back()) },
        decision(43, Actor::Attempt(attempt(8, 2)), Vec::new()),
        decision(44, Actor::Board, deaths()),
        decision(45, Actor::Board, owed()),
        decision(46, Actor::Program(program()), failing()),
    ]
}

/// A number for each kind of event. A new kind has to be put in here, and then into the events
/// above, as part of a new golden file if the format was released.
const fn kind(event: &Event) -> u8 {
    match event {
        Event::BoardCreated { .. } => 0,
        Event::OwnerChanged { .. } => 1,
        Event::ClockJumped { .. } => 2,
        Event::TypeRegistered { .. } => 3,
        Event::AgentDefined { .. } => 4,
        Event::AgentRetired { .. } => 5,
        Event::SessionOpened { .. } => 6,
        Event::SessionEnded { .. } => 7,
        Event::ArtifactCommitted(_) => 8,
        Event::ActivationCreated { .. } => 9,
        Event::AttemptStarted { .. } => 10,
        Event::AttemptEnded { .. } => 11,
        Event::StepRecorded { .. } => 12,
        Event::ActivationClosed { .. } => 13,
        Event::ActivationRedriven(_) => 14,
        Event::DeadLetterDropped { .. } => 15,
        Event::CorrelationCancelled { .. } => 16,
        Event::DependencyDefined { .. } => 17,
        Event::BreakerOpened { .. } => 18,
        Event::BreakerHalfOpened { .. } => 19,
        Event::BreakerClosed { .. } => 20,
        Event::Paused { .. } => 21,
        Event::Resumed { .. } => 22,
        Event::DebtPaid { .. } => 23,
        Event::PredicateFailed { .. } => 24,
        Event::StepIntended { .. } => 25,
        Event::StepWithdrawn { .. } => 26,
        Event::StepSettled { .. } => 27,
        Event::LimitReached { .. } => 28,
        Event::AlertEnded { .. } => 29,
        Event::Adopted { .. } => 30,
    }
}
const KINDS: u8 = 31;

fn place() -> Place {
    Place {
        epoch: Epoch(1),
        first: Seq(1),
        last: Seq(352),
        at: Timestamp(1_767_225_600_046),
        previous: genesis(Incarnation::new(uuid(1))),
    }
}

/// The bytes of a golden file, which has them as hexadecimal digits, 32 bytes a line.
fn golden(name: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests").join(FOLDER).join(name);
    let text = fs::read_to_string(&path).unwrap_or_default();
    let digits: Vec<char> = text.chars().filter(char::is_ascii_hexdigit).collect();
    let byte = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

/// What a golden file of these bytes looks like.
fn written(bytes: &[u8]) -> String {
    let line = |line: &[u8]| line.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    bytes.chunks(32).map(|bytes| line(bytes) + "\n").collect()
}

fn folded(decisions: &[Decision]) -> State {
    let mut state = State::default();
    for decision in decisions {
        state.apply(decision, &mut Changes::default()).unwrap();
    }
    state
}

/// FORMAT-1: batches of a released format are read for ever, and this release writes the same.
#[test]
fn a_batch_reads_as_it_was_written() {
    let decisions = decisions();
    let kinds: BTreeSet<u8> =
        decisions.iter().flat_map(|decision| &decision.events).map(kind).collect();
    assert_eq!(kinds, (0..KINDS).collect(), "every kind of event is in the file");
    let mut encoder = Encoder::default();
    for decision in &decisions {
        encoder.push(decision);
    }
    let bytes = encoder.take();
    assert_eq!(golden("batch.hex"), bytes, "this release writes\n{}", written(&bytes));
    let batch = Batch::seal(place(), golden("batch.hex").into());
    assert_eq!(batch.decisions().unwrap(), decisions);
    assert_eq!(golden("batch.hash"), batch.header.hash.0, "the hash is {}", batch.header.hash);
}

/// FORMAT-2: the same events make the same state, byte for byte, within one state format.
#[test]
fn a_state_is_what_it_was() {
    let state = folded(&decisions());
    let bytes = state.encode();
    assert_eq!(golden("state.hex"), bytes, "this release makes\n{}", written(&bytes));
    let read = State::decode(&golden("state.hex")).unwrap();
    assert_eq!(read.hash(), state.hash());
}
