//! A program that dies of one of its inputs, again and again, and the inputs that it works on beside it.
//! Each life is a process of its own: this test starts itself.

#![expect(clippy::unwrap_used, reason = "test code: a failed expectation is a failed test")]

use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use artel::event::DeadReason;
use artel::log::{Outcome, OutcomeFilter};
use artel::{
    ActivationFilter, Artifact, Board, Context, Error, Publication, Query, Reader, Standing, Status,
};

/// A file in the folder of the board; only a process that this test started runs in that folder.
const MARK: &str = "this-is-a-life";

const BOARD: &str = "sqlite:test.db";

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
