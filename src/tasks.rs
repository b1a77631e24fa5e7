//! Tasks: the only place that starts any. Each has a name; a panic ends its task, is logged, and
//! leaves the process alone.

use std::panic::AssertUnwindSafe;
use std::thread;

use futures_util::FutureExt;
use tokio::runtime::{Handle, RuntimeFlavor};
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

/// Whether anybody waits for work.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Urgency {
    /// Somebody does.
    Soon,
    /// Nobody does: it is to be in nobody's way.
    Whenever,
}

impl Urgency {
    /// Of work that nobody waits for. On a runtime of one thread it is done like other work: what
    /// happens there must not depend on how soon another thread gets the processor.
    pub(crate) fn of_background() -> Self {
        match Handle::current().runtime_flavor() {
            RuntimeFlavor::CurrentThread => Self::Soon,
            _ => Self::Whenever,
        }
    }
}

/// Does work on so many bytes that it may take the processor for long: little of it where it is, and
/// more on a thread that may be blocked. None when it panicked there, or the runtime ends.
pub(crate) async fn compute<T: Send + 'static>(
    urgency: Urgency,
    len: usize,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    if len <= AT_ONCE_LEN {
        return Some(work());
    }
    #[expect(clippy::disallowed_methods, reason = "this is where tasks are started")]
    let handle = match urgency {
        Urgency::Soon => tokio::task::spawn_blocking(|| Some(work())),
        Urgency::Whenever => tokio::task::spawn_blocking(|| behind(work)),
    };
    handle.await.ok().flatten()
}

/// Does work on a thread that gets the processor when nothing else of the process wants it. It is a
/// thread of its own because a priority that was lowered cannot be raised again, and whatever a thread
/// starts inherits it.
fn behind<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let work = || {
        // Where that is refused, or the system knows no such thing of a single thread, nothing is
        // lost but time.
        #[cfg(target_os = "linux")]
        rustix::process::setpriority_process(None, LOWEST_PRIORITY).ok();
        work()
    };
    let thread = thread::Builder::new().name("artel-behind".to_owned()).spawn(work);
    thread.ok()?.join().ok()
}

/// The lowest priority of a thread on Linux.
#[cfg(target_os = "linux")]
const LOWEST_PRIORITY: i32 = 19;

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
