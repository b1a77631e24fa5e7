//! Options: each fails with its default here and passes when it is set.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use artel::ids::{ArtifactId, CorrelationId};
use artel::{
    ActivationFilter, Board, Bounds, Context, Error, ErrorKind, Publication, Query, Reader, Retry,
    Status,
};
use artel_testkit::{VirtualClock, check};

use super::set_up::{Invoice, Order, Part, SECOND, end, memory, order};

async fn part(_: Context, order: Arc<Order>) -> Result<Part, Error> {
    Ok(Part { size: order.size })
}

/// Counts how many run at once, and keeps the most.
async fn crowd(_: Context, _: Arc<Order>, most: Arc<(AtomicU32, AtomicU32)>) -> Result<(), Error> {
    let now = most.0.fetch_add(1, Ordering::SeqCst) + 1;
    most.1.fetch_max(now, Ordering::SeqCst);
    tokio::time::sleep(SECOND).await;
    most.0.fetch_sub(1, Ordering::SeqCst);
    Ok(())
}

/// `concurrency` of an agent, `slots` of a program and `concurrency` of a board: how many attempts run at
/// once; 16, 256 and 256 unless they are set.
#[tokio::test(start_paused = true)]
async fn concurrency_and_slots_bound_what_runs() {
    for (concurrency, slots, all, expected) in [
        (None, None, None, 16),
        (Some(3), None, None, 3),
        (None, Some(2), None, 2),
        (None, None, Some(4), 4),
    ] {
        let mut builder = Board::builder("memory:");
        if let Some(all) = all {
            builder = builder.concurrency(all);
        }
        if let Some(slots) = slots {
            builder = builder.slots(slots);
        }
        let board = builder.open().await.unwrap();
        let most = Arc::new((AtomicU32::new(0), AtomicU32::new(0)));
        let mut agent = board.agent("crowd").on::<Order>();
        if let Some(attempts) = concurrency {
            agent = agent.concurrency(attempts);
        }
        agent.shared_state(most.clone()).run(crowd);
        let running = board.start().await.unwrap();
        running.publish_many((0..40).map(order)).await.unwrap();
        end(running).await;
        assert_eq!(most.1.load(Ordering::SeqCst), expected);
    }
}

/// `priority`: which of two agents' work runs first when one slot is free.
#[tokio::test(start_paused = true)]
async fn priority_decides_who_is_first() {
    for (priority, expected) in [(5, "first"), (9, "second")] {
        let board = Board::builder("memory:").slots(1).open().await.unwrap();
        board.agent("first").on::<Order>().run(part);
        board.agent("second").on::<Order>().priority(priority).run(part);
        board.agent("busy").on::<Part>().filter(|part| part.size == 99).run(hold);
        let running = board.start().await.unwrap();
        running.publish(Part { size: 99 }).await.unwrap();
        running.publish(order(1)).await.unwrap();
        running.idle().await.unwrap();
        let made = running.artifacts(&Query::of::<Part>()).await.unwrap();
        assert_eq!(made.artifacts[1].producer(), expected);
        end(running).await;
    }
}

async fn hold(_: Context, _: Arc<Part>) -> Result<(), Error> {
    tokio::time::sleep(SECOND).await;
    Ok(())
}

/// `timeout` and `total_timeout`: when a handler that hangs is given up.
#[tokio::test(start_paused = true)]
async fn time_outs_end_what_hangs() {
    async fn hangs(_: Context, _: Arc<Order>) -> Result<(), Error> {
        std::future::pending().await
    }
    let ms = Duration::from_millis;
    for (timeout, total, expected) in [
        (None, None, SECOND * 60),
        (Some(SECOND * 7), None, SECOND * 7),
        // The board itself ends what is past its total time.
        (None, Some(SECOND * 9), SECOND * 9),
    ] {
        let (board, _) = memory().await;
        let mut agent = board.agent("hangs").on::<Order>().retry(Retry::never());
        if let Some(timeout) = timeout {
            agent = agent.timeout(timeout);
        }
        if let Some(total) = total {
            agent = agent.total_timeout(total);
        }
        agent.run(hangs);
        let running = board.start().await.unwrap();
        let began = tokio::time::Instant::now();
        let receipt = running.publish(order(1)).await.unwrap();
        let status = running.settled(receipt.correlation).await.unwrap();
        assert_eq!(status, Status::DeadLetters(1));
        let took = began.elapsed();
        assert!(took >= expected && took <= expected + ms(10), "{took:?}, not {expected:?}");
        end(running).await;
    }
}

/// `retry` and `dead_letter_queue`: how often it is tried, and where it is listed then.
#[tokio::test(start_paused = true)]
async fn a_failure_is_retried_and_listed_as_said() {
    async fn fails(_: Context, _: Arc<Order>) -> Result<(), Error> {
        Err(Error::transient("no"))
    }
    for (retry, queue, attempts, listed) in
        [(None, None, 3, "fails"), (Some(Retry::never()), Some("orders"), 1, "orders")]
    {
        let (board, _) = memory().await;
        let mut agent = board.agent("fails").on::<Order>();
        if let Some(retry) = retry {
            agent = agent.retry(retry);
        }
        if let Some(queue) = queue {
            agent = agent.dead_letter_queue(queue);
        }
        agent.run(fails);
        let running = board.start().await.unwrap();
        let receipt = running.publish(order(1)).await.unwrap();
        running.settled(receipt.correlation).await.unwrap();
        let reader = Reader::of(running.log()).await.unwrap();
        let found = reader.activations(&ActivationFilter::default()).await.unwrap();
        let view = &found.activations[0];
        assert_eq!((view.attempts, view.queue.as_str()), (attempts, listed));
        end(running).await;
    }
}

/// `publishes`: what a handler may publish beside what its signature says.
#[tokio::test(start_paused = true)]
async fn publishes_declares_more_types() {
    async fn more(cx: Context, order: Arc<Order>) -> Result<(), Error> {
        cx.publish(Invoice { number: order.size.to_string() });
        Ok(())
    }
    for declared in [false, true] {
        let (board, _) = memory().await;
        board.type_of::<Invoice>();
        let agent = board.agent("more").on::<Order>().retry(Retry::never());
        if declared {
            agent.publishes::<Invoice>().run(more)
        } else {
            agent.run(more)
        }
        let running = board.start().await.unwrap();
        let receipt = running.publish(order(1)).await.unwrap();
        let status = running.settled(receipt.correlation).await.unwrap();
        assert_eq!(status, if declared { Status::Done } else { Status::DeadLetters(1) });
        end(running).await;
    }
}

/// `state`: what a handler shares with every other attempt.
#[tokio::test(start_paused = true)]
async fn state_is_shared_by_attempts() {
    async fn count(_: Context, _: Arc<Order>, seen: Arc<AtomicU32>) -> Result<Part, Error> {
        Ok(Part { size: seen.fetch_add(1, Ordering::SeqCst) })
    }
    let (board, _) = memory().await;
    board.agent("count").on::<Order>().state(AtomicU32::new(5)).run(count);
    let running = board.start().await.unwrap();
    running.publish(order(1)).await.unwrap();
    running.publish(order(2)).await.unwrap();
    running.idle().await.unwrap();
    let made = running.artifacts(&Query::of::<Part>()).await.unwrap();
    let sizes: u32 = made.artifacts.iter().map(|made| made.decode::<Part>().unwrap().size).sum();
    assert_eq!(sizes, 11);
    end(running).await;
}

/// `name` and `program`: what the board and its owner are called.
#[tokio::test(start_paused = true)]
async fn a_board_and_its_program_have_names() {
    let board = Board::builder("memory:").name("shop").program("till").open().await.unwrap();
    board.type_of::<Order>();
    let running = board.start().await.unwrap();
    let named = |state: &artel::state::State| {
        let header = state.header();
        (header.board.clone().unwrap().to_string(), header.program.clone().unwrap().to_string())
    };
    let (name, program) = running.look(named).await.unwrap();
    assert_eq!((name.as_str(), program.as_str()), ("shop", "till"));
    running.publish(order(1)).await.unwrap();
    let made = running.artifacts(&Query::of::<Order>()).await.unwrap();
    assert_eq!(made.artifacts[0].producer(), "till");
    end(running).await;
    let plain = Board::builder("memory:").open().await.unwrap().start().await.unwrap();
    assert_eq!(plain.look(named).await.unwrap().0, "board");
    end(plain).await;
}

/// `id`, `correlation`, `idempotency_key` and `tag` of a publication.
#[tokio::test(start_paused = true)]
async fn a_publication_says_more_than_its_type() {
    let (board, _) = memory().await;
    board.type_of::<Order>();
    board.type_of::<Invoice>();
    let running = board.start().await.unwrap();
    let id = ArtifactId::from_bytes([9; 16]);
    let correlation = CorrelationId::from_bytes([8; 16]);
    let plain = running.publish(order(1)).await.unwrap();
    assert!(plain.id != id && plain.correlation != correlation);
    let named = Publication::new(order(1)).id(id).correlation(correlation).tag("urgent");
    let first = running.publish(named.clone()).await.unwrap();
    assert_eq!((first.id, first.correlation, first.duplicate), (id, correlation, false));
    assert!(running.publish(named).await.unwrap().duplicate);
    let stored = running.get(id).await.unwrap().unwrap();
    let tags: Vec<&str> = stored.tags().iter().map(artel::names::Tag::as_str).collect();
    assert_eq!(tags, ["red", "urgent"]);
    let invoice = || Invoice { number: "7".to_owned() };
    running.publish(invoice()).await.unwrap();
    assert!(running.publish(invoice()).await.unwrap().duplicate, "the type names its key");
    let other = Publication::new(invoice()).idempotency_key("other");
    assert!(!running.publish(other).await.unwrap().duplicate);
    let shared = Publication::shared(Arc::new(order(3)));
    assert!(!running.publish(shared).await.unwrap().duplicate);
    end(running).await;
}

/// Every condition of a query, one at a time, against the artifacts that it lets through.
#[tokio::test(start_paused = true)]
async fn each_condition_of_a_query_counts() {
    let (board, _) = memory().await;
    board.agent("part").on::<Order>().run(part);
    let running = board.start().await.unwrap();
    let first = running.publish(order(1)).await.unwrap();
    running.idle().await.unwrap();
    tokio::time::sleep(SECOND).await;
    let blue = Order { colour: "blue".to_owned(), size: 2 };
    let second = running.publish(blue).await.unwrap();
    running.idle().await.unwrap();
    let at = running.get(second.id).await.unwrap().unwrap().committed_at();
    let count = async |query: Query| running.artifacts(&query).await.unwrap().artifacts.len();
    assert_eq!(count(Query::default()).await, 4);
    assert_eq!(count(Query::of::<Part>()).await, 2);
    assert_eq!(count(Query::default().type_name("Order")).await, 2);
    assert_eq!(count(Query::default().agent("part")).await, 2);
    assert_eq!(count(Query::default().correlation(first.correlation)).await, 2);
    assert_eq!(count(Query::default().tag("blue")).await, 1);
    assert_eq!(count(Query::default().since(at)).await, 2);
    assert_eq!(count(Query::default().until(at)).await, 2);
    assert_eq!(count(Query::default().limit(3)).await, 3);
    assert_eq!(count(Query::default().after(second.seq)).await, 1);
    let newest = running.artifacts(&Query::default().newest_first()).await.unwrap();
    assert!(newest.artifacts[0].seq() > newest.artifacts[3].seq());
    end(running).await;
}

/// `log`, `clock` and `entropy`: two boards with the same seed and standing time write the same log.
#[tokio::test(start_paused = true)]
async fn a_board_takes_its_log_clock_and_chance_from_a_test() {
    use artel_testkit::SeededEntropy;
    let mut hashes = Vec::new();
    for seed in [1, 1, 2] {
        let log = Board::open("memory:").await.unwrap().log();
        let board = Board::builder("memory:")
            .log(log.clone())
            .clock(Arc::new(VirtualClock::default()))
            .entropy(Arc::new(SeededEntropy::new(seed)))
            .open()
            .await
            .unwrap();
        board.agent("part").on::<Order>().run(part);
        let running = board.start().await.unwrap();
        let receipt = running.publish(order(1)).await.unwrap();
        running.idle().await.unwrap();
        let begins = running.get(receipt.id).await.unwrap().unwrap().committed_at();
        assert_eq!(begins.as_millis(), 1_767_225_600_000, "the virtual clock stands still");
        assert!(Arc::ptr_eq(&running.log(), &log));
        hashes.push(receipt.id);
        end(running).await;
    }
    assert_eq!(hashes[0], hashes[1]);
    assert_ne!(hashes[0], hashes[2]);
}

/// I13: `bounds` of a board: a refusal names the limit and the numbers of what was asked, and what was
/// begun goes on.
#[tokio::test(start_paused = true)]
async fn a_board_keeps_to_the_bounds_of_a_test() {
    async fn three(_: Context, order: Arc<Order>) -> Result<Vec<Part>, Error> {
        Ok(vec![Part { size: order.size }; 3])
    }
    let mut bounds = Bounds::default();
    (bounds.agent_agenda_len, bounds.outputs) = (2, 2);
    for bounds in [Bounds::default(), bounds] {
        let log = Board::open("memory:").await.unwrap().log();
        let clock = Arc::new(VirtualClock::default());
        let builder = Board::builder("memory:").log(log).clock(clock).bounds(bounds);
        let board = builder.open().await.unwrap();
        board.agent("three").on::<Order>().publishes::<Part>().run(three);
        let running = board.start().await.unwrap();
        let published = running.publish_many((0..3).map(order)).await;
        let receipt = running.publish(order(7)).await.unwrap();
        let settled = running.settled(receipt.correlation).await.unwrap();
        if bounds == Bounds::default() {
            assert_eq!((published.unwrap().len(), settled), (3, Status::Done));
        } else {
            let refused = published.unwrap_err();
            let text = artel_core::classify::chain_of(&refused).join(": ");
            assert!(text.contains("agent `three` is full: 0"), "{text}");
            assert!(text.contains("the limit is 2"), "{text}");
            assert_eq!(settled, Status::DeadLetters(1), "three outputs are one too many");
        }
        end(running).await;
    }
}

/// KIND-8: `classify` of an agent: what a foreign error means, wherever in the chain it is; what was
/// said outright stays.
#[tokio::test(start_paused = true)]
async fn an_agent_knows_foreign_errors() {
    #[derive(Debug)]
    struct Foreign;
    impl std::fmt::Display for Foreign {
        fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("foreign")
        }
    }
    impl std::error::Error for Foreign {}
    async fn fails(_: Context, order: Arc<Order>) -> Result<(), Error> {
        if order.size == 1 {
            return Err(Error::transient(Foreign));
        }
        Err(Foreign.into())
    }
    let known = |error: &(dyn std::error::Error + 'static)| {
        error.is::<Foreign>().then_some(ErrorKind::Permanent)
    };
    // How many attempts there are for an error of which something was said, and for one of which
    // nothing was.
    for (classifies, attempts) in [(false, [3, 3]), (true, [3, 1])] {
        let (board, _) = memory().await;
        let agent = board.agent("fails").on::<Order>();
        let agent = if classifies { agent.classify(known) } else { agent };
        agent.run(fails);
        let running = board.start().await.unwrap();
        for (size, attempts) in [1, 2].into_iter().zip(attempts) {
            let before = check(&running).await.started;
            let receipt = running.publish(order(size)).await.unwrap();
            running.settled(receipt.correlation).await.unwrap();
            let started = check(&running).await.started - before;
            assert_eq!(started, attempts, "size {size}, classified {classifies}");
        }
        end(running).await;
    }
}

/// LIMIT-7: `payload_limit` of a board, for what is published and for what a step returns.
#[tokio::test(start_paused = true)]
async fn payloads_are_bounded_as_the_board_says() {
    async fn step(cx: Context, order: Arc<Order>) -> Result<(), Error> {
        let text = "x".repeat(order.size as usize);
        cx.step("text", async { Ok::<_, Error>(text) }).await?;
        Ok(())
    }
    const MIB: usize = 1 << 20;
    for (limit, fits) in [(None, MIB), (Some(2 * MIB), 2 * MIB), (Some(100), 100)] {
        let log = Board::open("memory:").await.unwrap().log();
        let builder = Board::builder("memory:").log(log);
        let builder = if let Some(limit) = limit { builder.payload_limit(limit) } else { builder };
        let board = builder.open().await.unwrap();
        board.agent("step").on::<Order>().retry(Retry::never()).run(step);
        let running = board.start().await.unwrap();
        let coloured = |len: usize| {
            let rest = r#"{"colour":"","size":0}"#.len();
            Order { colour: "x".repeat(len - rest), size: 0 }
        };
        let error = running.publish(Publication::new(coloured(fits + 1))).await.unwrap_err();
        assert_eq!(error.code(), "payload", "{limit:?}");
        if fits == 100 {
            running.publish(coloured(fits)).await.unwrap();
        }
        // A result has two quotation marks around it.
        for (len, status) in [(fits - 2, Status::Done), (fits - 1, Status::DeadLetters(1))] {
            let receipt = running.publish(order(u32::try_from(len).unwrap())).await.unwrap();
            assert_eq!(running.settled(receipt.correlation).await.unwrap(), status, "{limit:?}");
        }
        end(running).await;
    }
    let high = Board::builder("memory:").payload_limit(16 * MIB + 1).open().await.unwrap_err();
    assert!(high.to_string().contains("at most 16777216"), "{high}");
}
