//! What boards there are at a place.

use artel_core::ids::Seq;
use artel_core::log::Owner;
use artel_core::time::Timestamp;

use crate::mark::Mark;

/// A board that lies at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BoardThere {
    /// What it is found by: on a server the parameter `board` of its URL, else the path of its file.
    pub board: String,
    /// How far its log goes.
    pub seq: Seq,
    /// When the last event was committed; for a board without one, the earliest time there is.
    pub at: Timestamp,
    /// Who owns it.
    pub owner: Option<Owner>,
    /// Whether it was moved away, is on its way here, or has lost its end.
    pub mark: Option<Mark>,
}
