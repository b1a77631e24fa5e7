//! What the suite asks of a backend: to make a log, and to open it as often as a case needs.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use artel_core::ids::{Incarnation, ProcessId};
use artel_core::log::{Claim, Description, Error, Log, Ownership};
use artel_core::names::{BoardName, ProgramName};

/// Makes logs of one backend.
pub trait LogFactory: Send + Sync {
    /// Where a log lies. Dropping it may take the log away.
    type Place: LogPlace;

    /// What a log of this backend says of itself.
    fn description(&self) -> Description;

    /// Makes a log that nothing was written to.
    fn make(&self, board: NewBoard) -> impl Future<Output = Self::Place> + Send;
}

/// The place of one log.
pub trait LogPlace: Send + Sync {
    /// Opens the log, as another process would: the handles of one place have nothing in common
    /// but the log, and what was acknowledged on one is there on all, also on one that is opened
    /// when all others are gone.
    fn open(&self) -> impl Future<Output = Result<Arc<dyn Log>, Error>> + Send;
}

/// The board that a log is made for.
#[derive(Clone, Debug)]
pub struct NewBoard {
    /// What it is called.
    pub board: BoardName,
    /// The identity of its log.
    pub incarnation: Incarnation,
    /// Made in development mode.
    pub dev: bool,
}

impl NewBoard {
    /// A board for a test.
    ///
    /// # Panics
    /// Never: the name is one.
    #[must_use]
    pub fn sample() -> Self {
        Self {
            board: BoardName::new("suite").expect("a board name"),
            incarnation: Incarnation::new(Uuid::from_u128(0x1ca4)),
            dev: false,
        }
    }
}

/// A claim of a process that has this number and this name.
///
/// # Panics
/// When the name is none.
#[must_use]
pub fn claim(process: u128, program: &str) -> Claim {
    Claim {
        process: ProcessId::new(Uuid::from_u128(process)),
        program: ProgramName::new(program).expect("a program name"),
        endpoint: Some(format!("/run/{program}.sock")),
    }
}

/// How long an ownership may outlive a handle that was dropped.
const PATIENCE: Duration = Duration::from_secs(15);
/// How often it is asked for meanwhile.
const ROUND: Duration = Duration::from_millis(20);

/// Owns a board as soon as it is free: where a handle that owned it was dropped, it may be free only when
/// its time is over.
///
/// # Errors
/// As for [`Log::own`]; [`Error::Owned`] when somebody still owns it after a quarter of a minute.
pub async fn own_when_free(log: &Arc<dyn Log>, claim: Claim) -> Result<Ownership, Error> {
    let free = async {
        loop {
            match log.own(claim.clone()).await {
                Err(Error::Owned { .. }) => tokio::time::sleep(ROUND).await,
                owned => return owned,
            }
        }
    };
    match tokio::time::timeout(PATIENCE, free).await {
        Ok(owned) => owned,
        Err(_) => log.own(claim.clone()).await,
    }
}

/// Makes a log and opens it once.
///
/// # Panics
/// When it cannot be opened.
pub async fn fresh<F: LogFactory>(factory: &F) -> (F::Place, Arc<dyn Log>) {
    let place = factory.make(NewBoard::sample()).await;
    let log = place.open().await.expect("a new log can be opened");
    (place, log)
}
