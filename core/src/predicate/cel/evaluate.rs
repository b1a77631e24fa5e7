//! Evaluation of a compiled expression: every part at most once, and all within a bound of work.

use std::borrow::Cow;

use super::malformed::Malformed;
use super::tree::{Attribute, Comparison, Node, TextTest};
use super::value::Value;
use super::{WORK_MAX, functions};
use crate::canonical::scan::{self, NotCanonical};
use crate::envelope::{Envelope, Producer};
use crate::predicate::path::Path;

/// What an expression is evaluated on.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The payload, canonical JSON.
    pub payload: &'a [u8],
    /// The rest of the artifact; where it is not known, an expression that asks for it has no answer.
    pub about: Option<About<'a>>,
}

/// What is known of an artifact, beside its payload, when it is matched.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// The artifact without its payload.
    pub envelope: &'a Envelope,
    /// The name of its type.
    pub type_name: &'a str,
    /// The name of the agent that made it, if one did.
    pub agent: Option<&'a str>,
}

/// An expression that has no answer for an artifact.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A field is not there.
    #[error("the field `{field}` is missing; ask with `has` whether it is there")]
    Missing {
        /// The field.
        field: String,
    },
    /// A value is of a kind that has no answer to the question.
    #[error("{found} is given; {wanted}")]
    Kind {
        /// What is given.
        found: &'static str,
        /// What the question needs.
        wanted: &'static str,
    },
    /// A list has no such element.
    #[error("a list has no element {index}")]
    Index {
        /// Which one.
        index: i128,
    },
    /// A number leaves its range, or a text is none.
    #[error("{problem}")]
    Number {
        /// What is wrong.
        problem: &'static str,
    },
    /// It takes too much work.
    #[error("the expression had to look at more than {WORK_MAX} bytes, which is the limit")]
    Bound,
    /// The payload is damaged.
    #[error("the expression cannot be evaluated")]
    NotCanonical(#[from] NotCanonical),
    /// The expression was stored by a release that understood it.
    #[error("the expression cannot be compiled")]
    Malformed(#[source] Malformed),
    /// The evaluation panicked.
    #[error("the evaluation panicked")]
    Panicked,
}

impl Error {
    /// A stable name of the trouble, for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "predicate-missing-field",
            Self::Kind { .. } => "predicate-kind",
            Self::Index { .. } => "predicate-index",
            Self::Number { .. } => "predicate-number",
            Self::Bound => "predicate-bound",
            Self::NotCanonical(_) => "payload-damaged",
            Self::Malformed(malformed) => malformed.code(),
            Self::Panicked => "predicate-panic",
        }
    }

    /// Whether the same evaluation may succeed later: never, the artifact is what it is.
    #[must_use]
    pub const fn retryable(&self) -> bool {
        false
    }
}

/// Whether an artifact meets the predicate.
pub(super) fn evaluate(node: &Node, subject: &Subject<'_>) -> Result<bool, Error> {
    let mut run = Run { subject, left: WORK_MAX };
    run.truth(node)
}

pub(super) struct Run<'a> {
    subject: &'a Subject<'a>,
    left: usize,
}

impl<'a> Run<'a> {
    /// Takes work off the bound.
    pub(super) fn work(&mut self, bytes: usize) -> Result<(), Error> {
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => Err(Error::Bound),
        }
    }

    fn truth(&mut self, node: &'a Node) -> Result<bool, Error> {
        match self.value(node)? {
            Value::Bool(truth) => Ok(truth),
            other => Err(Error::Kind {
                found: other.kind(),
                wanted: "a predicate, and what `!`, `&&`, `||` and `?` are asked of, is true or false",
            }),
        }
    }

    fn value(&mut self, node: &'a Node) -> Result<Value<'a>, Error> {
        match node {
            Node::Literal(value) => Ok(value.clone()),
            Node::Payload(path) => self.field(path),
            Node::Artifact(attribute) => {
                let field = || format!("artifact.{}", attribute.name());
                self.attribute(*attribute)?.ok_or_else(|| Error::Missing { field: field() })
            }
            Node::Select(object, key) => {
                let object = self.value(object)?;
                self.select(&object, key)
            }
            Node::Index(operands) => self.index(operands),
            Node::Has(object, key) => match self.value(object)? {
                Value::JsonObject(text) => Ok(Value::Bool(self.entry(text, key)?.is_some())),
                other => Err(Error::Kind {
                    found: other.kind(),
                    wanted: "`has` asks for a field of an object",
                }),
            },
            Node::HasAttribute(attribute) => Ok(Value::Bool(self.attribute(*attribute)?.is_some())),
            Node::List(elements) => {
                let values = elements.iter().map(|element| self.value(element));
                Ok(Value::List(values.collect::<Result<_, _>>()?))
            }
            Node::Choose(parts) => {
                let chosen = if self.truth(&parts[0])? { &parts[1] } else { &parts[2] };
                self.value(chosen)
            }
            Node::Negate(operand) => functions::negate(self.value(operand)?),
            Node::Arithmetic(operator, operands) => {
                let (left, right) = self.both(operands)?;
                functions::arithmetic(self, *operator, left, &right)
            }
            Node::Call(function, argument) => {
                let argument = self.value(argument)?;
                self.work(argument.len())?;
                functions::call(*function, argument)
            }
            Node::Not(_)
            | Node::And(_)
            | Node::Or(_)
            | Node::Equal { .. }
            | Node::Compare(..)
            | Node::In(_)
            | Node::OfText(..)
            | Node::Matches(..) => self.test(node).map(Value::Bool),
        }
    }

    /// The parts that say yes or no.
    fn test(&mut self, node: &'a Node) -> Result<bool, Error> {
        match node {
            Node::Not(operand) => self.truth(operand).map(|truth| !truth),
            Node::And(operands) => self.decide(operands, false),
            Node::Or(operands) => self.decide(operands, true),
            Node::Equal { negated, operands } => {
                let (left, right) = self.both(operands)?;
                self.work(left.len().min(right.len()))?;
                Ok(left.equals(&right)? != *negated)
            }
            Node::Compare(comparison, operands) => {
                let (left, right) = self.both(operands)?;
                self.work(left.len().min(right.len()))?;
                let ordering = left.compare(&right).ok_or_else(|| Error::Kind {
                    found: if left.kind() == "a number" { right.kind() } else { left.kind() },
                    wanted: "only numbers, text with text, and truth with truth are above or below \
                             each other",
                })?;
                Ok(match comparison {
                    Comparison::Less => ordering.is_lt(),
                    Comparison::AtMost => ordering.is_le(),
                    Comparison::Greater => ordering.is_gt(),
                    Comparison::AtLeast => ordering.is_ge(),
                })
            }
            Node::In(operands) => {
                let (item, container) = self.both(operands)?;
                self.is_in(&item, &container)
            }
            Node::OfText(test, operands) => {
                let (text, part) = self.both(operands)?;
                self.work(text.len())?;
                match (&text, &part) {
                    (Value::Text(text), Value::Text(part)) => Ok(match test {
                        TextTest::Contains => text.contains(&**part),
                        TextTest::StartsWith => text.starts_with(&**part),
                        TextTest::EndsWith => text.ends_with(&**part),
                    }),
                    (Value::Text(_), other) | (other, _) => Err(Error::Kind {
                        found: other.kind(),
                        wanted: "`contains`, `startsWith` and `endsWith` are asked of text, about text",
                    }),
                }
            }
            Node::Matches(text, pattern) => match self.value(text)? {
                Value::Text(text) => {
                    // A longer pattern may do more at each byte.
                    self.work(text.len().saturating_mul(1 + pattern.as_str().len() / 16))?;
                    Ok(pattern.is_match(&text))
                }
                other => {
                    Err(Error::Kind { found: other.kind(), wanted: "`matches` is asked of text" })
                }
            },
            other => self.truth(other),
        }
    }

    fn both(&mut self, operands: &'a [Node; 2]) -> Result<(Value<'a>, Value<'a>), Error> {
        let left = self.value(&operands[0])?;
        Ok((left, self.value(&operands[1])?))
    }

    /// The answer `deciding` of either operand is the answer of both; without one, an error is.
    fn decide(&mut self, operands: &'a [Node; 2], deciding: bool) -> Result<bool, Error> {
        let left = self.truth(&operands[0]);
        if left == Ok(deciding) || left == Err(Error::Bound) {
            return left;
        }
        match self.truth(&operands[1]) {
            Ok(right) if right == deciding => Ok(deciding),
            Err(Error::Bound) => Err(Error::Bound),
            right => left.and(right),
        }
    }

    /// A field of the payload, by its path.
    fn field(&mut self, path: &Path) -> Result<Value<'a>, Error> {
        let payload = self.subject.payload;
        let found = path.find(payload)?;
        self.work(passed(payload, found))?;
        let text = found.ok_or_else(|| Error::Missing { field: path.to_string() })?;
        Value::read(text)
    }

    fn entry(&mut self, object: &'a [u8], key: &str) -> Result<Option<&'a [u8]>, Error> {
        let found = scan::entry(object, key)?;
        self.work(passed(object, found))?;
        Ok(found)
    }

    fn select(&mut self, object: &Value<'a>, key: &str) -> Result<Value<'a>, Error> {
        let Value::JsonObject(text) = *object else {
            let (found, wanted) = (object.kind(), "only an object has fields");
            return Err(Error::Kind { found, wanted });
        };
        let found = self.entry(text, key)?;
        Value::read(found.ok_or_else(|| Error::Missing { field: key.to_owned() })?)
    }

    fn index(&mut self, operands: &'a [Node; 2]) -> Result<Value<'a>, Error> {
        let (of, index) = self.both(operands)?;
        match (of, index) {
            (object @ Value::JsonObject(_), Value::Text(key)) => self.select(&object, &key),
            (Value::JsonList(text), Value::Integer(index)) => {
                let at = usize::try_from(index).map_err(|_| Error::Index { index })?;
                let found = scan::elements(text).nth(at).transpose()?;
                self.work(passed(text, found))?;
                Value::read(found.ok_or(Error::Index { index })?)
            }
            (Value::List(mut values), Value::Integer(index)) => {
                let at = usize::try_from(index).ok().filter(|&at| at < values.len());
                Ok(values.swap_remove(at.ok_or(Error::Index { index })?))
            }
            (of, _) => Err(Error::Kind {
                found: of.kind(),
                wanted: "only a list has elements, by integers, and an object fields, by text",
            }),
        }
    }

    fn is_in(&mut self, item: &Value<'a>, container: &Value<'a>) -> Result<bool, Error> {
        match container {
            Value::JsonList(text) => {
                self.work(text.len())?;
                for element in scan::elements(text) {
                    if Value::read(element?)?.equals(item)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Value::List(values) => {
                for value in values {
                    self.work(value.len().min(item.len()))?;
                    if value.equals(item)? {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Value::JsonObject(text) => match item {
                Value::Text(key) => Ok(self.entry(text, key)?.is_some()),
                // They could be keys elsewhere, in JSON they are none.
                Value::Bool(_) | Value::Integer(_) | Value::Fraction(_) => Ok(false),
                other => Err(Error::Kind {
                    found: other.kind(),
                    wanted: "the keys of an object are text",
                }),
            },
            other => Err(Error::Kind {
                found: other.kind(),
                wanted: "`in` looks into a list, or for a key of an object",
            }),
        }
    }

    fn attribute(&self, attribute: Attribute) -> Result<Option<Value<'a>>, Error> {
        let Some(About { envelope, type_name, agent }) = self.subject.about else {
            return Ok(None);
        };
        let text = |text: &'a str| Some(Value::Text(Cow::Borrowed(text)));
        Ok(match attribute {
            Attribute::Id => Some(Value::Text(envelope.id.to_string().into())),
            Attribute::Type => text(type_name),
            Attribute::Producer => match &envelope.producer {
                Producer::Program(name) => text(name.as_str()),
                Producer::Agent { .. } => agent.and_then(text),
                Producer::Operator(name) => text(name.as_str()),
                Producer::Board => text("board"),
            },
            Attribute::ProducerKind => text(match &envelope.producer {
                Producer::Program(_) => "program",
                Producer::Agent { .. } => "agent",
                Producer::Operator(_) => "operator",
                Producer::Board => "board",
            }),
            Attribute::Correlation => Some(Value::Text(envelope.correlation.to_string().into())),
            Attribute::Depth => Some(Value::Integer(envelope.depth.into())),
            Attribute::Tags => {
                let tags = envelope.tags.iter();
                let tags = tags.map(|tag| Value::Text(Cow::Borrowed(tag.as_str())));
                Some(Value::List(tags.collect()))
            }
            Attribute::OrderingKey => {
                envelope.ordering_key.as_ref().and_then(|key| text(key.as_str()))
            }
        })
    }
}

/// How many bytes of a text were passed over to find a part of it; all where it was not found.
fn passed(text: &[u8], found: Option<&[u8]>) -> usize {
    found.map_or(text.len(), |part| {
        let start = part.as_ptr().addr().saturating_sub(text.as_ptr().addr());
        start.saturating_add(part.len()).min(text.len())
    })
}
