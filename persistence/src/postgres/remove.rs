//! Removing a board from a server, and moving it out of the way.

use sqlx::{AssertSqlSafe, Executor, Row};

use artel_core::log::{Error, Owner};

use super::connect::{connect, run, setup};
use super::error::reading;
use super::target::Target;

/// Every table with rows of boards, but for the boards themselves.
const TABLES: [&str; 16] = [
    "owner",
    "batch",
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
];

/// How many names are tried for a board that is moved aside.
const TRIES_MAX: u32 = 1_000;

/// A board that nobody owns, in a transaction in which nobody can.
const FREE: &str = "SELECT b.no, b.dev, o.pid, o.program, o.endpoint FROM board b \
     LEFT JOIN owner o ON o.board_no = b.no AND o.until >= clock_timestamp() \
     WHERE b.key = $1 FOR UPDATE OF b";

/// Removes a board with everything in it, and says where it lay.
pub(crate) async fn remove(target: &Target) -> Result<String, Error> {
    let place = target.place();
    let cannot = |error| reading("remove", &place, error);
    let mut connection = connect(target).await.map_err(cannot)?;
    run(&mut connection, format!("{}; BEGIN", setup(&target.schema))).await.map_err(cannot)?;
    let (board_no, _) = free(&mut connection, target, "remove").await?;
    // First: what operators did goes when there is no such board any more, and not before.
    run(&mut connection, format!("DELETE FROM board WHERE no = {board_no}"))
        .await
        .map_err(cannot)?;
    for table in TABLES {
        let sql = format!("DELETE FROM {table} WHERE board_no = {board_no}");
        connection.execute(AssertSqlSafe(sql)).await.map_err(cannot)?;
    }
    run(&mut connection, "COMMIT".to_owned()).await.map_err(cannot)?;
    Ok(place)
}

/// Gives a board that was created in development mode another name, and says which.
pub(crate) async fn move_aside(target: &Target) -> Result<String, Error> {
    let place = target.place();
    let cannot = |error| reading("move aside", &place, error);
    let mut connection = connect(target).await.map_err(cannot)?;
    run(&mut connection, format!("{}; BEGIN", setup(&target.schema))).await.map_err(cannot)?;
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
    connection: &mut sqlx::PgConnection,
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
    let program: Option<String> = row.try_get(3).map_err(cannot)?;
    if let Some(program) = program {
        let pid: Option<i64> = row.try_get(2).map_err(cannot)?;
        let endpoint = row.try_get(4).map_err(cannot)?;
        let pid = pid.and_then(|pid| u32::try_from(pid).ok());
        return Err(Error::Owned { place, owner: Owner { pid, program, endpoint } });
    }
    Ok((row.try_get(0).map_err(cannot)?, row.try_get(1).map_err(cannot)?))
}
