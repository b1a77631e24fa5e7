//! Handlers: what they may return, what becomes of it, and what becomes of those that fail.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use schemars::JsonSchema;
use serde::ser::SerializeStruct;
use serde::{Deserialize, Serialize, Serializer};

use artel::{
    ActivationFilter, Artifact, Board, Classify, Context, Error, ErrorKind, Jitter, Outputs,
    Publication, Query, Reader, Retry, Status,
};
use artel_testkit::VirtualClock;

use super::set_up::{Invoice, Order, Part, SECOND, end, memory, order};

#[derive(Outputs)]
enum Made {
    Part(Part),
    Invoice(Invoice),
    Nothing,
}

async fn count(running: &artel::Running, type_name: &str) -> usize {
    let query = Query::default().type_name(type_name).limit(1_000);
    running.artifacts(&query).await.unwrap().artifacts.len()
}

/// HANDLER-1: a handler returns nothing, one artifact, an option, a list, a tuple or an enum.
#[tokio::test(start_paused = true)]
async fn handlers_return_what_reads_best() {
    async fn nothing(_: Context, _: Arc<Order>) -> Result<(), Error> {
        Ok(())
    }
    async fn one(_: Context, order: Arc<Order>) -> Result<Part, Error> {
        Ok(Part { size: order.size })
    }
    async fn option(_: Context, order: Arc<Order>) -> Result<Option<Part>, Error> {
        Ok((order.size > 5).then_some(Part { size: 5 }))
    }
    async fn list(_: Context, _: Arc<Order>) -> Result<Vec<Part>, Error> {
        Ok(vec![Part { size: 1 }, Part { size: 2 }])
    }
    async fn tuple(_: Context, _: Arc<Order>) -> Result<(Part, Option<Invoice>), Error> {
        Ok((Part { size: 3 }, None))
    }
    async fn choice(_: Context, order: Arc<Order>) -> Result<Made, Error> {
        Ok(match order.size {
            0 => Made::Nothing,
            1 => Made::Part(Part { size: 1 }),
            size => Made::Invoice(Invoice { number: size.to_string() }),
        })
    }
    let (board, _) = memory().await;
    board.agent("nothing").on::<Order>().run(nothing);
    board.agent("one").on::<Order>().run(one);
    board.agent("option").on::<Order>().run(option);
    board.agent("list").on::<Order>().run(list);
    board.agent("tuple").on::<Order>().run(tuple);
    board.agent("choice").on::<Order>().run(choice);
    let running = board.start().await.unwrap();
    let receipt = running.publish(order(0)).await.unwrap();
    assert_eq!(running.settled(receipt.correlation).await.unwrap(), Status::Done);
    assert_eq!(count(&running, "Part").await, 4);
    let receipt = running.publish(order(9)).await.unwrap();
    assert_eq!(running.settled(receipt.correlation).await.unwrap(), Status::Done);
    assert_eq!(count(&running, "Part").await, 9);
    assert_eq!(count(&running, "shop.Invoice").await, 1);
    end(running).await;
}

/// HANDLER-2: shared state, what `cx` says, and artifacts that are held until the handler returns.
#[tokio::test(start_paused = true)]
async fn a_handler_has_state_and_context() {
    async fn work(cx: Context, order: Arc<Order>, seen: Arc<AtomicU32>) -> Result<Part, Error> {
        seen.fetch_add(order.size, Ordering::SeqCst);
        assert_eq!(cx.agent(), "work");
        assert_eq!(cx.attempt().get(), 1);
        assert_eq!(cx.causes().len(), 1);
        cx.publish(Publication::new(Invoice { number: "7".to_owned() }).tag("held"));
        assert_ne!(cx.new_id(), cx.new_id());
        Ok(Part { size: 1 })
    }
    let seen = Arc::new(AtomicU32::new(0));
    let (board, _) = memory().await;
    let agent = board.agent("work").on::<Order>().publishes::<Invoice>();
    agent.shared_state(seen.clone()).run(work);
    let running = board.start().await.unwrap();
    let receipt = running.publish(order(4)).await.unwrap();
    running.settled(receipt.correlation).await.unwrap();
    assert_eq!(seen.load(Ordering::SeqCst), 4);
    let held = running.artifacts(&Query::of::<Invoice>().tag("held")).await.unwrap();
    let held = &held.artifacts[0];
    assert_eq!((held.producer(), held.depth()), ("work", 1));
    assert_eq!(held.causes(), [receipt.seq]);
    assert_eq!(held.correlation(), receipt.correlation);
    end(running).await;
}

/// TRACE-1: outputs, steps and ends belong to the trace of the artifact that an attempt works on.
#[tokio::test(start_paused = true)]
async fn a_trace_goes_the_way_of_the_work() {
    async fn work(cx: Context, order: Arc<Order>) -> Result<Part, Error> {
        cx.step("mark", async { Ok::<_, Error>(1) }).await?;
        cx.log(cx.trace().map_or_else(|| "untraced".to_owned(), |trace| trace.to_string()));
        Ok(Part { size: order.size })
    }
    const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let trace: artel::TraceContext = TRACE.parse().unwrap();
    let (board, _) = memory().await;
    board.agent("work").on::<Order>().run(work);
    let running = board.start().await.unwrap();
    let plain = running.publish(order(1)).await.unwrap();
    running.settled(plain.correlation).await.unwrap();
    let traced = running.publish(Publication::new(order(2)).trace(trace)).await.unwrap();
    running.settled(traced.correlation).await.unwrap();
    let mut tail = running.tail(plain.seq);
    loop {
        let entry = tail.next().await.unwrap().unwrap();
        let expected = (entry.correlation == Some(traced.correlation)).then_some(trace);
        assert_eq!(entry.trace, expected, "{entry:?}");
        if entry.seq == running.durable() {
            break;
        }
    }
    let parts = running.artifacts(&Query::of::<Part>()).await.unwrap().artifacts;
    let traces: Vec<_> = parts.iter().map(|part| part.trace()).collect();
    assert_eq!(traces, [None, Some(trace)]);
    end(running).await;
}

#[derive(Debug)]
struct Busy(u64);

impl std::fmt::Display for Busy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "busy for {} s", self.0)
    }
}

impl std::error::Error for Busy {}

impl Classify for Busy {
    fn kind(&self) -> ErrorKind {
        ErrorKind::RateLimited { retry_after_ms: Some(self.0 * 1_000) }
    }
}

/// KIND-2, RETRY-4: a user's own error type says what a failure means.
#[tokio::test(start_paused = true)]
async fn an_error_type_may_classify_itself() {
    async fn later(cx: Context, _: Arc<Order>) -> Result<(), Busy> {
        if cx.attempt().get() < 3 { Err(Busy(600)) } else { Ok(()) }
    }
    let (board, _) = memory().await;
    board.agent("later").on::<Order>().run(later);
    let running = board.start().await.unwrap();
    let began = tokio::time::Instant::now();
    let receipt = running.publish(order(1)).await.unwrap();
    assert_eq!(running.settled(receipt.correlation).await.unwrap(), Status::Done);
    assert!(began.elapsed() >= Duration::from_mins(20), "{:?}", began.elapsed());
    end(running).await;
}

/// DLQ-3, FIN-3: what a handler returns that its agent does not declare, a panic, a time-out and a
/// permanent error end as dead letters that keep every attempt's error chain and log lines.
#[tokio::test(start_paused = true)]
async fn dead_letters_say_why() {
    async fn undeclared(cx: Context, _: Arc<Order>) -> Result<(), Error> {
        cx.publish(Invoice { number: "1".to_owned() });
        Ok(())
    }
    async fn panics(_: Context, _: Arc<Order>) -> Result<(), Error> {
        panic!("no such luck")
    }
    async fn hangs(cx: Context, _: Arc<Order>) -> Result<(), Error> {
        cx.log("about to hang");
        std::future::pending().await
    }
    async fn refuses(_: Context, _: Arc<Order>) -> Result<(), Error> {
        let missing = std::io::Error::new(std::io::ErrorKind::NotFound, "no such file");
        Err(Error::from(missing).context("cannot read the drawing"))
    }
    let (board, _) = memory().await;
    let twice = Retry::fixed(SECOND).max_attempts(2).jitter(Jitter::None);
    board.agent("undeclared").on::<Order>().retry(Retry::never()).run(undeclared);
    board.agent("panics").on::<Order>().retry(twice.clone()).run(panics);
    board.agent("hangs").on::<Order>().timeout(SECOND * 5).retry(twice).run(hangs);
    board.agent("refuses").on::<Order>().run(refuses);
    board.type_of::<Invoice>();
    let running = board.start().await.unwrap();
    let began = tokio::time::Instant::now();
    let receipt = running.publish(order(1)).await.unwrap();
    assert_eq!(running.settled(receipt.correlation).await.unwrap(), Status::DeadLetters(4));
    assert_eq!(began.elapsed(), SECOND * 11, "two attempts of 5 s and a second between them");
    let reader = Reader::of(running.log()).await.unwrap();
    let listing = reader.activations(&ActivationFilter::default()).await.unwrap();
    let mut told = Vec::new();
    for view in &listing.activations {
        let attempts = reader.attempts(view).await.unwrap();
        let last = attempts.last().unwrap();
        let chain = last.report.error.join(": ");
        told.push(format!("{} {} {chain}", view.agent, attempts.len()));
        if view.agent.as_str() == "hangs" {
            assert_eq!(last.report.log, "about to hang\n");
        }
    }
    assert_eq!(
        told,
        [
            "hangs 2 the attempt took longer than 5s",
            "panics 2 panicked: no such luck",
            "refuses 1 cannot read the drawing: no such file",
            "undeclared 1 agent `undeclared` returned a `shop.Invoice`, which it does not \
             declare; add `.publishes::<shop.Invoice>()`",
        ]
    );
    end(running).await;
}

/// FILTER-1: a filter that panics does not match, and the board goes on.
#[tokio::test(start_paused = true)]
async fn a_filter_that_panics_does_not_match() {
    async fn work(_: Context, order: Arc<Order>) -> Result<Part, Error> {
        Ok(Part { size: order.size })
    }
    let (board, _) = memory().await;
    let picky = board.agent("picky").on::<Order>();
    picky.filter(|order| if order.size == 3 { panic!("three") } else { order.size > 1 }).run(work);
    let running = board.start().await.unwrap();
    for size in 1..=4 {
        running.publish(order(size)).await.unwrap();
    }
    running.idle().await.unwrap();
    let made = running.artifacts(&Query::of::<Part>()).await.unwrap();
    let sizes: Vec<u32> =
        made.artifacts.iter().map(|made| made.decode::<Part>().unwrap().size).collect();
    assert_eq!(sizes, [2, 4]);
    end(running).await;
}

/// DEF-4: what is declared wrongly is said at the start, all of it, and nothing is owned.
#[tokio::test(start_paused = true)]
async fn a_wrong_declaration_is_refused_at_the_start() {
    async fn work(_: Context, _: Arc<Order>) -> Result<(), Error> {
        Ok(())
    }
    let board = Board::open("memory:").await.unwrap();
    board.agent("two words").on::<Order>().run(work);
    board.agent("eager").on::<Order>().priority(10).run(work);
    board.agent("none").on::<Order>().concurrency(0).run(work);
    board.agent("hasty").on::<Order>().timeout(Duration::ZERO).run(work);
    board.agent("twin").on::<Order>().run(work);
    board.agent("twin").on::<Order>().run(work);
    board.agent("sieve").on::<Order>().filter(|_| true).filter(|_| false).run(work);
    // Wrong in three ways.
    for _ in 0..2 {
        board.agent("best").on::<Order>().depends_on("bank").priority(10).run(work);
    }
    board.agent("payer").on::<Order>().depends_on("bank").run(work);
    let error = board.start().await.unwrap_err().to_string();
    for problem in [
        "`two words` has the character ' '",
        "agent `eager`: priority is 10, allowed are 0 to 9",
        "agent `none`: concurrency is 0",
        "agent `hasty`: the time-out is zero",
        "agent `twin` is declared twice",
        "agent `sieve`: it has two filters",
        "agent `best`: priority is 10",
        "agent `best` is declared twice",
        "agents `best` and `payer` depend on `bank`, which is not declared",
    ] {
        assert_eq!(error.lines().filter(|line| line.contains(problem)).count(), 1, "{error}");
    }
    assert_eq!(error.lines().count(), 9, "each once, one a line: {error}");
}

#[derive(Deserialize, JsonSchema, Artifact)]
struct Touchy {
    size: u32,
}

impl Serialize for Touchy {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        assert!(self.size != 13, "unlucky");
        let mut object = serializer.serialize_struct("Touchy", 1)?;
        object.serialize_field("size", &self.size)?;
        object.end()
    }
}

/// HANDLER-3: a panic while an output is encoded ends the attempt like one in the handler, and
/// frees its slot.
#[tokio::test(start_paused = true)]
async fn a_panic_outside_of_the_handler_is_an_end() {
    async fn touchy(_: Context, order: Arc<Order>) -> Result<Touchy, Error> {
        Ok(Touchy { size: order.size })
    }
    let (log, clock) = (Board::open("memory:").await.unwrap().log(), VirtualClock::default());
    let board = Board::builder("memory:").log(log).clock(Arc::new(clock)).slots(1).open().await;
    let board = board.unwrap();
    board.agent("touchy").on::<Order>().retry(Retry::never()).run(touchy);
    let running = board.start().await.unwrap();
    for (size, status) in [(13, Status::DeadLetters(1)), (1, Status::Done)] {
        let receipt = running.publish(order(size)).await.unwrap();
        assert_eq!(running.settled(receipt.correlation).await.unwrap(), status);
    }
    let reader = Reader::of(running.log()).await.unwrap();
    let dead = reader.activations(&ActivationFilter::default()).await.unwrap().activations;
    let report = reader.last_report(&dead[0]).await.unwrap().unwrap();
    assert_eq!(report.error, ["panicked: unlucky"]);
    end(running).await;
}

/// HANDLER-4: what an attempt returns belongs to its own tree of work.
#[tokio::test(start_paused = true)]
async fn an_output_cannot_name_another_correlation() {
    async fn elsewhere(cx: Context, _: Arc<Order>) -> Result<(), Error> {
        let other = artel::ids::CorrelationId::from_bytes([7; 16]);
        cx.publish(Publication::new(Part { size: 1 }).correlation(other));
        Ok(())
    }
    let (board, _) = memory().await;
    let agent = board.agent("elsewhere").on::<Order>().publishes::<Part>();
    agent.retry(Retry::never()).run(elsewhere);
    let running = board.start().await.unwrap();
    let receipt = running.publish(order(1)).await.unwrap();
    assert_eq!(running.settled(receipt.correlation).await.unwrap(), Status::DeadLetters(1));
    assert_eq!(count(&running, "Part").await, 0);
    end(running).await;
}

/// LOOK-2: a panic in what looks at the live state is its caller's, and not the board's.
#[tokio::test(start_paused = true)]
async fn a_panic_in_a_look_is_its_callers() {
    let (board, _) = memory().await;
    board.type_of::<Order>();
    let running = board.start().await.unwrap();
    let look = AssertUnwindSafe(running.look(|_| -> u32 { panic!("in a look") }));
    assert!(look.catch_unwind().await.is_err());
    running.publish(order(1)).await.unwrap();
    end(running).await;
}
