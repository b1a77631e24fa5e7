//! What canonical JSON refuses: where in the payload it stands, and why.

use std::fmt;

use serde::ser;

/// A payload that has no canonical form: where the trouble is, and what it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(Box<Place>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Place {
    pointer: String,
    refusal: Refusal,
}

/// Why a payload has no canonical form.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// A string or a key holds U+0000, which PostgreSQL cannot store.
    #[error("the text {head:?} holds the character U+0000")]
    Nul {
        /// The beginning of the text.
        head: String,
    },
    /// An object has the same key twice.
    #[error("the key {key:?} is there twice")]
    RepeatedKey {
        /// The key.
        key: String,
    },
    /// The bytes are not UTF-8.
    #[error("byte {offset} does not belong to any UTF-8 text")]
    NotUtf8 {
        /// The offset of the first byte that is wrong.
        offset: usize,
    },
    /// Objects and arrays lie too deep inside each other.
    #[error("objects and arrays are nested deeper than {nesting_max}")]
    TooDeep {
        /// How deep they may lie.
        nesting_max: usize,
    },
    /// A number that JSON readers do not agree on.
    #[error("the number {text} is outside i64, u64 and finite f64")]
    Number {
        /// The number as it was given.
        text: String,
    },
    /// The canonical text is too long.
    #[error("it has {len_min} bytes or more, the limit is {len_max}")]
    TooLong {
        /// How many bytes there are at least; the rest was not looked at.
        len_min: usize,
        /// How many there may be.
        len_max: usize,
    },
    /// A map has keys that JSON cannot write as strings.
    #[error("a map key is {what}; JSON has only text keys")]
    Key {
        /// What the key is instead.
        what: &'static str,
    },
    /// The text is not JSON.
    #[error("line {line}, column {column} is not JSON: {problem}")]
    Syntax {
        /// The line, from 1.
        line: usize,
        /// The byte in the line, from 1.
        column: usize,
        /// What was expected there.
        problem: &'static str,
    },
    /// The value's own `Serialize` refused.
    #[error("{text}")]
    Serialize {
        /// What it said.
        text: String,
    },
}

/// How much of a value an error text shows, in characters.
const HEAD_CHARS_MAX: usize = 60;

impl Error {
    pub(super) fn new(refusal: Refusal) -> Self {
        Self(Box::new(Place { pointer: String::new(), refusal }))
    }

    /// The same trouble, seen from the object or array around it.
    pub(super) fn inside(mut self, step: impl fmt::Display) -> Self {
        let inner = std::mem::take(&mut self.0.pointer);
        self.0.pointer = pointer_step(step);
        self.0.pointer.push_str(&inner);
        self
    }

    /// Where in the payload the trouble is, as a JSON pointer (RFC 6901); empty for the whole.
    #[must_use]
    pub fn pointer(&self) -> &str {
        &self.0.pointer
    }

    /// What the trouble is.
    #[must_use]
    pub const fn refusal(&self) -> &Refusal {
        &self.0.refusal
    }

    /// A stable name of the trouble, for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self.0.refusal {
            Refusal::Nul { .. } => "payload-nul",
            Refusal::RepeatedKey { .. } => "payload-repeated-key",
            Refusal::NotUtf8 { .. } => "payload-not-utf8",
            Refusal::TooDeep { .. } => "payload-too-deep",
            Refusal::Number { .. } => "payload-number",
            Refusal::TooLong { .. } => "payload-too-long",
            Refusal::Key { .. } => "payload-key",
            Refusal::Syntax { .. } => "payload-syntax",
            Refusal::Serialize { .. } => "payload-serialize",
        }
    }

    /// Whether the same call may succeed later: never, the payload is what it is.
    #[must_use]
    pub const fn retryable(&self) -> bool {
        false
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.pointer.is_empty() {
            write!(f, "the payload is refused: {}", self.0.refusal)
        } else {
            write!(f, "the payload is refused at `{}`: {}", self.0.pointer, self.0.refusal)
        }
    }
}

impl std::error::Error for Error {}

impl ser::Error for Error {
    fn custom<T: fmt::Display>(text: T) -> Self {
        Self::new(Refusal::Serialize { text: text.to_string() })
    }
}

/// One step of a JSON pointer, with its slash.
pub(crate) fn pointer_step(step: impl fmt::Display) -> String {
    format!("/{}", step.to_string().replace('~', "~0").replace('/', "~1"))
}

/// The beginning of a text, for an error.
pub(super) fn head(text: &str) -> String {
    match text.char_indices().nth(HEAD_CHARS_MAX) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}…", &text[..at]),
    }
}
