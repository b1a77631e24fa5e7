//! The figures of a board on a PostgreSQL server: one that the figure starts, with the settings that it
//! comes with, which are durable, on the same cores.

use sqlx::{Connection, Executor, PgConnection};
use tokio::time::Instant;

use crate::error::Error;
use crate::list::Run;
use crate::load::{self, ONE_TOKEN, chain, memory};
use crate::options::How;
use crate::process::child;
use crate::server::{Server, beside_server};

/// Bytes of a payload.
const PAYLOAD: &str = "500";

/// Whole hops a second, beside a bare loop that writes the same rows.
pub(crate) fn hops(how: &How) -> Result<Run, Error> {
    let server = Server::postgres()?;
    let mut arguments = memory(how, 300_000, &["--payload", PAYLOAD]);
    arguments.extend(beside_server());
    arguments.extend(["--log".to_owned(), board(&server)]);
    load::hops(&arguments)
}

/// Microseconds of a hop when nothing else goes on, beside a transaction of the bare loop with the hop's rows.
pub(crate) fn latency(how: &How) -> Result<Run, Error> {
    one_token(how, &Server::postgres()?, &[])
}

/// The same beside one transaction that inserts one row: one half of those before the hops and one after them.
pub(crate) fn latency_beside_a_row(how: &How) -> Result<Run, Error> {
    let server = Server::postgres()?;
    let raw = || {
        let size = how.size(2_000).to_string();
        let found = child(&["raw-commit".to_owned(), size, server.url().to_owned()])?;
        found.first().copied().ok_or_else(|| Error::from("no time of a commit"))
    };
    let before = raw()?;
    let hop = one_token(how, &server, &["--no-baseline"])?;
    let after = raw()?;
    Ok(Run { value: hop.value, baseline: Some(f64::midpoint(before, after)) })
}

fn one_token(how: &How, server: &Server, more: &[&str]) -> Result<Run, Error> {
    let words = [&ONE_TOKEN[..], &["--payload", PAYLOAD], more].concat();
    let mut arguments = memory(how, 500, &words);
    arguments.extend(["--log".to_owned(), board(server)]);
    chain(&arguments)
}

fn board(server: &Server) -> String {
    format!("{}?board=bench", server.url())
}

/// Microseconds of a transaction that inserts a row of as many bytes as a payload has.
pub(crate) async fn raw_commit(url: &str, count: u32) -> Result<Vec<f64>, Error> {
    let mut connection = PgConnection::connect(url).await?;
    connection
        .execute("CREATE TABLE IF NOT EXISTS raw (n int NOT NULL, bytes bytea NOT NULL)")
        .await?;
    let bytes = vec![7_u8; 500];
    let began = Instant::now();
    for number in 0..count {
        let query = sqlx::query("INSERT INTO raw (n, bytes) VALUES ($1, $2)");
        query.bind(number.cast_signed()).bind(&bytes).execute(&mut connection).await?;
    }
    let took = began.elapsed();
    connection.close().await?;
    Ok(vec![took.as_secs_f64() * 1e6 / f64::from(count)])
}
