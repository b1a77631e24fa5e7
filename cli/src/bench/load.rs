//! The publishers. In a closed loop each publishes again as soon as it was answered; in an open one
//! each publish has its moment, whatever became of those before it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::Instant;

use artel::Running;

use super::error::Error;
use super::latency::{Gathered, Recorder};
use super::resident::resident;
use super::stage::Inputs;
use crate::args::{Bench, Rate};

/// One publish of so many is followed until its tree of work has settled, and its latency is that
/// of a whole hop. The tree's end is told by the board; a look-up of what it came to is part of it.
pub(super) const FOLLOWED: u64 = 256;

/// What publishers share.
#[derive(Debug)]
pub(super) struct Load {
    running: Arc<Running>,
    inputs: Inputs,
    many: u64,
    in_flight: u32,
    rate: Rate,
    settle: bool,
    /// How many inputs there are to publish.
    hops: u64,
    /// How many were taken to be published.
    taken: AtomicU64,
    pub(super) publish: Recorder,
    pub(super) hop: Recorder,
    /// Bytes that were resident when a tenth was published.
    at_tenth: AtomicU64,
}

/// One publish.
#[derive(Clone, Copy, Debug)]
struct Publish {
    first: u64,
    count: u64,
    /// When it was to be sent.
    at: Instant,
}

impl Load {
    pub(super) fn new(running: &Arc<Running>, args: &Bench, hops: u64) -> Arc<Self> {
        Arc::new(Self {
            running: running.clone(),
            inputs: Inputs::new(args),
            many: u64::from(args.many),
            in_flight: args.in_flight,
            rate: args.rate,
            settle: args.settle,
            hops,
            taken: AtomicU64::new(0),
            publish: Recorder::default(),
            hop: Recorder::default(),
            at_tenth: AtomicU64::new(0),
        })
    }

    /// How many inputs were taken to be published.
    pub(super) fn taken(&self) -> u64 {
        self.taken.load(Ordering::Relaxed).min(self.hops)
    }

    pub(super) fn resident_at_tenth(&self) -> Option<u64> {
        Some(self.at_tenth.load(Ordering::Relaxed)).filter(|&bytes| bytes > 0)
    }

    /// Publishes everything and waits until the board has nothing left to do.
    pub(super) async fn run(self: &Arc<Self>) -> Result<Duration, Error> {
        let began = Instant::now();
        match self.rate {
            Rate::Max => self.closed().await?,
            Rate::PerSecond(rate) => self.open(f64::from(rate.get()), began).await?,
        }
        self.running.idle().await?;
        Ok(began.elapsed())
    }

    async fn closed(self: &Arc<Self>) -> Result<(), Error> {
        let mut publishers = JoinSet::new();
        for _ in 0..self.in_flight {
            let load = self.clone();
            let publisher = async move {
                let (mut publishes, mut hops) = (load.publish.gather(), load.hop.gather());
                let mut followed = JoinSet::new();
                while let Some(publish) = load.take() {
                    load.send(publish, &mut publishes, &mut hops, &mut followed).await?;
                }
                all(followed).await
            };
            #[expect(
                clippy::disallowed_methods,
                reason = "each publisher is a task, as in a server"
            )]
            publishers.spawn(publisher);
        }
        all(publishers).await
    }

    /// Sends each publish at its moment, with as many tasks as there are publishes outstanding.
    async fn open(self: &Arc<Self>, per_second: f64, began: Instant) -> Result<(), Error> {
        let (due, mut moments) = mpsc::channel(self.in_flight as usize);
        let load = self.clone();
        let pace = move || load.pace(per_second, began, &due);
        #[expect(
            clippy::disallowed_methods,
            reason = "a thread that sleeps is never late for long"
        )]
        let pacer = std::thread::spawn(pace);
        let room = Arc::new(Semaphore::new(self.in_flight as usize));
        let mut publishers = JoinSet::new();
        while let Some(publish) = moments.recv().await {
            let Ok(permit) = room.clone().acquire_owned().await else { break };
            let load = self.clone();
            let publisher = async move {
                let (mut publishes, mut hops) = (load.publish.gather(), load.hop.gather());
                let mut followed = JoinSet::new();
                load.send(publish, &mut publishes, &mut hops, &mut followed).await?;
                drop(permit);
                all(followed).await
            };
            #[expect(
                clippy::disallowed_methods,
                reason = "each publish is a task, as in a server"
            )]
            publishers.spawn(publisher);
            while let Some(done) = publishers.try_join_next() {
                done??;
            }
        }
        drop(moments);
        // It has sent everything, or found nobody who listens.
        let _ = pacer.join();
        all(publishers).await
    }

    /// Hands out each publish at its moment. The moments stay where they are when the board falls
    /// behind.
    fn pace(&self, per_second: f64, began: Instant, due: &mpsc::Sender<Publish>) {
        while let Some(mut publish) = self.take() {
            let after = Duration::from_secs_f64(publish.first as f64 / per_second);
            publish.at = began + after;
            let early = publish.at.saturating_duration_since(Instant::now());
            if !early.is_zero() {
                #[expect(
                    clippy::disallowed_methods,
                    reason = "this thread has nothing else to do"
                )]
                std::thread::sleep(early);
            }
            if due.blocking_send(publish).is_err() {
                return;
            }
        }
    }

    /// The next inputs that nobody has taken.
    fn take(&self) -> Option<Publish> {
        let first = self.taken.fetch_add(self.many, Ordering::Relaxed);
        let count = self.many.min(self.hops.checked_sub(first)?);
        let tenth = self.hops / 10;
        if first <= tenth && tenth < first + count {
            self.at_tenth.store(resident().unwrap_or(0), Ordering::Relaxed);
        }
        (count > 0).then(|| Publish { first, count, at: Instant::now() })
    }

    async fn send(
        self: &Arc<Self>,
        publish: Publish,
        publishes: &mut Gathered<'_>,
        hops: &mut Gathered<'_>,
        followed: &mut JoinSet<Result<(), Error>>,
    ) -> Result<(), Error> {
        let Publish { first, count, at } = publish;
        let receipt = if count == 1 {
            Some(self.running.publish(self.inputs.make(first)).await?)
        } else {
            let inputs = (first..first + count).map(|n| self.inputs.make(n));
            self.running.publish_many(inputs).await?.last().copied()
        };
        publishes.record(at.elapsed());
        let Some(receipt) = receipt else { return Ok(()) };
        if self.settle {
            self.running.settled(receipt.correlation).await?;
            hops.record(at.elapsed());
        } else if (first / self.many).is_multiple_of(FOLLOWED) {
            let load = self.clone();
            let follow = async move {
                load.running.settled(receipt.correlation).await?;
                load.hop.gather().record(at.elapsed());
                Ok(())
            };
            #[expect(clippy::disallowed_methods, reason = "its publisher does not wait for it")]
            followed.spawn(follow);
        }
        Ok(())
    }
}

/// Waits for tasks; the first error ends the others.
async fn all(mut tasks: JoinSet<Result<(), Error>>) -> Result<(), Error> {
    while let Some(done) = tasks.join_next().await {
        done??;
    }
    Ok(())
}
