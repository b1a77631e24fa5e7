//! A board as a reader sees it: from another process, without owning it, without its program.

use std::collections::BTreeMap;
use std::sync::Arc;

use artel_core::board::State;
use artel_core::catalogue::Catalogue;
use artel_core::envelope::Draft;
use artel_core::event::Event;
use artel_core::hash::Hash;
use artel_core::ids::{ActivationId, ArtifactId, CorrelationId, Seq};
use artel_core::log::{
    ActivationQuery, Description, Direction, Head, Log, OutcomeFilter, Owner, StoredArtifact,
};
use artel_core::record;
use artel_eventbus::{Entry, Tail, TailError};
use artel_persistence::OpenOptions;

use crate::committer::{Loaded, fold, load};
use crate::error::{LoadError, OpenError, ReadError};
use crate::history::{ActivationView, AttemptView, agent_no};
use crate::query::{Listing, Query};
use crate::report::AttemptReport;
use crate::stored::Stored;

/// How many artifacts, reports and step results are looked up at a time when the store is checked.
const VERIFIED_AT_ONCE: usize = 64;

/// A board that is only read: the fold of its log up to the moment at which it was opened or
/// refreshed, and what its store can look up.
#[derive(Debug)]
pub struct Reader {
    log: Arc<dyn Log>,
    loaded: Loaded,
    names: Arc<Catalogue>,
}

/// Which activations to list. All conditions hold together.
#[derive(Clone, Debug, Default)]
pub struct ActivationFilter {
    /// Only those with one of these outcomes; with any, only closed ones.
    pub outcomes: Vec<OutcomeFilter>,
    /// Only open ones.
    pub open: bool,
    /// Only those of this agent.
    pub agent: Option<String>,
    /// Only those of this tree of work.
    pub correlation: Option<CorrelationId>,
    /// Only those that work on the artifact with this seq.
    pub input: Option<Seq>,
    /// Only those with an id above this one.
    pub after: Option<Seq>,
    /// At most this many; 0 means 100.
    pub limit: u32,
}

/// Some of the activations that a filter lists, oldest first.
#[derive(Clone, Debug)]
pub struct ActivationListing {
    /// The activations.
    pub activations: Vec<ActivationView>,
    /// Where the next page begins; none when this is the last one.
    pub next: Option<Seq>,
}

/// What a full check of a board found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verified {
    /// How many batches were read and hashed.
    pub batches: u64,
    /// The last event.
    pub seq: Seq,
    /// The hash of the folded state.
    pub state_hash: Hash,
    /// The seq of the newest snapshot, which the fold agreed with; none without one.
    pub snapshot: Option<Seq>,
}

/// What a full check of the store beside a log found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VerifiedStore {
    /// How many artifacts the log records: each is in the store as it is recorded, and its payload
    /// has the recorded hash.
    pub artifacts: u64,
    /// How many of those have had their payload removed.
    pub payloads_removed: u64,
    /// How many reports and step results the log records: each has the recorded hash.
    pub contents: u64,
    /// How many of those were removed.
    pub contents_removed: u64,
}

/// A board that is not what it should be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VerifyError {
    /// The log cannot be folded from its beginning.
    #[error("the log does not verify")]
    Fold(#[source] LoadError),
    /// The log cannot be read.
    #[error("cannot read the board")]
    Read(#[source] artel_core::log::Error),
    /// The events of the log cannot be read.
    #[error("cannot read the board")]
    Tail(#[source] TailError),
    /// The newest snapshot is not the fold of the log.
    #[error(
        "the snapshot at seq {seq} is not the fold of the log: it has hash {recorded}, the fold \
         has {folded}; the log is the truth, so remove the snapshot"
    )]
    Snapshot {
        /// The seq of the snapshot.
        seq: Seq,
        /// What the snapshot hashes to.
        recorded: Hash,
        /// What the fold hashes to.
        folded: Hash,
    },
    /// The store has an artifact otherwise than the log records it, or not at all.
    #[error("the artifact at seq {seq} is not in the store as the log records it")]
    Artifact {
        /// The seq of the event that committed it.
        seq: Seq,
    },
    /// The store has a report or a step result otherwise than the log records it.
    #[error(
        "what lies beside the event at seq {seq} does not have the hash that the event records"
    )]
    Content {
        /// The seq of the event.
        seq: Seq,
    },
}

impl Reader {
    /// Opens the board at a URL for reading. It may have an owner, which is not disturbed.
    ///
    /// # Errors
    /// When there is no board, or its log cannot be read or folded.
    pub async fn open(url: impl Into<String>) -> Result<Self, OpenError> {
        let url = url.into();
        let log = artel_persistence::open(&url, OpenOptions::read_only())
            .await
            .map_err(|source| OpenError::Log { url: url.clone(), source })?;
        Self::of(log).await.map_err(|source| OpenError::Load { url, source })
    }

    /// Reads a log that is open already.
    ///
    /// # Errors
    /// When the log cannot be read or folded.
    pub async fn of(log: Arc<dyn Log>) -> Result<Self, LoadError> {
        let loaded = load(&*log, Seq(u64::MAX), |_, _| {}).await?;
        let names = Arc::new(Catalogue::of(&loaded.state));
        Ok(Self { log, loaded, names })
    }

    /// Folds what has been appended since.
    ///
    /// # Errors
    /// When the log cannot be read or folded; the reader is then of no further use.
    pub async fn refresh(&mut self) -> Result<(), LoadError> {
        fold(&*self.log, &mut self.loaded, Seq(u64::MAX), &mut |_, _| {}).await?;
        self.names = Arc::new(Catalogue::of(&self.loaded.state));
        Ok(())
    }

    /// The state, as of the last event that was folded.
    #[must_use]
    pub const fn state(&self) -> &State {
        &self.loaded.state
    }

    /// The names of types and agents.
    #[must_use]
    pub fn names(&self) -> &Catalogue {
        &self.names
    }

    /// What kind of log the board is kept in.
    #[must_use]
    pub fn describe(&self) -> Description {
        self.log.describe()
    }

    /// Who the log is and how far it goes by now.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn head(&self) -> Result<Head, ReadError> {
        self.log.head().await.map_err(ReadError::Log)
    }

    /// Who owns the board by now.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn owner(&self) -> Result<Option<Owner>, ReadError> {
        self.log.owner().await.map_err(ReadError::Log)
    }

    /// An artifact by id.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn get(&self, id: ArtifactId) -> Result<Option<Stored>, ReadError> {
        let found = self.log.artifact(id).await.map_err(ReadError::Log)?;
        Ok(found.map(|found| Stored::new(found, &self.names)))
    }

    /// Artifacts by seq, in the order asked for; unknown seqs are left out.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn get_at(&self, seqs: &[Seq]) -> Result<Vec<Stored>, ReadError> {
        let found = self.log.artifacts_at(seqs).await.map_err(ReadError::Log)?;
        Ok(found.into_iter().map(|found| Stored::new(found, &self.names)).collect())
    }

    /// Artifacts by what they are.
    ///
    /// # Errors
    /// When the log cannot be read, or the board has no type or agent of a name in the query.
    pub async fn artifacts(&self, query: &Query) -> Result<Listing, ReadError> {
        query.ask(&*self.log, &self.names, Seq(u64::MAX)).await
    }

    /// An activation, open or closed.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn activation(&self, id: ActivationId) -> Result<Option<ActivationView>, ReadError> {
        let state = self.state();
        if let Some(activation) = state.activation(id) {
            return Ok(ActivationView::open(id, activation, state));
        }
        let closed = self.log.closed(id).await.map_err(ReadError::Log)?;
        Ok(closed.and_then(|closed| ActivationView::closed(closed, state)))
    }

    /// What the newest attempt of an activation left that left anything: its errors and log lines.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn last_report(
        &self,
        view: &ActivationView,
    ) -> Result<Option<AttemptReport>, ReadError> {
        view.last_report(&*self.log).await
    }

    /// The attempts of an activation, oldest first.
    ///
    /// # Errors
    /// When the log cannot be read or is damaged.
    pub async fn attempts(&self, view: &ActivationView) -> Result<Vec<AttemptView>, ReadError> {
        view.attempts(&*self.log).await
    }

    /// Activations, oldest first: open ones from the state, closed ones from the store.
    ///
    /// # Errors
    /// When the log cannot be read, or the board has no agent of that name.
    pub async fn activations(
        &self,
        filter: &ActivationFilter,
    ) -> Result<ActivationListing, ReadError> {
        let limit = if filter.limit == 0 { Query::LIMIT } else { filter.limit };
        let limit = limit.min(Query::LIMIT_MAX);
        let agent = filter.agent.as_deref().map(|name| agent_no(&self.names, name)).transpose()?;
        let state = self.state();
        let mut listed = Vec::new();
        if filter.outcomes.is_empty() {
            let open = state.activations().filter(|(id, activation)| {
                filter.after.is_none_or(|after| id.0 > after)
                    && agent.is_none_or(|agent| activation.agent == agent)
                    && filter.correlation.is_none_or(|c| activation.correlation == c)
                    && filter.input.is_none_or(|input| activation.inputs.contains(&input))
            });
            let views = open.filter_map(|(id, open)| ActivationView::open(id, open, state));
            listed.extend(views.take(limit as usize + 1));
        }
        if !filter.open {
            let query = ActivationQuery {
                outcomes: filter.outcomes.clone(),
                agents: agent.into_iter().collect(),
                correlation: filter.correlation,
                input: filter.input,
                cursor: filter.after,
                direction: Direction::OldestFirst,
                limit: limit + 1,
            };
            let page = self.log.closed_activations(&query).await.map_err(ReadError::Log)?;
            let views =
                page.items.into_iter().filter_map(|closed| ActivationView::closed(closed, state));
            listed.extend(views);
        }
        listed.sort_by_key(|view| view.id);
        // An activation that closed between the fold and the question is listed once.
        listed.dedup_by_key(|view| view.id);
        let more = listed.len() > limit as usize;
        listed.truncate(limit as usize);
        let next = listed.last().filter(|_| more).map(|view| view.id.0);
        Ok(ActivationListing { activations: listed, next })
    }

    /// The board's events from a seq on, to the present end of the log.
    #[must_use]
    pub fn tail(&self, from: Seq) -> Tail {
        Tail::read(self.log.clone(), from)
    }

    /// Folds the whole log from its beginning: every hash, every event, and the newest snapshot.
    /// `progress` is told the seq it has come to.
    ///
    /// # Errors
    /// When a batch is damaged, the chain is broken, an event does not fit, or the newest snapshot
    /// is not the fold.
    pub async fn verify(
        &self,
        mut progress: impl FnMut(Seq) + Send,
    ) -> Result<Verified, VerifyError> {
        let head = self.log.head().await.map_err(VerifyError::Read)?;
        let snapshot = self.log.snapshot(head.seq).await.map_err(VerifyError::Read)?;
        let mut loaded = Loaded {
            state: State::default(),
            hash: record::genesis(head.incarnation),
            snapshot: Seq(0),
        };
        let mut batches = 0;
        let mut compared = None;
        loop {
            let from = loaded.state.seq().next();
            let read = self.log.read(from, 1 << 20).await.map_err(VerifyError::Read)?;
            let Some(last) = read.last() else { break };
            batches += read.len() as u64;
            let until = last.header.last;
            if let Some(snapshot) = &snapshot
                && snapshot.seq >= from
                && snapshot.seq <= until
            {
                self.fold_to(&mut loaded, snapshot.seq).await?;
                let folded = loaded.state.hash();
                if folded != snapshot.state_hash {
                    let (seq, recorded) = (snapshot.seq, snapshot.state_hash);
                    return Err(VerifyError::Snapshot { seq, recorded, folded });
                }
                compared = Some(snapshot.seq);
            }
            self.fold_to(&mut loaded, until).await?;
            progress(until);
        }
        let state_hash = loaded.state.hash();
        Ok(Verified { batches, seq: loaded.state.seq(), state_hash, snapshot: compared })
    }

    /// Checks the store beside the log against the log, up to a seq: every artifact, every report
    /// and step result must be there as its event records it, unless it was removed. `progress` is
    /// told the seq it has come to.
    ///
    /// # Errors
    /// When something is missing or different, or the board cannot be read.
    pub async fn verify_store(
        &self,
        until: Seq,
        mut progress: impl FnMut(Seq) + Send,
    ) -> Result<VerifiedStore, VerifyError> {
        let mut verified = VerifiedStore::default();
        let mut tail = self.tail(Seq(1));
        let mut part = Recorded::default();
        loop {
            let entry = tail.next().await.map_err(VerifyError::Tail)?;
            let entry = entry.filter(|entry| entry.seq <= until);
            let ended = entry.is_none();
            if let Some(entry) = entry {
                part.add(entry);
            }
            if ended || part.len() >= VERIFIED_AT_ONCE {
                progress(part.last);
                std::mem::take(&mut part).verify(&*self.log, &mut verified).await?;
            }
            if ended {
                return Ok(verified);
            }
        }
    }

    /// Lets go of files and connections.
    pub async fn close(self) {
        self.log.close().await;
    }

    async fn fold_to(&self, loaded: &mut Loaded, until: Seq) -> Result<(), VerifyError> {
        fold(&*self.log, loaded, until, &mut |_, _| {}).await.map_err(VerifyError::Fold)
    }
}

/// What some events record of the store.
#[derive(Default)]
struct Recorded {
    last: Seq,
    artifacts: Vec<(Seq, Arc<Draft>)>,
    contents: Vec<(Seq, Hash)>,
}

impl Recorded {
    fn add(&mut self, entry: Entry) {
        self.last = entry.seq;
        match entry.event {
            Event::ArtifactCommitted(draft) => self.artifacts.push((entry.seq, draft)),
            Event::AttemptEnded { report: Some(hash), .. }
            | Event::StepRecorded { result: hash, .. } => self.contents.push((entry.seq, hash)),
            _ => {}
        }
    }

    const fn len(&self) -> usize {
        self.artifacts.len() + self.contents.len()
    }

    async fn verify(self, log: &dyn Log, verified: &mut VerifiedStore) -> Result<(), VerifyError> {
        let seqs: Vec<Seq> = self.artifacts.iter().map(|(seq, _)| *seq).collect();
        // The log checks each payload against its hash as it reads it.
        let found = log.artifacts_at(&seqs).await.map_err(VerifyError::Read)?;
        let found: BTreeMap<Seq, StoredArtifact> =
            found.into_iter().map(|artifact| (artifact.seq, artifact)).collect();
        for (seq, draft) in &self.artifacts {
            let stored = found.get(seq).filter(|stored| stored.envelope == draft.envelope);
            let stored = stored.ok_or(VerifyError::Artifact { seq: *seq })?;
            verified.artifacts += 1;
            verified.payloads_removed += u64::from(stored.payload.is_none());
        }
        let seqs: Vec<Seq> = self.contents.iter().map(|(seq, _)| *seq).collect();
        let found = log.contents(&seqs).await.map_err(VerifyError::Read)?;
        let found: BTreeMap<Seq, Hash> =
            found.into_iter().map(|content| (content.seq, content.hash())).collect();
        for (seq, recorded) in &self.contents {
            verified.contents += 1;
            match found.get(seq) {
                None => verified.contents_removed += 1,
                Some(hash) if hash == recorded => {}
                Some(_) => return Err(VerifyError::Content { seq: *seq }),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use artel_core::envelope::{Envelope, Producer, Verdicts, Visibility};
    use artel_core::ids::{Incarnation, TypeNo};
    use artel_core::names::BoardName;
    use artel_persistence::CreateBoard;
    use smallvec::SmallVec;

    use super::*;

    fn draft() -> Arc<Draft> {
        let envelope = Envelope {
            id: ArtifactId::from_bytes([1; 16]),
            type_no: TypeNo(0),
            producer: Producer::Board,
            correlation: CorrelationId::from_bytes([2; 16]),
            parents: Vec::new(),
            causes: SmallVec::new(),
            depth: 0,
            tags: Vec::new(),
            visibility: Visibility::Public,
            ordering_key: None,
            idempotency_key: None,
            expires_at: None,
            trace: None,
            payload_len: 0,
            payload_hash: Hash::default(),
        };
        Arc::new(Draft { envelope, verdicts: Verdicts::default() })
    }

    #[tokio::test]
    async fn an_artifact_must_be_in_the_store_and_a_report_may_have_been_removed() {
        let create = CreateBoard {
            board: BoardName::new("board").unwrap(),
            incarnation: Incarnation::from_bytes([3; 16]),
            dev: false,
        };
        let log = artel_persistence::open("memory:", OpenOptions::create(create)).await.unwrap();
        let mut verified = VerifiedStore::default();
        let removed = Recorded { contents: vec![(Seq(7), Hash::default())], ..Recorded::default() };
        removed.verify(&*log, &mut verified).await.unwrap();
        assert_eq!((verified.contents, verified.contents_removed), (1, 1));
        let missing = Recorded { artifacts: vec![(Seq(9), draft())], ..Recorded::default() };
        let error = missing.verify(&*log, &mut verified).await.unwrap_err();
        assert!(matches!(error, VerifyError::Artifact { seq: Seq(9) }), "{error}");
    }
}
