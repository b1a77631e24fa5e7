//! Every beginning of a log, with any snapshot of it, opens as the board that it was.

use std::sync::Arc;

use proptest::prelude::*;
use uuid::Uuid;

use artel::log::{Append, Claim, Rows, Snapshot};
use artel::{Board, Classify, Context, CreateBoard, ErrorKind, MemoryStore, Reader, Running};
use artel_core::board::{Changes, State};
use artel_core::ids::{Incarnation, ProcessId, Seq};
use artel_core::names::{BoardName, ProgramName};
use artel_core::record::Batch;
use artel_testkit::{SeededEntropy, VirtualClock, check};

use super::set_up::{Order, Part, order};

pub(super) fn store() -> MemoryStore {
    MemoryStore::new(CreateBoard {
        board: BoardName::new("prefixes").unwrap(),
        incarnation: Incarnation::new(Uuid::from_u128(9)),
        dev: false,
    })
}

/// The board of a store, opened by the process of this number, which draws ids of its own.
async fn open(store: &MemoryStore, process: u64) -> Board {
    let builder = Board::builder("memory:").log(store.open());
    let entropy = Arc::new(SeededEntropy::new(process));
    builder.clock(Arc::new(VirtualClock::default())).entropy(entropy).open().await.unwrap()
}

#[derive(Debug)]
struct Odd;

impl std::fmt::Display for Odd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("it is odd")
    }
}

impl std::error::Error for Odd {}

impl Classify for Odd {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Permanent
    }
}

/// Makes a part of what is even, and a dead letter of what is odd.
async fn part(_: Context, order: Arc<Order>) -> Result<Part, Odd> {
    if order.size % 2 == 1 {
        return Err(Odd);
    }
    Ok(Part { size: order.size })
}

/// The log of a board that a process for each of `lives` has worked on.
async fn history(lives: &[Vec<u32>]) -> Vec<Batch> {
    let store = store();
    for (process, sizes) in (1..).zip(lives) {
        let board = open(&store, process).await;
        board.agent("part").on::<Order>().run(part);
        let running = board.start().await.unwrap();
        for &size in sizes {
            running.publish(order(size)).await.unwrap();
        }
        running.idle().await.unwrap();
        assert!(running.shutdown().await.complete);
    }
    store.open().read(Seq(1), usize::MAX).await.unwrap()
}

/// A log that holds these batches. What lies beside a log is never folded, and is left out.
pub(super) async fn copy(batches: &[Batch]) -> MemoryStore {
    let store = store();
    let log = store.open();
    let process = ProcessId::new(Uuid::from_u128(1));
    for batch in batches {
        while log.head().await.unwrap().epoch < batch.header.epoch {
            let program = ProgramName::new("copy").unwrap();
            log.own(Claim { process, program, endpoint: None }).await.unwrap();
        }
        let append = Append { batch: batch.clone(), rows: Rows::default() };
        log.append(append).await.unwrap();
    }
    store
}

/// The states after each batch, the first of which is that of no log.
fn states(batches: &[Batch]) -> Vec<State> {
    let mut states = vec![State::default()];
    for batch in batches {
        let mut state = states[states.len() - 1].clone();
        for decision in batch.decisions().unwrap() {
            state.apply(&decision, &mut Changes::default()).unwrap();
        }
        states.push(state);
    }
    states
}

/// Leaves a snapshot that says it ends with a batch, and holds a state.
async fn leave(store: &MemoryStore, batch: &Batch, state: &State) {
    let (seq, batch_hash) = (batch.header.last, batch.header.hash);
    let snapshot = Snapshot { seq, batch_hash, state_hash: state.hash(), bytes: state.encode() };
    store.open().put_snapshot(snapshot).await.unwrap();
}

/// A reader folds the log of a store to this state, and another process takes it over from there.
async fn opens(store: &MemoryStore, state: &State, from: &str) -> Running {
    let reader = Reader::of(store.open()).await.unwrap();
    assert_eq!(reader.state().hash(), state.hash(), "{from}");
    drop(reader);
    let board = open(store, 1_000).await;
    board.type_of::<Order>();
    let running = board.start().await.unwrap();
    running.publish(order(2)).await.unwrap();
    let (_, live) = running.state_hash().await.unwrap();
    let batches = store.open().read(Seq(1), usize::MAX).await.unwrap();
    assert_eq!(states(&batches).last().unwrap().hash(), live, "{from}, and gone on");
    running
}

/// REST-1, I10: a snapshot that holds another state than the one that it says is passed over, whether
/// that lies before or behind it.
#[tokio::test(start_paused = true)]
async fn a_snapshot_of_another_moment_is_passed_over() {
    let batches = history(&[vec![1, 2], vec![4]]).await;
    let (states, len) = (states(&batches), batches.len());
    for (says, holds) in [(len - 1, len - 2), (len - 2, len - 1)] {
        let store = copy(&batches).await;
        leave(&store, &batches[says - 1], &states[holds]).await;
        let running = opens(&store, &states[len], &format!("says {says}, holds {holds}")).await;
        assert!(running.shutdown().await.complete);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: (ProptestConfig::default().cases / 16).max(1),
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    /// REST-1, I10: up to whichever batch a log goes, and from whichever snapshot of it, or from none,
    /// it is folded: the state is that of its events, and a new owner goes on from there.
    #[test]
    fn every_beginning_of_a_log_opens_from_every_snapshot(
        lives in prop::collection::vec(prop::collection::vec(0..9_u32, 0..6), 1..4),
        picks in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 1..6),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(async {
            let batches = history(&lives).await;
            let states = states(&batches);
            for (len, snapshot) in picks {
                let len = len.index(batches.len() + 1);
                let store = copy(&batches[..len]).await;
                let snapshot = snapshot.index(len + 1);
                if let Some(last) = batches[..snapshot].last() {
                    leave(&store, last, &states[snapshot]).await;
                }
                let from = format!("batch {len}, snapshot {snapshot}");
                let running = opens(&store, &states[len], &from).await;
                check(&running).await;
                assert!(running.shutdown().await.complete);
            }
        });
    }
}
