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

use super::cx::{Context, lock};
use crate::entropy;

impl Context {
    /// Does something to the outside once for each activation: the first attempt that comes here
    /// runs `effect` and records its result, durably; a later one gets the record.
    ///
    /// The effect runs again when the process dies between the effect and its record, so hand
    /// [`step_key`](Self::step_key) to the outside.
    ///
    /// # Errors
    /// When the effect fails; when the name was used by this attempt already; when the result has
    /// no canonical JSON or is over 1 MiB; when the attempt is over.
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
        let step = self.step_name(name)?;
        if !lock(&self.inner.steps).insert(step.clone()) {
            let problem = format!("the step `{step}` was used twice in one attempt");
            return Err(Error::permanent(problem));
        }
        if let Some(recorded) = self.recorded(&step).await? {
            return canonical::decode(&recorded).map_err(|error| {
                Error::permanent(error).context(format!("the record of step `{step}`"))
            });
        }
        let value = effect.await.map_err(Into::into)?;
        let limit = self.inner.host.submitter.payload_len;
        let bytes = canonical::to_vec(&value, limit).map_err(|error| {
            Error::permanent(error).context(format!("the result of step `{step}`"))
        })?;
        self.record(step, bytes).await?;
        Ok(value)
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

    async fn recorded(&self, step: &StepName) -> Result<Option<bytes::Bytes>, Error> {
        let Some((_, seq)) = self.inner.lease.steps.iter().find(|(name, _)| name == step) else {
            return Ok(None);
        };
        let log = &self.inner.host.submitter.log;
        let mut found = log.contents(&[*seq]).await.map_err(Error::transient)?;
        let row = found.pop().ok_or_else(|| {
            Error::permanent(format!("the record of step `{step}`, seq {seq}, was removed"))
        })?;
        Ok(Some(row.bytes))
    }

    async fn record(&self, step: StepName, bytes: Vec<u8>) -> Result<(), Error> {
        let submitter = &self.inner.host.submitter;
        let attempt = self.inner.lease.attempt;
        let salt = entropy::salt(&*submitter.entropy);
        let result = Content::new(salt, bytes.into());
        let command = Command {
            id: entropy::command_id(&*submitter.entropy),
            actor: Actor::Attempt(attempt),
            correlation: Some(self.correlation()),
            trace: self.trace(),
            seed: entropy::seed(&*submitter.entropy),
            request: Request::RecordStep(RecordStep { attempt, step, result }),
        };
        submitter.committer.owed(command).await.map(drop).map_err(Error::transient)
    }
}
