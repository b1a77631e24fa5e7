//! How long anybody waits for a board whose log is away, and how it is asked again meanwhile. What is asked
//! through here only reads, so asking twice changes nothing.

use std::time::Duration;

use tokio::time::{sleep, timeout};

use artel_core::log;

use crate::error::{OperateError, PublishError, ReadError};

/// How long a command, or a read, waits for its answer unless the program says otherwise.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// How long until a log that is away is asked again, at first and at most.
const PAUSE: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// An error that may say that the log is away.
pub(crate) trait Waits: Sized {
    /// Whether it says so, and the same question may be answered once the log is back.
    fn is_away(&self) -> bool;

    /// What is said when the log was away for too long.
    fn late(patience: Duration) -> Self;
}

/// Asks until there is an answer, or one that another try would not change.
pub(crate) async fn patiently<T, E: Waits, A: Future<Output = Result<T, E>>>(
    patience: Duration,
    ask: impl Fn() -> A,
) -> Result<T, E> {
    let answered = async {
        let (mut wait, longest) = PAUSE;
        loop {
            match ask().await {
                Err(error) if error.is_away() => {
                    sleep(wait).await;
                    wait = (wait * 2).min(longest);
                }
                answer => return answer,
            }
        }
    };
    timeout(patience, answered).await.unwrap_or_else(|_| Err(E::late(patience)))
}

const fn is_away(error: &log::Error) -> bool {
    matches!(error, log::Error::Unavailable { .. })
}

impl Waits for ReadError {
    fn is_away(&self) -> bool {
        matches!(self, Self::Log(error) if is_away(error))
    }

    fn late(patience: Duration) -> Self {
        Self::Unavailable(patience)
    }
}

impl Waits for PublishError {
    fn is_away(&self) -> bool {
        matches!(self, Self::LookUp(error) if is_away(error))
    }

    fn late(patience: Duration) -> Self {
        Self::Unavailable(patience)
    }
}

impl Waits for OperateError {
    fn is_away(&self) -> bool {
        matches!(self, Self::LookUp(error) if is_away(error))
    }

    fn late(patience: Duration) -> Self {
        Self::Unavailable(patience)
    }
}
