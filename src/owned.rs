//! A log that is owned without a board on it: while the board is moved, or adopted.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use artel_core::ids::Epoch;
use artel_core::log::{Append, Claim, Error, Head, Log};
use artel_core::names::ProgramName;

use crate::entropy::{OsEntropy, process_id};

/// How long somebody of the same name who died may own a log on a server beyond its death: a little more than ownership lasts
/// unless a URL says otherwise.
const PATIENCE: Duration = Duration::from_secs(12);
/// How often it is tried meanwhile.
const ROUND: Duration = Duration::from_millis(200);

/// A log that is owned.
pub(crate) struct Owned {
    pub(crate) log: Arc<dyn Log>,
    /// The head as it was taken over.
    pub(crate) head: Head,
    claim: Claim,
}

impl Owned {
    /// Owns a log under a name, at once or, where somebody of that name who died owns it still, as soon as that
    /// is over.
    pub(crate) async fn take(log: Arc<dyn Log>, name: &str) -> Result<Self, Error> {
        let claim = Claim {
            process: process_id(&OsEntropy),
            program: ProgramName::new(name).expect("this is a name"),
            endpoint: None,
        };
        let until = Instant::now() + PATIENCE;
        let head = loop {
            match log.own(claim.clone()).await {
                Ok(ownership) => break ownership.head,
                // Whoever had it when it was asked for, and was gone when that one's name was, has no process.
                Err(Error::Owned { owner, .. })
                    if (owner.program == name || owner.pid.is_none()) && Instant::now() < until =>
                {
                    sleep(ROUND).await;
                }
                Err(error) => return Err(error),
            }
        };
        Ok(Self { log, head, claim })
    }

    /// Owns a log that a board arrives in again and again, until it has the epoch of what comes next.
    pub(crate) async fn reach(&mut self, epoch: Epoch) -> Result<(), Error> {
        while self.head.epoch < epoch {
            self.head = self.log.own(self.claim.clone()).await?.head;
        }
        Ok(())
    }

    /// Appends what a committer appended to another log, or what no committer is there for.
    pub(crate) async fn bring(&mut self, append: Append) -> Result<(), Error> {
        self.reach(append.batch.header.epoch).await?;
        self.log.append(append).await
    }

    /// Gives the log up and lets go of it.
    pub(crate) async fn close(self) {
        // Where it cannot be given up, the ownership ends by itself.
        let _ = self.log.disown(self.head.epoch).await;
        self.log.close().await;
    }
}
