//! What `artel dlq alerts` lists, and what `artel event tail` says of alerts that ended.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use artel::state::State;
use artel::{Board, Context, Error, Publication, Running, Webhook};

use super::fixture::{Fixture, PROGRAM, Package, package};

async fn fails(_: Context, _: Arc<Package>) -> Result<(), Error> {
    Err(Error::permanent("there is no shelf"))
}

/// Somebody to be told who is not there.
fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

async fn started(fixture: &Fixture, attempts: u32) -> Running {
    let webhook = Webhook::new(format!("http://{}/token", nobody()), [7; 32]).attempts(attempts);
    let builder = Board::builder(&*fixture.url).program(PROGRAM);
    let board = builder.alert_webhook(webhook.gather(Duration::ZERO)).open().await.unwrap();
    board.agent("packer").on::<Package>().label("pii").run(fails);
    board.start().await.unwrap()
}

/// ALERT-6: what is not delivered is listed, on the file alone, until it is delivered or given up, which an
/// event says.
#[tokio::test]
async fn what_is_not_delivered_is_listed() {
    let fixture = Fixture::new().await;
    assert_eq!(fixture.text(&["dlq", "alerts"]), "no alerts wait to be delivered\n");
    let running = started(&fixture, 1_000_000).await;
    let receipt = running.publish(Publication::new(package("lamp"))).await.unwrap();
    running.settled(receipt.correlation).await.unwrap();
    let _ = running.shutdown().await;

    let listed = fixture.json(&["dlq", "alerts"]);
    let alert = &listed["alerts"][0];
    let (agent, reason) = (&alert["agent"], &alert["reason"]);
    assert_eq!((agent, reason), (&json!("packer"), &json!("not-retryable")));
    assert_eq!((&alert["deaths"], &alert["others"]), (&json!(1), &json!(0)));
    assert_eq!(alert["dead_letters"].as_array().unwrap().len(), 1);
    assert!(alert["overdue_ms"].is_u64() && alert["fingerprint"].is_string());
    let text = fixture.text(&["dlq", "alerts"]);
    assert!(text.starts_with("ALERT  AGENT  COUNT  REASON"), "{text}");
    assert!(text.contains("packer  1  not-retryable"), "{text}");

    let running = started(&fixture, 1).await;
    while running.look(|state: &State| state.alerts().count()).await.unwrap() > 0 {}
    let _ = running.shutdown().await;
    assert_eq!(fixture.json(&["dlq", "alerts"]), json!({ "alerts": [] }));
    let events = fixture.run(&["event", "tail", "--from", "1"]).out;
    let ended = "alert ended";
    let line = events.lines().find(|line| line.contains(ended)).unwrap_or(&events);
    assert!(line.contains("packer dead letters: 1, given-up at try 1"), "{line}");
    assert!(!events.contains("token"), "the URL is the program's alone");
}

/// ALERT-4: of what whoever asks may not see, the list tells no fingerprint: it is made of the error.
#[tokio::test]
async fn what_may_not_be_seen_has_no_fingerprint() {
    let fixture = Fixture::new().await;
    let running = started(&fixture, 1_000_000).await;
    let secret = Publication::new(package("lamp")).labelled("pii");
    let receipt = running.publish(secret).await.unwrap();
    running.settled(receipt.correlation).await.unwrap();
    let _ = running.shutdown().await;
    let shown = |args: &[&str]| fixture.json(args)["alerts"][0]["fingerprint"].is_string();
    assert!(!shown(&["dlq", "alerts"]));
    assert!(shown(&["dlq", "alerts", "--label", "pii"]));
    assert!(shown(&["dlq", "alerts", "--unrestricted"]));
}
