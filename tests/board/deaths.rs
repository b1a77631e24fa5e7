//! Deaths of processes, and limits that stop what goes round and round.

use std::sync::Arc;

use artel::event::{DeadReason, Reached};
use artel::log::{Outcome, OutcomeFilter};
use artel::state::Gate;
use artel::{
    ActivationFilter, Board, BoardBuilder, Context, Error, Group, LimitView, Publication, Reader,
    Running, Standing, StartError, Status,
};
use artel_testkit::{SeededEntropy, VirtualClock};

use super::set_up::{Order, Part, end, memory, order};

async fn hangs(_: Context, _: Arc<Order>) -> Result<Part, Error> {
    std::future::pending().await
}

async fn part(_: Context, order: Arc<Order>) -> Result<Part, Error> {
    Ok(Part { size: order.size })
}

fn url(folder: &tempfile::TempDir) -> String {
    format!("sqlite:{}", folder.path().join("test.db").display())
}

/// The process dies: it is dropped without a shutdown, so its session is still open in the log.
async fn die(running: Running) {
    let log = running.log();
    drop(running);
    log.close().await;
}

/// DEATH-2: how many processes may die of an activation is the agent's to say. At the limit it is a dead
/// letter with the reason `crash-loop`, and its attempts are told.
#[tokio::test]
async fn the_deaths_of_a_crash_loop_are_set() {
    let folder = tempfile::tempdir().unwrap();
    let mut correlation = None;
    for _ in 0..3 {
        let board = Board::open(url(&folder)).await.unwrap();
        board.agent("hangs").on::<Order>().crash_loop(2).run(hangs);
        let running = board.start().await.unwrap();
        let published = running.publish(Publication::new(order(1)).idempotency_key("one")).await;
        correlation = Some(published.unwrap().correlation);
        die(running).await;
    }
    let board = Board::open(url(&folder)).await.unwrap();
    board.agent("hangs").on::<Order>().crash_loop(2).run(hangs);
    let running = board.start().await.unwrap();
    let status = running.settled(correlation.unwrap()).await.unwrap();
    assert_eq!(status, Status::DeadLetters(1));
    let reader = Reader::of(running.log()).await.unwrap();
    let filter = ActivationFilter { outcomes: vec![OutcomeFilter::Dead], ..Default::default() };
    let dead = reader.activations(&filter).await.unwrap().activations;
    assert!(
        matches!(
            dead[0].standing,
            Standing::Closed { outcome: Outcome::Dead(DeadReason::CrashLoop), .. }
        ),
        "{dead:?}"
    );
    assert_eq!(reader.attempts(&dead[0]).await.unwrap().len(), 3);
    end(running).await;
}

/// DEATH-2, GROUP-3: the deaths of a `crash_loop` are counted for the group, whichever member ran.
#[tokio::test]
async fn a_group_has_a_crash_loop() {
    let folder = tempfile::tempdir().unwrap();
    let open = async || {
        let board = Board::open(url(&folder)).await.unwrap();
        board.group(Group::new("crew").crash_loop(1));
        for name in ["one", "two"] {
            board.agent(name).on::<Order>().exclusive("crew").run(hangs);
        }
        board.start().await.unwrap()
    };
    let mut correlation = None;
    for _ in 0..2 {
        let running = open().await;
        let one = Publication::new(order(1)).idempotency_key("one");
        correlation = Some(running.publish(one).await.unwrap().correlation);
        die(running).await;
    }
    let running = open().await;
    let status = running.settled(correlation.unwrap()).await.unwrap();
    assert_eq!(status, Status::DeadLetters(1));
    end(running).await;
}

/// DEATH-2: a limit of none is refused.
#[tokio::test(start_paused = true)]
async fn a_crash_loop_of_no_deaths_is_refused() {
    let (board, _) = memory().await;
    board.agent("hangs").on::<Order>().crash_loop(0).run(hangs);
    let refused = board.start().await.unwrap_err();
    let StartError::Agents { problems } = refused else { panic!("{refused}") };
    assert!(problems[0].contains("the deaths of a crash loop are 0"), "{problems:?}");
}

/// DEATH-1: what waits for its turn says for whom, and runs when that has ended.
#[tokio::test]
async fn suspects_wait_for_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let board = Board::open(url(&folder)).await.unwrap();
    board.agent("part").on::<Order>().run(hangs);
    let running = board.start().await.unwrap();
    let receipts = running.publish_many([order(1), order(2), order(3)]).await.unwrap();
    die(running).await;
    let board = Board::open(url(&folder)).await.unwrap();
    board.agent("part").on::<Order>().run(hangs);
    let running = board.start().await.unwrap();
    let gates = running.look(|state| {
        let all = state.activations().map(|(id, open)| (state.gate(id), open.suspect.is_some()));
        all.collect::<Vec<_>>()
    });
    let gates = gates.await.unwrap();
    assert!(gates.iter().all(|(_, suspect)| *suspect), "{gates:?}");
    assert_eq!(gates.iter().filter(|(gate, _)| gate.is_none()).count(), 1, "one runs");
    let waits = |gate: &Option<Gate>| matches!(gate, Some(Gate::Suspect(_)));
    assert_eq!(gates.iter().filter(|(gate, _)| waits(gate)).count(), 2, "{gates:?}");
    die(running).await;
    let board = Board::open(url(&folder)).await.unwrap();
    board.agent("part").on::<Order>().run(part);
    let running = board.start().await.unwrap();
    for receipt in receipts {
        assert_eq!(running.settled(receipt.correlation).await.unwrap(), Status::Done);
    }
    end(running).await;
}

async fn again(_: Context, order: Arc<Order>) -> Result<Order, Error> {
    Ok(Order { size: order.size + 1, ..(*order).clone() })
}

async fn limited(set: impl FnOnce(BoardBuilder) -> BoardBuilder) -> Board {
    let clock = Arc::new(VirtualClock::default());
    let builder = Board::builder("memory:").clock(clock);
    set(builder.entropy(Arc::new(SeededEntropy::new(7)))).open().await.unwrap()
}

/// What became of an order that an agent hands to itself, and the limit that stopped it.
async fn goes_round(board: Board) -> (DeadReason, Option<LimitView>) {
    board.agent("again").on::<Order>().self_trigger().run(again);
    let running = board.start().await.unwrap();
    let receipt = running.publish(order(1)).await.unwrap();
    assert_eq!(running.settled(receipt.correlation).await.unwrap(), Status::DeadLetters(1));
    let reader = Reader::of(running.log()).await.unwrap();
    let filter = ActivationFilter { outcomes: vec![OutcomeFilter::Dead], ..Default::default() };
    let dead = reader.activations(&filter).await.unwrap().activations.remove(0);
    let Standing::Closed { outcome: Outcome::Dead(reason), .. } = dead.standing else {
        panic!("{dead:?}")
    };
    let limit = reader.attempts(&dead).await.unwrap().last().unwrap().limit;
    end(running).await;
    (reason, limit)
}

/// LOOP-1: what goes deeper than may be is a dead letter with the reason `loop`, and its history says how
/// deep it would have been. The depth is the board's to say.
#[tokio::test(start_paused = true)]
async fn a_loop_ends_at_the_depth_that_is_set() {
    let expected = LimitView { limit: Reached::Depth, value: 4, bound: 3 };
    let board = limited(|builder| builder.depth_limit(3)).await;
    assert_eq!(goes_round(board).await, (DeadReason::Loop, Some(expected)));
    let expected = LimitView { limit: Reached::Depth, value: 101, bound: 100 };
    let board = limited(|builder| builder).await;
    assert_eq!(goes_round(board).await, (DeadReason::Loop, Some(expected)));
}

/// LOOP-2: a tree of work that gets more than may be in an hour has a dead letter with the reason `limit`,
/// whose history says so. How much is the board's to say, and a publish from outside is refused there.
#[tokio::test(start_paused = true)]
async fn a_tree_ends_at_the_size_that_is_set() {
    let expected = LimitView { limit: Reached::CorrelationArtifacts, value: 6, bound: 5 };
    let board = limited(|builder| builder.correlation_limit(5)).await;
    assert_eq!(goes_round(board).await, (DeadReason::Limit, Some(expected)));
    let board = limited(|builder| builder.correlation_limit(1)).await;
    board.type_of::<Order>();
    let running = board.start().await.unwrap();
    let refused = running.publish_many([order(1), order(2)]).await.unwrap_err();
    assert_eq!(refused.code(), "limit");
    end(running).await;
}
