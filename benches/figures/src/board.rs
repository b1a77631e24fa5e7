//! The boards of the figures that `artel bench` does not find: what lies on them, and how they are
//! filled.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use artel::{Artifact, Board, BoardBuilder, Context, Error as Failed, Running};

use crate::error::Error;

/// Publishes that are outstanding while a board is filled.
const IN_FLIGHT: u32 = 1_024;
/// Longer than any run.
const FOR_EVER: Duration = Duration::from_secs(86_400);

/// The agent that makes an output of each input.
pub(crate) const WORKING: &str = "working";

/// What waits.
#[derive(Serialize, Deserialize, JsonSchema, Artifact)]
#[artifact(name = "figures.Waiting")]
pub(crate) struct Waiting {
    n: u32,
    text: String,
}

/// What is worked on at once.
#[derive(Serialize, Deserialize, JsonSchema, Artifact)]
#[artifact(name = "figures.Input")]
pub(crate) struct Input {
    pub(crate) n: u32,
    pub(crate) text: String,
}

/// What is made of it.
#[derive(Serialize, Deserialize, JsonSchema, Artifact)]
#[artifact(name = "figures.Output")]
pub(crate) struct Output {
    text: String,
}

/// A text that makes a payload of about 100 bytes.
fn text() -> String {
    "x".repeat(80)
}

impl Waiting {
    pub(crate) fn numbered(n: u32) -> Self {
        Self { n, text: text() }
    }
}

impl Input {
    pub(crate) fn numbered(n: u32) -> Self {
        Self { n, text: text() }
    }
}

/// A board at a URL. At its shutdown nothing is waited for.
pub(crate) fn at(url: &str) -> BoardBuilder {
    Board::builder(url).name("figures").program("figures").wind_down(Duration::ZERO)
}

/// Declares the agent whose work waits: one attempt of it runs, and does not end.
pub(crate) fn declare_waiting(board: &Board) {
    board.agent("waiting").on::<Waiting>().concurrency(1).timeout(FOR_EVER).run(never);
}

/// Declares the agent that makes an output of each input.
pub(crate) fn declare_working(board: &Board) {
    board.agent(WORKING).on::<Input>().concurrency(256).run(work);
}

async fn never(_: Context, _: Arc<Waiting>) -> Result<(), Failed> {
    std::future::pending().await
}

async fn work(_: Context, input: Arc<Input>) -> Result<Output, Failed> {
    Ok(Output { text: input.text.clone() })
}

/// Publishes so many artifacts, as fast as the board takes them. Each is a publish of its own and so
/// begins a tree of work of its own: those of one `publish_many` would share one, and a board on
/// which many wait would have few trees.
pub(crate) async fn publish<T: Artifact>(
    running: &Arc<Running>,
    count: u32,
    make: fn(u32) -> T,
) -> Result<(), Error> {
    let mut publishers = JoinSet::new();
    for publisher in 0..IN_FLIGHT {
        let running = running.clone();
        let publisher = async move {
            for number in (publisher..count).step_by(IN_FLIGHT as usize) {
                running.publish(make(number)).await?;
            }
            Ok::<_, Error>(())
        };
        #[expect(clippy::disallowed_methods, reason = "each publisher is a task, as in a server")]
        publishers.spawn(publisher);
    }
    while let Some(done) = publishers.join_next().await {
        done??;
    }
    Ok(())
}

/// Stops a board that nobody else holds.
pub(crate) async fn stop(running: Arc<Running>) -> Result<(), Error> {
    let running = Arc::into_inner(running).ok_or("somebody still holds the board")?;
    running.shutdown().await;
    Ok(())
}
