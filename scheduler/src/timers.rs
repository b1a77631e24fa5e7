//! The board's timers: one task that sleeps until something is due and then tells the board that
//! time has passed. What that means is decided by the board.

use std::future::Future;
use std::time::Duration;

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use artel_core::time::Elapsed;

/// Sleeps until the moment that `due` shows, calls `elapse`, and sleeps again, until `stop`.
///
/// `due` is set by the committer: to an earlier moment whenever there is one, and anew after each
/// `elapse`. `remaining` says how long it is to a moment.
pub async fn run<F>(
    mut due: watch::Receiver<Elapsed>,
    remaining: impl Fn(Elapsed) -> Duration + Send,
    mut elapse: impl FnMut() -> F + Send,
    stop: CancellationToken,
) where
    F: Future<Output = ()> + Send,
{
    loop {
        let next = *due.borrow_and_update();
        let sleep = async {
            if next == Elapsed::NEVER {
                std::future::pending::<()>().await;
            }
            tokio::time::sleep(remaining(next)).await;
        };
        tokio::select! {
            // The end first; then news of an earlier moment; then the moment itself.
            biased;
            () = stop.cancelled() => return,
            changed = due.changed() => {
                if changed.is_err() {
                    return;
                }
            }
            () = sleep => {
                elapse().await;
                // The committer answers with the next moment; without one, nothing is due.
                let waited = tokio::select! {
                    biased;
                    () = stop.cancelled() => return,
                    changed = due.changed() => changed,
                };
                if waited.is_err() {
                    return;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::Mutex;

    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_earlier_moment_replaces_a_later_one() {
        let origin = Instant::now();
        let (due, moments) = watch::channel(Elapsed::NEVER);
        let fired = Arc::new(Mutex::new(Vec::new()));
        let stop = CancellationToken::new();
        let (due_again, record, done) = (due.clone(), fired.clone(), stop.clone());
        let timers = run(
            moments,
            move |at| Duration::from_millis(at.as_millis()).saturating_sub(origin.elapsed()),
            move || {
                record.lock().unwrap().push(origin.elapsed().as_millis());
                let next = if record.lock().unwrap().len() < 3 { 9_000 } else { u64::MAX };
                due_again.send_replace(Elapsed(next));
                if next == u64::MAX {
                    done.cancel();
                }
                std::future::ready(())
            },
            stop,
        );
        let news = async {
            due.send_replace(Elapsed(60_000));
            tokio::time::sleep(Duration::from_secs(1)).await;
            due.send_replace(Elapsed(4_000));
        };
        tokio::join!(timers, news);
        // The moment that has passed already fires at once.
        assert_eq!(*fired.lock().unwrap(), [4_000, 9_000, 9_000]);
    }
}
