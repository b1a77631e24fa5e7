//! Evaluation: yes, no, or why it cannot be said.

use std::cmp::Ordering;

use super::path::Path;
use super::scalar::Scalar;
use super::tree::{Check, Node, Test};
use crate::canonical::scan::{self, NotCanonical};

/// A predicate that has no answer for a payload.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A field is not there, and its type does not say that it may be missing.
    #[error("the field `{path}` is missing")]
    Missing {
        /// The field.
        path: Path,
    },
    /// A field is of a kind that has no answer to the question.
    #[error("the field `{path}` is {found}; {wanted}")]
    Kind {
        /// The field.
        path: Path,
        /// What the field is.
        found: &'static str,
        /// What the question needs.
        wanted: &'static str,
    },
    /// The payload is damaged.
    #[error("a predicate cannot be evaluated")]
    NotCanonical(#[from] NotCanonical),
}

impl Error {
    /// A stable name of the trouble, for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "predicate-missing-field",
            Self::Kind { .. } => "predicate-kind",
            Self::NotCanonical(_) => "payload-damaged",
        }
    }

    /// Whether the same evaluation may succeed later: never, the payload is what it is.
    #[must_use]
    pub const fn retryable(&self) -> bool {
        false
    }
}

impl Node {
    pub(super) fn evaluate(&self, payload: &[u8]) -> Result<bool, Error> {
        match self {
            Self::All(nodes) => decide(nodes, payload, false),
            Self::Any(nodes) => decide(nodes, payload, true),
            Self::Not(node) => node.evaluate(payload).map(|answer| !answer),
            Self::Test(test) => test.evaluate(payload),
        }
    }
}

/// The answer `deciding` of any operand is the answer of all; without one, an error is.
fn decide(nodes: &[Node], payload: &[u8], deciding: bool) -> Result<bool, Error> {
    let mut answer = Ok(!deciding);
    for node in nodes {
        match node.evaluate(payload) {
            Ok(operand) if operand == deciding => return Ok(deciding),
            Ok(_) => {}
            Err(error) => answer = answer.and(Err(error)),
        }
    }
    answer
}

impl Test {
    fn evaluate(&self, payload: &[u8]) -> Result<bool, Error> {
        let found = self.path.find(payload)?;
        if self.check == Check::Exists {
            return Ok(found.is_some_and(|value| value != b"null"));
        }
        match found {
            Some(b"null") | None if self.optional => Ok(self.check.of_nothing()),
            Some(value) => self.check_value(value),
            None => Err(Error::Missing { path: self.path.clone() }),
        }
    }

    fn check_value(&self, value: &[u8]) -> Result<bool, Error> {
        match &self.check {
            Check::Exists => Ok(true),
            Check::Equal(wanted) => equal(value, wanted),
            Check::NotEqual(wanted) => equal(value, wanted).map(|equal| !equal),
            Check::Less(than) => self.ordered(value, than).map(Ordering::is_lt),
            Check::AtMost(than) => self.ordered(value, than).map(Ordering::is_le),
            Check::Greater(than) => self.ordered(value, than).map(Ordering::is_gt),
            Check::AtLeast(than) => self.ordered(value, than).map(Ordering::is_ge),
            Check::OneOf(values) => one_of(values.iter().map(|wanted| equal(value, wanted))),
            Check::Contains(wanted) => self.contains(value, wanted),
            Check::StartsWith(start) => match value {
                [b'"', ..] => Ok(scan::text(value)?.starts_with(start.as_str())),
                _ => Err(self.kind(value, "only text starts with something")),
            },
        }
    }

    fn ordered(&self, value: &[u8], than: &Scalar) -> Result<Ordering, Error> {
        Scalar::read(value).and_then(|value| value.compare(than)).ok_or_else(|| {
            self.kind(value, "only numbers, and text with text, are above or below each other")
        })
    }

    fn contains(&self, value: &[u8], wanted: &Scalar) -> Result<bool, Error> {
        match (value, wanted) {
            ([b'[', ..], _) => one_of(scan::elements(value).map(|element| equal(element?, wanted))),
            ([b'"', ..], Scalar::Text(part)) => Ok(scan::text(value)?.contains(part.as_str())),
            _ => Err(self.kind(value, "only a list, or a text for a text, contains something")),
        }
    }

    fn kind(&self, value: &[u8], wanted: &'static str) -> Error {
        let found = match value.first() {
            Some(b'n') => "null",
            Some(b't' | b'f') => "true or false",
            Some(b'"') => "text",
            Some(b'[') => "a list",
            Some(b'{') => "an object",
            _ => "a number",
        };
        Error::Kind { path: self.path.clone(), found, wanted }
    }
}

impl Check {
    /// The answer for an optional field that is null or absent.
    fn of_nothing(&self) -> bool {
        match self {
            Self::Equal(wanted) => *wanted == Scalar::Null,
            Self::NotEqual(wanted) => *wanted != Scalar::Null,
            Self::OneOf(values) => values.contains(&Scalar::Null),
            Self::Exists
            | Self::Less(_)
            | Self::AtMost(_)
            | Self::Greater(_)
            | Self::AtLeast(_)
            | Self::Contains(_)
            | Self::StartsWith(_) => false,
        }
    }
}

fn equal(value: &[u8], wanted: &Scalar) -> Result<bool, Error> {
    match (value, wanted) {
        ([b'"', ..], Scalar::Text(wanted)) => Ok(scan::text(value)? == wanted.as_str()),
        ([b'"', ..], _) | (_, Scalar::Text(_)) => Ok(false),
        _ => Ok(Scalar::read(value).as_ref() == Some(wanted)),
    }
}

fn one_of(mut answers: impl Iterator<Item = Result<bool, Error>>) -> Result<bool, Error> {
    answers.try_fold(false, |found, answer| Ok(found || answer?))
}
