//! Snapshots: a task that folds the log behind the owner's back and stores the fold now and then.
//! It never touches the live state and lets others run after each piece, so taking one never stalls
//! the board; and what it stores is a fold of what is durable, by construction.

use std::sync::Arc;

use artel_core::ids::Seq;
use artel_core::log::{Log, Snapshot};
use artel_eventbus::{Extent, Hub};

use crate::committer::{Loaded, load_at};
use crate::tasks::{Tasks, Urgency, compute};

/// How many snapshots' events may have come together before the next one is urgent. A busy process
/// may leave work that is in nobody's way no processor at all, and recovery would take ever longer.
const LATE: u64 = 4;

/// Follows the log until the tasks are told to stop, and takes a snapshot after every so many events.
pub(crate) async fn run(log: Arc<dyn Log>, hub: Hub, tasks: Tasks, events: u64) {
    let mut durable = hub.subscribe();
    let mut last = match log.snapshot(Seq(u64::MAX)).await {
        Ok(snapshot) => snapshot.map_or(Seq(0), |snapshot| snapshot.seq),
        Err(error) => {
            tracing::warn!(%error, "cannot look for snapshots; going on without");
            Seq(0)
        }
    };
    loop {
        let due = |extent: &Extent| extent.durable.get() >= last.get().saturating_add(events);
        let changed = tokio::select! {
            biased;
            () = tasks.stopping().cancelled() => return,
            changed = durable.wait_for(due) => changed.map(|extent| extent.durable),
        };
        let Ok(until) = changed else { return };
        let late = last.get().saturating_add(events.saturating_mul(LATE));
        let now = durable.clone();
        let urgency = move || {
            let late = now.borrow().durable.get() >= late;
            if late { Urgency::Soon } else { Urgency::of_background() }
        };
        match take(&*log, until, &urgency).await {
            Ok(seq) => {
                tracing::debug!(%seq, "took a snapshot");
                last = seq.max(Seq(last.get() + 1));
            }
            // The log is closed, and what closes it leaves a snapshot.
            Err(_) if tasks.stopping().is_cancelled() => return,
            Err(error) => {
                tracing::warn!(error, "cannot take a snapshot; recovery will take longer");
                // Tried again after as many events as if it had worked.
                last = until;
            }
        }
    }
}

/// Folds the log up to `until` and stores the fold.
async fn take(
    log: &dyn Log,
    until: Seq,
    urgency: &(dyn Fn() -> Urgency + Sync),
) -> Result<Seq, String> {
    let loaded = load_at(log, until, urgency).await.map_err(|error| error.to_string())?;
    let seq = loaded.state.seq();
    if seq <= loaded.snapshot {
        return Ok(seq);
    }
    let snapshot = compute(urgency(), loaded.state.encoded_len(), move || encode(&loaded)).await;
    let snapshot = snapshot.ok_or("the fold could not be encoded")?;
    log.put_snapshot(snapshot).await.map_err(|error| error.to_string())?;
    Ok(seq)
}

/// A fold as it is stored.
fn encode(loaded: &Loaded) -> Snapshot {
    let bytes = loaded.state.encode();
    let state_hash = artel_core::hash::Hash::of(&bytes);
    Snapshot { seq: loaded.state.seq(), batch_hash: loaded.hash, state_hash, bytes }
}
