//! Opening and making a board on a server. The check at open looks at the server's settings, the schema
//! version, the head row and the last batch, so it costs the same however long the log is.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use sqlx::Connection;
use sqlx::postgres::PgConnection;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use artel_core::log::Error;
use artel_core::record::genesis;

use super::connect::{ANSWER_TIMEOUT, Use, connect, run, setup};
use super::error::{TimedOut, reading};
use super::format::{get, uuid};
use super::handle::PostgresLog;
use super::keep::keeper;
use super::pool::Member;
use super::recent::Recent;
use super::shown::Shown;
use super::target::Target;
use super::{migrate, read, settings};
use crate::mark::Mark;
use crate::open::{CreateBoard, Mode, Moving, OpenOptions};
use crate::owning::Owning;

pub(crate) async fn open(target: Target, options: OpenOptions) -> Result<PostgresLog, Error> {
    let writes = match options.moving {
        Moving::Here { .. } => Use::WritesLazily,
        Moving::No | Moving::Away | Moving::Adopted => Use::Writes,
    };
    let pool = Member::join(&target, writes);
    let limit = ANSWER_TIMEOUT;
    let opened = {
        let _turn = pool.turn_to_open().await;
        timeout(limit, look(&target, &options)).await
    };
    let board_no =
        opened.unwrap_or_else(|_| Err(TimedOut { limit }.error("open", &target.place(), false)))?;
    let opened = timeout(limit, whole(&target, options, (pool, board_no))).await;
    opened.unwrap_or_else(|_| Err(TimedOut { limit }.error("open", &target.place(), false)))
}

/// Looks at the server, and for the board, whose number it says.
async fn look(target: &Target, options: &OpenOptions) -> Result<i32, Error> {
    let OpenOptions { mode, moving } = options;
    let place = target.place();
    settings::check(target).await?;
    let cannot = |error| reading("open", &place, error);
    let mut connection = connect(target).await.map_err(cannot)?;
    run(&mut connection, setup(&target.schema)).await.map_err(cannot)?;
    prepare(target, mode, &mut connection).await?;
    let board_no = board(target, (mode, moving), &mut connection).await?;
    connection.close().await.map_err(cannot)?;
    Ok(board_no)
}

/// The log of a board that is there, if its end is whole.
async fn whole(
    target: &Target,
    options: OpenOptions,
    (pool, board_no): (Member, i32),
) -> Result<PostgresLog, Error> {
    let log = PostgresLog {
        board: target.board.clone(),
        board_no,
        promise: target.promise,
        ownership: target.ownership,
        read_only: matches!(options.mode, Mode::ReadOnly),
        moving: options.moving,
        pool,
        snapshots: Semaphore::new(1),
        owning: Arc::new(Owning::default()),
        keeper: keeper(target),
        shown: Shown::default(),
        recent: Recent::default(),
        closed: AtomicBool::new(false),
        place: target.place(),
    };
    read::check_end(&log).await?;
    Ok(log)
}

/// Makes the schema, or brings it up to date, where that is allowed.
async fn prepare(target: &Target, mode: &Mode, connection: &mut PgConnection) -> Result<(), Error> {
    let place = target.place();
    match (migrate::version(&place, connection).await?, mode) {
        (Some(migrate::VERSION), _) => Ok(()),
        (None, Mode::Existing | Mode::ReadOnly) => Err(Error::Missing { place }),
        (Some(_), Mode::ReadOnly) => Err(Error::ReadOnly { action: "upgrade", place }),
        (None | Some(_), Mode::Create(_)) | (Some(_), Mode::Existing) => {
            migrate::migrate(&place, &target.schema, connection).await
        }
    }
}

/// The number of the board, which is made where it is not there and that is wanted.
async fn board(
    target: &Target,
    (mode, moving): (&Mode, &Moving),
    connection: &mut PgConnection,
) -> Result<i32, Error> {
    let place = target.place();
    let cannot = |error| reading("open", &place, error);
    if let Mode::Create(CreateBoard { board, incarnation, dev }) = mode {
        let sql = "INSERT INTO board (key, name, incarnation, dev, epoch, seq, hash, at, mark) \
                   VALUES ($1, $2, $3, $4, 0, 0, $5, 0, $6) ON CONFLICT (key) DO NOTHING";
        let mark = moving.first_mark().map(|mark| mark.text());
        sqlx::query(sql)
            .bind(&target.board)
            .bind(board.as_str())
            .bind(uuid(incarnation.as_bytes()))
            .bind(dev)
            .bind(&genesis(*incarnation).0[..])
            .bind(mark)
            .execute(&mut *connection)
            .await
            .map_err(cannot)?;
    }
    let found = sqlx::query("SELECT no, mark FROM board WHERE key = $1")
        .bind(&target.board)
        .fetch_all(connection)
        .await
        .map_err(cannot)?;
    let Some(row) = found.first() else { return Err(Error::Missing { place }) };
    let mark: Option<String> = get(&place, row, 1)?;
    if let Some(mark) = mark {
        Mark::parse(&place, &mark)?.admit(&place, moving, matches!(mode, Mode::ReadOnly))?;
    }
    get(&place, row, 0)
}
