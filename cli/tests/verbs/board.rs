//! What `artel board show`, `verify`, `hash` and `rm` answer and refuse.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{Semaphore, mpsc};

use artel::ids::Seq;
use artel::{Board, Context, Error};

use super::fixture::{Fixture, PROGRAM, Package, package, start};

#[tokio::test]
async fn show_tells_people_what_the_board_is_and_how_its_agents_stand() {
    let fixture = Fixture::new().await;
    let expected = "\
board  packages
where  URL
durability  what it acknowledges survives the death of the machine
incarnation  <id>
owner  none now
program  review
ownership  1, by review
last event  seq 28, <time>
artifacts  4
open work  0 waiting, 0 running
dead letters  2

types
TYPE  VERSION
Package  1
review.Verdict  1

agents
AGENT  WAITING  RUNNING  DONE  DEAD  DROPPED  CANCELLED  REGISTERED
express  0  0  0  0  0  0  yes
judge  0  0  1  2  0  0  yes
scribe  0  0  1  0  0  0  yes
";
    assert_eq!(fixture.text(&["board", "show"]), expected);
}

/// Whoever operates a board becomes its owner for a moment; it stays the board of the program that
/// runs its agents.
#[tokio::test]
async fn show_names_the_program_that_ran_agents_and_not_who_operated_since() {
    let fixture = Fixture::new().await;
    fixture.json(&["dlq", "redrive", "19", "--reason", "x"]);
    let shown = fixture.json(&["board", "show"]);
    assert_eq!((&shown["program"], &shown["runs_with"]), (&"artel".into(), &PROGRAM.into()));
    let checked = fixture.json(&["types", "check"]);
    assert_eq!(checked["program"], PROGRAM);
    let text = fixture.text(&["board", "show"]);
    assert!(text.contains("\nprogram  review\nownership  2, by artel\n"), "{text}");
}

/// An agent that has begun and does not end before it is let.
async fn slow(
    _: Context,
    _: Arc<Package>,
    gates: Arc<(mpsc::Sender<()>, Semaphore)>,
) -> Result<(), Error> {
    gates.0.send(()).await.map_err(Error::permanent)?;
    gates.1.acquire().await.map_err(Error::permanent)?.forget();
    Ok(())
}

#[tokio::test]
async fn show_names_the_owner_and_what_is_open() {
    let fixture = Fixture::new().await;
    let (begun, mut begins) = mpsc::channel(2);
    let state = Arc::new((begun, Semaphore::new(0)));
    let board = Board::builder(&fixture.url).program("other").open().await.unwrap();
    board.agent("slow").on::<Package>().concurrency(1).shared_state(state.clone()).run(slow);
    let running = board.start().await.unwrap();
    running.publish(package("one")).await.unwrap();
    running.publish(package("two")).await.unwrap();
    begins.recv().await.unwrap();

    let shown = fixture.json(&["board", "show"]);
    assert_eq!(shown["owner"]["program"], "other");
    assert_eq!(shown["owner"]["pid"], std::process::id());
    assert_eq!((&shown["waiting"], &shown["running"]), (&1.into(), &1.into()));
    assert_eq!(shown["open_correlations"], 2);
    let gates: Vec<_> =
        shown["correlations"].as_array().unwrap().iter().map(|one| &one["gate"]).collect();
    assert!(
        gates.contains(&&"concurrency (agent)".into()) && gates.contains(&&().into()),
        "{gates:?}"
    );
    let agents = shown["agents"].as_array().unwrap();
    let judge = agents.iter().find(|agent| agent["name"] == "judge").unwrap();
    assert_eq!(judge["registered"], false, "the program of now does not name it");
    let text = fixture.text(&["board", "show"]);
    assert!(text.contains(&format!("owner  other (process {})", std::process::id())), "{text}");
    assert!(text.contains("judge  0  0  1  2  0  0  no, its work waits"), "{text}");
    assert!(text.contains("open trees of work: 2"), "{text}");

    // What a kill leaves: the files, and nobody who owns them.
    let killed = fixture.folder().join("killed");
    std::fs::create_dir(&killed).unwrap();
    for name in ["packages.db", "packages.db-wal"] {
        std::fs::copy(fixture.folder().join(name), killed.join(name)).unwrap();
    }
    let url = format!("sqlite:{}", killed.join("packages.db").display());
    let text = fixture.text(&["board", "show", "--board", &url]);
    assert!(text.contains("owner  none now\nprogram  other\n"), "{text}");
    assert!(text.contains("1 waiting, 1 was running when its process died\n"), "{text}");
    let text = fixture.text(&["activation", "ls", "--open", "--board", &url]);
    assert!(text.contains("  was running when its process died  "), "{text}");
    let said = "\nno process owns the board now: what is open goes on when its program starts\n";
    assert!(text.ends_with(said), "{text}");
    let open = fixture.json(&["activation", "ls", "--open", "--board", &url]);
    assert_eq!(open["activations"][0]["unowned"], true);
    let open = fixture.json(&["activation", "ls", "--open"]);
    assert_eq!(open["activations"][0]["unowned"], false);
    state.1.add_permits(2);
    let _ = running.shutdown().await;
}

#[tokio::test]
async fn hash_is_that_of_the_live_state() {
    let fixture = Fixture::new().await;
    let running = start(&fixture.url, false).await;
    let (seq, hash) = running.state_hash().await.unwrap();
    let ran = fixture.run(&["board", "hash"]);
    assert_eq!(ran.out, format!("{seq}  {hash}\n"));
    let json = fixture.json(&["board", "hash"]);
    assert_eq!(
        (json["seq"].as_u64(), &json["state_hash"]),
        (Some(seq.get()), &hash.to_string().into())
    );
    let _ = running.shutdown().await;
}

#[tokio::test]
async fn verify_says_what_it_checked() {
    let fixture = Fixture::new().await;
    let text = fixture.text(&["board", "verify"]);
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("whole: URL"));
    let log = lines.next().unwrap();
    assert!(
        log.ends_with(" with 28 events; each has its hash and continues the one before"),
        "{log}"
    );
    let rest: Vec<&str> = lines.collect();
    let expected = [
        "state  all events fold, to the hash <hash>",
        "snapshot  the newest, at seq 28, is the fold up to there",
        "artifacts  4, each as recorded, payload and all, and listed by all that it is",
        "reports  5, step results included, each as recorded",
        "closed work  4, each as recorded and listed by all that it is",
    ];
    assert_eq!(rest, expected);
    let json = fixture.json(&["board", "verify"]);
    assert_eq!(
        (&json["ok"], &json["seq"], &json["artifacts"]),
        (&true.into(), &28.into(), &4.into())
    );
    assert_eq!(json["state_hash"], fixture.json(&["board", "hash"])["state_hash"]);
}

/// Changes a text in the board's file, wherever it stands.
fn tamper(fixture: &Fixture, from: &str, to: &str) {
    assert_eq!(from.len(), to.len());
    let path = file(fixture);
    let mut bytes = std::fs::read(&path).unwrap();
    let mut found = 0;
    for at in 0..bytes.len() - from.len() {
        if bytes[at..].starts_with(from.as_bytes()) {
            bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
            found += 1;
        }
    }
    assert!(found > 0, "`{from}` is not in the file");
    std::fs::write(&path, bytes).unwrap();
}

/// Changes the last such text before another one in the board's file.
fn tamper_before(fixture: &Fixture, mark: &str, from: &str, to: &str) {
    let path = file(fixture);
    let mut bytes = std::fs::read(&path).unwrap();
    let find = |bytes: &[u8], text: &str| {
        (0..bytes.len()).rev().find(|&at| bytes[at..].starts_with(text.as_bytes())).unwrap()
    };
    let mark = find(&bytes, mark);
    let at = find(&bytes[..mark], from);
    bytes[at..at + to.len()].copy_from_slice(to.as_bytes());
    std::fs::write(&path, bytes).unwrap();
}

fn file(fixture: &Fixture) -> PathBuf {
    fixture.folder().join("packages.db")
}

#[tokio::test]
async fn verify_finds_a_payload_that_was_changed() {
    let fixture = Fixture::new().await;
    tamper(&fixture, r#"{"name":"broken","size":7}"#, r#"{"name":"broken","size":8}"#);
    let (code, error) = fixture.error(&["board", "verify"]);
    assert_eq!((code, &error["code"]), (1, &"unsound".into()), "{error}");
    assert!(error["hint"].as_str().unwrap().starts_with("restore the board"), "{error}");
    let (code, error) = fixture.error(&["artifact", "show", "18"]);
    assert_eq!((code, &error["code"]), (3, &"log-damaged".into()), "{error}");
}

#[tokio::test]
async fn verify_finds_an_envelope_that_was_changed() {
    let fixture = Fixture::new().await;
    // What stands before the payload is the artifact's key.
    tamper_before(&fixture, r#"{"name":"broken","size":7}"#, "broken", "brokes");
    let (code, error) = fixture.error(&["board", "verify"]);
    assert_eq!((code, &error["code"]), (1, &"unsound".into()), "{error}");
    assert!(error["causes"].to_string().contains("artifact 18: "), "{error}");
}

#[tokio::test]
async fn verify_finds_a_report_that_was_changed() {
    let fixture = Fixture::new().await;
    tamper(&fixture, "the registry does not answer", "the registry does now answer");
    let (code, error) = fixture.error(&["board", "verify"]);
    assert_eq!((code, &error["code"]), (1, &"unsound".into()), "{error}");
    assert!(error["causes"].to_string().contains("content 25: "), "{error}");
}

#[tokio::test]
async fn verify_finds_an_event_that_was_changed() {
    let fixture = Fixture::new().await;
    tamper(&fixture, "express", "exprees");
    let (code, error) = fixture.error(&["board", "verify"]);
    assert_eq!((code, &error["code"]), (1, &"unsound".into()), "{error}");
    let ran = fixture.run(&["board", "verify"]);
    assert!(ran.err.contains("batch 3..7 is damaged"), "{}", ran.err);
    assert_eq!(ran.err.lines().count(), 2, "{}", ran.err);
}

#[tokio::test]
async fn a_file_that_was_cut_off_is_told_without_a_circle() {
    let fixture = Fixture::new().await;
    let len = std::fs::metadata(file(&fixture)).unwrap().len();
    let cut = std::fs::OpenOptions::new().write(true).open(file(&fixture)).unwrap();
    cut.set_len(len / 2).unwrap();
    let (code, error) = fixture.error(&["board", "verify"]);
    let hint = error["hint"].as_str().unwrap();
    assert!(code == 1 && hint.starts_with("restore the board from a backup;"), "{error}");
    let (code, error) = fixture.error(&["board", "show"]);
    assert_eq!((code, &error["hint"]), (3, &"restore the board from a backup".into()), "{error}");
}

#[tokio::test]
async fn what_is_no_board_is_told_apart_and_left_alone() {
    let fixture = Fixture::new().await;
    let foreign = fixture.folder().join("notes.txt");
    std::fs::write(&foreign, "not a board").unwrap();
    let foreign_path = foreign.display().to_string();
    let cases = [
        ("nothing.db", "log-missing"),
        (foreign_path.as_str(), "log-foreign"),
        ("mysql:board", "log-url"),
        ("memory:", "log-missing"),
    ];
    for (board, code) in cases {
        for verb in ["show", "verify", "hash"] {
            let (exit, error) = fixture.error(&["board", verb, "--board", board]);
            assert_eq!((exit, &error["code"]), (3, &code.into()), "{error}");
            let hint = error["hint"].as_str().unwrap();
            assert!(hint.contains("--board") && hint.contains("sqlite:PATH"), "{error}");
        }
    }
    assert_eq!(std::fs::read_to_string(foreign).unwrap(), "not a board");
    assert!(!fixture.folder().join("nothing.db").exists(), "reading makes no board");
}

#[tokio::test]
async fn rm_asks_first_and_removes_all_files() {
    let fixture = Fixture::new().await;
    let (code, error) = fixture.error(&["board", "rm"]);
    assert_eq!((code, &error["code"]), (2, &"unconfirmed".into()));
    assert!(file(&fixture).exists());
    assert_eq!(fixture.text(&["board", "rm", "--yes"]), "removed URL\n");
    let left: Vec<_> = std::fs::read_dir(fixture.folder()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    assert_eq!(fixture.error(&["board", "rm", "--yes"]).0, 3);
}

#[tokio::test]
async fn rm_is_refused_while_a_process_owns_the_board() {
    let fixture = Fixture::new().await;
    let running = start(&fixture.url, false).await;
    for args in [&["board", "rm"][..], &["board", "rm", "--yes"]] {
        let (code, error) = fixture.error(args);
        assert_eq!((code, &error["code"]), (4, &"log-owned".into()), "{error}");
        let causes = error["causes"].to_string();
        assert!(causes.contains(&format!("owned by `{PROGRAM}` (process ")), "{causes}");
    }
    assert!(file(&fixture).exists());
    let _ = running.shutdown().await;
}

/// ADOPT-2, ADOPT-5: a board whose log lost its end says so everywhere, is refused to whoever would go on with it, and
/// goes on once somebody has adopted it, which is on record.
#[tokio::test]
async fn adopt_lets_a_board_go_on_that_lost_its_end() {
    let fixture = Fixture::new().await;
    let said = ["--by", "ann", "--reason", "the disk lost it"];
    let adopt = [&["board", "adopt"][..], &said].concat();
    let (code, error) = fixture.error(&adopt);
    assert_eq!((code, &error["code"]), (4, &"adopt-whole".into()), "{error}");
    let running = start(&fixture.url, false).await;
    let (code, error) = fixture.error(&adopt);
    assert_eq!((code, &error["code"]), (4, &"log-owned".into()), "{error}");
    let known = Seq(running.durable().get() + 2);
    let log = running.log();
    log.mark_regressed(known, log.head().await.unwrap().epoch).await.unwrap();
    let _ = running.shutdown().await;

    let text = fixture.text(&["board", "show"]);
    assert!(text.contains(&format!("log regressed: it went up to seq {known}; ")), "{text}");
    assert_eq!(fixture.json(&["board", "show"])["regressed"], known.get());
    let (code, error) = fixture.error(&[&["board", "pause"][..], &said].concat());
    assert_eq!((code, &error["code"]), (4, &"log-regressed".into()), "{error}");
    assert!(error["hint"].as_str().unwrap().contains("`artel board adopt`"), "{error}");
    let ran = fixture.run(&["doctor"]);
    assert_eq!(ran.code, Some(1));
    assert!(ran.out.contains("log regressed: its owner knew"), "{}", ran.out);

    let text = fixture.text(&adopt);
    assert!(text.starts_with("adopted: the board goes on with what is there\n"), "{text}");
    assert!(text.contains(&format!("2 events up to seq {known}")), "{text}");
    let (code, error) = fixture.error(&[&adopt[..], &["--above", "7"]].concat());
    assert_eq!((code, &error["code"]), (4, &"adopt-whole".into()), "{error}");
    let board = fixture.json(&["board", "show"]);
    assert!(board["regressed"].is_null() && board["seq"].as_u64().unwrap() > 1_000_000, "{board}");
    let tail = fixture.text(&["event", "tail", "--from", &(known.get() - 1).to_string()]);
    assert!(tail.contains("log adopted") && tail.contains("ann"), "{tail}");
    // The last events are those before it too, although it takes a million seqs.
    let last = fixture.text(&["event", "tail", "--limit", "3"]);
    assert_eq!(last.lines().count(), 3, "{last}");
    assert!(last.lines().last().unwrap().contains("log adopted"), "{last}");
    fixture.text(&["board", "verify"]);
    let seen = (board["seq"].as_u64().unwrap() + 7).to_string();
    let adopted = fixture.json(&[&adopt[..], &["--above", &seen]].concat());
    assert_eq!(adopted["known"].to_string(), seen);
    let running = start(&fixture.url, false).await;
    assert!(running.shutdown().await.complete);
}

/// A file has one board; where that goes on is told so that it means the same from any folder.
#[tokio::test]
async fn a_board_is_listed_and_says_where_it_goes_on() {
    let fixture = Fixture::new().await;
    let listed = fixture.json(&["board", "ls"]);
    let board = &listed["boards"][0];
    assert_eq!((&board["seq"], board["owner"].is_null()), (&28.into(), true), "{listed}");
    let moved = fixture.run(&["board", "move", &fixture.url, "there.db"]);
    assert_eq!(moved.code, Some(0), "{}", moved.err);
    let there = std::path::absolute(fixture.folder().join("there.db")).unwrap();
    let there = format!("sqlite:{}", there.display());
    let listed = fixture.json(&["board", "ls"]);
    assert_eq!(listed["boards"][0]["moved_to"], there, "{listed}");
    assert!(fixture.text(&["board", "ls"]).contains("moved to sqlite:"));
}
