//! An expression as it is stored: its text, compiled once and shared.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::compile::compile;
use super::evaluate::{Error, Subject, evaluate};
use super::malformed::Malformed;
use super::tree::Node;

/// A CEL predicate: its text, and what it was compiled to. Copies share what was compiled; equal
/// are those of the same text.
#[derive(Clone, Serialize, Deserialize)]
#[serde(from = "SmolStr", into = "SmolStr")]
pub struct Cel {
    source: SmolStr,
    compiled: Arc<OnceLock<Result<Node, Malformed>>>,
}

impl Cel {
    /// Reads and checks an expression.
    ///
    /// # Errors
    /// When it is too large, no CEL, asks for what is not there or may take too long, or does not
    /// say yes or no.
    pub fn new(source: impl Into<SmolStr>) -> Result<Self, Malformed> {
        let cel = Self::from(source.into());
        match cel.compiled() {
            Ok(_) => Ok(cel),
            Err(malformed) => Err(malformed.clone()),
        }
    }

    /// The text of the expression.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether an artifact meets the predicate.
    ///
    /// # Errors
    /// When the expression has no answer for it: a field is missing or of a kind that the question
    /// does not suit, a number leaves its range, or the work that is needed passes its bound.
    pub fn evaluate(&self, subject: &Subject<'_>) -> Result<bool, Error> {
        let node = self.compiled().map_err(|malformed| Error::Malformed(malformed.clone()))?;
        let evaluated = catch_unwind(AssertUnwindSafe(|| evaluate(node, subject)));
        evaluated.unwrap_or(Err(Error::Panicked))
    }

    /// A stored expression was checked when it was registered. A log is folded whatever this release
    /// thinks of its expressions, so one that cannot be compiled is an error only where it is asked.
    fn compiled(&self) -> Result<&Node, &Malformed> {
        self.compiled.get_or_init(|| compile(&self.source)).as_ref()
    }
}

impl From<SmolStr> for Cel {
    fn from(source: SmolStr) -> Self {
        Self { source, compiled: Arc::default() }
    }
}

impl From<Cel> for SmolStr {
    fn from(cel: Cel) -> Self {
        cel.source
    }
}

impl PartialEq for Cel {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source
    }
}

impl Eq for Cel {}

impl fmt::Debug for Cel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Cel").field(&self.source).finish()
    }
}

impl fmt::Display for Cel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}
