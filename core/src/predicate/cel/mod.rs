//! CEL predicates: expressions in Google's Common Expression Language on `payload` and `artifact`,
//! kept as text and evaluated by any process.
//!
//! The crate `cel` reads an expression; what it may contain is checked once, and turned into a tree
//! of our own ([`tree`]) that is evaluated on the canonical text without converting the payload.
//! The evaluator of the crate has no bound, compares integers with fractions through `f64`, and
//! compiles a pattern each time; tests compare the two evaluators where they have to agree.
//!
//! Nothing here loops, so what an evaluation costs is bounded by the expression and by
//! [`WORK_MAX`], whatever the payload is.

mod compile;
mod evaluate;
mod functions;
mod lower;
mod malformed;
#[cfg(test)]
mod tests;
mod tree;
mod value;

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

pub use evaluate::{About, Error, Subject};
pub use malformed::Malformed;

use self::tree::Node;

/// Bytes of one expression.
pub const SOURCE_LEN_MAX: usize = 4096;
/// Parts of one expression: names, values, operators, calls.
pub const NODES_MAX: usize = 256;
/// Operators, points, commas and brackets in the text of one expression, those in texts included:
/// what bounds the parser before it begins.
pub const MARKS_MAX: usize = 512;
/// Brackets inside each other in the text of one expression, those in texts included.
pub const BRACKETS_MAX: usize = 24;
/// Parts inside each other in one expression.
pub const DEPTH_MAX: usize = 32;
/// Bytes that one evaluation may read or write: texts that are compared, joined or searched, and
/// what is passed over on the way to a field.
pub const WORK_MAX: usize = 64 * 1024 * 1024;
/// Bytes that a compiled pattern may take.
pub const PATTERN_LEN_MAX: usize = 256 * 1024;

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
        let evaluated = catch_unwind(AssertUnwindSafe(|| evaluate::evaluate(node, subject)));
        evaluated.unwrap_or(Err(Error::Panicked))
    }

    /// A stored expression was checked when it was registered. A log is folded whatever this release
    /// thinks of its expressions, so one that cannot be compiled is an error only where it is asked.
    fn compiled(&self) -> Result<&Node, &Malformed> {
        self.compiled.get_or_init(|| compile::compile(&self.source)).as_ref()
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
