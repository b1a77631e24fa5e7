//! The board of a file, as a list of one.

use artel_core::log::{Error, Log};

use super::file::File;
use super::mark::marked;
use super::open::open;
use crate::boards::BoardThere;
use crate::open::OpenOptions;

/// The one board that is there.
pub(crate) async fn boards(file: File) -> Result<Vec<BoardThere>, Error> {
    let mark = marked(&file).await?;
    let board = file.path.display().to_string();
    let log = open(file, OpenOptions::read_only()).await?;
    let (head, owner) = (log.head().await?, log.owner().await?);
    log.close().await;
    Ok(vec![BoardThere { board, seq: head.seq, at: head.at, owner, mark }])
}
