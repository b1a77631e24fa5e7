//! An artifact as a reader sees it: envelope with names, payload as JSON or as its type.

use std::sync::Arc;

use bytes::Bytes;

use artel_core::artifact::{Artifact, described};
use artel_core::catalogue::Catalogue;
use artel_core::envelope::{Envelope, Producer};
use artel_core::ids::{ArtifactId, AttemptId, CorrelationId, Seq};
use artel_core::names::{IdempotencyKey, OrderingKey, Tag, TypeName};
use artel_core::time::Timestamp;
use artel_core::trace::TraceContext;
use artel_core::visibility::Visibility;

use crate::error::ReadError;
use crate::sight::Admitted;

/// An artifact on a board.
#[derive(Clone, Debug)]
pub struct Stored {
    inner: Admitted,
    type_name: Option<TypeName>,
    version: u32,
    producer: String,
}

impl Stored {
    pub(crate) fn new(inner: Admitted, names: &Catalogue) -> Self {
        let envelope = &inner.get().envelope;
        let type_name = names.type_name(envelope.type_no).cloned();
        let version = names.type_version(envelope.type_no).unwrap_or_default();
        let producer = match &envelope.producer {
            Producer::Program(name) => name.to_string(),
            Producer::Agent { agent, .. } => names
                .agent_name(*agent)
                .map_or_else(|| format!("agent {agent}"), ToString::to_string),
            Producer::Operator(name) => name.to_string(),
            Producer::Board => "board".to_owned(),
        };
        Self { inner, type_name, version, producer }
    }

    const fn envelope(&self) -> &Envelope {
        &self.inner.get().envelope
    }

    /// The artifact's id.
    #[must_use]
    pub const fn id(&self) -> ArtifactId {
        self.envelope().id
    }

    /// The seq of the event that committed it.
    #[must_use]
    pub const fn seq(&self) -> Seq {
        self.inner.get().seq
    }

    /// When it was committed, by the board's wall clock.
    #[must_use]
    pub const fn committed_at(&self) -> Timestamp {
        self.inner.get().at
    }

    /// The name of its type.
    #[must_use]
    pub fn type_name(&self) -> &str {
        self.type_name.as_ref().map_or("?", TypeName::as_str)
    }

    /// The version of its type that it was published under.
    #[must_use]
    pub const fn version(&self) -> u32 {
        self.version
    }

    /// Who made it: the name of an agent, a program or an operator.
    #[must_use]
    pub fn producer(&self) -> &str {
        &self.producer
    }

    /// The attempt that returned it, if one did.
    #[must_use]
    pub const fn attempt(&self) -> Option<AttemptId> {
        match self.envelope().producer {
            Producer::Agent { attempt, .. } => Some(attempt),
            Producer::Program(_) | Producer::Operator(_) | Producer::Board => None,
        }
    }

    /// The tree of work it belongs to.
    #[must_use]
    pub const fn correlation(&self) -> CorrelationId {
        self.envelope().correlation
    }

    /// Other trees of work that it was made from.
    #[must_use]
    pub fn parents(&self) -> &[CorrelationId] {
        &self.envelope().parents
    }

    /// The artifacts it was made from, by seq.
    #[must_use]
    pub fn causes(&self) -> &[Seq] {
        &self.envelope().causes
    }

    /// How many artifacts lie between it and a publish from outside.
    #[must_use]
    pub const fn depth(&self) -> u16 {
        self.envelope().depth
    }

    /// Its tags, sorted.
    #[must_use]
    pub fn tags(&self) -> &[Tag] {
        &self.envelope().tags
    }

    /// What makes a second publish of it the same publish.
    #[must_use]
    pub const fn idempotency_key(&self) -> Option<&IdempotencyKey> {
        self.envelope().idempotency_key.as_ref()
    }

    /// What it is worked on in order by.
    #[must_use]
    pub const fn ordering_key(&self) -> Option<&OrderingKey> {
        self.envelope().ordering_key.as_ref()
    }

    /// Who may see it.
    #[must_use]
    pub const fn visibility(&self) -> &Visibility {
        &self.envelope().visibility
    }

    /// Where it belongs in a distributed trace.
    #[must_use]
    pub fn trace(&self) -> Option<TraceContext> {
        self.envelope().trace.as_deref().copied()
    }

    /// The payload, canonical JSON; none when it was removed.
    #[must_use]
    pub const fn payload(&self) -> Option<&Bytes> {
        self.inner.get().payload.as_ref()
    }

    /// The payload as its type; one of an older version of that is upcast.
    ///
    /// # Errors
    /// When the artifact is of another type or a newer version of it, its payload was removed, it does
    /// not decode, or an upcaster does not do its work.
    pub fn decode<T: Artifact>(&self) -> Result<T, ReadError> {
        if self.type_name() != T::NAME {
            let (id, found) = (self.id(), self.type_name().to_owned());
            return Err(ReadError::OtherType { id, found, wanted: T::NAME });
        }
        let id = self.id();
        let payload = self.payload().ok_or(ReadError::Removed(id))?;
        let decode = |json: &[u8]| {
            artel_core::canonical::decode(json).map_err(|source| ReadError::Decode { id, source })
        };
        if self.version == T::VERSION {
            return decode(payload);
        }
        let upcast = described::<T>().upcast(self.version, payload);
        let (json, value) = upcast.map_err(|source| ReadError::Upcast { id, source })?.into_parts();
        let value = value.and_then(|value| value.into_any().downcast().ok());
        value.and_then(Arc::into_inner).map_or_else(|| decode(&json), Ok)
    }
}
