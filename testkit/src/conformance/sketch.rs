//! Valid batches for the suite, with the rows that go with them: a [`Sketch`] collects events, and a
//! [`Scribe`] owns a log, seals sketches so that they continue it, and remembers what it wrote.

use std::sync::Arc;

use bytes::Bytes;
use uuid::Uuid;

use artel_core::content::Content;
use artel_core::envelope::{Actor, Draft, Envelope, Members, Producer, Verdicts};
use artel_core::event::{Closure, DeadReason, Event, Redriven};
use artel_core::hash::{Hash, Salt};
use artel_core::ids::{
    ActivationId, AgentNo, ArtifactId, AttemptId, AttemptNo, CommandId, CorrelationId, Epoch, Seq,
    SubscriptionNo, TypeNo,
};
use artel_core::log::{
    Append, ArtifactRow, ClosedActivation, ContentRow, Error, KeyRow, Log, NameRow, Outcome, Rows,
    StoredArtifact,
};
use artel_core::names::{IdempotencyKey, OrderingKey, ProgramName, StepName, Tag};
use artel_core::record::{Batch, Decision, Encoder, Place};
use artel_core::step::{Step, StepMark};
use artel_core::time::{Elapsed, Timestamp};
use artel_core::visibility::Visibility;

use super::factory::{claim, own_when_free};

/// What an artifact of a test looks like.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Its id.
    pub id: ArtifactId,
    /// Its type.
    pub type_no: TypeNo,
    /// The agent that made it; none for a program.
    pub agent: Option<AgentNo>,
    /// Its tree of work.
    pub correlation: CorrelationId,
    /// Its tags, sorted.
    pub tags: Vec<Tag>,
    /// Its idempotency key.
    pub key: Option<IdempotencyKey>,
    /// Its payload.
    pub payload: Bytes,
}

impl Sample {
    /// A plain artifact whose id and correlation follow from a number.
    #[must_use]
    pub fn new(number: u32) -> Self {
        Self {
            id: artifact_id(number),
            type_no: TypeNo(1),
            agent: None,
            correlation: correlation(number),
            tags: Vec::new(),
            key: None,
            payload: Bytes::from(format!("{{\"number\":{number}}}")),
        }
    }

    fn draft(&self, content: &Content) -> Draft {
        let attempt = |agent| Producer::Agent {
            agent,
            attempt: AttemptId { activation: ActivationId(Seq(1)), attempt: AttemptNo(1) },
        };
        let program = || Producer::Program(ProgramName::new("suite").expect("a program name"));
        let envelope = Envelope {
            id: self.id,
            type_no: self.type_no,
            producer: self.agent.map_or_else(program, attempt),
            correlation: self.correlation,
            parents: Vec::new(),
            causes: [Seq(1)].into_iter().collect(),
            depth: 1,
            tags: self.tags.clone(),
            visibility: Visibility::PUBLIC,
            ordering_key: None,
            idempotency_key: self.key.clone(),
            not_before: None,
            expires_at: None,
            trace: None,
            payload_len: u32::try_from(content.bytes().len()).expect("a payload is that short"),
            payload_hash: content.hash(),
        };
        Draft { envelope, verdicts: Verdicts::default() }
    }
}

/// The artifact id of a number. The ids of ascending numbers do not ascend.
#[must_use]
pub fn artifact_id(number: u32) -> ArtifactId {
    ArtifactId::new(Uuid::from_u128(u128::from(number.reverse_bits()) << 64 | 0xa4))
}

/// The correlation of a number.
#[must_use]
pub fn correlation(number: u32) -> CorrelationId {
    CorrelationId::new(Uuid::from_u128(u128::from(number) << 64 | 0xc0))
}

/// A salt that follows from a number.
#[must_use]
pub fn salt(number: u64) -> Salt {
    Salt(u128::from(number).to_le_bytes())
}

/// A batch that is put together, event by event.
#[derive(Clone, Debug)]
pub struct Sketch {
    first: Seq,
    at: Timestamp,
    decisions: Vec<Decision>,
    rows: Rows,
}

impl Sketch {
    fn new(first: Seq, at: Timestamp) -> Self {
        let mut sketch = Self { first, at, decisions: Vec::new(), rows: Rows::default() };
        sketch.decision_at(at);
        sketch
    }

    /// Begins a further decision, at this moment.
    pub fn decision_at(&mut self, at: Timestamp) {
        self.at = at;
        let number = self.first.get() << 16 | self.decisions.len() as u64;
        self.decisions.push(Decision {
            command: CommandId::new(Uuid::from_u128(u128::from(number))),
            actor: Actor::Board,
            at,
            elapsed: Elapsed(number),
            correlation: None,
            trace: None,
            events: Vec::new(),
        });
    }

    /// Commits an artifact.
    pub fn artifact(&mut self, sample: &Sample) -> Seq {
        let seq = self.next();
        let content = Content::new(salt(seq.get()), sample.payload.clone());
        let draft = Arc::new(sample.draft(&content));
        if let Some(key) = &sample.key {
            self.rows.keys.push(KeyRow { key: key.clone(), seq, id: sample.id });
        }
        let row = ArtifactRow {
            seq,
            at: self.at,
            draft: Arc::clone(&draft),
            payload: content,
            value: None,
        };
        self.rows.artifacts.push(row);
        self.event(Event::ArtifactCommitted(draft))
    }

    /// Records the result of a step.
    pub fn content(&mut self, bytes: impl Into<Bytes>) -> Seq {
        let seq = self.next();
        let row = ContentRow { seq, salt: salt(seq.get()), bytes: bytes.into() };
        let attempt = AttemptId { activation: ActivationId(Seq(1)), attempt: AttemptNo(1) };
        let step = StepName::new("step").expect("a step name");
        let result = row.hash();
        self.rows.contents.push(row);
        self.event(Event::StepRecorded { attempt, step, result })
    }

    /// Creates an activation.
    pub fn activation(&mut self, inputs: &[Seq], correlation: CorrelationId) -> ActivationId {
        let inputs = inputs.iter().copied().collect();
        let subscription = SubscriptionNo(1);
        let created = Event::ActivationCreated {
            subscription,
            inputs,
            correlation,
            key: None,
            not_before: None,
            members: Members::default(),
        };
        ActivationId(self.event(created))
    }

    /// Closes an activation. Only its id, agent, inputs, correlation and outcome are taken from what
    /// is given.
    pub fn close(&mut self, closed: &ClosedActivation) -> Seq {
        let why = match closed.outcome {
            Outcome::Dead(reason) | Outcome::Dropped(reason) => Closure::Dead(reason),
            Outcome::Done | Outcome::Cancelled => Closure::Cancelled,
            Outcome::Expired => Closure::Expired,
        };
        let ended = self.event(Event::ActivationClosed { activation: closed.activation, why });
        self.rows.closed.push(ClosedActivation { ended, at: self.at, ..closed.clone() });
        ended
    }

    /// Opens a closed activation again.
    pub fn reopen(&mut self, closed: &ClosedActivation) -> Seq {
        self.rows.reopened.push(closed.activation);
        self.event(Event::ActivationRedriven(Box::new(Redriven {
            activation: closed.activation,
            subscription: closed.subscription,
            inputs: closed.inputs.clone(),
            correlation: closed.correlation,
            key: closed.key.clone(),
            out_of_order: false,
            attempts: closed.attempts,
            trail: closed.trail.clone(),
            steps: closed.steps.clone(),
            members: closed.members.clone(),
            not_before: closed.not_before,
        })))
    }

    /// Cancels a correlation.
    pub fn cancel(&mut self, correlation: CorrelationId) -> Seq {
        self.rows.cancelled.push(correlation);
        self.event(Event::CorrelationCancelled { correlation })
    }

    /// An event without rows.
    pub fn filler(&mut self) -> Seq {
        self.event(Event::ClockJumped { by_ms: 1 })
    }

    fn event(&mut self, event: Event) -> Seq {
        let seq = self.next();
        self.rows.names.extend(NameRow::all_of(&event));
        self.decisions.last_mut().expect("a sketch has a decision").events.push(event);
        seq
    }

    fn next(&self) -> Seq {
        let events: usize = self.decisions.iter().map(|decision| decision.events.len()).sum();
        Seq(self.first.get() + events as u64)
    }

    fn seal(self, epoch: Epoch, previous: Hash) -> Append {
        let last = Seq(self.next().get() - 1);
        let mut encoder = Encoder::default();
        for decision in &self.decisions {
            encoder.push(decision);
        }
        let place = Place { epoch, first: self.first, last, at: self.at, previous };
        Append { batch: Batch::seal(place, encoder.take()), rows: self.rows }
    }
}

/// An activation that a sketch can close.
#[must_use]
pub fn closed(activation: ActivationId, inputs: &[Seq], tree: CorrelationId) -> ClosedActivation {
    ClosedActivation {
        activation,
        agent: AgentNo(1),
        subscription: SubscriptionNo(1),
        inputs: inputs.iter().copied().collect(),
        correlation: tree,
        key: Some(OrderingKey::new("key").expect("an ordering key")),
        outcome: Outcome::Done,
        ended: Seq(0),
        at: Timestamp(0),
        attempts: 2,
        trail: vec![Seq(activation.0.get() + 1), Seq(activation.0.get() + 2)],
        steps: vec![Step {
            name: StepName::new("step").expect("a step name"),
            seq: Seq(1),
            mark: StepMark::Intended,
        }],
        death: None,
        members: Members::default(),
        not_before: None,
    }
}

/// The outcome of a dead letter.
pub const DEAD: Outcome = Outcome::Dead(DeadReason::AttemptsExhausted);

/// Writes to one log, which it owns, and knows what is in it.
#[derive(Debug)]
pub struct Scribe {
    /// The log.
    pub log: Arc<dyn Log>,
    /// The ownership.
    pub epoch: Epoch,
    /// The last seq of the log.
    pub seq: Seq,
    /// The hash of the last batch.
    pub hash: Hash,
    /// The wall clock of the next batch.
    pub at: Timestamp,
    /// All batches that were acknowledged to this scribe.
    pub batches: Vec<Batch>,
    /// All artifacts that were acknowledged to this scribe.
    pub artifacts: Vec<StoredArtifact>,
}

impl Scribe {
    /// Owns the log.
    ///
    /// # Panics
    /// When it cannot be owned.
    pub async fn own(log: &Arc<dyn Log>) -> Self {
        let ownership =
            own_when_free(log, claim(1, "suite")).await.expect("nobody else owns the board");
        Self {
            log: Arc::clone(log),
            epoch: ownership.epoch,
            seq: ownership.head.seq,
            hash: ownership.head.hash,
            at: Timestamp(ownership.head.at.as_millis() + 1_000),
            batches: Vec::new(),
            artifacts: Vec::new(),
        }
    }

    /// Owns the log again, and goes on where it ends now.
    ///
    /// # Panics
    /// When it cannot be owned.
    pub async fn own_again(&mut self) {
        let ownership = self.log.own(claim(1, "suite")).await.expect("the same process may own");
        assert!(ownership.epoch > self.epoch, "the epoch rises: {ownership:?}");
        self.epoch = ownership.epoch;
        self.seq = ownership.head.seq;
        self.hash = ownership.head.hash;
    }

    /// An empty sketch of the next batch.
    #[must_use]
    pub fn sketch(&self) -> Sketch {
        Sketch::new(self.seq.next(), self.at)
    }

    /// The sketch as a batch that continues the log.
    #[must_use]
    pub fn seal(&self, sketch: Sketch) -> Append {
        sketch.seal(self.epoch, self.hash)
    }

    /// Appends a batch that continues the log.
    ///
    /// # Errors
    /// What the log says.
    pub async fn try_append(&mut self, append: Append) -> Result<(), Error> {
        self.log.append(append.clone()).await?;
        self.acknowledged(append);
        Ok(())
    }

    /// Appends a sketch.
    ///
    /// # Panics
    /// When the log refuses it.
    pub async fn append(&mut self, sketch: Sketch) {
        let append = self.seal(sketch);
        self.try_append(append).await.expect("the batch continues the log");
    }

    /// Appends a batch with these artifacts.
    ///
    /// # Panics
    /// When the log refuses it.
    pub async fn publish(&mut self, samples: &[Sample]) -> Vec<Seq> {
        let mut sketch = self.sketch();
        let seqs = samples.iter().map(|sample| sketch.artifact(sample)).collect();
        self.append(sketch).await;
        seqs
    }

    /// Takes note of a batch that is in the log.
    pub fn acknowledged(&mut self, append: Append) {
        let header = append.batch.header;
        self.seq = header.last;
        self.hash = header.hash;
        self.at = Timestamp(header.at.as_millis() + 10);
        self.batches.push(append.batch);
        self.artifacts.extend(append.rows.artifacts.iter().map(|row| StoredArtifact {
            seq: row.seq,
            at: row.at,
            envelope: row.envelope().clone(),
            payload: Some(row.payload.bytes().clone()),
        }));
    }
}
