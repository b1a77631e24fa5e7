//! A compiled expression: only what a predicate may contain, with fields found by their paths and
//! patterns compiled.

use regex::Regex;
use smol_str::SmolStr;

use super::value::Value;
use crate::predicate::path::Path;

/// A part of an expression.
#[derive(Debug)]
pub(super) enum Node {
    Literal(Value<'static>),
    /// A field of the payload, by the keys and indexes that the text itself names.
    Payload(Path),
    Artifact(Attribute),
    Select(Box<Self>, SmolStr),
    Index(Box<[Self; 2]>),
    /// Whether an object has a key.
    Has(Box<Self>, SmolStr),
    /// Whether the artifact has the attribute.
    HasAttribute(Attribute),
    List(Vec<Self>),
    Not(Box<Self>),
    Negate(Box<Self>),
    And(Box<[Self; 2]>),
    Or(Box<[Self; 2]>),
    Choose(Box<[Self; 3]>),
    Equal {
        negated: bool,
        operands: Box<[Self; 2]>,
    },
    Compare(Comparison, Box<[Self; 2]>),
    In(Box<[Self; 2]>),
    Arithmetic(Operator, Box<[Self; 2]>),
    Call(Function, Box<Self>),
    OfText(TextTest, Box<[Self; 2]>),
    Matches(Box<Self>, Box<Regex>),
}

/// What is known of an artifact beside its payload when it is matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attribute {
    Id,
    Type,
    Producer,
    ProducerKind,
    Correlation,
    Depth,
    Tags,
    OrderingKey,
}

impl Attribute {
    pub(super) const ALL: [Self; 8] = [
        Self::Id,
        Self::Type,
        Self::Producer,
        Self::ProducerKind,
        Self::Correlation,
        Self::Depth,
        Self::Tags,
        Self::OrderingKey,
    ];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Type => "type",
            Self::Producer => "producer",
            Self::ProducerKind => "producer_kind",
            Self::Correlation => "correlation",
            Self::Depth => "depth",
            Self::Tags => "tags",
            Self::OrderingKey => "ordering_key",
        }
    }
}

/// An order that is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Less,
    AtMost,
    Greater,
    AtLeast,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

/// A function of one value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Function {
    Size,
    Int,
    Uint,
    Double,
    String,
}

/// A question about two texts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextTest {
    Contains,
    StartsWith,
    EndsWith,
}

impl Node {
    /// What the part gives where that does not depend on the artifact: true for yes or no, false
    /// for something else.
    pub(super) fn says_yes_or_no(&self) -> Option<bool> {
        match self {
            Self::Literal(value) => Some(matches!(value, Value::Bool(_))),
            Self::Payload(_) | Self::Select(..) | Self::Index(_) => None,
            Self::Choose(parts) => {
                let values = parts[1..].iter().all(|part| part.says_yes_or_no() == Some(false));
                values.then_some(false)
            }
            Self::Artifact(_)
            | Self::List(_)
            | Self::Negate(_)
            | Self::Arithmetic(..)
            | Self::Call(..) => Some(false),
            Self::Has(..)
            | Self::HasAttribute(_)
            | Self::Not(_)
            | Self::And(_)
            | Self::Or(_)
            | Self::Equal { .. }
            | Self::Compare(..)
            | Self::In(_)
            | Self::OfText(..)
            | Self::Matches(..) => Some(true),
        }
    }
}
