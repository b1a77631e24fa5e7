//! The check of a payload against the schema of its type. What passed it is a [`Checked`].

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use jsonschema::Draft;
use serde_json::Value;

use super::expand::Error;
use super::keyword::{Holds, holds, integer_bounds};
use super::normal::Schema;
use crate::artifact::ErasedArtifact;
use crate::canonical;
use crate::names::TypeName;

/// How many characters of a validator's words an error keeps; they quote the payload.
const REASON_CHARS_MAX: usize = 300;

/// A type of one version, as a board records it: enough to check payloads without the Rust type.
#[derive(Clone)]
pub struct TypeSchema(Arc<Parts>);

struct Parts {
    name: TypeName,
    version: u32,
    schema: Schema,
    validator: jsonschema::Validator,
}

/// A payload that is known to be valid for its type: canonical, within its length, and accepted by
/// the schema, by a check or because its Rust type cannot break it.
#[derive(Clone, Debug)]
pub struct Checked {
    canonical: Bytes,
    value: Option<Arc<dyn ErasedArtifact>>,
}

/// A payload that is not valid for its type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a payload of `{type_name}` version {version} is refused{}: {reason}", Place(pointer))]
pub struct PayloadError {
    /// The name of the type.
    pub type_name: String,
    /// Its version.
    pub version: u32,
    /// Where in the payload the trouble is, as a JSON pointer; empty for the whole.
    pub pointer: String,
    /// What the trouble is.
    pub reason: Reason,
}

/// Why a payload is not valid for its type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// It has no canonical form.
    #[error(transparent)]
    Canonical(canonical::Refusal),
    /// The schema says no.
    #[error("{0}")]
    Schema(String),
    /// The value is of another type.
    #[error("the value is a `{0}`")]
    OtherType(&'static str),
    /// It cannot be read as the Rust type.
    #[error("it cannot be read: {0}")]
    Decode(String),
}

struct Place<'p>(&'p str);

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, " at `{}`", self.0) }
    }
}

impl PayloadError {
    /// A payload without canonical form.
    #[must_use]
    pub fn canonical(type_name: &str, version: u32, error: &canonical::Error) -> Self {
        let reason = Reason::Canonical(error.refusal().clone());
        Self {
            type_name: type_name.to_owned(),
            version,
            pointer: error.pointer().to_owned(),
            reason,
        }
    }

    /// A stable name of the trouble, for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match &self.reason {
            Reason::Canonical(_) => "payload-canonical",
            Reason::Schema(_) => "payload-schema",
            Reason::Decode(_) => "payload-decode",
            Reason::OtherType(_) => "payload-other-type",
        }
    }

    /// Whether the same publish may succeed later: never, the payload is what it is.
    #[must_use]
    pub const fn retryable(&self) -> bool {
        false
    }
}

impl Checked {
    pub(crate) const fn new(canonical: Bytes, value: Option<Arc<dyn ErasedArtifact>>) -> Self {
        Self { canonical, value }
    }

    /// The payload as canonical JSON.
    #[must_use]
    pub const fn canonical(&self) -> &Bytes {
        &self.canonical
    }

    /// The payload as canonical JSON, and as a value of its Rust type where that is known.
    #[must_use]
    pub fn into_parts(self) -> (Bytes, Option<Arc<dyn ErasedArtifact>>) {
        (self.canonical, self.value)
    }
}

impl TypeSchema {
    /// Makes the schema ready to check payloads.
    ///
    /// # Errors
    /// When the validator does not understand the schema.
    pub fn new(name: TypeName, version: u32, schema: Schema) -> Result<Self, Error> {
        let validator = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .should_validate_formats(false)
            .build(&bounded(schema.value()))
            .map_err(|error| Error::Unusable { problem: error.to_string() })?;
        Ok(Self(Arc::new(Parts { name, version, schema, validator })))
    }

    /// The name of the type.
    #[must_use]
    pub fn name(&self) -> &TypeName {
        &self.0.name
    }

    /// The version of the type.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.0.version
    }

    /// The schema.
    #[must_use]
    pub fn schema(&self) -> &Schema {
        &self.0.schema
    }

    /// Checks JSON that somebody else wrote.
    ///
    /// # Errors
    /// When it has no canonical form of at most `len_max` bytes, or the schema refuses it.
    pub fn check_json(&self, json: &[u8], len_max: usize) -> Result<Checked, PayloadError> {
        let canonical = canonical::from_json(json, len_max).map_err(|error| {
            PayloadError::canonical(self.name().as_str(), self.version(), &error)
        })?;
        self.validate(&canonical)?;
        Ok(Checked::new(canonical.into(), None))
    }

    /// Asks the schema about a canonical text.
    pub(crate) fn validate(&self, canonical: &[u8]) -> Result<(), PayloadError> {
        let value: Value = canonical::decode(canonical)
            .map_err(|error| self.refuse(String::new(), Reason::Decode(error.to_string())))?;
        self.0.validator.validate(&value).map_err(|error| {
            let text = error.to_string();
            let mut reason: String = text.chars().take(REASON_CHARS_MAX).collect();
            if reason.len() < text.len() {
                reason.push('…');
            }
            self.refuse(error.instance_path().to_string(), Reason::Schema(reason))
        })
    }

    pub(crate) fn refuse(&self, pointer: String, reason: Reason) -> PayloadError {
        let (type_name, version) = (self.name().as_str().to_owned(), self.version());
        PayloadError { type_name, version, pointer, reason }
    }
}

impl fmt::Debug for TypeSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TypeSchema")
            .field("name", self.name())
            .field("version", &self.version())
            .field("schema", self.schema())
            .finish_non_exhaustive()
    }
}

/// The schema with the bounds that its integer formats imply. A type's own schema leaves some of
/// them out, and a process that has no Rust type to try would take 2^40 for a `u32`.
fn bounded(schema: &Value) -> Value {
    let Value::Object(keywords) = schema else { return schema.clone() };
    let mut bounded_keywords = keywords.clone();
    for (keyword, value) in &mut bounded_keywords {
        match (holds(keyword), value) {
            (Holds::Schema, value) => *value = bounded(value),
            (Holds::Tuple | Holds::Branches, Value::Array(schemas)) => {
                schemas.iter_mut().for_each(|schema| *schema = bounded(schema));
            }
            (Holds::Named, Value::Object(schemas)) => {
                schemas.iter_mut().for_each(|(_, schema)| *schema = bounded(schema));
            }
            _ => {}
        }
    }
    if let Some((least, greatest)) = integer_bounds(keywords) {
        for (keyword, bound) in [("minimum", least), ("maximum", greatest)] {
            if let Some(bound) = serde_json::Number::from_i128(bound) {
                bounded_keywords.entry(keyword).or_insert(Value::Number(bound));
            }
        }
    }
    Value::Object(bounded_keywords)
}
