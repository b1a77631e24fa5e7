//! The values of expressions. Lists and objects of a payload stay canonical text; a number of a
//! payload has no kind but whether it has a fraction, since JSON has no other.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::evaluate::Error;
use crate::canonical::scan;
use crate::predicate::scalar::{Scalar, compare_exactly};

/// A value.
#[derive(Clone, Debug)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    /// From `i64::MIN` to `u64::MAX`.
    Integer(i128),
    Fraction(f64),
    Text(Cow<'a, str>),
    /// A list of a payload, as canonical text.
    JsonList(&'a [u8]),
    /// An object of a payload, as canonical text.
    JsonObject(&'a [u8]),
    List(Vec<Self>),
}

/// The integers that there are.
const INTEGERS: std::ops::RangeInclusive<i128> = i64::MIN as i128..=u64::MAX as i128;

impl<'a> Value<'a> {
    /// Reads a value of a payload.
    pub(super) fn read(text: &'a [u8]) -> Result<Self, Error> {
        Ok(match text.first() {
            Some(b'[') => Self::JsonList(text),
            Some(b'{') => Self::JsonObject(text),
            Some(b'"') => Self::Text(scan::text(text)?),
            _ => match Scalar::read(text).ok_or(scan::NotCanonical)? {
                Scalar::Null => Self::Null,
                Scalar::Bool(value) => Self::Bool(value),
                Scalar::Negative(value) => Self::Integer(value.into()),
                Scalar::Unsigned(value) => Self::Integer(value.into()),
                Scalar::Float { bits } => Self::Fraction(f64::from_bits(bits)),
                Scalar::Text(text) => Self::Text(Cow::Owned(text.into())),
            },
        })
    }

    /// An integer, if it is one of those that there are.
    pub(super) fn integer(value: i128) -> Result<Self, Error> {
        if INTEGERS.contains(&value) {
            return Ok(Self::Integer(value));
        }
        Err(Error::Number { problem: "an integer is below -2^63 or above 2^64 - 1" })
    }

    /// What it is, in words.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "true or false",
            Self::Integer(_) | Self::Fraction(_) => "a number",
            Self::Text(_) => "text",
            Self::JsonList(_) | Self::List(_) => "a list",
            Self::JsonObject(_) => "an object",
        }
    }

    /// How many bytes it takes to look at it.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Null | Self::Bool(_) | Self::Integer(_) | Self::Fraction(_) => 8,
            Self::Text(text) => text.len(),
            Self::JsonList(text) | Self::JsonObject(text) => text.len(),
            Self::List(values) => values.iter().map(Value::len).sum(),
        }
    }

    /// Whether two values are equal. Values of different kinds are not, but numbers are numbers.
    pub(super) fn equals(&self, other: &Value<'_>) -> Result<bool, Error> {
        Ok(match (self, other) {
            (Self::Null, Value::Null) => true,
            (Self::Bool(left), Value::Bool(right)) => left == right,
            (Self::Text(left), Value::Text(right)) => left == right,
            // A canonical text is a value's only one.
            (Self::JsonObject(left), Value::JsonObject(right))
            | (Self::JsonList(left), Value::JsonList(right)) => left == right,
            (Self::JsonList(text), Value::List(values)) => same_elements(text, values)?,
            (Self::List(values), Value::JsonList(text)) => same_elements(text, values)?,
            (Self::List(left), Value::List(right)) => {
                let mut same = left.len() == right.len();
                for (left, right) in left.iter().zip(right) {
                    same = same && left.equals(right)?;
                }
                same
            }
            _ => self.compare_numbers(other) == Some(Ordering::Equal),
        })
    }

    /// Which is greater; none where the two have no order.
    pub(super) fn compare(&self, other: &Value<'_>) -> Option<Ordering> {
        match (self, other) {
            (Self::Text(left), Value::Text(right)) => Some(left.cmp(right)),
            (Self::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
            _ => self.compare_numbers(other),
        }
    }

    fn compare_numbers(&self, other: &Value<'_>) -> Option<Ordering> {
        match (self, other) {
            (Self::Integer(left), Value::Integer(right)) => Some(left.cmp(right)),
            (Self::Integer(left), Value::Fraction(right)) if !right.is_nan() => {
                Some(compare_exactly(*left, *right))
            }
            (Self::Fraction(left), Value::Integer(right)) if !left.is_nan() => {
                Some(compare_exactly(*right, *left).reverse())
            }
            (Self::Fraction(left), Value::Fraction(right)) => left.partial_cmp(right),
            _ => None,
        }
    }
}

fn same_elements(text: &[u8], values: &[Value<'_>]) -> Result<bool, Error> {
    let mut elements = scan::elements(text);
    for value in values {
        match elements.next() {
            Some(element) if Value::read(element?)?.equals(value)? => {}
            _ => return Ok(false),
        }
    }
    Ok(elements.next().is_none())
}
