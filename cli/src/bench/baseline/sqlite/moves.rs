//! Moving the loop's write-ahead file into its file, as a board has it done: by another connection,
//! beside the loop, which moves only what came meanwhile.

use std::pin::Pin;

use futures_util::FutureExt;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection, Executor, Row};

/// After about how many pages it is moved.
const PAGES: u64 = 5_000;
/// After how many batches for the first time, when nothing is known yet of what a batch writes.
const BATCHES: u64 = 8;

type Pass = Pin<Box<dyn Future<Output = Result<(SqliteConnection, i64), sqlx::Error>> + Send>>;

pub(super) struct Moves {
    idle: Option<SqliteConnection>,
    pass: Option<Pass>,
    /// Batches since it began anew.
    batches: u64,
    /// After how many of them it has about so many pages.
    due: u64,
}

impl Moves {
    /// By a connection with these options.
    pub(super) async fn by(options: &SqliteConnectOptions) -> Result<Self, sqlx::Error> {
        Ok(Self { idle: Some(options.connect().await?), pass: None, batches: 0, due: BATCHES })
    }

    /// Goes on after a batch.
    pub(super) async fn go_on(&mut self, writer: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        self.batches += 1;
        if self.batches >= self.due
            && let Some(connection) = self.idle.take()
        {
            self.pass = Some(Box::pin(pass(connection)));
        }
        let Some(done) = self.pass.as_mut().and_then(|pass| pass.now_or_never()) else {
            return Ok(());
        };
        let (connection, pages) = done?;
        writer.execute("PRAGMA wal_checkpoint(RESTART)").await?;
        let pages = u64::try_from(pages).unwrap_or(0).max(1);
        self.due = (self.batches * PAGES / pages).max(1);
        (self.batches, self.idle, self.pass) = (0, Some(connection), None);
        Ok(())
    }

    /// Waits until nothing is moved any more.
    pub(super) async fn close(self) -> Result<(), sqlx::Error> {
        let moved = match self.pass {
            Some(pass) => Some(pass.await?.0),
            None => self.idle,
        };
        match moved {
            Some(connection) => connection.close().await,
            None => Ok(()),
        }
    }
}

/// Moves what is there when it begins; says how many pages there are.
async fn pass(mut connection: SqliteConnection) -> Result<(SqliteConnection, i64), sqlx::Error> {
    let row = connection.fetch_one("PRAGMA wal_checkpoint(PASSIVE)").await?;
    let pages = row.try_get(1)?;
    Ok((connection, pages))
}
