//! What `artel event tail` tells, and when it ends.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStdout, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::fixture::{Fixture, PROGRAM, package, start};

/// The events that a tail tells, as JSON.
fn events(fixture: &Fixture, args: &[&str]) -> Vec<Value> {
    let ran = fixture.run(&[&["event", "tail", "--json"], args].concat());
    assert_eq!((ran.code, ran.err.as_str()), (Some(0), ""), "{args:?}");
    ran.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A tail that follows a board, and ends with this value however its test ends.
struct Following {
    child: Child,
    out: Option<BufReader<ChildStdout>>,
}

impl Following {
    fn new(fixture: &Fixture, args: &[&str]) -> Self {
        let args = [&["event", "tail"], args].concat();
        let mut command = fixture.command(&args);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let out = child.stdout.take().map(BufReader::new);
        Self { child, out }
    }

    /// The next line; empty when there is none.
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.out.as_mut().unwrap().read_line(&mut line).unwrap();
        line
    }

    /// How it ended, and what it wrote to the error output.
    fn end(&mut self) -> (Option<i32>, String) {
        let mut err = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut err).unwrap();
        (self.child.wait().unwrap().code(), err)
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn seqs(events: &[Value]) -> Vec<u64> {
    events.iter().map(|event| event["seq"].as_u64().unwrap()).collect()
}

#[tokio::test]
async fn tail_tells_people_what_happened() {
    let fixture = Fixture::new().await;
    let text = fixture.text(&["event", "tail", "--from", "1", "--limit", "17"]);
    let lines: Vec<&str> = text.lines().map(str::trim_start).collect();
    let expected = [
        "1  <time>  board  board created  packages",
        "2  <time>  board  owner changed  review, epoch 1",
        "3  <time>  program review  type registered  Package version 1",
        "4  <time>  program review  type registered  review.Verdict version 1",
        "5  <time>  program review  agent defined  express on Package tagged urgent",
        "6  <time>  program review  agent defined  judge on Package",
        "7  <time>  program review  agent defined  scribe on review.Verdict where good = true",
        "8  <time>  program review  session opened  256 slots",
        "9  <time>  program review  artifact committed  Package <id> wakes judge not express (tags-all)",
        "10  <time>  program review  activation created  judge on 9",
        "11  <time>  program review  attempt started  judge 10/1",
        "12  <time>  judge 10/1  attempt ended  judge 10/1 done",
        "13  <time>  judge 10/1  artifact committed  review.Verdict <id> wakes scribe",
        "14  <time>  judge 10/1  activation created  scribe on 13",
        "15  <time>  judge 10/1  attempt started  scribe 14/1",
        "16  <time>  scribe 14/1  step recorded  scribe 14/1 write",
        "17  <time>  scribe 14/1  attempt ended  scribe 14/1 done",
    ];
    assert_eq!(lines, expected);
    let text = fixture.text(&["event", "tail", "--from", "25"]);
    assert!(text.contains("judge 23/1 failed: transient, then retry\n"), "{text}");
    assert!(
        text.contains("judge 23/2 failed: transient, then dead: attempts-exhausted\n"),
        "{text}"
    );
}

#[tokio::test]
async fn tail_tells_programs_everything() {
    let fixture = Fixture::new().await;
    let all = events(&fixture, &["--from", "1"]);
    assert_eq!(seqs(&all), (1..=28).collect::<Vec<_>>());
    let agent = &all[6];
    assert_eq!((&agent["kind"], &agent["agent"]), (&json!("agent_defined"), &json!("scribe")));
    assert_eq!(agent["definition"]["subscriptions"][0]["filter"], "good = true");
    assert_eq!(all[2]["schema"]["type"], "object");
    let committed = &all[8];
    assert_eq!(committed["actor"], json!({ "kind": "program", "name": PROGRAM }));
    assert_eq!(
        (&committed["wakes"], &committed["declined"]),
        (&json!(["judge"]), &json!([["express", "tags-all"]]))
    );
    let ended = &all[24];
    let expected = json!({ "kind": "attempt_ended", "activation": 23, "attempt": 1, "agent": "judge",
        "end": "failed", "error_kind": "transient", "next": "retry", "counted": true });
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(ended[field], *value, "{field} of {ended}");
    }
}

#[tokio::test]
async fn tail_begins_where_it_is_told() {
    let fixture = Fixture::new().await;
    assert_eq!(seqs(&events(&fixture, &[])), (9..=28).collect::<Vec<_>>(), "the last 20");
    assert_eq!(seqs(&events(&fixture, &["--limit", "2"])), [27, 28]);
    assert_eq!(seqs(&events(&fixture, &["--from", "5", "--limit", "2"])), [5, 6]);
    assert_eq!(seqs(&events(&fixture, &["--from", "99"])), [0; 0]);
}

/// An attempt may be started by a command that belongs to another tree of work or to none, such as
/// one of the board's timers: an event is told with the tree that it is about itself.
#[tokio::test]
async fn tail_tells_one_tree_of_work() {
    let fixture = Fixture::new().await;
    let fine = fixture.fine.to_string();
    let told = events(&fixture, &["--correlation", &fine]);
    assert_eq!(seqs(&told), (9..=17).collect::<Vec<_>>());
    assert!(told.iter().all(|event| event["correlation"] == fine.as_str()));
    let flaky = fixture.flaky.to_string();
    assert_eq!(seqs(&events(&fixture, &["--correlation", &flaky])), (22..=27).collect::<Vec<_>>());
    let last = events(&fixture, &["--correlation", &fine, "--limit", "1"]);
    assert_eq!(seqs(&last), [17]);
    let first = events(&fixture, &["--correlation", &fine, "--from", "1", "--limit", "1"]);
    assert_eq!(seqs(&first), [9]);
}

#[tokio::test]
async fn tail_follows_a_board_that_another_process_owns() {
    let fixture = Fixture::new().await;
    let running = start(&fixture.url, false).await;
    let from = (running.durable().get() + 1).to_string();
    let args = ["--follow", "--every", "10ms", "--json", "--limit", "3", "--from", &from];
    let mut following = Following::new(&fixture, &args);
    let receipt = running.publish(package("late")).await.unwrap();
    // Blocks this thread only: what is told has happened, and lies in the file.
    let lines: [Value; 3] =
        std::array::from_fn(|_| serde_json::from_str(&following.line()).unwrap());
    let kinds = lines.each_ref().map(|event| event["kind"].as_str().unwrap());
    assert_eq!(kinds, ["artifact_committed", "activation_created", "attempt_started"]);
    assert_eq!(lines[0]["artifact"], receipt.id.to_string());
    assert_eq!(following.line(), "", "it ends after three events");
    assert_eq!(following.end(), (Some(0), String::new()));
    let _ = running.shutdown().await;
}

/// With the half second of the default, the rounds would take six seconds.
#[tokio::test]
async fn following_looks_again_as_often_as_it_is_told() {
    let fixture = Fixture::new().await;
    let running = start(&fixture.url, true).await;
    let from = (running.durable().get() + 1).to_string();
    let args = ["--follow", "--every", "10ms", "--from", &from];
    let mut following = Following::new(&fixture, &args);
    let began = Instant::now();
    for round in 0..12 {
        let name = format!("package {round}");
        let receipt = running.publish(package(&name)).await.unwrap();
        loop {
            let line = following.line();
            assert_ne!(line, "", "it ended");
            if line.contains(&receipt.id.to_string()) {
                break;
            }
        }
    }
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    let _ = running.shutdown().await;
}

#[tokio::test]
async fn without_a_seq_following_begins_after_the_last_event() {
    let fixture = Fixture::new().await;
    let mut following =
        Following::new(&fixture, &["--follow", "--every", "10ms", "--limit", "1", "--json"]);
    // Whenever it looked first, there is something after that.
    let mut redrives = 0;
    while following.child.try_wait().unwrap().is_none() {
        let done = fixture.run(&["dlq", "redrive", "--all", "--reason", "x"]);
        assert_eq!(done.code, Some(0), "{}", done.err);
        let running = start(&fixture.url, false).await;
        running.idle().await.unwrap();
        let _ = running.shutdown().await;
        redrives += 1;
        assert!(redrives < 100, "it told nothing");
    }
    let event: Value = serde_json::from_str(&following.line()).unwrap();
    assert!(event["seq"].as_u64().unwrap() > 28, "{event}");
}

#[tokio::test]
async fn a_reader_that_leaves_is_no_error() {
    let fixture = Fixture::new().await;
    let mut following = Following::new(&fixture, &["--follow", "--every", "10ms", "--from", "1"]);
    following.line();
    following.out = None;
    // The next event is written into the closed pipe.
    let done = fixture.run(&["dlq", "redrive", "--all", "--reason", "x"]);
    assert_eq!(done.code, Some(0), "{}", done.err);
    assert_eq!(following.end(), (Some(0), String::new()));
}

#[tokio::test]
async fn beyond_the_end_there_is_nothing_and_that_is_said() {
    let fixture = Fixture::new().await;
    let ran = fixture.run(&["event", "tail", "--from", "10000"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(0), ""));
    assert_eq!(ran.err, "there is nothing from seq 10000 on: the last event is seq 28\n");
}
