//! Predicates over field paths: portable selectors, kept in events and evaluated by any process on
//! the canonical JSON of a payload.
//!
//! A program writes a [`Condition`] with the typed handles of an artifact's fields,
//! `Review::fields().score.gt(80) & Review::fields().tags.contains("urgent")`, and builds it into a
//! [`Predicate`], which is known to be within its bounds.
//!
//! A field that is not there is an error, and so is a comparison that the field's kind does not
//! have: neither is a quiet "no". Fields that a type declares as `Option` are different: null and
//! absence are the same there, equal to nothing but null, and neither above nor below anything. In
//! `&` and `|` the order does not matter: where one side decides, an error on the other does not
//! count.

pub mod cel;
mod condition;
mod display;
mod evaluate;
mod field;
mod operand;
mod path;
mod scalar;
#[cfg(test)]
mod tests;
mod tree;

pub use condition::{Condition, Malformed};
pub use evaluate::Error;
pub use field::{Container, Field, Fields, Ordered, Textual};
pub use operand::Operand;
pub use path::{Path, Step};
pub use scalar::Scalar;
pub use tree::Predicate;

/// Tests, connectives and listed values of one predicate.
pub const NODES_MAX: usize = 256;
/// Connectives inside each other in one predicate.
pub const DEPTH_MAX: usize = 16;
/// Bytes of the keys and texts of one predicate.
pub const TEXT_LEN_MAX: usize = 4096;
