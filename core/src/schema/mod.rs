//! Schemas: what a payload of a type looks like, compared, changed, and checked.
//!
//! A [`Schema`] is a JSON Schema (2020-12) in normal form, so that two are the same type exactly
//! when their texts are equal. [`diff()`] says field by field what differs, and [`Changed`] refuses a
//! type whose schema differs from the one that a board has, [`NoUpcaster`] one that cannot read an older
//! version of itself. A [`TypeSchema`] checks payloads; what
//! it has checked is a [`Checked`].

mod changed;
mod check;
mod describe;
mod diff;
mod expand;
mod keyword;
mod no_upcaster;
mod normal;
mod skeleton;
mod structural;
#[cfg(test)]
mod tests;

pub use changed::Changed;
pub use check::{Checked, PayloadError, Reason, TypeSchema};
pub use diff::{Change, What, diff};
pub use expand::Error;
pub use no_upcaster::NoUpcaster;
pub use normal::Schema;

pub(crate) use structural::valid_by_construction;
