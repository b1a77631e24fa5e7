//! What goes wrong with a log, and who sees it.

use std::fmt;

use artel_core::ids::{Epoch, Seq};
use artel_core::log::Error;
use artel_core::record::Batch;

/// What happens to an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Nothing: it is written and acknowledged.
    None,
    /// It is not written, and the outcome is unknown to the caller.
    Lost,
    /// It is written, and the outcome is unknown to the caller.
    Landed,
    /// It is reported as unknown, and written at the moment at which the board is owned again,
    /// before that is done: a write that was still on its way.
    LandsLate,
    /// It is reported as unknown, and comes to the log once more as soon as the board is owned
    /// again: too late, so the log has to fence it off.
    ComesLate,
    /// It is written and acknowledged, and comes to the log a second time, which has to refuse it.
    Repeated,
    /// The log refuses its content; nothing is written.
    Refused,
}

/// Somebody who sees what reaches a log at the moment at which it does, before whoever asked is
/// answered.
pub trait Witness: Send + Sync + fmt::Debug {
    /// The board was owned under this epoch.
    fn owned(&self, epoch: Epoch);

    /// An append that is to be taken, or refused, came to the log, which answered so.
    fn appended(&self, batch: &Batch, wanted: bool, answer: &Result<(), Error>);

    /// The log did what it was told to, or gave a snapshot away.
    fn happened(&self, what: Happened);
}

/// What a log did beside taking appends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    /// An append met this fault.
    Fault(Fault),
    /// The process died at an append, which was written before that or was not.
    Died {
        /// Whether it was.
        landed: bool,
    },
    /// Somebody was given the snapshot up to here.
    Snapshot(Seq),
}
