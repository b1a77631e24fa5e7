//! A run, from the scratch board to the figures: start, warm up, measure, shut down, read back,
//! write the baseline, remove.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use artel::{Board, Running};

use super::baseline::{self, Baseline, Part};
use super::error::Error;
use super::latency::Latency;
use super::load::{FOLLOWED, Load};
use super::place::{self, Place};
use super::resident::resident;
use super::{census, disk, stage};
use crate::args::Bench;

/// The warm-up has one of so many inputs.
const WARM_UP: u64 = 20;
/// How often progress is told.
const TOLD: Duration = Duration::from_millis(100);

/// What a run found.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) hops: u64,
    pub(crate) warm_up: u64,
    pub(crate) took: Duration,
    pub(crate) publish: Option<Latency>,
    pub(crate) hop: Option<Latency>,
    /// One publish of so many was followed to the end of its hop.
    pub(crate) followed: u64,
    pub(crate) resident_at_tenth: Option<u64>,
    pub(crate) resident_at_end: Option<u64>,
    pub(crate) disk_len: Option<u64>,
    pub(crate) sync_time: Option<Duration>,
    pub(crate) appends: u64,
    pub(crate) baseline: Option<Baseline>,
}

/// Who is told how far a run is.
pub(crate) trait Progress: Send + Sync {
    /// Something new begins, with so much to do.
    fn begin(&self, what: &'static str, len: u64);
    /// So much of it is done.
    fn reach(&self, done: u64);
}

/// Makes the scratch board, runs, and removes it.
pub(crate) async fn run(
    url: &str,
    args: &Bench,
    progress: &dyn Progress,
) -> Result<Measured, crate::error::Error> {
    let place = Place::of(url);
    place.refuse_taken(url).await?;
    let opened = Board::builder(url).name("bench").program("artel-bench").open().await;
    let board = opened.map_err(|error| Error::Open(Box::new(error)))?;
    let measured = measure(url, board, args, progress).await;
    let removed = match &place {
        Place::Elsewhere => Ok(()),
        Place::File(_) | Place::Server | Place::Redis if args.keep => Ok(()),
        Place::File(path) => remove(url, path).await,
        Place::Server => remove_from_server(url).await,
        Place::Redis => remove_from_redis(url).await,
    };
    Ok(measured.and_then(|measured| removed.map(|()| measured))?)
}

async fn measure(
    url: &str,
    board: Board,
    args: &Bench,
    progress: &dyn Progress,
) -> Result<Measured, Error> {
    stage::declare_all(&board, args);
    let running = Arc::new(board.start().await?);
    let warm_up = args.hops.div_ceil(WARM_UP);
    go(&Load::new(&running, args, warm_up), "warming up", warm_up, progress).await?;
    let warm = running.durable();
    let load = Load::new(&running, args, args.hops);
    let took = go(&load, "hops", args.hops, progress).await?;
    let resident_at_end = resident();
    let part = Part { after: warm, to: running.durable() };
    let mut measured = Measured {
        hops: args.hops,
        warm_up,
        took,
        publish: load.publish.latency(),
        hop: load.hop.latency(),
        followed: if args.settle { 1 } else { FOLLOWED },
        resident_at_tenth: load.resident_at_tenth(),
        resident_at_end,
        disk_len: None,
        sync_time: None,
        appends: census::appends(&*running.log(), warm).await?,
        baseline: None,
    };
    drop(load);
    match Place::of(url) {
        Place::Elsewhere => {
            if !args.no_baseline {
                let log = running.log();
                measured.baseline = Some(baseline::memory(&*log, part, progress).await?);
            }
            shut_down(running).await?;
        }
        Place::File(path) => {
            shut_down(running).await?;
            measured.disk_len = Place::of(url).len();
            measured.sync_time = disk::sync_time(&path);
            if !args.no_baseline {
                measured.baseline = beside(url, &path, part, progress).await?;
            }
        }
        Place::Server => {
            shut_down(running).await?;
            if !args.no_baseline {
                measured.baseline = on_server(url, part, progress).await?;
            }
        }
        Place::Redis => {
            shut_down(running).await?;
            if !args.no_baseline {
                measured.baseline = on_redis(url, part, progress).await?;
            }
        }
    }
    if let Some(baseline) = measured.baseline
        && baseline.batches != measured.appends
    {
        let problem = format!("{} batches, not {}", baseline.batches, measured.appends);
        return Err(Error::Differs { problem });
    }
    Ok(measured)
}

#[cfg(feature = "sqlite")]
async fn beside(
    url: &str,
    path: &Path,
    part: Part,
    progress: &dyn Progress,
) -> Result<Option<Baseline>, Error> {
    Ok(Some(baseline::sqlite(url, path, part, progress).await?))
}

/// Without its backend there is no board in a file.
#[cfg(not(feature = "sqlite"))]
async fn beside(_: &str, _: &Path, _: Part, _: &dyn Progress) -> Result<Option<Baseline>, Error> {
    Ok(None)
}

#[cfg(feature = "postgres")]
async fn on_server(
    url: &str,
    part: Part,
    progress: &dyn Progress,
) -> Result<Option<Baseline>, Error> {
    Ok(Some(baseline::postgres::write(url, part, progress).await?))
}

/// Without its backend there is no board on a server.
#[cfg(not(feature = "postgres"))]
async fn on_server(_: &str, _: Part, _: &dyn Progress) -> Result<Option<Baseline>, Error> {
    Ok(None)
}

#[cfg(feature = "redis")]
async fn on_redis(
    url: &str,
    part: Part,
    progress: &dyn Progress,
) -> Result<Option<Baseline>, Error> {
    baseline::redis::write(url, part, progress).await
}

/// Without its backend there is no board on a server.
#[cfg(not(feature = "redis"))]
async fn on_redis(_: &str, _: Part, _: &dyn Progress) -> Result<Option<Baseline>, Error> {
    Ok(None)
}

/// Removes the board, and what the baseline wrote beside it.
async fn remove_from_redis(url: &str) -> Result<(), Error> {
    #[cfg(feature = "redis")]
    baseline::redis::remove(url).await?;
    Ok(artel::remove(url).await.map(drop)?)
}

/// Removes the board, and what the baseline wrote beside it.
async fn remove_from_server(url: &str) -> Result<(), Error> {
    #[cfg(feature = "postgres")]
    baseline::postgres::remove(url).await?;
    Ok(artel::remove(url).await.map(drop)?)
}

/// Runs a load, and tells how far it is.
async fn go(
    load: &Arc<Load>,
    what: &'static str,
    len: u64,
    progress: &dyn Progress,
) -> Result<Duration, Error> {
    progress.begin(what, len);
    let mut tick = tokio::time::interval(TOLD);
    let run = load.run();
    tokio::pin!(run);
    loop {
        tokio::select! {
            done = &mut run => return done,
            _ = tick.tick() => progress.reach(load.taken()),
        }
    }
}

async fn shut_down(running: Arc<Running>) -> Result<(), Error> {
    let running = Arc::into_inner(running).ok_or(Error::Shutdown)?;
    if running.shutdown().await.complete { Ok(()) } else { Err(Error::Shutdown) }
}

/// Removes the board, and what the baseline wrote beside it.
async fn remove(url: &str, path: &Path) -> Result<(), Error> {
    let baseline = place::baseline(path);
    for suffix in ["", "-wal", "-shm"] {
        let path = place::beside(&baseline, suffix);
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                return Err(Error::Remove { place: path.display().to_string(), source });
            }
            Ok(()) | Err(_) => {}
        }
    }
    Ok(artel::remove(url).await.map(drop)?)
}
