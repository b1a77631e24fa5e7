//! What a Rust type has to be so that its values can be put on a board. Users derive it.

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::upcast::Upcasters;
use crate::names::{self, IdempotencyKey, OrderingKey, Tag};

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

    /// How payloads of older versions of the type become payloads of this one.
    #[must_use]
    fn upcasters() -> Upcasters {
        Upcasters::default()
    }
}
