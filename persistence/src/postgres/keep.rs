//! Renewing ownerships: one statement for all boards of this process that lie in one schema of one server,
//! whichever log asks. Whoever came first does it for all; when it goes, the next one does.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, Weak};
use std::time::Duration;

use sqlx::postgres::PgConnection;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use artel_core::log::Error;

use super::connect::{fetch_on, run, setup, unopened};
use super::format::get;
use super::handle::PostgresLog;
use super::own::{Owning, same};
use super::shown;
use super::target::Target;
use crate::connections::Connections;

/// An ownership is renewed when a third of its time is over.
const PARTS: u32 = 3;
/// How long it waits when there is nothing to renew, and after a renewal that failed.
const PAUSE: Duration = Duration::from_millis(250);

/// Renews what is still somebody's, until its new time by the server's clock.
const RENEW: &str = "UPDATE owner o SET until = clock_timestamp() + u.ms * interval '1 millisecond' \
     FROM unnest($1::uuid[], $2::double precision[]) AS u (token, ms) \
     WHERE o.token = u.token AND o.until >= clock_timestamp() RETURNING o.token";

/// The keepers of this process, by server.
static KEEPERS: LazyLock<Mutex<BTreeMap<String, Weak<Keeper>>>> = LazyLock::new(Mutex::default);

/// Renews the ownerships of one process on one server.
pub(super) struct Keeper {
    place: String,
    connection: Connections<PgConnection>,
    turn: Semaphore,
    owned: Mutex<BTreeMap<Uuid, (Duration, Arc<Owning>)>>,
}

impl Keeper {
    /// The one of a server, which all logs there share.
    pub(super) fn of(target: &Target) -> Arc<Self> {
        let mut keepers = KEEPERS.lock().expect("nothing that is done under this lock panics");
        keepers.retain(|_, keeper| keeper.strong_count() > 0);
        let server = target.server();
        if let Some(keeper) = keepers.get(&server).and_then(Weak::upgrade) {
            return keeper;
        }
        let place = target.place();
        let start = (setup(&target.schema), run as _);
        let connection = Connections::new(&place, target.options.clone(), start, unopened, 1);
        let turn = Semaphore::new(1);
        let keeper = Arc::new(Self { place, connection, turn, owned: Mutex::default() });
        keepers.insert(server, Arc::downgrade(&keeper));
        keeper
    }

    pub(super) fn remember(&self, token: Uuid, time: Duration, owning: &Arc<Owning>) {
        self.owned().insert(token, (time, owning.clone()));
    }

    pub(super) fn forget(&self, owning: &Arc<Owning>) {
        self.owned().retain(|_, (_, one)| !same(one, owning));
    }

    /// How long until something has to be renewed, as a part of the shortest time.
    fn pause(&self) -> Duration {
        let shortest = self.owned().values().map(|(time, _)| *time / PARTS).min();
        shortest.unwrap_or(PAUSE)
    }

    async fn renew(&self) -> Result<(), Error> {
        let (tokens, times): (Vec<Uuid>, Vec<f64>) =
            self.owned().iter().map(|(token, (time, _))| (*token, time.as_millis() as f64)).unzip();
        if tokens.is_empty() {
            return Ok(());
        }
        let asked = Instant::now();
        let query = sqlx::query(RENEW).bind(tokens.clone()).bind(times);
        let rows = fetch_on(&self.connection, ("own", &self.place), query).await?;
        let renewed = rows.iter().map(|row| get::<Uuid>(&self.place, row, 0));
        let renewed = renewed.collect::<Result<Vec<_>, _>>()?;
        let mut owned = self.owned();
        for token in tokens {
            if renewed.contains(&token) {
                if let Some((time, owning)) = owned.get(&token) {
                    owning.renewed(token, asked + *time);
                }
            } else if let Some((_, owning)) = owned.remove(&token) {
                owning.lost(token);
            }
        }
        Ok(())
    }

    fn owned(&self) -> MutexGuard<'_, BTreeMap<Uuid, (Duration, Arc<Owning>)>> {
        self.owned.lock().expect("nothing that is done under this lock panics")
    }
}

/// Renews the ownerships of this process on the server of a log, and goes on with what is shown of its open
/// work, until the ownership of this log is over.
pub(super) async fn keep(log: &PostgresLog) {
    tokio::select! {
        () = renew(log) => {}
        () = over(log) => {}
        () = shown::go_on(log) => {}
    }
}

async fn over(log: &PostgresLog) {
    while !log.owning.is_over() {
        sleep(log.ownership / PARTS).await;
    }
}

async fn renew(log: &PostgresLog) {
    let Ok(_turn) = log.keeper.turn.acquire().await else { return };
    let mut pause = log.keeper.pause();
    while log.usable().is_ok() {
        sleep(pause).await;
        pause = match log.keeper.renew().await {
            Ok(()) => log.keeper.pause(),
            Err(_) => log.keeper.pause().min(PAUSE),
        };
    }
}
