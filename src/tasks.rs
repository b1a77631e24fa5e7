//! Tasks: the only place that starts any. Each has a name; a panic ends its task, is logged, and
//! leaves the process alone.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use artel_core::spawn::{Job, Spawn};

/// The tasks of one board in one process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tasks {
    tracker: TaskTracker,
    stop: CancellationToken,
}

impl Tasks {
    /// Told when the tasks are to come to an end.
    pub(crate) const fn stopping(&self) -> &CancellationToken {
        &self.stop
    }

    /// Tells every task that listens to come to an end, and takes no further ones for granted.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
        self.tracker.close();
    }

    /// Runs work that takes the processor for long on a thread that may be blocked.
    pub(crate) async fn compute<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        #[expect(clippy::disallowed_methods, reason = "this is where tasks are started")]
        let handle = self.tracker.spawn_blocking(work);
        handle.await.ok()
    }
}

impl Spawn for Tasks {
    fn spawn(&self, name: &'static str, job: Job) {
        #[expect(clippy::disallowed_methods, reason = "this is where tasks are started")]
        self.tracker.spawn(async move {
            if let Err(panic) = AssertUnwindSafe(job).catch_unwind().await {
                let message = artel_scheduler::attempt::message(&*panic);
                tracing::error!(task = name, message, "a task of the board panicked");
            }
        });
    }
}
