//! What `artel activation ls`, `show` and `cancel` answer, change and refuse.

use serde_json::json;

use super::fixture::{Fixture, numbers};

/// The ids that a listing has.
fn ids(fixture: &Fixture, args: &[&str]) -> Vec<u64> {
    let listing = fixture.json(&[&["activation", "ls"], args].concat());
    numbers(&listing["activations"], "id")
}

#[tokio::test]
async fn ls_tells_people_how_work_stands() {
    let fixture = Fixture::new().await;
    let expected = "\
ID  AGENT  STANDING  ATTEMPTS  INPUTS  ENDED  CORRELATION
10  judge  done  1  9  <time>  <id>
14  scribe  done  1  13  <time>  <id>
19  judge  dead: not-retryable  1  18  <time>  <id>
23  judge  dead: attempts-exhausted  2  22  <time>  <id>
";
    assert_eq!(fixture.text(&["activation", "ls"]), expected);
    assert_eq!(fixture.text(&["activation", "ls", "--open"]), "no activations\n");
}

#[tokio::test]
async fn ls_lists_what_meets_all_conditions() {
    let fixture = Fixture::new().await;
    fixture.run(&["dlq", "redrive", "23", "--reason", "test"]);
    assert_eq!(ids(&fixture, &["--agent", "scribe"]), [14]);
    assert_eq!(ids(&fixture, &["--correlation", &fixture.broken.to_string()]), [19]);
    assert_eq!(ids(&fixture, &["--outcome", "dead"]), [19]);
    assert_eq!(ids(&fixture, &["--outcome", "done", "--agent", "judge"]), [10]);
    assert_eq!(ids(&fixture, &["--open"]), [23]);
    let open = fixture.json(&["activation", "show", "23"]);
    assert_eq!((&open["standing"], &open["gate"]), (&json!("waiting"), &json!("permit")));
    let page = fixture.json(&["activation", "ls", "--limit", "2"]);
    assert_eq!((numbers(&page["activations"], "id"), &page["next"]), (vec![10, 14], &json!(14)));
    assert_eq!(ids(&fixture, &["--limit", "2", "--after", "14"]), [19, 23]);
    let (code, _) = fixture.error(&["activation", "ls", "--open", "--outcome", "dead"]);
    assert_eq!(code, 2, "what is open has no outcome");
}

#[tokio::test]
async fn show_tells_every_attempt() {
    let fixture = Fixture::new().await;
    let expected = "\
activation  23
agent  judge
wakes on  Package, priority 5
correlation  <id>
standing  dead: attempts-exhausted
ended  <time>
attempts  2
fingerprint  <fingerprint>
queue  verdicts

inputs
SEQ  COMMITTED  TYPE  PRODUCER  TAGS  ID
22  <time>  Package  review  flaky  <id>

attempts
NO  STARTED  TOOK  END  NEXT
1  <time>  <took>  failed: transient  retry, not before <time>
2  <time>  <took>  failed: transient  dead: attempts-exhausted

error of attempt 1
  the registry does not answer

log of attempt 1
  looking at flaky

error of attempt 2
  the registry does not answer

log of attempt 2
  looking at flaky
";
    assert_eq!(fixture.text(&["activation", "show", "23"]), expected);
}

#[tokio::test]
async fn show_tells_steps_and_what_woke_it() {
    let fixture = Fixture::new().await;
    let shown = fixture.json(&["activation", "show", "14"]);
    assert_eq!((&shown["standing"], &shown["steps"]), (&json!("done"), &json!(["write"])));
    assert_eq!(shown["wakes_on"]["types"], json!(["review.Verdict"]));
    assert_eq!(shown["wakes_on"]["filter"], json!("good = true"));
    assert_eq!(shown["inputs"][0]["payload"], json!({ "good": true, "package": "fine" }));
    let attempt = &shown["history"][0];
    assert_eq!(
        (&attempt["number"], &attempt["end"], &attempt["next"]),
        (&json!(1), &json!("done"), &json!("closed"))
    );
    assert!(attempt["took_ms"].is_u64(), "{attempt}");
    let text = fixture.text(&["activation", "show", "14"]);
    assert!(text.contains("steps  write\n"), "{text}");
    let (code, error) = fixture.error(&["activation", "show", "11"]);
    assert_eq!((code, &error["code"]), (1, &json!("not-found")));
}

#[tokio::test]
async fn cancel_ends_what_waits_and_records_who_asked() {
    let fixture = Fixture::new().await;
    fixture.run(&["dlq", "redrive", "--all", "--reason", "test"]);
    let (code, error) = fixture.error(&["activation", "cancel", "19", "10", "--reason", "a"]);
    assert_eq!((code, &error["code"]), (4, &json!("not-open")));
    assert_eq!(ids(&fixture, &["--open"]), [19, 23], "all of them or none");
    let (code, error) = fixture.error(&["activation", "cancel", "99999", "--reason", "a"]);
    assert_eq!((code, &error["code"]), (1, &json!("not-found")));
    assert_eq!(error["message"], "there is no activation 99999");

    let args = ["activation", "cancel", "19", "23", "--reason", "withdrawn", "--by", "anna"];
    let expected = "cancelled 2 activations: 19, 23\n\
                    no process owned the board, so this one recorded it; what was cancelled stays \
                    on record and does not run\n";
    assert_eq!(fixture.text(&args), expected);
    assert_eq!(ids(&fixture, &["--outcome", "cancelled"]), [19, 23]);
    let last = fixture.run(&["event", "tail", "--limit", "1", "--json"]).out;
    let last: serde_json::Value = serde_json::from_str(&last).unwrap();
    assert_eq!((&last["kind"], &last["why"]), (&json!("activation_closed"), &json!("cancelled")));
    let actor = json!({ "kind": "operator", "name": "anna", "reason": "withdrawn" });
    assert_eq!(last["actor"], actor);
}
