//! Sharing boards with other live processes of a server: what this process tells of itself, what the others told,
//! and what follows from it by the rule (`spreading`). The keeper of the server asks and tells, in the same call
//! as it renews; this only knows when, and what.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;
use uuid::Uuid;

use artel_core::log::Share;

use crate::keeper::{Keeper, PARTS, wait_for};
use crate::owning::Owning;
use crate::server::random;
use crate::spreading::{Member, Plan, free, plan};

/// How long what changed is gathered until it is told.
const CHANGES: Duration = Duration::from_millis(200);
/// How long until a process tells of itself again, where that failed.
const PAUSE: Duration = Duration::from_secs(1);
/// For how many ownership times a process keeps its boards, when it gave one over and nobody took it.
const KEPT: u32 = 10;

/// What this process tells of itself.
#[derive(Clone, Debug)]
pub(crate) struct Told {
    /// Which process it is: nobody else has this.
    pub(crate) token: Uuid,
    /// What it calls itself.
    pub(crate) program: Arc<str>,
    pub(crate) member: Member,
    /// For how long it counts from now on.
    pub(crate) time: Duration,
}

/// Another live process.
#[derive(Clone, Debug)]
pub(crate) struct Other {
    pub(crate) token: Uuid,
    pub(crate) member: Member,
    /// For how long it counts, unless it tells of itself again.
    pub(crate) left: Duration,
}

/// What is shared by this process on one server.
pub(crate) struct Sharing {
    token: Uuid,
    state: Mutex<State>,
    /// Something may have been decided: look again.
    decided: watch::Sender<()>,
    /// There may be something to do at once.
    news: Notify,
}

#[derive(Default)]
struct State {
    shares: BTreeMap<u64, Shared>,
    next: u64,
    /// What was told last, and when.
    told: Option<(Member, Instant)>,
    /// Before this moment nothing is told: it failed.
    not_before: Option<Instant>,
    /// When the others are looked at next, where there is something to look for.
    look: Option<Instant>,
    /// Since when a board is free that is.
    free: BTreeMap<Arc<str>, Instant>,
    late: BTreeSet<Arc<str>>,
    plan: Plan,
    /// The board that is being given over, and whether it was given up by now.
    giving: Option<(Arc<str>, bool)>,
    /// Before this moment no board is given over: one came back.
    kept_until: Option<Instant>,
}

struct Shared {
    board: Arc<str>,
    program: Arc<str>,
    owning: Arc<Owning>,
    time: Duration,
    /// Whether it is not wanted any more.
    retired: bool,
}

/// What is due next.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Due {
    /// When this process tells of itself.
    pub(crate) tell: Option<Instant>,
    /// When it looks at the others, where it stands by for something.
    pub(crate) look: Option<Instant>,
}

impl Sharing {
    pub(crate) fn new() -> Self {
        let (decided, _) = watch::channel(());
        Self { token: random(), state: Mutex::default(), decided, news: Notify::new() }
    }

    /// Waits until there may be something to do at once.
    ///
    /// # Cancel safety
    /// Safe to drop: whoever looks next finds what there is.
    pub(crate) async fn news(&self) {
        self.news.notified().await;
    }

    /// What is owned here, or shared, has changed.
    pub(crate) fn changed(&self) {
        self.news.notify_one();
    }

    pub(crate) const fn token(&self) -> Uuid {
        self.token
    }

    pub(crate) fn due(&self) -> Due {
        let state = self.state();
        let Some(time) = state.time() else { return Due::default() };
        let tell = match &state.told {
            None => Instant::now(),
            Some((told, at)) if *told == state.member() => *at + time / PARTS,
            Some((_, at)) => *at + CHANGES,
        };
        let tell = state.not_before.map_or(tell, |not_before| tell.max(not_before));
        let stands_by = state.shares.values().any(|share| !share.retired && !share.owning.lasts());
        let look = if stands_by { state.look.or(Some(tell)) } else { None };
        Due { tell: Some(tell), look }
    }

    /// What is to be told of this process; nothing where it shares nothing.
    pub(crate) fn tell(&self) -> Option<Told> {
        let state = self.state();
        let program = state.shares.values().next()?.program.clone();
        Some(Told { token: self.token, program, member: state.member(), time: state.time()? })
    }

    /// It was told at this moment.
    pub(crate) fn was_told(&self, told: Member, at: Instant) {
        let mut state = self.state();
        if !state.shares.is_empty() {
            state.told = Some((told, at));
        }
        state.not_before = None;
    }

    /// It could not be told, or the others not be heard.
    pub(crate) fn failed(&self) {
        let mut state = self.state();
        let later = Instant::now() + PAUSE;
        state.not_before = Some(later);
        state.look = Some(later);
    }

    /// What the other live processes tell: decides anew.
    pub(crate) fn heard(&self, others: Vec<Other>) {
        let now = Instant::now();
        let mut state = self.state();
        let Some(time) = state.time() else { return };
        let wait = others.iter().map(|other| wait_for(other.left)).min();
        state.look = Some(now + wait.unwrap_or(PAUSE));
        let mut members: BTreeMap<Uuid, Member> =
            others.into_iter().map(|other| (other.token, other.member)).collect();
        members.insert(self.token, state.member());
        state.notice(&members, now, time);
        state.plan = plan(&members, &state.late);
        drop(state);
        self.decided.send_replace(());
    }

    /// Adds a board.
    fn add(&self, shared: Shared) -> u64 {
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        state.shares.insert(number, shared);
        drop(state);
        self.changed();
        number
    }

    fn retire(&self, number: u64) {
        if let Some(shared) = self.state().shares.get_mut(&number) {
            shared.retired = true;
        }
        self.changed();
    }

    /// Removes a board; whether the process goes with it.
    fn remove(&self, number: u64) -> bool {
        let mut state = self.state();
        let was_there = state.shares.remove(&number).is_some();
        let last = was_there && state.shares.is_empty();
        if last {
            let next = state.next;
            *state = State { next, ..State::default() };
        }
        drop(state);
        self.changed();
        last
    }

    /// Whether a board is this process's to take: said once, until the others have been heard again. So whoever
    /// finds that it has an owner all the same looks again at the pace of the looks.
    fn takes(&self, board: &Arc<str>) -> bool {
        let mut state = self.state();
        let late = state.late.remove(board);
        let planned = state.plan.take.get(board) == Some(&self.token);
        if planned {
            state.plan.take.remove(board);
        }
        late || planned
    }

    /// Whether a board is to be given over. From then on it is.
    fn gives(&self, board: &Arc<str>) -> bool {
        let mut state = self.state();
        let kept = state.kept_until.is_some_and(|until| Instant::now() < until);
        let mine = |give: &crate::spreading::Give| give.from == self.token && give.board == *board;
        let gives = !kept && state.giving.is_none() && state.plan.give.as_ref().is_some_and(mine);
        if gives {
            state.giving = Some((board.clone(), false));
        }
        gives
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing that is done under this lock panics")
    }
}

impl State {
    /// How long an ownership lasts; of several times the shortest.
    fn time(&self) -> Option<Duration> {
        self.shares.values().map(|share| share.time).min()
    }

    fn member(&self) -> Member {
        let of = |holds: fn(&Shared) -> bool| {
            self.shares
                .values()
                .filter(|share| holds(share))
                .map(|share| share.board.clone())
                .collect()
        };
        Member { wants: of(|share| !share.retired), owns: of(|share| share.owning.lasts()) }
    }

    /// Sees which boards are free, since when, and what became of the one that was given over.
    fn notice(&mut self, members: &BTreeMap<Uuid, Member>, now: Instant, time: Duration) {
        let free = free(members);
        self.free.retain(|board, _| free.contains(board));
        for board in free {
            self.free.entry(board).or_insert(now);
        }
        let late = self.free.iter().filter(|(_, since)| **since + time <= now);
        self.late = late.map(|(board, _)| board.clone()).collect();
        let Some((board, gone)) = &mut self.giving else { return };
        let mine = self.shares.values().any(|share| share.board == *board && share.owning.lasts());
        match (mine, *gone) {
            // Its work comes to an end.
            (true, false) => {}
            (true, true) => {
                // Nobody took it.
                self.giving = None;
                self.kept_until = Some(now + time * KEPT);
            }
            // Nobody took it, or whoever did tells nobody.
            (false, _) if self.late.contains(board) => {
                self.giving = None;
                self.kept_until = Some(now + time * KEPT);
            }
            (false, _) if self.free.contains_key(board) => *gone = true,
            (false, _) => self.giving = None,
        }
    }
}

/// A board that this process shares.
pub(crate) struct SharedBoard {
    keeper: Arc<Keeper>,
    board: Arc<str>,
    number: u64,
}

impl SharedBoard {
    pub(crate) fn new(
        keeper: &Arc<Keeper>,
        owning: &Arc<Owning>,
        (board, program, time): (&str, &str, Duration),
    ) -> Self {
        let board: Arc<str> = board.into();
        let (owning, program) = (owning.clone(), program.into());
        let shared = Shared { board: board.clone(), program, owning, time, retired: false };
        let number = keeper.sharing.add(shared);
        Self { keeper: keeper.clone(), board, number }
    }

    async fn until(&self, holds: impl Fn(&Sharing) -> bool + Send + Sync) {
        let sharing = &self.keeper.sharing;
        let mut decided = sharing.decided.subscribe();
        while !holds(sharing) {
            // The sender is beside it, and outlives it.
            let _ = decided.changed().await;
        }
    }
}

impl std::fmt::Debug for SharedBoard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SharedBoard").field("board", &self.board).finish_non_exhaustive()
    }
}

impl Drop for SharedBoard {
    fn drop(&mut self) {
        self.keeper.sharing.remove(self.number);
    }
}

#[async_trait]
impl Share for SharedBoard {
    async fn turn(&self) {
        tokio::select! {
            () = self.until(|sharing| sharing.takes(&self.board)) => {}
            () = self.keeper.go_on() => {}
        }
    }

    async fn surplus(&self) {
        self.until(|sharing| sharing.gives(&self.board)).await;
    }

    fn retire(&self) {
        self.keeper.sharing.retire(self.number);
    }

    async fn leave(&self) {
        if self.keeper.sharing.remove(self.number) {
            self.keeper.leave().await;
        }
    }
}
