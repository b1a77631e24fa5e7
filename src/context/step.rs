//! Steps: named side effects whose result is recorded once for each activation, so that a later
//! attempt gets the record instead of doing it again.

use std::future::Future;

use serde::Serialize;
use serde::de::DeserializeOwned;

use artel_core::canonical;
use artel_core::classify::Error;
use artel_core::command::{Command, RecordStep, Request};
use artel_core::content::Content;
use artel_core::envelope::Actor;
use artel_core::names::StepName;
use artel_core::step::{IntendStep, Step, StepClass};

use super::cx::{Context, lock};
use crate::committer::Failure;
use crate::entropy;

/// Three kinds of side effects. What may be done again is a [`step`](Self::step); what must not is
/// [`irreversible`](Self::irreversible); what need not be remembered is [`pure`](Self::pure). A name is
/// used once in an attempt, and always for the same kind.
impl Context {
    /// Does something to the outside once for each activation: the first attempt that comes here
    /// runs `effect` and records its result, durably; a later one gets the record.
    ///
    /// The effect runs again when the process dies between the effect and its record, so hand
    /// [`step_key`](Self::step_key) to the outside.
    ///
    /// # Errors
    /// When the effect fails; when the name was used by this attempt already, or is recorded as an
    /// irreversible step; when the result has no canonical JSON or is over 1 MiB; when the activation has
    /// 1 000 steps; when the attempt is over.
    ///
    /// # Cancel safety
    /// Dropped before it returns, the step may be recorded or not; the next attempt finds out.
    pub async fn step<T, E>(
        &self,
        name: &str,
        effect: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<T, Error>
    where
        T: Serialize + DeserializeOwned + Send,
        E: Into<Error>,
    {
        let step = self.named(name)?;
        if let Some(known) = self.known(&step, StepClass::Idempotent)? {
            return self.recorded(known).await;
        }
        let value = effect.await.map_err(Into::into)?;
        self.record(step, &value, StepClass::Idempotent).await?;
        Ok(value)
    }

    /// Does something to the outside that must not be done twice. That it is about to be done is recorded
    /// first, durably; then `effect` runs, with the step's [key](Self::step_key); then its result is
    /// recorded. A later attempt gets the record.
    ///
    /// An attempt that ends in between leaves it open whether it was done: the process died, the time was
    /// over, somebody cancelled, the board shut down, the handler panicked, or the effect failed. The
    /// activation is then a dead letter with the reason `in-doubt`, and nothing of it runs before a person
    /// has looked and said whether it was done
    /// ([`Operator::settle`](crate::Operator::settle), `artel step settle`).
    ///
    /// An error of `effect` is no proof that nothing happened: an answer may have been lost. Where one is,
    /// say so with [`Error::nothing_happened`]: the step is then as if it had not been begun, and the
    /// error is one like others, retried as the agent's policy says. A handler that goes on after an error
    /// and returns has seen to the matter itself: its outputs are published, and it is done.
    ///
    /// # Errors
    /// When the effect fails; when the name was used by this attempt already, or is recorded as another
    /// kind of step; when the result has no canonical JSON or is over 1 MiB; when the activation has 1 000
    /// steps, before the effect runs; when the attempt has several candidates; when the attempt is over.
    ///
    /// # Cancel safety
    /// Dropped before it returns, the step may have been done or not, and if the attempt then fails, a
    /// person has to say. A handler should not drop it, in a `select!` or under a time-out of its own.
    pub async fn irreversible<T, E, F>(
        &self,
        name: &str,
        effect: impl FnOnce(String) -> F + Send,
    ) -> Result<T, Error>
    where
        T: Serialize + DeserializeOwned + Send,
        E: Into<Error>,
        F: Future<Output = Result<T, E>> + Send,
    {
        if self.inner.candidate.is_some() {
            // Each would do it, and all but one are thrown away.
            return Err(Error::permanent(format!(
                "the irreversible step `{name}` is one of several candidates; leave it to an agent \
                 that works on what the best of them returned"
            )));
        }
        let step = self.named(name)?;
        if let Some(known) = self.known(&step, StepClass::Irreversible)? {
            return self.recorded(known).await;
        }
        let intend = IntendStep { attempt: self.inner.lease.attempt, step: step.clone() };
        self.ask(Request::IntendStep(intend.clone())).await?;
        match effect(self.step_key(name)).await.map_err(Into::into) {
            Ok(value) => {
                self.record(step, &value, StepClass::Irreversible).await?;
                Ok(value)
            }
            Err(error) if error.happened_nothing() => {
                self.ask(Request::WithdrawStep(intend)).await?;
                Err(error)
            }
            Err(error) => Err(error),
        }
    }

    /// Does something that leaves no trace outside, or of which nobody minds how often it is done. It is
    /// named for whoever reads the handler, nothing of it is recorded, and it runs again in every attempt.
    ///
    /// # Errors
    /// When it fails; when the name was used by this attempt already, or is recorded as another kind of
    /// step.
    ///
    /// # Cancel safety
    /// As safe as what it does.
    pub async fn pure<T, E>(
        &self,
        name: &str,
        effect: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<T, Error>
    where
        E: Into<Error>,
    {
        let step = self.named(name)?;
        if let Some(known) = self.find(&step) {
            return Err(other_class(known, "pure"));
        }
        effect.await.map_err(Into::into)
    }

    /// What the outside can recognise a step of this activation by: the same in every attempt. Each
    /// candidate of an attempt has a key of its own.
    #[must_use]
    pub fn step_key(&self, name: &str) -> String {
        let (board, activation) = (self.inner.host.incarnation, self.activation());
        match self.inner.candidate {
            Some(number) => format!("{board}/{activation}/{number}/{name}"),
            None => format!("{board}/{activation}/{name}"),
        }
    }

    /// The name that a step is recorded under: where there are several candidates, each has steps of its
    /// own, and its number stands before their names.
    fn step_name(&self, name: &str) -> Result<StepName, Error> {
        let step = StepName::new(name).map_err(Error::permanent)?;
        match self.inner.candidate {
            Some(number) => StepName::new(format!("{number}/{name}")).map_err(Error::permanent),
            None => Ok(step),
        }
    }

    /// A name that this attempt has not used yet.
    fn named(&self, name: &str) -> Result<StepName, Error> {
        let step = self.step_name(name)?;
        if lock(&self.inner.steps).insert(step.clone()) {
            return Ok(step);
        }
        Err(Error::permanent(format!("the step `{step}` was used twice in one attempt")))
    }

    fn find(&self, name: &StepName) -> Option<&Step> {
        self.inner.lease.steps.iter().find(|step| step.name == *name)
    }

    /// What an earlier attempt recorded of a step, which is of this class.
    fn known(&self, name: &StepName, class: StepClass) -> Result<Option<&Step>, Error> {
        match self.find(name) {
            Some(known) if known.class() != class => Err(other_class(known, class.as_str())),
            known => Ok(known),
        }
    }

    async fn recorded<T: DeserializeOwned>(&self, step: &Step) -> Result<T, Error> {
        let Step { name, seq, .. } = step;
        let log = &self.inner.host.submitter.log;
        let mut found = log.contents(&[*seq]).await.map_err(Error::transient)?;
        let row = found.pop().ok_or_else(|| {
            Error::permanent(format!("the record of step `{name}`, seq {seq}, was removed"))
        })?;
        canonical::decode(&row.bytes).map_err(|error| {
            Error::permanent(error).context(format!("the record of step `{name}`"))
        })
    }

    async fn record<T: Serialize>(
        &self,
        step: StepName,
        value: &T,
        class: StepClass,
    ) -> Result<(), Error> {
        let submitter = &self.inner.host.submitter;
        let bytes = canonical::to_vec(value, submitter.payload_len).map_err(|error| {
            Error::permanent(error).context(format!("the result of step `{step}`"))
        })?;
        let result = Content::new(entropy::salt(&*submitter.entropy), bytes.into());
        let attempt = self.inner.lease.attempt;
        self.ask(Request::RecordStep(RecordStep { attempt, step, result, class })).await
    }

    async fn ask(&self, request: Request) -> Result<(), Error> {
        let submitter = &self.inner.host.submitter;
        let command = Command {
            id: entropy::command_id(&*submitter.entropy),
            actor: Actor::Attempt(self.inner.lease.attempt),
            correlation: Some(self.correlation()),
            trace: self.trace(),
            seed: entropy::seed(&*submitter.entropy),
            request,
        };
        let answer = submitter.committer.owed(command).await;
        answer.map(drop).map_err(|failure: Failure| Error::transient(failure))
    }
}

fn other_class(known: &Step, asked: &str) -> Error {
    let (step, class) = (&known.name, known.class());
    Error::permanent(format!(
        "the step `{step}` is recorded as {class} and cannot be {asked}; give the new step a name of \
         its own"
    ))
}
