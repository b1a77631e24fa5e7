//! Opening and making a board on a server. The check at open looks at the server's settings, the schema
//! version, the head row and the last batch, so it costs the same however long the log is.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use sqlx::ConnectOptions;
use sqlx::postgres::PgConnection;
use tokio::sync::Semaphore;

use artel_core::log::Error;
use artel_core::record::genesis;

use super::connect::{run, setup, unopened};
use super::error::reading;
use super::format::{get, uuid};
use super::handle::PostgresLog;
use super::keep::Keeper;
use super::own::Owning;
use super::shown::Shown;
use super::target::Target;
use super::{migrate, read, settings};
use crate::connections::Connections;
use crate::open::{CreateBoard, Mode};

pub(crate) async fn open(target: Target, mode: Mode) -> Result<PostgresLog, Error> {
    let place = target.place();
    settings::check(&target).await?;
    let cannot = |error| reading("open", &place, error);
    let mut connection = target.options.connect().await.map_err(cannot)?;
    run(&mut connection, setup(&target.schema)).await.map_err(cannot)?;
    prepare(&target, &mode, &mut connection).await?;
    let board_no = board(&target, &mode, &mut connection).await?;
    drop(connection);
    let read_only = matches!(mode, Mode::ReadOnly);
    let log = log(&target, board_no, read_only);
    read::check_end(&log).await?;
    Ok(log)
}

/// A log that nobody has looked into yet.
fn log(target: &Target, board_no: i32, read_only: bool) -> PostgresLog {
    let place = target.place();
    let start = || (setup(&target.schema), run as _);
    let connections =
        |count| Connections::new(&place, target.options.clone(), start(), unopened, count);
    PostgresLog {
        board_no,
        promise: target.promise,
        ownership: target.ownership,
        read_only,
        readers: connections(target.readers),
        writer: connections(1),
        snapshots: Semaphore::new(1),
        owning: Arc::new(Owning::default()),
        keeper: Keeper::of(target),
        shown: Shown::default(),
        closed: AtomicBool::new(false),
        place,
    }
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
async fn board(target: &Target, mode: &Mode, connection: &mut PgConnection) -> Result<i32, Error> {
    let place = target.place();
    let cannot = |error| reading("open", &place, error);
    if let Mode::Create(CreateBoard { board, incarnation, dev }) = mode {
        let sql = "INSERT INTO board (key, name, incarnation, dev, epoch, seq, hash, at) \
                   VALUES ($1, $2, $3, $4, 0, 0, $5, 0) ON CONFLICT (key) DO NOTHING";
        sqlx::query(sql)
            .bind(&target.board)
            .bind(board.as_str())
            .bind(uuid(incarnation.as_bytes()))
            .bind(dev)
            .bind(&genesis(*incarnation).0[..])
            .execute(&mut *connection)
            .await
            .map_err(cannot)?;
    }
    let found = sqlx::query("SELECT no FROM board WHERE key = $1")
        .bind(&target.board)
        .fetch_all(connection)
        .await
        .map_err(cannot)?;
    match found.first() {
        Some(row) => get(&place, row, 0),
        None => Err(Error::Missing { place }),
    }
}
