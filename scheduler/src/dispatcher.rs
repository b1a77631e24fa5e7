//! The dispatcher: turns leases into running attempts, each in a task of its own, and knows which
//! run. An attempt that runs already is never started again.

use std::sync::Arc;

use dashmap::DashMap;
use dashmap::mapref::entry::Entry;
use tokio::sync::watch;

use artel_core::board::Lease;
use artel_core::ids::AttemptId;
use artel_core::spawn::Spawn;

use crate::attempt::Stop;

/// Runs one attempt from its lease to its report.
pub trait Runner: Send + Sync + 'static {
    /// What comes with a lease: inputs that are at hand already.
    type Inputs: Send + 'static;

    /// Runs the attempt, reports its end to the board, and returns when the board has answered.
    /// Must not panic: a handler's panic is an end like others.
    fn run(
        &self,
        lease: Lease,
        inputs: Self::Inputs,
        stop: Stop,
    ) -> impl Future<Output = ()> + Send;
}

/// Which attempts run, and how to stop them.
pub struct Dispatcher<R: Runner> {
    /// Attempts that run, shared with their tasks. Ordered by no log, bounded by the slots that
    /// sessions offer, and gone with the process.
    running: Arc<DashMap<AttemptId, Stop>>,
    idle: watch::Sender<()>,
    runner: Arc<R>,
    spawn: Arc<dyn Spawn>,
}

impl<R: Runner> std::fmt::Debug for Dispatcher<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dispatcher").field("running", &self.running.len()).finish_non_exhaustive()
    }
}

/// Takes an attempt off the list when its task ends, however it ends.
struct Listed {
    attempt: AttemptId,
    running: Arc<DashMap<AttemptId, Stop>>,
    idle: watch::Sender<()>,
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.running.remove(&self.attempt);
        // Only whoever drains listens; it looks again itself.
        if self.idle.receiver_count() > 0 {
            self.idle.send_replace(());
        }
    }
}

impl<R: Runner> Dispatcher<R> {
    /// A dispatcher with nothing to do.
    #[must_use]
    pub fn new(runner: Arc<R>, spawn: Arc<dyn Spawn>) -> Self {
        Self { running: Arc::new(DashMap::new()), idle: watch::channel(()).0, runner, spawn }
    }

    /// Starts an attempt, unless it runs already.
    pub fn start(&self, lease: Lease, inputs: R::Inputs) {
        let attempt = lease.attempt;
        let stop = Stop::default();
        match self.running.entry(attempt) {
            Entry::Occupied(_) => return,
            Entry::Vacant(vacant) => {
                vacant.insert(stop.clone());
            }
        }
        let listed = Listed { attempt, running: self.running.clone(), idle: self.idle.clone() };
        let runner = self.runner.clone();
        self.spawn.spawn(
            "attempt",
            Box::pin(async move {
                let _listed = listed;
                runner.run(lease, inputs, stop).await;
            }),
        );
    }

    /// Drops the handler of an attempt at its next await.
    pub fn stop(&self, attempt: AttemptId) {
        if let Some(stop) = self.stop_of(attempt) {
            stop.now();
        }
    }

    /// The attempts that run, in order.
    #[must_use]
    pub fn attempts(&self) -> Vec<AttemptId> {
        let mut attempts: Vec<_> = self.running.iter().map(|entry| *entry.key()).collect();
        attempts.sort_unstable();
        attempts
    }

    /// How many attempts run.
    #[must_use]
    pub fn len(&self) -> usize {
        self.running.len()
    }

    /// Whether no attempt runs.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.running.is_empty()
    }

    /// Asks every handler to come to an end.
    pub fn wind_down(&self) {
        for attempt in self.attempts() {
            if let Some(stop) = self.stop_of(attempt) {
                stop.wind_down();
            }
        }
    }

    /// Drops every handler at its next await.
    pub fn stop_all(&self) {
        for attempt in self.attempts() {
            self.stop(attempt);
        }
    }

    fn stop_of(&self, attempt: AttemptId) -> Option<Stop> {
        // The reference is copied out: waking a task under the map's lock could deadlock.
        self.running.get(&attempt).map(|entry| entry.clone())
    }

    /// Waits until no attempt runs.
    ///
    /// # Cancel safety
    /// Safe to drop.
    pub async fn idle(&self) {
        let mut changed = self.idle.subscribe();
        while !self.running.is_empty() {
            if changed.changed().await.is_err() {
                return;
            }
        }
    }
}
