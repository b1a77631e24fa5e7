//! A program that dies of one of its inputs, again and again, and the inputs that it works on beside it; and
//! one that is killed while its breaker is open. Each life is a process of its own: this test starts itself.

#![expect(clippy::unwrap_used, reason = "test code: a failed expectation is a failed test")]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use artel::event::{DeadReason, Metered};
use artel::ids::AgentNo;
use artel::log::{Outcome, OutcomeFilter};
use artel::state::{CircuitPhase, Gate, State};
use artel::{
    ActivationFilter, Artifact, Board, Breaker, Context, Error, Publication, Query, Reader, Retry,
    Running, Standing, Status,
};

/// A file in the folder of the board; only a process that this test started runs in that folder.
const MARK: &str = "this-is-a-life";

const BOARD: &str = "sqlite:test.db";

/// As [`MARK`], of a life whose service is away.
const UNWELL: &str = "this-is-a-life-without-its-service";

/// What a life says before the moment until which its breaker is open, in milliseconds.
const OPEN_UNTIL: &str = "open until ";

/// How many inputs there are, and which of them the program dies of.
const INPUTS: u32 = 51;
const POISON: u32 = 25;

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Artifact)]
struct Input {
    number: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Artifact)]
struct Output {
    number: u32,
}

async fn work(cx: Context, input: Arc<Input>) -> Result<Output, Error> {
    if input.number == POISON {
        std::process::abort();
    }
    // A durable write: what is leased together is not done before the poison has its turn.
    cx.step("note", async { Ok::<_, Error>(input.number) }).await?;
    Ok(Output { number: input.number })
}

async fn live() -> Status {
    let board = Board::open(BOARD).await.unwrap();
    board.agent("worker").on::<Input>().concurrency(64).run(work);
    let running = board.start().await.unwrap();
    let inputs = (0..INPUTS).map(|number| {
        Publication::new(Input { number }).idempotency_key(format!("input {number}"))
    });
    let receipts = running.publish_many(inputs).await.unwrap();
    let status = running.settled(receipts[0].correlation).await.unwrap();
    running.shutdown().await;
    status
}

/// One life of the program, in a process that the other test starts; by itself it has nothing to do.
#[tokio::test]
async fn one_life() {
    if Path::new(MARK).exists() {
        assert_eq!(live().await, Status::DeadLetters(1));
    }
}

/// DEATH-1, DEATH-2: what the program dies of is a dead letter after five deaths in its own turn, one more
/// than that in all, and everything that ran beside it is done, once.
#[tokio::test]
async fn a_program_dies_of_an_input_so_often_and_no_more() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(MARK), "").unwrap();
    let url = format!("sqlite:{}", folder.path().join("test.db").display());
    let program = std::env::current_exe().unwrap();
    let mut deaths = 0;
    loop {
        let mut life = Command::new(&program);
        life.args(["--exact", "one_life"]).current_dir(folder.path());
        let ended = life.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        if ended.success() {
            break;
        }
        assert_eq!(ended.code(), None, "it is killed by a signal: {ended}");
        deaths += 1;
        assert!(deaths <= 6, "the first death tells nothing, and five more are enough");
    }
    assert_eq!(deaths, 6);
    let reader = Reader::open(&url).await.unwrap();
    let filter = ActivationFilter { outcomes: vec![OutcomeFilter::Dead], ..Default::default() };
    let dead = reader.activations(&filter).await.unwrap().activations;
    let [poison] = &dead[..] else { panic!("{dead:?}") };
    assert!(
        matches!(
            poison.standing,
            Standing::Closed { outcome: Outcome::Dead(DeadReason::CrashLoop), .. }
        ),
        "{poison:?}"
    );
    let input = reader.get_at(&poison.inputs).await.unwrap();
    assert_eq!(input[0].decode::<Input>().unwrap().number, POISON);
    let made = reader.artifacts(&Query::of::<Output>().limit(100)).await.unwrap();
    let mut numbers: Vec<u32> =
        made.artifacts.iter().map(|made| made.decode::<Output>().unwrap().number).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (0..INPUTS).filter(|number| *number != POISON).collect::<Vec<_>>());
    reader.close().await;
}

async fn call(_: Context, _: Arc<Input>, calls: Arc<AtomicU32>) -> Result<Output, Error> {
    calls.fetch_add(1, Ordering::SeqCst);
    Err(Error::transient("the service is away"))
}

async fn with_breaker(url: &str, calls: &Arc<AtomicU32>) -> Running {
    let board = Board::open(url).await.unwrap();
    let breaker = Breaker::consecutive(2).recovery(Duration::from_secs(60 * 60));
    let retry = Retry::fixed(Duration::from_millis(1)).max_attempts(50);
    let caller = board.agent("caller").on::<Input>().breaker(breaker).retry(retry);
    caller.shared_state(calls.clone()).run(call);
    board.start().await.unwrap()
}

/// Until when the breaker is open, in milliseconds of the board's life; none while it is not.
async fn open_until(running: &Running) -> Option<u64> {
    let until = |state: &State| {
        let circuit = state.meter(Metered::Agent(AgentNo(0)))?.0.circuit.as_ref()?;
        match circuit.phase {
            CircuitPhase::Open { until } => Some(until.as_millis()),
            _ => None,
        }
    };
    running.look(until).await.unwrap()
}

/// One life whose service is away, in a process that the test below starts, and kills.
#[tokio::test]
async fn one_life_without_its_service() {
    if !Path::new(UNWELL).exists() {
        return;
    }
    let running = with_breaker(BOARD, &Arc::default()).await;
    running.publish(Input { number: 1 }).await.unwrap();
    let until = loop {
        if let Some(until) = open_until(&running).await {
            break until;
        }
        tokio::task::yield_now().await;
    };
    println!("{OPEN_UNTIL}{until}");
    std::future::pending::<()>().await;
}

/// BREAKER-7, I9: a breaker that was open when its process was killed is open in the next one, until the same
/// moment, and lets nothing through.
#[tokio::test]
async fn a_breaker_is_open_after_a_kill_for_the_time_that_remains() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(UNWELL), "").unwrap();
    let mut life = Command::new(std::env::current_exe().unwrap());
    life.args(["--exact", "one_life_without_its_service", "--nocapture"]).stdout(Stdio::piped());
    let mut life = life.current_dir(folder.path()).stderr(Stdio::null()).spawn().unwrap();
    let lines = BufReader::new(life.stdout.take().unwrap()).lines();
    let said = lines.map_while(Result::ok).find_map(|line| {
        line.find(OPEN_UNTIL).map(|at| line[at + OPEN_UNTIL.len()..].trim().parse().unwrap())
    });
    life.kill().unwrap();
    assert_eq!(life.wait().unwrap().code(), None, "it is killed");
    let until: u64 = said.unwrap();

    let calls = Arc::new(AtomicU32::new(0));
    let url = format!("sqlite:{}", folder.path().join("test.db").display());
    let running = with_breaker(&url, &calls).await;
    assert_eq!(open_until(&running).await, Some(until));
    running.publish(Input { number: 2 }).await.unwrap();
    let waits = |state: &State| {
        let gates = state.activations().filter_map(|(id, _)| state.gate(id));
        gates.collect::<Vec<_>>()
    };
    let gates = running.look(waits).await.unwrap();
    let held = |gate: &Gate| matches!(gate, Gate::Breaker { until: Some(at), .. } if at.as_millis() == until);
    assert!(gates.len() == 2 && gates.iter().all(held), "{gates:?}");
    assert_eq!(calls.load(Ordering::SeqCst), 0);
    running.shutdown().await;
}
