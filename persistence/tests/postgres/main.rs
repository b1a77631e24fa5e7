//! The conformance suite of the log port over `postgres:`, on a real server, with and without a pool of
//! connections before it, and what is particular to it.
//!
//! Not in dev/test --quick: it starts a server.

#[cfg(test)]
mod apart;
#[cfg(test)]
mod damage;
#[cfg(test)]
mod examine;
#[cfg(test)]
mod open;
#[cfg(test)]
mod own;
#[cfg(test)]
mod place;
#[cfg(test)]
mod plans;
#[cfg(test)]
mod remove;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod share;

use artel_core::log::{Description, Durability};
use artel_testkit::conformance::{LogFactory, NewBoard};

use place::{POOL, Place, as_writer};

struct PostgresFactory;

impl LogFactory for PostgresFactory {
    type Place = Place;

    fn description(&self) -> Description {
        Description { scheme: "postgres", durability: Durability::Host }
    }

    async fn make(&self, board: NewBoard) -> Place {
        Place::through(as_writer().await, board).await
    }
}

artel_testkit::log_conformance!(postgres, PostgresFactory);

/// The same through a pool of connections, which does not show (POSTGRES-9).
struct PooledFactory;

impl LogFactory for PooledFactory {
    type Place = Place;

    fn description(&self) -> Description {
        PostgresFactory.description()
    }

    async fn make(&self, board: NewBoard) -> Place {
        Place::through(&POOL.url(), board).await
    }
}

artel_testkit::log_conformance!(pooled, PooledFactory);
