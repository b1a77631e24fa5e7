//! The program that is killed: it stands by for the board, and as long as it owns it, publishes and works, and
//! notes what it is told.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::try_join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::time::{interval, sleep};

use artel::{Artifact, Board, Context, Health, OpenError, Publication, Retry, Running, StartError};

use super::notes::Notes;
use crate::crash::error::Error;

/// The file in the folder of a process that says where everything is.
const LIFE: &str = "life";
/// How many publish at the same time, and how long each pauses after a receipt.
const CLIENTS: usize = 4;
const PAUSE: Duration = Duration::from_millis(50);
/// How long a publish waits for a board that is away before it is asked again.
const PATIENCE: Duration = Duration::from_secs(4);
/// How long until a server that is away is looked for again.
const AGAIN: Duration = Duration::from_millis(200);
/// How often it is looked whether the end has come.
const LOOK_EVERY: Duration = Duration::from_millis(50);

#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema, Artifact,
)]
#[artifact(name = "pair.Order")]
pub(super) struct Order {
    /// Who published it.
    pub(super) client: String,
    /// The how manieth of theirs it is.
    pub(super) number: u32,
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Artifact)]
#[artifact(name = "pair.Bill")]
struct Bill {
    client: String,
    number: u32,
}

/// Where everything of a process is.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// The URL of its board.
    pub(super) board: String,
    /// What its clients are called.
    pub(super) name: String,
    /// Its ledger.
    pub(super) ledger: PathBuf,
    /// A file that is there when it is to end by itself.
    pub(super) end: PathBuf,
}

impl Place {
    /// Writes it where [`live`] finds it.
    pub(super) fn write(&self, dir: &Path) -> Result<(), Error> {
        let (ledger, end) = (self.ledger.display(), self.end.display());
        let text = format!("{}\n{}\n{ledger}\n{end}\n", self.board, self.name);
        fs::write(dir.join(LIFE), text).map_err(Error::file(dir.join(LIFE)))
    }

    /// None when no campaign has started this process.
    fn read(dir: &Path) -> Option<Self> {
        let text = fs::read_to_string(dir.join(LIFE)).ok()?;
        let mut lines = text.lines().map(str::to_owned);
        let (board, name) = (lines.next()?, lines.next()?);
        let (ledger, end) = (lines.next()?.into(), lines.next()?.into());
        Some(Self { board, name, ledger, end })
    }
}

/// Lives as a process of a [`Pair`](super::Pair) whose folder this is, until it is killed or told to end. In
/// any other folder there is nothing to do.
///
/// # Errors
/// When the board cannot be used, or the ledger not be written.
pub async fn live(dir: &Path) -> Result<(), Error> {
    let Some(place) = Place::read(dir) else { return Ok(()) };
    let notes = Arc::new(Notes::open(&place.ledger)?);
    let mut next = [0; CLIENTS];
    loop {
        let running = tokio::select! {
            running = own(&place.board, &notes) => running?,
            () = ended(&place.end) => return Ok(()),
        };
        notes.state(&running).await?;
        let clients = (0..).zip(&mut next).map(|(number, next)| {
            let name = format!("{}-{number}", place.name);
            publish(&running, &notes, name, next)
        });
        tokio::select! {
            published = try_join_all(clients) => published.map(drop)?,
            () = tell(&running) => {}
            () = ended(&place.end) => {
                notes.state(&running).await?;
                running.shutdown().await;
                return Ok(());
            }
        }
        // Its board is another's: from here on it stands by again.
        say(&format!("stopped: {}", running.stopped().await));
    }
}

/// Stands by for the board, and starts it.
pub(super) async fn own(url: &str, notes: &Arc<Notes>) -> Result<Running, Error> {
    loop {
        let board = match Board::builder(url).patience(PATIENCE).open().await {
            Ok(board) => board,
            Err(OpenError::Log { source, .. }) if source.retryable() => {
                sleep(AGAIN).await;
                continue;
            }
            Err(error) => return Err(Error::open(error)),
        };
        let soon = Retry::fixed(Duration::from_millis(10)).max_attempts(20);
        let (billing, filing) = (notes.clone(), notes.clone());
        board.agent("bill").on::<Order>().retry(soon).run(move |cx, order| {
            let notes = billing.clone();
            bill(cx, order, notes)
        });
        board.agent("file").on::<Bill>().run(move |cx, bill| {
            let notes = filing.clone();
            file(cx, bill, notes)
        });
        match board.stand_by().await {
            Ok(running) => return Ok(running),
            // It lost the board while it was starting; nobody knows yet who has it.
            Err(StartError::Stopped(why)) => say(&format!("did not start: {why}")),
            Err(error) => return Err(Error::Start(Box::new(error))),
        }
    }
}

async fn bill(cx: Context, order: Arc<Order>, notes: Arc<Notes>) -> Result<Bill, artel::Error> {
    notes.begin(&cx)?;
    let at_once = order.number % 7 != 3 || cx.attempt().get() > 1;
    if order.number.is_multiple_of(5) {
        cx.step("weigh", async { Ok::<_, artel::Error>(order.number) }).await?;
    }
    sleep(Duration::from_millis(u64::from(order.number % 4))).await;
    notes.end(&cx, at_once)?;
    let bill = Bill { client: order.client.clone(), number: order.number };
    if at_once { Ok(bill) } else { Err(artel::Error::transient("not at once")) }
}

async fn file(cx: Context, _: Arc<Bill>, notes: Arc<Notes>) -> Result<(), artel::Error> {
    notes.begin(&cx)?;
    Ok(notes.end(&cx, true)?)
}

/// Publishes one order after the other, each until it has a receipt; ends when the board has stopped.
async fn publish(
    running: &Running,
    notes: &Notes,
    client: String,
    next: &mut u32,
) -> Result<(), Error> {
    let mut rounds = interval(PAUSE);
    loop {
        rounds.tick().await;
        let number = *next;
        let key = format!("{client} {number}");
        let order = Order { client: client.clone(), number };
        match running.publish(Publication::new(order).idempotency_key(key)).await {
            Ok(receipt) => {
                notes.acknowledged(&receipt)?;
                *next += 1;
            }
            Err(error) if matches!(error.code(), "stopped" | "interrupted") => return Ok(()),
            Err(error) if error.retryable() => say(&format!("{client} {number}: {error}")),
            Err(error) => return Err(Error::Publish(Box::new(error))),
        }
    }
}

/// Says when the board goes away, and when it is back.
async fn tell(running: &Running) {
    let mut health = running.health();
    while !matches!(health, Health::Stopped { .. }) {
        say(&format!("{health:?}"));
        let before = health.clone();
        health = running.health_when(|health| *health != before).await;
    }
    // The clients notice it too, each when it is answered.
    std::future::pending().await
}

/// For whoever looks why a campaign found something.
#[expect(clippy::print_stdout, reason = "what a process says is kept beside its ledger")]
fn say(what: &str) {
    println!("{what}");
}

async fn ended(end: &Path) {
    let mut looks = interval(LOOK_EVERY);
    while !end.exists() {
        looks.tick().await;
    }
}
