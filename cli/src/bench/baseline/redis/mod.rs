//! The baseline of a board on a Redis server: a loop that reads the board's own entries ahead (`read`), and
//! writes them to the same kinds of keys beside it (`write`), one transaction a batch, on one connection of
//! the same driver. Then the server itself compares the two (`compare`).

mod compare;
mod place;
mod read;
mod write;

pub(crate) use write::{remove, write};
