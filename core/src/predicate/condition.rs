//! Conditions: predicates that are being written. A mistake is kept and comes out where the
//! condition is built into a predicate, so that expressions stay expressions.

use std::ops::{BitAnd, BitOr, Not};

use super::path::Path;
use super::scalar::NotScalar;
use super::tree::{Check, Node, Predicate, Size, Test};
use super::{DEPTH_MAX, NODES_MAX, TEXT_LEN_MAX};
use crate::canonical;

/// A predicate that is being written, by [`Field`](super::Field)'s methods and `&`, `|`, `!`.
#[derive(Clone, Debug)]
#[must_use = "a condition does nothing until it is given to a subscription"]
pub struct Condition(Result<(Node, Size), Malformed>);

/// A condition that cannot be built.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Malformed {
    /// It has too many parts.
    #[error("the predicate has {nodes} parts, the limit is {NODES_MAX}")]
    TooManyNodes {
        /// How many it has.
        nodes: usize,
    },
    /// Its parts lie too deep inside each other.
    #[error("the predicate is nested {depth} deep, the limit is {DEPTH_MAX}")]
    TooDeep {
        /// How deep they lie.
        depth: usize,
    },
    /// Its keys and texts are too long.
    #[error("the texts of the predicate have {text_len} bytes, the limit is {TEXT_LEN_MAX}")]
    TooLong {
        /// How many bytes they have.
        text_len: usize,
    },
    /// A field is compared with a list or an object.
    #[error(
        "`{path}` is compared with a list or an object; only null, true, false, numbers and text can be compared"
    )]
    Compound {
        /// The field.
        path: Path,
    },
    /// A field is compared with a value that no payload can hold.
    #[error("`{path}` is compared with a value that no payload can hold")]
    Refused {
        /// The field.
        path: Path,
        /// What is wrong with the value.
        #[source]
        source: canonical::Error,
    },
}

impl Malformed {
    /// A stable name of the trouble, for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooManyNodes { .. } | Self::TooDeep { .. } | Self::TooLong { .. } => {
                "predicate-too-large"
            }
            Self::Compound { .. } | Self::Refused { .. } => "predicate-value",
        }
    }

    /// Whether the same call may succeed later: never, the program has to change.
    #[must_use]
    pub const fn retryable(&self) -> bool {
        false
    }
}

impl Condition {
    pub(super) fn test(path: Path, optional: bool, check: Result<Check, NotScalar>) -> Self {
        let test = match check {
            Ok(check) => Test { path, optional, check },
            Err(NotScalar::Compound) => return Self(Err(Malformed::Compound { path })),
            Err(NotScalar::Refused(source)) => {
                return Self(Err(Malformed::Refused { path, source }));
            }
        };
        let size = test.size();
        Self::sized(Node::Test(test), size)
    }

    fn sized(node: Node, size: Size) -> Self {
        Self(size.check().map(|()| (node, size)))
    }

    /// Makes the predicate.
    ///
    /// # Errors
    /// The first mistake in the condition, from the left.
    pub fn build(self) -> Result<Predicate, Malformed> {
        Predicate::new(self.0?.0)
    }

    /// Joins two conditions under a connective; operands that are the same connective are merged
    /// into it, so that a long chain of `&` is not deep.
    fn join(
        self,
        other: Self,
        connective: fn(Vec<Node>) -> Node,
        operands: fn(Node) -> Result<Vec<Node>, Node>,
    ) -> Self {
        let ((left, _), (right, _)) = match (self.0, other.0) {
            (Ok(left), Ok(right)) => (left, right),
            (Err(error), _) | (_, Err(error)) => return Self(Err(error)),
        };
        let mut nodes = operands(left).unwrap_or_else(|node| vec![node]);
        nodes.extend(operands(right).unwrap_or_else(|node| vec![node]));
        let node = connective(nodes);
        let size = Size::of(&node);
        Self::sized(node, size)
    }
}

impl BitAnd for Condition {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        self.join(other, Node::All, |node| match node {
            Node::All(nodes) => Ok(nodes),
            Node::Any(_) | Node::Not(_) | Node::Test(_) => Err(node),
        })
    }
}

impl BitOr for Condition {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.join(other, Node::Any, |node| match node {
            Node::Any(nodes) => Ok(nodes),
            Node::All(_) | Node::Not(_) | Node::Test(_) => Err(node),
        })
    }
}

impl Not for Condition {
    type Output = Self;

    fn not(self) -> Self {
        match self.0 {
            Ok((Node::Not(inner), _)) => {
                let size = Size::of(&inner);
                Self::sized(*inner, size)
            }
            Ok((node, size)) => {
                Self::sized(Node::Not(Box::new(node)), Size::connective().around(size))
            }
            Err(error) => Self(Err(error)),
        }
    }
}

impl TryFrom<Condition> for Predicate {
    type Error = Malformed;

    fn try_from(condition: Condition) -> Result<Self, Malformed> {
        condition.build()
    }
}
