//! Predicates in CEL, and what is recorded of predicates that fail.

use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use artel::envelope::Clause;
use artel::event::Event;
use artel::ids::Seq;
use artel::{Artifact, Context, Error, Reader};

use super::set_up::{Order, Part, SECOND, end, memory, order};

async fn part(_: Context, order: Arc<Order>) -> Result<Part, Error> {
    Ok(Part { size: order.size })
}

/// What the log tells of predicates that failed, with the texts.
async fn told(reader: &Reader) -> Vec<(Clause, u64, String)> {
    let mut tail = reader.tail(Seq(1));
    let mut told = Vec::new();
    while let Some(entry) = tail.next().await.unwrap() {
        if let Event::PredicateFailed { clause, count, .. } = entry.event {
            told.push((clause, count, reader.failure_text(entry.seq).await.unwrap().unwrap()));
        }
    }
    told
}

/// `cel`, CEL-2: an expression on payload and artifact decides who wakes; without it, everybody does.
#[tokio::test(start_paused = true)]
async fn an_expression_decides_who_wakes() {
    let picky = "payload.size > 2 && 'red' in artifact.tags && artifact.producer_kind == 'program' \
                 && artifact.type == 'Order' && artifact.depth == 0";
    for (expression, expected) in [(None, 4), (Some(picky), 2), (Some("payload.size == 9"), 0)] {
        let (board, _) = memory().await;
        let agent = board.agent("picky").on::<Order>();
        let agent = match expression {
            Some(expression) => agent.cel(expression),
            None => agent,
        };
        agent.run(part);
        let running = board.start().await.unwrap();
        running.publish_many((1..=4).map(order)).await.unwrap();
        running.idle().await.unwrap();
        let reader = Reader::of(running.log()).await.unwrap();
        let woken: u64 =
            reader.state().subscriptions().map(|(_, record)| record.counters.placements).sum();
        assert_eq!(woken, expected, "{expression:?}");
        end(running).await;
    }
}

/// CEL-1: a bad expression is an error at the start, which names agent, subscription, expression and
/// place, and says what to do. A second predicate is one too many, whatever it is.
#[tokio::test(start_paused = true)]
async fn a_bad_expression_is_refused_at_the_start() {
    let (board, _) = memory().await;
    board.agent("picky").on::<Order>().cel("payload.size >\n  sise").run(part);
    let error = board.start().await.unwrap_err().to_string();
    for part in [
        "agent `picky`: the CEL filter of its subscription to `Order` cannot be used",
        "line 2, column 3: there is no `sise`; begin with `payload` or `artifact`",
        "\n  payload.size >\n    sise",
    ] {
        assert!(error.contains(part), "{error}");
    }
    let (board, _) = memory().await;
    let twice = board.agent("picky").on::<Order>().cel("true").filter(|order| order.size > 1);
    twice.run(part);
    let error = board.start().await.unwrap_err().to_string();
    assert!(error.contains("it has two filters"), "{error}");
}

/// FAILING-2: a thousand failing matches within a minute are one record, and a count in the next one.
#[tokio::test(start_paused = true)]
async fn a_thousand_failures_are_one_record() {
    let (board, _) = memory().await;
    board.agent("picky").on::<Order>().cel("payload.weight > 3").run(part);
    let running = board.start().await.unwrap();
    for size in 0..1_000 {
        running.publish(order(size)).await.unwrap();
        tokio::time::advance(SECOND / 50).await;
    }
    let missing = "the field `weight` is missing; ask with `has` whether it is there".to_owned();
    let reader = Reader::of(running.log()).await.unwrap();
    assert_eq!(told(&reader).await, [(Clause::FilterError, 1, missing.clone())]);
    let failing = reader.state().subscriptions().next().unwrap().1.failing[0];
    assert_eq!((failing.count, failing.untold), (1_000, 999));
    tokio::time::advance(SECOND * 60).await;
    running.publish(order(1)).await.unwrap();
    let reader = Reader::of(running.log()).await.unwrap();
    assert_eq!(told(&reader).await[1..], [(Clause::FilterError, 1_000, missing)]);
    end(running).await;
}

/// FAILING-1, FAILING-3: each way to fail is told by itself, with what went wrong, cut visibly; what an
/// attempt returns fails as what is published does.
#[tokio::test(start_paused = true)]
async fn each_way_to_fail_is_told() {
    let (board, _) = memory().await;
    board.agent("maker").on::<Order>().run(part);
    let panics = |part: &Part| -> bool { panic!("{}", "x".repeat(part.size as usize)) };
    board.agent("panics").on::<Part>().filter(panics).run(nothing);
    board.agent("fields").on::<Part>().cel("payload.size.matches('1')").run(nothing);
    // Each reads the body and counts it, and together they pass their bound.
    let often = ["size(payload.body) == 0"; 40].join(" || ");
    board.agent("bound").on::<Note>().cel(often).run(noted);
    let running = board.start().await.unwrap();
    running.publish(Note { body: "x".repeat(900_000), last: 1 }).await.unwrap();
    running.publish(order(2_000)).await.unwrap();
    running.idle().await.unwrap();
    let reader = Reader::of(running.log()).await.unwrap();
    let mut told = told(&reader).await;
    told.sort();
    let bound = "the expression had to look at more than 67108864 bytes, which is the limit";
    let expected = [
        (Clause::FilterError, 1, "a number is given; `matches` is asked of text".to_owned()),
        (
            Clause::FilterPanic,
            1,
            format!("the closure panicked: {} [998 bytes were cut]", "x".repeat(1_002)),
        ),
        (Clause::FilterBound, 1, bound.to_owned()),
    ];
    assert_eq!(told, expected);
    end(running).await;
}

/// A text, and what stands behind it.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Artifact)]
struct Note {
    body: String,
    last: u32,
}

async fn noted(_: Context, _: Arc<Note>) -> Result<(), Error> {
    Ok(())
}

async fn nothing(_: Context, _: Arc<Part>) -> Result<(), Error> {
    Ok(())
}
