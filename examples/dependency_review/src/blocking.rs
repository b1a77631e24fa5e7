//! Blocking: file work that takes long runs on threads that may be blocked, never on those that run
//! the board.

use tokio::task::JoinError;

/// Runs blocking work on a thread of its own.
///
/// # Errors
/// When the work panics.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    #[expect(clippy::disallowed_methods, reason = "an example starts its blocking work here")]
    tokio::task::spawn_blocking(work).await
}
