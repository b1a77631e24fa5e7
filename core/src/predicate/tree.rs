//! A predicate as it is stored: tests on fields, joined by and, or and not. The order of the
//! variants is part of the format of events.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::condition::Malformed;
use super::evaluate::Error;
use super::path::Path;
use super::scalar::Scalar;
use super::{DEPTH_MAX, NODES_MAX, TEXT_LEN_MAX};

/// A predicate over the fields of a payload, within its bounds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Node", into = "Node")]
pub struct Predicate(Node);

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Node {
    All(Vec<Self>),
    Any(Vec<Self>),
    Not(Box<Self>),
    Test(Test),
}

/// One look at one field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Test {
    pub(super) path: Path,
    /// Whether null and absence are an answer here, and the same one.
    pub(super) optional: bool,
    pub(super) check: Check,
}

/// What is asked of a field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Check {
    Exists,
    Equal(Scalar),
    NotEqual(Scalar),
    Less(Scalar),
    AtMost(Scalar),
    Greater(Scalar),
    AtLeast(Scalar),
    OneOf(Vec<Scalar>),
    Contains(Scalar),
    StartsWith(SmolStr),
}

impl Predicate {
    pub(super) fn new(node: Node) -> Result<Self, Malformed> {
        Size::of(&node).check()?;
        Ok(Self(node))
    }

    pub(super) const fn node(&self) -> &Node {
        &self.0
    }

    /// Whether a payload, given as canonical JSON, meets the predicate.
    ///
    /// # Errors
    /// When a field that is needed for the answer is missing, or of a kind that cannot be compared
    /// in this way.
    pub fn evaluate(&self, canonical: &[u8]) -> Result<bool, Error> {
        self.0.evaluate(canonical)
    }
}

impl TryFrom<Node> for Predicate {
    type Error = Malformed;

    fn try_from(node: Node) -> Result<Self, Malformed> {
        Self::new(node)
    }
}

impl From<Predicate> for Node {
    fn from(predicate: Predicate) -> Self {
        predicate.0
    }
}

/// How large a predicate is, in the three ways that have a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) nodes: usize,
    pub(super) depth: usize,
    pub(super) text_len: usize,
}

impl Size {
    pub(super) fn of(node: &Node) -> Self {
        match node {
            Node::All(nodes) | Node::Any(nodes) => {
                nodes.iter().map(Self::of).fold(Self::connective(), Self::around)
            }
            Node::Not(node) => Self::connective().around(Self::of(node)),
            Node::Test(test) => test.size(),
        }
    }

    pub(super) const fn connective() -> Self {
        Self { nodes: 1, depth: 1, text_len: 0 }
    }

    /// The size of a connective with one more operand.
    pub(super) fn around(self, operand: Self) -> Self {
        Self {
            nodes: self.nodes + operand.nodes,
            depth: self.depth.max(operand.depth + 1),
            text_len: self.text_len + operand.text_len,
        }
    }

    pub(super) const fn check(self) -> Result<(), Malformed> {
        if self.nodes > NODES_MAX {
            return Err(Malformed::TooManyNodes { nodes: self.nodes });
        }
        if self.depth > DEPTH_MAX {
            return Err(Malformed::TooDeep { depth: self.depth });
        }
        if self.text_len > TEXT_LEN_MAX {
            return Err(Malformed::TooLong { text_len: self.text_len });
        }
        Ok(())
    }
}

impl Test {
    pub(super) fn size(&self) -> Size {
        let scalar_len = |scalar: &Scalar| match scalar {
            Scalar::Text(text) => text.len(),
            Scalar::Null
            | Scalar::Bool(_)
            | Scalar::Negative(_)
            | Scalar::Unsigned(_)
            | Scalar::Float { .. } => 0,
        };
        let (more, len) = match &self.check {
            Check::Exists => (0, 0),
            Check::Equal(value)
            | Check::NotEqual(value)
            | Check::Less(value)
            | Check::AtMost(value)
            | Check::Greater(value)
            | Check::AtLeast(value)
            | Check::Contains(value) => (0, scalar_len(value)),
            Check::OneOf(values) => (values.len(), values.iter().map(scalar_len).sum()),
            Check::StartsWith(text) => (0, text.len()),
        };
        Size { nodes: 1 + more, depth: 0, text_len: self.path.text_len() + len }
    }
}
