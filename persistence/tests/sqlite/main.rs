//! The conformance suite of the log port over `sqlite:`, and what is particular to files: damage,
//! strangers, crashes, locks.

#[cfg(test)]
mod crash;
#[cfg(test)]
mod damage;
#[cfg(all(test, unix))]
mod link;
#[cfg(test)]
mod open;
#[cfg(test)]
mod own;
#[cfg(test)]
mod place;
#[cfg(test)]
mod remove;
#[cfg(test)]
mod stranger;
#[cfg(test)]
mod tags;
#[cfg(test)]
mod write_ahead;

use artel_core::log::{Description, Durability};
use artel_testkit::conformance::{LogFactory, NewBoard};

use place::Place;

struct SqliteFactory;

impl LogFactory for SqliteFactory {
    type Place = Place;

    fn description(&self) -> Description {
        Description { scheme: "sqlite", durability: Durability::Host }
    }

    async fn make(&self, board: NewBoard) -> Place {
        Place::new(board)
    }
}

artel_testkit::log_conformance!(sqlite, SqliteFactory);
