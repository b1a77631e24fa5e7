//! The baseline: a bare loop, with no runtime around it, that writes what the board wrote, batch by
//! batch, to the same kind of log. Reading ahead and comparing afterwards are outside of the time
//! that is measured.
//!
//! What no append writes is left out: snapshots, and what the backend does to its own file.

mod source;

mod memory;
#[cfg(feature = "postgres")]
pub(crate) mod postgres;
#[cfg(feature = "redis")]
pub(crate) mod redis;
#[cfg(feature = "sqlite")]
mod sqlite;

use std::time::Duration;

pub(crate) use memory::write as memory;
pub(crate) use source::Part;
#[cfg(feature = "sqlite")]
pub(crate) use sqlite::write as sqlite;

/// What the bare loop took for the batches of the measured part.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Baseline {
    pub(crate) took: Duration,
    pub(crate) batches: u64,
    /// Rows that it wrote in all, the warm-up's included, which were found to be the log's.
    pub(crate) rows: u64,
}
