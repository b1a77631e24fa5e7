//! Each check of the audit sees what it is there for: a real history and its ledger, damaged in one
//! place, with the checks that must find it and those that must not.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use uuid::Uuid;

use artel::{Artifact, Board, Context, CreateBoard, Error, MemoryStore, Retry, Running};
use artel_core::event::{AttemptEnd, Event, Next};
use artel_core::hash::Hash;
use artel_core::ids::{ArtifactId, AttemptNo, CommandId, Incarnation, Seq};
use artel_core::names::BoardName;
use artel_core::record::Decision;

use super::{Audited, Check, History, Recorded, Stage, audit};
use crate::ledger::{Ledger, Line};
use crate::{FaultyLog, SeededEntropy, VirtualClock};

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Artifact)]
#[artifact(name = "crash.Order")]
struct Order {
    number: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Artifact)]
#[artifact(name = "crash.Bill")]
struct Bill {
    number: u32,
}

type Lines = Arc<Mutex<Vec<Line>>>;

fn note(lines: &Lines, line: Line) {
    lines.lock().unwrap().push(line);
}

fn begin(cx: &Context) -> Line {
    let agent = cx.agent().to_owned();
    Line::Begin { activation: cx.activation(), attempt: cx.attempt(), agent }
}

fn end(cx: &Context, ok: bool) -> Line {
    Line::End { activation: cx.activation(), attempt: cx.attempt(), ok }
}

/// A process of the program: the first order hangs in its first attempt, the second fails in it.
async fn start(
    log: Arc<FaultyLog>,
    process: u64,
    lines: &Lines,
    hangs: &watch::Sender<bool>,
) -> Running {
    let board = Board::builder("memory:")
        .log(log)
        .clock(Arc::new(VirtualClock::default()))
        .entropy(Arc::new(SeededEntropy::new(process)))
        .open()
        .await
        .unwrap();
    let (billing, filing, hangs) = (lines.clone(), lines.clone(), hangs.clone());
    let soon = Retry::fixed(Duration::from_millis(10)).max_attempts(3);
    board.agent("bill").on::<Order>().retry(soon).run(move |cx: Context, order: Arc<Order>| {
        let (lines, hangs) = (billing.clone(), hangs.clone());
        async move {
            note(&lines, begin(&cx));
            if cx.attempt() == AttemptNo(1) && order.number == 1 {
                hangs.send_replace(true);
                std::future::pending::<()>().await;
            }
            let fails = cx.attempt() == AttemptNo(1) && order.number == 2;
            note(&lines, end(&cx, !fails));
            let bill = Bill { number: order.number };
            if fails { Err(Error::transient("not yet")) } else { Ok(bill) }
        }
    });
    board.agent("file").on::<Bill>().run(move |cx: Context, _: Arc<Bill>| {
        let lines = filing.clone();
        async move {
            note(&lines, begin(&cx));
            note(&lines, end(&cx, true));
            Ok::<_, Error>(())
        }
    });
    let running = board.start().await.unwrap();
    saw(&running, lines).await;
    running
}

async fn saw(running: &Running, lines: &Lines) {
    let (seq, hash) = running.state_hash().await.unwrap();
    note(lines, Line::State { seq, hash: hash.to_string() });
}

async fn publish(running: &Running, lines: &Lines, number: u32) {
    let receipt = running.publish(Order { number }).await.unwrap();
    note(lines, Line::Acknowledged { artifact: receipt.id, seq: receipt.seq });
}

/// Two processes: the first dies while an attempt of it runs.
async fn undamaged() -> (History, Ledger) {
    let create = CreateBoard {
        board: BoardName::new("orders").unwrap(),
        incarnation: Incarnation::new(Uuid::from_u64_pair(7, 7)),
        dev: false,
    };
    let (store, lines) = (MemoryStore::new(create), Lines::default());
    let hangs = watch::Sender::new(false);
    let log = || Arc::new(FaultyLog::new(store.open()));
    let dies = log();
    let first = start(dies.clone(), 1, &lines, &hangs).await;
    publish(&first, &lines, 1).await;
    hangs.subscribe().wait_for(|hangs| *hangs).await.unwrap();
    dies.crash();
    drop(first);
    let second = start(log(), 2, &lines, &hangs).await;
    publish(&second, &lines, 2).await;
    publish(&second, &lines, 3).await;
    second.idle().await.unwrap();
    saw(&second, &lines).await;
    let history = History::read(&*second.log()).await.unwrap();
    second.shutdown().await;
    let lines = std::mem::take(&mut *lines.lock().unwrap());
    (history, Ledger { lines, torn: 0 })
}

/// One way to damage a history or its ledger, and who must see it.
struct Damage {
    what: &'static str,
    damage: fn(&mut History, &mut Ledger),
    found_by: &'static [Check],
}

fn decisions(history: &mut History) -> impl Iterator<Item = &mut Decision> {
    history.batches.iter_mut().flat_map(|batch| &mut batch.decisions)
}

fn events(history: &mut History) -> impl Iterator<Item = &mut Event> {
    decisions(history).flat_map(|decision| &mut decision.events)
}

/// The last event of a kind.
fn last(history: &mut History, wanted: impl Fn(&Event) -> bool) -> &mut Event {
    events(history).filter(|event| wanted(event)).last().unwrap()
}

const fn is_done(event: &Event) -> bool {
    matches!(event, Event::AttemptEnded { end: AttemptEnd::Done, .. })
}

const fn is_failed(event: &Event) -> bool {
    matches!(event, Event::AttemptEnded { end: AttemptEnd::Failed(_), .. })
}

const fn is_start(event: &Event) -> bool {
    matches!(event, Event::AttemptStarted { .. })
}

/// The events of a decision, each as a decision.
fn apart(decision: Decision) -> impl Iterator<Item = Decision> {
    let events = decision.events.clone();
    events.into_iter().map(move |event| Decision { events: vec![event], ..decision.clone() })
}

fn line(ledger: &mut Ledger, wanted: impl Fn(&Line) -> bool) -> usize {
    ledger.lines.iter().rposition(wanted).unwrap()
}

const fn is_begin(line: &Line) -> bool {
    matches!(line, Line::Begin { .. })
}

/// Damage to the log. What changes an event changes the fold as well; `State` sees that.
const LOGS: &[Damage] = &[
    Damage {
        what: "a batch does not carry the hash of the one before",
        damage: |history, _| history.batches[3].header.previous = Hash::default(),
        found_by: &[Check::Chain],
    },
    Damage {
        what: "a batch is missing in the middle",
        damage: |history, _| drop(history.batches.remove(1)),
        // The agents were defined in it.
        found_by: &[Check::Chain, Check::Seq, Check::State, Check::Execution],
    },
    Damage {
        what: "a batch has an event less than its seqs",
        damage: |history, _| {
            let batch = history.batches.last_mut().unwrap();
            batch.header.last = batch.header.last.next();
        },
        found_by: &[Check::Seq],
    },
    Damage {
        what: "an attempt that failed is called done, and the next one begins all the same",
        damage: |history, _| {
            let failed = last(history, is_failed);
            let Event::AttemptEnded { end, next, .. } = failed else { unreachable!() };
            (*end, *next) = (AttemptEnd::Done, Next::Closed);
        },
        found_by: &[Check::State, Check::Done, Check::Worked],
    },
    Damage {
        what: "an attempt begins twice",
        damage: |history, _| {
            let again = events(history).find(|event| is_start(event)).unwrap().clone();
            *last(history, is_start) = again;
        },
        found_by: &[Check::State, Check::Attempt, Check::Done, Check::Settled, Check::Execution],
    },
    Damage {
        what: "an attempt ends twice, and another one never",
        damage: |history, _| {
            let again = events(history).find(|event| is_done(event)).unwrap().clone();
            *last(history, is_done) = again;
        },
        found_by: &[Check::State, Check::Attempt, Check::Done, Check::Output, Check::Settled],
    },
    Damage {
        what: "an output comes in another command than the end of its attempt",
        damage: |history, _| {
            let other = CommandId::from_bytes([9; 16]);
            let outputs = |event: &Event| matches!(event, Event::ArtifactCommitted(draft) if draft.envelope.depth > 0);
            // Its own decision, so that nothing but the command changes for the fold.
            let batches = &mut history.batches;
            let all = batches.iter_mut().flat_map(|batch| {
                batch.decisions =
                    std::mem::take(&mut batch.decisions).into_iter().flat_map(apart).collect();
                &mut batch.decisions
            });
            let with_output = all.filter(|one| one.events.iter().any(outputs));
            with_output.for_each(|one| one.command = other);
        },
        found_by: &[Check::Output],
    },
    Damage {
        what: "an artifact is committed a second time",
        damage: |history, _| {
            let is_artifact = |event: &&mut Event| matches!(event, Event::ArtifactCommitted(_));
            let again = events(history).filter(is_artifact).last().unwrap().clone();
            *events(history).filter(is_artifact).nth(1).unwrap() = again;
        },
        found_by: &[Check::State, Check::Output],
    },
    Damage {
        what: "an attempt has no end",
        damage: |history, _| {
            *last(history, is_done) = Event::ClockJumped { by_ms: 1 };
        },
        found_by: &[Check::State, Check::Settled],
    },
    Damage {
        what: "the log lacks its last batches, which were seen",
        damage: |history, _| history.batches.truncate(history.batches.len() - 1),
        found_by: &[Check::State, Check::Settled],
    },
];

/// Damage to the ledger.
const LEDGERS: &[Damage] = &[
    Damage {
        what: "a process has seen another state",
        damage: |_, ledger| {
            let at = line(ledger, |line| matches!(line, Line::State { .. }));
            let Line::State { hash, .. } = &mut ledger.lines[at] else { unreachable!() };
            *hash = Hash::default().to_string();
        },
        found_by: &[Check::State],
    },
    Damage {
        what: "an artifact was acknowledged and is not on the board",
        damage: |_, ledger| {
            let artifact = ArtifactId::from_bytes([9; 16]);
            ledger.lines.push(Line::Acknowledged { artifact, seq: Seq(12) });
        },
        found_by: &[Check::Input],
    },
    Damage {
        what: "an artifact was acknowledged elsewhere",
        damage: |_, ledger| {
            let at = line(ledger, |line| matches!(line, Line::Acknowledged { .. }));
            let Line::Acknowledged { seq, .. } = &mut ledger.lines[at] else { unreachable!() };
            *seq = seq.next();
        },
        found_by: &[Check::Input],
    },
    Damage {
        what: "a handler ran twice for one attempt",
        damage: |_, ledger| {
            let at = line(ledger, is_begin);
            let again = ledger.lines[at].clone();
            ledger.lines.insert(at, again);
        },
        found_by: &[Check::Execution],
    },
    Damage {
        what: "a handler ran for an attempt that never began",
        damage: |_, ledger| {
            let at = line(ledger, is_begin);
            let Line::Begin { activation, agent, .. } = ledger.lines[at].clone() else {
                unreachable!()
            };
            ledger.lines.push(Line::Begin { activation, attempt: AttemptNo(9), agent });
        },
        found_by: &[Check::Execution],
    },
    Damage {
        what: "the handler of another agent ran",
        damage: |_, ledger| {
            let at = line(ledger, is_begin);
            let Line::Begin { agent, .. } = &mut ledger.lines[at] else { unreachable!() };
            *agent = "bill".to_owned();
        },
        found_by: &[Check::Execution],
    },
    Damage {
        what: "a handler ended that had not begun",
        damage: |_, ledger| {
            let at = line(ledger, is_begin);
            ledger.lines.remove(at);
        },
        found_by: &[Check::Execution],
    },
    Damage {
        what: "an attempt is done whose handler never returned",
        damage: |_, ledger| {
            let at = line(ledger, |line| matches!(line, Line::End { .. }));
            ledger.lines.remove(at);
        },
        found_by: &[Check::Worked],
    },
];

/// I1, I3, I5, I6, I10: every damage is found by the checks that are there for it.
#[tokio::test(start_paused = true)]
async fn every_damage_is_found_by_its_checks() {
    let (history, ledger) = undamaged().await;
    let mut unlike = Vec::new();
    for Damage { what, damage, found_by } in LOGS.iter().chain(LEDGERS) {
        let (mut history, mut ledger) = (history.clone(), ledger.clone());
        damage(&mut history, &mut ledger);
        let verdicts = audit(&history, &ledger, Stage::Settled).verdicts;
        if verdicts.failed() != *found_by {
            let failed = verdicts.failed().into_iter();
            let found: Vec<_> = failed.map(|check| (check, verdicts.of(check).findings)).collect();
            unlike.push(format!("{what}: {found_by:?} should find it, and not {found:#?}"));
        }
    }
    assert!(unlike.is_empty(), "{}", unlike.join("\n"));
}

#[tokio::test(start_paused = true)]
async fn nothing_is_found_where_nothing_is_damaged() {
    let (history, ledger) = undamaged().await;
    let audited = audit(&history, &ledger, Stage::Settled);
    assert_eq!(audited.verdicts.failed(), [], "{:#?}", audited.verdicts);
    let Audited { activations, done, attempts, lost, executions, repeated, inputs, .. } = audited;
    assert_eq!((inputs, activations, done), (3, 6, 6));
    assert_eq!((attempts, lost), (8, 1), "one was lost, one failed");
    assert_eq!((executions, repeated), (8, 2));
    let looked_at = |check| audited.verdicts.of(check).looked_at > 0;
    let elsewhere = [Check::Prefix, Check::Store, Check::Result, Check::Refused, Check::Window];
    for check in Check::ALL {
        assert_eq!(looked_at(check), !elsewhere.contains(&check), "{check:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn open_work_is_found_only_when_the_program_has_ended() {
    let (mut history, mut ledger) = undamaged().await;
    // Up to the batch in which a first attempt began.
    let starts = |batch: &Recorded| {
        let events = batch.decisions.iter().flat_map(|one| &one.events);
        events.clone().any(is_start)
    };
    let until = history.batches.iter().position(starts).unwrap();
    history.batches.truncate(until + 1);
    let last = history.last();
    ledger.lines.retain(|line| match line {
        Line::State { seq, .. } | Line::Acknowledged { seq, .. } => *seq <= last,
        Line::Begin { activation, .. } | Line::End { activation, .. } => activation.0 <= last,
    });
    let killed = audit(&history, &ledger, Stage::Killed).verdicts;
    let settled = audit(&history, &ledger, Stage::Settled).verdicts;
    assert!(!killed.failed().contains(&Check::Settled), "{killed:#?}");
    assert!(settled.failed().contains(&Check::Settled), "{settled:#?}");
}
