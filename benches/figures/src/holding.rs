//! What holds work back: what it costs where it holds nothing back, how fast ordering keys take turns,
//! and what a board does while a breaker holds everything back.

use std::sync::Arc;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, MissedTickBehavior, interval};

use artel::state::CircuitPhase;
use artel::{Artifact, Board, Breaker, Context, Error as Failed, RateLimit, Retry, Running};

use crate::board::{at, publish, stop};
use crate::error::Error;
use crate::list::Run;
use crate::options::How;
use crate::process::child;
use crate::waiting::WAITING;

/// How many hops a rate is measured over.
const HOPS: u32 = 300_000;
/// How often the two boards take turns.
const ROUNDS: u32 = 20;
/// How many keys there are.
const KEYS: u32 = 1_000;
/// Attempts at once: as many as the board runs.
const CONCURRENCY: u32 = 256;
/// How long the breaker is watched.
const WATCHED: Duration = Duration::from_secs(5);
/// How often is looked whether a board has come to rest, and how long it may take to.
const LOOK: Duration = Duration::from_millis(50);
const REST: Duration = Duration::from_secs(60);

/// What is worked on.
#[derive(Serialize, Deserialize, JsonSchema, Artifact)]
#[artifact(name = "figures.Keyed")]
struct Keyed {
    key: u32,
    text: String,
}

/// What is made of it.
#[derive(Serialize, Deserialize, JsonSchema, Artifact)]
#[artifact(name = "figures.Made")]
struct Made {
    text: String,
}

impl Keyed {
    fn numbered(n: u32) -> Self {
        Self { key: n % KEYS, text: "x".repeat(80) }
    }
}

/// What an agent is declared with beside its concurrency.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Held {
    /// Nothing.
    No,
    /// Every limit there is, none of them ever reached.
    Limits,
    /// A key, of which one at a time is worked on.
    Keys,
}

pub(crate) fn cost(how: &How) -> Result<Run, Error> {
    beside("held-limits", how)
}

pub(crate) fn keys(how: &How) -> Result<Run, Error> {
    beside("held-keys", how)
}

pub(crate) fn breaker(how: &How) -> Result<Run, Error> {
    match part("held-open", how.size(WAITING))?[..] {
        [percent] => Ok(Run { value: percent, baseline: None }),
        _ => Err("it printed no number".into()),
    }
}

fn beside(name: &str, how: &How) -> Result<Run, Error> {
    match part(name, how.size(HOPS))?[..] {
        [held, free] => Ok(Run { value: held, baseline: Some(free) }),
        _ => Err("it printed no two numbers".into()),
    }
}

fn part(name: &str, size: u32) -> Result<Vec<f64>, Error> {
    child(&[name.to_owned(), size.to_string(), "memory:".to_owned()])
}

async fn work(_: Context, input: Arc<Keyed>) -> Result<Made, Failed> {
    Ok(Made { text: input.text.clone() })
}

async fn fail(_: Context, _: Arc<Keyed>) -> Result<(), Failed> {
    Err(Failed::transient("nobody answers"))
}

fn declare(board: &Board, held: Held) {
    let agent = board.agent("working").on::<Keyed>().concurrency(CONCURRENCY);
    match held {
        Held::No => agent.run(work),
        Held::Limits => agent
            .retry(Retry::exponential(Duration::from_secs(1)).max_attempts(5))
            .breaker(Breaker::failure_rate(50))
            .rate_limit(RateLimit::per_second(10_000_000))
            .key_field(&Keyed::fields().key)
            .concurrency_per_key(CONCURRENCY)
            .run(work),
        Held::Keys => agent.ordered().key_field(&Keyed::fields().key).run(work),
    }
}

/// Whole hops a second of a board that holds work back, and of one beside it that does not. They take
/// turns, so that a machine that is slow for a while, or has no memory at hand, is so for both. The first
/// round of each is not counted.
pub(crate) async fn hops(url: &str, size: u32, held: Held) -> Result<Vec<f64>, Error> {
    let boards = [start(url, held).await?, start(url, Held::No).await?];
    let mut took = [Duration::ZERO; 2];
    let each = (size / ROUNDS).max(1);
    for round in 0..=ROUNDS {
        // Who began the round before comes second in this one.
        for turn in [round, round + 1] {
            let turn = turn as usize % 2;
            let began = Instant::now();
            publish(&boards[turn], each, Keyed::numbered).await?;
            boards[turn].idle().await?;
            if round > 0 {
                took[turn] += began.elapsed();
            }
        }
    }
    for board in boards {
        stop(board).await?;
    }
    Ok(took.map(|took| f64::from(each * ROUNDS) / took.as_secs_f64()).to_vec())
}

async fn start(url: &str, held: Held) -> Result<Arc<Running>, Error> {
    let board = at(url).open().await?;
    declare(&board, held);
    Ok(Arc::new(board.start().await?))
}

/// The share of one core's time, in hundredths, that this process takes while so many wait behind an
/// open breaker.
pub(crate) async fn open(url: &str, size: u32) -> Result<Vec<f64>, Error> {
    let board = at(url).open().await?;
    board
        .agent("failing")
        .on::<Keyed>()
        .retry(Retry::fixed(Duration::from_millis(10)).max_attempts(5))
        .breaker(Breaker::consecutive(5).recovery(Duration::from_mins(10)))
        .run(fail);
    let running = Arc::new(board.start().await?);
    publish(&running, size, Keyed::numbered).await?;
    come_to_rest(&running, size as usize).await?;

    let (cpu, began) = (cpu_time(), Instant::now());
    let mut watch = interval(WATCHED);
    watch.tick().await;
    watch.tick().await;
    let (cpu, wall) = (cpu_time().saturating_sub(cpu), began.elapsed());

    if !is_held(&running, size as usize).await? {
        return Err("the breaker did not hold everything back".into());
    }
    stop(running).await?;
    Ok(vec![100.0 * cpu.as_secs_f64() / wall.as_secs_f64()])
}

/// Whether the breaker is open, all wait and nothing runs.
async fn is_held(running: &Running, size: usize) -> Result<bool, Error> {
    Ok(running
        .look(move |state| {
            let circuits = state.agents().filter_map(|(_, agent)| agent.meter.circuit.as_ref());
            let open = |phase: &CircuitPhase| matches!(phase, CircuitPhase::Open { .. });
            circuits.into_iter().any(|circuit| open(&circuit.phase))
                && state.running() == 0
                && state.activations().count() == size
        })
        .await?)
}

/// Waits until the breaker holds everything back, and the process has done what publishes left for
/// later (a snapshot, retries that come due): until it took no time worth mentioning for a moment.
async fn come_to_rest(running: &Running, size: usize) -> Result<(), Error> {
    let began = Instant::now();
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut still = 0;
    while began.elapsed() < REST {
        let before = cpu_time();
        looks.tick().await;
        let busy = cpu_time().saturating_sub(before) > LOOK / 10;
        still = if busy { 0 } else { still + 1 };
        if still == 10 && is_held(running, size).await? {
            return Ok(());
        }
        still %= 10;
    }
    Err("the board did not come to rest behind its breaker".into())
}

/// The time that all threads of this process have had of all cores.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = Duration::from_secs(time.tv_sec.try_into().unwrap_or(0));
    seconds + Duration::from_nanos(time.tv_nsec.try_into().unwrap_or(0))
}
