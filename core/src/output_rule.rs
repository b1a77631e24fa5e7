//! What an agent's outputs are held to before they are published. Functions stay in the program; a
//! board records that there are some, and what they are called.

use std::fmt;
use std::ops::{RangeFrom, RangeInclusive, RangeToInclusive};

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::names::TypeName;

/// What the outputs of a type are held to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputRule {
    /// The type.
    pub type_name: TypeName,
    /// Whether a function of the program may keep one off the board.
    pub conditional: bool,
    /// What the functions of the program are called that each one has to pass, in their order.
    pub checks: Vec<SmolStr>,
    /// How many an attempt returns.
    pub count: Option<OutputCount>,
}

/// How many artifacts of a type an attempt returns: a number, or from one number to another.
///
/// ```
/// use artel_core::output_rule::OutputCount;
///
/// for (count, text) in [
///     (OutputCount::from(3), "3"),
///     ((1..=4).into(), "1 to 4"),
///     ((2..).into(), "at least 2"),
///     ((..=5).into(), "at most 5"),
/// ] {
///     assert_eq!(count.to_string(), text);
///     assert!(count.allows(3));
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutputCount {
    least: u32,
    most: Option<u32>,
}

impl OutputCount {
    /// Whether an attempt may return so many.
    #[must_use]
    pub fn allows(self, count: usize) -> bool {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        self.least <= count && self.most.is_none_or(|most| count <= most)
    }

    /// Whether there is a number that is allowed.
    #[must_use]
    pub fn is_possible(self) -> bool {
        self.most.is_none_or(|most| self.least <= most)
    }

    /// The smallest number that is allowed.
    #[must_use]
    pub const fn least(self) -> u32 {
        self.least
    }

    /// The largest number that is allowed; none where there is no such bound.
    #[must_use]
    pub const fn most(self) -> Option<u32> {
        self.most
    }
}

impl From<u32> for OutputCount {
    fn from(count: u32) -> Self {
        Self { least: count, most: Some(count) }
    }
}

impl From<RangeInclusive<u32>> for OutputCount {
    fn from(range: RangeInclusive<u32>) -> Self {
        Self { least: *range.start(), most: Some(*range.end()) }
    }
}

impl From<RangeFrom<u32>> for OutputCount {
    fn from(range: RangeFrom<u32>) -> Self {
        Self { least: range.start, most: None }
    }
}

impl From<RangeToInclusive<u32>> for OutputCount {
    fn from(range: RangeToInclusive<u32>) -> Self {
        Self { least: 0, most: Some(range.end) }
    }
}

impl fmt::Display for OutputCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self { least, most: Some(most) } if least == most => write!(f, "{least}"),
            Self { least: 0, most: Some(most) } => write!(f, "at most {most}"),
            Self { least, most: Some(most) } => write!(f, "{least} to {most}"),
            Self { least, most: None } => write!(f, "at least {least}"),
        }
    }
}
