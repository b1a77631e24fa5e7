//! The context itself: what an attempt is, and what its handler may do.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;
use tokio_util::sync::CancellationToken;
use uuid::Builder;

use artel_core::board::Lease;
use artel_core::ids::{ActivationId, ArtifactId, AttemptNo, CorrelationId, Incarnation, Seq};
use artel_core::names::{AgentName, IdempotencyKey, OrderingKey, StepName};
use artel_core::seed;
use artel_core::time::Timestamp;
use artel_core::trace::TraceContext;
use artel_core::visibility::Viewer;
use artel_scheduler::Stop;

use super::reads::BoardView;
use crate::committer::Input;
use crate::publication::Publication;
use crate::report::Lines;
use crate::sight::Sight;
use crate::submit::Submitter;

/// What a handler is given beside its artifact. Cheap to clone.
#[derive(Clone)]
pub struct Context {
    pub(super) inner: Arc<Inner>,
}

/// What every attempt of a process has in common.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) submitter: Submitter,
    pub(crate) incarnation: Incarnation,
}

pub(super) struct Inner {
    pub(super) host: Arc<Host>,
    pub(super) lease: Lease,
    agent: AgentName,
    inputs: Arc<[Input]>,
    stop: Stop,
    held: Mutex<Vec<Publication>>,
    /// Shared by the candidates of an attempt.
    lines: Arc<Mutex<Lines>>,
    /// Which candidate of its attempt this is, where the attempt has several.
    pub(super) candidate: Option<u32>,
    /// What random numbers and ids are derived from: the attempt's seed, or the candidate's.
    seed: u64,
    pub(super) steps: Mutex<BTreeSet<StepName>>,
    ids: AtomicU64,
}

/// Which numbers of an attempt's seed are for what, so that no use disturbs another.
mod domain {
    /// The attempt's random generator.
    pub(super) const RNG: u64 = 1 << 32;
    /// Ids, counted from here.
    pub(super) const IDS: u64 = 2 << 32;
    /// The seeds of candidates, by their numbers.
    pub(super) const CANDIDATES: u64 = 3 << 32;
}

impl Inner {
    /// What the attempt may see: what its agent may, as of its beginning, and while it works on what is
    /// a tenant's, nothing of other tenants.
    pub(super) fn sight(&self) -> Sight {
        let viewer = self.host.submitter.catalogue.borrow().viewer(self.lease.agent);
        let worked_on = self.inputs.iter().map(|input| &input.envelope.visibility);
        let viewer = worked_on
            .filter(|it| it.restriction().is_some())
            .fold(viewer, |viewer, it| Arc::new(Viewer::clone(&viewer).working_on(it)));
        Sight::new(viewer, self.lease.at)
    }
}

impl std::fmt::Debug for Context {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Context")
            .field("agent", &self.inner.agent)
            .field("attempt", &self.inner.lease.attempt)
            .finish_non_exhaustive()
    }
}

impl Context {
    pub(crate) fn new(
        host: Arc<Host>,
        lease: Lease,
        agent: AgentName,
        inputs: Vec<Input>,
        stop: Stop,
    ) -> Self {
        Self {
            inner: Arc::new(Inner {
                host,
                seed: lease.seed,
                lease,
                agent,
                inputs: inputs.into(),
                stop,
                held: Mutex::default(),
                lines: Arc::default(),
                candidate: None,
                steps: Mutex::default(),
                ids: AtomicU64::new(0),
            }),
        }
    }

    /// The context of a candidate of this attempt: the same but for its random numbers, its ids, its
    /// steps, and what it publishes.
    pub(crate) fn candidate_of(&self, number: u32) -> Self {
        let Inner { host, lease, agent, inputs, stop, lines, .. } = &*self.inner;
        let derived = seed::derive(lease.seed, domain::CANDIDATES + u64::from(number));
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&derived[..8]);
        Self {
            inner: Arc::new(Inner {
                host: host.clone(),
                lease: lease.clone(),
                agent: agent.clone(),
                inputs: inputs.clone(),
                stop: stop.clone(),
                held: Mutex::default(),
                lines: lines.clone(),
                candidate: Some(number),
                seed: u64::from_le_bytes(bytes),
                steps: Mutex::default(),
                ids: AtomicU64::new(0),
            }),
        }
    }

    /// Which candidate of its attempt this is, from 1, where the agent asks for the
    /// [best of](crate::Subscribed::best_of) several; otherwise 1.
    #[must_use]
    pub fn candidate(&self) -> u32 {
        self.inner.candidate.unwrap_or(1)
    }

    /// The agent that runs.
    #[must_use]
    pub fn agent(&self) -> &str {
        self.inner.agent.as_str()
    }

    /// The unit of work.
    #[must_use]
    pub fn activation(&self) -> ActivationId {
        self.inner.lease.attempt.activation
    }

    /// Which attempt of it this is, from 1.
    #[must_use]
    pub fn attempt(&self) -> AttemptNo {
        self.inner.lease.attempt.attempt
    }

    /// The tree of work it belongs to.
    #[must_use]
    pub fn correlation(&self) -> CorrelationId {
        self.inner.lease.correlation
    }

    /// The artifacts that this attempt works on, and that its outputs are made from.
    #[must_use]
    pub fn causes(&self) -> Vec<ArtifactId> {
        self.inner.inputs.iter().map(|input| input.envelope.id).collect()
    }

    /// The idempotency key of the artifact that this attempt works on.
    #[must_use]
    pub fn idempotency_key(&self) -> Option<&IdempotencyKey> {
        self.inner.inputs.first()?.envelope.idempotency_key.as_ref()
    }

    /// The ordering key of the artifact that this attempt works on.
    #[must_use]
    pub fn ordering_key(&self) -> Option<&OrderingKey> {
        self.inner.inputs.first()?.envelope.ordering_key.as_ref()
    }

    /// Where this attempt belongs in a distributed trace, by the artifact that it works on. What the
    /// attempt returns belongs there too.
    #[must_use]
    pub fn trace(&self) -> Option<TraceContext> {
        self.inner.inputs.first()?.envelope.trace.as_deref().copied()
    }

    /// When this attempt began, by the board's wall clock: the time that a handler should reckon
    /// with, since it is recorded and does not pass while the handler runs.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.inner.lease.at
    }

    /// The seq that this attempt's reads see.
    #[must_use]
    pub fn pin(&self) -> Seq {
        self.inner.lease.seq
    }

    /// A random generator that is seeded from the record of this attempt, or of this candidate of it. Each call gives the same
    /// sequence anew.
    #[must_use]
    pub fn rng(&self) -> ChaCha8Rng {
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(&seed::derive(self.inner.seed, domain::RNG));
        bytes[16..].copy_from_slice(&seed::derive(self.inner.seed, domain::RNG + 1));
        ChaCha8Rng::from_seed(bytes)
    }

    /// A new artifact id, derived from the record of this attempt.
    ///
    /// # Panics
    /// Never in practice: after 2^32 ids of one attempt.
    #[must_use]
    pub fn new_id(&self) -> ArtifactId {
        let count = self.inner.ids.fetch_add(1, Ordering::Relaxed);
        assert!(count < 1 << 32, "an attempt uses up its ids after 2^32");
        let bytes = seed::derive(self.inner.seed, domain::IDS + count);
        let mut random = [0; 10];
        random.copy_from_slice(&bytes[..10]);
        let millis = u64::try_from(self.inner.lease.at.as_millis()).unwrap_or(0);
        ArtifactId::new(Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
    }

    /// Publishes an artifact together with what the handler returns: held until it returns, and
    /// dropped when it fails. Its type has to be declared with `publishes`, and it belongs to the
    /// attempt's own tree of work. An attempt may return 10 000 artifacts in all.
    pub fn publish(&self, artifact: impl Into<Publication>) {
        let mut held = lock(&self.inner.held);
        // One too many is enough for the attempt to be refused.
        if held.len() <= self.inner.host.submitter.outputs_max {
            held.push(artifact.into());
        }
    }

    /// Keeps a line with this attempt, for whoever looks at it later. At most 64 KiB an attempt.
    pub fn log(&self, line: impl Display) {
        let line = match self.inner.candidate {
            Some(number) => format!("candidate {number}: {line}"),
            None => line.to_string(),
        };
        tracing::debug!(line, "handler");
        lock(&self.inner.lines).push(&line);
    }

    /// Told when this attempt should come to an end: the board shuts down, or the attempt was
    /// cancelled or is over. A handler may listen; one that does not is dropped at an await.
    #[must_use]
    pub fn cancelled(&self) -> &CancellationToken {
        self.inner.stop.asked()
    }

    /// The board, as it was when this attempt began.
    #[must_use]
    pub fn board(&self) -> BoardView<'_> {
        BoardView::new(&self.inner)
    }

    pub(crate) fn stop(&self) -> &Stop {
        &self.inner.stop
    }

    pub(crate) fn take_held(&self) -> Vec<Publication> {
        std::mem::take(&mut *lock(&self.inner.held))
    }

    pub(crate) fn take_lines(&self) -> String {
        lock(&self.inner.lines).take()
    }
}

/// A lock that a panicking handler may have poisoned; what it guards is whole all the same.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
