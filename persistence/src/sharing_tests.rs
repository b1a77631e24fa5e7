//! Processes that share boards on a server that is only a map, in virtual time: when they tell and look, and what
//! they do when something does not come as planned.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::join_all;
use tokio::time::{Instant, timeout};
use uuid::Uuid;

use artel_core::ids::{Epoch, ProcessId};
use artel_core::log::{Error, Share};

use crate::keeper::{Answer, Beat, Held, Keeper, Keepers, Renewals};
use crate::owning::Owning;
use crate::server::random;
use crate::sharing::{Other, SharedBoard};
use crate::spreading::Member;

/// How long a board is owned without being renewed.
const TIME: Duration = Duration::from_secs(9);
/// What is still owned after this time is renewed.
const LONG: Duration = Duration::from_secs(90);

/// What is on the server.
#[derive(Default)]
struct World {
    processes: Mutex<BTreeMap<Uuid, (Member, Instant)>>,
    owners: Mutex<BTreeMap<usize, usize>>,
    /// Boards that changed hands: which, and to whom.
    taken: Mutex<Vec<(usize, usize)>>,
    beats: AtomicU32,
    looks: AtomicU32,
    /// Whether the others cannot be heard.
    deaf: AtomicBool,
}

impl World {
    fn others(&self, but: Uuid) -> Vec<Other> {
        let now = Instant::now();
        let processes = self.processes.lock().unwrap();
        let others = processes.iter().filter(|(token, (_, until))| **token != but && *until >= now);
        let other = |(token, (member, until)): (&Uuid, &(Member, Instant))| Other {
            token: *token,
            member: member.clone(),
            left: *until - now,
        };
        others.map(other).collect()
    }

    fn counts(&self) -> Vec<usize> {
        let mut counts = BTreeMap::<usize, usize>::new();
        for process in self.owners.lock().unwrap().values() {
            *counts.entry(*process).or_default() += 1;
        }
        let mut counts: Vec<usize> = counts.into_values().collect();
        counts.sort_by_key(|count| std::cmp::Reverse(*count));
        counts
    }

    fn taken(&self) -> usize {
        self.taken.lock().unwrap().len()
    }

    fn calls(&self) -> (u32, u32) {
        (self.beats.load(Ordering::SeqCst), self.looks.load(Ordering::SeqCst))
    }
}

struct Server(Arc<World>);

#[async_trait]
impl Renewals for Server {
    async fn beat(&self, beat: &Beat, _: Duration) -> Result<Answer, Error> {
        self.0.beats.fetch_add(1, Ordering::SeqCst);
        let renewed = beat.held.iter().map(|held| held.token).collect();
        if self.0.deaf.load(Ordering::SeqCst) {
            return Ok(Answer { renewed, ..Answer::default() });
        }
        let told = beat.told.as_ref().map(|told| {
            let until = Instant::now() + told.time;
            let told_of = (told.member.clone(), until);
            self.0.processes.lock().unwrap().insert(told.token, told_of);
            self.0.others(told.token)
        });
        Ok(Answer { renewed, unheard: None, others: told })
    }

    async fn look(&self, token: Uuid, _: Duration) -> Result<Vec<Other>, Error> {
        self.0.looks.fetch_add(1, Ordering::SeqCst);
        Ok(self.0.others(token))
    }

    async fn leave(&self, token: Uuid, _: Duration) -> Result<(), Error> {
        self.0.processes.lock().unwrap().remove(&token);
        Ok(())
    }
}

/// A process that shares boards.
struct Process {
    number: usize,
    world: Arc<World>,
    keeper: Arc<Keeper>,
    /// Whether it takes no board although it wants some.
    stuck: bool,
}

impl Process {
    fn new(world: &Arc<World>, number: usize) -> Self {
        let server = || Box::new(Server(world.clone())) as Box<dyn Renewals>;
        let keeper = Keeper::of(&Keepers::default(), number.to_string(), server);
        Self { number, world: world.clone(), keeper, stuck: false }
    }

    /// Shares boards for a while, and is gone then without a word.
    async fn shares(&self, boards: impl IntoIterator<Item = usize>, time: Duration) {
        let shared = join_all(boards.into_iter().map(|board| self.shares_one(board)));
        assert!(timeout(time, shared).await.is_err());
        self.world.owners.lock().unwrap().retain(|_, owner| *owner != self.number);
    }

    async fn shares_one(&self, board: usize) {
        let owning = Arc::new(Owning::default());
        let name = format!("b{board}");
        let share = SharedBoard::new(&self.keeper, &owning, (&name, "test", TIME));
        loop {
            share.turn().await;
            if self.stuck || self.world.owners.lock().unwrap().contains_key(&board) {
                continue;
            }
            self.world.owners.lock().unwrap().insert(board, self.number);
            self.world.taken.lock().unwrap().push((board, self.number));
            let (token, epoch) = (random(), Epoch(1));
            let until = Instant::now() + TIME;
            assert!(owning.take((epoch, ProcessId::from_bytes([1; 16])), (token, until)));
            let held = Held { token, board: name.as_str().into(), time: TIME };
            self.keeper.remember(held, &owning);
            tokio::select! {
                () = self.keeper.keep(&owning, TIME) => panic!("{name} was lost"),
                () = share.surplus() => {}
            }
            owning.give_up(epoch);
            self.keeper.forget(&owning);
            self.world.owners.lock().unwrap().remove(&board);
        }
    }
}

/// POSTGRES-17, REDIS-14: a process that owns all that it shares tells of itself with its renewals, and asks nothing else.
#[tokio::test(start_paused = true)]
async fn a_process_alone_only_renews() {
    let world = Arc::new(World::default());
    let process = Process::new(&world, 0);
    let watched = async {
        tokio::time::sleep(LONG).await;
        let (beats, looks) = world.calls();
        assert_eq!((world.counts(), world.taken()), (vec![5], 5));
        tokio::time::sleep(LONG).await;
        let renewals = (LONG.as_secs() / (TIME.as_secs() / 3)) as u32;
        assert_eq!(world.calls(), (beats + renewals, looks));
    };
    let shares = process.shares(0..5, LONG * 2 + Duration::from_secs(1));
    tokio::join!(shares, watched);
}

/// POSTGRES-17, REDIS-14: several share evenly, settle, and look once a second from then on. One that is gone without
/// a word counts until its time is over; its boards have owners soon after.
#[tokio::test(start_paused = true)]
async fn several_settle_and_follow_the_living() {
    let world = Arc::new(World::default());
    let all: Vec<Process> = (0..3).map(|number| Process::new(&world, number)).collect();
    let later = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        all[1].shares(0..7, LONG * 9).await;
    };
    let watched = async {
        tokio::time::sleep(LONG).await;
        let (taken, (_, looks)) = (world.taken(), world.calls());
        assert_eq!(world.counts(), [3, 2, 2]);
        tokio::time::sleep(LONG).await;
        assert_eq!((world.counts(), world.taken()), (vec![3, 2, 2], taken));
        let looked = world.calls().1 - looks;
        assert!(looked <= 3 * LONG.as_secs() as u32, "{looked} looks");
        tokio::time::sleep(LONG).await;
        // By now the third one is gone.
        assert_eq!(world.counts(), [4, 3]);
    };
    let third = LONG * 3 - TIME - Duration::from_secs(1);
    tokio::select! {
        _ = async { tokio::join!(all[0].shares(0..7, LONG * 9), later) } => panic!("they end later"),
        ((), ()) = async { tokio::join!(all[2].shares(0..7, third), watched) } => {}
    }
}

/// POSTGRES-17, REDIS-14: a board that is given over and not taken is owned by anybody after an ownership time, and
/// its giver keeps its boards for a while then.
#[tokio::test(start_paused = true)]
async fn what_nobody_takes_comes_back() {
    let world = Arc::new(World::default());
    let (able, mut stuck) = (Process::new(&world, 0), Process::new(&world, 1));
    stuck.stuck = true;
    let watched = async {
        tokio::time::sleep(TIME * 3).await;
        // One was given over, and came back.
        assert_eq!((world.counts(), world.taken()), (vec![4], 5));
        tokio::time::sleep(TIME * 8).await;
        assert_eq!((world.counts(), world.taken()), (vec![4], 5));
        tokio::time::sleep(TIME * 4).await;
        assert_eq!((world.counts(), world.taken()), (vec![4], 6));
    };
    let for_long = TIME * 20;
    tokio::select! {
        _ = async { tokio::join!(able.shares(0..4, for_long), stuck.shares(0..4, for_long)) } => {
            panic!("they end later")
        }
        () = watched => {}
    }
}

/// POSTGRES-17, REDIS-14: whoever does not hear of the others keeps what it has.
#[tokio::test(start_paused = true)]
async fn whoever_hears_nobody_keeps_its_boards() {
    let world = Arc::new(World::default());
    let process = Process::new(&world, 0);
    let watched = async {
        tokio::time::sleep(TIME).await;
        world.deaf.store(true, Ordering::SeqCst);
        let (beats, _) = world.calls();
        tokio::time::sleep(LONG).await;
        assert_eq!((world.counts(), world.taken()), (vec![5], 5));
        let beats = world.calls().0 - beats;
        assert!(beats <= 2 * LONG.as_secs() as u32, "it told {beats} times");
    };
    tokio::join!(process.shares(0..5, LONG * 2), watched);
}

/// POSTGRES-17, REDIS-14: who leaves is not among the live ones any more, at once; who stands by for a board as well
/// takes what it leaves.
#[tokio::test(start_paused = true)]
async fn who_leaves_is_gone_at_once() {
    let world = Arc::new(World::default());
    let process = Process::new(&world, 0);
    let owning = Arc::new(Owning::default());
    let share = |name: &str| SharedBoard::new(&process.keeper, &owning, (name, "test", TIME));
    let (one, other) = (share("b1"), share("b2"));
    one.turn().await;
    other.turn().await;
    let told = || {
        let processes = world.processes.lock().unwrap();
        processes.values().map(|(member, _)| member.wants.len()).collect::<Vec<_>>()
    };
    one.retire();
    assert!(timeout(TIME, one.turn()).await.is_err(), "it wants it no longer");
    assert_eq!(told(), [1]);
    one.leave().await;
    other.leave().await;
    assert_eq!(told(), [0; 0]);
}
