//! Every policy on a board on a server of either kind: what the core decides of them is stored there, and found again
//! by the next owner.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use artel::log::OutcomeFilter;
use artel::visibility::Viewer;
use artel::{
    ActivationFilter, Artifact, Board, Breaker, Candidate, Context, DeadLetterFilter, Dependency,
    Error, Group, Publication, Query, RateLimit, Reader, Retry, Running,
};
use artel_testkit::check;

/// How many orders everybody may see.
const ORDERS: u32 = 12;
/// An order of this size comes to nothing.
const UNLUCKY: u32 = 13;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Artifact)]
struct Order {
    size: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Artifact)]
struct Filled {
    by: String,
    size: u32,
}

async fn fill(cx: Context, order: Arc<Order>) -> Result<Filled, Error> {
    match order.size {
        UNLUCKY => Err(Error::permanent("unlucky")),
        size => Ok(Filled { by: cx.agent().to_owned(), size }),
    }
}

async fn call(cx: Context, order: Arc<Order>, away: Arc<AtomicBool>) -> Result<Filled, Error> {
    if away.load(Ordering::SeqCst) {
        return Err(Error::transient("the service is away"));
    }
    fill(cx, order).await
}

async fn pay(cx: Context, order: Arc<Order>) -> Result<Filled, Error> {
    let size = order.size;
    let paid = cx.irreversible("pay", async move |_| Ok::<_, Error>(size)).await?;
    Ok(Filled { by: cx.agent().to_owned(), size: paid })
}

fn by_size(candidate: &Candidate<'_>) -> f64 {
    candidate.first::<Filled>().map_or(0.0, |filled| filled.size.into())
}

async fn start(url: &str, away: &Arc<AtomicBool>) -> Running {
    let board = Board::open(url).await.unwrap();
    board.dependency(Dependency::new("service").breaker(Breaker::consecutive(2)));
    board.group(Group::new("crew"));
    let agent = |name: &str| board.agent(name).on::<Order>().retry(Retry::never());
    agent("calls").depends_on("service").shared_state(away.clone()).run(call);
    agent("keyed").ordered().key(|order: &Order| Some((order.size % 3).to_string())).run(fill);
    agent("rated").rate_limit(RateLimit::per_second(1_000).burst(2)).run(fill);
    agent("best").best_of(3, by_size).run(fill);
    agent("cleared").label("pii").run(fill);
    agent("pays").run(pay);
    for member in ["one", "two"] {
        board.agent(member).on::<Order>().exclusive("crew").run(fill);
    }
    board.start().await.unwrap()
}

/// How many dead letters there are.
async fn dead(running: &Running) -> usize {
    let reader = Reader::of(running.log()).await.unwrap();
    let dead = ActivationFilter { outcomes: vec![OutcomeFilter::Dead], ..Default::default() };
    reader.activations(&dead).await.unwrap().activations.len()
}

/// How many orders each agent filled, those of a group counted as its.
async fn filled(running: &Running) -> BTreeMap<String, u32> {
    let seen = running.seen_by(Viewer::unrestricted());
    let mut filled = BTreeMap::new();
    for one in seen.all::<Filled>(Query::default().limit(1_000)).await.unwrap() {
        let by = if ["one", "two"].contains(&one.by.as_str()) { "crew".to_owned() } else { one.by };
        *filled.entry(by).or_default() += 1;
    }
    filled
}

/// A breaker that opened, what waits behind it and behind a pause, keys, a rate limit, a group, candidates, labels, steps
/// that are done once, dead letters: the next owner finds all of it, and goes on.
pub(crate) async fn are_kept(url: &str) {
    let away = Arc::new(AtomicBool::new(true));
    let running = start(url, &away).await;
    let operator = running.operator("ann", "the service is away").unwrap();
    assert!(operator.pause_agent("rated").await.unwrap());
    running.publish_many((1..=ORDERS).map(|size| Order { size })).await.unwrap();
    running.publish(Order { size: UNLUCKY }).await.unwrap();
    running.publish(Publication::new(Order { size: 1 }).labelled("pii")).await.unwrap();
    while dead(&running).await < 2 {}
    check(&running).await;
    assert!(running.shutdown().await.complete);

    away.store(false, Ordering::SeqCst);
    let running = start(url, &away).await;
    let operator = running.operator("ann", "the service is back").unwrap();
    assert!(operator.close_dependency_breaker("service").await.unwrap(), "it was open");
    assert!(operator.resume_agent("rated").await.unwrap(), "it was paused");
    running.idle().await.unwrap();
    let of = |queue: &str| DeadLetterFilter { queue: Some(queue.to_owned()), ..Default::default() };
    let redriven = operator.redrive_all(of("calls")).run().await.unwrap().changed;
    assert!(redriven >= 2, "two failures opened the breaker: {redriven}");
    running.idle().await.unwrap();
    for queue in ["keyed", "rated", "best", "cleared", "crew"] {
        assert_eq!(operator.drop_all(of(queue)).await.unwrap().changed, 1, "{queue}");
    }
    running.idle().await.unwrap();
    let expected = [
        ("best", ORDERS),
        ("calls", ORDERS),
        ("cleared", ORDERS + 1),
        ("crew", ORDERS),
        ("keyed", ORDERS),
        ("pays", ORDERS + 1),
        ("rated", ORDERS),
    ];
    let expected: BTreeMap<_, _> = expected.map(|(by, count)| (by.to_owned(), count)).into();
    assert_eq!(filled(&running).await, expected);
    check(&running).await;
    let reader = Reader::of(running.log()).await.unwrap();
    reader.verify_store(reader.state().seq(), |_| {}).await.unwrap();
    assert!(running.shutdown().await.complete);
}
