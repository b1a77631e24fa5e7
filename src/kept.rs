//! Something long that is done while the board is owned, and must not cost the ownership.

use artel_core::log::Log;

/// Does it, and what the ownership needs to last beside it. Where the ownership is lost all the same, it is done to its
/// end: whoever writes or reads next finds out.
///
/// # Cancel safety
/// As that of what is done.
pub(crate) async fn kept<T>(log: &dyn Log, works: impl Future<Output = T>) -> T {
    let mut works = std::pin::pin!(works);
    tokio::select! {
        biased;
        done = &mut works => return done,
        () = log.keep() => {}
    }
    works.await
}
