//! Whether a snapshot holds up those who publish: a board on which many wait is published to at an
//! even pace, before, while and after it takes one.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use artel::ids::Seq;
use artel::{Bounds, Running, limits};

use crate::board::{Input, WORKING, Waiting, at, declare_waiting, declare_working, publish, stop};
use crate::error::Error;
use crate::list::Run;
use crate::options::How;
use crate::process::{child, scratch};
use crate::waiting::WAITING;

/// How many events before a snapshot is due the even pace begins, at the earliest.
const MARGIN: u64 = 20_000;
/// How many inputs are published at once to come near. Each leads to five events.
const STEP: u32 = 2_000;
/// The pace: an input a millisecond.
const PACE: Duration = Duration::from_millis(1);
/// How long the pace is kept before anything counts: what the board and its file still have to do
/// for those that were published at once is neither with a snapshot nor without one.
const BEFORE: Duration = Duration::from_millis(500);
/// How often is looked whether the snapshot is there, or whether what was published is worked off.
const LOOK: Duration = Duration::from_millis(20);
/// How long the board may go on with a snapshot that is there: what it replaces is cleared away.
const CLEARED: Duration = Duration::from_millis(100);
/// How long the pace is kept after it.
const AFTER: Duration = Duration::from_secs(2);
/// How many snapshots are waited for.
const SNAPSHOTS: u32 = 3;

/// The 99th percentiles of publishes while snapshots are taken, and of all others.
pub(crate) fn figure(how: &How) -> Result<Run, Error> {
    let scratch = scratch()?;
    let url = format!("sqlite:{}", scratch.path().join("stall.db").display());
    match child(&["stall".to_owned(), how.size(WAITING).to_string(), url])?[..] {
        [during, without] => Ok(Run { value: during, baseline: Some(without) }),
        _ => Err("it printed no two numbers".into()),
    }
}

/// Latencies in milliseconds.
#[derive(Debug, Default)]
struct Latencies {
    during: Vec<f64>,
    without: Vec<f64>,
}

/// What publishes share.
#[derive(Debug, Default)]
struct Shared {
    counting: AtomicBool,
    taking: AtomicBool,
    latencies: Mutex<Latencies>,
}

/// After how many events there is a snapshot: at full size, as often as on any board.
fn events(size: u32) -> u64 {
    let events = limits::SNAPSHOT_EVENTS * u64::from(size) / u64::from(WAITING);
    events.max(2 * MARGIN)
}

/// Both percentiles, in milliseconds.
pub(crate) async fn measure(url: &str, size: u32) -> Result<Vec<f64>, Error> {
    let mut bounds = Bounds::default();
    bounds.snapshot_events = events(size);
    let board = at(url).bounds(bounds).open().await?;
    declare_waiting(&board);
    declare_working(&board);
    let running = Arc::new(board.start().await?);
    publish(&running, size, Waiting::numbered).await?;
    let shared = Arc::new(Shared::default());
    for _ in 0..SNAPSHOTS {
        let due = Seq(newest(&running).await?.get() + events(size));
        while running.durable().get() + MARGIN < due.get() {
            publish(&running, STEP, Input::numbered).await?;
            work_off(&running).await?;
        }
        if running.durable() >= due {
            return Err("the snapshot was due before the even pace began".into());
        }
        keep_pace(&running, &shared, due).await?;
    }
    stop(running).await?;
    let mut latencies = shared.latencies.lock().unwrap_or_else(PoisonError::into_inner);
    let during = percentile(&mut latencies.during).ok_or("no publish met a snapshot")?;
    let without = percentile(&mut latencies.without).ok_or("every publish met a snapshot")?;
    Ok(vec![during, without])
}

/// Publishes at the pace until the snapshot is there that is due at this seq, and for a while after.
async fn keep_pace(running: &Arc<Running>, shared: &Arc<Shared>, due: Seq) -> Result<(), Error> {
    let mut ticks = interval(PACE);
    // A moment that was missed is a publish that is late, and counts as one.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut publishes = JoinSet::new();
    let watch = wait_for_snapshot(running.clone(), due);
    #[expect(clippy::disallowed_methods, reason = "the pace does not wait for a look at the file")]
    let mut watch = Some(tokio::spawn(watch));
    let (began, mut taken) = (Instant::now(), None::<Instant>);
    let mut number = 0;
    while taken.is_none_or(|taken| taken.elapsed() < AFTER) {
        let at = ticks.tick().await;
        number += 1;
        let (running, shared) = (running.clone(), shared.clone());
        if let Some(done) = watch.take_if(|watch| watch.is_finished()) {
            done.await??;
            taken = Some(Instant::now());
        }
        let ended = taken.is_some_and(|taken| taken.elapsed() > CLEARED);
        shared.taking.store(running.durable() >= due && !ended, Ordering::Relaxed);
        shared.counting.store(began.elapsed() > BEFORE, Ordering::Relaxed);
        let publish = one(running, shared, number, at);
        #[expect(clippy::disallowed_methods, reason = "each publish is a task, as in a server")]
        publishes.spawn(publish);
        while let Some(done) = publishes.try_join_next() {
            done??;
        }
    }
    while let Some(done) = publishes.join_next().await {
        done??;
    }
    // The board is never idle: one attempt of the waiting agent runs and does not end.
    Ok(())
}

/// Waits until the snapshot is there that is due at this seq.
async fn wait_for_snapshot(running: Arc<Running>, due: Seq) -> Result<(), Error> {
    let mut looks = interval(LOOK);
    while newest(&running).await? < due {
        looks.tick().await;
    }
    Ok(())
}

/// One publish, counted from the moment at which it was to be sent.
async fn one(
    running: Arc<Running>,
    shared: Arc<Shared>,
    number: u32,
    at: Instant,
) -> Result<(), Error> {
    let counts = shared.counting.load(Ordering::Relaxed);
    let before = shared.taking.load(Ordering::Relaxed);
    running.publish(Input::numbered(number)).await?;
    let millis = at.elapsed().as_secs_f64() * 1_000.0;
    let during = before || shared.taking.load(Ordering::Relaxed);
    let mut latencies = shared.latencies.lock().unwrap_or_else(PoisonError::into_inner);
    if during {
        latencies.during.push(millis);
    } else if counts {
        latencies.without.push(millis);
    }
    Ok(())
}

/// Waits until every input was worked on.
async fn work_off(running: &Running) -> Result<(), Error> {
    let mut looks = interval(LOOK);
    loop {
        looks.tick().await;
        let open = running.look(|state| {
            let working =
                state.agents().filter(|(_, agent)| agent.definition.name.as_str() == WORKING);
            let open = |(waiting, running): (usize, u32)| waiting + running as usize;
            working.map(|(agent, _)| open(state.load(agent))).sum::<usize>()
        });
        if open.await? == 0 {
            return Ok(());
        }
    }
}

async fn newest(running: &Running) -> Result<Seq, Error> {
    Ok(running.log().snapshots().await?.last().copied().unwrap_or_default())
}

fn percentile(latencies: &mut [f64]) -> Option<f64> {
    latencies.sort_by(f64::total_cmp);
    latencies.get(latencies.len() * 99 / 100).copied()
}
