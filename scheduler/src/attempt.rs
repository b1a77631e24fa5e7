//! One attempt: a handler's future, run to its end, its deadline or its stop, whichever is first.
//! Panics end here.

use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use tokio_util::sync::CancellationToken;

/// How an attempt ended, as far as its executor can see.
#[derive(Debug, PartialEq, Eq)]
pub enum Ended<T> {
    /// The handler returned.
    Returned(T),
    /// The handler panicked, with this message.
    Panicked(String),
    /// The attempt's time was over; the handler was dropped.
    TimedOut,
    /// The attempt was stopped from outside; the handler was dropped.
    Stopped,
}

/// The two ways of stopping an attempt from outside. All of its copies are the same one.
#[derive(Clone, Debug, Default)]
pub struct Stop {
    tokens: Arc<Tokens>,
}

#[derive(Debug, Default)]
struct Tokens {
    wind_down: CancellationToken,
    now: CancellationToken,
}

impl Stop {
    /// Asks the handler to come to an end; one that does not listen goes on.
    pub fn wind_down(&self) {
        self.tokens.wind_down.cancel();
    }

    /// Drops the handler at its next await.
    pub fn now(&self) {
        self.tokens.wind_down.cancel();
        self.tokens.now.cancel();
    }

    /// Whether the handler has to be dropped.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        self.tokens.now.is_cancelled()
    }

    /// Waits until the handler has to be dropped.
    ///
    /// # Cancel safety
    /// Safe to drop.
    pub async fn stopped(&self) {
        self.tokens.now.cancelled().await;
    }

    /// What a handler can listen to.
    #[must_use]
    pub fn asked(&self) -> &CancellationToken {
        &self.tokens.wind_down
    }
}

/// Runs a handler for at most `time`. One that was stopped before is never begun.
///
/// # Cancel safety
/// Dropping the returned future drops the handler.
pub async fn run<T>(handler: impl Future<Output = T>, time: Duration, stop: &Stop) -> Ended<T> {
    if stop.is_stopped() {
        return Ended::Stopped;
    }
    let caught = AssertUnwindSafe(handler).catch_unwind();
    tokio::select! {
        // A handler that returned in the same moment in which its time ended has returned.
        biased;
        result = caught => match result {
            Ok(value) => Ended::Returned(value),
            Err(panic) => Ended::Panicked(message(&*panic)),
        },
        () = stop.tokens.now.cancelled() => Ended::Stopped,
        () = tokio::time::sleep(time) => Ended::TimedOut,
    }
}

/// What a panic said.
#[must_use]
pub fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&'static str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("the panic carried no text").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_handler_ends_by_returning_panicking_time_or_stop() {
        let stop = Stop::default();
        let minute = Duration::from_mins(1);
        assert_eq!(run(async { 7 }, minute, &stop).await, Ended::Returned(7));
        let panics = async { panic!("no {}", "way") };
        assert_eq!(run::<()>(panics, minute, &stop).await, Ended::Panicked("no way".to_owned()));
        let before = tokio::time::Instant::now();
        let hangs = std::future::pending::<()>();
        let ended = tokio::time::timeout(minute * 2, run(hangs, minute, &stop)).await;
        assert_eq!(ended, Ok(Ended::TimedOut));
        assert_eq!(before.elapsed(), minute);
        stop.now();
        assert!(stop.asked().is_cancelled());
        assert_eq!(run(std::future::pending::<()>(), minute, &stop).await, Ended::Stopped);
    }

    /// CANCEL-1: what was stopped before it began never begins.
    #[tokio::test(start_paused = true)]
    async fn a_stopped_handler_does_not_begin() {
        let stop = Stop::default();
        stop.now();
        let mut began = false;
        let handler = async { began = true };
        assert_eq!(run(handler, Duration::from_mins(1), &stop).await, Ended::Stopped);
        assert!(!began);
    }

    #[tokio::test(start_paused = true)]
    async fn winding_down_leaves_the_handler_alone() {
        let stop = Stop::default();
        stop.wind_down();
        let slow = async {
            stop.asked().cancelled().await;
            tokio::task::yield_now().await;
            "wound down"
        };
        assert_eq!(run(slow, Duration::from_secs(9), &stop).await, Ended::Returned("wound down"));
    }
}
