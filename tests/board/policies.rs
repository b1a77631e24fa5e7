//! Policies from outside: what holds work back, with the default here and the option set.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use artel::event::{Event, Metered, Tripped};
use artel::ids::{AgentNo, Seq};
use artel::{
    ActivationFilter, Board, Breaker, Context, Dependency, Error, Jitter, Publication, Query,
    RateLimit, Reader, Retry, Running, Status,
};
use artel_testkit::{SeededEntropy, VirtualClock, check};

use super::set_up::{Order, Part, SECOND, end, memory, order};

/// Something outside that is well or not, and how often it was called.
#[derive(Debug, Default)]
struct Service {
    unwell: AtomicBool,
    calls: AtomicU32,
}

async fn call(_: Context, _: Arc<Order>, service: Arc<Service>) -> Result<(), Error> {
    answer(&service)
}

async fn call_too(_: Context, _: Arc<Part>, service: Arc<Service>) -> Result<(), Error> {
    answer(&service)
}

fn answer(service: &Service) -> Result<(), Error> {
    service.calls.fetch_add(1, Ordering::SeqCst);
    if service.unwell.load(Ordering::SeqCst) {
        return Err(Error::transient("the service does not answer"));
    }
    Ok(())
}

fn patient() -> Retry {
    Retry::fixed(SECOND).jitter(Jitter::None).max_attempts(20)
}

/// `breaker` of an agent: without one a service that is unwell is called until all attempts are used
/// up; with one it is left alone, and no attempt is used up meanwhile.
#[tokio::test(start_paused = true)]
async fn a_breaker_holds_back_what_would_fail() {
    for (breaker, calls, status) in [
        (None, 20, Status::DeadLetters(1)),
        (Some(Breaker::consecutive(3).recovery(SECOND * 60).probes(1)), 4, Status::Done),
    ] {
        let (board, _) = memory().await;
        let service = Arc::new(Service::default());
        service.unwell.store(true, Ordering::SeqCst);
        let agent = board.agent("call").on::<Order>().retry(patient());
        let agent = if let Some(breaker) = breaker { agent.breaker(breaker) } else { agent };
        agent.shared_state(service.clone()).run(call);
        let running = board.start().await.unwrap();
        let receipt = running.publish(order(1)).await.unwrap();
        tokio::time::sleep(SECOND * 30).await;
        service.unwell.store(false, Ordering::SeqCst);
        assert_eq!(running.settled(receipt.correlation).await.unwrap(), status);
        assert_eq!(service.calls.load(Ordering::SeqCst), calls);
        end(running).await;
    }
}

/// `rate_limit` of an agent.
#[tokio::test(start_paused = true)]
async fn a_rate_limit_spreads_what_begins() {
    for (rate, seconds) in [(None, 0), (Some(RateLimit::per_second(2).burst(2)), 4)] {
        let (board, _) = memory().await;
        let agent = board.agent("call").on::<Order>();
        let agent = if let Some(rate) = rate { agent.rate_limit(rate) } else { agent };
        agent.state(Service::default()).run(call);
        let running = board.start().await.unwrap();
        let began = tokio::time::Instant::now();
        running.publish_many((0..10).map(order)).await.unwrap();
        running.idle().await.unwrap();
        assert_eq!(began.elapsed().as_secs(), seconds, "{rate:?}");
        end(running).await;
    }
}

/// `depends_on` of an agent, and `breaker` of a dependency: what one agent finds out keeps another one
/// from calling.
#[tokio::test(start_paused = true)]
async fn agents_share_what_they_depend_on() {
    for (depends, calls) in [(false, 5), (true, 3)] {
        let (board, _) = memory().await;
        board.dependency(Dependency::new("service").breaker(Breaker::consecutive(3)));
        let service = Arc::new(Service::default());
        service.unwell.store(true, Ordering::SeqCst);
        let agent = board.agent("call").on::<Order>().retry(Retry::never()).depends_on("service");
        agent.shared_state(service.clone()).run(call);
        let agent = board.agent("call-too").on::<Part>().retry(Retry::never());
        let agent = if depends { agent.depends_on("service") } else { agent };
        agent.shared_state(service.clone()).run(call_too);
        let running = board.start().await.unwrap();
        for size in 0..3 {
            let receipt = running.publish(order(size)).await.unwrap();
            running.settled(receipt.correlation).await.unwrap();
        }
        running.publish_many((0..2).map(|size| Part { size })).await.unwrap();
        tokio::time::sleep(SECOND).await;
        assert_eq!(service.calls.load(Ordering::SeqCst), calls);
        service.unwell.store(false, Ordering::SeqCst);
        end(running).await;
    }
}

/// `rate_limit` of a dependency: one for all agents that depend on it.
#[tokio::test(start_paused = true)]
async fn agents_share_a_rate_limit() {
    for (shared, seconds) in [(false, 4), (true, 9)] {
        let (board, _) = memory().await;
        let rate = RateLimit::per_second(1);
        let one = Dependency::new("one").rate_limit(rate);
        board.dependency(one);
        board.dependency(Dependency::new("two").rate_limit(rate));
        let agent = board.agent("call").on::<Order>().depends_on("one");
        agent.state(Service::default()).run(call);
        let other = if shared { "one" } else { "two" };
        let agent = board.agent("call-too").on::<Part>().depends_on(other);
        agent.state(Service::default()).run(call_too);
        let running = board.start().await.unwrap();
        let began = tokio::time::Instant::now();
        running.publish_many((0..5).map(order)).await.unwrap();
        running.publish_many((0..5).map(|size| Part { size })).await.unwrap();
        running.idle().await.unwrap();
        assert_eq!(began.elapsed().as_secs(), seconds);
        end(running).await;
    }
}

/// DEF-4: a dependency that holds nothing back, one that is declared twice, and one that nobody
/// declared.
#[tokio::test(start_paused = true)]
async fn dependencies_are_declared_once_and_hold_something_back() {
    let (board, _) = memory().await;
    board.dependency(Dependency::new("idle"));
    let refused = board.start().await.unwrap_err().to_string();
    assert!(refused.contains("dependency `idle` holds nothing back"), "{refused}");
    let (board, _) = memory().await;
    for _ in 0..2 {
        board.dependency(Dependency::new("twice").breaker(Breaker::default()));
    }
    let refused = board.start().await.unwrap_err().to_string();
    assert!(refused.contains("dependency `twice` is declared twice"), "{refused}");
    let (board, _) = memory().await;
    board.agent("call").on::<Order>().depends_on("nobody").state(Service::default()).run(call);
    let refused = board.start().await.unwrap_err();
    let text = artel_core::classify::chain_of(&refused).join(": ");
    assert!(text.contains("agent `call` depends on `nobody`, which is not declared"), "{text}");
}

async fn opened(running: &Running) -> Vec<(Metered, Tripped)> {
    let reader = Reader::of(running.log()).await.unwrap();
    let mut tail = reader.tail(Seq(1));
    let mut opened = Vec::new();
    let last = reader.state().seq();
    while let Some(entry) = tail.next().await.unwrap().filter(|entry| entry.seq <= last) {
        if let Event::BreakerOpened { of, why, .. } = entry.event {
            opened.push((of, why));
        }
        if entry.seq == last {
            break;
        }
    }
    opened
}

async fn start(board: Board, service: &Arc<Service>) -> Running {
    let agent = board.agent("call").on::<Order>().retry(patient());
    let agent = agent.breaker(Breaker::consecutive(2).recovery(SECOND * 100));
    agent.shared_state(service.clone()).run(call);
    board.start().await.unwrap()
}

/// BREAKER-7: the breaker that is open when a process is killed is open in the next one, for the time
/// that is left; nothing is called meanwhile.
#[tokio::test(start_paused = true)]
async fn an_open_breaker_outlives_its_process() {
    let (board, log) = memory().await;
    let service = Arc::new(Service::default());
    service.unwell.store(true, Ordering::SeqCst);
    let running = start(board, &service).await;
    let receipt = running.publish(order(1)).await.unwrap();
    tokio::time::sleep(SECOND * 10).await;
    assert_eq!(opened(&running).await, [(Metered::Agent(AgentNo(0)), Tripped::InARow)]);
    drop(running);
    tokio::time::sleep(SECOND * 50).await;
    service.unwell.store(false, Ordering::SeqCst);
    let clock = Arc::new(VirtualClock::default());
    let entropy = Arc::new(SeededEntropy::new(8));
    let next = Board::builder("memory:").log(log).clock(clock).entropy(entropy);
    let running = start(next.open().await.unwrap(), &service).await;
    tokio::time::sleep(SECOND * 20).await;
    assert_eq!(service.calls.load(Ordering::SeqCst), 2, "it is still open");
    assert_eq!(running.settled(receipt.correlation).await.unwrap(), Status::Done);
    assert_eq!(service.calls.load(Ordering::SeqCst), 3);
    end(running).await;
}

/// PAUSE-1, PAUSE-2, PAUSE-3, BREAKER-9: what an operator holds back waits, and goes on when it is let go.
#[tokio::test(start_paused = true)]
async fn an_operator_holds_work_back_and_lets_it_go() {
    let (board, _) = memory().await;
    let service = Arc::new(Service::default());
    board.dependency(Dependency::new("service").breaker(Breaker::default()));
    let agent = board.agent("call").on::<Order>().breaker(Breaker::default());
    agent.depends_on("service").shared_state(service.clone()).run(call);
    let running = board.start().await.unwrap();
    let operator = running.operator("anna", "test").unwrap();
    let calls = || service.calls.load(Ordering::SeqCst);
    assert!(operator.pause_board().await.unwrap());
    assert!(!operator.pause_board().await.unwrap());
    let receipt = running.publish(order(1)).await.unwrap();
    assert!(operator.pause_correlation(receipt.correlation).await.unwrap());
    assert!(operator.pause_agent("call").await.unwrap());
    assert!(operator.open_agent_breaker("call").await.unwrap());
    assert!(operator.open_dependency_breaker("service").await.unwrap());
    running.idle().await.unwrap();
    assert!(operator.resume_board().await.unwrap());
    assert!(operator.resume_correlation(receipt.correlation).await.unwrap());
    assert!(operator.resume_agent("call").await.unwrap());
    assert!(operator.close_agent_breaker("call").await.unwrap());
    running.idle().await.unwrap();
    assert_eq!(calls(), 0);
    assert!(operator.close_dependency_breaker("service").await.unwrap());
    assert_eq!(running.settled(receipt.correlation).await.unwrap(), Status::Done);
    assert_eq!(calls(), 1);
    for refused in [
        operator.pause_agent("nobody").await.unwrap_err(),
        operator.open_dependency_breaker("two words").await.unwrap_err(),
    ] {
        assert_eq!((refused.code(), refused.retryable()), ("unknown-name", false));
    }
    check(&running).await;
    end(running).await;
}

/// Sizes in the order in which attempts of them began.
#[derive(Debug, Default)]
struct Begun {
    sizes: Mutex<Vec<u32>>,
    now: AtomicU32,
    most: AtomicU32,
}

/// Fails at first where the size is below ten, and takes a second otherwise.
async fn note(cx: Context, order: Arc<Order>, begun: Arc<Begun>) -> Result<(), Error> {
    begun.sizes.lock().unwrap().push(order.size);
    let now = begun.now.fetch_add(1, Ordering::SeqCst) + 1;
    begun.most.fetch_max(now, Ordering::SeqCst);
    tokio::time::sleep(SECOND).await;
    begun.now.fetch_sub(1, Ordering::SeqCst);
    if order.size < 10 && cx.attempt().get() == 1 {
        return Err(Error::transient("not yet"));
    }
    if order.size == 77 {
        return Err(Error::permanent("never"));
    }
    Ok(())
}

fn coloured(colour: &str, size: u32) -> Order {
    Order { colour: colour.to_owned(), size }
}

fn once_more() -> Retry {
    Retry::fixed(SECOND * 5).jitter(Jitter::None)
}

/// `ordered`, with `key` and `key_field`: without an order a retry is overtaken; with one, what has its key
/// waits for it, and nothing else does.
#[tokio::test(start_paused = true)]
async fn an_order_is_kept_by_key() {
    for (way, expected) in [
        ("none", vec![1, 20, 30, 40, 1]),
        ("key", vec![1, 40, 1, 20, 30]),
        ("field", vec![1, 40, 1, 20, 30]),
        // An order has no key of its own.
        ("own", vec![1, 20, 30, 40, 1]),
    ] {
        let (board, _) = memory().await;
        let begun = Arc::new(Begun::default());
        let agent = board.agent("note").on::<Order>().retry(once_more());
        let agent = match way {
            "none" => agent,
            "key" => agent.ordered().key(|order: &Order| Some(order.colour.clone())),
            "field" => agent.ordered().key_field(&Order::fields().colour),
            _ => agent.ordered(),
        };
        agent.shared_state(begun.clone()).run(note);
        let running = board.start().await.unwrap();
        for (colour, size) in [("red", 1), ("red", 20), ("red", 30), ("blue", 40)] {
            running.publish(coloured(colour, size)).await.unwrap();
        }
        running.idle().await.unwrap();
        assert_eq!(*begun.sizes.lock().unwrap(), expected, "{way}");
        end(running).await;
    }
}

/// `ordered_strictly`: a dead letter stops its key, and not the others.
#[tokio::test(start_paused = true)]
async fn a_strict_order_stops_at_a_dead_letter() {
    for (strict, begins) in [(false, vec![77, 20, 40]), (true, vec![77, 40])] {
        let (board, _) = memory().await;
        let begun = Arc::new(Begun::default());
        let agent = board.agent("note").on::<Order>().key_field(&Order::fields().colour);
        let agent = if strict { agent.ordered_strictly() } else { agent.ordered() };
        agent.shared_state(begun.clone()).run(note);
        let running = board.start().await.unwrap();
        let mut receipts = Vec::new();
        for (colour, size) in [("red", 77), ("red", 20), ("blue", 40)] {
            receipts.push(running.publish(coloured(colour, size)).await.unwrap());
        }
        running.idle().await.unwrap();
        let mut sizes = begun.sizes.lock().unwrap().clone();
        sizes.sort_unstable();
        let mut expected = begins.clone();
        expected.sort_unstable();
        assert_eq!(sizes, expected);
        let operator = running.operator("anna", "test").unwrap();
        let reader = Reader::of(running.log()).await.unwrap();
        let all = reader.activations(&ActivationFilter::default()).await.unwrap().activations;
        let dead: Vec<_> = all.iter().map(|view| view.id).take(1).collect();
        if strict {
            operator.drop_dead(&dead).await.unwrap();
            running.idle().await.unwrap();
            assert_eq!(begun.sizes.lock().unwrap().last(), Some(&20));
        } else {
            let refused = operator.redrive(&dead).await.unwrap_err();
            assert_eq!(refused.code(), "out-of-order");
            assert_eq!(operator.redrive_out_of_order(&dead).await.unwrap(), 1);
        }
        end(running).await;
    }
}

/// `concurrency_per_key`: how many of one key run at once.
#[tokio::test(start_paused = true)]
async fn attempts_of_a_key_are_bounded() {
    for (bound, most) in [(None, 12), (Some(2), 4)] {
        let (board, _) = memory().await;
        let begun = Arc::new(Begun::default());
        let agent = board.agent("note").on::<Order>();
        let agent = match bound {
            Some(bound) => agent.concurrency_per_key(bound).key_field(&Order::fields().colour),
            None => agent,
        };
        agent.shared_state(begun.clone()).run(note);
        let running = board.start().await.unwrap();
        let all = (10..16).flat_map(|size| [coloured("red", size), coloured("blue", size)]);
        running.publish_many(all).await.unwrap();
        running.idle().await.unwrap();
        assert_eq!(begun.most.load(Ordering::SeqCst), most);
        end(running).await;
    }
}

/// KEY-5: a key function that panics makes a dead letter, and a key without anything that asks for it is
/// refused.
#[tokio::test(start_paused = true)]
async fn a_key_has_to_be_one_and_be_of_use() {
    let (board, _) = memory().await;
    let begun = Arc::new(Begun::default());
    let agent = board.agent("note").on::<Order>().ordered();
    let agent = agent.key(|order: &Order| -> Option<String> {
        assert!(order.size > 9, "too small");
        Some(String::new())
    });
    agent.shared_state(begun.clone()).run(note);
    let running = board.start().await.unwrap();
    for size in [1, 10] {
        let receipt = running.publish(order(size)).await.unwrap();
        let status = running.settled(receipt.correlation).await.unwrap();
        assert_eq!(status, Status::DeadLetters(1));
    }
    assert_eq!(begun.sizes.lock().unwrap().len(), 0);
    end(running).await;
    for zero in [false, true] {
        let (board, _) = memory().await;
        let agent = board.agent("note").on::<Order>();
        let agent = if zero {
            agent.concurrency_per_key(0)
        } else {
            agent.key_field(&Order::fields().colour)
        };
        agent.state(Begun::default()).run(note);
        let refused = board.start().await.unwrap_err().to_string();
        let why = if zero { "concurrency per key is 0" } else { "neither an order nor" };
        assert!(refused.contains(why), "{refused}");
    }
}

async fn smaller(_: Context, part: Arc<Part>) -> Result<Option<Part>, Error> {
    Ok(part.size.checked_sub(1).map(|size| Part { size }))
}

/// `self_trigger` and `not_from` of a subscription: who wakes on what an agent makes.
#[tokio::test(start_paused = true)]
async fn an_agent_may_wake_on_its_own_and_leave_others_out() {
    for (selfish, picky, made) in [(false, false, 6), (true, false, 9), (true, true, 7)] {
        let (board, _) = memory().await;
        let agent = board.agent("smaller").on::<Part>();
        let agent = if selfish { agent.self_trigger() } else { agent };
        agent.run(smaller);
        let agent = board.agent("also").on::<Part>().filter(|part| part.size > 1);
        let agent = if picky { agent.not_from("smaller") } else { agent };
        agent.run(smaller);
        let running = board.start().await.unwrap();
        running.publish(Part { size: 3 }).await.unwrap();
        running.idle().await.unwrap();
        let parts = running.artifacts(&Query::of::<Part>()).await.unwrap();
        assert_eq!(parts.artifacts.len(), made, "{selfish} {picky}");
        end(running).await;
    }
}

/// `after` of a subscription, and `delay` and `not_before` of a publication: when work begins.
#[tokio::test(start_paused = true)]
async fn work_begins_after_some_matches_and_at_its_time() {
    for after in [0, 3] {
        let (board, _) = memory().await;
        let begun = Arc::new(Begun::default());
        board.agent("note").on::<Order>().after(after).shared_state(begun.clone()).run(note);
        let running = board.start().await.unwrap();
        for (size, count) in [(10, [1, 0]), (11, [2, 0]), (12, [3, 3]), (13, [4, 4])] {
            running.publish(order(size)).await.unwrap();
            running.idle().await.unwrap();
            let expected = count[usize::from(after > 0)];
            assert_eq!(begun.sizes.lock().unwrap().len(), expected);
        }
        let began = tokio::time::Instant::now();
        let now = running.look(|state| state.header().at).await.unwrap();
        let plain = Publication::new(order(20));
        let at = artel::time::Timestamp(now.as_millis() + 60_000);
        for (publication, seconds) in
            [(plain.clone(), 1), (plain.clone().delay(SECOND * 9), 10), (plain.not_before(at), 61)]
        {
            let before = began.elapsed();
            let receipt = running.publish(publication).await.unwrap();
            running.settled(receipt.correlation).await.unwrap();
            let took = began.elapsed() - before;
            assert!(took.as_secs().abs_diff(seconds) <= 12, "{took:?}, not {seconds} s");
            assert!(seconds < 60 || took.as_secs() > 40, "{took:?}");
            assert!(seconds > 1 || took.as_secs() == 1, "{took:?}");
        }
        end(running).await;
    }
}

/// `quiet`, and `older_than` with `without`: what wakes at once by default wakes when its time has come, or
/// expires.
#[tokio::test(start_paused = true)]
async fn a_match_may_wait_for_quiet_or_for_an_age() {
    for (way, begins) in [
        ("none", vec![(20, 0), (21, 5), (22, 0)]),
        ("quiet", vec![(21, 15), (22, 10)]),
        ("old", vec![(20, 30), (21, 35), (22, 30)]),
        ("without", vec![(21, 35), (22, 30)]),
    ] {
        let (board, _) = memory().await;
        let begun = Arc::new(Begun::default());
        let agent = board.agent("note").on::<Order>();
        let agent = match way {
            "none" => agent,
            "quiet" => agent.quiet(SECOND * 10).key_field(&Order::fields().colour),
            "old" => agent.older_than(SECOND * 30),
            _ => agent.older_than(SECOND * 30).without::<Part>(),
        };
        agent.shared_state(begun.clone()).run(note);
        board.type_of::<Part>();
        let running = board.start().await.unwrap();
        let receipt = running.publish(coloured("red", 20)).await.unwrap();
        running.publish(coloured("blue", 22)).await.unwrap();
        tokio::time::sleep(SECOND * 5).await;
        let part = Publication::new(Part { size: 1 }).correlation(receipt.correlation);
        running.publish(part).await.unwrap();
        running.publish(coloured("red", 21)).await.unwrap();
        let mut seen = Vec::new();
        for seconds in 6..40 {
            tokio::time::sleep(SECOND).await;
            let sizes = begun.sizes.lock().unwrap().clone();
            for size in sizes {
                if !seen.iter().any(|(before, _)| *before == size) {
                    seen.push((size, seconds));
                }
            }
        }
        seen.sort_unstable();
        let near = |((size, at), (wanted, due)): (&(u32, i32), &(u32, i32))| {
            size == wanted && (at - due).abs() <= 7
        };
        let alike = seen.len() == begins.len() && seen.iter().zip(&begins).all(near);
        assert!(alike, "{way}: {seen:?}, not {begins:?}");
        end(running).await;
    }
    for wrong in [false, true] {
        let (board, _) = memory().await;
        let agent = board.agent("note").on::<Order>();
        let agent =
            if wrong { agent.quiet(SECOND).older_than(SECOND) } else { agent.without::<Part>() };
        agent.state(Begun::default()).run(note);
        let refused = board.start().await.unwrap_err().to_string();
        let why = if wrong { "when it is quiet and when" } else { "`without` says nothing" };
        assert!(refused.contains(why), "{refused}");
    }
}
