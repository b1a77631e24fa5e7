//! Work: trees of it, options of subscriptions, waiting, operating.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use artel::ids::CorrelationId;
use artel::{Context, Error, Publication, PublishError, Query, Retry, Status};

use super::set_up::{Invoice, Order, Part, SECOND, end, memory, order};

async fn part(_: Context, order: Arc<Order>) -> Result<Part, Error> {
    Ok(Part { size: order.size })
}

async fn invoice(_: Context, part: Arc<Part>) -> Result<Invoice, Error> {
    Ok(Invoice { number: part.size.to_string() })
}

/// CORR-2: outputs belong to the tree of work that caused them, and it settles when nothing of it
/// is open.
#[tokio::test(start_paused = true)]
async fn a_tree_of_work_settles_at_its_end() {
    let (board, _) = memory().await;
    board.agent("part").on::<Order>().run(part);
    board.agent("invoice").on::<Part>().run(invoice);
    let running = board.start().await.unwrap();
    let receipt = running.publish(order(3)).await.unwrap();
    assert_eq!(running.settled(receipt.correlation).await.unwrap(), Status::Done);
    let all = running.artifacts(&Query::default().correlation(receipt.correlation)).await.unwrap();
    let names: Vec<&str> = all.artifacts.iter().map(artel::Stored::type_name).collect();
    assert_eq!(names, ["Order", "Part", "shop.Invoice"]);
    assert_eq!(all.artifacts[2].depth(), 2);
    let nobody = CorrelationId::from_bytes([1; 16]);
    assert_eq!(running.settled(nobody).await.unwrap(), Status::Unknown);
    let unread = running.publish(Invoice { number: "x".to_owned() }).await.unwrap();
    assert_eq!(running.settled(unread.correlation).await.unwrap(), Status::Done);
    end(running).await;
}

/// SUB-1: types, producers, tags, field paths and closures each let through what they name.
#[tokio::test(start_paused = true)]
async fn selectors_let_through_what_they_name() {
    async fn seen(_: Context, _: Arc<Order>, count: Arc<AtomicU32>) -> Result<(), Error> {
        count.fetch_add(1, Ordering::SeqCst);
        Ok(())
    }
    async fn echo(_: Context, part: Arc<Part>) -> Result<Option<Order>, Error> {
        Ok((part.size > 0).then(|| order(part.size - 1)))
    }
    let (board, _) = memory().await;
    let counts: Vec<Arc<AtomicU32>> = (0..5).map(|_| Arc::default()).collect();
    let on = |name: &'static str| board.agent(name).on::<Order>();
    on("from").from("echo").shared_state(counts[0].clone()).run(seen);
    on("tagged").tagged("blue").shared_state(counts[1].clone()).run(seen);
    on("any").tagged_any("blue").tagged_any("red").shared_state(counts[2].clone()).run(seen);
    let fields = on("fields").matching(Order::fields().size.gt(2));
    fields.shared_state(counts[3].clone()).run(seen);
    on("closure").filter(|order| order.size == 2).shared_state(counts[4].clone()).run(seen);
    board.agent("echo").on::<Part>().run(echo);
    let running = board.start().await.unwrap();
    let blue = Order { colour: "blue".to_owned(), size: 2 };
    running.publish_many([order(3), blue, order(1)]).await.unwrap();
    running.publish(Part { size: 8 }).await.unwrap();
    running.idle().await.unwrap();
    let counted: Vec<u32> = counts.iter().map(|count| count.load(Ordering::SeqCst)).collect();
    assert_eq!(counted, [1, 1, 4, 2, 1]);
    end(running).await;
}

/// SUB-2: an agent does not wake on what it made itself.
#[tokio::test(start_paused = true)]
async fn an_agent_does_not_wake_itself() {
    async fn again(_: Context, order: Arc<Order>) -> Result<Order, Error> {
        Ok(super::set_up::order(order.size + 1))
    }
    let (board, _) = memory().await;
    board.agent("again").on::<Order>().run(again);
    let running = board.start().await.unwrap();
    let receipt = running.publish(order(1)).await.unwrap();
    assert_eq!(running.settled(receipt.correlation).await.unwrap(), Status::Done);
    assert_eq!(running.artifacts(&Query::of::<Order>()).await.unwrap().artifacts.len(), 2);
    end(running).await;
}

/// ART-4, ART-5: the same key gives the first artifact back; the same key with another payload, an
/// unknown type and a payload over the limit are refused, and nothing is written.
#[tokio::test(start_paused = true)]
async fn a_refused_publish_writes_nothing() {
    let (board, _) = memory().await;
    board.agent("part").on::<Order>().run(part);
    board.agent("invoice").on::<Part>().run(invoice);
    let running = board.start().await.unwrap();
    let keyed = |size| Publication::new(order(size)).idempotency_key("first");
    let first = running.publish(keyed(1)).await.unwrap();
    let again = running.publish(keyed(1)).await.unwrap();
    assert_eq!((again.id, again.duplicate), (first.id, true));
    running.idle().await.unwrap();
    let seq = running.durable();
    let error = running.publish(keyed(2)).await.unwrap_err();
    assert_eq!(error.code(), "key-reused");
    let bulky = Order { colour: "x".repeat(1 << 20), size: 1 };
    let error = running.publish(bulky).await.unwrap_err();
    assert!(matches!(error, PublishError::Payload { .. }), "{error}");
    let nul = Order { colour: "\0".to_owned(), size: 1 };
    assert_eq!(running.publish(nul).await.unwrap_err().code(), "payload");
    let many = running.publish_many([Publication::new(order(5)), keyed(6)]).await;
    assert_eq!(many.unwrap_err().code(), "key-reused");
    assert_eq!(running.durable(), seq);
    end(running).await;
}

/// DLQ-1: dead letters are redriven or dropped by a person with a name and a reason.
#[tokio::test(start_paused = true)]
async fn dead_letters_are_redriven_and_dropped() {
    async fn moody(cx: Context, order: Arc<Order>) -> Result<Part, Error> {
        if cx.attempt().get() == 1 {
            Err(Error::permanent("not today"))
        } else {
            part(cx, order).await
        }
    }
    let (board, _) = memory().await;
    board.agent("moody").on::<Order>().run(moody);
    let running = board.start().await.unwrap();
    let receipts = running.publish_many([order(1), order(2)]).await.unwrap();
    let correlation = receipts[0].correlation;
    assert_eq!(running.settled(correlation).await.unwrap(), Status::DeadLetters(2));
    let reader = artel::Reader::of(running.log()).await.unwrap();
    let listed = reader.activations(&artel::ActivationFilter::default()).await.unwrap();
    let ids: Vec<_> = listed.activations.iter().map(|view| view.id).collect();
    assert!(running.operator("", "why").is_err());
    assert!(running.operator("ann", "").is_err());
    let ann = running.operator("ann", "the day is over").unwrap();
    assert_eq!(ann.redrive(&ids[..1]).await.unwrap(), 1);
    assert_eq!(running.settled(correlation).await.unwrap(), Status::DeadLetters(1));
    assert_eq!(ann.drop_dead(&ids[1..]).await.unwrap(), 1);
    assert_eq!(running.settled(correlation).await.unwrap(), Status::Done);
    assert_eq!(ann.redrive(&ids[1..]).await.unwrap_err().code(), "not-dead");
    assert_eq!(ann.redrive(&ids[..1]).await.unwrap_err().code(), "not-dead");
    let made = running.artifacts(&Query::of::<Part>()).await.unwrap();
    assert_eq!(made.artifacts.len(), 1);
    end(running).await;
}

/// CANCEL-1: a cancelled tree of work ends at once; its handlers are dropped, its late results
/// refused, and its slots are free.
#[tokio::test(start_paused = true)]
async fn a_cancelled_tree_of_work_ends_at_once() {
    async fn hangs(_: Context, _: Arc<Order>) -> Result<(), Error> {
        std::future::pending().await
    }
    let (board, _) = memory().await;
    board.agent("hangs").on::<Order>().concurrency(1).run(hangs);
    let running = board.start().await.unwrap();
    let receipts = running.publish_many([order(1), order(2)]).await.unwrap();
    let correlation = receipts[0].correlation;
    assert!(matches!(running.status(correlation).await.unwrap(), Status::Open(_)));
    let waiter = running.settled(correlation);
    let bob = running.operator("bob", "wrong order").unwrap();
    let (status, cancelled) = tokio::join!(waiter, bob.cancel(correlation));
    assert_eq!((status.unwrap(), cancelled.unwrap()), (Status::Cancelled, 2));
    assert_eq!(running.status(correlation).await.unwrap(), Status::Cancelled);
    assert_eq!(bob.cancel(correlation).await.unwrap_err().code(), "nothing-open");
    end(running).await;
}

/// RETRY-5: jitter draws from the recorded seed, between zero and the whole delay.
#[tokio::test(start_paused = true)]
async fn jitter_stays_within_the_delay() {
    async fn fails(_: Context, _: Arc<Order>) -> Result<(), Error> {
        Err(Error::transient("always"))
    }
    let (board, _) = memory().await;
    let retry = Retry::exponential(SECOND).max_attempts(5).max_delay(SECOND * 4);
    board.agent("fails").on::<Order>().retry(retry).run(fails);
    let running = board.start().await.unwrap();
    let began = tokio::time::Instant::now();
    let receipt = running.publish(order(1)).await.unwrap();
    assert_eq!(running.settled(receipt.correlation).await.unwrap(), Status::DeadLetters(1));
    let took = began.elapsed();
    assert!(took < SECOND * 11 && took > Duration::ZERO, "{took:?}");
    end(running).await;
}

/// CORR-1: dead letters count against a tree of work until they are redriven or dropped, also when a
/// later publish goes on with it.
#[tokio::test(start_paused = true)]
async fn a_tree_of_work_that_goes_on_keeps_its_dead_letters() {
    async fn odd(_: Context, order: Arc<Order>) -> Result<(), Error> {
        if order.size % 2 == 1 { Err(Error::permanent("odd")) } else { Ok(()) }
    }
    let (board, _) = memory().await;
    board.agent("odd").on::<Order>().run(odd);
    let running = board.start().await.unwrap();
    let correlation = running.publish(order(1)).await.unwrap().correlation;
    assert_eq!(running.settled(correlation).await.unwrap(), Status::DeadLetters(1));
    running.publish(Publication::new(order(2)).correlation(correlation)).await.unwrap();
    assert_eq!(running.settled(correlation).await.unwrap(), Status::DeadLetters(1));
    end(running).await;
}
