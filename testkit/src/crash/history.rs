//! The history of a board, read batch by batch from its log: nothing is folded, looked up or taken
//! from a cache.

use artel_core::envelope::Actor;
use artel_core::event::Event;
use artel_core::ids::{CommandId, Incarnation, Seq};
use artel_core::log::Log;
use artel_core::record::{BatchHeader, Decision};

use super::error::Error;

/// How many bytes of the log are read at a time.
const READ_LEN: usize = 1 << 20;

/// A board's log.
#[derive(Clone, Debug)]
pub struct History {
    /// The identity of the log.
    pub incarnation: Incarnation,
    /// Its batches, in order.
    pub batches: Vec<Recorded>,
}

/// A batch, decoded.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Where it stands.
    pub header: BatchHeader,
    /// What it holds.
    pub decisions: Vec<Decision>,
}

/// One event, with what surrounds it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Happened<'a> {
    pub(super) seq: Seq,
    pub(super) command: CommandId,
    pub(super) actor: &'a Actor,
    pub(super) event: &'a Event,
}

impl History {
    /// Reads a log up to its present end.
    ///
    /// # Errors
    /// When it cannot be read, or a batch does not have its recorded hash.
    pub async fn read(log: &dyn Log) -> Result<Self, Error> {
        let head = log.head().await.map_err(Error::log)?;
        let mut history = Self { incarnation: head.incarnation, batches: Vec::new() };
        let mut next = Seq(1);
        loop {
            let batches = log.read(next, READ_LEN).await.map_err(Error::log)?;
            let Some(last) = batches.last() else { return Ok(history) };
            next = last.header.last.next();
            for batch in batches {
                let decisions = batch.decisions().map_err(Error::Batch)?;
                history.batches.push(Recorded { header: batch.header, decisions });
            }
        }
    }

    /// The seq of the last event; 0 when there is none.
    #[must_use]
    pub fn last(&self) -> Seq {
        self.batches.last().map_or(Seq(0), |batch| batch.header.last)
    }

    /// The seq of the last event that put an artifact on the board; 0 when there is none.
    #[must_use]
    pub fn last_artifact(&self) -> Seq {
        let artifacts =
            self.events().filter(|one| matches!(one.event, Event::ArtifactCommitted(_)));
        artifacts.map(|one| one.seq).last().unwrap_or(Seq(0))
    }

    /// Where each batch stands, and what it hashes to.
    pub(super) fn headers(&self) -> Vec<BatchHeader> {
        self.batches.iter().map(|batch| batch.header).collect()
    }

    /// All events in order. Seqs are counted from what the header of each batch says.
    pub(super) fn events(&self) -> impl Iterator<Item = Happened<'_>> {
        self.batches.iter().flat_map(|batch| {
            let decisions = batch.decisions.iter();
            let events = decisions.flat_map(|decision| {
                decision.events.iter().map(move |event| (decision.command, &decision.actor, event))
            });
            let first = batch.header.first.get();
            events.zip(first..).map(|((command, actor, event), seq)| Happened {
                seq: Seq(seq),
                command,
                actor,
                event,
            })
        })
    }
}
