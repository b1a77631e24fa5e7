//! Submitting: from a value to a command. Everything that costs time is done here, in the task of
//! whoever publishes: encoding, checking, hashing, matching, looking up.

use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;
use tokio::sync::watch;
use tokio::time::Instant;

use artel_core::artifact::ErasedArtifact;
use artel_core::catalogue::{Candidate, Catalogue, Unanswered};
use artel_core::command::{
    Answer, Command, NewArtifact, PredicateFailure, Publish, Receipt, Rejection, Request,
};
use artel_core::content::{Content, Value};
use artel_core::envelope::{Actor, Draft, Envelope, Producer};
use artel_core::hash::{Hash, Salt};
use artel_core::ids::{ArtifactId, CorrelationId, Seq, SubscriptionNo, TypeNo};
use artel_core::log::{Log, LookUp, LookedUp};
use artel_core::names::{IdempotencyKey, OrderingKey, Tag};
use artel_core::policy::limits;
use artel_core::time::Clock;
use artel_core::trace::TraceContext;
use artel_core::visibility::Visibility;

use crate::committer::{Committer, Failure};
use crate::entropy::{self, Entropy};
use crate::error::PublishError;
use crate::patience::patiently;
use crate::program::{Evaluate, Program};
use crate::publication::Publication;
use crate::report;

/// What everybody needs who puts artifacts on a board.
#[derive(Clone, Debug)]
pub(crate) struct Submitter {
    pub(crate) committer: Committer,
    pub(crate) catalogue: watch::Receiver<Arc<Catalogue>>,
    pub(crate) room: watch::Receiver<()>,
    pub(crate) program: Arc<Program>,
    pub(crate) log: Arc<dyn Log>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    /// How many bytes a payload may have.
    pub(crate) payload_len: usize,
    /// How many artifacts an attempt may return.
    pub(crate) outputs_max: usize,
    /// How long a command, or a read, waits for its answer.
    pub(crate) patience: Duration,
}

/// An artifact that was encoded and checked; what is left is to match it.
#[derive(Debug)]
pub(crate) struct Prepared {
    envelope: Envelope,
    payload: Content,
    value: Value,
    client_id: bool,
    type_name: &'static str,
}

/// Where an artifact comes from.
#[derive(Clone, Debug)]
pub(crate) struct Origin {
    pub(crate) producer: Producer,
    pub(crate) correlation: CorrelationId,
    pub(crate) parents: Vec<CorrelationId>,
    pub(crate) causes: SmallVec<[Seq; 2]>,
    pub(crate) depth: u16,
    pub(crate) trace: Option<TraceContext>,
    /// Who may see it, unless the publication says otherwise.
    pub(crate) visibility: Visibility,
}

impl Prepared {
    /// The canonical JSON.
    pub(crate) fn payload(&self) -> &[u8] {
        self.payload.bytes()
    }

    /// Whether who may see it is what everything has that comes from there.
    pub(crate) fn is_seen_as(&self, origin: &Origin) -> bool {
        self.envelope.visibility == origin.visibility
    }

    /// The name of the type.
    pub(crate) const fn type_name(&self) -> &'static str {
        self.type_name
    }
}

impl Submitter {
    /// Encodes and checks an artifact.
    pub(crate) fn prepare(
        &self,
        publication: Publication,
        origin: &Origin,
        new_id: impl FnOnce() -> ArtifactId,
    ) -> Result<Prepared, PublishError> {
        let Publication { value, id, correlation, idempotency_key, tags, .. } = publication;
        let Publication { trace, not_before, seen_by, .. } = publication;
        let type_no = self.type_no(&*value)?;
        let known = self.program.type_of(type_no);
        let (descriptor, _) = known.ok_or_else(|| PublishError::unknown(&*value))?;
        let (bytes, checked) = descriptor
            .check(&value, self.payload_len)
            .map_err(|source| PublishError::payload(&*value, source))?
            .into_parts();
        let name = |source| PublishError::Name { type_name: value.type_name().to_owned(), source };
        let mut all = value.tags().map_err(name)?;
        for tag in tags {
            all.push(Tag::new(tag).map_err(name)?);
        }
        all.sort_unstable();
        all.dedup();
        if all.len() > limits::TAGS_MAX {
            let (what, limit) = ("tags of an artifact", limits::TAGS_MAX as u64);
            return Err(PublishError::Limit { what, value: all.len() as u64, limit });
        }
        let visibility = match seen_by {
            Some(said) => said.build(value.type_name())?,
            None => origin.visibility.clone(),
        };
        let key: Option<IdempotencyKey> = match idempotency_key {
            Some(key) => Some(IdempotencyKey::new(key).map_err(name)?),
            None => value.idempotency_key().map_err(name)?,
        };
        let ordering_key: Option<OrderingKey> = value.ordering_key().map_err(name)?;
        let payload_len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let payload = Content::new(entropy::salt(&*self.entropy), bytes);
        let envelope = Envelope {
            id: id.unwrap_or_else(new_id),
            type_no,
            producer: origin.producer.clone(),
            correlation: correlation.unwrap_or(origin.correlation),
            parents: origin.parents.clone(),
            causes: origin.causes.clone(),
            depth: origin.depth,
            tags: all,
            visibility,
            ordering_key,
            idempotency_key: key,
            not_before: not_before.map(Box::new),
            expires_at: None,
            trace: trace.or(origin.trace).map(Box::new),
            payload_len,
            payload_hash: payload.hash(),
        };
        let type_name = value.type_name();
        let value = Value::new(checked.unwrap_or(value).into_any());
        Ok(Prepared { envelope, payload, value, client_id: id.is_some(), type_name })
    }

    fn type_no(&self, value: &dyn ErasedArtifact) -> Result<TypeNo, PublishError> {
        let catalogue = self.catalogue.borrow();
        let newest = catalogue.type_no(value.type_name());
        let newest = newest.ok_or_else(|| PublishError::unknown(value))?;
        match catalogue.type_version(newest) {
            Some(current) if current != value.version() => Err(PublishError::OtherVersion {
                type_name: value.type_name().to_owned(),
                version: value.version(),
                current,
            }),
            Some(_) | None => Ok(newest),
        }
    }

    /// Matches artifacts against the current catalogue and looks up what has to be.
    pub(crate) async fn match_now(&self, prepared: &[Prepared]) -> Result<Publish, PublishError> {
        // The look-up comes first: it may not be older than what is decided with it.
        let looked_up = self.look_up(prepared).await?;
        let catalogue = self.catalogue.borrow().clone();
        let mut failures = Vec::new();
        let artifacts = prepared.iter().map(|one| self.draft(one, &catalogue, &mut failures));
        let artifacts = artifacts.collect();
        Ok(Publish { artifacts, catalogue: catalogue.number(), looked_up, failures })
    }

    fn draft(
        &self,
        prepared: &Prepared,
        catalogue: &Catalogue,
        failures: &mut Vec<PredicateFailure>,
    ) -> NewArtifact {
        let Prepared { envelope, payload, value, client_id, type_name: _ } = prepared;
        let producer = match &envelope.producer {
            Producer::Agent { agent, .. } => Some(*agent),
            Producer::Program(_) | Producer::Operator(_) | Producer::Board => None,
        };
        let candidate = Candidate {
            type_no: envelope.type_no,
            producer,
            tags: &envelope.tags,
            payload: payload.bytes(),
            visibility: &envelope.visibility,
            ordering_key: envelope.ordering_key.as_ref(),
            envelope: Some(envelope),
        };
        let closures = Evaluate { program: &self.program, value };
        let matched = catalogue.matched(candidate, &closures);
        let verdicts = matched.verdicts;
        let secret = envelope.visibility.restriction().is_some();
        for (subscription, mut unanswered) in matched.failures {
            if secret {
                // What went wrong may name what is in the payload, and whoever reads it is not asked.
                unanswered.text = "not told: not everybody may see the artifact".to_owned();
            }
            note_failure(subscription, unanswered, payload.salt(), failures);
        }
        NewArtifact {
            draft: Arc::new(Draft { envelope: envelope.clone(), verdicts }),
            payload: payload.clone(),
            value: Some(value.clone()),
            client_id: *client_id,
        }
    }

    async fn look_up(&self, prepared: &[Prepared]) -> Result<LookedUp, PublishError> {
        let mut look_up = LookUp::default();
        for one in prepared {
            look_up.ids.extend(one.client_id.then_some(one.envelope.id));
            look_up.keys.extend(one.envelope.idempotency_key.clone());
        }
        if look_up.ids.is_empty() && look_up.keys.is_empty() {
            return Ok(LookedUp::default());
        }
        self.log.look_up(&look_up).await.map_err(PublishError::LookUp)
    }

    /// Waits until the catalogue is newer than the one that was refused.
    pub(crate) async fn newer_catalogue(&self, current: artel_core::ids::CatalogueNo) {
        let mut catalogue = self.catalogue.clone();
        // The channel closes with the board, and then the next command says so.
        let _ = catalogue.wait_for(|catalogue| catalogue.number() >= current).await;
    }

    /// Publishes artifacts from outside, all or none. Waits for room at a bound.
    pub(crate) async fn publish(
        &self,
        publications: Vec<Publication>,
        producer: Producer,
        actor: Actor,
    ) -> Result<Vec<Receipt>, PublishError> {
        let deadline = Instant::now() + self.patience;
        let at = self.clock.wall();
        let origin = Origin {
            producer,
            correlation: entropy::correlation_id(&*self.entropy, at),
            parents: Vec::new(),
            causes: SmallVec::new(),
            depth: 0,
            trace: None,
            visibility: Visibility::PUBLIC,
        };
        let new_id = || entropy::artifact_id(&*self.entropy, at);
        let prepared: Vec<Prepared> = publications
            .into_iter()
            .map(|publication| self.prepare(publication, &origin, new_id))
            .collect::<Result<_, _>>()?;
        check_command_len(&prepared)?;
        let id = entropy::command_id(&*self.entropy);
        let mut room: Option<watch::Receiver<()>> = None;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let publish = patiently(left, || self.match_now(&prepared)).await;
            let publish = publish.map_err(|error| self.in_whole(error))?;
            let first = publish.artifacts.first();
            let command = Command {
                id,
                actor: actor.clone(),
                correlation: first.map(|artifact| artifact.draft.envelope.correlation),
                trace: first.and_then(|artifact| artifact.draft.envelope.trace.as_deref().copied()),
                seed: entropy::seed(&*self.entropy),
                request: Request::Publish(publish),
            };
            let left = deadline.saturating_duration_since(Instant::now());
            match self.committer.command(command, left).await {
                Ok(Answer::Published(receipts)) => return Ok(receipts),
                Ok(_) => return Err(PublishError::Stopped("it gave no receipts".into())),
                Err(Failure::Rejected(Rejection::StaleCatalogue { current, .. })) => {
                    self.newer_catalogue(current).await;
                }
                Err(Failure::Rejected(Rejection::StaleLookUp { .. })) => {}
                Err(Failure::Rejected(full @ Rejection::AgendaFull { .. })) => {
                    let Some(room) = &mut room else {
                        // From here on no news of room is missed; before that there may have been.
                        room.insert(self.room.clone()).mark_unchanged();
                        continue;
                    };
                    let waited = tokio::time::timeout_at(deadline, room.changed()).await;
                    if !matches!(waited, Ok(Ok(()))) {
                        return Err(PublishError::Busy { source: full });
                    }
                }
                Err(failure) => return Err(self.in_whole(failure.into())),
            }
        }
    }

    /// The time that was left at the last try is nobody's concern: all of it was waited.
    fn in_whole(&self, error: PublishError) -> PublishError {
        match error {
            PublishError::Unavailable(_) => PublishError::Unavailable(self.patience),
            error => error,
        }
    }
}

/// Keeps what is to be told of a predicate that failed: the first text for each subscription and
/// clause, which stands for those of the same command. Its salt is as secret as the payload's, which it
/// comes from.
fn note_failure(
    subscription: SubscriptionNo,
    unanswered: Unanswered,
    secret: Salt,
    failures: &mut Vec<PredicateFailure>,
) {
    let Unanswered { clause, text } = unanswered;
    let same = |it: &PredicateFailure| it.subscription == subscription && it.clause == clause;
    if failures.len() == limits::PREDICATE_TEXTS_MAX || failures.iter().any(same) {
        return;
    }
    let text = report::cut(text, limits::PREDICATE_TEXT_LEN_MAX);
    let hash = Hash::of_parts(&[&secret.0, &subscription.get().to_be_bytes(), text.as_bytes()]);
    let mut salt = Salt([0; 16]);
    salt.0.copy_from_slice(&hash.0[..16]);
    let text = Content::new(salt, text.into());
    failures.push(PredicateFailure { subscription, clause, text });
}

/// Refuses a publish whose payloads and envelopes are too many bytes for one command.
pub(crate) fn check_command_len(prepared: &[Prepared]) -> Result<(), PublishError> {
    let len: usize =
        prepared.iter().map(|one| one.envelope.byte_len() + one.payload.bytes().len()).sum();
    if len > limits::COMMAND_LEN_MAX {
        let (what, limit) = ("bytes of one publish", limits::COMMAND_LEN_MAX as u64);
        return Err(PublishError::Limit { what, value: len as u64, limit });
    }
    Ok(())
}
