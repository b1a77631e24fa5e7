//! Sight: who looks at a board. Every artifact that leaves the runtime passes here, last, after whatever
//! chose it; nobody else can make a [`Stored`](crate::Stored).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use artel_core::artifact::Artifact;
use artel_core::catalogue::Catalogue;
use artel_core::envelope::Envelope;
use artel_core::event::{Event, Redriven};
use artel_core::ids::{ActivationId, ArtifactId, Seq};
use artel_core::log::{Log, StoredArtifact};
use artel_core::time::Timestamp;
use artel_core::visibility::Viewer;
use artel_eventbus::{Entry, Tail};

use crate::error::ReadError;
use crate::history::event_at;
use crate::patience::patiently;
use crate::query::{Listing, Query};
use crate::stored::Stored;

/// Who looks, and when.
#[derive(Clone, Debug)]
pub(crate) struct Sight {
    viewer: Arc<Viewer>,
    at: Timestamp,
}

/// An artifact that somebody may see who asked for it.
#[derive(Clone, Debug)]
pub(crate) struct Admitted(StoredArtifact);

impl Admitted {
    pub(crate) const fn get(&self) -> &StoredArtifact {
        &self.0
    }
}

impl Sight {
    pub(crate) const fn new(viewer: Arc<Viewer>, at: Timestamp) -> Self {
        Self { viewer, at }
    }

    /// Whether nothing is hidden.
    pub(crate) fn sees_everything(&self) -> bool {
        self.viewer.is_unrestricted()
    }

    /// Whether an artifact may be seen.
    pub(crate) fn admits(&self, envelope: &Envelope) -> bool {
        envelope.visibility.admits(&self.viewer, self.at)
    }

    /// An artifact as it is shown; none when it may not be seen.
    pub(crate) fn show(&self, found: StoredArtifact, names: &Catalogue) -> Option<Stored> {
        self.admits(&found.envelope).then(|| Stored::new(Admitted(found), names))
    }

    /// Which of some artifacts may not be seen.
    pub(crate) async fn hidden(&self, log: &dyn Log, seqs: &[Seq]) -> Result<Vec<Seq>, ReadError> {
        if self.viewer.is_unrestricted() || seqs.is_empty() {
            return Ok(Vec::new());
        }
        let found = log.envelopes_at(seqs).await.map_err(ReadError::Log)?;
        let seen: BTreeMap<Seq, bool> =
            found.iter().map(|found| (found.seq, self.admits(&found.envelope))).collect();
        let hidden = seqs.iter().filter(|seq| seen.get(seq) != Some(&true));
        Ok(hidden.copied().collect())
    }

    /// Whether an activation works on something that may not be seen; so it does where nobody can tell.
    async fn hides_work(
        &self,
        log: &dyn Log,
        passed: &mut Passed,
        activation: ActivationId,
    ) -> Result<bool, ReadError> {
        match event_at(log, activation.0).await? {
            Some((_, _, Event::ActivationCreated { inputs, .. })) => {
                self.hides(log, passed, &inputs).await
            }
            Some(_) | None => Ok(true),
        }
    }

    /// An event as it is shown; none when it is about the commit of an artifact that may not be seen.
    /// Keys and fingerprints of work on such an artifact are left out: they are made of its payload.
    async fn event(
        &self,
        log: &dyn Log,
        passed: &mut Passed,
        mut entry: Entry,
    ) -> Result<Option<Entry>, ReadError> {
        match &mut entry.event {
            Event::ArtifactCommitted(draft) => {
                let admitted = self.admits(&draft.envelope);
                passed.note(entry.seq, admitted);
                if !admitted {
                    return Ok(None);
                }
            }
            Event::ActivationCreated { inputs, key, .. } if key.is_some() => {
                if self.hides(log, passed, inputs).await? {
                    *key = None;
                }
            }
            Event::ActivationRedriven(redriven) if redriven.key.is_some() => {
                if self.hides(log, passed, &redriven.inputs).await? {
                    **redriven = Redriven { key: None, ..(**redriven).clone() };
                }
            }
            Event::AttemptEnded { attempt, fingerprint, .. }
                if fingerprint.is_some() && !self.viewer.is_unrestricted() =>
            {
                let seen = !self.hides_work(log, passed, attempt.activation).await?;
                *fingerprint = fingerprint.filter(|_| seen);
            }
            Event::DeadLetterDropped { activation, key, .. }
                if key.is_some() && !self.viewer.is_unrestricted() =>
            {
                if self.hides_work(log, passed, *activation).await? {
                    *key = None;
                }
            }
            // These hold nothing that is made of a payload.
            Event::ActivationCreated { .. }
            | Event::ActivationRedriven(_)
            | Event::BoardCreated { .. }
            | Event::OwnerChanged { .. }
            | Event::ClockJumped { .. }
            | Event::TypeRegistered { .. }
            | Event::AgentDefined { .. }
            | Event::AgentRetired { .. }
            | Event::SessionOpened { .. }
            | Event::SessionEnded { .. }
            | Event::AttemptStarted { .. }
            | Event::AttemptEnded { .. }
            | Event::StepRecorded { .. }
            | Event::ActivationClosed { .. }
            | Event::DeadLetterDropped { .. }
            | Event::CorrelationCancelled { .. }
            | Event::DependencyDefined { .. }
            | Event::BreakerOpened { .. }
            | Event::BreakerHalfOpened { .. }
            | Event::BreakerClosed { .. }
            | Event::Paused { .. }
            | Event::Resumed { .. }
            | Event::DebtPaid { .. }
            | Event::AlertEnded { .. }
            | Event::PredicateFailed { .. }
            | Event::Adopted { .. }
            | Event::StepIntended { .. }
            | Event::StepWithdrawn { .. }
            | Event::StepSettled { .. }
            | Event::LimitReached { .. } => {}
        }
        Ok(Some(entry))
    }

    /// Whether some of these artifacts may not be seen. Those that passed lately need no look at the log.
    async fn hides(
        &self,
        log: &dyn Log,
        passed: &mut Passed,
        seqs: &[Seq],
    ) -> Result<bool, ReadError> {
        if seqs.iter().any(|seq| passed.0.get(seq) == Some(&false)) {
            return Ok(!self.viewer.is_unrestricted());
        }
        let unknown: Vec<Seq> =
            seqs.iter().filter(|seq| !passed.0.contains_key(seq)).copied().collect();
        Ok(!self.hidden(log, &unknown).await?.is_empty())
    }
}

/// Which of the artifacts that passed in a stream of events may be seen: the newest of them.
#[derive(Debug, Default)]
struct Passed(BTreeMap<Seq, bool>);

/// Of how many artifacts a stream of events remembers whether they may be seen; beyond it the oldest is
/// forgotten, and looked up again.
const PASSED_LEN_MAX: usize = 4_096;

impl Passed {
    fn note(&mut self, seq: Seq, admitted: bool) {
        self.0.insert(seq, admitted);
        if self.0.len() > PASSED_LEN_MAX {
            self.0.pop_first();
        }
    }
}

/// A running board as somebody sees it: what they may not see is not there.
#[derive(Clone, Debug)]
pub struct Seen<'a> {
    log: &'a Arc<dyn Log>,
    /// How long a read waits for a log that is away.
    patience: Duration,
    names: Arc<Catalogue>,
    sight: Sight,
    durable: Seq,
}

impl<'a> Seen<'a> {
    pub(crate) const fn new(
        (log, patience): (&'a Arc<dyn Log>, Duration),
        names: Arc<Catalogue>,
        sight: Sight,
        durable: Seq,
    ) -> Self {
        Self { log, patience, names, sight, durable }
    }

    /// An artifact by id; none when it is not there, or may not be seen.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn get(&self, id: ArtifactId) -> Result<Option<Stored>, ReadError> {
        let ask = || async { self.log.artifact(id).await.map_err(ReadError::Log) };
        let found = patiently(self.patience, ask).await?;
        Ok(found.and_then(|found| self.sight.show(found, &self.names)))
    }

    /// Artifacts by what they are. What may not be seen takes no place on a page; where none of 10 000
    /// may be seen, a page has fewer than it could, also none, although another one follows.
    ///
    /// # Errors
    /// When the log cannot be read, or the board has no type or agent of a name in the query.
    pub async fn artifacts(&self, query: &Query) -> Result<Listing, ReadError> {
        let ask = || query.ask(&**self.log, (&self.names, &self.sight), self.durable);
        patiently(self.patience, ask).await
    }

    /// All artifacts of a type that a query lists, decoded, page after page. What is published
    /// meanwhile may be among them.
    ///
    /// # Errors
    /// When the log cannot be read, or an artifact cannot be decoded.
    pub async fn all<T: Artifact>(&self, query: Query) -> Result<Vec<T>, ReadError> {
        let mut query = query.type_name(T::NAME).limit(1_000);
        let mut all = Vec::new();
        loop {
            let listing = self.artifacts(&query).await?;
            for stored in &listing.artifacts {
                all.push(stored.decode()?);
            }
            match listing.next {
                Some(next) => query = query.after(next),
                None => return Ok(all),
            }
        }
    }

    /// The board's events from a seq on, to its present end.
    #[must_use]
    pub fn events(&self, from: Seq) -> Events {
        Events::new(Tail::read(self.log.clone(), from), self.log.clone(), self.sight.clone())
    }
}

/// The events of a log as somebody sees them. The commit of an artifact that may not be seen is left
/// out, so a seq that is missing is one; so are the keys and fingerprints of work on such an artifact.
#[derive(Debug)]
pub struct Events {
    tail: Tail,
    log: Arc<dyn Log>,
    sight: Sight,
    passed: Passed,
}

impl Events {
    pub(crate) const fn new(tail: Tail, log: Arc<dyn Log>, sight: Sight) -> Self {
        Self { tail, log, sight, passed: Passed(BTreeMap::new()) }
    }

    /// The next event; none at the end.
    ///
    /// # Errors
    /// When the log cannot be read or is damaged.
    pub async fn next(&mut self) -> Result<Option<Entry>, ReadError> {
        while let Some(entry) = self.tail.next().await.map_err(ReadError::Tail)? {
            if let Some(entry) = self.sight.event(&*self.log, &mut self.passed, entry).await? {
                return Ok(Some(entry));
            }
        }
        Ok(None)
    }
}
