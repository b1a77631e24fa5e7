//! The verbs of `artel` over boards on servers: what they say of one is what they say of one in a file.
//!
//! Not in dev/test --quick: it starts servers.

#![expect(clippy::unwrap_used, reason = "test code: a failed expectation is a failed test")]

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use artel::{Artifact, Board, Breaker, Context, Error, Retry};
use artel_testkit::servers::{PostgresServer, RedisCluster, RedisServer};

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

/// Makes a board on which a package went well and two did not.
async fn make(url: &str) {
    let board = Board::builder(url).name("packages").program("review").open().await.unwrap();
    let judging = board.agent("judge").on::<Package>().retry(Retry::never());
    judging.breaker(Breaker::consecutive(9)).run(judge);
    let running = board.start().await.unwrap();
    for size in [1, 13, 13] {
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

/// What is said of a board with two dead letters, and done to it, in this order.
const VERBS: [&str; 33] = [
    "board ls",
    "board show",
    "board verify",
    "board hash",
    "event tail",
    "artifact ls",
    "artifact show ARTIFACT",
    "activation ls",
    "activation show DEAD",
    "dlq ls",
    "dlq groups",
    "dlq show DEAD",
    "dlq alerts",
    "types ls",
    "types check",
    "breaker open --agent judge BY",
    "breaker ls",
    "breaker close --agent judge BY",
    "board pause BY",
    "board show",
    "board resume BY",
    "agent pause judge BY",
    "dlq redrive DEAD BY",
    "activation ls --open",
    "correlation show TREE",
    "correlation pause TREE BY",
    "correlation resume TREE BY",
    "activation cancel DEAD BY",
    "agent resume judge BY",
    "dlq drop OTHER BY",
    "activation ls",
    "event tail --limit 100",
    "board adopt --above 5000 BY",
];

/// Verbs that are run on servers by tests of their own: here, in `testkit/tests` and in `tests/regressed.rs`. What a step
/// in doubt needs is a process that died: `tests/deaths.rs` and `dev/crash` have those.
const ELSEWHERE: [&str; 3] = ["board move", "board rm", "step settle"];

/// Every noun with each of its verbs, as the help lists them.
fn all_verbs() -> BTreeSet<String> {
    let listed = |words: &[&str]| {
        let mut help = Command::new(env!("CARGO_BIN_EXE_artel"));
        let said = help.args(words).arg("--help").output().unwrap();
        let said = String::from_utf8(said.stdout).unwrap();
        let lines = said.lines().skip_while(|line| *line != "Commands:").skip(1);
        let lines = lines.take_while(|line| !line.is_empty());
        lines.map(|line| line.split_whitespace().next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    // These two have none.
    let nouns = listed(&[]).into_iter().filter(|noun| !["doctor", "bench"].contains(&&**noun));
    let verbs = nouns.flat_map(|noun| {
        let verbs = listed(&[&noun]);
        verbs.into_iter().map(move |verb| format!("{noun} {verb}"))
    });
    verbs.collect()
}

/// POSTGRES-1, POSTGRES-7, REDIS-7: each verb says of a board on a server what it says of the same one in a file.
#[tokio::test]
async fn verbs_say_the_same_of_a_board_on_a_server() {
    let (postgres, redis) = (PostgresServer::start(), RedisServer::start());
    let folder = tempfile::tempdir().unwrap();
    let urls = [
        format!("sqlite:{}", folder.path().join("packages.db").display()),
        format!("{}?board=packages", postgres.url()),
        format!("{}?board=packages", redis.url()),
    ];
    for url in &urls {
        make(url).await;
    }
    let dead = artel(&urls[1], &["dlq", "ls"]);
    let dead = |index: usize| dead[0]["dead_letters"][index]["id"].to_string();
    let artifact = artel(&urls[1], &["artifact", "ls"])[0]["artifacts"][0]["seq"].to_string();
    let places = urls.each_ref().map(|url| {
        let dead = artel(url, &["dlq", "ls"]);
        (url, dead[0]["dead_letters"][0]["correlation"].as_str().unwrap().to_owned())
    });
    let by = "--reason looked-at-it --by ann";
    let mut run = BTreeSet::new();
    for verb in VERBS {
        let [file, tables, keys] = places.each_ref().map(|(url, tree)| {
            let words = verb
                .replace("ARTIFACT", &artifact)
                .replace("DEAD", &dead(0))
                .replace("OTHER", &dead(1))
                .replace("TREE", tree)
                .replace("BY", by);
            shape(&artel(url, &words.split(' ').collect::<Vec<_>>()))
        });
        assert_eq!(file, tables, "{verb:?}");
        assert_eq!(file, keys, "{verb:?}");
        run.insert(verb.split(' ').take(2).collect::<Vec<_>>().join(" "));
    }
    run.extend(ELSEWHERE.map(str::to_owned));
    assert_eq!(run, all_verbs(), "every verb is run, here or elsewhere");
    for url in &urls {
        artel(url, &["board", "rm", "--yes"]);
    }
}

/// Who follows a board sees what happens after its server has gone and come back.
#[tokio::test]
async fn a_follower_outlives_a_server() {
    let server = RedisServer::start();
    let url = format!("{}?board=b", server.url());
    make(&url).await;
    let mut follower = Command::new(env!("CARGO_BIN_EXE_artel"));
    let args = ["event", "tail", "--from", "1", "--follow", "--every", "10ms", "--board", &url];
    let mut follower =
        follower.args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut told = BufReader::new(follower.stdout.take().unwrap()).lines().map(Result::unwrap);
    let mut said = BufReader::new(follower.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(told.any(|line| line.contains("attempt ended")), "it tells what happened");
    server.kill();
    let away = said.next().unwrap();
    assert!(away.ends_with("; it is asked again every 10ms"), "{away}");
    server.restart();
    assert_eq!(said.next().unwrap(), "the log is back");
    let end = artel(&url, &["board", "show"])[0]["seq"].as_u64().unwrap();
    make(&url).await;
    let later = told.any(|line| {
        let seq = line.split_whitespace().next().and_then(|seq| seq.parse::<u64>().ok());
        line.contains("attempt ended") && seq.is_some_and(|seq| seq > end)
    });
    assert!(later, "it goes on");
    follower.kill().unwrap();
    follower.wait().unwrap();
}

/// DOCTOR-1, POSTGRES-1: a server with durable settings, on the same machine, is well, and so is its clock; the
/// board's own findings stand beside those of the server.
#[tokio::test]
async fn a_server_is_well() {
    let server = PostgresServer::start();
    let url = format!("{}?board=packages", server.url());
    make(&url).await;
    let examined = &artel(&url, &["doctor"])[0];
    assert_eq!(examined["problems"], 0, "{examined}");
    let findings = examined["findings"].as_array().unwrap();
    let of = |code: &str| findings.iter().find(|finding| finding["code"] == code).unwrap();
    for code in
        ["server-version", "durability", "clock-difference", "ownership", "board", "encryption"]
    {
        assert_eq!(of(code)["severity"], "ok", "{}", of(code));
    }
    assert_eq!(of("dead-letters")["severity"], "warning");
    assert!(!examined["url"].as_str().unwrap().contains("postgres@"), "{examined}");
}

/// Runs a verb that answers one document; how it exited, and the document, or the error.
fn answer(args: &[&str]) -> (Option<i32>, Value) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_artel"));
    let ran = command.args(args).arg("--json").output().unwrap();
    let text = if ran.status.success() { &ran.stdout } else { &ran.stderr };
    let text = String::from_utf8_lossy(text);
    let line = text.lines().last().unwrap_or_default();
    (ran.status.code(), serde_json::from_str(line).unwrap())
}

fn hash(url: &str) -> Value {
    artel(url, &["board", "hash"])[0].clone()
}

/// Makes a board with some thousands of events.
async fn make_large(url: &str) {
    let board = Board::builder(url).name("packages").open().await.unwrap();
    board.agent("judge").on::<Package>().run(judge);
    let running = board.start().await.unwrap();
    for _ in 0..20 {
        running.publish_many((0..200).map(|_| Package { size: 1 })).await.unwrap();
    }
    running.idle().await.unwrap();
    assert!(running.shutdown().await.complete);
}

fn begin(from: &str, to: &str) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_artel"));
    let command = command.args(["board", "move", from, to]);
    command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Moves a board from each place to the next: it verifies everywhere, and each verb but those that read is
/// refused where it was.
async fn is_moved_along(places: &[String]) {
    make(&places[0]).await;
    let before = hash(&places[0]);
    for pair in places.windows(2) {
        let [from, to] = pair else { unreachable!("windows of two") };
        let (code, moved) = answer(&["board", "move", from, to]);
        assert_eq!(code, Some(0), "{moved}");
        assert_eq!(moved["state_hash"], before["state_hash"]);
        assert_eq!((hash(to), hash(from)), (before.clone(), before.clone()));
        artel(to, &["board", "verify"]);
        let said = ["--by", "ann", "--reason", "x", "--board", from];
        let (code, refused) = answer(&[&["board", "pause"][..], &said].concat());
        assert_eq!((code, &refused["error"]["code"]), (Some(4), &"log-moved".into()));
        assert!(refused["error"]["hint"].as_str().unwrap().contains("where it goes on"));
    }
    let (end, left) = places.split_last().unwrap();
    artel(end, &["board", "pause", "--by", "ann", "--reason", "it is mine now"]);
    for left in left {
        artel(left, &["board", "rm", "--yes"]);
    }
}

/// Kills moves while they write; then moves the board, and looks whether all of it is there.
fn is_killed_and_gone_on_with(from: &str, to: &str) {
    let before = hash(from);
    for _ in 0..2 {
        let mut moving = begin(from, to);
        let (code, refused) = loop {
            let (code, said) = answer(&["board", "show", "--board", to]);
            if said["error"]["code"] != "log-missing" {
                break (code, said);
            }
            assert_eq!(moving.try_wait().unwrap(), None, "it did not even begin");
        };
        moving.kill().unwrap();
        let ended = moving.wait().unwrap();
        if ended.success() {
            // It was quicker than the look at it.
            break;
        }
        assert_eq!((code, &refused["error"]["code"]), (Some(4), &"log-unfinished".into()));
        assert!(refused["error"]["hint"].as_str().unwrap().contains("goes on where it stopped"));
    }
    let (code, moved) = answer(&["board", "move", from, to]);
    assert_eq!(code, Some(0), "{moved}");
    assert_eq!(hash(to), before);
    artel(to, &["board", "verify"]);
}

/// Boards that are moved to a server and back, and moves that are killed.
mod postgres {
    use super::*;

    /// MOVE-1, MOVE-4: a board is moved from a file to a server, to another board there, and back into a file.
    #[tokio::test]
    async fn a_board_is_moved_to_a_server_and_back() {
        let server = PostgresServer::start();
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| format!("sqlite:{}", folder.path().join(name).display());
        let on_server = |board: &str| format!("{}?board={board}&ownership=1s", server.url());
        is_moved_along(&[file("a.db"), on_server("a"), on_server("b"), file("b.db")]).await;
    }

    /// MOVE-3: moves that are killed while they write to a server leave a board that nobody can use, until another
    /// one has brought it all.
    #[tokio::test]
    async fn a_move_that_is_killed_is_gone_on_with() {
        let server = PostgresServer::start();
        let folder = tempfile::tempdir().unwrap();
        let from = format!("sqlite:{}", folder.path().join("a.db").display());
        make_large(&from).await;
        is_killed_and_gone_on_with(&from, &format!("{}?board=a&ownership=1s", server.url()));
    }
}

/// The same with a server of the other kind, and between both.
mod redis {
    use super::*;

    /// MOVE-1, MOVE-4: a board is moved from a file to Redis, to another board there, to a cluster, to PostgreSQL, and
    /// back into a file.
    #[tokio::test]
    async fn a_board_is_moved_to_a_server_and_back() {
        let (redis, cluster) = (RedisServer::start(), RedisCluster::start());
        let postgres = PostgresServer::start();
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| format!("sqlite:{}", folder.path().join(name).display());
        let place = |url: String, board: &str| format!("{url}?board={board}&ownership=1s");
        is_moved_along(&[
            file("a.db"),
            place(redis.url(), "a"),
            place(redis.url(), "b"),
            place(cluster.url(), "a"),
            place(postgres.url(), "a"),
            file("b.db"),
        ])
        .await;
    }

    /// MOVE-3: moves that are killed while they write to Redis, and while they read from there.
    #[tokio::test]
    async fn a_move_that_is_killed_is_gone_on_with() {
        let server = RedisServer::start();
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| format!("sqlite:{}", folder.path().join(name).display());
        let on_server = format!("{}?board=a&ownership=1s", server.url());
        make_large(&file("a.db")).await;
        is_killed_and_gone_on_with(&file("a.db"), &on_server);
        is_killed_and_gone_on_with(&on_server, &file("b.db"));
    }
}

/// What a program is told that makes a board in the weaker mode that its URL names.
const WEAKER: &str = "survives the death of this program, and of nothing else, as its URL asks for";

/// The load generator on a server: a bare loop writes the same rows or entries, which the server compares, and
/// nothing is left. A board that is there is not touched, and the password of a URL is not told.
async fn a_bench_writes_the_same_twice_and_leaves_none(url: &str) {
    let bench_at = |url: &str, more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_artel"));
        let known = ["bench", "--json", "--hops", "300", "--tags", "2", "--log", url];
        command.args(known).args(more).output().unwrap()
    };
    let bench = |more: &[&str]| bench_at(url, more);
    // Two agents work on each input: what worked on it grows from batch to batch.
    let ran = bench(&["--agents", "2"]);
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    let found: Value = serde_json::from_slice(&ran.stdout).expect(&said);
    for field in ["value", "baseline", "ratio", "hops_per_append"] {
        assert!(found[field].as_f64().unwrap() > 0.0, "{field}: {found}");
    }
    // For each of 315 hops three artifacts and two closed activations, and a row for each batch.
    let rows = found["baseline_rows"].as_u64().unwrap();
    assert!(rows > 315 * 5 + found["appends"].as_u64().unwrap(), "{found}");
    assert!(artel::Reader::open(url).await.is_err(), "the board is gone");
    assert!(!said.contains(WEAKER), "the server keeps what it acknowledges: {said}");
    let weaker = format!("{url}&durability=process");
    let kept = bench_at(&weaker, &["--keep", "--no-baseline"]);
    let said = String::from_utf8_lossy(&kept.stderr).into_owned();
    assert!(kept.status.success() && said.matches(WEAKER).count() == 1, "{said}");
    assert!(said.contains("durability=process") && !said.contains("secret"), "{said}");
    let refused = bench(&[]);
    let said = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && said.contains("bench-exists"), "{said}");
    assert!(!said.contains("secret"), "{said}");
    assert!(artel::Reader::open(url).await.is_ok(), "what was there stays");
    assert!(!found.to_string().contains("secret"), "{found}");
    for json in [&[][..], &["--json"]] {
        for verb in [&["board", "show"][..], &["board", "verify"], &["board", "rm", "--yes"]] {
            let mut command = Command::new(env!("CARGO_BIN_EXE_artel"));
            let ran = command.args(verb).args(["--board", url]).args(json).output().unwrap();
            let said = [ran.stdout, ran.stderr].concat();
            let said = String::from_utf8_lossy(&said);
            assert!(ran.status.success() && !said.contains("secret"), "{verb:?}: {said}");
        }
        assert!(bench(&["--keep", "--no-baseline"]).status.success());
    }
}

#[tokio::test]
async fn a_bench_on_postgres_writes_the_same_rows_twice_and_leaves_none() {
    let server = PostgresServer::start();
    let url = format!("{}?board=bench", server.url().replace("postgres@", "postgres:secret@"));
    a_bench_writes_the_same_twice_and_leaves_none(&url).await;
}

#[tokio::test]
async fn a_bench_on_redis_writes_the_same_entries_twice_and_leaves_none() {
    let server = RedisServer::start();
    let url = format!("{}?board=bench", server.url());
    a_bench_writes_the_same_twice_and_leaves_none(&url).await;
    artel::remove(&url).await.unwrap();
    // Neither the board nor the bare loop has left a key.
    let client = ::redis::Client::open(server.url()).unwrap();
    let mut connection = client.get_connection().unwrap();
    let left: Vec<String> = ::redis::cmd("KEYS").arg("*").query(&mut connection).unwrap();
    assert_eq!(left, Vec::<String>::new());
}
