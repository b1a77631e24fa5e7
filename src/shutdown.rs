//! Shutdown, in order and by one deadline: intake, timers, leasing, attempts, committer, log. Each
//! stage is logged with its duration, and whoever is late is named.

use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use artel_core::command::Request;
use artel_core::ids::AttemptId;

use crate::kept::kept;
use crate::running::Running;
use crate::start;

/// How long a shutdown may take in all.
const DEADLINE: Duration = Duration::from_secs(30);
/// How long closing the log may take where nothing is left of that.
const LAST: Duration = Duration::from_secs(1);

/// What a shutdown left behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shutdown {
    /// How many attempts were given back; they run again at the next start.
    pub released: usize,
    /// Whether everything came to an end before the deadline.
    pub complete: bool,
}

struct Stages {
    began: Instant,
}

impl Stages {
    fn end(&mut self, stage: &'static str) {
        let now = Instant::now();
        tracing::info!(stage, took = ?(now - self.began), "shutdown");
        self.began = now;
    }
}

impl Running {
    /// Stops the board: takes in nothing more, asks running handlers to come to an end and gives
    /// them 10 s, gives back the others, appends what is left, and lets go of the log. 30 s in all.
    ///
    /// # Cancel safety
    /// Dropped before it returns, the board stops as if it had been dropped itself.
    pub async fn shutdown(self) -> Shutdown {
        self.shut_down().await
    }

    /// Shuts down what others may have a handle to.
    pub(crate) async fn shut_down(&self) -> Shutdown {
        let deadline = Instant::now() + DEADLINE;
        let mut stages = Stages { began: Instant::now() };
        let mut done = self.give_up(deadline, &mut stages).await;
        // Letting go of what nobody uses any more needs a moment even where the deadline is over.
        let last = deadline.max(Instant::now() + LAST);
        let let_go = timeout_at(last, self.parts.setup.log.close()).await;
        if let_go.is_err() {
            tracing::error!("the log did not close in time; it is free when this process ends");
        }
        stages.end("log");
        done.complete &= let_go.is_ok();
        done
    }

    /// Stops the board as a shutdown does, and keeps its log open: what others take over at once, this process may
    /// take over again. Where it is not complete, the log has to be closed all the same.
    pub(crate) async fn hand_over(&self) -> Shutdown {
        let mut stages = Stages { began: Instant::now() };
        self.give_up(Instant::now() + DEADLINE, &mut stages).await
    }

    /// Handlers may take longer to come to an end than an ownership lasts by itself, and what they return is to
    /// be on the board.
    async fn give_up(&self, deadline: Instant, stages: &mut Stages) -> Shutdown {
        kept(&*self.parts.setup.log, self.end(deadline, stages)).await
    }

    async fn end(&self, deadline: Instant, stages: &mut Stages) -> Shutdown {
        self.stop_intake();
        stages.end("intake");
        self.parts.tasks.stopping().cancel();
        stages.end("timers");
        // A board that is stopped already leases nothing.
        let _ = timeout_at(deadline, self.parts.committer.stop_leasing()).await;
        stages.end("leasing");
        let released = self.end_attempts(deadline).await;
        stages.end("attempts");
        let closed = timeout_at(deadline, self.parts.committer.close()).await;
        if closed.is_err() {
            tracing::error!("the committer did not end in time; the log has what it acknowledged");
            self.parts.committer.abandon();
        }
        stages.end("committer");
        Shutdown { released, complete: closed.is_ok() }
    }

    /// Lets attempts end, then stops them; returns how many were given back.
    async fn end_attempts(&self, deadline: Instant) -> usize {
        let dispatcher = &self.parts.dispatcher;
        dispatcher.wind_down();
        let grace = (Instant::now() + self.parts.setup.wind_down).min(deadline);
        let _ = timeout_at(grace, dispatcher.idle()).await;
        let late = dispatcher.len();
        if late > 0 {
            dispatcher.stop_all();
            // Handlers are dropped at their next await; one that never awaits is left behind.
            let settle = (Instant::now() + Duration::from_secs(5)).min(deadline);
            let _ = timeout_at(settle, dispatcher.idle()).await;
            let stuck: Vec<AttemptId> = dispatcher.attempts();
            if !stuck.is_empty() {
                tracing::error!(attempts = ?stuck, "handlers do not stop; they are abandoned");
            }
        }
        let end = start::command(&self.parts.setup, Request::EndSession(self.parts.session));
        if timeout_at(deadline, self.parts.committer.owed(end)).await.is_err() {
            tracing::error!("the board did not take back its attempts in time");
        }
        late
    }
}
