//! The conformance suite of the log port over `memory:`, and what is particular to it.

use std::sync::Arc;

use artel_core::log::{Description, Durability, Error, Log};
use artel_persistence::memory::Store;
use artel_persistence::{CreateBoard, OpenOptions};
use artel_testkit::conformance::{LogFactory, LogPlace, NewBoard};

struct MemoryFactory;

struct MemoryPlace(Store);

impl LogFactory for MemoryFactory {
    type Place = MemoryPlace;

    fn description(&self) -> Description {
        Description { scheme: "memory", durability: Durability::Nothing }
    }

    async fn make(&self, board: NewBoard) -> MemoryPlace {
        let NewBoard { board, incarnation, dev } = board;
        MemoryPlace(Store::new(CreateBoard { board, incarnation, dev }))
    }
}

impl LogPlace for MemoryPlace {
    async fn open(&self) -> Result<Arc<dyn Log>, Error> {
        Ok(self.0.open())
    }
}

artel_testkit::log_conformance!(memory, MemoryFactory);

fn board() -> CreateBoard {
    let NewBoard { board, incarnation, dev } = NewBoard::sample();
    CreateBoard { board, incarnation, dev }
}

#[tokio::test]
async fn the_url_makes_a_new_log_each_time() {
    let first = artel_persistence::open("memory:", OpenOptions::create(board())).await.unwrap();
    first.own(artel_testkit::conformance::factory::claim(1, "first")).await.unwrap();
    let second = artel_persistence::open("memory:", OpenOptions::create(board())).await.unwrap();
    assert_eq!(second.owner().await.unwrap(), None);
    for options in [OpenOptions::existing(), OpenOptions::read_only()] {
        let error = artel_persistence::open("memory:", options).await.unwrap_err();
        assert!(matches!(error, Error::Missing { .. }), "{error:?}");
    }
}

#[tokio::test]
async fn there_is_nothing_to_remove_or_to_move() {
    let error = artel_persistence::remove("memory:").await.unwrap_err();
    assert!(matches!(error, Error::Url { .. }), "{error:?}");
    let error = artel_persistence::move_aside("memory:").await.unwrap_err();
    assert!(error.to_string().contains("ends with its process"), "{error}");
}
