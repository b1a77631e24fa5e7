//! Tasks: the only place that starts any. Each has a name; a panic ends its task, is logged, and
//! leaves the process alone.

use std::panic::AssertUnwindSafe;

use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use artel_core::spawn::{Job, Spawn};

/// Bytes of a log or a snapshot that are decoded, folded or encoded within half a millisecond: so much
/// is done between two yields, and no thread is changed for it.
pub(crate) const AT_ONCE_LEN: usize = 32 * 1024;

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
}

/// Does work on so many bytes that it may take the processor for long: little of it where it is, and
/// more on a thread that may be blocked. None when it panicked there, or the runtime ends.
pub(crate) async fn compute<T: Send + 'static>(
    len: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    if len <= AT_ONCE_LEN {
        return Some(work());
    }
    #[expect(clippy::disallowed_methods, reason = "this is where tasks are started")]
    let handle = tokio::task::spawn_blocking(work);
    handle.await.ok()
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
