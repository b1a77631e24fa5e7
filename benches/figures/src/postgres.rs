//! The figures of a board on a PostgreSQL server: one that the figure starts, with the settings that it
//! comes with, which are durable. It has the same cores as the board.

use sqlx::{Connection, Executor, PgConnection};
use tokio::time::Instant;

use crate::error::Error;
use crate::list::Run;
use crate::load::{chain, hops, memory};
use crate::options::How;
use crate::process::child;
use crate::server::Server;

/// Bytes of a payload.
const PAYLOAD: &str = "500";

/// Whole hops a second, beside a bare loop that writes the same rows.
pub(crate) fn postgres_hops(how: &How) -> Result<Run, Error> {
    let server = Server::postgres()?;
    let mut arguments = memory(how, 300_000, &["--payload", PAYLOAD]);
    arguments.extend(["--log".to_owned(), board(&server)]);
    hops(&arguments)
}

/// Microseconds of a hop when nothing else goes on, beside one transaction that inserts one row: one half
/// of those before the hops and one after them.
pub(crate) fn postgres_latency(how: &How) -> Result<Run, Error> {
    let server = Server::postgres()?;
    let raw = || {
        let size = how.size(2_000).to_string();
        let found = child(&["raw-commit".to_owned(), size, server.url().to_owned()])?;
        found.first().copied().ok_or_else(|| Error::from("no time of a commit"))
    };
    let before = raw()?;
    let alone = ["--depth", "10", "--in-flight", "1", "--settle", "--no-baseline", "--payload"];
    let mut arguments = memory(how, 500, &[&alone[..], &[PAYLOAD]].concat());
    arguments.extend(["--log".to_owned(), board(&server)]);
    let hop = chain(&arguments)?;
    let after = raw()?;
    Ok(Run { value: hop.value, baseline: Some(f64::midpoint(before, after)) })
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
