//! Something long that is done while the board is owned, and must not cost the ownership.

use std::time::Duration;

use tokio::time::sleep;

use artel_core::log::Log;

/// How long after an ownership was lost it is looked whether the board is owned again.
const PAUSE: Duration = Duration::from_millis(250);

/// Does it, and what the ownership needs to last beside it, also where that was lost in between and had again. It is
/// done to its end in any case: whoever writes or reads next finds out.
///
/// # Cancel safety
/// As that of what is done.
pub(crate) async fn kept<T>(log: &dyn Log, works: impl Future<Output = T>) -> T {
    let keep = async {
        loop {
            log.keep().await;
            sleep(PAUSE).await;
        }
    };
    tokio::select! {
        biased;
        done = works => done,
        () = keep => unreachable!("it has no end"),
    }
}
