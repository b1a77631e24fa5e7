//! Predicates over field paths: portable, kept in events, evaluated on canonical JSON.

use serde::{Deserialize, Serialize};

/// A predicate over the fields of a payload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Predicate {
    /// Always true.
    True,
}

impl Predicate {
    /// Whether the predicate holds for a payload.
    ///
    /// # Errors
    /// Never.
    pub fn evaluate(&self, _payload: &[u8]) -> Result<bool, std::convert::Infallible> {
        match self {
            Self::True => Ok(true),
        }
    }
}
