//! The baseline of a board in a file: a loop that reads the board's own file ahead (`read`), and
//! writes its rows to a fresh file beside it, one transaction a batch, with the same tables, indexes
//! and settings and through the same driver (`rows`, `records`, `moves`, `write`). Then SQLite itself compares
//! the two files (`compare`).

mod compare;
mod file;
mod moves;
mod read;
mod records;
mod rows;
mod write;

pub(crate) use write::write;
