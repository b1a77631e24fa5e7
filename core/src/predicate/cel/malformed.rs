//! An expression that cannot be a predicate: where it is wrong, how, and what to write instead.

use super::{BRACKETS_MAX, DEPTH_MAX, MARKS_MAX, NODES_MAX, SOURCE_LEN_MAX};

/// An expression that cannot be a predicate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// Its text is too long.
    #[error("it has {len} bytes, the limit is {SOURCE_LEN_MAX}; make several subscriptions of it")]
    TooLong {
        /// How many bytes it has.
        len: usize,
    },
    /// It has too many operators, points, commas and brackets.
    #[error(
        "it has {marks} operators, points, commas and brackets, the limit is {MARKS_MAX}; \
         make several subscriptions of it"
    )]
    TooManyMarks {
        /// How many it has.
        marks: usize,
    },
    /// It has too many parts.
    #[error("it has {nodes} parts, the limit is {NODES_MAX}; make several subscriptions of it")]
    TooManyNodes {
        /// How many it has.
        nodes: usize,
    },
    /// Its brackets lie too deep inside each other.
    #[error(
        "line {line}, column {column}: brackets are nested {BRACKETS_MAX} deep already; \
         write it with fewer"
    )]
    TooManyBrackets {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// Its parts lie too deep inside each other.
    #[error(
        "line {line}, column {column}: parts are nested {DEPTH_MAX} deep already; \
         write it with fewer"
    )]
    TooDeep {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// It is not CEL.
    #[error("line {line}, column {column}: this is not CEL: {problem}")]
    Syntax {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What the parser says.
        problem: String,
    },
    /// A part of it is not allowed in a predicate.
    #[error("line {line}, column {column}: {problem}; {advice}")]
    Refused {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
        /// What is not allowed.
        problem: String,
        /// What to write instead.
        advice: &'static str,
    },
    /// The parser panicked.
    #[error("the parser of CEL cannot cope with it; write it in another way")]
    Panicked,
}

impl Malformed {
    /// A stable name of the trouble, for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLong { .. }
            | Self::TooManyMarks { .. }
            | Self::TooManyNodes { .. }
            | Self::TooManyBrackets { .. }
            | Self::TooDeep { .. } => "cel-too-large",
            Self::Syntax { .. } | Self::Panicked => "cel-syntax",
            Self::Refused { .. } => "cel-refused",
        }
    }

    /// Whether the same call may succeed later: never, the program has to change.
    #[must_use]
    pub const fn retryable(&self) -> bool {
        false
    }
}
