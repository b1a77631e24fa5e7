//! The values that predicates compare with. Each value has one form here, so that equal numbers are
//! equal whatever types they came from, and none is a float that was rounded.

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::canonical::{self, scan};

/// A JSON value without parts.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Scalar {
    /// Nothing.
    Null,
    /// True or false.
    Bool(bool),
    /// An integer below zero.
    Negative(i64),
    /// Any other integer.
    Unsigned(u64),
    /// A number that is no integer, or too large for one.
    Float {
        /// The bits of the `f64`, which is finite.
        bits: u64,
    },
    /// Text.
    Text(SmolStr),
}

/// A value that is no scalar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NotScalar {
    /// It is a list or an object.
    Compound,
    /// It has no canonical form at all.
    Refused(canonical::Error),
}

impl Scalar {
    /// Reads a canonical text; none when it has parts, or is not canonical.
    pub(crate) fn read(text: &[u8]) -> Option<Self> {
        match text.first()? {
            b'n' => Some(Self::Null),
            b't' => Some(Self::Bool(true)),
            b'f' => Some(Self::Bool(false)),
            b'"' => Some(Self::Text(scan::text(text).ok()?.into())),
            b'-' | b'0'..=b'9' => Self::number(str::from_utf8(text).ok()?),
            _ => None,
        }
    }

    fn number(text: &str) -> Option<Self> {
        if let Ok(value) = text.parse() {
            return Some(Self::Unsigned(value));
        }
        if let Ok(value) = text.parse() {
            return Some(Self::Negative(value));
        }
        let value: f64 = text.parse().ok()?;
        Some(Self::Float { bits: value.to_bits() })
    }

    /// Which is greater; none where the two are of kinds that have no order.
    pub(super) fn compare(&self, other: &Self) -> Option<Ordering> {
        if let (Self::Text(left), Self::Text(right)) = (self, other) {
            return Some(left.cmp(right));
        }
        match (self.integer(), other.integer()) {
            (Some(left), Some(right)) => Some(left.cmp(&right)),
            (Some(left), None) => Some(compare_exactly(left, other.float()?)),
            (None, Some(right)) => Some(compare_exactly(right, self.float()?).reverse()),
            (None, None) => self.float()?.partial_cmp(&other.float()?),
        }
    }

    fn integer(&self) -> Option<i128> {
        match self {
            Self::Negative(value) => Some(i128::from(*value)),
            Self::Unsigned(value) => Some(i128::from(*value)),
            Self::Null | Self::Bool(_) | Self::Float { .. } | Self::Text(_) => None,
        }
    }

    fn float(&self) -> Option<f64> {
        match self {
            Self::Float { bits } => Some(f64::from_bits(*bits)),
            Self::Null | Self::Bool(_) | Self::Negative(_) | Self::Unsigned(_) | Self::Text(_) => {
                None
            }
        }
    }
}

/// Compares an integer of at most 64 bits with a float without rounding either.
pub(super) fn compare_exactly(integer: i128, float: f64) -> Ordering {
    // The conversion saturates, and a float that saturates it is beyond every integer of 64 bits.
    let whole = float.trunc() as i128;
    integer.cmp(&whole).then_with(|| 0.0_f64.partial_cmp(&float.fract()).unwrap_or(Ordering::Equal))
}

impl fmt::Display for Scalar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("null"),
            Self::Bool(value) => value.fmt(f),
            Self::Negative(value) => value.fmt(f),
            Self::Unsigned(value) => value.fmt(f),
            Self::Float { bits } => f64::from_bits(*bits).fmt(f),
            Self::Text(value) => write!(f, "{:?}", value.as_str()),
        }
    }
}
