//! Renewing ownerships: one statement for all boards of this process in one schema of one server.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use artel_core::log::Error;

use super::connect::{Use, connections, fetch_on};
use super::format::get;
use super::target::Target;
use crate::connections::Connections;
use crate::keeper::{Held, Keeper, Keepers, Renewals};

/// Renews what is still somebody's, until its new time by the server's clock.
const RENEW: &str = "UPDATE owner o SET until = clock_timestamp() + u.ms * interval '1 millisecond' \
     FROM unnest($1::uuid[], $2::double precision[]) AS u (token, ms) \
     WHERE o.token = u.token AND o.until >= clock_timestamp() RETURNING o.token";

static KEEPERS: LazyLock<Keepers> = LazyLock::new(Keepers::default);

struct Server {
    place: String,
    connection: Connections<PgConnection>,
}

#[async_trait]
impl Renewals for Server {
    async fn renew(&self, held: &[Held], limit: Duration) -> Result<Vec<Uuid>, Error> {
        let (tokens, times): (Vec<Uuid>, Vec<f64>) =
            held.iter().map(|held| (held.token, held.time.as_millis() as f64)).unzip();
        let query = sqlx::query(RENEW).bind(tokens).bind(times);
        let rows = fetch_on(&self.connection, ("own", &self.place, limit), query).await?;
        rows.iter().map(|row| get(&self.place, row, 0)).collect()
    }
}

/// The one of a server, which all logs there share.
pub(super) fn keeper(target: &Target) -> Arc<Keeper> {
    Keeper::of(&KEEPERS, target.server(), || {
        Box::new(Server { place: target.place(), connection: connections(target, 1, Use::Writes) })
    })
}
