//! The verbs of `artel` over a board on a PostgreSQL server: what they say of it is what they say of one in a
//! file.
//!
//! Not in dev/test --quick: it starts a server.

#![expect(clippy::unwrap_used, reason = "test code: a failed expectation is a failed test")]

use std::process::Command;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use artel::{Artifact, Board, Context, Error, Retry};
use artel_testkit::servers::PostgresServer;

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Artifact)]
struct Package {
    size: u64,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Artifact)]
struct Verdict {
    size: u64,
}

async fn judge(_: Context, package: Arc<Package>) -> Result<Verdict, Error> {
    match package.size {
        13 => Err(Error::permanent("the manifest is cut off")),
        size => Ok(Verdict { size }),
    }
}

/// Makes a board on which a package went well and one did not.
async fn make(url: &str) {
    let board = Board::builder(url).name("packages").program("review").open().await.unwrap();
    board.agent("judge").on::<Package>().retry(Retry::never()).run(judge);
    let running = board.start().await.unwrap();
    for size in [1, 13] {
        let receipt = running.publish(Package { size }).await.unwrap();
        running.settled(receipt.correlation).await.unwrap();
    }
    assert!(running.shutdown().await.complete);
}

/// Runs the program on a board; what it prints as JSON.
fn artel(url: &str, verb: &[&str]) -> Value {
    let mut command = Command::new(env!("CARGO_BIN_EXE_artel"));
    let ran = command.args(verb).args(["--json", "--board", url]).output().unwrap();
    let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{verb:?}: {out}{err}");
    let lines: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    Value::Array(lines)
}

/// What does not depend on chance, on time or on the place: names of fields, and numbers and texts that are
/// the same in every run.
fn shape(value: &Value) -> Value {
    const CHANCE: [&str; 26] = [
        "at",
        "board",
        "url",
        "id",
        "ids",
        "incarnation",
        "correlation",
        "hash",
        "state_hash",
        "trace",
        "process",
        "session",
        "seed",
        "since",
        "until",
        "began",
        "ended",
        "first",
        "last",
        "place",
        "elapsed_ms",
        "command",
        "created",
        "causes_ids",
        "took_ms",
        "fingerprint",
    ];
    match value {
        Value::Object(fields) => {
            let kept = fields.iter().filter(|(name, _)| {
                !CHANCE.contains(&name.as_str()) && !name.ends_with("_at") && !name.ends_with("_ms")
            });
            Value::Object(kept.map(|(name, value)| (name.clone(), shape(value))).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(shape).collect()),
        // Ids, times and hashes.
        Value::String(text) if text.len() >= 16 => Value::String("…".to_owned()),
        other => other.clone(),
    }
}

/// POSTGRES-1, POSTGRES-7: each verb says of a board on a server what it says of the same one in a file.
#[tokio::test]
async fn verbs_say_the_same_of_a_board_on_a_server() {
    let server = PostgresServer::start();
    let folder = tempfile::tempdir().unwrap();
    let urls = [
        format!("sqlite:{}", folder.path().join("packages.db").display()),
        format!("{}?board=packages", server.url()),
    ];
    for url in &urls {
        make(url).await;
    }
    let dead = artel(&urls[1], &["dlq", "ls"]);
    let dead = dead[0]["dead_letters"][0]["id"].to_string();
    let by = ["--reason", "looked at it", "--by", "ann"];
    let with = |verb: &[&'static str]| [verb, &by[..]].concat();
    let redrive = [&["dlq", "redrive", dead.as_str()][..], &by[..]].concat();
    let verbs: Vec<Vec<&str>> = vec![
        vec!["board", "show"],
        vec!["board", "verify"],
        vec!["event", "tail"],
        vec!["artifact", "ls"],
        vec!["activation", "ls"],
        vec!["activation", "show", &dead],
        vec!["dlq", "ls"],
        vec!["dlq", "groups"],
        vec!["types", "ls"],
        vec!["breaker", "ls"],
        with(&["board", "pause"]),
        with(&["board", "resume"]),
        with(&["agent", "pause", "judge"]),
        redrive,
        vec!["activation", "ls", "--open"],
        vec!["event", "tail"],
    ];
    for verb in verbs {
        let [file, table] = urls.each_ref().map(|url| shape(&artel(url, &verb)));
        assert_eq!(file, table, "{verb:?}");
    }
    for url in &urls {
        artel(url, &["board", "rm", "--yes"]);
    }
}

/// The load generator on a server: a bare loop writes the same rows, which the server compares, and nothing
/// is left. A board that is there is not touched, and the password of a URL is not told.
#[tokio::test]
async fn a_bench_on_a_server_writes_the_same_rows_twice_and_leaves_none() {
    let server = PostgresServer::start();
    let url = format!("{}?board=bench", server.url().replace("postgres@", "postgres:secret@"));
    let bench = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_artel"));
        let known = ["bench", "--json", "--hops", "300", "--tags", "2", "--log", &url];
        command.args(known).args(more).output().unwrap()
    };
    let ran = bench(&[]);
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    let found: Value = serde_json::from_slice(&ran.stdout).expect(&said);
    for field in ["value", "baseline", "ratio", "hops_per_append"] {
        assert!(found[field].as_f64().unwrap() > 0.0, "{field}: {found}");
    }
    assert!(artel::Reader::open(&url).await.is_err(), "the board is gone");
    assert!(bench(&["--keep", "--no-baseline"]).status.success());
    let refused = bench(&[]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("bench-exists"), "{said}");
    assert!(!said.contains("secret"), "{said}");
    assert!(artel::Reader::open(&url).await.is_ok(), "what was there stays");
}
