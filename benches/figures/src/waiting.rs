//! Activations that wait: what each takes of memory, and how soon a board with many answers.

use std::sync::Arc;

use tokio::time::Instant;

use crate::board::{Waiting, at, declare_waiting, publish, stop};
use crate::error::Error;
use crate::list::Run;
use crate::options::How;
use crate::process::{child, scratch};

/// How many wait.
pub(crate) const WAITING: u32 = 100_000;

/// What grows with each artifact that waits to be worked on, less what grows with one that wakes
/// nobody: on a file, so that the log itself keeps nothing in memory but its bounded caches, which
/// both have.
pub(crate) fn bytes(how: &How) -> Result<Run, Error> {
    let size = how.size(WAITING);
    let grown = |part: &str| {
        let scratch = scratch()?;
        let url = format!("sqlite:{}", scratch.path().join("waiting.db").display());
        let grown = child(&[part.to_owned(), size.to_string(), url])?;
        grown.first().copied().ok_or_else(|| Error::from("it printed nothing"))
    };
    let (waiting, idle) = (grown("grow")?, grown("grow-idle")?);
    Ok(Run { value: (waiting - idle) / f64::from(size), baseline: None })
}

/// How long it takes to open a board on which so many wait, and whose process was cut off: its log
/// has no snapshot, so all of it is folded.
pub(crate) fn recovery(how: &How) -> Result<Run, Error> {
    recovery_from("fill-cut-off", how)
}

/// The same where the process was shut down, and left a snapshot of its end.
pub(crate) fn recovery_clean(how: &How) -> Result<Run, Error> {
    recovery_from("fill", how)
}

fn recovery_from(fill: &str, how: &How) -> Result<Run, Error> {
    let size = how.size(WAITING).to_string();
    let scratch = scratch()?;
    let url = format!("sqlite:{}", scratch.path().join("waiting.db").display());
    child(&[fill.to_owned(), size.clone(), url.clone()])?;
    let seconds = child(&["recover".to_owned(), size, url])?;
    let value = *seconds.first().ok_or("it printed nothing")?;
    Ok(Run { value, baseline: None })
}

/// By how many bytes the resident memory grows with so many artifacts.
pub(crate) async fn grow(url: &str, size: u32, wake: bool) -> Result<Vec<f64>, Error> {
    let board = at(url).open().await?;
    if wake {
        declare_waiting(&board);
    } else {
        board.type_of::<Waiting>();
    }
    let running = Arc::new(board.start().await?);
    // What is made once, and the caches as far as they fill so soon.
    publish(&running, size / 10, Waiting::numbered).await?;
    let before = resident()?;
    publish(&running, size, Waiting::numbered).await?;
    let grown = resident()? - before;
    stop(running).await?;
    Ok(vec![grown])
}

/// Leaves a board on which so many wait: shut down, or cut off once the last of them was
/// acknowledged.
pub(crate) async fn fill(url: &str, size: u32, shut_down: bool) -> Result<Vec<f64>, Error> {
    let board = at(url).open().await?;
    declare_waiting(&board);
    let running = Arc::new(board.start().await?);
    publish(&running, size, Waiting::numbered).await?;
    if !shut_down {
        #[expect(clippy::exit, reason = "nothing of the board may come to an end in order")]
        std::process::exit(0);
    }
    stop(running).await?;
    Ok(Vec::new())
}

/// Seconds from before a board is opened until it answers how many wait.
pub(crate) async fn recover(url: &str, size: u32) -> Result<Vec<f64>, Error> {
    let began = Instant::now();
    let board = at(url).open().await?;
    declare_waiting(&board);
    let running = Arc::new(board.start().await?);
    let open = running.look(|state| state.activations().count()).await?;
    let seconds = began.elapsed().as_secs_f64();
    if open != size as usize {
        return Err(format!("{open} activations are open, not {size}").into());
    }
    stop(running).await?;
    Ok(vec![seconds])
}

/// Bytes of memory that this process has resident.
fn resident() -> Result<f64, Error> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix("kB"));
    let kib: f64 = kib.ok_or("the system does not say what is resident")?.trim().parse()?;
    Ok(kib * 1_024.0)
}
