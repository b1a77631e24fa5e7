//! Renewing ownerships: in one go for all boards of this process on one server, whichever log asks. Whoever
//! came first does it for all; when it goes, the next one does. Where boards are shared with other processes, the
//! same call tells of this one, and hears of the others.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use artel_core::log::Error;

use crate::owning::{Owning, same};
use crate::sharing::{Due, Other, Sharing, Told};

/// An ownership is renewed when a third of its time is over.
pub(crate) const PARTS: u32 = 3;
/// How long whoever waits for a board waits at most until it looks again.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long past the end of an ownership it looks.
const PAST: Duration = Duration::from_millis(5);
/// How long it waits when there is nothing to renew, and after a renewal that failed.
const PAUSE: Duration = Duration::from_millis(250);
/// How much sooner than it is due an ownership is renewed where the server is told something anyway.
const SLACK: Duration = Duration::from_millis(100);
/// How long an answer may take where no ownership depends on it.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// An ownership that is to be renewed.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    /// What its owner alone knows.
    pub(crate) token: Uuid,
    /// Where the server has it.
    #[cfg_attr(
        not(feature = "redis"),
        expect(dead_code, reason = "PostgreSQL finds it by its token")
    )]
    pub(crate) board: Arc<str>,
    /// How long it lasts from now on.
    pub(crate) time: Duration,
}

/// How long whoever waits for a board is to wait, of which somebody's ownership lasts for so long unless it is
/// renewed: to the end of its time, or for a moment, in case it is given up before.
pub(crate) fn wait_for(left: Duration) -> Duration {
    (left + PAST).min(LOOK_EVERY)
}

/// What a server is told at once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Beat {
    /// The ownerships that are renewed.
    pub(crate) held: Vec<Held>,
    /// What this process tells of itself, where it shares boards with others.
    pub(crate) told: Option<Told>,
}

/// What a server says to that.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// What was still somebody's, and is renewed, by token.
    pub(crate) renewed: Vec<Uuid>,
    /// What nobody could be asked about, by token, and why; the others were asked elsewhere.
    pub(crate) unheard: Option<(Vec<Uuid>, Error)>,
    /// The other live processes, if this one told of itself, and they could be heard.
    pub(crate) others: Option<Vec<Other>>,
}

/// A server on which ownerships are renewed, and boards shared. An answer that takes longer than the limit is
/// an error.
#[async_trait]
pub(crate) trait Renewals: Send + Sync {
    /// Renews, and tells, in one go.
    async fn beat(&self, beat: &Beat, limit: Duration) -> Result<Answer, Error>;

    /// The live processes but for this one.
    async fn look(&self, token: Uuid, limit: Duration) -> Result<Vec<Other>, Error>;

    /// A process is not there any more.
    async fn leave(&self, token: Uuid, limit: Duration) -> Result<(), Error>;
}

/// The keepers of this process, by server.
pub(crate) type Keepers = Mutex<BTreeMap<String, Weak<Keeper>>>;

/// Renews the ownerships of one process on one server.
pub(crate) struct Keeper {
    server: Box<dyn Renewals>,
    turn: Semaphore,
    owned: Mutex<BTreeMap<Uuid, (Held, Arc<Owning>)>>,
    pub(crate) sharing: Sharing,
}

impl Keeper {
    /// The one of a server, which all logs there share.
    pub(crate) fn of(
        keepers: &Keepers,
        server: String,
        renewals: impl FnOnce() -> Box<dyn Renewals>,
    ) -> Arc<Self> {
        let mut keepers = keepers.lock().expect("nothing that is done under this lock panics");
        keepers.retain(|_, keeper| keeper.strong_count() > 0);
        if let Some(keeper) = keepers.get(&server).and_then(Weak::upgrade) {
            return keeper;
        }
        let (turn, sharing) = (Semaphore::new(1), Sharing::new());
        let keeper = Arc::new(Self { server: renewals(), turn, owned: Mutex::default(), sharing });
        keepers.insert(server, Arc::downgrade(&keeper));
        keeper
    }

    pub(crate) fn remember(&self, held: Held, owning: &Arc<Owning>) {
        self.owned().insert(held.token, (held, owning.clone()));
        self.sharing.changed();
    }

    pub(crate) fn forget(&self, owning: &Arc<Owning>) {
        self.owned().retain(|_, (_, one)| !same(one, owning));
        self.sharing.changed();
    }

    /// Renews all ownerships until the one that is asked for, which lasts for so long, is over.
    ///
    /// # Cancel safety
    /// May be dropped at any time: whoever asks next goes on.
    pub(crate) async fn keep(&self, owning: &Owning, time: Duration) {
        tokio::select! {
            () = self.go_on() => {}
            () = over(owning, time) => {}
        }
    }

    /// Renews all ownerships, and tells and hears of what is shared, for as long as it is polled: one of those
    /// who ask does so for all of them.
    ///
    /// # Cancel safety
    /// May be dropped at any time: whoever asks next goes on.
    pub(crate) async fn go_on(&self) {
        let Ok(_turn) = self.turn.acquire().await else { return };
        let mut failures = 0;
        let mut not_before = None;
        loop {
            let (at, looks) = self.next();
            tokio::select! {
                () = sleep_until(not_before.map_or(at, |not_before| at.max(not_before))) => {}
                () = self.sharing.news() => continue,
            }
            let done = if looks { self.look().await } else { self.beat().await };
            failures = if done.is_ok() { 0 } else { failures + 1 };
            not_before = match failures {
                0 => None,
                // The connection may have been lost since it was used last: another one is tried at once.
                1 => Some(Instant::now()),
                _ => Some(Instant::now() + self.limit().min(PAUSE)),
            };
        }
    }

    /// When something is to be done next, and whether that is no more than a look.
    fn next(&self) -> (Instant, bool) {
        let Due { tell, look } = self.sharing.due();
        let beat = [self.due(), tell].into_iter().flatten().min();
        let beat = beat.unwrap_or_else(|| Instant::now() + PAUSE);
        match look {
            Some(look) if look < beat => (look, true),
            Some(_) | None => (beat, false),
        }
    }

    /// When the first ownership is to be renewed: when a third of its time is over.
    fn due(&self) -> Option<Instant> {
        let due = |(held, owning): &(Held, Arc<Owning>)| {
            owning.until().and_then(|until| until.checked_sub(held.time / PARTS * (PARTS - 1)))
        };
        self.owned().values().filter_map(due).min()
    }

    /// As long as until the next renewal: where that needs another connection, it comes in time.
    fn limit(&self) -> Duration {
        let held = self.owned().values().map(|(held, _)| held.time / PARTS).min();
        held.unwrap_or(ANSWER_MAX)
    }

    async fn beat(&self) -> Result<(), Error> {
        let asked = Instant::now();
        let told = self.sharing.tell();
        let is_due = self.due().is_some_and(|due| due <= asked + SLACK);
        let held: Vec<Held> = if is_due {
            self.owned().values().map(|(held, _)| held.clone()).collect()
        } else {
            Vec::new()
        };
        if held.is_empty() && told.is_none() {
            return Ok(());
        }
        let beat = Beat { held, told };
        let Answer { renewed, unheard, others } = match self.server.beat(&beat, self.limit()).await
        {
            Ok(answer) => answer,
            Err(error) => {
                self.sharing.failed();
                return Err(error);
            }
        };
        let mut held = beat.held;
        if let Some((tokens, _)) = &unheard {
            held.retain(|held| !tokens.contains(&held.token));
        }
        self.renewed(held, &renewed, asked);
        match (beat.told, others) {
            (Some(told), Some(others)) => {
                self.sharing.was_told(told.member, asked);
                self.sharing.heard(others);
            }
            (Some(_), None) => self.sharing.failed(),
            (None, _) => {}
        }
        unheard.map_or(Ok(()), |(_, error)| Err(error))
    }

    fn renewed(&self, held: Vec<Held>, renewed: &[Uuid], asked: Instant) {
        let mut owned = self.owned();
        for Held { token, time, .. } in held {
            if renewed.contains(&token) {
                if let Some((_, owning)) = owned.get(&token) {
                    owning.renewed(token, asked + time);
                }
            } else if owned.get(&token).is_some_and(|(_, owning)| owning.lost(token, asked)) {
                owned.remove(&token);
            }
        }
    }

    async fn look(&self) -> Result<(), Error> {
        match self.server.look(self.sharing.token(), self.limit()).await {
            Ok(others) => {
                self.sharing.heard(others);
                Ok(())
            }
            Err(error) => {
                self.sharing.failed();
                Err(error)
            }
        }
    }

    /// Takes this process from the live ones; where that fails, it counts until its time is over.
    pub(crate) async fn leave(&self) {
        let _ = self.server.leave(self.sharing.token(), ANSWER_MAX).await;
    }

    fn owned(&self) -> MutexGuard<'_, BTreeMap<Uuid, (Held, Arc<Owning>)>> {
        self.owned.lock().expect("nothing that is done under this lock panics")
    }
}

async fn over(owning: &Owning, time: Duration) {
    while !owning.is_over() {
        let third = Instant::now() + time / PARTS;
        let until = owning.until();
        sleep_until(until.map_or(third, |until| until.min(third))).await;
    }
}

#[cfg(test)]
mod tests {
    use artel_core::ids::{Epoch, ProcessId};

    use super::*;

    /// How long an answer takes.
    const WAY: Duration = Duration::from_secs(1);

    /// A server that renews everything or nothing, and whose answers are late.
    struct Late {
        renews: bool,
        /// Who owns a board anew before the answer comes, and until when.
        owns_anew: Option<(Arc<Owning>, Uuid, Instant)>,
    }

    #[async_trait]
    impl Renewals for Late {
        async fn beat(&self, beat: &Beat, _limit: Duration) -> Result<Answer, Error> {
            tokio::time::advance(WAY).await;
            if let Some((owning, token, until)) = &self.owns_anew {
                owning.take((Epoch(2), ProcessId::new(*token)), (*token, *until));
            }
            let renewed = beat.held.iter().filter(|_| self.renews).map(|held| held.token).collect();
            Ok(Answer { renewed, ..Answer::default() })
        }

        async fn look(&self, _token: Uuid, _limit: Duration) -> Result<Vec<Other>, Error> {
            Ok(Vec::new())
        }

        async fn leave(&self, _token: Uuid, _limit: Duration) -> Result<(), Error> {
            Ok(())
        }
    }

    /// POSTGRES-4, REDIS-4: a renewal counts from before it was asked for.
    #[tokio::test(start_paused = true)]
    async fn a_renewal_counts_from_before_it_was_asked_for() {
        let owning = Arc::new(Owning::default());
        let late = Late { renews: true, owns_anew: None };
        let keeper = Keeper::of(&Keepers::default(), "server".to_owned(), || Box::new(late));
        let token = Uuid::from_u128(1);
        let (time, began) = (Duration::from_secs(9), Instant::now());
        owning.take((Epoch(1), ProcessId::new(token)), (token, began + time));
        keeper.remember(Held { token, board: "b".into(), time }, &owning);
        tokio::time::advance(time / PARTS).await;
        let asked = Instant::now();
        keeper.beat().await.unwrap();
        assert_eq!(Instant::now(), asked + WAY);
        assert_eq!(owning.until(), Some(asked + time));
    }

    /// POSTGRES-4, REDIS-4: who is not renewed any more has lost the board; but not where it was owned anew while that
    /// answer was on its way.
    #[tokio::test(start_paused = true)]
    async fn an_answer_from_before_a_board_was_owned_anew_counts_for_nothing() {
        for owned_anew in [false, true] {
            let (owning, token) = (Arc::new(Owning::default()), Uuid::from_u128(1));
            let (time, began) = (Duration::from_secs(9), Instant::now());
            let owns_anew = owned_anew.then(|| (owning.clone(), token, began + time * 2));
            let late = Late { renews: false, owns_anew };
            let keeper = Keeper::of(&Keepers::default(), "server".to_owned(), || Box::new(late));
            owning.take((Epoch(1), ProcessId::new(token)), (token, began + time));
            keeper.remember(Held { token, board: "b".into(), time }, &owning);
            tokio::time::advance(time / PARTS).await;
            keeper.beat().await.unwrap();
            assert_eq!(owning.owns(Epoch(2)), owned_anew);
            assert_eq!(owning.is_over(), !owned_anew);
            assert_eq!(keeper.due().is_some(), owned_anew, "it goes on to be renewed");
        }
    }
}
