//! The world of a simulation: a log that outlives its processes, the processes one after the other,
//! clients, probes and trouble beside them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use tokio::sync::watch;
use uuid::Uuid;

use artel::{Board, Bounds, CreateBoard, MemoryStore, Running};
use artel_core::ids::Incarnation;
use artel_core::log::Snapshot;
use artel_core::names::BoardName;

use super::agents::{self, AGENTS_MAX, Around, Outside};
use super::audit::Auditor;
use super::cases::Case;
use super::clients::{Client, Promise};
use super::outputs::Outputs;
use super::policies::Policies;
use super::run::Outcome;
use super::trouble::{self, Fate};
use super::verdict::{self, Seen};
use super::{bounds, crew, notices, outputs, policies, probe, rest, timed, versions};
use crate::dice::Dice;
use crate::{FaultyLog, SeededEntropy, VirtualClock};

/// What is drawn separately, so that one does not disturb the other.
mod part {
    pub(super) const WORLD: u64 = 1;
    pub(super) const TROUBLE: u64 = 2;
    pub(super) const BOUNDS: u64 = 3;
    pub(super) const PROBE: u64 = 4;
    pub(super) const POLICIES: u64 = 5;
    pub(super) const OUTPUTS: u64 = 6;
    pub(super) const NOTICES: u64 = 7;
    pub(super) const CHARGES: u64 = 8;
    pub(super) const SECRETS: u64 = 9;
    pub(super) const WAKING: u64 = 10;
    pub(super) const VERSIONS: u64 = 11;
    pub(super) const CREW: u64 = 12;
    pub(super) const CLIENTS: u64 = 100;
    pub(super) const PROCESSES: u64 = 1_000;
}

/// A process that has the board.
pub(super) struct Living {
    pub(super) running: Arc<Running>,
    pub(super) log: Arc<FaultyLog>,
    /// Whether it declares every agent.
    whole: bool,
}

pub(super) struct World {
    seed: u64,
    pub(super) store: MemoryStore,
    pub(super) clock: Arc<VirtualClock>,
    pub(super) auditor: Arc<Auditor>,
    bounds: Bounds,
    policies: Policies,
    outputs: Vec<Outputs>,
    lasting: bool,
    slots: u32,
    agents: u32,
    /// Whether an agent is subscribed to notices of dead letters.
    notices: bool,
    /// From which process on notes are of version 2; none without notes.
    versions: Option<u32>,
    /// Whether some logs refuse some payloads.
    refuses: bool,
    outside: Arc<Outside>,
    processes: u32,
    current: watch::Sender<Option<Arc<Running>>>,
    /// Every snapshot that was stored by somebody outside.
    pub(super) snapshots: Vec<Snapshot>,
}

/// The bounds of the board of this seed.
pub(super) fn bounds(seed: u64) -> Bounds {
    bounds::draw(&mut Dice::part(seed, part::BOUNDS))
}

pub(super) async fn run(seed: u64, auditor: Arc<Auditor>) -> Outcome {
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
        auditor: auditor.clone(),
        bounds: bounds(seed),
        policies: policies::draw(&mut Dice::part(seed, part::POLICIES))
            .waking(timed::draw(&mut Dice::part(seed, part::WAKING)))
            .with(crew::draw(&mut Dice::part(seed, part::CREW))),
        outputs: outputs::draw(&mut Dice::part(seed, part::OUTPUTS)),
        lasting: dice.percent(50),
        slots: if dice.percent(30) { u32::try_from(1 + dice.below(6)).unwrap_or(1) } else { 256 },
        agents: u32::try_from(1 + dice.below(AGENTS_MAX)).unwrap_or(1),
        refuses: dice.percent(30),
        notices: Dice::part(seed, part::NOTICES).percent(30),
        versions: versions::draw(&mut Dice::part(seed, part::VERSIONS)),
        outside: Arc::default(),
        processes: 0,
        current: watch::Sender::new(None),
        snapshots: Vec::new(),
    };
    let process = world.current.subscribe();
    let publishes = 5 + dice.below(20);
    let secrets = world.secrets();
    let clients = (0..1 + dice.below(4)).map(|number| {
        let dice = Dice::part(seed, part::CLIENTS + number);
        let (process, auditor) = (process.clone(), auditor.clone());
        let clock = world.clock.clone();
        Client { process, dice, auditor, clock, secrets, promises: Vec::new() }.run(publishes)
    });
    let clients: Vec<_> = clients.collect();
    let (end, ended) = watch::channel(false);
    let work = async {
        let came = tokio::join!(world.live(), join_all(clients));
        end.send_replace(true);
        came
    };
    let dice = Dice::part(seed, part::PROBE);
    let look = probe::look(process.clone(), dice, auditor.clone(), ended.clone());
    let oversee = rest::oversee(process.clone(), auditor.clone(), ended.clone());
    let follow = probe::follow(process, auditor, ended);
    let ((living, promises), probes, (), ()) = tokio::join!(work, look, oversee, follow);
    let promises: Vec<Promise> = promises.into_iter().flatten().collect();
    rest::come_to(&living.running, &world.auditor).await;
    let seen = Seen { promises, probes, snapshots: std::mem::take(&mut world.snapshots) };
    let outcome = verdict::of(&world, &living.running, &seen, world.processes).await;
    world.current.send_replace(None);
    let running = Arc::into_inner(living.running).expect("the clients have ended");
    let shutdown = running.shutdown().await;
    assert!(shutdown.complete, "a board at rest shuts down: {shutdown:?}");
    outcome
}

impl World {
    /// Runs processes through all trouble; the last one is left, and has every agent.
    async fn live(&mut self) -> Living {
        let mut dice = Dice::part(self.seed, part::TROUBLE);
        let mut living = self.start(&mut dice).await;
        for _ in 0..2 + dice.below(12) {
            tokio::time::sleep(dice.up_to(6_000)).await;
            let fate = trouble::make(&mut dice, self, &living).await;
            if fate == Fate::GoesOn && !living.log.crashed() {
                continue;
            }
            self.end(living, fate, &mut dice).await;
            tokio::time::sleep(dice.up_to(20_000)).await;
            living = self.start(&mut dice).await;
        }
        while !living.whole || living.log.crashed() {
            self.end(living, Fate::Dies, &mut dice).await;
            living = self.start(&mut dice).await;
        }
        living.log.calm();
        living
    }

    /// New processes try to take the board over until one has. It may have lost one of its agents.
    async fn start(&mut self, dice: &mut Dice) -> Living {
        loop {
            self.processes += 1;
            if let Some(living) = self.try_start(dice).await {
                return living;
            }
            self.auditor.came_to(Case::DiedAtStart);
            tokio::time::sleep(dice.up_to(20_000)).await;
        }
    }

    /// A new process takes the board over, unless it dies first.
    async fn try_start(&mut self, dice: &mut Dice) -> Option<Living> {
        let log = FaultyLog::new(self.store.open()).seen_by(self.auditor.clone());
        let log = Arc::new(if self.lasting { log.lasting() } else { log });
        if self.refuses && dice.percent(50) {
            log.refuse(agents::REFUSED);
        }
        if dice.percent(10) {
            trouble::crash(dice, &log);
        }
        let entropy = SeededEntropy::new(self.seed ^ (part::PROCESSES + u64::from(self.processes)));
        let board = Board::builder("memory:")
            .name("simulated")
            .program("simulation")
            .log(log.clone())
            .clock(self.clock.clone())
            .entropy(Arc::new(entropy))
            .bounds(self.bounds)
            .slots(self.slots)
            .wind_down(Duration::from_secs(2))
            .open()
            .await
            .expect("a log that is there can be opened");
        let around = Arc::new(Around {
            outside: self.outside.clone(),
            auditor: self.auditor.clone(),
            process: self.processes,
            outputs_max: self.bounds.outputs,
            slots: self.slots,
            outputs: self.said(),
            clock: self.clock.clone(),
            charges: Dice::part(self.seed, part::CHARGES).percent(40),
            secrets: self.secrets(),
        });
        let drawn = u32::try_from(1 + dice.below(AGENTS_MAX)).unwrap_or(1);
        let left_out = dice.percent(15).then_some(drawn);
        let left_out = left_out.filter(|&number| number <= self.agents);
        let numbers = (1..=self.agents).filter(|number| Some(*number) != left_out);
        agents::declare(&board, numbers, &self.policies, &around);
        // Now and then a process has lost it; the last one has every agent.
        if self.notices && (left_out.is_none() || self.processes.is_multiple_of(2)) {
            notices::declare(&board, &around);
        }
        if let Some(from) = self.versions {
            versions::declare(&board, self.processes >= from, &around);
        }
        let running = match board.start().await {
            Ok(running) => Arc::new(running),
            Err(error) => {
                let dead = log.crashed();
                self.auditor.expect(dead, format_args!("I2: no process can start: {error:?}"));
                return None;
            }
        };
        self.current.send_replace(Some(running.clone()));
        if let Some(from) = self.versions {
            versions::publish(&running, self.processes >= from, self.processes).await;
        }
        Some(Living { running, log, whole: left_out.is_none() })
    }

    /// Whether tokens are not for everybody.
    pub(super) fn secrets(&self) -> bool {
        Dice::part(self.seed, part::SECRETS).percent(40)
    }

    /// Whether there are notes, and the newest process has them in version 2.
    pub(super) fn has_new_notes(&self) -> bool {
        self.versions.is_some_and(|from| self.processes >= from)
    }

    /// What agents say about their outputs, by name.
    fn said(&self) -> BTreeMap<String, Outputs> {
        let within = (self.slots, self.bounds.concurrency);
        let one = |number| {
            let said = outputs::of(&self.outputs, number, &self.policies, within);
            (agents::name_of(number), said)
        };
        (1..=self.agents).map(one).collect()
    }

    /// The process dies, or is shut down if its clients let go of it in time.
    async fn end(&self, living: Living, fate: Fate, dice: &mut Dice) {
        let dead = living.log.crashed();
        let stopped = living.running.stopped().now_or_never();
        let goes_on = dead || stopped.is_none();
        self.auditor.expect(goes_on, format_args!("I2: the board stopped: {stopped:?}"));
        self.current.send_replace(None);
        let Living { running, log, .. } = living;
        if fate == Fate::ShutsDown && dice.percent(50) {
            // Clients hold on to a process only while they wait for an answer.
            tokio::time::sleep(Duration::from_secs(40)).await;
            if let Some(running) = Arc::into_inner(running)
                && running.shutdown().await.complete
            {
                self.auditor.came_to(Case::ShutDown);
            }
        }
        if fate == Fate::Dies && !log.crashed() {
            self.auditor.came_to(Case::DiedAtRest);
        }
        log.crash();
    }
}
