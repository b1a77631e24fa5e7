//! An operator's commands: ordinary commands with a person as their actor.

use smol_str::SmolStr;

use artel_core::board::State;
use artel_core::command::{Answer, Command, DeadLetterRef, Rejection, Request};
use artel_core::envelope::Actor;
use artel_core::event::{Metered, Pausable};
use artel_core::ids::{ActivationId, AgentNo, CorrelationId, DependencyNo};
use artel_core::names::{self, AgentName, DependencyName, OperatorName};
use artel_core::step::Settle;

use crate::committer::Failure;
use crate::entropy;
use crate::error::OperateError;
use crate::patience::patiently;
use crate::running::Parts;
use crate::settlement::Settlement;

/// Bytes of a reason.
const REASON_LEN_MAX: usize = 1_024;

/// A person as an actor, with the reason that they give.
pub(crate) fn actor(name: &str, reason: &str) -> Result<Actor, names::Error> {
    let name = OperatorName::new(name)?;
    let (what, len, len_max) = ("reason", reason.len(), REASON_LEN_MAX);
    if len == 0 {
        return Err(names::Error::Empty { what });
    }
    if len > len_max {
        let head = reason.chars().take(40).collect();
        return Err(names::Error::TooLong { what, head, len, len_max });
    }
    Ok(Actor::Operator { name, reason: SmolStr::new(reason) })
}

/// A person who operates a board, with the reason that they give.
#[derive(Clone, Debug)]
pub struct Operator<'a> {
    parts: &'a Parts,
    actor: Actor,
}

impl<'a> Operator<'a> {
    pub(crate) fn new(parts: &'a Parts, name: &str, reason: &str) -> Result<Self, OperateError> {
        let actor = actor(name, reason).map_err(OperateError::Operator)?;
        Ok(Self { parts, actor })
    }

    pub(crate) const fn parts(&self) -> &'a Parts {
        self.parts
    }

    /// Tries dead letters again: all or none. Each is a new chain of attempts of the same
    /// activation, and never a second success.
    ///
    /// # Errors
    /// When one of them is no dead letter, younger ones of its ordering key may have run since, or the
    /// board does not answer.
    pub async fn redrive(&self, ids: &[ActivationId]) -> Result<u32, OperateError> {
        self.dead_letters(ids, Request::Redrive).await
    }

    /// As [`redrive`](Self::redrive), also where younger ones of an ordering key may have run since.
    ///
    /// # Errors
    /// When one of them is no dead letter, or the board does not answer.
    pub async fn redrive_out_of_order(&self, ids: &[ActivationId]) -> Result<u32, OperateError> {
        let request = |letters: Vec<DeadLetterRef>| {
            let all = letters.into_iter().map(|it| DeadLetterRef { out_of_order: true, ..it });
            Request::Redrive(all.collect())
        };
        self.dead_letters(ids, request).await
    }

    /// Gives dead letters up: all or none. They stay on record and are never tried again.
    ///
    /// # Errors
    /// When one of them is no dead letter, or the board does not answer.
    pub async fn drop_dead(&self, ids: &[ActivationId]) -> Result<u32, OperateError> {
        self.dead_letters(ids, Request::DropDead).await
    }

    /// Says whether the irreversible steps were done that a dead letter is in doubt about, all of them, and
    /// tries it again: of a step that was done the handler gets the result, one that was not done is done
    /// by the next attempt.
    ///
    /// # Errors
    /// When it is no dead letter, it is not in doubt about one of the steps or in doubt about more, a
    /// result cannot be recorded, younger ones of its ordering key may have run since, or the board does not
    /// answer.
    pub async fn settle(
        &self,
        id: ActivationId,
        settlement: Settlement,
    ) -> Result<u32, OperateError> {
        self.settle_with(id, settlement, false).await
    }

    /// As [`settle`](Self::settle), also where younger ones of an ordering key may have run since.
    ///
    /// # Errors
    /// As [`settle`](Self::settle), but for that.
    pub async fn settle_out_of_order(
        &self,
        id: ActivationId,
        settlement: Settlement,
    ) -> Result<u32, OperateError> {
        self.settle_with(id, settlement, true).await
    }

    async fn settle_with(
        &self,
        id: ActivationId,
        settlement: Settlement,
        out_of_order: bool,
    ) -> Result<u32, OperateError> {
        let setup = &self.parts.setup;
        let steps = settlement.contents(setup.payload_len, &*setup.entropy)?;
        loop {
            let letter = DeadLetterRef { out_of_order, ..self.look_up(id).await? };
            let settle = Settle { letter, steps: steps.clone() };
            match self.command(None, Request::Settle(Box::new(settle))).await {
                // Somebody else touched it meanwhile: look again.
                Err(Failure::Rejected(Rejection::StaleLookUp { .. })) => {}
                answer => return changed(answer),
            }
        }
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

    /// Leases nothing more on the whole board, until it is resumed. What runs goes on, and what is
    /// published waits. Says whether that changed anything.
    ///
    /// # Errors
    /// When the board does not answer.
    pub async fn pause_board(&self) -> Result<bool, OperateError> {
        self.turn(Request::Pause(Pausable::Board)).await
    }

    /// Leases work on the board again. Says whether that changed anything.
    ///
    /// # Errors
    /// When the board does not answer.
    pub async fn resume_board(&self) -> Result<bool, OperateError> {
        self.turn(Request::Resume(Pausable::Board)).await
    }

    /// Leases nothing more of an agent, until it is resumed. Says whether that changed anything.
    ///
    /// # Errors
    /// When there is no such agent, or the board does not answer.
    pub async fn pause_agent(&self, name: &str) -> Result<bool, OperateError> {
        let agent = self.agent(name).await?;
        self.turn(Request::Pause(Pausable::Agent(agent))).await
    }

    /// Leases work of an agent again. Says whether that changed anything.
    ///
    /// # Errors
    /// When there is no such agent, or the board does not answer.
    pub async fn resume_agent(&self, name: &str) -> Result<bool, OperateError> {
        let agent = self.agent(name).await?;
        self.turn(Request::Resume(Pausable::Agent(agent))).await
    }

    /// Leases nothing more of a tree of work, until it is resumed or has settled. Says whether that
    /// changed anything.
    ///
    /// # Errors
    /// When nothing of it is open, or the board does not answer.
    pub async fn pause_correlation(&self, id: CorrelationId) -> Result<bool, OperateError> {
        self.turn(Request::Pause(Pausable::Correlation(id))).await
    }

    /// Leases work of a tree of work again. Says whether that changed anything.
    ///
    /// # Errors
    /// When the board does not answer.
    pub async fn resume_correlation(&self, id: CorrelationId) -> Result<bool, OperateError> {
        self.turn(Request::Resume(Pausable::Correlation(id))).await
    }

    /// Opens the circuit breaker of an agent, until it is closed by hand. Says whether that changed
    /// anything.
    ///
    /// # Errors
    /// When there is no such agent, it has no breaker, or the board does not answer.
    pub async fn open_agent_breaker(&self, name: &str) -> Result<bool, OperateError> {
        let agent = self.agent(name).await?;
        self.turn(Request::OpenBreaker(Metered::Agent(agent))).await
    }

    /// Closes the circuit breaker of an agent, whatever it has counted. Says whether that changed
    /// anything.
    ///
    /// # Errors
    /// When there is no such agent, it has no breaker, or the board does not answer.
    pub async fn close_agent_breaker(&self, name: &str) -> Result<bool, OperateError> {
        let agent = self.agent(name).await?;
        self.turn(Request::CloseBreaker(Metered::Agent(agent))).await
    }

    /// Opens the circuit breaker of a dependency, until it is closed by hand. Says whether that
    /// changed anything.
    ///
    /// # Errors
    /// When there is no such dependency, it has no breaker, or the board does not answer.
    pub async fn open_dependency_breaker(&self, name: &str) -> Result<bool, OperateError> {
        let dependency = self.dependency(name).await?;
        self.turn(Request::OpenBreaker(Metered::Dependency(dependency))).await
    }

    /// Closes the circuit breaker of a dependency, whatever it has counted. Says whether that changed
    /// anything.
    ///
    /// # Errors
    /// When there is no such dependency, it has no breaker, or the board does not answer.
    pub async fn close_dependency_breaker(&self, name: &str) -> Result<bool, OperateError> {
        let dependency = self.dependency(name).await?;
        self.turn(Request::CloseBreaker(Metered::Dependency(dependency))).await
    }

    async fn turn(&self, request: Request) -> Result<bool, OperateError> {
        changed(self.command(None, request).await).map(|count| count > 0)
    }

    async fn agent(&self, name: &str) -> Result<AgentNo, OperateError> {
        let unknown = || OperateError::Unknown { what: "agent", name: name.to_owned() };
        let known = AgentName::new(name).map_err(|_| unknown())?;
        let find = move |state: &State| state.agent_named(&known).map(|(agent, _)| agent);
        self.parts.committer.look(find).await?.ok_or_else(unknown)
    }

    async fn dependency(&self, name: &str) -> Result<DependencyNo, OperateError> {
        let unknown = || OperateError::Unknown { what: "dependency", name: name.to_owned() };
        let known = DependencyName::new(name).map_err(|_| unknown())?;
        let find = move |state: &State| state.dependency_named(&known).map(|(no, _)| no);
        self.parts.committer.look(find).await?.ok_or_else(unknown)
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
        let ask = || async { log.closed(id).await.map_err(OperateError::LookUp) };
        let found = patiently(self.parts.setup.patience, ask).await?;
        let closed = found.ok_or(OperateError::NoDeadLetter(id))?;
        Ok(DeadLetterRef { closed, as_of, out_of_order: false })
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
        self.parts.committer.command(command, self.parts.setup.patience).await
    }
}

fn changed(answer: Result<Answer, Failure>) -> Result<u32, OperateError> {
    match answer? {
        Answer::Changed(count) => Ok(count),
        Answer::Done | Answer::Published(_) | Answer::Registered(_) => Ok(0),
    }
}
