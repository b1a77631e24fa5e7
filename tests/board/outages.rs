//! A log that is away, slow or gone, and more work than can run: what the board does meanwhile and
//! afterwards.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future::join_all;

use artel::{Board, Context, Error, Jitter, Publication, Query, Retry, Status};
use artel_testkit::{Fault, FaultyLog, check};

use super::set_up::{Invoice, Order, Part, SECOND, end, memory, order};

const HOUR: Duration = Duration::from_hours(1);

fn invoice(number: u32) -> Invoice {
    Invoice { number: number.to_string() }
}

/// Counts handlers that were given one and are gone.
struct Gone(Arc<AtomicU32>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

async fn hangs(_: Context, _: Arc<Order>, gone: Arc<AtomicU32>) -> Result<(), Error> {
    let _gone = Gone(gone);
    std::future::pending().await
}

async fn fails_once(cx: Context, _: Arc<Order>, ran: Arc<AtomicU64>) -> Result<(), Error> {
    ran.fetch_add(1, Ordering::SeqCst);
    if cx.attempt().get() == 1 { Err(Error::transient("once")) } else { Ok(()) }
}

fn after_a_second() -> Retry {
    Retry::fixed(SECOND).jitter(Jitter::None)
}

/// REC-4: a retry that came due while the log was away begins when its start is durable, although
/// the append that had it was lost too.
#[tokio::test(start_paused = true)]
async fn an_attempt_begins_when_its_start_is_durable() {
    let (board, log) = memory().await;
    let ran: Arc<AtomicU64> = Arc::default();
    let agent = board.agent("fails").on::<Order>().retry(after_a_second());
    agent.shared_state(ran.clone()).run(fails_once);
    board.type_of::<Invoice>();
    let running = board.start().await.unwrap();
    let receipt = running.publish(order(1)).await.unwrap();
    tokio::time::sleep(SECOND / 2).await;
    log.away(6);
    log.fail([Fault::Lost, Fault::Lost]);
    running.publish(invoice(1)).await.unwrap();
    running.settled(receipt.correlation).await.unwrap();
    let started = check(&running).await.started;
    assert_eq!(ran.load(Ordering::SeqCst), started, "handlers that ran, starts in the log");
    end(running).await;
}

async fn counts(_: Context, order: Arc<Order>, ran: Arc<AtomicU64>) -> Result<Part, Error> {
    ran.fetch_add(1, Ordering::SeqCst);
    Ok(Part { size: order.size })
}

/// REC-4: an attempt whose start landed without an answer, at once or late, begins after the recovery,
/// and once.
#[tokio::test(start_paused = true)]
async fn an_attempt_whose_start_landed_unseen_begins_once() {
    for fault in [Fault::Landed, Fault::LandsLate] {
        let (board, log) = memory().await;
        let ran: Arc<AtomicU64> = Arc::default();
        let agent = board.agent("counts").on::<Order>().timeout(HOUR);
        agent.shared_state(ran.clone()).run(counts);
        let running = board.start().await.unwrap();
        log.fail([fault]);
        let receipt = running.publish(order(1)).await.unwrap();
        assert!(log.spent());
        let settled = running.settled(receipt.correlation);
        let settled = tokio::time::timeout(SECOND * 30, settled).await;
        assert_eq!(settled.expect("it begins").unwrap(), Status::Done, "{fault:?}");
        assert_eq!(ran.load(Ordering::SeqCst), 1, "{fault:?}");
        assert_eq!(check(&running).await.started, 1, "{fault:?}");
        end(running).await;
    }
}

async fn slow(_: Context, order: Arc<Order>, ran: Arc<AtomicU64>) -> Result<Part, Error> {
    ran.fetch_add(1, Ordering::SeqCst);
    let never = std::future::pending::<()>();
    assert!(tokio::time::timeout(SECOND * 10, never).await.is_err());
    Ok(Part { size: order.size })
}

/// REC-5: work that was finished in time is not taken for overdue because the log was away, whether
/// what came due before it did so before the outage or in it.
#[tokio::test(start_paused = true)]
async fn what_was_finished_during_an_outage_counts() {
    for in_it in [false, true] {
        let (board, log) = memory().await;
        let (failed, ran): (Arc<AtomicU64>, Arc<AtomicU64>) = Default::default();
        let agent = board.agent("fails").on::<Order>().retry(after_a_second());
        agent.shared_state(failed).run(fails_once);
        board.agent("slow").on::<Order>().shared_state(ran.clone()).run(slow);
        board.type_of::<Invoice>();
        let running = board.start().await.unwrap();
        let receipt = running.publish(order(1)).await.unwrap();
        tokio::time::sleep(SECOND / 2).await;
        // The next append is lost, and the log is away for two minutes: it is the one that starts the
        // retry, or one before that, so that the timers tell of the retry while nobody listens.
        log.away(65);
        log.fail([Fault::Lost]);
        if in_it {
            assert_eq!(running.publish(invoice(1)).await.unwrap_err().code(), "unavailable");
        }
        assert_eq!(running.settled(receipt.correlation).await.unwrap(), Status::Done);
        assert_eq!(ran.load(Ordering::SeqCst), 1, "began before the retry came due: {in_it}");
        end(running).await;
    }
}

/// REC-5: an attempt whose start landed and was not known to have, before an outage that is longer than
/// its time, uses up no retry, and runs after it.
#[tokio::test(start_paused = true)]
async fn an_attempt_that_could_not_begin_uses_up_no_retry() {
    let (board, log) = memory().await;
    let ran: Arc<AtomicU64> = Arc::default();
    let agent = board.agent("slow").on::<Order>().timeout(SECOND * 15).retry(Retry::never());
    agent.shared_state(ran.clone()).run(slow);
    let running = board.start().await.unwrap();
    log.away(65);
    log.fail([Fault::Landed]);
    let publication = Publication::new(order(1)).idempotency_key("one");
    assert_eq!(running.publish(publication).await.unwrap_err().code(), "unavailable");
    let publication = Publication::new(order(1)).idempotency_key("one");
    let receipt = loop {
        match running.publish(publication.clone()).await {
            Ok(receipt) => break receipt,
            Err(error) => assert_eq!(error.code(), "unavailable"),
        }
    };
    assert!(receipt.duplicate);
    assert_eq!(running.settled(receipt.correlation).await.unwrap(), Status::Done);
    assert_eq!(ran.load(Ordering::SeqCst), 1);
    end(running).await;
}

/// REC-6: what the log has ended is stopped, also when that was known only after a recovery.
#[tokio::test(start_paused = true)]
async fn a_cancel_of_unknown_outcome_stops_its_handler() {
    for fault in [Fault::None, Fault::Landed] {
        let (board, log) = memory().await;
        let gone: Arc<AtomicU32> = Arc::default();
        let agent = board.agent("hangs").on::<Order>().timeout(HOUR);
        agent.shared_state(gone.clone()).run(hangs);
        let running = board.start().await.unwrap();
        let receipt = running.publish(order(1)).await.unwrap();
        tokio::time::sleep(SECOND).await;
        log.fail([fault]);
        let operator = running.operator("ann", "no longer needed").unwrap();
        operator.cancel(receipt.correlation).await.unwrap();
        tokio::time::sleep(SECOND).await;
        assert_eq!(gone.load(Ordering::SeqCst), 1, "{fault:?}");
        end(running).await;
    }
}

/// REC-6, I1: a handler goes on until its cancel is in the log.
#[tokio::test(start_paused = true)]
async fn a_handler_is_not_stopped_before_its_cancel_is_durable() {
    let (board, log) = memory().await;
    let gone: Arc<AtomicU32> = Arc::default();
    board.agent("hangs").on::<Order>().timeout(HOUR).shared_state(gone.clone()).run(hangs);
    let running = board.start().await.unwrap();
    let receipt = running.publish(order(1)).await.unwrap();
    tokio::time::sleep(SECOND).await;
    log.delay(SECOND * 10);
    let operator = running.operator("ann", "no longer needed").unwrap();
    let early = async {
        tokio::time::sleep(SECOND * 5).await;
        gone.load(Ordering::SeqCst)
    };
    let (cancelled, early) = tokio::join!(operator.cancel(receipt.correlation), early);
    cancelled.unwrap();
    log.delay(Duration::ZERO);
    tokio::time::sleep(SECOND).await;
    assert_eq!((early, gone.load(Ordering::SeqCst)), (0, 1));
    end(running).await;
}

/// STOP-3: a board that stops for good drops its handlers, ends its tails, and says of what was
/// being written that it may be there.
#[tokio::test(start_paused = true)]
async fn a_board_that_stops_for_good_leaves_nothing_behind() {
    let (board, log) = memory().await;
    let gone: Arc<AtomicU32> = Arc::default();
    board.agent("hangs").on::<Order>().timeout(HOUR).shared_state(gone.clone()).run(hangs);
    board.type_of::<Part>();
    let running = board.start().await.unwrap();
    running.publish(order(1)).await.unwrap();
    tokio::time::sleep(SECOND).await;
    let mut tail = running.tail(running.durable().next());
    log.gone();
    log.fail([Fault::Landed]);
    let error = running.publish(Part { size: 1 }).await.unwrap_err();
    assert_eq!((error.code(), error.retryable()), ("interrupted", true));
    running.stopped().await;
    let ended = tokio::time::timeout(SECOND, tail.next()).await;
    assert!(ended.expect("the tail ends").unwrap().is_none());
    tokio::time::sleep(SECOND).await;
    assert_eq!(gone.load(Ordering::SeqCst), 1, "handlers that were dropped");
    let error = running.publish(Part { size: 2 }).await.unwrap_err();
    assert_eq!(error.code(), "stopped");
    let parts = running.log();
    let reader = artel::Reader::of(parts).await.unwrap();
    let parts = reader.artifacts(&Query::of::<Part>()).await.unwrap().artifacts;
    assert_eq!(parts.len(), 1, "the interrupted one is there, the other is not");
}

/// STOP-1: a shutdown takes no longer because the log is away.
#[tokio::test(start_paused = true)]
async fn a_shutdown_does_not_wait_for_a_log_that_is_away() {
    let (board, log) = memory().await;
    board.type_of::<Order>();
    let running = board.start().await.unwrap();
    log.away(u32::MAX);
    log.fail([Fault::Lost]);
    let publish = tokio::time::timeout(SECOND, running.publish(order(1))).await;
    assert!(publish.is_err(), "{publish:?}");
    let began = tokio::time::Instant::now();
    let shutdown = running.shutdown().await;
    assert!(!shutdown.complete);
    assert!(began.elapsed() <= SECOND * 31, "{:?}", began.elapsed());
}

/// OWN-3: a start that was given up lets go of the board.
#[tokio::test]
async fn a_start_that_is_dropped_lets_go() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("board.db").display());
    let plain = Board::open(url.clone()).await.unwrap();
    let log = Arc::new(FaultyLog::new(plain.log()));
    drop(plain);
    let board = Board::builder(url.clone()).log(log.clone()).open().await.unwrap();
    log.delay(Duration::from_millis(200));
    let started = tokio::time::timeout(Duration::from_millis(50), board.start()).await;
    assert!(started.is_err());
    drop(log);
    let again = async {
        loop {
            let board = Board::open(url.clone()).await.unwrap();
            board.type_of::<Order>();
            match board.start().await {
                Ok(running) => return running,
                Err(_) => tokio::task::yield_now().await,
            }
        }
    };
    let again = tokio::time::timeout(SECOND * 20, again).await;
    assert!(again.expect("the board is free").shutdown().await.complete);
}

/// OWN-4: an owner that was fenced off by another one steps down, and does not take the board back,
/// also when that one has gone.
#[tokio::test]
async fn a_fenced_owner_steps_down() {
    for gone in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("board.db");
        let url = format!("sqlite:{}", path.display());
        let start = async || {
            let board = Board::open(url.clone()).await.unwrap();
            board.type_of::<Order>();
            board.start().await
        };
        let first = start().await.unwrap();
        first.publish(order(1)).await.unwrap();
        // What no program does, and people do: the lock is removed under its owner.
        std::fs::remove_file(format!("{}-owner", path.display())).unwrap();
        let second = start().await.unwrap();
        second.publish(order(2)).await.unwrap();
        let second = if gone {
            assert!(second.shutdown().await.complete);
            None
        } else {
            Some(second)
        };
        first.publish(order(3)).await.unwrap_err();
        let why = first.stopped().await;
        assert!(why.contains("was fenced off"), "{why}");
        let second = match second {
            Some(second) => second,
            None => start().await.unwrap(),
        };
        second.publish(order(4)).await.unwrap();
        drop(first);
        let listing = second.artifacts(&Query::of::<Order>()).await.unwrap();
        assert_eq!(listing.artifacts.len(), 3);
        assert!(second.shutdown().await.complete);
    }
}

/// LOAD-2: a backlog slows those down who ask for more, and starves nobody: a thousand publishes
/// and many who wait for rest are served while the only slot is taken and nothing ends.
#[tokio::test(start_paused = true)]
async fn a_backlog_starves_nobody() {
    let log = Board::open("memory:").await.unwrap().log();
    let board = Board::builder("memory:").log(log).slots(1).open().await.unwrap();
    let gone: Arc<AtomicU32> = Arc::default();
    board.agent("hangs").on::<Order>().timeout(HOUR).shared_state(gone).run(hangs);
    let running = board.start().await.unwrap();
    let receipt = running.publish(order(0)).await.unwrap();
    for round in 0..4 {
        let resting = (0..100).map(|_| tokio::time::timeout(Duration::ZERO, running.idle()));
        assert!(join_all(resting).await.iter().all(Result::is_err));
        let publishes = (1..251).map(|size| {
            running.publish(Publication::new(order(size)).correlation(receipt.correlation))
        });
        let published = tokio::time::timeout(SECOND, join_all(publishes)).await;
        let published = published.unwrap_or_else(|_| panic!("round {round} waits"));
        assert!(published.into_iter().all(|publish| publish.is_ok()));
    }
    assert_eq!(running.look(|state| state.backlog()).await.unwrap(), 1_000);
    running.operator("ann", "enough").unwrap().cancel(receipt.correlation).await.unwrap();
    end(running).await;
}
