//! Renewing ownerships: in one go for all boards of this process on one server, whichever log asks. Whoever
//! came first does it for all; when it goes, the next one does.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, sleep_until};
use uuid::Uuid;

use artel_core::log::Error;

use crate::owning::{Owning, same};

/// An ownership is renewed when a third of its time is over.
const PARTS: u32 = 3;
/// How long whoever waits for a board waits at most until it looks again.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long past the end of an ownership it looks.
const PAST: Duration = Duration::from_millis(5);
/// How long it waits when there is nothing to renew, and after a renewal that failed.
const PAUSE: Duration = Duration::from_millis(250);

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

/// A server on which ownerships are renewed.
#[async_trait]
pub(crate) trait Renewals: Send + Sync {
    /// Renews what is still somebody's, and says by token what was. An answer that takes longer than this limit
    /// is an error.
    async fn renew(&self, held: &[Held], limit: Duration) -> Result<Vec<Uuid>, Error>;
}

/// The keepers of this process, by server.
pub(crate) type Keepers = Mutex<BTreeMap<String, Weak<Keeper>>>;

/// Renews the ownerships of one process on one server.
pub(crate) struct Keeper {
    server: Box<dyn Renewals>,
    turn: Semaphore,
    owned: Mutex<BTreeMap<Uuid, (Held, Arc<Owning>)>>,
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
        let turn = Semaphore::new(1);
        let keeper = Arc::new(Self { server: renewals(), turn, owned: Mutex::default() });
        keepers.insert(server, Arc::downgrade(&keeper));
        keeper
    }

    pub(crate) fn remember(&self, held: Held, owning: &Arc<Owning>) {
        self.owned().insert(held.token, (held, owning.clone()));
    }

    pub(crate) fn forget(&self, owning: &Arc<Owning>) {
        self.owned().retain(|_, (_, one)| !same(one, owning));
    }

    /// Renews all ownerships until the one that is asked for, which lasts for so long, is over.
    ///
    /// # Cancel safety
    /// May be dropped at any time: whoever asks next goes on.
    pub(crate) async fn keep(&self, owning: &Owning, time: Duration) {
        tokio::select! {
            () = self.renew_always() => {}
            () = over(owning, time) => {}
        }
    }

    async fn renew_always(&self) {
        let Ok(_turn) = self.turn.acquire().await else { return };
        let mut pause = self.pause();
        let mut failed = false;
        loop {
            sleep(pause).await;
            let renewed = self.renew().await;
            pause = match (&renewed, failed) {
                (Ok(()), _) => self.pause(),
                // The connection may have been lost since it was used last: another one is tried at once.
                (Err(_), false) => Duration::ZERO,
                (Err(_), true) => self.pause().min(PAUSE),
            };
            failed = renewed.is_err();
        }
    }

    /// How long until something has to be renewed, as a part of the shortest time.
    fn pause(&self) -> Duration {
        let shortest = self.owned().values().map(|(held, _)| held.time / PARTS).min();
        shortest.unwrap_or(PAUSE)
    }

    async fn renew(&self) -> Result<(), Error> {
        let held: Vec<Held> = self.owned().values().map(|(held, _)| held.clone()).collect();
        if held.is_empty() {
            return Ok(());
        }
        let asked = Instant::now();
        // As long as until the next one: where that needs another connection, it comes in time.
        let renewed = self.server.renew(&held, self.pause()).await?;
        let mut owned = self.owned();
        for Held { token, time, .. } in held {
            if renewed.contains(&token) {
                if let Some((_, owning)) = owned.get(&token) {
                    owning.renewed(token, asked + time);
                }
            } else if let Some((_, owning)) = owned.remove(&token) {
                owning.lost(token);
            }
        }
        Ok(())
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
