//! Artifact types: what a Rust type has to be so that its values can lie on a board, and the view
//! of a value for those who do not know its type.

mod descriptor;
#[cfg(test)]
mod tests;

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::canonical;
use crate::names::{self, IdempotencyKey, OrderingKey, Tag};

pub use crate::schema::{Checked, PayloadError};
pub use descriptor::{TypeDescriptor, descriptor};

/// A type whose values can be put on a board. `#[derive(Artifact)]` implements it.
///
/// Tags and keys are made of what users type, so they can be invalid: they are checked where they
/// are made, and an artifact whose tags or keys are refused is not published.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an artifact",
    label = "not an artifact",
    note = "an artifact derives `Serialize`, `Deserialize`, `JsonSchema` and `Artifact`",
    note = "a handler returns nothing, one artifact, an Option, a Vec, a tuple or an enum that derives `Outputs`"
)]
pub trait Artifact: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// The name of the type on every board: its Rust name, unless it is given another.
    const NAME: &'static str;
    /// The version of its schema, from 1.
    const VERSION: u32;

    /// Words that subscriptions and queries may ask for. In any order; repetitions do not count.
    ///
    /// # Errors
    /// When a text cannot be a tag.
    fn tags(&self) -> Result<Vec<Tag>, names::Error> {
        Ok(Vec::new())
    }

    /// What makes a second publish of this value the same publish.
    ///
    /// # Errors
    /// When the text cannot be a key.
    fn idempotency_key(&self) -> Result<Option<IdempotencyKey>, names::Error> {
        Ok(None)
    }

    /// What this value is worked on in order by.
    ///
    /// # Errors
    /// When the text cannot be a key.
    fn ordering_key(&self) -> Result<Option<OrderingKey>, names::Error> {
        Ok(None)
    }
}

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
