//! The check of what lies beside a log. The log is folded from its beginning; what its events say
//! that the store must hold is asked for, part by part, through the questions that everybody asks.
//!
//! An activation that was closed may be opened again, by an owner even while the check runs. So what
//! the store says otherwise is only remembered, and counts when the rest of the log does not
//! explain it.

use std::collections::{BTreeMap, BTreeSet};

use artel_core::board::State;
use artel_core::hash::Hash;
use artel_core::ids::{ActivationId, CorrelationId, Seq};
use artel_core::log::{ActivationQuery, ArtifactQuery, LookUp, StoredArtifact};

use super::part::{Fate, Part};
use super::{VerifiedStore, VerifyError, listed};
use crate::error::LoadError;
use crate::reader::Reader;

/// How many bytes of the log are read at a time.
const READ_LEN: usize = 256 * 1024;
/// How many contents are read at a time.
const CONTENTS_AT_ONCE: usize = 16;
/// How many closed activations are listed at a time.
const CLOSED_AT_ONCE: u32 = 256;
/// How often a page of closed activations is looked at while the board goes on.
const LOOKS_MAX: u32 = 5;

impl Reader {
    /// Checks the store beside the log against the log, up to a seq and as far beyond it as is
    /// needed to judge what changes meanwhile: every artifact, every report and step result, every
    /// closed activation must be there as its events record it, and be found by its id, its key
    /// and every condition of a listing. `progress` is told the seq it has come to.
    ///
    /// # Errors
    /// When something is missing or different, or the board cannot be read.
    pub async fn verify_store(
        &self,
        until: Seq,
        mut progress: impl FnMut(Seq) + Send,
    ) -> Result<VerifiedStore, VerifyError> {
        let mut check = Check::of(self);
        check.fold(until, &mut progress).await?;
        check.settle().await?;
        check.closed().await?;
        Ok(check.verified)
    }
}

struct Check<'a> {
    reader: &'a Reader,
    state: State,
    verified: VerifiedStore,
    /// What the store has otherwise than the log has said so far, and where the log said it.
    pending: BTreeMap<ActivationId, (Seq, Fate)>,
    /// Trees of work that the log cancels.
    cancelled: BTreeSet<CorrelationId>,
    /// Trees of work that only the store calls cancelled, so far.
    claimed: BTreeSet<CorrelationId>,
}

impl<'a> Check<'a> {
    fn of(reader: &'a Reader) -> Self {
        Self {
            reader,
            state: State::default(),
            verified: VerifiedStore::default(),
            pending: BTreeMap::new(),
            cancelled: BTreeSet::new(),
            claimed: BTreeSet::new(),
        }
    }

    fn log(&self) -> &'a dyn artel_core::log::Log {
        &**self.reader.log()
    }

    /// Folds on, at least up to a seq, and compares what was folded.
    async fn fold(
        &mut self,
        until: Seq,
        progress: &mut (impl FnMut(Seq) + Send),
    ) -> Result<(), VerifyError> {
        let mut part = Part::after(self.state.seq());
        while self.state.seq() < until {
            let after = self.state.seq();
            let read = self.log().read(after.next(), READ_LEN).await.map_err(VerifyError::Read)?;
            if read.is_empty() {
                break;
            }
            for batch in read {
                let decisions = batch.decisions();
                let decisions = decisions
                    .map_err(|source| VerifyError::Fold(LoadError::Batch { after, source }))?;
                for decision in decisions {
                    part.fold(&decision, &mut self.state).map_err(|source| {
                        VerifyError::Fold(LoadError::Inconsistent { after, source })
                    })?;
                    if part.is_full() {
                        progress(part.last);
                        let next = Part::after(part.last);
                        self.compare(std::mem::replace(&mut part, next)).await?;
                    }
                }
            }
        }
        progress(part.last);
        self.compare(part).await
    }

    async fn compare(&mut self, part: Part) -> Result<(), VerifyError> {
        self.artifacts(&part).await?;
        self.names(&part).await?;
        listed::artifacts(self.log(), &part).await?;
        self.contents(&part.contents).await?;
        self.correlations(&part).await?;
        for (activation, fate) in part.fates {
            let stored = self.log().closed(activation).await.map_err(VerifyError::Read)?;
            self.pending.remove(&activation);
            if fate.problem(stored.as_ref()).is_some() {
                self.pending.insert(activation, (part.last, fate));
            }
        }
        Ok(())
    }

    /// The artifacts of a part are those that lie there, as they were committed.
    async fn artifacts(&mut self, part: &Part) -> Result<(), VerifyError> {
        let limit = u32::try_from(part.artifacts.len()).unwrap_or(u32::MAX).saturating_add(1);
        let mut query = ArtifactQuery { up_to: part.last, limit, ..ArtifactQuery::default() };
        let mut expected = part.artifacts.iter();
        let mut cursor = Some(part.after);
        while let Some(after) = cursor {
            query.cursor = Some(after);
            // The log checks each payload against its hash as it reads it.
            let page = self.log().artifacts(&query).await.map_err(VerifyError::Read)?;
            for stored in page.items {
                let Some(committed) = expected.next() else {
                    return artifact(stored.seq, "the log has no artifact there");
                };
                let seq = committed.seq;
                match stored {
                    _ if stored.seq > seq => return artifact(seq, "it is missing"),
                    _ if stored.seq < seq => {
                        return artifact(stored.seq, "the log has no artifact there");
                    }
                    _ if stored.envelope != committed.draft.envelope => {
                        return artifact(seq, "its envelope is another");
                    }
                    _ if stored.at != committed.at => return artifact(seq, "its time is another"),
                    StoredArtifact { payload: None, .. } => {
                        return artifact(seq, "its payload is missing, and no event removed it");
                    }
                    StoredArtifact { payload: Some(_), .. } => self.verified.artifacts += 1,
                }
            }
            cursor = page.next;
        }
        expected.next().map_or(Ok(()), |missing| artifact(missing.seq, "it is missing"))
    }

    /// The artifacts of a part are found by their ids and keys.
    async fn names(&self, part: &Part) -> Result<(), VerifyError> {
        let envelopes = || part.artifacts.iter().map(|one| (one.seq, &one.draft.envelope));
        let ids = envelopes().map(|(_, envelope)| envelope.id).collect();
        let keys = envelopes().filter_map(|(_, envelope)| envelope.idempotency_key.clone());
        let look_up = LookUp { ids, keys: keys.collect() };
        let found = self.log().look_up(&look_up).await.map_err(VerifyError::Read)?;
        let mut later = Vec::new();
        for (seq, envelope) in envelopes() {
            if found.ids.get(&envelope.id).is_none_or(|existing| existing.seq != seq) {
                return artifact(seq, "it is not found by its id");
            }
            let Some(key) = &envelope.idempotency_key else { continue };
            match found.keys.get(key) {
                Some(existing) if existing.seq == seq => {}
                // The key was used again; it stands for whoever used it last.
                Some(existing) if existing.seq > seq => later.push((seq, key, existing.seq)),
                _ => {
                    return artifact(
                        seq,
                        &format!("its idempotency key `{key}` does not lead to it"),
                    );
                }
            }
        }
        let seqs: Vec<Seq> = later.iter().map(|(_, _, user)| *user).collect();
        for chunk in seqs.chunks(CONTENTS_AT_ONCE) {
            for user in self.log().artifacts_at(chunk).await.map_err(VerifyError::Read)? {
                let of_user = later.iter().filter(|(_, _, seq)| *seq == user.seq);
                for (seq, key, _) in of_user {
                    if user.envelope.idempotency_key.as_ref() != Some(*key) {
                        let wrong = user.seq;
                        let problem = format!("its idempotency key `{key}` leads to {wrong}");
                        return artifact(*seq, &problem);
                    }
                }
            }
        }
        Ok(())
    }

    async fn contents(&mut self, recorded: &[(Seq, Hash)]) -> Result<(), VerifyError> {
        for chunk in recorded.chunks(CONTENTS_AT_ONCE) {
            let seqs: Vec<Seq> = chunk.iter().map(|(seq, _)| *seq).collect();
            let found = self.log().contents(&seqs).await.map_err(VerifyError::Read)?;
            let found: BTreeMap<Seq, Hash> =
                found.into_iter().map(|content| (content.seq, content.hash())).collect();
            for (seq, hash) in chunk {
                let problem = match found.get(seq) {
                    None => "it is missing, and no event removed it",
                    Some(found) if found != hash => "it does not have the recorded hash",
                    Some(_) => {
                        self.verified.contents += 1;
                        continue;
                    }
                };
                return Err(VerifyError::Content { seq: *seq, problem });
            }
        }
        Ok(())
    }

    /// The trees of work of a part are known, and cancelled if the log cancels them.
    async fn correlations(&mut self, part: &Part) -> Result<(), VerifyError> {
        let committed = part.artifacts.iter().map(|one| one.draft.envelope.correlation);
        let known: BTreeSet<CorrelationId> = committed.collect();
        for &correlation in known.union(&part.cancelled) {
            let stored = self.log().correlation(correlation).await.map_err(VerifyError::Read)?;
            if known.contains(&correlation) && !stored.known {
                return tree(correlation, "it is not known");
            }
            if part.cancelled.contains(&correlation) {
                self.cancelled.insert(correlation);
            }
            match (stored.cancelled, self.cancelled.contains(&correlation)) {
                (false, true) => return tree(correlation, "it was cancelled, and is not there"),
                (true, false) => {
                    self.claimed.insert(correlation);
                }
                (true, true) | (false, false) => {}
            }
        }
        Ok(())
    }

    /// Judges what was remembered, folding on where the log has gone on meanwhile.
    async fn settle(&mut self) -> Result<(), VerifyError> {
        loop {
            let mut unlike = Vec::new();
            for (&activation, (_, fate)) in &self.pending {
                let stored = self.log().closed(activation).await.map_err(VerifyError::Read)?;
                unlike.extend(fate.problem(stored.as_ref()).map(|problem| (activation, problem)));
            }
            let claimed: Vec<CorrelationId> =
                self.claimed.difference(&self.cancelled).copied().collect();
            if unlike.is_empty() && claimed.is_empty() {
                return Ok(());
            }
            // What was seen lies within the log as it is now.
            let before = self.state.seq();
            let head = self.log().head().await.map_err(VerifyError::Read)?.seq;
            self.fold(head, &mut |_| {}).await?;
            for (activation, problem) in unlike {
                if self.pending.get(&activation).is_some_and(|(seq, _)| *seq <= before) {
                    let problem = problem.to_owned();
                    return Err(VerifyError::Activation { activation, problem });
                }
            }
            if let Some(wrong) = claimed.iter().find(|claimed| !self.cancelled.contains(claimed)) {
                return tree(*wrong, "it is cancelled there, and not by the log");
            }
        }
    }

    /// Goes through all closed activations of the store.
    async fn closed(&mut self) -> Result<(), VerifyError> {
        let mut cursor = None;
        loop {
            let mut look = 1;
            let next = loop {
                let before = self.log().head().await.map_err(VerifyError::Read)?.seq;
                let page = self.closed_page(cursor).await;
                let after = self.log().head().await.map_err(VerifyError::Read)?.seq;
                // Whoever owns the board may have changed some of the page between two questions.
                if page.is_ok() || before == after || look == LOOKS_MAX {
                    break page?;
                }
                look += 1;
            };
            let (stored, more) = next;
            self.verified.closed += stored;
            match more {
                Some(more) => cursor = Some(more),
                None => break,
            }
        }
        let counters = self.state.subscriptions().map(|(_, record)| record.counters);
        let recorded = counters
            .map(|counters| counters.done + counters.dead + counters.cancelled + counters.expired);
        let (stored, recorded) = (self.verified.closed, recorded.sum::<u64>());
        let head = self.log().head().await.map_err(VerifyError::Read)?.seq;
        if stored != recorded && head == self.state.seq() {
            return Err(VerifyError::Closed { stored, recorded });
        }
        Ok(())
    }

    /// A page of the closed activations: how many of them were folded, and where the next begins.
    async fn closed_page(&self, cursor: Option<Seq>) -> Result<(u64, Option<Seq>), VerifyError> {
        let query = ActivationQuery { cursor, limit: CLOSED_AT_ONCE, ..ActivationQuery::default() };
        let page = self.log().closed_activations(&query).await.map_err(VerifyError::Read)?;
        let items: Vec<_> = page.items.iter().collect();
        listed::closed(self.log(), cursor, &items).await?;
        let folded = items.iter().filter(|closed| closed.ended <= self.state.seq());
        let mut stored = 0;
        for closed in folded {
            let activation = closed.activation;
            if self.state.activation(activation).is_some() {
                let problem = "it is closed there, and open by the log".to_owned();
                return Err(VerifyError::Activation { activation, problem });
            }
            stored += 1;
        }
        Ok((stored, page.next))
    }
}

fn artifact<T>(seq: Seq, problem: &str) -> Result<T, VerifyError> {
    Err(VerifyError::Artifact { seq, problem: problem.to_owned() })
}

fn tree<T>(correlation: CorrelationId, problem: &str) -> Result<T, VerifyError> {
    Err(VerifyError::Correlation { correlation, problem: problem.to_owned() })
}
