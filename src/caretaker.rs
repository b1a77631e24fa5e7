//! Operating a board without its program: owned for a moment, its agents left as they are, nothing
//! run. What is redriven runs at the program's next start.

use std::sync::Arc;

use artel_core::names::{BoardName, ProgramName};
use artel_core::policy::{Bounds, limits};
use artel_persistence::OpenOptions;

use crate::board::{Setup, WIND_DOWN};
use crate::clock::SystemClock;
use crate::config;
use crate::entropy::OsEntropy;
use crate::error::{OpenError, OperateError, StartError};
use crate::operator::Operator;
use crate::patience::PATIENCE;
use crate::program::Program;
use crate::running::Running;
use crate::shutdown::Shutdown;
use crate::start;

/// A board that is owned only to be operated: no definition changes and nothing runs.
#[derive(Debug)]
pub struct Caretaker {
    running: Running,
}

/// A board that cannot be taken care of.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CaretakeError {
    /// It cannot be opened.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It cannot be taken over; it may have an owner.
    #[error(transparent)]
    Start(#[from] StartError),
}

impl Caretaker {
    /// Takes over a board that is there.
    ///
    /// # Errors
    /// When there is no board, another process owns it, or its log is damaged.
    pub async fn open(url: impl Into<String>) -> Result<Self, CaretakeError> {
        let url = url.into();
        let log = artel_persistence::open(&url, OpenOptions::existing())
            .await
            .map_err(|source| OpenError::log(&url, source))?;
        let bad = |source| OpenError::name(&url, source);
        let head = log.head().await.map_err(|source| OpenError::log(&url, source))?;
        let name: BoardName = head.board;
        let program = ProgramName::new(config::program_name()).map_err(bad)?;
        let setup = Setup {
            name,
            program,
            log,
            clock: Arc::new(SystemClock::default()),
            entropy: Arc::new(OsEntropy),
            slots: 0,
            wind_down: WIND_DOWN,
            patience: PATIENCE,
            payload_len: limits::PAYLOAD_LEN,
            bounds: Bounds::default(),
            dev: false,
            url,
        };
        let running = start::attend(&setup, &Arc::new(Program::default())).await?;
        Ok(Self { running })
    }

    /// An operator's commands, which carry a name and a reason.
    ///
    /// # Errors
    /// When the name or the reason is empty or too long.
    pub fn operator(&self, name: &str, reason: &str) -> Result<Operator<'_>, OperateError> {
        self.running.operator(name, reason)
    }

    /// Gives the board up.
    pub async fn close(self) -> Shutdown {
        self.running.shutdown().await
    }
}
