//! What `artel dlq ls`, `groups`, `show`, `redrive` and `drop` answer, change and refuse.

use serde_json::{Value, json};

use artel::Publication;

use super::fixture::{Fixture, PROGRAM, Package, Ran, numbers, start};

/// The ids that a listing has.
fn ids(fixture: &Fixture, args: &[&str]) -> Vec<u64> {
    let listing = fixture.json(&[&["dlq", "ls"], args].concat());
    numbers(&listing["dead_letters"], "id")
}

/// The actors of the events of a kind.
fn actors(fixture: &Fixture, kind: &str) -> Vec<Value> {
    let events = fixture.run(&["event", "tail", "--from", "1", "--json"]).out;
    let events = events.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    events.filter(|event| event["kind"] == kind).map(|event| event["actor"].clone()).collect()
}

#[tokio::test]
async fn ls_tells_people_why_work_died() {
    let fixture = Fixture::new().await;
    let expected = "\
ID  AGENT  QUEUE  REASON  ATTEMPTS  ENDED  ERROR
19  judge  verdicts  not-retryable  1  <time>  cannot read the package \\u{1b}[31mbroken: the manifest is cut off
23  judge  verdicts  attempts-exhausted  2  <time>  the registry does not answer
";
    assert_eq!(fixture.text(&["dlq", "ls"]), expected);
    assert_eq!(fixture.text(&["dlq", "ls", "--died-of", "loop"]), "no dead letters\n");
}

#[tokio::test]
async fn ls_lists_what_meets_all_conditions() {
    let fixture = Fixture::new().await;
    assert_eq!(ids(&fixture, &[]), [19, 23]);
    assert_eq!(ids(&fixture, &["--agent", "judge"]), [19, 23]);
    assert_eq!(ids(&fixture, &["--agent", "scribe"]), [0; 0]);
    assert_eq!(ids(&fixture, &["--queue", "verdicts"]), [19, 23]);
    assert_eq!(ids(&fixture, &["--queue", "scribe"]), [0; 0]);
    assert_eq!(ids(&fixture, &["--died-of", "attempts-exhausted"]), [23]);
    let ran = fixture.run(&["dlq", "ls", "--queue", "nope"]);
    let hint = "hint: an agent's queue has its name, unless it says otherwise; `artel dlq ls` names \
                those of dead letters\n";
    assert_eq!(ran.err, format!("error: the board has no queue `nope`\n{hint}"));
    let (code, error) = fixture.error(&["dlq", "drop", "--queue", "nope", "--reason", "x"]);
    assert_eq!((code, &error["code"]), (1, &json!("unknown-name")));
    let page = fixture.json(&["dlq", "ls", "--limit", "1"]);
    assert_eq!((numbers(&page["dead_letters"], "id"), &page["next"]), (vec![19], &json!(19)));
    assert_eq!(ids(&fixture, &["--limit", "1", "--after", "19"]), [23]);
    let error = &page["dead_letters"][0]["error"];
    assert_eq!(error[1], "the manifest is cut off");
}

#[tokio::test]
async fn show_tells_everything_about_a_dead_letter() {
    let fixture = Fixture::new().await;
    let text = fixture.text(&["dlq", "show", "19"]);
    let payload = "payload of 18\n{\n  \"name\": \"broken\",\n  \"size\": 7\n}\n";
    assert!(text.contains(payload), "{text}");
    let error = "error of attempt 1\n  cannot read the package \\u{1b}[31mbroken\n    caused by: the \
                 manifest is cut off\n";
    assert!(text.contains(error), "{text}");
    assert!(text.contains("log of attempt 1\n  looking at broken\n"), "{text}");
    let shown = fixture.json(&["dlq", "show", "19"]);
    assert_eq!((&shown["standing"], &shown["reason"]), (&json!("dead"), &json!("not-retryable")));
    assert_eq!(shown["inputs"][0]["payload"]["name"], "broken");
    assert_eq!(shown["history"][0]["error"][1], "the manifest is cut off");
    assert_eq!(shown["history"][0]["log"], "looking at broken\n");
    let (code, error) = fixture.error(&["dlq", "show", "10"]);
    assert_eq!((code, &error["code"]), (4, &json!("not-dead")));
    let hint = "`artel activation show 10` shows it; `artel dlq ls` lists dead letters";
    assert_eq!(error["hint"], hint);
}

#[tokio::test]
async fn what_is_redriven_runs_at_the_next_start_of_the_program() {
    let fixture = Fixture::new().await;
    let expected = "redrove 2 dead letters: 19, 23\n\
                    no process owned the board, so this one recorded it; its agents run when \
                    `review` starts\n";
    let args = ["dlq", "redrive", "--all", "--reason", "mended", "--by", "anna"];
    assert_eq!(fixture.text(&args), expected);
    assert_eq!(ids(&fixture, &[]), [0; 0]);
    let open = fixture.json(&["activation", "ls", "--open"]);
    assert_eq!(numbers(&open["activations"], "id"), [19, 23], "nothing runs before");
    let anna = json!({ "kind": "operator", "name": "anna", "reason": "mended" });
    assert_eq!(actors(&fixture, "activation_redriven"), [anna.clone(), anna]);

    let running = start(&fixture.url, true).await;
    running.idle().await.unwrap();
    let _ = running.shutdown().await;
    let done = fixture.json(&["activation", "show", "19"]);
    assert_eq!((&done["standing"], &done["attempts"]), (&json!("done"), &json!(2)));
    let verdicts = fixture.json(&["artifact", "ls", "--type", "review.Verdict"]);
    let packages = verdicts["artifacts"].as_array().unwrap();
    assert_eq!(packages.len(), 3, "one for each package");
    assert_eq!(fixture.text(&["dlq", "redrive", "--all", "--reason", "x"]), "no dead letters\n");
}

#[tokio::test]
async fn redrive_takes_ids_or_an_agent() {
    let fixture = Fixture::new().await;
    let answer = fixture.json(&["dlq", "redrive", "23", "23", "--reason", "x"]);
    assert_eq!((&answer["ids"], &answer["changed"]), (&json!([23]), &json!(1)));
    assert_eq!(answer["runs_with"], PROGRAM);
    let answer = fixture.json(&["dlq", "redrive", "--agent", "scribe", "--reason", "x"]);
    assert_eq!((&answer["ids"], &answer["changed"]), (&json!([]), &json!(0)));
    assert_eq!(ids(&fixture, &[]), [19]);
    let answer = fixture.json(&["dlq", "redrive", "--agent", "judge", "--reason", "x"]);
    assert_eq!((&answer["action"], &answer["ids"]), (&json!("redrive"), &json!([19])));
    assert_eq!(answer["runs_with"], PROGRAM, "whoever redrove before runs nothing");
    assert_eq!(fixture.error(&["dlq", "redrive", "19", "--all", "--reason", "x"]).0, 2);
    assert_eq!(fixture.error(&["dlq", "redrive", "--reason", "x"]).0, 2);
    assert_eq!(fixture.error(&["dlq", "redrive", "--all"]).0, 2, "a reason is needed");
}

#[tokio::test]
async fn a_rehearsal_changes_nothing_and_refuses_what_the_board_would() {
    let fixture = Fixture::new().await;
    let hash = fixture.run(&["board", "hash"]).out;
    let text = fixture.text(&["dlq", "redrive", "--all", "--dry-run"]);
    assert_eq!(text, "would redrive 2 dead letters: 19, 23\n");
    let text = fixture.text(&["dlq", "drop", "19", "--dry-run"]);
    assert_eq!(text, "would drop 1 dead letter: 19\n");
    let rehearsed = fixture.error(&["dlq", "drop", "19", "10", "--dry-run"]);
    let refused = fixture.error(&["dlq", "drop", "19", "10", "--reason", "x"]);
    assert_eq!(rehearsed, refused);
    assert_eq!((refused.0, &refused.1["code"]), (4, &json!("not-dead")));
    let rehearsed = fixture.error(&["dlq", "redrive", "999", "--dry-run"]);
    let refused = fixture.error(&["dlq", "redrive", "999", "--reason", "x"]);
    assert_eq!(rehearsed, refused);
    assert_eq!((refused.0, &refused.1["code"]), (1, &json!("not-found")));
    assert_eq!(ids(&fixture, &[]), [19, 23], "all of them or none");
    assert_eq!(fixture.run(&["board", "hash"]).out, hash, "nothing is refused by an owner");
}

#[tokio::test]
async fn what_is_dropped_stays_on_record() {
    let fixture = Fixture::new().await;
    let text = fixture.text(&["dlq", "drop", "19", "--reason", "withdrawn"]);
    assert!(text.starts_with("dropped 1 dead letter: 19\n"), "{text}");
    assert_eq!(ids(&fixture, &[]), [23]);
    let dropped = fixture.json(&["activation", "ls", "--outcome", "dropped"]);
    assert_eq!(numbers(&dropped["activations"], "id"), [19]);
    let judge = fixture.json(&["board", "show"])["agents"][1].clone();
    assert_eq!((&judge["dead"], &judge["dropped"]), (&json!(1), &json!(1)));
}

#[tokio::test]
async fn a_second_owner_is_refused_by_name() {
    let fixture = Fixture::new().await;
    let running = start(&fixture.url, false).await;
    let verbs: [&[&str]; 3] =
        [&["dlq", "redrive", "19"], &["dlq", "drop", "--all"], &["activation", "cancel", "19"]];
    for verb in verbs {
        let ran = fixture.run(&[verb, &["--reason", "x"]].concat());
        assert_eq!(ran.code, Some(4), "{}", ran.err);
        let pid = std::process::id();
        let owned = format!("is owned by `{PROGRAM}` (process {pid})");
        assert!(
            ran.err.starts_with("error: cannot take the board over: ") && ran.err.contains(&owned),
            "{}",
            ran.err
        );
        let hint = format!("hint: stop `{PROGRAM}` and give the command again");
        assert!(ran.err.lines().nth(1).unwrap().starts_with(&hint), "{}", ran.err);
    }
    assert_eq!(ids(&fixture, &[]), [19, 23], "reading works meanwhile");
    let _ = running.shutdown().await;
}

#[tokio::test]
async fn who_asks_is_named_by_the_command_or_by_the_environment() {
    let fixture = Fixture::new().await;
    let operator = |name: Option<&str>, user: Option<&str>| {
        let mut command = fixture.command(&["dlq", "redrive", "--all", "--reason", "x"]);
        command.env_remove("USER");
        command.envs(name.map(|name| ("ARTEL_OPERATOR", name)));
        command.envs(user.map(|user| ("USER", user)));
        Ran::of(&command.output().unwrap())
    };
    let nobody = operator(None, None);
    assert_eq!(nobody.code, Some(2));
    assert!(
        nobody.err.ends_with("hint: give --by NAME, or set ARTEL_OPERATOR\n"),
        "{}",
        nobody.err
    );
    assert_eq!(operator(Some("carla"), Some("tom")).code, Some(0));
    assert_eq!(actors(&fixture, "activation_redriven")[0]["name"], "carla");
    let running = start(&fixture.url, false).await;
    running.idle().await.unwrap();
    let _ = running.shutdown().await;
    assert_eq!(operator(None, Some("tom")).code, Some(0));
    assert_eq!(actors(&fixture, "activation_redriven").last().unwrap()["name"], "tom");
}

/// The fingerprints of the groups that a filter leaves, with how many dead letters each has.
fn groups(fixture: &Fixture, args: &[&str]) -> Vec<(String, u64)> {
    let answer = fixture.json(&[&["dlq", "groups"], args].concat());
    let groups = answer["groups"].as_array().unwrap().iter();
    let one = |group: &Value| {
        (group["fingerprint"].as_str().unwrap().to_owned(), group["count"].as_u64().unwrap())
    };
    groups.map(one).collect()
}

/// DEAD-1, DEAD-6: dead letters are grouped without their program, and a group is a filter.
#[tokio::test]
async fn groups_tell_what_went_wrong() {
    let fixture = Fixture::new().await;
    let all = groups(&fixture, &[]);
    assert_eq!(all.iter().map(|(_, count)| *count).collect::<Vec<_>>(), [1, 1]);
    let answer = fixture.json(&["dlq", "groups", "--died-of", "attempts-exhausted"]);
    let flaky = answer["groups"][0].clone();
    let told = ["agent", "queue", "reason", "error_kind"].map(|field| flaky[field].clone());
    assert_eq!(told, ["judge", "verdicts", "attempts-exhausted", "transient"]);
    assert_eq!((&flaky["sample"], &answer["more"]), (&json!(23), &json!(0)));
    assert_eq!(flaky["message"], "the registry does not answer");
    let fingerprint = flaky["fingerprint"].as_str().unwrap();
    let shown = fixture.json(&["dlq", "show", "23"]);
    assert_eq!(shown["fingerprint"], fingerprint);
    assert_eq!(ids(&fixture, &["--fingerprint", fingerprint]), [23]);
    let text = fixture.text(&["dlq", "groups", "--fingerprint", fingerprint]);
    let expected = "\
FINGERPRINT  COUNT  AGENT  REASON  KIND  FIRST  LAST  SAMPLE  ERROR
<fingerprint>  1  judge  attempts-exhausted  transient  <time>  <time>  23  the registry does not answer
";
    assert_eq!(text, expected);
    assert_eq!(fixture.text(&["dlq", "groups", "--agent", "scribe"]), "no dead letters\n");
    assert_eq!(fixture.error(&["dlq", "groups", "--fingerprint", "12"]).0, 2);
}

/// DEAD-6: every condition leaves out what does not meet it.
#[tokio::test]
async fn conditions_hold_together() {
    let fixture = Fixture::new().await;
    let of = |id: &str| fixture.json(&["dlq", "show", id])["ended_at"].as_str().unwrap().to_owned();
    let (first, second) = (of("19"), of("23"));
    assert!(first < second, "{first}, {second}");
    for (args, expected) in [
        (&["--since", &second][..], &[23][..]),
        (&["--until", &second], &[19]),
        (&["--since", &first, "--until", &second], &[19]),
        (&["--since", "1h"], &[19, 23]),
        (&["--queue", "verdicts", "--died-of", "not-retryable"], &[19]),
        (&["--queue", "scribe"], &[]),
        (&["--agent", "judge", "--since", &second], &[23]),
    ] {
        assert_eq!(ids(&fixture, args), expected, "{args:?}");
        let rehearsed = fixture.json(&[&["dlq", "drop", "--dry-run"], args].concat());
        assert_eq!(rehearsed["ids"], json!(expected), "{args:?}");
        assert_eq!(rehearsed["meant"], json!(expected.len()), "{args:?}");
    }
    assert_eq!(fixture.error(&["dlq", "drop", "19", "--since", "1h", "--reason", "x"]).0, 2);
    assert_eq!(fixture.error(&["dlq", "drop", "--all", "--agent", "x", "--reason", "x"]).0, 1);
}

/// DEAD-7: a group is redriven, the others stay, and who did it and why is shown.
#[tokio::test]
async fn a_group_is_redriven_and_another_dropped() {
    let fixture = Fixture::new().await;
    let fingerprint =
        |id: &str| fixture.json(&["dlq", "show", id])["fingerprint"].as_str().unwrap().to_owned();
    let (broken, flaky) = (fingerprint("19"), fingerprint("23"));
    let args =
        ["dlq", "redrive", "--fingerprint", &flaky, "--reason", "it answers", "--by", "anna"];
    let answer = fixture.json(&args);
    assert_eq!((&answer["ids"], &answer["changed"]), (&json!([23]), &json!(1)));
    assert_eq!(ids(&fixture, &[]), [19]);
    let args = ["dlq", "drop", "--fingerprint", &broken, "--reason", "withdrawn", "--by", "ben"];
    assert!(fixture.text(&args).starts_with("dropped 1 dead letter: 19\n"));
    assert_eq!(ids(&fixture, &[]), [0; 0]);
    let done = |id: &str| fixture.json(&["activation", "show", id])["interventions"].clone();
    let dropped = done("19");
    assert_eq!(dropped.as_array().unwrap().len(), 1);
    let told = ["action", "by", "reason"].map(|field| dropped[0][field].clone());
    assert_eq!(told, ["dropped", "ben", "withdrawn"]);
    let told = ["action", "by", "reason"].map(|field| done("23")[0][field].clone());
    assert_eq!(told, ["redriven", "anna", "it answers"]);
    let text = fixture.text(&["activation", "show", "19"]);
    assert!(text.contains("dropped  <time> by ben: withdrawn\n"), "{text}");
}

/// DLQ-3: a dead letter says which distributed trace its work belongs to.
#[tokio::test]
async fn a_dead_letter_has_its_trace() {
    let fixture = Fixture::new().await;
    assert_eq!(fixture.json(&["dlq", "show", "19"])["trace"], json!(null));
    let running = start(&fixture.url, false).await;
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse().unwrap();
    let package = Package { name: "broken".to_owned(), size: 7 };
    let receipt = running.publish(Publication::new(package).trace(trace)).await.unwrap();
    running.settled(receipt.correlation).await.unwrap();
    let _ = running.shutdown().await;
    let id = ids(&fixture, &[]).pop().unwrap().to_string();
    let shown = fixture.json(&["dlq", "show", &id]);
    assert_eq!(shown["trace"]["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    let text = fixture.text(&["dlq", "show", &id]);
    assert!(text.contains("trace  4bf92f3577b34da6a3ce929d0e0e4736\n"), "{text}");
}
