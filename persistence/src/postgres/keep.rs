//! Renewing ownerships: one statement for all boards of this process in one schema of one server. Where it
//! shares boards with other processes, the same statement tells of it and reads what they told.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use sqlx::postgres::{PgConnection, PgRow};
use uuid::Uuid;

use artel_core::log::Error;

use super::connect::{Query, Use, connections, fetch_on};
use super::format::get;
use super::target::Target;
use crate::connections::Connections;
use crate::keeper::{Answer, Beat, Held, Keeper, Keepers, Renewals};
use crate::sharing::{Other, Told};
use crate::spreading::Member;

/// Renews what is still somebody's, until its new time by the server's clock.
macro_rules! renew {
    () => {
        "UPDATE owner o SET until = clock_timestamp() + u.ms * interval '1 millisecond' \
         FROM unnest($1::uuid[], $2::double precision[]) AS u (token, ms) \
         WHERE o.token = u.token AND o.until >= clock_timestamp() RETURNING o.token"
    };
}

/// The live processes but for one, and for how many seconds they are that.
macro_rules! others {
    ($token:literal) => {
        concat!(
            "SELECT token, wants, owns, \
             extract(epoch FROM until - clock_timestamp())::double precision \
             FROM process WHERE until >= clock_timestamp() AND token <> ",
            $token
        )
    };
}

const RENEW: &str = renew!();
const OTHERS: &str = others!("$1");

/// Renews, tells of this process, and reads of the others. Those that have been dead for an hour go by the way;
/// a row that somebody else has at this moment is left to the next one.
const BEAT: &str = concat!(
    "WITH renewed AS (",
    renew!(),
    "), gone AS (DELETE FROM process WHERE token IN (SELECT token FROM process \
         WHERE until < clock_timestamp() - interval '1 hour' FOR UPDATE SKIP LOCKED)), \
     told AS (INSERT INTO process (token, pid, program, wants, owns, until) \
         VALUES ($3, $4, $5, $6, $7, clock_timestamp() + $8 * interval '1 millisecond') \
         ON CONFLICT (token) DO UPDATE SET wants = excluded.wants, owns = excluded.owns, \
             until = excluded.until) \
     SELECT token, NULL, NULL, NULL FROM renewed UNION ALL ",
    others!("$3")
);

const LEAVE: &str = "DELETE FROM process WHERE token = $1";

static KEEPERS: LazyLock<Keepers> = LazyLock::new(Keepers::default);

struct Server {
    place: String,
    connection: Connections<PgConnection>,
}

#[async_trait]
impl Renewals for Server {
    async fn beat(&self, beat: &Beat, limit: Duration) -> Result<Answer, Error> {
        let Some(told) = &beat.told else {
            let rows = self.fetch("own", renewal(RENEW, &beat.held), limit).await?;
            let renewed = rows.iter().map(|row| get(&self.place, row, 0)).collect::<Result<_, _>>();
            return Ok(Answer { renewed: renewed?, ..Answer::default() });
        };
        let Told { token, program, member, time } = told;
        let query = renewal(BEAT, &beat.held)
            .bind(*token)
            .bind(i64::from(std::process::id()))
            .bind(program.to_string())
            .bind(names(&member.wants))
            .bind(names(&member.owns))
            .bind(time.as_millis() as f64);
        let (mut renewed, mut others) = (Vec::new(), Vec::new());
        for row in self.fetch("own", query, limit).await? {
            match get::<Option<Vec<String>>>(&self.place, &row, 1)? {
                None => renewed.push(get(&self.place, &row, 0)?),
                Some(_) => others.push(other(&self.place, &row)?),
            }
        }
        Ok(Answer { renewed, unheard: None, others: Some(others) })
    }

    async fn look(&self, token: Uuid, limit: Duration) -> Result<Vec<Other>, Error> {
        let rows = self.fetch("read", sqlx::query(OTHERS).bind(token), limit).await?;
        rows.iter().map(|row| other(&self.place, row)).collect()
    }

    async fn leave(&self, token: Uuid, limit: Duration) -> Result<(), Error> {
        self.fetch("give up", sqlx::query(LEAVE).bind(token), limit).await.map(drop)
    }
}

impl Server {
    async fn fetch(
        &self,
        action: &'static str,
        query: Query,
        limit: Duration,
    ) -> Result<Vec<PgRow>, Error> {
        fetch_on(&self.connection, (action, &self.place, limit), query).await
    }
}

fn renewal(sql: &'static str, held: &[Held]) -> Query {
    let (tokens, times): (Vec<Uuid>, Vec<f64>) =
        held.iter().map(|held| (held.token, held.time.as_millis() as f64)).unzip();
    sqlx::query(sql).bind(tokens).bind(times)
}

fn names<'a>(boards: impl IntoIterator<Item = &'a Arc<str>>) -> Vec<String> {
    boards.into_iter().map(ToString::to_string).collect()
}

fn other(place: &str, row: &PgRow) -> Result<Other, Error> {
    let boards = |column| -> Result<_, Error> {
        let names: Vec<String> = get(place, row, column)?;
        Ok(names.into_iter().map(Arc::from).collect())
    };
    let left: f64 = get(place, row, 3)?;
    Ok(Other {
        token: get(place, row, 0)?,
        member: Member { wants: boards(1)?, owns: boards(2)? },
        left: Duration::try_from_secs_f64(left).unwrap_or_default(),
    })
}

/// The one of a server, which all logs there share.
pub(super) fn keeper(target: &Target) -> Arc<Keeper> {
    Keeper::of(&KEEPERS, target.server(), || {
        Box::new(Server { place: target.place(), connection: connections(target, 1, Use::Writes) })
    })
}
