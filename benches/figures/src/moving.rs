//! How fast a board is moved from a file to a server on the same cores.

use std::sync::Arc;

use tokio::time::Instant;

use crate::board::{Input, at, declare_working, publish, stop};
use crate::error::Error;
use crate::list::Run;
use crate::options::How;
use crate::process::{child, scratch};
use crate::server::Server;

/// How many inputs the board has worked on. Each has led to five events.
const HOPS: u32 = 60_000;

/// Events a second, from before the logs are opened until both are compared and the board may go on.
pub(crate) fn figure(how: &How) -> Result<Run, Error> {
    let size = how.size(HOPS).to_string();
    let scratch = scratch()?;
    let from = format!("sqlite:{}", scratch.path().join("moved.db").display());
    child(&["fill-worked".to_owned(), size.clone(), from.clone()])?;
    let server = Server::postgres()?;
    let places = format!("{from} {}?board=moved", server.url());
    match child(&["move".to_owned(), size, places])?[..] {
        [events, seconds] => Ok(Run { value: events / seconds, baseline: None }),
        _ => Err("it printed no two numbers".into()),
    }
}

/// Leaves a board on which so much was done, with payloads of about 500 bytes.
pub(crate) async fn fill(url: &str, size: u32) -> Result<Vec<f64>, Error> {
    let board = at(url).open().await?;
    declare_working(&board);
    let running = Arc::new(board.start().await?);
    publish(&running, size, |n| Input { n, text: "x".repeat(480) }).await?;
    running.idle().await?;
    stop(running).await?;
    Ok(Vec::new())
}

/// How many events there were, and how many seconds it took to move them.
pub(crate) async fn carry(places: &str, size: u32) -> Result<Vec<f64>, Error> {
    let (from, to) = places.split_once(' ').ok_or("two places are needed")?;
    let began = Instant::now();
    let moved = artel::move_board(from, to, |_, _| {}).await?;
    let seconds = began.elapsed().as_secs_f64();
    if moved.artifacts != 2 * u64::from(size) {
        return Err(format!("{} artifacts were moved, not {}", moved.artifacts, 2 * size).into());
    }
    Ok(vec![moved.seq.get() as f64, seconds])
}
