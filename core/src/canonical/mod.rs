//! Canonical JSON: the one text of a payload, on which idempotency, hashes and comparisons rest.
//!
//! The rules: no white space; the keys of an object ascend by their UTF-8 bytes and none repeats;
//! strings escape only what JSON demands, in the shortest way; a number that is an integer within
//! `i64` or `u64` is written as that integer whatever type it had, any other as the shortest
//! decimal that gives the same `f64` back, with an exponent (`1e-7`, `2.5e300`) where it is below
//! 0.000001 or from 2^64 on. So equal values have one text, and the canonical form of a canonical
//! text is that text.
//!
//! What some store could not hold is refused here, for all stores alike: U+0000, repeated keys,
//! bytes that are not UTF-8, nesting over [`NESTING_MAX`](crate::policy::limits::NESTING_MAX), and
//! numbers outside `i64`, `u64` and finite `f64`.
//!
//! There are two ways in, and they agree: [`to_vec`] writes any `T: Serialize` straight into its
//! text, [`from_json`] takes JSON that somebody else wrote. [`scan`] finds a field in a canonical
//! text without building a tree. Decoding is `serde_json`'s, by [`decode()`].

mod decode;
mod error;
mod key;
mod number;
mod read;
pub mod scan;
mod ser;
#[cfg(test)]
mod tests;
mod writer;

pub use decode::decode;
pub use error::{Error, Refusal};
pub use read::from_json;
pub use ser::{to_extend, to_vec};

pub(crate) use error::pointer_step;
