//! The pure core of Artel: the words, the decisions, the ports.
//!
//! Nothing here reads a clock, draws a random number, does input or output, or knows an async
//! runtime. [`record`] and [`event`] are the stored format; [`log`] is the port that backends
//! implement.

mod answer;
pub mod artifact;
pub mod board;
pub mod canonical;
pub mod catalogue;
pub mod classify;
pub mod command;
pub mod content;
pub mod definition;
#[doc(hidden)]
pub mod derive;
mod ending;
pub mod envelope;
pub mod event;
pub mod finding;
pub mod fingerprint;
pub mod hash;
pub mod ids;
pub mod key;
pub mod log;
pub mod names;
pub mod output_rule;
pub mod outputs;
pub mod policy;
pub mod predicate;
pub mod record;
pub mod registration;
pub mod schema;
pub mod seed;
pub mod spawn;
pub mod step;
pub mod time;
pub mod trace;
pub mod visibility;

#[doc(hidden)]
pub use crate as __private;
