//! Loading: the newest usable snapshot, and the log's batches after it, folded. The same for an
//! owner's recovery, for a reader and for the next snapshot. Others run meanwhile: what takes long is
//! done on another thread, and folding yields after each piece of the log.

use artel_core::board::{Changes, Inconsistent, State};
use artel_core::hash::Hash;
use artel_core::ids::Seq;
use artel_core::log::{self, Log, Snapshot};
use artel_core::record::{self, Batch, Decision};

use crate::tasks::{AT_ONCE_LEN, compute};

/// How many bytes of the log are read at a time.
const READ_LEN: usize = 4 * 1024 * 1024;

/// A log that cannot be folded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The log cannot be read.
    #[error("cannot read the log after seq {after}")]
    Read {
        /// What had been read.
        after: Seq,
        /// What the log said.
        #[source]
        source: log::Error,
    },
    /// A batch is damaged.
    #[error("cannot fold the log after seq {after}")]
    Batch {
        /// What had been folded.
        after: Seq,
        /// What is wrong with the batch.
        #[source]
        source: record::Error,
    },
    /// A batch does not follow the one before it.
    #[error(
        "the hash chain is broken: the batch that begins with seq {first} does not continue the \
         one that ends with seq {after}"
    )]
    Chain {
        /// The last event before it.
        after: Seq,
        /// Its first event.
        first: Seq,
    },
    /// The thread that worked on it ended before its work did.
    #[error("the fold of the log after seq {after} was cut off")]
    CutOff {
        /// What had been folded.
        after: Seq,
    },
    /// An event does not fit the state before it.
    #[error("cannot fold the log after seq {after}")]
    Inconsistent {
        /// What had been folded.
        after: Seq,
        /// Which event.
        #[source]
        source: Inconsistent,
    },
}

/// A state as it was read from a log.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// The fold.
    pub(crate) state: State,
    /// The hash of the last batch.
    pub(crate) hash: Hash,
    /// The seq that the snapshot covered; 0 without one.
    pub(crate) snapshot: Seq,
}

/// Folds a log up to its end, or to the last batch that ends at or before `until`.
pub(crate) async fn load(log: &dyn Log, until: Seq) -> Result<Loaded, LoadError> {
    load_and_show(log, until, until, |_, _| {}).await
}

/// Folds a log up to its end, or to the last batch that ends at or before `until`, and shows `seen`
/// every decision `after` a seq, with the seq of its first event: a snapshot beyond it, whoever left
/// it there, is not gone on from.
pub(crate) async fn load_and_show(
    log: &dyn Log,
    until: Seq,
    after: Seq,
    mut seen: impl FnMut(Seq, &Decision) + Send,
) -> Result<Loaded, LoadError> {
    let mut loaded = newest_snapshot(log, until.min(after)).await?;
    let mut show = |first: Seq, decision: &Decision| {
        if first > after {
            seen(first, decision);
        }
    };
    fold(log, &mut loaded, until, &mut show).await?;
    Ok(loaded)
}

async fn newest_snapshot(log: &dyn Log, until: Seq) -> Result<Loaded, LoadError> {
    let read = |source| LoadError::Read { after: Seq(0), source };
    if let Some(Snapshot { seq, batch_hash: hash, bytes, .. }) =
        log.snapshot(until).await.map_err(read)?
    {
        let decoded = compute(bytes.len(), move || State::decode(&bytes)).await;
        match decoded.ok_or(LoadError::CutOff { after: Seq(0) })? {
            Ok(state) if state.seq() == seq => return Ok(Loaded { state, hash, snapshot: seq }),
            Ok(_) => tracing::warn!(%seq, "a snapshot has another seq; folding"),
            Err(error) => tracing::info!(%seq, %error, "a snapshot is not usable; folding"),
        }
    }
    let head = log.head().await.map_err(read)?;
    let hash = record::genesis(head.incarnation);
    Ok(Loaded { state: State::default(), hash, snapshot: Seq(0) })
}

/// Goes on folding where `loaded` ends.
pub(crate) async fn fold(
    log: &dyn Log,
    loaded: &mut Loaded,
    until: Seq,
    seen: &mut (impl FnMut(Seq, &Decision) + Send),
) -> Result<(), LoadError> {
    let mut piece = 0;
    loop {
        let after = loaded.state.seq();
        if after >= until {
            return Ok(());
        }
        let batches = log
            .read(after.next(), READ_LEN)
            .await
            .map_err(|source| LoadError::Read { after, source })?;
        if batches.is_empty() {
            return Ok(());
        }
        for batch in batches {
            if batch.header.last > until {
                return Ok(());
            }
            piece += batch.bytes.len();
            fold_batch(loaded, batch, seen).await?;
            if piece >= AT_ONCE_LEN {
                // A long log must not keep the task's thread from others.
                tokio::task::yield_now().await;
                piece = 0;
            }
        }
    }
}

async fn fold_batch(
    loaded: &mut Loaded,
    batch: Batch,
    seen: &mut (impl FnMut(Seq, &Decision) + Send),
) -> Result<(), LoadError> {
    let after = loaded.state.seq();
    let header = batch.header;
    if header.first != after.next() || header.previous != loaded.hash {
        return Err(LoadError::Chain { after, first: header.first });
    }
    let decisions = compute(batch.bytes.len(), move || batch.decisions()).await;
    let decisions = decisions
        .ok_or(LoadError::CutOff { after })?
        .map_err(|source| LoadError::Batch { after, source })?;
    let mut changes = Changes::default();
    for decision in decisions {
        let first = loaded.state.seq().next();
        seen(first, &decision);
        loaded
            .state
            .apply(&decision, &mut changes)
            .map_err(|source| LoadError::Inconsistent { after, source })?;
    }
    loaded.hash = header.hash;
    Ok(())
}
