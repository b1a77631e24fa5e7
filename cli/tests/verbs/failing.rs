//! What people are told of predicates that fail.

use std::sync::Arc;

use serde_json::json;

use artel::{Board, Context, Error};

use super::fixture::{Fixture, PROGRAM, Package, package};

async fn nothing(_: Context, _: Arc<Package>) -> Result<(), Error> {
    Ok(())
}

/// FAILING-3: the events and the board tell what went wrong, and how often.
#[tokio::test]
async fn a_predicate_that_fails_is_told_of() {
    let fixture = Fixture::new().await;
    let board = Board::builder(&fixture.url).program(PROGRAM).open().await.unwrap();
    board.agent("picky").on::<Package>().cel("payload.weight > 3").run(nothing);
    let running = board.start().await.unwrap();
    for name in ["one", "two", "three"] {
        running.publish(package(name)).await.unwrap();
    }
    let _ = running.shutdown().await;

    let missing = "the field `weight` is missing; ask with `has` whether it is there";
    let text = fixture.text(&["event", "tail"]);
    assert!(text.contains(&format!("predicate failed  picky filter-error: {missing}\n")), "{text}");
    let text = fixture.text(&["board", "show"]);
    let heading = "predicates that failed, so that artifacts did not meet them\n";
    assert!(text.contains(heading), "{text}");

    let ran = fixture.run(&["board", "show", "--json"]);
    let shown: serde_json::Value = serde_json::from_str(&ran.out).unwrap();
    let failing = &shown["failing"][0];
    let expected = json!({ "agent": "picky", "clause": "filter-error", "count": 3, "untold": 2,
        "text": missing });
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(failing[field], *value, "{field} of {failing}");
    }
    let seq = failing["told_seq"].as_u64().unwrap().to_string();
    let ran = fixture.run(&["event", "tail", "--json", "--from", &seq, "--limit", "1"]);
    let event: serde_json::Value = serde_json::from_str(ran.out.trim()).unwrap();
    let expected = json!({ "kind": "predicate_failed", "agent": "picky", "clause": "filter-error",
        "count": 1, "text": missing });
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(event[field], *value, "{field} of {event}");
    }
}
