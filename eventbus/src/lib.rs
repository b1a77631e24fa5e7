//! The live tail of a board: subscribers read the log at their own pace and are told when to look
//! again. None of them can hold the committer up.

mod hub;
mod tail;

pub use hub::{Extent, Hub};
pub use tail::{Entry, Tail, TailError};
