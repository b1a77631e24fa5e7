//! The baseline of a board on a PostgreSQL server: a loop that reads the board's own rows ahead
//! (`read`), and writes them to the same tables in a schema beside it (`write`), one statement and so one
//! transaction a batch, on one connection of the same driver. Then the server itself compares the two
//! (`tables`).

mod read;
mod tables;
mod write;

pub(crate) use write::{remove, write};
