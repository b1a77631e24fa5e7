//! How soon a board on a server goes on in another process when its owner is killed.

use tokio::sync::mpsc::{Receiver, channel};
use tokio::time::Instant;

use crate::board::{Waiting, at, declare_waiting};
use crate::error::Error;
use crate::list::Run;
use crate::options::How;
use crate::process::{Part, child};
use crate::server::Server;
use crate::waiting::WAITING;

/// What a process that stands by says when it has the board and something was committed there.
const COMMITTED: &str = "committed";
/// How many processes stand by.
const PROCESSES: usize = 2;

pub(crate) fn postgres(how: &How) -> Result<Run, Error> {
    figure(how, &Server::postgres()?)
}

pub(crate) fn redis(how: &How) -> Result<Run, Error> {
    figure(how, &Server::redis("always")?)
}

/// Seconds from the death of an owner until something that was published to the next one is committed. Two
/// processes stand by for a board on which many wait, and whose process was cut off. The first of them that has
/// it is killed as soon as it committed something: its ownership has just begun then, so that all of it has
/// to be waited for.
fn figure(how: &How, server: &Server) -> Result<Run, Error> {
    let size = how.size(WAITING).to_string();
    // At another size nobody waits for as long.
    let ownership = if how.is_full() { 10 } else { 1 };
    let url = format!("{}?board=takeover&ownership={ownership}s", server.url());
    child(&["fill-cut-off".to_owned(), size.clone(), url.clone()])?;
    let (say, mut said) = channel(PROCESSES);
    let begin = |number| {
        let arguments = ["stand-by".to_owned(), size.clone(), url.clone()];
        Part::begin(&arguments, number, say.clone())
    };
    let mut parts = (0..PROCESSES).map(begin).collect::<Result<Vec<Part>, Error>>()?;
    drop(say);
    let owner = next_owner(&mut said)?;
    let killed = Instant::now();
    parts[owner].kill()?;
    let next = next_owner(&mut said)?;
    let value = killed.elapsed().as_secs_f64();
    if next == owner {
        return Err("a process that was killed went on".into());
    }
    Ok(Run { value, baseline: None })
}

/// Which process has the board, once it says so.
fn next_owner(said: &mut Receiver<(usize, String)>) -> Result<usize, Error> {
    while let Some((number, line)) = said.blocking_recv() {
        if line == COMMITTED {
            return Ok(number);
        }
    }
    Err("no process took the board over".into())
}

/// Stands by for a board, commits something there, says so, and goes on until it is killed.
#[expect(clippy::print_stdout, reason = "that is how it tells")]
pub(crate) async fn stand_by(url: &str, size: u32) -> Result<Vec<f64>, Error> {
    let board = at(url).open().await?;
    declare_waiting(&board);
    let running = board.stand_by().await?;
    running.publish(Waiting::numbered(size)).await?;
    println!("{COMMITTED}");
    let open = running.look(|state| state.activations().count()).await?;
    if open <= size as usize {
        return Err(format!("{open} activations are open, not more than {size}").into());
    }
    std::future::pending().await
}
