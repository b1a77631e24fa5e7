//! A log that went back: whether it still has what its owner knows as durable, and what the owner does when it
//! has not. It writes that down, so that nobody else goes on with what is left as if nothing were missing.

use std::sync::Arc;
use std::time::Duration;

use artel_core::classify::chain_of;
use artel_core::event::Event;
use artel_core::ids::Seq;
use artel_core::log::{self, Head, Log};
use artel_core::record::Batch;
use artel_scheduler::Runner;

use super::deliver::Cached;
use super::load::LoadError;
use super::recover::{Durable, TakeOverError};
use super::run::Loop;

/// How often a log is asked that does not answer.
const TRIES: u32 = 6;
/// How often the same is tried where it is to be written down that the log regressed: for about a minute.
const MARK_TRIES: u32 = 32;
/// How long until it is asked again, at first, and at most; twice as long each time.
const PAUSE: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// What a log has of what is known as durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Since {
    /// All of it.
    Kept,
    /// Not all, and a person has let the board go on without the rest.
    Adopted,
    /// Not all.
    Lost,
}

/// Looks whether a log still has what is known as durable.
pub(super) async fn since(log: &dyn Log, head: &Head, known: Durable) -> Result<Since, LoadError> {
    if known.seq == Seq(0) || (head.seq == known.seq && head.hash == known.hash) {
        return Ok(Since::Kept);
    }
    let read = |source| LoadError::Read { after: known.seq, source };
    let batches = log.read(known.seq, 1).await.map_err(read)?;
    let Some(batch) = batches.first() else { return Ok(Since::Lost) };
    if batch.header.last == known.seq && batch.header.hash == known.hash {
        return Ok(Since::Kept);
    }
    Ok(if is_adoption(batch) { Since::Adopted } else { Since::Lost })
}

/// Whether a batch stands for what was lost.
fn is_adoption(batch: &Batch) -> bool {
    let Ok(decisions) = batch.decisions() else { return false };
    let mut events = decisions.iter().flat_map(|decision| &decision.events);
    events.any(|event| matches!(event, Event::Adopted { .. }))
}

/// Why a log is not marked.
#[derive(Debug, thiserror::Error)]
enum MarkError {
    #[error("cannot look at the log once more")]
    Look(#[source] log::Error),
    #[error("cannot look at the log once more")]
    Load(#[source] LoadError),
    #[error("cannot mark the log")]
    Mark(#[source] log::Error),
}

/// Looks once more, since a person may have let the board go on meanwhile, and marks a log that has lost what is
/// known as durable. Says what was seen.
async fn mark_if_lost(log: &dyn Log, known: Durable) -> Result<Since, MarkError> {
    let head = log.head().await.map_err(MarkError::Look)?;
    let since = since(log, &head, known).await.map_err(MarkError::Load)?;
    if since == Since::Lost {
        log.mark_regressed(known.seq, head.epoch).await.map_err(MarkError::Mark)?;
    }
    Ok(since)
}

impl<R: Runner<Inputs = Cached>> Loop<R> {
    /// Why the board stops although another process may have it, or had it: because of that, unless the log
    /// that the other one goes on with has lost what is durable.
    pub(super) async fn step_down(&mut self, why: Arc<str>) -> Arc<str> {
        let mut pause = PAUSE;
        for _ in 0..TRIES {
            let error = match self.look_back().await {
                Ok(None) => return why,
                Ok(Some(error)) => return self.give_up(error).await,
                Err(error) => error,
            };
            tracing::debug!(%error, "cannot look whether the log has what is durable");
            if self.is_abandoned_within(pause).await {
                break;
            }
            pause *= 2;
        }
        why
    }

    async fn look_back(&mut self) -> Result<Option<TakeOverError>, LoadError> {
        let (known, after) = (self.durable.seq, self.durable.seq);
        let head = self.log.head().await.map_err(|source| LoadError::Read { after, source })?;
        let found = head.seq;
        if let Some(known) = head.regressed {
            return Ok(Some(TakeOverError::Regressed { known, found }));
        }
        Ok(match since(&*self.log, &head, self.durable).await? {
            Since::Kept => None,
            Since::Adopted => Some(TakeOverError::Adopted { known }),
            Since::Lost => Some(TakeOverError::Regressed { known, found }),
        })
    }

    /// Writes down what others have to know of why the board stops, and says it.
    pub(super) async fn give_up(&mut self, mut error: TakeOverError) -> Arc<str> {
        // It is not to be had back, whoever has it.
        self.trouble.lost = false;
        if let TakeOverError::Regressed { .. } = error
            && self.mark_regressed().await == Some(Since::Adopted)
        {
            error = TakeOverError::Adopted { known: self.durable.seq };
        }
        let chain = chain_of(&error).join(": ");
        tracing::error!(error = chain, "the board stops");
        chain.into()
    }

    /// Writes down that the log regressed, if it is still so. Says what it found last.
    async fn mark_regressed(&mut self) -> Option<Since> {
        let mut pause = PAUSE;
        for _ in 0..MARK_TRIES {
            match mark_if_lost(&*self.log, self.durable).await {
                Ok(since) => return Some(since),
                Err(MarkError::Mark(error @ log::Error::Fenced { .. })) => {
                    tracing::debug!(%error, "the log changed since it was looked at");
                }
                Err(error) => {
                    let (error, known) = (chain_of(&error).join(": "), self.durable.seq);
                    tracing::error!(error, %known, "cannot write down that the log regressed");
                }
            }
            if self.is_abandoned_within(pause).await {
                break;
            }
            pause = PAUSE_MAX.min(pause * 2);
        }
        None
    }

    /// Whether nobody wants the board any more, before a pause is over.
    pub(super) async fn is_abandoned_within(&mut self, pause: Duration) -> bool {
        tokio::time::timeout(pause, self.inbox.abandoned.cancelled()).await.is_ok()
    }
}
