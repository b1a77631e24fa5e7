//! Programs that stand by for the owner of a board: they take it over when it is killed, stopped for too long, or
//! shut down. Each owner is a process of its own: this test starts itself.
//!
//! Not in dev/test --quick: it starts servers.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: a failed expectation is a failed test"
)]

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::{Instant, interval, timeout};

use artel::event::Event;
use artel::{Artifact, Board, Context, Error, Health, Publication, Query, Reader, Running};
use artel_testkit::check;
use artel_testkit::servers::{Kind, Server};

/// How long a board is owned without being renewed.
const OWNED: Duration = Duration::from_secs(3);
/// How much longer it may take until a stand-by has it.
const SOON: Duration = Duration::from_secs(2);
/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// The file that says where the board of a life is; only a process that this test started runs beside it.
const PLACE: &str = "the-board-of-this-life";
/// The file that ends all lives.
const END: &str = "the-end";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Artifact)]
struct Order {
    by: u32,
    number: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Artifact)]
struct Part {
    by: u32,
    number: u32,
}

async fn part(_: Context, order: Arc<Order>) -> Result<Part, Error> {
    Ok(Part { by: order.by, number: order.number })
}

async fn stand_by(url: &str) -> Running {
    let board = Board::open(url).await.unwrap();
    board.agent("part").on::<Order>().run(part);
    board.stand_by().await.unwrap()
}

/// A life of the program, in a process that a test below starts: it stands by, owns the board, and tells what it
/// writes and what it reads.
#[tokio::test]
async fn one_life() {
    let Ok(url) = std::fs::read_to_string(PLACE) else { return };
    println!("stands by");
    let running = stand_by(&url).await;
    println!("owns at {} from {}", now(), running.durable());
    let by = std::process::id();
    let mut rounds = interval(Duration::from_millis(20));
    let mut ended = false;
    for number in 0.. {
        rounds.tick().await;
        if Path::new(END).exists() {
            running.shutdown().await;
            println!("gone");
            return;
        }
        let order =
            Publication::new(Order { by, number }).idempotency_key(format!("{by} {number}"));
        match running.publish(order).await {
            Ok(receipt) => println!("wrote {}", receipt.seq),
            Err(error) => println!("refused to write: {error}"),
        }
        let asked = now();
        match running.state_hash().await {
            Ok((seq, _)) => println!("read at {asked} {seq}"),
            Err(error) => println!("refused to read: {error}"),
        }
        // It has been asked for both once more since it stopped.
        if let (true, Health::Stopped { why }) = (ended, running.health()) {
            println!("stopped: {why}");
            return;
        }
        ended = matches!(running.health(), Health::Stopped { .. });
    }
}

/// A process with a life.
struct Life {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    pid: u32,
}

impl Life {
    fn begin(folder: &Path) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "one_life", "--nocapture"]).current_dir(folder);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let pid = child.id().unwrap();
        Self { child, lines, pid }
    }

    /// Reads on until it says something that begins so, and gives all that it said until then.
    async fn says(&mut self, wanted: &str) -> Vec<String> {
        let mut said = Vec::new();
        loop {
            let line = timeout(PATIENCE, self.lines.next_line()).await;
            let Ok(Ok(Some(line))) = line else { panic!("it should say `{wanted}`: {said:#?}") };
            let found = line.starts_with(wanted);
            said.push(line);
            if found {
                return said;
            }
        }
    }

    async fn signal(&self, name: &str) {
        let script = format!("kill -{name} {}", self.pid);
        assert!(Command::new("sh").args(["-c", &script]).status().await.unwrap().success());
    }

    /// Stops it, and waits until each of its threads has stopped.
    async fn stop(&self) {
        self.signal("STOP").await;
        let tasks = PathBuf::from(format!("/proc/{}/task", self.pid));
        let began = Instant::now();
        loop {
            let stats = std::fs::read_dir(&tasks).unwrap().flatten();
            let stats =
                stats.filter_map(|task| std::fs::read_to_string(task.path().join("stat")).ok());
            let states: Vec<char> =
                stats.filter_map(|stat| stat.rsplit_once(") ")?.1.chars().next()).collect();
            if states.iter().all(|state| *state == 'T') {
                return;
            }
            assert!(began.elapsed() < PATIENCE, "its threads are {states:?}");
            tokio::task::yield_now().await;
        }
    }

    async fn kill(&mut self) {
        self.child.kill().await.unwrap();
    }
}

/// The time of the machine, which all processes here share, in microseconds.
#[expect(clippy::disallowed_methods, reason = "processes have no other clock in common")]
fn now() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros()
}

/// When a line says it was: what was read, when it was asked for.
fn at(line: &str) -> u128 {
    line.split(' ').skip_while(|word| *word != "at").nth(1).unwrap().parse().unwrap()
}

/// The seq at the end of a line.
fn seq(line: &str) -> u64 {
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

/// All that was acknowledged is on the board, once, and the log is what it should be.
async fn audit(url: &str, wrote: &[String]) {
    let running = stand_by(url).await;
    running.idle().await.unwrap();
    check(&running).await;
    let orders = running.artifacts(&Query::of::<Order>().limit(10_000)).await.unwrap().artifacts;
    for line in wrote.iter().filter(|line| line.starts_with("wrote ")) {
        assert!(orders.iter().any(|order| order.seq().get() == seq(line)), "{line} is not there");
    }
    let mut found: Vec<_> = orders.iter().map(|order| order.decode::<Order>().unwrap()).collect();
    let all = found.len();
    found.sort_by_key(|order| (order.by, order.number));
    found.dedup();
    assert_eq!(found.len(), all, "one is there twice");
    let parts = running.all::<Part>(Query::default()).await.unwrap();
    assert_eq!(parts.len(), all, "each was worked on once");
    let reader = Reader::of(running.log()).await.unwrap();
    reader.verify_store(reader.state().seq(), |_| {}).await.unwrap();
    assert!(running.shutdown().await.complete);
}

fn folder(url: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(PLACE), url).unwrap();
    folder
}

/// OWN-6: a program that stands by has the board soon after its owner was killed, and at once after it shut down.
/// `held` is how long a board is not free after a death, `late` how long it may take to notice a shutdown.
async fn owners_follow_each_other(url: &str, held: Duration, late: Duration) {
    let folder = folder(url);
    let mut first = Life::begin(folder.path());
    let mut wrote = first.says("owns").await;
    let mut second = Life::begin(folder.path());
    second.says("stands by").await;
    wrote.extend(first.says("read").await);
    // It has looked for a while, and left the owner alone.
    let early = timeout(OWNED, second.lines.next_line()).await;
    assert!(early.is_err(), "{early:?}");
    wrote.extend(first.says("read").await);
    first.kill().await;
    let killed = Instant::now();
    second.says("owns").await;
    let took = killed.elapsed();
    assert!(took < held + SOON, "it took {took:?}");
    wrote.extend(second.says("read").await);

    let mut third = Life::begin(folder.path());
    third.says("stands by").await;
    let early = timeout(OWNED / 3, third.lines.next_line()).await;
    assert!(early.is_err(), "{early:?}");
    std::fs::write(folder.path().join(END), "").unwrap();
    wrote.extend(second.says("gone").await);
    let gone = Instant::now();
    third.says("owns").await;
    let took = gone.elapsed();
    assert!(took < late + SOON / 2, "it took {took:?}");
    wrote.extend(third.says("gone").await);
    audit(url, &wrote).await;
}

/// POSTGRES-25, REDIS-4, OWN-6, I1: on a server, within the ownership's time and two seconds, or a third of that time.
#[tokio::test]
async fn a_stand_by_takes_a_board_on_a_server_over() {
    for kind in [Kind::Postgres, Kind::Redis] {
        let server = Server::start(kind);
        let url = format!("{}?ownership={}s", server.url(), OWNED.as_secs());
        owners_follow_each_other(&url, OWNED, OWNED / 3).await;
    }
}

/// OWN-6, I1: in a file, whose lock dies with its process, at once.
#[tokio::test]
async fn a_stand_by_takes_a_board_in_a_file_over() {
    let file = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", file.path().join("board.db").display());
    owners_follow_each_other(&url, Duration::ZERO, Duration::ZERO).await;
}

/// POSTGRES-5, REDIS-5, OWN-5, OWN-6, I3: an owner that is stopped for longer than its time, and goes on when another one has
/// the board, writes nothing and reads nothing of it any more, says so, and steps down.
#[tokio::test]
async fn an_owner_that_was_stopped_for_too_long_steps_down() {
    for kind in [Kind::Postgres, Kind::Redis] {
        is_stopped_for_too_long(&Server::start(kind)).await;
    }
}

async fn is_stopped_for_too_long(server: &Server) {
    let url = format!("{}?ownership={}s", server.url(), OWNED.as_secs());
    let folder = folder(&url);
    let mut stale = Life::begin(folder.path());
    let mut wrote = stale.says("read").await;
    let mut owner = Life::begin(folder.path());
    owner.says("stands by").await;
    stale.stop().await;
    let owns = owner.says("owns").await;
    let (from, since) = (seq(owns.last().unwrap()), at(owns.last().unwrap()));
    wrote.extend(owner.says("read").await);
    stale.signal("CONT").await;
    let said = stale.says("stopped").await;
    for line in said.iter().filter(|line| line.starts_with("wrote")) {
        assert!(
            seq(line) <= from,
            "it said `{line}`, the board is another's from {from}: {said:#?}"
        );
    }
    // What it knows is as old as before, so that only the time tells whether it should have been read.
    for line in said.iter().filter(|line| line.starts_with("read")) {
        assert!(
            at(line) < since,
            "it said `{line}`, the board is another's since {since}: {said:#?}"
        );
    }
    let refused = |what: &str| said.iter().any(|line| line.starts_with(what));
    assert!(refused("refused to write") && refused("refused to read"), "{said:#?}");
    assert!(
        said.last().unwrap().contains("is owned by") || said.last().unwrap().contains("fenced off"),
        "{said:#?}"
    );
    // What it had been told to have written before it was stopped counts.
    wrote.extend(said);
    wrote.extend(owner.says("read").await);
    std::fs::write(folder.path().join(END), "").unwrap();
    wrote.extend(owner.says("gone").await);
    let reader = Reader::open(&url).await.unwrap();
    let mut owners = Vec::new();
    let mut events = reader.tail(artel::ids::Seq(1));
    while let Some(entry) = events.next().await.unwrap() {
        if let Event::OwnerChanged { .. } = entry.event {
            owners.push(entry.seq.get());
        }
    }
    assert_eq!(owners.iter().filter(|at| **at > from).count(), 0, "{owners:?}, after {from}");
    reader.close().await;
    audit(&url, &wrote).await;
}
