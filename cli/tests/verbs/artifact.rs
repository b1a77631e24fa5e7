//! What `artel artifact ls` and `show` answer.

use serde_json::json;

use artel::Publication;

use super::fixture::{Fixture, numbers, package, start};

/// The seqs that a listing has.
fn seqs(fixture: &Fixture, args: &[&str]) -> Vec<u64> {
    let listing = fixture.json(&[&["artifact", "ls"], args].concat());
    numbers(&listing["artifacts"], "seq")
}

#[tokio::test]
async fn ls_tells_people_what_is_on_the_board() {
    let fixture = Fixture::new().await;
    let expected = "\
SEQ  COMMITTED  TYPE  PRODUCER  TAGS  ID
9  <time>  Package  review  fine  <id>
13  <time>  review.Verdict  judge  <id>
18  <time>  Package  review  broken  <id>
22  <time>  Package  review  flaky  <id>
";
    assert_eq!(fixture.text(&["artifact", "ls"]), expected);
    let none = fixture.text(&["artifact", "ls", "--tag", "none", "--unrestricted"]);
    assert_eq!(none, "no artifacts\n");
}

/// VIS-6: what not everybody may see is shown to those who say that they may.
#[tokio::test]
async fn what_not_everybody_may_see_is_asked_for() {
    let fixture = Fixture::new().await;
    let running = start(&fixture.url, true).await;
    let publication = Publication::new(package("secret")).labelled("pii").tenant("acme");
    let hidden = running.publish(publication.private_to("judge")).await.unwrap();
    let _ = running.shutdown().await;
    let seq = hidden.seq.get();
    let looks: [(&[&str], bool); 5] = [
        (&[], false),
        (&["--as", "judge"], false),
        (&["--label", "pii", "--tenant", "acme"], false),
        (&["--as", "judge", "--label", "pii", "--tenant", "acme"], true),
        (&["--unrestricted"], true),
    ];
    for (flags, sees) in looks {
        assert_eq!(seqs(&fixture, flags).contains(&seq), sees, "{flags:?}");
        let show = fixture.run(&[&["artifact", "show", &seq.to_string()], flags].concat());
        assert_eq!(show.code, Some(i32::from(!sees)), "{flags:?}");
        let tail = fixture.run(&[&["event", "tail", "--from", "1", "--json"], flags].concat()).out;
        let listed = tail.contains(&format!("\"seq\":{seq},"));
        assert_eq!(listed, sees, "{flags:?}");
    }
    let shown = fixture.text(&["artifact", "show", &seq.to_string(), "--unrestricted"]);
    let line = "only judge; who has the label pii; who is of tenant acme";
    assert!(shown.contains(line), "{shown}");
    let said = fixture.text(&["artifact", "ls", "--type", "review.Verdict", "--tag", "none"]);
    assert_eq!(said, "no artifacts that may be seen\n");
    let (code, error) = fixture.error(&["artifact", "ls", "--as", "nobody"]);
    assert_eq!((code, error["code"].as_str()), (1, Some("unknown-name")));
    let (code, error) = fixture.error(&["artifact", "show", &seq.to_string()]);
    assert_eq!(code, 1);
    assert!(error["hint"].as_str().unwrap().contains("--unrestricted"), "{error}");
}

/// VIS-6: that something is left out is said, and how it is seen.
#[tokio::test]
async fn what_is_left_out_says_so() {
    let fixture = Fixture::new().await;
    let running = start(&fixture.url, false).await;
    let secret = Publication::new(package("broken")).private_to("judge");
    let secret = running.publish(secret).await.unwrap();
    running.settled(secret.correlation).await.unwrap();
    let _ = running.shutdown().await;
    let dead = fixture.json(&["dlq", "ls", "--after", "23"])["dead_letters"][0].clone();
    assert_eq!((&dead["hidden"], &dead["error"]), (&json!(true), &json!([])));
    let id = dead["id"].to_string();
    let how = ": --as AGENT, --label, --tenant or --unrestricted says who looks, and shows what they may see\n";
    for (args, said) in [
        (&["dlq", "ls"][..], "1 dead letter works on what is not shown"),
        (&["activation", "ls"], "1 activation works on what is not shown"),
        (&["dlq", "groups"], "1 more works on what is not shown, in no group"),
        (&["dlq", "show", &id], "inputs\nnot all are shown, nor are keys, errors and log lines"),
        (&["types", "check"], "1 artifact was not checked, being not shown"),
    ] {
        let text = fixture.text(args);
        assert!(text.contains(&format!("{said}{how}")), "{args:?}: {text}");
        let text = fixture.text(&[args, &["--as", "judge"]].concat());
        assert!(!text.contains("not shown"), "{args:?}: {text}");
    }
    let groups = fixture.json(&["dlq", "groups"]);
    assert_eq!((&groups["more"], &groups["hidden"]), (&json!(1), &json!(1)));
    let checked = fixture.json(&["types", "check", "Package"]);
    let package = &checked["versions"][0];
    assert_eq!(
        (&package["artifacts"], &package["checked"], &package["hidden"]),
        (&json!(4), &json!(3), &json!(1))
    );
}

/// VIS-6: what may not be seen takes no place on a page, and is counted.
#[tokio::test]
async fn ls_goes_on_past_what_may_not_be_seen() {
    let fixture = Fixture::new().await;
    let running = start(&fixture.url, true).await;
    for name in ["one", "two", "three"] {
        running.publish(Publication::new(package(name)).labelled("pii")).await.unwrap();
    }
    let last = running.publish(package("last")).await.unwrap().seq.get();
    running.idle().await.unwrap();
    let _ = running.shutdown().await;
    let args = ["--type", "Package", "--after", "22", "--limit", "1"];
    assert_eq!(seqs(&fixture, &args), [last]);
    let page = fixture.json(&[&["artifact", "ls"], &args[..]].concat());
    assert_eq!((&page["hidden"], &page["next"]), (&json!(3), &json!(null)));
    let text = fixture.text(&[&["artifact", "ls"], &args[..]].concat());
    let said = "\n3 artifacts are not shown: --as AGENT, --label, --tenant or --unrestricted";
    assert!(text.contains(said), "{text}");
    let page = fixture.json(&["artifact", "ls", "--type", "Package", "--limit", "3"]);
    assert_eq!((&page["hidden"], &page["next"]), (&json!(0), &json!(22)), "one follows");
    let page = fixture.json(&["artifact", "ls", "--label", "pii", "--limit", "1", "--newest"]);
    assert_eq!(page["hidden"], 0);
    let until = (last - 1).to_string();
    let none =
        ["artifact", "ls", "--type", "Package", "--newest", "--after", &until, "--limit", "1"];
    assert_eq!(numbers(&fixture.json(&none)["artifacts"], "seq"), [22]);
    let tagged = fixture.json(&["artifact", "ls", "--tag", "flaky", "--after", "22"]);
    assert_eq!(tagged["hidden"], 0, "tags are not told by counting");
}

#[tokio::test]
async fn ls_lists_what_meets_all_conditions() {
    let fixture = Fixture::new().await;
    let fine = fixture.fine.to_string();
    assert_eq!(seqs(&fixture, &["--type", "review.Verdict"]), [13]);
    assert_eq!(seqs(&fixture, &["--type", "review.Verdict", "--type", "Package"]), [9, 13, 18, 22]);
    assert_eq!(seqs(&fixture, &["--agent", "judge"]), [13]);
    assert_eq!(seqs(&fixture, &["--correlation", &fine]), [9, 13]);
    assert_eq!(seqs(&fixture, &["--correlation", &fine, "--type", "Package"]), [9]);
    assert_eq!(seqs(&fixture, &["--tag", "flaky"]), [22]);
    assert_eq!(seqs(&fixture, &["--newest", "--limit", "2"]), [22, 18]);
}

#[tokio::test]
async fn ls_lists_a_stretch_of_time() {
    let fixture = Fixture::new().await;
    assert_eq!(seqs(&fixture, &["--since", "1h"]), [9, 13, 18, 22]);
    assert_eq!(seqs(&fixture, &["--until", "1h"]), [0; 0]);
    assert_eq!(seqs(&fixture, &["--since", "2000-01-01"]), [9, 13, 18, 22]);
    assert_eq!(seqs(&fixture, &["--until", "2000-01-01T00:00:00Z"]), [0; 0]);
    let committed = fixture.json(&["artifact", "show", "18"])["committed_at"].clone();
    let since = seqs(&fixture, &["--since", committed.as_str().unwrap()]);
    assert!(since.contains(&18) && since.contains(&22), "{since:?}");
}

#[tokio::test]
async fn ls_goes_on_where_a_page_ended() {
    let fixture = Fixture::new().await;
    let first = fixture.json(&["artifact", "ls", "--limit", "3"]);
    assert_eq!(
        (numbers(&first["artifacts"], "seq"), &first["next"]),
        (vec![9, 13, 18], &json!(18))
    );
    let second = fixture.json(&["artifact", "ls", "--limit", "3", "--after", "18"]);
    assert_eq!((numbers(&second["artifacts"], "seq"), &second["next"]), (vec![22], &json!(null)));
    let text = fixture.text(&["artifact", "ls", "--limit", "3"]);
    assert!(text.ends_with("\nthere are more: --after 18\n"), "{text}");
}

#[tokio::test]
async fn show_tells_what_an_artifact_woke_and_what_it_did_not() {
    let fixture = Fixture::new().await;
    let expected = "\
artifact  <id>
type  Package version 1
seq  9, <time>
producer  review
correlation  <id>
depth  0
tags  fine
idempotency key  fine
payload  24 bytes

payload
{
  \"name\": \"fine\",
  \"size\": 7
}

woke
AGENT  ACTIVATION  STANDING
judge  10  done

did not wake
AGENT  CLAUSE  WHICH ASKS FOR
express  tags-all  tagged urgent
";
    assert_eq!(fixture.text(&["artifact", "show", "9"]), expected);
}

#[tokio::test]
async fn show_names_the_work_of_each_subscription_that_was_met() {
    let fixture = Fixture::new().await;
    let woken = |artifact: &str| fixture.json(&["artifact", "show", artifact])["woken"].clone();
    assert_eq!(numbers(&woken("18"), "activation"), [19]);
    let running = start(&fixture.url, false).await;
    let urgent = Publication::new(package("broken")).tag("urgent");
    let receipt = running.publish(urgent).await.unwrap();
    running.settled(receipt.correlation).await.unwrap();
    let _ = running.shutdown().await;

    let woken = woken(&receipt.id.to_string());
    let stand = |agent: &str| {
        let one = woken.as_array().unwrap().iter().find(|one| one["agent"] == agent).unwrap();
        let activation = fixture.json(&["activation", "show", &one["activation"].to_string()]);
        assert_eq!(activation["agent"], agent);
        assert_eq!(activation["input_seqs"], json!([receipt.seq.get()]));
        one["standing"].clone()
    };
    assert_eq!((stand("judge"), stand("express")), (json!("dead"), json!("done")));
    fixture.run(&["dlq", "redrive", "--all", "--reason", "x"]);
    let open = fixture.json(&["artifact", "show", "18"])["woken"][0]["standing"].clone();
    assert_eq!(open, "waiting");
}

#[tokio::test]
async fn show_tells_what_an_artifact_was_made_from() {
    let fixture = Fixture::new().await;
    let by_seq = fixture.json(&["artifact", "show", "13"]);
    let by_id = fixture.json(&["artifact", "show", by_seq["id"].as_str().unwrap()]);
    assert_eq!(by_seq, by_id);
    assert_eq!(by_seq["payload"], json!({ "good": true, "package": "fine" }));
    assert_eq!((&by_seq["producer"], &by_seq["attempt"]), (&json!("judge"), &json!("10/1")));
    let made_from = &by_seq["made_from"][0];
    assert_eq!((&made_from["seq"], &made_from["type"]), (&json!(9), &json!("Package")));
    let woken = json!([{ "subscription": 2, "agent": "scribe", "members": [], "activation": 14, "standing": "done" }]);
    assert_eq!(by_seq["woken"], woken);
    let text = fixture.text(&["artifact", "show", "13"]);
    assert!(text.contains("producer  judge, attempt 10/1\n"), "{text}");
    assert!(
        text.contains("made from\nSEQ  COMMITTED  TYPE  PRODUCER  TAGS  ID\n9  <time>  Package"),
        "{text}"
    );
}

#[tokio::test]
async fn what_is_not_there_is_an_answer() {
    let fixture = Fixture::new().await;
    // The event with this seq is no artifact.
    let (code, error) = fixture.error(&["artifact", "show", "10"]);
    assert_eq!((code, &error["code"]), (1, &json!("not-found")));
    let (code, error) = fixture.error(&["artifact", "ls", "--type", "Nothing"]);
    assert_eq!((code, &error["code"]), (1, &json!("unknown-name")));
    let ran = fixture.run(&["artifact", "ls", "--agent", "nobody"]);
    assert_eq!(
        ran.err,
        "error: the board has no agent `nobody`\nhint: `artel board show` lists types and agents\n"
    );
}
