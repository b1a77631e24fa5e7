//! The conformance suite of the log port over `redis:`, on a real server and on a real cluster, and what is
//! particular to it.
//!
//! Not in dev/test --quick: it starts servers.

#[cfg(test)]
mod damage;
#[cfg(test)]
mod examine;
#[cfg(test)]
mod fence;
#[cfg(test)]
mod open;
#[cfg(test)]
mod own;
#[cfg(test)]
mod place;
#[cfg(test)]
mod remove;
#[cfg(test)]
mod share;

use artel_core::log::{Description, Durability};
use artel_testkit::conformance::{LogFactory, NewBoard};

use place::Place;

struct ServerFactory;

impl LogFactory for ServerFactory {
    type Place = Place;

    fn description(&self) -> Description {
        Description { scheme: "redis", durability: Durability::Host }
    }

    async fn make(&self, board: NewBoard) -> Place {
        Place::new(board).await
    }
}

struct ClusterFactory;

impl LogFactory for ClusterFactory {
    type Place = Place;

    fn description(&self) -> Description {
        Description { scheme: "redis", durability: Durability::Host }
    }

    async fn make(&self, board: NewBoard) -> Place {
        Place::on_cluster(board).await
    }
}

artel_testkit::log_conformance!(server, ServerFactory);
artel_testkit::log_conformance!(cluster, ClusterFactory);
