//! The world of a simulation: a log that outlives its processes, the processes one after the other,
//! clients and trouble beside them.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use tokio::sync::watch;
use uuid::Uuid;

use artel::{Board, CreateBoard, MemoryStore, Running};
use artel_core::ids::Incarnation;
use artel_core::names::BoardName;

use super::agents::{self, Outside};
use super::clients::{Promise, client};
use super::run::Outcome;
use super::trouble::{self, Fate};
use super::verdict;
use crate::dice::Dice;
use crate::{FaultyLog, SeededEntropy, VirtualClock};

/// What is drawn separately, so that one does not disturb the other.
mod part {
    pub(super) const WORLD: u64 = 1;
    pub(super) const TROUBLE: u64 = 2;
    pub(super) const CLIENTS: u64 = 100;
    pub(super) const PROCESSES: u64 = 1_000;
}

/// A process that has the board.
struct Living {
    running: Arc<Running>,
    log: Arc<FaultyLog>,
}

struct World {
    seed: u64,
    store: MemoryStore,
    clock: Arc<VirtualClock>,
    agents: u32,
    outside: Arc<Outside>,
    processes: u32,
    current: watch::Sender<Option<Arc<Running>>>,
}

pub(super) async fn run(seed: u64) -> Outcome {
    let mut dice = Dice::part(seed, part::WORLD);
    let create = CreateBoard {
        board: BoardName::new("simulated").expect("it is a name"),
        incarnation: Incarnation::new(Uuid::from_u64_pair(seed, 1)),
        dev: false,
    };
    let mut world = World {
        seed,
        store: MemoryStore::new(create),
        clock: Arc::new(VirtualClock::default()),
        agents: u32::try_from(1 + dice.below(5)).unwrap_or(1),
        outside: Arc::default(),
        processes: 0,
        current: watch::Sender::new(None),
    };
    let publishes = 5 + dice.below(20);
    let clients = (0..1 + dice.below(4)).map(|number| {
        let dice = Dice::part(seed, part::CLIENTS + number);
        client(world.current.subscribe(), dice, publishes)
    });
    let clients: Vec<_> = clients.collect();
    let (living, promises) = tokio::join!(world.live(), join_all(clients));
    let promises: Vec<Promise> = promises.into_iter().flatten().collect();
    living.running.idle().await.expect("the board answers");
    let outcome = verdict::of(&living.running, &promises, world.processes).await;
    world.current.send_replace(None);
    let running = Arc::into_inner(living.running).expect("the clients have ended");
    let shutdown = running.shutdown().await;
    assert!(shutdown.complete, "a board at rest shuts down: {shutdown:?}");
    outcome
}

impl World {
    /// Runs processes through all trouble; the last one is left.
    async fn live(&mut self) -> Living {
        let mut dice = Dice::part(self.seed, part::TROUBLE);
        let mut living = self.start().await;
        for _ in 0..2 + dice.below(12) {
            tokio::time::sleep(dice.up_to(6_000)).await;
            let fate = trouble::make(&mut dice, &living.log, &self.clock, &living.running).await;
            if fate == Fate::GoesOn {
                continue;
            }
            self.end(living, fate, &mut dice).await;
            tokio::time::sleep(dice.up_to(20_000)).await;
            living = self.start().await;
        }
        living.log.calm();
        living
    }

    /// A new process takes the board over.
    async fn start(&mut self) -> Living {
        self.processes += 1;
        let log = Arc::new(FaultyLog::new(self.store.open()));
        let entropy = SeededEntropy::new(self.seed ^ (part::PROCESSES + u64::from(self.processes)));
        let board = Board::builder("memory:")
            .name("simulated")
            .program("simulation")
            .log(log.clone())
            .clock(self.clock.clone())
            .entropy(Arc::new(entropy))
            .wind_down(Duration::from_secs(2))
            .open()
            .await
            .expect("a log that is there can be opened");
        agents::declare(&board, self.agents, &self.outside);
        let running = Arc::new(board.start().await.expect("the log answers when a process starts"));
        self.current.send_replace(Some(running.clone()));
        Living { running, log }
    }

    /// The process dies, or is shut down if its clients let go of it in time.
    async fn end(&self, living: Living, fate: Fate, dice: &mut Dice) {
        self.current.send_replace(None);
        let Living { running, log } = living;
        if fate == Fate::ShutsDown && dice.percent(50) {
            // Clients hold on to a process only while they wait for an answer.
            tokio::time::sleep(Duration::from_secs(40)).await;
            if let Some(running) = Arc::into_inner(running) {
                running.shutdown().await;
            }
        }
        log.crash();
    }
}
