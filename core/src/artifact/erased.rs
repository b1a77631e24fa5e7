//! A value of an artifact type, for those who do not know its type: the façade and the executors.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use super::descriptor::{TypeDescriptor, descriptor};
use super::typed::Artifact;
use crate::canonical;
use crate::names::{self, IdempotencyKey, OrderingKey, Tag};

/// A value of some artifact type. Every artifact is one; an output travels as an
/// `Arc<dyn ErasedArtifact>`, and the next handler gets the same value, not a second parse of it.
pub trait ErasedArtifact: Any + Send + Sync {
    /// The name of the type.
    fn type_name(&self) -> &'static str;

    /// The version of the type.
    fn version(&self) -> u32;

    /// The tags, sorted, each once.
    ///
    /// # Errors
    /// When a text cannot be a tag.
    fn tags(&self) -> Result<Vec<Tag>, names::Error>;

    /// The idempotency key, if the type has one.
    ///
    /// # Errors
    /// When the text cannot be a key.
    fn idempotency_key(&self) -> Result<Option<IdempotencyKey>, names::Error>;

    /// The ordering key, if the type has one.
    ///
    /// # Errors
    /// When the text cannot be a key.
    fn ordering_key(&self) -> Result<Option<OrderingKey>, names::Error>;

    /// The payload as canonical JSON, which no schema has seen:
    /// [`TypeDescriptor::check`] is the way to publish.
    ///
    /// # Errors
    /// When the value has no canonical form of at most `len_max` bytes.
    fn canonical_unchecked(&self, len_max: usize) -> Result<Vec<u8>, canonical::Error>;

    /// What a board has to know of the type. Made anew at each call, which takes a while.
    fn descriptor(&self) -> TypeDescriptor;

    /// The value, for those who know its type.
    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync>;
}

impl<T: Artifact> ErasedArtifact for T {
    fn type_name(&self) -> &'static str {
        T::NAME
    }

    fn version(&self) -> u32 {
        T::VERSION
    }

    fn tags(&self) -> Result<Vec<Tag>, names::Error> {
        let mut tags = Artifact::tags(self)?;
        tags.sort_unstable();
        tags.dedup();
        Ok(tags)
    }

    fn idempotency_key(&self) -> Result<Option<IdempotencyKey>, names::Error> {
        Artifact::idempotency_key(self)
    }

    fn ordering_key(&self) -> Result<Option<OrderingKey>, names::Error> {
        Artifact::ordering_key(self)
    }

    fn canonical_unchecked(&self, len_max: usize) -> Result<Vec<u8>, canonical::Error> {
        canonical::to_vec(self, len_max)
    }

    fn descriptor(&self) -> TypeDescriptor {
        descriptor::<T>()
    }

    fn into_any(self: Arc<Self>) -> Arc<dyn Any + Send + Sync> {
        self
    }
}

impl fmt::Debug for dyn ErasedArtifact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} v{}", self.type_name(), self.version())
    }
}
