//! A tail: the events of a log from any seq on, first those that are there, then those that come.

use std::collections::VecDeque;
use std::sync::Arc;

use tokio::sync::watch;

use artel_core::envelope::Actor;
use artel_core::event::Event;
use artel_core::hash::Hash;
use artel_core::ids::{CommandId, CorrelationId, Seq};
use artel_core::log::{self, Log};
use artel_core::record;
use artel_core::time::Timestamp;
use artel_core::trace::TraceContext;

use crate::hub::Extent;

/// How many bytes of the log a tail reads at a time.
const READ_LEN: usize = 256 * 1024;

/// An event with everything that surrounds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its position.
    pub seq: Seq,
    /// The board's wall clock.
    pub at: Timestamp,
    /// The command that led to it.
    pub command: CommandId,
    /// Who gave the command.
    pub actor: Actor,
    /// The tree of work that the command belongs to.
    pub correlation: Option<CorrelationId>,
    /// Where the command belongs in a distributed trace.
    pub trace: Option<TraceContext>,
    /// What happened.
    pub event: Event,
}

/// Why a tail cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TailError {
    /// The log cannot be read.
    #[error("cannot read the log from seq {from}")]
    Read {
        /// Where it was to go on.
        from: Seq,
        /// What the log said.
        #[source]
        source: log::Error,
    },
    /// A batch of the log is damaged.
    #[error("cannot go on at seq {from}")]
    Damaged {
        /// Where it was to go on.
        from: Seq,
        /// What is wrong with the batch.
        #[source]
        source: record::Error,
    },
    /// The log does not have any more what was read of it: it lost its end, or another log took its place.
    #[error(
        "log regressed: what was read up to seq {read} is not in the log any more; open the board anew"
    )]
    Regressed {
        /// How far it was read.
        read: Seq,
    },
}

/// The events of a log from some seq on. Reads the log itself, so a slow reader costs nobody.
#[derive(Debug)]
pub struct Tail {
    log: Arc<dyn Log>,
    extent: Option<watch::Receiver<Extent>>,
    next: Seq,
    ready: VecDeque<Entry>,
    /// The last batch that was read: what comes next has to follow it.
    last: Option<(Seq, Hash)>,
}

impl Tail {
    /// Follows a log from the event `from` on, until the hub ends.
    #[must_use]
    pub fn follow(log: Arc<dyn Log>, extent: watch::Receiver<Extent>, from: Seq) -> Self {
        Self::new(log, Some(extent), from)
    }

    /// Reads a log from the event `from` to its present end.
    #[must_use]
    pub fn read(log: Arc<dyn Log>, from: Seq) -> Self {
        Self::new(log, None, from)
    }

    fn new(log: Arc<dyn Log>, extent: Option<watch::Receiver<Extent>>, from: Seq) -> Self {
        Self { log, extent, next: from.max(Seq(1)), ready: VecDeque::new(), last: None }
    }

    /// The next event; none at the end of a log that is only read, or of one whose owner
    /// is gone.
    ///
    /// # Errors
    /// When the log cannot be read or is damaged: the next call tries the same seq again. When it does not have any
    /// more what was read of it, and at its end when it ends before that.
    ///
    /// # Cancel safety
    /// Safe to drop: no event is lost.
    pub async fn next(&mut self) -> Result<Option<Entry>, TailError> {
        loop {
            if let Some(entry) = self.ready.pop_front() {
                self.next = Seq(entry.seq.get() + entry.event.span());
                return Ok(Some(entry));
            }
            // What is not known to be durable is not shown, even where the store has it already.
            let extent = self.extent.as_mut().map(|extent| *extent.borrow_and_update());
            let bound = extent.map(|extent| extent.durable);
            if bound.is_none_or(|bound| bound >= self.next) {
                self.fill(bound).await?;
                if !self.ready.is_empty() {
                    continue;
                }
            }
            match &mut self.extent {
                Some(waiting) if extent.is_some_and(|extent| !extent.ended) => {
                    if waiting.changed().await.is_err() {
                        return Ok(None);
                    }
                }
                Some(_) | None => return Ok(None),
            }
        }
    }

    async fn fill(&mut self, bound: Option<Seq>) -> Result<(), TailError> {
        let from = self.next;
        let read = self.log.read(from, READ_LEN).await;
        let batches = read.map_err(|source| TailError::Read { from, source })?;
        if batches.is_empty() {
            return self.look_back().await;
        }
        let mut entries = VecDeque::new();
        let mut last = self.last;
        for batch in batches {
            if bound.is_some_and(|bound| batch.header.first > bound) {
                break;
            }
            if let Some((read, _)) = last.filter(|(_, hash)| *hash != batch.header.previous) {
                return Err(TailError::Regressed { read });
            }
            last = Some((batch.header.last, batch.header.hash));
            let decisions =
                batch.decisions().map_err(|source| TailError::Damaged { from, source })?;
            let mut seq = batch.header.first;
            for decision in decisions {
                for event in decision.events {
                    let next = Seq(seq.get() + event.span());
                    let entry = Entry {
                        seq,
                        at: decision.at,
                        command: decision.command,
                        actor: decision.actor.clone(),
                        correlation: decision.correlation,
                        trace: decision.trace,
                        event,
                    };
                    // One that takes many seqs is shown to whoever asks for one of them.
                    if next > from {
                        entries.push_back(entry);
                    }
                    seq = next;
                }
            }
        }
        self.ready = entries;
        self.last = last;
        Ok(())
    }

    /// There is nothing more. Whether that is because what was read is not there either: an owner knows by itself.
    async fn look_back(&self) -> Result<(), TailError> {
        let (None, Some((read, hash))) = (&self.extent, self.last) else { return Ok(()) };
        let head = self.log.head().await;
        let head = head.map_err(|source| TailError::Read { from: self.next, source })?;
        if head.seq < read || (head.seq == read && head.hash != hash) {
            return Err(TailError::Regressed { read });
        }
        Ok(())
    }
}
