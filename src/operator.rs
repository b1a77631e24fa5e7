//! An operator's commands: ordinary commands with a person as their actor.

use smol_str::SmolStr;

use artel_core::command::{Answer, Command, DeadLetterRef, Rejection, Request};
use artel_core::envelope::Actor;
use artel_core::ids::{ActivationId, CorrelationId};
use artel_core::names::OperatorName;

use crate::committer::Failure;
use crate::entropy;
use crate::error::OperateError;
use crate::running::{PATIENCE, Parts};

/// Bytes of a reason.
const REASON_LEN_MAX: usize = 1_024;

/// A person who operates a board, with the reason that they give.
#[derive(Clone, Debug)]
pub struct Operator<'a> {
    parts: &'a Parts,
    actor: Actor,
}

impl<'a> Operator<'a> {
    pub(crate) fn new(parts: &'a Parts, name: &str, reason: &str) -> Result<Self, OperateError> {
        let name = OperatorName::new(name).map_err(OperateError::Operator)?;
        let len = reason.len();
        if len == 0 || len > REASON_LEN_MAX {
            let (what, len_max) = ("reason", REASON_LEN_MAX);
            return Err(OperateError::Operator(if len == 0 {
                artel_core::names::Error::Empty { what }
            } else {
                let head = reason.chars().take(40).collect();
                artel_core::names::Error::TooLong { what, head, len, len_max }
            }));
        }
        let actor = Actor::Operator { name, reason: SmolStr::new(reason) };
        Ok(Self { parts, actor })
    }

    /// Tries dead letters again: all or none. Each is a new chain of attempts of the same
    /// activation, and never a second success.
    ///
    /// # Errors
    /// When one of them is no dead letter, or the board does not answer.
    pub async fn redrive(&self, ids: &[ActivationId]) -> Result<u32, OperateError> {
        self.dead_letters(ids, Request::Redrive).await
    }

    /// Gives dead letters up: all or none. They stay on record and are never tried again.
    ///
    /// # Errors
    /// When one of them is no dead letter, or the board does not answer.
    pub async fn drop_dead(&self, ids: &[ActivationId]) -> Result<u32, OperateError> {
        self.dead_letters(ids, Request::DropDead).await
    }

    /// Cancels all that is open of a tree of work. What runs is stopped, and its late result is
    /// refused.
    ///
    /// # Errors
    /// When nothing of it is open, or the board does not answer.
    pub async fn cancel(&self, correlation: CorrelationId) -> Result<u32, OperateError> {
        let request = Request::CancelCorrelation(correlation);
        changed(self.command(Some(correlation), request).await)
    }

    /// Cancels single activations, all or none.
    ///
    /// # Errors
    /// When one of them is not open, or the board does not answer.
    pub async fn cancel_activations(&self, ids: &[ActivationId]) -> Result<u32, OperateError> {
        changed(self.command(None, Request::CancelActivations(ids.to_vec())).await)
    }

    async fn dead_letters(
        &self,
        ids: &[ActivationId],
        request: fn(Vec<DeadLetterRef>) -> Request,
    ) -> Result<u32, OperateError> {
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        ids.dedup();
        loop {
            let mut letters = Vec::with_capacity(ids.len());
            for &id in &ids {
                letters.push(self.look_up(id).await?);
            }
            match self.command(None, request(letters)).await {
                // Somebody else touched one of them meanwhile: look again.
                Err(Failure::Rejected(Rejection::StaleLookUp { .. })) => {}
                answer => return changed(answer),
            }
        }
    }

    async fn look_up(&self, id: ActivationId) -> Result<DeadLetterRef, OperateError> {
        let log = &self.parts.setup.log;
        let as_of = self.parts.hub.durable();
        let found = log.closed(id).await.map_err(OperateError::LookUp)?;
        let closed = found.ok_or(OperateError::NoDeadLetter(id))?;
        Ok(DeadLetterRef { closed, as_of })
    }

    async fn command(
        &self,
        correlation: Option<CorrelationId>,
        request: Request,
    ) -> Result<Answer, Failure> {
        let entropy = &*self.parts.setup.entropy;
        let command = Command {
            id: entropy::command_id(entropy),
            actor: self.actor.clone(),
            correlation,
            trace: None,
            seed: entropy::seed(entropy),
            request,
        };
        self.parts.committer.command(command, PATIENCE).await
    }
}

fn changed(answer: Result<Answer, Failure>) -> Result<u32, OperateError> {
    match answer? {
        Answer::Changed(count) => Ok(count),
        Answer::Done | Answer::Published(_) | Answer::Registered(_) => Ok(0),
    }
}
