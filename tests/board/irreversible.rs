//! Steps that must not be done twice, and those of which nothing is kept.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use artel::event::DeadReason;
use artel::ids::{ActivationId, Incarnation};
use artel::log::{Outcome, OutcomeFilter};
use artel::step::open_intents;
use artel::{
    ActivationFilter, ActivationView, Board, Context, CreateBoard, DeadLetterFilter, Error,
    MemoryStore, OperateError, Query, Reader, Retry, Running, Settlement, Standing, Status,
};

use super::set_up::{Order, Part, SECOND, end, memory, on, order};

/// What the outside saw, and how the effect goes on.
#[derive(Default)]
struct Bank {
    charges: AtomicU32,
    attempts: AtomicU32,
}

impl Bank {
    fn charge(&self) -> u32 {
        self.charges.fetch_add(1, Ordering::SeqCst) + 1
    }

    fn charges(&self) -> u32 {
        self.charges.load(Ordering::SeqCst)
    }
}

async fn dead(running: &Running) -> ActivationView {
    let reader = Reader::of(running.log()).await.unwrap();
    let filter = ActivationFilter { outcomes: vec![OutcomeFilter::Dead], ..Default::default() };
    let found = reader.activations(&filter).await.unwrap().activations;
    assert_eq!(found.len(), 1, "{found:?}");
    found.into_iter().next().unwrap()
}

fn reason(view: &ActivationView) -> DeadReason {
    match view.standing {
        Standing::Closed { outcome: Outcome::Dead(reason), .. } => reason,
        ref other => panic!("{other:?}"),
    }
}

/// Publishes an order for an agent, and waits for what becomes of it.
async fn run(board: Board) -> (Running, Status) {
    let running = board.start().await.unwrap();
    let receipt = running.publish(order(1)).await.unwrap();
    let status = running.settled(receipt.correlation).await.unwrap();
    (running, status)
}

/// Settles the only dead letter, and waits for what becomes of it.
async fn settle(running: &Running, settlement: Settlement) -> Status {
    let view = dead(running).await;
    let operator = running.operator("ann", "looked at the bank").unwrap();
    assert_eq!(operator.settle(view.id, settlement).await.unwrap(), 1);
    running.settled(view.correlation).await.unwrap()
}

async fn part_sizes(running: &Running) -> Vec<u32> {
    let made = running.artifacts(&Query::of::<Part>()).await.unwrap();
    made.artifacts.iter().map(|part| part.decode::<Part>().unwrap().size).collect()
}

/// STEP-5: an irreversible step runs once, with its key, and a later attempt gets the record.
#[tokio::test(start_paused = true)]
async fn an_irreversible_step_is_done_once() {
    async fn work(cx: Context, _: Arc<Order>, bank: Arc<Bank>) -> Result<Part, Error> {
        let expected = cx.step_key("charge");
        let size = cx
            .irreversible("charge", |key| {
                assert_eq!(key, expected);
                async { Ok::<_, Error>(40 + bank.charge()) }
            })
            .await?;
        if cx.attempt().get() < 3 {
            return Err(Error::transient("after the step"));
        }
        Ok(Part { size })
    }
    let bank = Arc::new(Bank::default());
    let (board, _) = memory().await;
    board.agent("work").on::<Order>().shared_state(bank.clone()).run(work);
    let (running, status) = run(board).await;
    assert_eq!((status, bank.charges()), (Status::Done, 1));
    assert_eq!(part_sizes(&running).await, [41]);
    end(running).await;
}

/// How the first attempt leaves its step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaves {
    Error,
    Panic,
    Timeout,
}

async fn leaves(cx: Context, _: Arc<Order>, state: Arc<(Bank, Leaves)>) -> Result<Part, Error> {
    let (bank, leaves) = &*state;
    bank.attempts.fetch_add(1, Ordering::SeqCst);
    let charge = async |_key: String| {
        let size = 40 + bank.charge();
        if bank.charges() > 1 {
            return Ok::<_, Error>(size);
        }
        match leaves {
            Leaves::Error => Err(Error::transient("no answer")),
            Leaves::Panic => panic!("in the middle"),
            Leaves::Timeout => std::future::pending().await,
        }
    };
    Ok(Part { size: cx.irreversible("charge", charge).await? })
}

async fn left(leaves_it: Leaves) -> (Running, Arc<(Bank, Leaves)>) {
    let state = Arc::new((Bank::default(), leaves_it));
    let (board, _) = memory().await;
    let agent = board.agent("work").on::<Order>().shared_state(state.clone()).timeout(SECOND);
    agent.retry(Retry::fixed(SECOND)).run(leaves);
    let (running, status) = run(board).await;
    assert_eq!(status, Status::DeadLetters(1), "{leaves_it:?}");
    let view = dead(&running).await;
    assert_eq!(reason(&view), DeadReason::InDoubt, "{leaves_it:?}");
    let open: Vec<_> = open_intents(&view.steps).map(ToString::to_string).collect();
    assert_eq!(open, ["charge"]);
    assert_eq!((view.attempts, state.0.charges()), (1, 1), "it is not retried: {leaves_it:?}");
    (running, state)
}

/// STEP-6, STEP-9: whatever leaves a step in the middle makes a dead letter that is in doubt; once a person
/// has said that it was done, the handler gets the result that they gave, and does it no more.
#[tokio::test(start_paused = true)]
async fn what_was_done_is_not_done_again() {
    for leaves_it in [Leaves::Error, Leaves::Panic, Leaves::Timeout] {
        let (running, state) = left(leaves_it).await;
        let status = settle(&running, Settlement::default().happened("charge", &77)).await;
        assert_eq!((status, state.0.charges()), (Status::Done, 1), "{leaves_it:?}");
        assert_eq!(part_sizes(&running).await, [77]);
        end(running).await;
    }
}

/// STEP-9: once a person has said that it was not done, the next attempt does it.
#[tokio::test(start_paused = true)]
async fn what_was_not_done_is_done() {
    let (running, state) = left(Leaves::Error).await;
    let status = settle(&running, Settlement::default().not_happened("charge")).await;
    assert_eq!((status, state.0.charges()), (Status::Done, 2));
    assert_eq!(part_sizes(&running).await, [42]);
    end(running).await;
}

/// STEP-8: a dead letter in doubt is not redriven as it is, and not settled with what cannot be.
#[tokio::test(start_paused = true)]
async fn doubt_is_settled_or_dropped() {
    let (running, _) = left(Leaves::Error).await;
    let id = dead(&running).await.id;
    let operator = running.operator("ann", "tired of it").unwrap();
    let code = |answer: Result<u32, OperateError>| answer.unwrap_err().code();
    assert_eq!(code(operator.redrive(&[id]).await), "in-doubt");
    let nothing = operator.settle(id, Settlement::default()).await;
    assert_eq!(code(nothing), "in-doubt");
    let other = Settlement::default().not_happened("mail");
    assert_eq!(code(operator.settle(id, other).await), "not-in-doubt");
    let unnamed = Settlement::default().not_happened("");
    assert_eq!(code(operator.settle(id, unnamed).await), "name");
    let long = Settlement::default().happened("charge", &"x".repeat(1024 * 1024));
    assert_eq!(code(operator.settle(id, long).await), "limit");
    let endless = Settlement::default().happened("charge", &f64::NAN);
    assert_eq!(code(operator.settle(id, endless).await), "payload");
    assert_eq!(operator.drop_dead(&[id]).await.unwrap(), 1);
    end(running).await;
}

/// STEP-8: a redrive of many leaves out what is in doubt, says how many those are, and redrives the others.
#[tokio::test(start_paused = true)]
async fn a_redrive_of_many_leaves_out_what_is_in_doubt() {
    async fn work(cx: Context, order: Arc<Order>, bank: Arc<Bank>) -> Result<Part, Error> {
        if order.size == 1 {
            let lost = |_key: String| async { Err::<u32, _>(Error::transient("no answer")) };
            cx.irreversible("charge", lost).await?;
        }
        match bank.charge() {
            1 => Err(Error::permanent("closed")),
            _ => Ok(Part { size: order.size }),
        }
    }
    let bank = Arc::new(Bank::default());
    let (board, _) = memory().await;
    board.agent("work").on::<Order>().shared_state(bank.clone()).run(work);
    let running = board.start().await.unwrap();
    let receipts = running.publish_many([order(1), order(2)]).await.unwrap();
    let status = running.settled(receipts[0].correlation).await.unwrap();
    assert_eq!(status, Status::DeadLetters(2));
    let operator = running.operator("ann", "open again").unwrap();
    let bulk = operator.redrive_all(DeadLetterFilter::default()).run().await.unwrap();
    assert_eq!((bulk.changed, bulk.skipped), (1, 1));
    running.idle().await.unwrap();
    assert_eq!(part_sizes(&running).await, [2]);
    assert_eq!(reason(&dead(&running).await), DeadReason::InDoubt);
    end(running).await;
}

/// STEP-6: a cancellation in the middle of a step leaves it in doubt as well.
#[tokio::test(start_paused = true)]
async fn a_cancellation_in_the_middle_leaves_in_doubt() {
    let state = Arc::new((Bank::default(), Leaves::Timeout));
    let (board, _) = memory().await;
    board.agent("work").on::<Order>().shared_state(state.clone()).run(leaves);
    let running = board.start().await.unwrap();
    let receipt = running.publish(order(1)).await.unwrap();
    tokio::time::timeout(SECOND, running.stopped()).await.unwrap_err();
    assert_eq!(state.0.charges(), 1);
    let operator = running.operator("ann", "not wanted").unwrap();
    operator.cancel(receipt.correlation).await.unwrap();
    assert_eq!(reason(&dead(&running).await), DeadReason::InDoubt);
    end(running).await;
}

/// STEP-7: a step of which its effect says that nothing happened is retried as others are.
#[tokio::test(start_paused = true)]
async fn an_effect_that_knows_better_leaves_no_doubt() {
    async fn work(cx: Context, _: Arc<Order>, bank: Arc<Bank>) -> Result<Part, Error> {
        let size = cx
            .irreversible("charge", async |_key| match bank.charge() {
                charges @ 0..3 => {
                    Err(Error::transient(format!("refused {charges}")).nothing_happened())
                }
                charges => Ok(charges),
            })
            .await?;
        Ok(Part { size })
    }
    let bank = Arc::new(Bank::default());
    let (board, _) = memory().await;
    board.agent("work").on::<Order>().shared_state(bank.clone()).run(work);
    let (running, status) = run(board).await;
    assert_eq!(status, Status::Done);
    assert_eq!(part_sizes(&running).await, [3]);
    end(running).await;
}

/// STEP-6: a handler that goes on after an error and returns has seen to its step itself.
#[tokio::test(start_paused = true)]
async fn a_handler_may_see_to_it_itself() {
    async fn work(cx: Context, _: Arc<Order>) -> Result<Part, Error> {
        let charge =
            cx.irreversible("charge", async |_key| Err::<u32, _>(Error::transient("lost")));
        assert!(charge.await.is_err());
        Ok(Part { size: 9 })
    }
    let (board, _) = memory().await;
    board.agent("work").on::<Order>().run(work);
    let (running, status) = run(board).await;
    assert_eq!(status, Status::Done);
    assert_eq!(part_sizes(&running).await, [9]);
    end(running).await;
}

/// STEP-4: a pure step runs in every attempt, and nothing of it is recorded.
#[tokio::test(start_paused = true)]
async fn a_pure_step_is_not_recorded() {
    async fn work(cx: Context, _: Arc<Order>, bank: Arc<Bank>) -> Result<Part, Error> {
        let size = cx.pure("reckon", async { Ok::<_, Error>(bank.charge()) }).await?;
        if cx.attempt().get() < 2 {
            return Err(Error::transient("again"));
        }
        Ok(Part { size })
    }
    let bank = Arc::new(Bank::default());
    let (board, _) = memory().await;
    board.agent("work").on::<Order>().shared_state(bank.clone()).run(work);
    let (running, status) = run(board).await;
    assert_eq!(status, Status::Done);
    assert_eq!(part_sizes(&running).await, [2]);
    let reader = Reader::of(running.log()).await.unwrap();
    let done = reader.activations(&ActivationFilter::default()).await.unwrap();
    assert!(done.activations[0].steps.is_empty());
    end(running).await;
}

/// STEP-3: a name is used once in an attempt, and always for the same kind of step. The text says what to
/// do.
#[tokio::test(start_paused = true)]
async fn a_name_is_for_one_kind_of_step() {
    async fn work(
        cx: Context,
        _: Arc<Order>,
        said: Arc<std::sync::Mutex<Vec<String>>>,
    ) -> Result<(), Error> {
        let one = || async { Ok::<_, Error>(1) };
        if cx.attempt().get() == 1 {
            cx.step("safe", one()).await?;
            cx.irreversible("once", |_| one()).await?;
            cx.pure("free", one()).await?;
            let twice = cx.pure("free", one()).await;
            said.lock().unwrap().push(twice.unwrap_err().to_string());
            return Err(Error::transient("again"));
        }
        let mut all = Vec::new();
        if cx.attempt().get() == 2 {
            all.push(cx.irreversible("safe", |_| one()).await);
            all.push(cx.step("once", one()).await);
            all.push(cx.step("free", one()).await);
        } else {
            all.push(cx.pure("safe", one()).await);
            all.push(cx.pure("once", one()).await);
        }
        let errors = all.into_iter().filter_map(Result::err);
        said.lock().unwrap().extend(errors.map(|error| error.to_string()));
        Err(Error::transient("again"))
    }
    let said = Arc::default();
    let (board, _) = memory().await;
    board.agent("work").on::<Order>().shared_state(Arc::clone(&said)).run(work);
    let (running, status) = run(board).await;
    assert_eq!(status, Status::DeadLetters(1));
    let other = |step: &str, is: &str, asked: &str| {
        format!(
            "the step `{step}` is recorded as {is} and cannot be {asked}; give the new step a name \
             of its own"
        )
    };
    let expected = [
        "the step `free` was used twice in one attempt".to_owned(),
        other("safe", "idempotent", "irreversible"),
        other("once", "irreversible", "idempotent"),
        other("safe", "idempotent", "pure"),
        other("once", "irreversible", "pure"),
    ];
    assert_eq!(*said.lock().unwrap(), expected);
    end(running).await;
}

/// STEP-6, SESS-1: a shutdown in the middle of a step leaves it in doubt, and the next process does not
/// do it again.
#[tokio::test(start_paused = true)]
async fn a_shutdown_in_the_middle_leaves_in_doubt() {
    let state = Arc::new((Bank::default(), Leaves::Timeout));
    let name = "test".parse().unwrap();
    let incarnation = Incarnation::from_bytes([3; 16]);
    let store = MemoryStore::new(CreateBoard { board: name, incarnation, dev: false });
    let board = on(store.open()).await;
    board.agent("work").on::<Order>().shared_state(state.clone()).run(leaves);
    let running = board.start().await.unwrap();
    let receipt = running.publish(order(1)).await.unwrap();
    tokio::time::timeout(SECOND, running.stopped()).await.unwrap_err();
    running.shutdown().await;
    let board = on(store.open()).await;
    board.agent("work").on::<Order>().shared_state(state.clone()).run(leaves);
    let running = board.start().await.unwrap();
    let status = running.settled(receipt.correlation).await.unwrap();
    assert_eq!((status, state.0.charges()), (Status::DeadLetters(1), 1));
    assert_eq!(reason(&dead(&running).await), DeadReason::InDoubt);
    end(running).await;
}

/// An id that is not there.
#[tokio::test(start_paused = true)]
async fn what_is_no_dead_letter_is_not_settled() {
    let (board, _) = memory().await;
    board.type_of::<Order>();
    let running = board.start().await.unwrap();
    let operator = running.operator("ann", "looking").unwrap();
    let unknown = ActivationId(artel::ids::Seq(77));
    let refused = operator.settle(unknown, Settlement::default().not_happened("charge")).await;
    assert_eq!(refused.unwrap_err().code(), "no-dead-letter");
    end(running).await;
}
