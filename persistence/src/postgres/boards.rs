//! The boards of a schema, listed for whoever asks what there is; nobody is disturbed.

use sqlx::{Connection, Executor};

use artel_core::log::Error;
use artel_core::time::Timestamp;

use super::connect::{in_time, ready};
use super::error::reading;
use super::format::{get, owner, seq};
use super::migrate;
use super::target::Target;
use crate::boards::BoardThere;
use crate::mark::Mark;

const ALL: &str = "SELECT b.key, b.seq, b.at, b.mark, o.pid, o.program, o.endpoint FROM board b \
     LEFT JOIN owner o ON o.board_no = b.no AND o.until >= clock_timestamp() ORDER BY b.key COLLATE \"C\"";

/// All boards of the schema, by name.
pub(crate) async fn boards(target: &Target) -> Result<Vec<BoardThere>, Error> {
    in_time(("read", &target.place()), all(target)).await
}

async fn all(target: &Target) -> Result<Vec<BoardThere>, Error> {
    let place = target.place();
    let cannot = |error| reading("read", &place, error);
    let mut connection = ready(target).await?;
    let rows = match migrate::version(&place, &mut connection).await? {
        Some(_) => connection.fetch_all(ALL).await.map_err(cannot)?,
        None => Vec::new(),
    };
    connection.close().await.map_err(cannot)?;
    let board = |row| {
        let mark: Option<String> = get(&place, row, 3)?;
        Ok(BoardThere {
            board: get(&place, row, 0)?,
            seq: seq(&place, row, 1)?,
            at: Timestamp(get(&place, row, 2)?),
            owner: owner(&place, row, 4)?,
            mark: mark.map(|mark| Mark::parse(&place, &mark)).transpose()?,
        })
    };
    rows.iter().map(board).collect()
}
