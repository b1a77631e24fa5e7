//! Loading: the newest usable snapshot, and the log's batches after it, folded. The same for an
//! owner's recovery, for a reader and for the next snapshot. Others run meanwhile: what takes long is
//! done on another thread, and folding yields after each piece of the log.

use artel_core::board::{Changes, Inconsistent, State};
use artel_core::hash::Hash;
use artel_core::ids::Seq;
use artel_core::log::{self, Log, Snapshot};
use artel_core::record::{self, Batch, BatchHeader, Decision};

use crate::tasks::{AT_ONCE_LEN, Urgency, compute};

/// How many bytes of the log are read at a time.
const READ_LEN: usize = 4 * 1024 * 1024;

/// The same where it is to be in nobody's way: reading keeps the processor from others, too.
const BEHIND_LEN: usize = 128 * 1024;

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
    /// The log no longer has what was folded of it.
    #[error(
        "log regressed: it was folded up to seq {folded}, and now ends with seq {end} or has something \
         else there; where the board was adopted since, open it anew; else stop its owner, and put the newest \
         copy of the log back, or go on with what is there (`artel board adopt --above {folded}`)"
    )]
    Regressed {
        /// What had been folded.
        folded: Seq,
        /// Where the log ends.
        end: Seq,
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

/// The same in nobody's way, as far as it is not urgent, which is asked before each piece.
pub(crate) async fn load_at(
    log: &dyn Log,
    until: Seq,
    urgency: &(dyn Fn() -> Urgency + Sync),
) -> Result<Loaded, LoadError> {
    if Urgency::of_background() == Urgency::Soon {
        return load(log, until).await;
    }
    let mut loaded = newest_snapshot(log, until, urgency()).await?;
    loop {
        let after = loaded.state.seq();
        let batches = read(log, after, BEHIND_LEN).await?;
        let len = batches.iter().map(|batch| batch.bytes.len()).sum::<usize>();
        let goes_on = batches.last().is_some_and(|batch| batch.header.last < until);
        let fold = move || fold_all(&mut loaded, batches, until).map(|()| loaded);
        loaded = compute(urgency(), len, fold).await.ok_or(LoadError::CutOff { after })??;
        if !goes_on {
            return Ok(loaded);
        }
    }
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
    let mut loaded = newest_snapshot(log, until.min(after), Urgency::Soon).await?;
    let mut show = |first: Seq, decision: &Decision| {
        if first > after {
            seen(first, decision);
        }
    };
    fold(log, &mut loaded, until, &mut show).await?;
    Ok(loaded)
}

async fn newest_snapshot(log: &dyn Log, until: Seq, urgency: Urgency) -> Result<Loaded, LoadError> {
    let read = |source| LoadError::Read { after: Seq(0), source };
    if let Some(Snapshot { seq, batch_hash: hash, bytes, .. }) =
        log.snapshot(until).await.map_err(read)?
    {
        let decoded = compute(urgency, bytes.len(), move || State::decode(&bytes)).await;
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
        let batches = read(log, after, READ_LEN).await?;
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

async fn read(log: &dyn Log, after: Seq, len: usize) -> Result<Vec<Batch>, LoadError> {
    let read = log.read(after.next(), len).await;
    read.map_err(|source| LoadError::Read { after, source })
}

async fn fold_batch(
    loaded: &mut Loaded,
    batch: Batch,
    seen: &mut (impl FnMut(Seq, &Decision) + Send),
) -> Result<(), LoadError> {
    let after = loaded.state.seq();
    let header = batch.header;
    loaded.check_chain(&header)?;
    let decisions = compute(Urgency::Soon, batch.bytes.len(), move || batch.decisions()).await;
    let decisions = decisions
        .ok_or(LoadError::CutOff { after })?
        .map_err(|source| LoadError::Batch { after, source })?;
    loaded.apply(&header, decisions, seen)
}

fn fold_all(loaded: &mut Loaded, batches: Vec<Batch>, until: Seq) -> Result<(), LoadError> {
    for batch in batches {
        let (after, header) = (loaded.state.seq(), batch.header);
        if header.last > until {
            break;
        }
        loaded.check_chain(&header)?;
        let decisions = batch.decisions().map_err(|source| LoadError::Batch { after, source })?;
        loaded.apply(&header, decisions, &mut |_, _| {})?;
    }
    Ok(())
}

impl Loaded {
    fn check_chain(&self, header: &BatchHeader) -> Result<(), LoadError> {
        let after = self.state.seq();
        if header.first != after.next() || header.previous != self.hash {
            return Err(LoadError::Chain { after, first: header.first });
        }
        Ok(())
    }

    fn apply(
        &mut self,
        header: &BatchHeader,
        decisions: Vec<Decision>,
        seen: &mut impl FnMut(Seq, &Decision),
    ) -> Result<(), LoadError> {
        let after = self.state.seq();
        let mut changes = Changes::default();
        for decision in decisions {
            seen(self.state.seq().next(), &decision);
            self.state
                .apply(&decision, &mut changes)
                .map_err(|source| LoadError::Inconsistent { after, source })?;
        }
        self.hash = header.hash;
        Ok(())
    }
}
