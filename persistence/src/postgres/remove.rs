//! Removing a board from a server, and moving it out of the way.

use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor};

use artel_core::log::Error;

use super::connect::{in_time, ready, run};
use super::error::reading;
use super::format::{get, owner};
use super::migrate;
use super::target::Target;

/// Every table with rows of boards, but for the boards themselves. Batches come last: as long as there are any, what
/// is left of a board that is gone can be found.
const TABLES: [&str; 16] = [
    "owner",
    "artifact",
    "stretch",
    "tag",
    "used_key",
    "content",
    "closed",
    "worked_on",
    "cancelled",
    "snapshot",
    "snapshot_part",
    "name",
    "operation",
    "open_work",
    "shown",
    "batch",
];

/// How many rows are deleted at a time.
const ROWS: u64 = 1_000;

/// The numbers of boards that are gone and have batches: of those whose removal did not come to its end.
const LEFT: &str = "WITH RECURSIVE b (no) AS ( \
         SELECT min(board_no) FROM batch \
         UNION ALL SELECT (SELECT min(board_no) FROM batch WHERE board_no > b.no) FROM b WHERE b.no IS NOT NULL) \
     SELECT no FROM b WHERE no IS NOT NULL AND NOT EXISTS (SELECT 1 FROM board WHERE board.no = b.no)";

/// How many names are tried for a board that is moved aside.
const TRIES_MAX: u32 = 1_000;

/// A board that nobody owns, in a transaction in which nobody can.
const FREE: &str = "SELECT b.no, b.dev, o.pid, o.program, o.endpoint FROM board b \
     LEFT JOIN owner o ON o.board_no = b.no AND o.until >= clock_timestamp() \
     WHERE b.key = $1 FOR UPDATE OF b";

/// Removes a board with everything in it, and says where it lay. The board itself goes first, so that nobody owns it
/// meanwhile; then its rows, some at a time. A removal that is interrupted is ended by the next one in the schema.
pub(crate) async fn remove(target: &Target) -> Result<String, Error> {
    let place = target.place();
    let mut connection = ready(target).await?;
    let removed = in_time(("remove", &place), unlist(&mut connection, target)).await;
    if let Ok(board_no) = removed {
        clear(&mut connection, &place, board_no).await?;
    }
    if let Ok(_) | Err(Error::Missing { .. }) = removed
        && migrate::version(&place, &mut connection).await?.is_some()
    {
        let cannot = |error| reading("remove", &place, error);
        let left = async { connection.fetch_all(LEFT).await.map_err(cannot) };
        let left = in_time(("remove", &place), left).await?;
        for row in &left {
            clear(&mut connection, &place, get(&place, row, 0)?).await?;
        }
        if !left.is_empty() {
            return Ok(place);
        }
    }
    removed.map(|_| place)
}

/// Takes a board from the list, if nobody owns it; its number.
async fn unlist(connection: &mut PgConnection, target: &Target) -> Result<i32, Error> {
    let place = target.place();
    let cannot = |error| reading("remove", &place, error);
    run(connection, "BEGIN".to_owned()).await.map_err(cannot)?;
    let found = free(connection, target, "remove").await;
    let Ok((board_no, _)) = found else {
        run(connection, "ROLLBACK".to_owned()).await.map_err(cannot)?;
        return found.map(|(board_no, _)| board_no);
    };
    let sql = format!("DELETE FROM board WHERE no = {board_no}; COMMIT");
    run(connection, sql).await.map_err(cannot)?;
    Ok(board_no)
}

/// Deletes all rows of a board that is gone.
async fn clear(connection: &mut PgConnection, place: &str, board_no: i32) -> Result<(), Error> {
    for table in TABLES {
        let sql = format!(
            "DELETE FROM {table} WHERE ctid = ANY (ARRAY( \
             SELECT ctid FROM {table} WHERE board_no = {board_no} LIMIT {ROWS}))"
        );
        loop {
            let delete = async {
                let deleted = connection.execute(AssertSqlSafe(sql.clone())).await;
                deleted.map_err(|error| reading("remove", place, error))
            };
            if in_time(("remove", place), delete).await?.rows_affected() < ROWS {
                break;
            }
        }
    }
    Ok(())
}

/// Gives a board that was created in development mode another name, and says which.
pub(crate) async fn move_aside(target: &Target) -> Result<String, Error> {
    in_time(("move aside", &target.place()), rename(target)).await
}

async fn rename(target: &Target) -> Result<String, Error> {
    let place = target.place();
    let cannot = |error| reading("move aside", &place, error);
    let mut connection = ready(target).await?;
    run(&mut connection, "BEGIN".to_owned()).await.map_err(cannot)?;
    let (board_no, dev) = free(&mut connection, target, "move aside").await?;
    if !dev {
        return Err(Error::NotDev { place });
    }
    for number in 1..=TRIES_MAX {
        let key = format!("{}.aside-{number}", target.board);
        let sql = "UPDATE board SET key = $2 WHERE no = $1 \
                   AND NOT EXISTS (SELECT 1 FROM board WHERE key = $2)";
        let moved = sqlx::query(sql).bind(board_no).bind(&key).execute(&mut connection).await;
        if moved.map_err(cannot)?.rows_affected() == 1 {
            run(&mut connection, "COMMIT".to_owned()).await.map_err(cannot)?;
            return Ok(Target { board: key, ..target.clone() }.place());
        }
    }
    Err(cannot(sqlx::Error::Io(std::io::ErrorKind::AlreadyExists.into())))
}

/// The number of the board, and whether it was created in development mode, if nobody owns it.
async fn free(
    connection: &mut PgConnection,
    target: &Target,
    action: &'static str,
) -> Result<(i32, bool), Error> {
    let place = target.place();
    let cannot = |error| reading(action, &place, error);
    let found = sqlx::query(FREE).bind(&target.board).fetch_all(&mut *connection).await;
    let rows = match found {
        Ok(rows) => rows,
        // There is not even the schema.
        Err(error) if super::error::code(&error) == Some("42P01") => Vec::new(),
        Err(error) => return Err(cannot(error)),
    };
    let Some(row) = rows.first() else { return Err(Error::Missing { place }) };
    if let Some(owner) = owner(&place, row, 2)? {
        return Err(Error::Owned { place, owner });
    }
    Ok((get(&place, row, 0)?, get(&place, row, 1)?))
}
