//! A part of a log: what its events say that the store must hold. Made as the log is folded, and
//! compared with the store when it has grown to a size that keeps the memory of a check bounded.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use artel_core::board::{Changes, Inconsistent, State};
use artel_core::envelope::Draft;
use artel_core::event::Event;
use artel_core::hash::Hash;
use artel_core::ids::{ActivationId, CorrelationId, Seq};
use artel_core::log::{ClosedActivation, Outcome};
use artel_core::record::Decision;
use artel_core::time::Timestamp;

/// How many artifacts, contents and activations are compared at a time.
const ITEMS_MAX: usize = 256;

/// What some events say that the store must hold.
#[derive(Debug, Default)]
pub(super) struct Part {
    /// The last event before the part.
    pub(super) after: Seq,
    /// The last event of the part.
    pub(super) last: Seq,
    pub(super) artifacts: Vec<Committed>,
    pub(super) contents: Vec<(Seq, Hash)>,
    pub(super) fates: BTreeMap<ActivationId, Fate>,
    pub(super) cancelled: BTreeSet<CorrelationId>,
}

/// An artifact that was committed.
#[derive(Debug)]
pub(super) struct Committed {
    pub(super) seq: Seq,
    pub(super) at: Timestamp,
    pub(super) draft: Arc<Draft>,
}

/// What has become of an activation that was closed.
#[derive(Clone, Debug)]
pub(super) enum Fate {
    /// It is closed, like this.
    Closed(Box<ClosedActivation>),
    /// It was dropped by the event with this seq. How it was closed before lies further back.
    Dropped(Seq),
    /// It is open again.
    Open,
}

impl Part {
    /// An empty part behind an event.
    pub(super) fn after(seq: Seq) -> Self {
        Self { after: seq, last: seq, ..Self::default() }
    }

    /// Folds a decision into the state, and takes up what it says.
    pub(super) fn fold(
        &mut self,
        decision: &Decision,
        state: &mut State,
    ) -> Result<(), Inconsistent> {
        let mut seq = state.seq();
        let mut changes = Changes::default();
        state.apply(decision, &mut changes)?;
        for activation in changes.rows.reopened {
            self.fates.insert(activation, Fate::Open);
        }
        for closed in changes.rows.closed {
            self.fates.insert(closed.activation, Fate::Closed(Box::new(closed)));
        }
        self.cancelled.extend(changes.rows.cancelled);
        for event in &decision.events {
            seq = seq.next();
            match event {
                Event::ArtifactCommitted(draft) => {
                    let draft = draft.clone();
                    self.artifacts.push(Committed { seq, at: decision.at, draft });
                }
                Event::AttemptEnded { report: Some(hash), .. }
                | Event::StepRecorded { result: hash, .. }
                | Event::PredicateFailed { text: Some(hash), .. } => {
                    self.contents.push((seq, *hash))
                }
                Event::StepSettled { result: Some(hash), .. } => self.contents.push((seq, *hash)),
                Event::DeadLetterDropped { activation, .. } => self.drop_dead(*activation, seq),
                _ => {}
            }
        }
        self.last = state.seq();
        Ok(())
    }

    fn drop_dead(&mut self, activation: ActivationId, seq: Seq) {
        let fate = self.fates.entry(activation).or_insert(Fate::Dropped(seq));
        if let Fate::Closed(closed) = fate
            && let Outcome::Dead(reason) = closed.outcome
        {
            closed.outcome = Outcome::Dropped(reason);
            closed.ended = seq;
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.artifacts.len() + self.contents.len() + self.fates.len() >= ITEMS_MAX
    }
}

impl Fate {
    /// What is wrong with what the store has of the activation; none when it is as it should be.
    pub(super) fn problem(&self, stored: Option<&ClosedActivation>) -> Option<&'static str> {
        match (self, stored) {
            (Self::Open, None) => None,
            (Self::Open, Some(_)) => Some("it is closed there, and open by the log"),
            (Self::Closed(_) | Self::Dropped(_), None) => Some("it is missing"),
            (Self::Closed(closed), Some(stored)) => {
                (**closed != *stored).then_some("it ended otherwise there")
            }
            (Self::Dropped(seq), Some(stored)) => {
                let dropped = matches!(stored.outcome, Outcome::Dropped(_)) && stored.ended == *seq;
                (!dropped).then_some("it was dropped, and is not there")
            }
        }
    }
}
