//! Boards of a server that several processes share: they are spread over those that live, and go over one at a time
//! when one joins, dies, or is stopped. Each process is one of its own: this test starts itself.
//!
//! Not in dev/test --quick: it starts servers.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: a failed expectation is a failed test"
)]
#![expect(clippy::print_stdout, reason = "a life tells its test what becomes of it")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{join_all, select_all};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};
use tokio::time::{Instant, interval, timeout, timeout_at};

use artel::event::Event;
use artel::ids::Seq;
use artel::{Artifact, Board, Context, Error, Publication, Query, Reader, Shared};
use artel_testkit::check;
use artel_testkit::servers::{Kind, Proxy, Server};

/// How many boards are shared.
const BOARDS: usize = 7;
/// How long a board is owned without being renewed.
const OWNED: Duration = Duration::from_secs(3);
/// How much longer it may take until another process has it.
const SOON: Duration = Duration::from_secs(2);
/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(90);
/// For how long nothing is handed over when boards are spread.
const SETTLED: Duration = Duration::from_secs(6);

/// The file that says where the boards of a life are; only a process that this test started runs beside it.
const PLACE: &str = "the-boards-of-this-life";
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

async fn open(place: &str, board: usize) -> Board {
    let board = Board::open(format!("{place}&board=b{board}")).await.unwrap();
    board.agent("part").on::<Order>().run(part);
    board
}

/// Whenever a board runs here, publishes to it, and tells that.
async fn publish(board: usize, shared: &Shared) {
    let by = std::process::id();
    let mut number = 0;
    while let Ok(running) = shared.here().await {
        println!("owns b{board} {}", running.durable());
        let mut rounds = interval(Duration::from_millis(50));
        let published = async {
            loop {
                rounds.tick().await;
                number += 1;
                let order = Publication::new(Order { by, number });
                let order = order.idempotency_key(format!("{by} {number}"));
                match running.publish(order).await {
                    Ok(receipt) => println!("wrote b{board} {}", receipt.seq),
                    Err(_) => break running.stopped().await,
                }
            }
        };
        let why = tokio::select! {
            why = published => why,
            why = running.stopped() => why,
        };
        println!("gave b{board} {why}");
    }
}

/// A life of the program, in a process that a test below starts: it shares all boards until it is told to end.
#[tokio::test]
async fn one_life() {
    let Ok(place) = std::fs::read_to_string(PLACE) else { return };
    let boards = join_all((0..BOARDS).map(|board| open(&place, board))).await;
    let shared: Vec<Shared> = boards.into_iter().map(|board| board.share().unwrap()).collect();
    println!("shares");
    let mut rounds = interval(Duration::from_millis(50));
    let ended = async {
        while !Path::new(END).exists() {
            rounds.tick().await;
        }
    };
    let published =
        join_all(shared.iter().enumerate().map(|(board, shared)| publish(board, shared)));
    tokio::select! {
        () = ended => {}
        _ = published => panic!("a board is not shared any more"),
    }
    for ended in join_all(shared.into_iter().map(Shared::shutdown)).await {
        assert!(ended.complete);
    }
    println!("gone");
}

/// A process with a life.
struct Life {
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    owns: BTreeSet<String>,
    /// Whether it is stopped, or dead.
    away: bool,
}

/// Processes that share the boards of a server, and what they said.
struct Lives {
    place: String,
    folder: tempfile::TempDir,
    lives: BTreeMap<usize, Life>,
    /// How many boards nobody says to own, and the most there were since that was asked.
    free_max: usize,
    /// What was acknowledged: boards with seqs.
    wrote: Vec<(String, Seq)>,
    /// How often a board was begun.
    begun: usize,
}

impl Lives {
    fn on(server: &Server) -> Self {
        let separator = if server.url().contains('?') { '&' } else { '?' };
        let place = format!("{}{separator}ownership={}s", server.url(), OWNED.as_secs());
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(PLACE), &place).unwrap();
        let (lives, wrote) = (BTreeMap::new(), Vec::new());
        Self { place, folder, lives, free_max: 0, wrote, begun: 0 }
    }

    fn begin(&mut self, number: usize) {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", "one_life", "--nocapture"]).current_dir(self.folder.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        self.lives.insert(number, Life { child, lines, owns: BTreeSet::new(), away: false });
    }

    /// How many boards each one has that is there, from the most to the fewest.
    fn counts(&self) -> Vec<usize> {
        let there = self.lives.values().filter(|life| !life.away);
        let mut counts: Vec<usize> = there.map(|life| life.owns.len()).collect();
        counts.sort_by_key(|count| std::cmp::Reverse(*count));
        counts
    }

    /// Hears the next line of any of them; false when there is none until then.
    async fn hear(&mut self, until: Instant) -> bool {
        let lines = self.lives.iter_mut().filter(|(_, life)| !life.away);
        let next = lines.map(|(number, life)| {
            let number = *number;
            life.lines.next_line().map(move |line| (number, line)).boxed()
        });
        let Ok(((number, line), ..)) = timeout_at(until, select_all(next)).await else {
            return false;
        };
        let Some(line) = line.unwrap() else { panic!("{number} ended by itself") };
        let life = self.lives.get_mut(&number).unwrap();
        let mut words = line.split(' ');
        match (words.next(), words.next()) {
            (Some("owns"), Some(board)) => {
                self.begun += 1;
                assert!(life.owns.insert(board.to_owned()), "{number} has {board} twice");
            }
            (Some("gave"), Some(board)) => assert!(life.owns.remove(board), "{number}: {line}"),
            (Some("wrote"), Some(board)) => {
                self.wrote.push((board.to_owned(), Seq(words.next().unwrap().parse().unwrap())));
            }
            _ => {}
        }
        let owned: usize = self.counts().iter().sum();
        self.free_max = self.free_max.max(BOARDS.saturating_sub(owned));
        true
    }

    /// Waits until the boards are spread so; how long it took.
    async fn spread(&mut self, counts: &[usize]) -> Duration {
        let began = Instant::now();
        while self.counts() != counts {
            assert!(self.hear(began + PATIENCE).await, "it is {:?}, not {counts:?}", self.counts());
        }
        began.elapsed()
    }

    /// No board changes hands for a while.
    async fn settled(&mut self) {
        let (begun, counts, until) = (self.begun, self.counts(), Instant::now() + SETTLED);
        while self.hear(until).await {}
        assert_eq!((self.begun, self.counts()), (begun, counts), "boards went on changing hands");
    }

    async fn signal(&mut self, number: usize, name: &str) {
        let life = self.lives.get_mut(&number).unwrap();
        let script = format!("kill -{name} {}", life.child.id().unwrap());
        assert!(Command::new("sh").args(["-c", &script]).status().await.unwrap().success());
        life.away = name == "STOP";
    }

    async fn kill(&mut self, number: usize) {
        let mut life = self.lives.remove(&number).unwrap();
        life.child.kill().await.unwrap();
        // What it was told to have written before it died counts.
        while let Ok(Some(line)) = life.lines.next_line().await {
            let words: Vec<&str> = line.split(' ').collect();
            if let ["wrote", board, seq] = words[..] {
                self.wrote.push((board.to_owned(), Seq(seq.parse().unwrap())));
            }
        }
    }

    /// Ends all of them, and looks at what they did: what was acknowledged is there, once, and was worked on once; and
    /// there were so many owners as lives of boards were told of, or one more for each that died before it told.
    async fn audit(mut self, unheard: usize) {
        std::fs::write(self.folder.path().join(END), "").unwrap();
        let until = Instant::now() + PATIENCE;
        for life in self.lives.values_mut() {
            while let Ok(Ok(Some(line))) = timeout_at(until, life.lines.next_line()).await {
                let words: Vec<&str> = line.split(' ').collect();
                if let ["wrote", board, seq] = words[..] {
                    self.wrote.push((board.to_owned(), Seq(seq.parse().unwrap())));
                }
            }
            assert!(life.child.wait().await.unwrap().success());
        }
        assert!(self.wrote.len() > BOARDS * 20, "they wrote {}", self.wrote.len());
        let mut owners = 0;
        for board in 0..BOARDS {
            owners += audit(&self.place, board, &self.wrote).await;
        }
        let begun = self.begun;
        assert!((begun..=begun + unheard).contains(&owners), "{owners} owners, {begun} begun");
    }
}

/// Looks at one board; how many owners it has had.
async fn audit(place: &str, board: usize, wrote: &[(String, Seq)]) -> usize {
    let reader = Reader::open(format!("{place}&board=b{board}")).await.unwrap();
    let mut owners = 0;
    let mut events = reader.tail(Seq(1));
    while let Some(entry) = events.next().await.unwrap() {
        owners += usize::from(matches!(entry.event, Event::OwnerChanged { .. }));
    }
    reader.close().await;
    let running = open(place, board).await.stand_by().await.unwrap();
    running.idle().await.unwrap();
    check(&running).await;
    let orders = running.artifacts(&Query::of::<Order>().limit(10_000)).await.unwrap().artifacts;
    let there: BTreeSet<Seq> = orders.iter().map(artel::Stored::seq).collect();
    let name = format!("b{board}");
    for (_, seq) in wrote.iter().filter(|(board, _)| *board == name) {
        assert!(there.contains(seq), "{seq} of {name} is not there");
    }
    let mut found: Vec<_> = orders.iter().map(|order| order.decode::<Order>().unwrap()).collect();
    let all = found.len();
    found.sort_by_key(|order| (order.by, order.number));
    found.dedup();
    assert_eq!(found.len(), all, "one is there twice");
    let parts = running.all::<Part>(Query::default()).await.unwrap();
    assert_eq!(parts.len(), all, "each was worked on once");
    assert!(running.shutdown().await.complete);
    owners
}

/// Processes join, one after the other is killed, and another one joins.
async fn boards_follow_the_living(server: &Server) {
    let mut lives = Lives::on(server);
    lives.begin(0);
    lives.spread(&[7]).await;
    lives.free_max = 0;
    lives.begin(1);
    lives.spread(&[4, 3]).await;
    lives.begin(2);
    lives.spread(&[3, 2, 2]).await;
    // One that was taken may still be starting while the next one is given up.
    assert!(lives.free_max <= 2, "{} were handed over at once", lives.free_max);
    assert_eq!(lives.begun, 7 + 3 + 2, "more was handed over than need be");
    lives.settled().await;

    lives.kill(0).await;
    let took = lives.spread(&[4, 3]).await;
    assert!(took < OWNED + SOON, "it took {took:?}");
    lives.settled().await;
    let begun = lives.begun;
    lives.free_max = 0;
    lives.begin(3);
    lives.spread(&[3, 2, 2]).await;
    assert_eq!(lives.begun - begun, 2, "more was handed over than need be");
    assert!(lives.free_max <= 2, "{} were handed over at once", lives.free_max);
    lives.settled().await;
    lives.audit(0).await;
}

/// POSTGRES-17, OWN-7, OWN-8, I1: seven boards on a PostgreSQL server are spread over the processes that live.
#[tokio::test]
async fn boards_on_postgres_are_spread_over_the_living() {
    boards_follow_the_living(&Server::start(Kind::Postgres)).await;
}

/// REDIS-14, OWN-7, OWN-8, I1: and so are those on a Redis server.
#[tokio::test]
async fn boards_on_redis_are_spread_over_the_living() {
    boards_follow_the_living(&Server::start(Kind::Redis)).await;
}

/// POSTGRES-17, REDIS-14, OWN-7: a process that is stopped counts no longer when its time is over; when it goes on,
/// it has lost its boards, and shares what there is.
#[tokio::test]
async fn who_is_stopped_is_counted_out() {
    for kind in [Kind::Postgres, Kind::Redis] {
        let server = Server::start(kind);
        let mut lives = Lives::on(&server);
        lives.begin(0);
        lives.begin(1);
        lives.spread(&[4, 3]).await;
        lives.settled().await;
        lives.signal(0, "STOP").await;
        let took = lives.spread(&[7]).await;
        assert!(took < OWNED + SOON, "it took {took:?}");
        lives.signal(0, "CONT").await;
        lives.spread(&[4, 3]).await;
        lives.settled().await;
        lives.audit(0).await;
    }
}

/// How long a handler takes to come to an end that was asked to: longer than its board is owned without being renewed.
const LINGERS: Duration = Duration::from_secs(3);

/// Ends some time after it was asked to, the first time; `begun` is how often it was begun.
async fn linger(cx: Context, order: Arc<Order>, begun: Arc<AtomicU32>) -> Result<Part, Error> {
    if begun.fetch_add(1, Ordering::SeqCst) == 0 {
        cx.cancelled().cancelled().await;
        let _ = timeout(LINGERS, std::future::pending::<()>()).await;
    }
    Ok(Part { by: order.by, number: order.number })
}

/// OWN-8, POSTGRES-17, REDIS-14: a board that is shut down is its process's until its handlers have come to an end, however
/// much longer than an ownership that takes; what they did counts, and is not done again by who has the board next.
#[tokio::test]
async fn a_board_that_winds_down_is_kept() {
    for kind in [Kind::Postgres, Kind::Redis] {
        let server = Server::start(kind);
        // Who goes another way to the server is another process there.
        let proxy = Proxy::before(server.port());
        let begun: Arc<AtomicU32> = Arc::default();
        let mut shared = Vec::new();
        for url in [server.url(), kind.url_at(proxy.port())] {
            let board = Board::open(format!("{url}?ownership=1s")).await.unwrap();
            board.agent("linger").on::<Order>().shared_state(begun.clone()).run(linger);
            shared.push(board.share().unwrap());
            shared[0].here().await.unwrap();
        }
        let (second, first) = (shared.pop().unwrap(), shared.pop().unwrap());
        let running = first.here().await.unwrap();
        running.publish(Order { by: 1, number: 1 }).await.unwrap();
        while begun.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        let (ended, next) = tokio::join!(first.shutdown(), second.here());
        assert_eq!((ended.complete, ended.released), (true, 0));
        let next = next.unwrap();
        next.idle().await.unwrap();
        let parts = next.all::<Part>(Query::default()).await.unwrap();
        assert_eq!(parts, [Part { by: 1, number: 1 }]);
        assert_eq!(begun.load(Ordering::SeqCst), 1, "it was begun again");
        check(&next).await;
        assert!(second.shutdown().await.complete);
    }
}

/// STOP-1, OWN-5, POSTGRES-17, REDIS-14: and so is one that is started by itself: who stands by for it gets it when the
/// shutdown is over, and not when an ownership that nobody renews would be.
#[tokio::test]
async fn a_board_that_is_shut_down_is_kept() {
    for kind in [Kind::Postgres, Kind::Redis] {
        let server = Server::start(kind);
        let begun: Arc<AtomicU32> = Arc::default();
        let mut boards = Vec::new();
        for _ in 0..2 {
            let board = Board::open(format!("{}?ownership=1s", server.url())).await.unwrap();
            board.agent("linger").on::<Order>().shared_state(begun.clone()).run(linger);
            boards.push(board);
        }
        let (second, first) = (boards.pop().unwrap(), boards.pop().unwrap());
        let running = first.start().await.unwrap();
        running.publish(Order { by: 1, number: 1 }).await.unwrap();
        while begun.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        let (ended, next) = tokio::join!(running.shutdown(), second.stand_by());
        assert_eq!((ended.complete, ended.released), (true, 0));
        let next = next.unwrap();
        next.idle().await.unwrap();
        assert_eq!(next.all::<Part>(Query::default()).await.unwrap(), [Part { by: 1, number: 1 }]);
        assert_eq!(begun.load(Ordering::SeqCst), 1, "it was begun again");
        check(&next).await;
        assert!(next.shutdown().await.complete);
    }
}
