//! What `artel activation ls`, `show` and `cancel` answer, change and refuse.

use std::sync::Arc;

use serde_json::{Value, json};

use artel::{Board, Context, Error};

use super::fixture::{Fixture, PROGRAM, Package, Verdict, numbers, package};

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
    let last: Value = serde_json::from_str(&last).unwrap();
    assert_eq!((&last["kind"], &last["why"]), (&json!("activation_closed"), &json!("cancelled")));
    let actor = json!({ "kind": "operator", "name": "anna", "reason": "withdrawn" });
    assert_eq!(last["actor"], actor);
}

/// A candidate that writes a verdict as good as its number is odd, and one about something else.
async fn write(cx: Context, package: Arc<Package>) -> Result<Vec<Verdict>, Error> {
    if cx.candidate() == 2 {
        return Err(Error::permanent("the pen is dry"));
    }
    let verdict = |package: &str| Verdict { package: package.to_owned(), good: true };
    Ok(vec![verdict(&format!("{} {}", package.name, cx.candidate())), verdict("aside")])
}

/// BEST-6, OUT-3: what was not published is shown: what a condition withheld, and the candidates that were
/// not the best, with their scores.
#[tokio::test]
async fn show_tells_what_was_not_published() {
    let fixture = Fixture::new().await;
    let url = format!("sqlite:{}", fixture.folder().join("best.db").display());
    let board = Board::builder(&url).name("best").program(PROGRAM).open().await.unwrap();
    board
        .agent("writer")
        .on::<Package>()
        .output::<Verdict>(|verdict| {
            verdict
                .publish_if(|it| it.package != "aside")
                .validate("is good", |it| it.good)
                .count(2)
        })
        .best_of(3, |candidate| f64::from(candidate.number() % 3) / 2.0)
        .run(write);
    let running = board.start().await.unwrap();
    running.publish(package("lamp")).await.unwrap();
    running.idle().await.unwrap();
    let _ = running.shutdown().await;
    let of = |args: &[&'static str]| [args, &["--board", url.as_str()]].concat();
    let listing = fixture.json(&of(&["activation", "ls"]));
    let id = numbers(&listing["activations"], "id")[0].to_string();
    let show = ["activation", "show", id.as_str(), "--board", url.as_str()];
    let text = fixture.text(&show);
    let expected = r#"
withheld in attempt 1
  1 of review.Verdict

candidates of attempt 1
NO  SCORE  CAME TO
1  0.5  published, withheld: 1 of review.Verdict
2  failed: the pen is dry
3  0  not the best, withheld: 1 of review.Verdict

what candidate 3 of attempt 1 returned
  review.Verdict {"good":true,"package":"lamp 3"}
"#;
    assert!(text.ends_with(expected), "{text}");
    let attempt = &fixture.json(&show)["history"][0];
    assert_eq!(attempt["withheld"], json!([{ "type_name": "review.Verdict", "count": 1 }]));
    let candidates = &attempt["candidates"];
    assert_eq!((&candidates[0]["published"], &candidates[0]["score"]), (&json!(true), &json!(0.5)));
    assert_eq!(candidates[1]["error"], json!(["the pen is dry"]));
    let kept = json!({ "package": "lamp 3", "good": true });
    assert_eq!(candidates[2]["outputs"][0]["payload"], kept);

    let events = fixture.run(&of(&["event", "tail", "--json"])).out;
    let events: Vec<Value> = events.lines().map(|it| serde_json::from_str(it).unwrap()).collect();
    let of_kind = |kind: &str| events.iter().find(|it| it["kind"] == kind).unwrap();
    assert_eq!(of_kind("attempt_started")["slots"], json!(3));
    let definition = &of_kind("agent_defined")["definition"];
    let rule = json!({
        "type_name": "review.Verdict",
        "conditional": true,
        "checks": ["is good"],
        "least": 2,
        "most": 2,
    });
    assert_eq!(
        (&definition["output_rules"], &definition["candidates"]),
        (&json!([rule]), &json!(3))
    );
    let lines = fixture.text(&of(&["event", "tail"]));
    assert!(lines.contains(", 3 candidates\n"), "{lines}");
}
