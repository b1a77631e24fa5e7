//! CEL predicates: expressions in Google's Common Expression Language on `payload` and `artifact`,
//! kept as text and evaluated by any process.
//!
//! The crate `cel` reads an expression; what it may contain is checked once, and turned into a tree
//! of our own (`tree`) that is evaluated on the canonical text without converting the payload.
//! The evaluator of the crate has no bound, compares integers with fractions through `f64`, and
//! compiles a pattern each time; tests compare the two evaluators where they have to agree.
//!
//! Nothing here loops, so what an evaluation costs is bounded by the expression and by
//! [`WORK_MAX`], whatever the payload is.

mod compile;
mod evaluate;
mod expression;
mod functions;
mod lower;
mod malformed;
#[cfg(test)]
mod tests;
mod tree;
mod value;

pub use evaluate::{About, Error, Subject};
pub use expression::Cel;
pub use malformed::Malformed;

/// Bytes of one expression.
pub const SOURCE_LEN_MAX: usize = 4096;
/// Parts of one expression: names, values, operators, calls.
pub const NODES_MAX: usize = 256;
/// Operators, points, commas and brackets in the text of one expression, those in texts included:
/// what bounds the parser before it begins.
pub const MARKS_MAX: usize = 512;
/// Brackets inside each other in the text of one expression, those in texts included.
pub const BRACKETS_MAX: usize = 24;
/// Parts inside each other in one expression.
pub const DEPTH_MAX: usize = 32;
/// Bytes that one evaluation may read or write: texts that are compared, joined or searched, and
/// what is passed over on the way to a field.
pub const WORK_MAX: usize = 64 * 1024 * 1024;
/// Bytes that a compiled pattern may take.
pub const PATTERN_LEN_MAX: usize = 256 * 1024;
