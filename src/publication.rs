//! A publication: an artifact on its way to the board, with what its publisher says about it.

use std::sync::Arc;
use std::time::Duration;

use smol_str::SmolStr;

use artel_core::artifact::{Artifact, ErasedArtifact};
use artel_core::envelope::NotBefore;
use artel_core::ids::{ArtifactId, CorrelationId};
use artel_core::names::{self, AgentName, Label, TenantId};
use artel_core::policy::limits;
use artel_core::time::{Timestamp, millis_ceil};
use artel_core::trace::TraceContext;
use artel_core::visibility::{Restriction, Visibility};

use crate::error::PublishError;

/// An artifact to publish, with what its type does not say by itself.
///
/// Every artifact converts into one, so `running.publish(review)` needs none of this.
#[derive(Clone)]
#[must_use = "a publication does nothing until it is published"]
pub struct Publication {
    pub(crate) value: Arc<dyn ErasedArtifact>,
    pub(crate) id: Option<ArtifactId>,
    pub(crate) correlation: Option<CorrelationId>,
    pub(crate) idempotency_key: Option<SmolStr>,
    pub(crate) tags: Vec<SmolStr>,
    pub(crate) trace: Option<TraceContext>,
    pub(crate) not_before: Option<NotBefore>,
    pub(crate) seen_by: Option<SeenBy>,
}

impl std::fmt::Debug for Publication {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Publication")
            .field("type", &self.value.type_name())
            .field("id", &self.id)
            .field("correlation", &self.correlation)
            .field("idempotency_key", &self.idempotency_key)
            .field("tags", &self.tags)
            .field("trace", &self.trace)
            .field("not_before", &self.not_before)
            .field("seen_by", &self.seen_by)
            .finish_non_exhaustive()
    }
}

impl Publication {
    /// Publishes this value.
    pub fn new<T: Artifact>(value: T) -> Self {
        Self::shared(Arc::new(value))
    }

    /// Publishes a value that others share.
    pub fn shared<T: Artifact>(value: Arc<T>) -> Self {
        Self::erased(value)
    }

    pub(crate) fn erased(value: Arc<dyn ErasedArtifact>) -> Self {
        Self {
            value,
            id: None,
            correlation: None,
            idempotency_key: None,
            tags: Vec::new(),
            trace: None,
            not_before: None,
            seen_by: None,
        }
    }

    /// Gives the artifact this id, which the publisher made and may use again: publishing the same
    /// id with the same payload gives the first artifact back.
    pub fn id(mut self, id: ArtifactId) -> Self {
        self.id = Some(id);
        self
    }

    /// Makes the artifact part of this tree of work, instead of the beginning of a new one.
    pub fn correlation(mut self, correlation: CorrelationId) -> Self {
        self.correlation = Some(correlation);
        self
    }

    /// Makes a second publish with this key and the same payload the same publish. Wins over the
    /// key that the type names.
    pub fn idempotency_key(mut self, key: impl Into<SmolStr>) -> Self {
        self.idempotency_key = Some(key.into());
        self
    }

    /// Adds a tag to those that the type names.
    pub fn tag(mut self, tag: impl Into<SmolStr>) -> Self {
        self.tags.push(tag.into());
        self
    }

    /// Lets nobody work on the artifact before this moment of the wall clock. It is on the board, and can
    /// be read, at once.
    pub const fn not_before(mut self, at: Timestamp) -> Self {
        self.not_before = Some(NotBefore::At(at));
        self
    }

    /// Lets nobody work on the artifact before so much time has passed on the board's own clock, counted
    /// from its commit, down-time included. It is on the board, and can be read, at once.
    pub fn delay(mut self, delay: Duration) -> Self {
        self.not_before = Some(NotBefore::After(millis_ceil(delay)));
        self
    }

    /// Lets everybody see the artifact. So may everybody what is published from outside, unless it says
    /// otherwise; what an agent makes may be seen by those who may see all that it was made from.
    pub fn public(mut self) -> Self {
        self.seen_by = Some(SeenBy::default());
        self
    }

    /// Lets only this agent see the artifact, and every other one that is named.
    pub fn private_to(mut self, agent: impl Into<SmolStr>) -> Self {
        self.seen_by().agents.get_or_insert_default().push(agent.into());
        self
    }

    /// Lets only those see the artifact who have this label, and every other one that is named.
    pub fn labelled(mut self, label: impl Into<SmolStr>) -> Self {
        self.seen_by().labels.push(label.into());
        self
    }

    /// Lets only those see the artifact who belong to this tenant.
    pub fn tenant(mut self, tenant: impl Into<SmolStr>) -> Self {
        self.seen_by().tenant = Some(tenant.into());
        self
    }

    /// Lets nobody see the artifact before this moment of the wall clock. It is matched at once, and what
    /// it wakes begins by itself when its time has come.
    pub fn visible_from(mut self, at: Timestamp) -> Self {
        self.seen_by().from = Some(at);
        self
    }

    fn seen_by(&mut self) -> &mut SeenBy {
        self.seen_by.get_or_insert_default()
    }

    /// Says where the artifact belongs in a distributed trace. What agents make of it belongs there
    /// too, unless they say otherwise.
    pub fn trace(mut self, trace: TraceContext) -> Self {
        self.trace = Some(trace);
        self
    }
}

/// Who may see an artifact, as it was said. What is not said is not asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct SeenBy {
    agents: Option<Vec<SmolStr>>,
    labels: Vec<SmolStr>,
    tenant: Option<SmolStr>,
    from: Option<Timestamp>,
}

impl SeenBy {
    /// Checks the names.
    pub(crate) fn build(self, type_name: &str) -> Result<Visibility, PublishError> {
        fn parsed<N>(
            texts: impl IntoIterator<Item = SmolStr>,
            parse: impl Fn(SmolStr) -> Result<N, names::Error>,
        ) -> Result<Box<[N]>, names::Error> {
            texts.into_iter().map(parse).collect()
        }
        let len = self.agents.as_ref().map_or(0, Vec::len).max(self.labels.len());
        if len > limits::SEEN_BY_MAX {
            let (what, limit) = ("names of who may see an artifact", limits::SEEN_BY_MAX as u64);
            return Err(PublishError::Limit { what, value: len as u64, limit });
        }
        let name = |source| PublishError::Name { type_name: type_name.to_owned(), source };
        let agents = self.agents.map(|agents| parsed(agents, AgentName::new)).transpose();
        Ok(Visibility::restricted(Restriction {
            agents: agents.map_err(name)?,
            labels: parsed(self.labels, Label::new).map_err(name)?,
            tenants: parsed(self.tenant, TenantId::new).map_err(name)?,
            from: self.from,
        }))
    }
}

impl<T: Artifact> From<T> for Publication {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}
