//! Standing by: waiting until a board has no owner, and starting it then. A process that stands by costs the
//! store a look now and then, and the owner nothing.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use artel_core::log::{self, Log};

use crate::board::Board;
use crate::error::{LoadError, StartError, TakeOverError};
use crate::running::Running;
use crate::start;

/// How long until a log that is away is looked at again, and a board that somebody else was faster to own.
pub(crate) const PAUSE: Duration = Duration::from_millis(500);

impl Board {
    /// Starts the board as [`start`](Self::start) does, as soon as no other process owns it: at once where
    /// none does, else soon after its owner has died, was shut down, or could not renew its ownership. Of
    /// several that stand by one gets the board, and the others go on standing by. A log that is away is
    /// waited for too.
    ///
    /// On a server it is noticed when the owner's time is over, and within a second when it
    /// gave the board up; in a file within a tenth of a second.
    ///
    /// # Errors
    /// As [`start`](Self::start), but for an owner that there is. A board that was moved elsewhere is an
    /// error too, once whoever moved it has let go of it: it does not come back.
    ///
    /// # Cancel safety
    /// Safe to drop: as long as it waits, nothing is owned.
    pub async fn stand_by(self) -> Result<Running, StartError> {
        let (setup, program) = self.checked()?;
        let program = Arc::new(program);
        loop {
            until_free(&setup.log).await?;
            match start::start(setup.clone(), &program).await {
                Err(error) if is_for_now(&error) => sleep(PAUSE).await,
                started => return started,
            }
        }
    }
}

/// Waits until nobody owns the board.
pub(crate) async fn until_free(log: &Arc<dyn Log>) -> Result<(), StartError> {
    let mut told = false;
    loop {
        match log.owned_for().await {
            Ok(None) => return Ok(()),
            Ok(Some(wait)) => {
                if !told {
                    tell(log).await;
                    told = true;
                }
                sleep(wait).await;
            }
            Err(log::Error::Unavailable { .. }) => sleep(PAUSE).await,
            Err(error) => return Err(TakeOverError::Own(error).into()),
        }
    }
}

/// Says once whom this process waits for.
async fn tell(log: &Arc<dyn Log>) {
    // It may be over by now: then there is nothing to say.
    let Ok(Some(owner)) = log.owner().await else { return };
    tracing::info!(
        owner = owner.program,
        pid = owner.pid,
        "another process owns the board; this one stands by for it"
    );
}

/// Whether the board may be taken over later.
pub(crate) const fn is_for_now(error: &StartError) -> bool {
    match error {
        StartError::Lost(_) => true,
        StartError::TakeOver(TakeOverError::Own(error)) => {
            matches!(error, log::Error::Owned { .. } | log::Error::Unavailable { .. })
        }
        StartError::TakeOver(TakeOverError::Load(LoadError::Read { source, .. })) => {
            matches!(source, log::Error::Unavailable { .. })
        }
        _ => false,
    }
}
