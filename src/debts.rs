//! Paying debts: a task of the owner that builds what the board owes itself, matches it, and commits it.
//! Each under a command whose id derives from the debt, so that an append whose outcome is unknown is
//! answered from the log; and a debt that is paid is refused. It knows no more than the state tells it,
//! so a process that dies between any two lines leaves the debt to the next one.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use smallvec::SmallVec;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use artel_core::artifact::ErasedArtifact;
use artel_core::board::{Debt, State};
use artel_core::classify::chain_of;
use artel_core::command::{Command, Pay, Rejection, Request};
use artel_core::envelope::{Actor, Envelope, Producer};
use artel_core::hash::Hash;
use artel_core::ids::{ArtifactId, CommandId, CorrelationId, DebtId, Incarnation, Seq};
use artel_core::log::{self, ClosedActivation, Outcome};
use artel_core::policy::limits;
use artel_core::time::Timestamp;
use artel_core::visibility::{Restriction, Visibility};

use crate::committer::Failure;
use crate::dead_letter::{DeadLetter, message_of};
use crate::entropy;
use crate::error::PublishError;
use crate::publication::Publication;
use crate::report::{AttemptReport, cut};
use crate::submit::{Origin, Prepared, Submitter};

/// How many debts are paid at once: so many go into one append.
const AT_ONCE: usize = 64;
/// How many inputs of a dead letter are read at once: their payloads come along.
const READ_AT_ONCE: usize = 16;
/// How long it waits after one could not be paid, at first and at most.
const PAUSE: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// A debt with the names that go with it.
#[derive(Clone, Debug)]
struct Owed {
    id: DebtId,
    debt: Debt,
    agent: String,
    queue: String,
}

/// Why a debt is not paid yet.
#[derive(Debug, thiserror::Error)]
enum Unpaid {
    #[error("cannot read what it is about")]
    Read(#[source] log::Error),
    #[error("cannot make what is owed")]
    Make(#[source] PublishError),
    #[error("the board does not take it")]
    Commit(#[source] Failure),
}

/// Pays what the board owes, whenever `news` says that there may be something, until `stop`.
pub(crate) async fn run(
    submitter: Submitter,
    board: Incarnation,
    mut news: watch::Receiver<()>,
    stop: CancellationToken,
) {
    // What the board owes itself is not refused by a bound that is there for others.
    let payer =
        Payer { board, submitter: Submitter { payload_len: limits::PAYLOAD_LEN, ..submitter } };
    let mut pause = PAUSE;
    loop {
        // Before the look: what becomes due after it is news.
        news.mark_unchanged();
        let Ok(owed) = payer.submitter.committer.look(owed).await else { return };
        let wait = if owed.is_empty() {
            pause = PAUSE;
            None
        } else if payer.pay_all(owed).await {
            pause = PAUSE;
            continue;
        } else {
            Some(pause)
        };
        let waited = async {
            match wait {
                None => news.changed().await.is_ok(),
                Some(pause) => {
                    tokio::time::sleep(pause).await;
                    true
                }
            }
        };
        let goes_on = tokio::select! {
            biased;
            () = stop.cancelled() => false,
            goes_on = waited => goes_on,
        };
        if !goes_on {
            return;
        }
        if wait.is_some() {
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }
}

/// The oldest debts.
fn owed(state: &State) -> Vec<Owed> {
    let one = |(id, debt): (DebtId, &Debt)| {
        let Debt::DeadLetter(closed) = debt;
        let definition = state.agent(closed.agent).map(|record| &record.definition);
        Owed {
            id,
            debt: debt.clone(),
            agent: definition.map(|it| it.name.to_string()).unwrap_or_default(),
            queue: definition.map(|it| it.dead_letter_queue.to_string()).unwrap_or_default(),
        }
    };
    state.debts().take(AT_ONCE).map(one).collect()
}

/// The id of the command that pays a debt: the same in every process that tries to.
fn command_id(board: Incarnation, debt: DebtId) -> CommandId {
    let seq = debt.0.get().to_le_bytes();
    let Hash(hash) = Hash::of_parts(&[b"artel debt ", board.as_bytes(), &seq]);
    let mut id = [0; 16];
    id.copy_from_slice(&hash[..16]);
    CommandId::from_bytes(id)
}

/// What is told of the inputs of a dead letter.
#[derive(Default)]
struct Inputs {
    ids: Vec<ArtifactId>,
    /// Who may see all of them may see the notice.
    visibility: Visibility,
    parents: Vec<CorrelationId>,
    depth: u16,
    trace: Option<artel_core::trace::TraceContext>,
}

impl Inputs {
    fn note(&mut self, envelope: &Envelope, correlation: CorrelationId, at: Timestamp) {
        if self.ids.len() < DeadLetter::INPUTS_MAX {
            self.ids.push(envelope.id);
        }
        // What waited for its time may have died before it, and nobody is told before it either.
        self.visibility = self.visibility.and(&envelope.visibility.as_of(at));
        if envelope.correlation != correlation {
            self.parents.push(envelope.correlation);
        }
        self.depth = self.depth.max(envelope.depth);
        self.trace = self.trace.or_else(|| envelope.trace.as_deref().copied());
    }
}

struct Payer {
    board: Incarnation,
    submitter: Submitter,
}

impl Payer {
    /// Pays debts, all at once; says whether all are paid.
    async fn pay_all(&self, owed: Vec<Owed>) -> bool {
        let paid = join_all(owed.iter().map(|owed| self.pay(owed))).await;
        let mut all = true;
        for (owed, unpaid) in owed.iter().zip(paid).filter_map(|(owed, it)| Some((owed, it.err()?)))
        {
            all = false;
            let chain = chain_of(&unpaid).join(": ");
            tracing::warn!(debt = %owed.id, error = chain, "cannot give notice of a dead letter yet");
        }
        all
    }

    async fn pay(&self, owed: &Owed) -> Result<(), Unpaid> {
        let Debt::DeadLetter(closed) = &owed.debt;
        let message = self.message(closed).await?;
        let inputs = self.inputs(closed).await?;
        let prepared = self.prepare(owed, message, &inputs)?;
        match self.commit(owed, prepared).await {
            // The text may be what the log does not take; that something died is not.
            Err(Unpaid::Commit(Failure::Unstorable(_))) => {
                let message = "the log refuses to store its error".to_owned();
                self.commit(owed, self.prepare(owed, message, &inputs)?).await
            }
            ended => ended,
        }
    }

    /// The error of the last attempt that left one.
    async fn message(&self, closed: &ClosedActivation) -> Result<String, Unpaid> {
        let reports = match self.submitter.log.contents(&closed.trail).await {
            Ok(reports) => reports,
            Err(error) if error.retryable() => return Err(Unpaid::Read(error)),
            Err(error) => return Ok(format!("its error cannot be read: {error}")),
        };
        let reports = reports.iter().rev().filter_map(|row| AttemptReport::decode(&row.bytes).ok());
        let error = reports.map(|report| report.error).find(|error| !error.is_empty());
        let message = message_of(&error.unwrap_or_default()).into_owned();
        Ok(cut(message, DeadLetter::MESSAGE_LEN_MAX))
    }

    async fn inputs(&self, closed: &ClosedActivation) -> Result<Inputs, Unpaid> {
        let mut inputs = Inputs::default();
        let at = self.submitter.clock.wall();
        for seqs in closed.inputs.chunks(READ_AT_ONCE) {
            let envelopes = self.envelopes(seqs).await?;
            if envelopes.len() < seqs.len() {
                // Nobody knows who might see what cannot be read, so nobody may.
                let nobody = Restriction { agents: Some(Box::default()), ..Restriction::default() };
                inputs.visibility = inputs.visibility.and(&Visibility::restricted(nobody));
            }
            for envelope in envelopes {
                inputs.note(&envelope, closed.correlation, at);
            }
        }
        inputs.parents.sort_unstable();
        inputs.parents.dedup();
        Ok(inputs)
    }

    /// The envelopes of artifacts. One that is damaged is left out: nobody would be told of the dead
    /// letter otherwise.
    async fn envelopes(&self, seqs: &[Seq]) -> Result<Vec<Envelope>, Unpaid> {
        match self.submitter.log.artifacts_at(seqs).await {
            Ok(found) => Ok(found.into_iter().map(|it| it.envelope).collect()),
            Err(error) if error.retryable() => Err(Unpaid::Read(error)),
            Err(error) if seqs.len() == 1 => {
                tracing::error!(%error, "an input of a dead letter cannot be read");
                Ok(Vec::new())
            }
            Err(_) => {
                let mut envelopes = Vec::new();
                for seq in seqs {
                    envelopes.extend(Box::pin(self.envelopes(&[*seq])).await?);
                }
                Ok(envelopes)
            }
        }
    }

    fn prepare(&self, owed: &Owed, message: String, inputs: &Inputs) -> Result<Prepared, Unpaid> {
        let Debt::DeadLetter(closed) = &owed.debt;
        let reason = match closed.outcome {
            Outcome::Dead(reason) | Outcome::Dropped(reason) => reason.as_str(),
            Outcome::Done | Outcome::Cancelled | Outcome::Expired => "",
        };
        let more = closed.inputs.len().saturating_sub(inputs.ids.len());
        let letter = DeadLetter {
            activation: closed.activation,
            agent: owed.agent.clone(),
            queue: owed.queue.clone(),
            reason: reason.to_owned(),
            kind: closed.death.and_then(|death| Some(death.kind?.as_str().to_owned())),
            fingerprint: closed.death.map(|it| it.fingerprint.to_string()).unwrap_or_default(),
            attempts: closed.attempts,
            message,
            inputs: inputs.ids.clone(),
            inputs_more: u32::try_from(more).unwrap_or(u32::MAX),
            correlation: closed.correlation,
            died_at_ms: closed.at.as_millis(),
        };
        let origin = Origin {
            producer: Producer::Board,
            correlation: closed.correlation,
            parents: inputs.parents.clone(),
            causes: SmallVec::from_slice(&closed.inputs),
            depth: inputs.depth.saturating_add(1),
            trace: inputs.trace,
            visibility: inputs.visibility.clone(),
        };
        let letter: Arc<dyn ErasedArtifact> = Arc::new(letter);
        let entropy = &*self.submitter.entropy;
        let at = self.submitter.clock.wall();
        let new_id = || entropy::artifact_id(entropy, at);
        let prepared = self.submitter.prepare(Publication::erased(letter), &origin, new_id);
        prepared.map_err(Unpaid::Make)
    }

    async fn commit(&self, owed: &Owed, prepared: Prepared) -> Result<(), Unpaid> {
        let prepared = [prepared];
        loop {
            let publish = self.submitter.match_now(&prepared).await.map_err(Unpaid::Make)?;
            let trace = publish.artifacts.first();
            let command = Command {
                id: command_id(self.board, owed.id),
                actor: Actor::Board,
                correlation: Some(owed.debt.correlation()),
                trace: trace.and_then(|it| it.draft.envelope.trace.as_deref().copied()),
                seed: entropy::seed(&*self.submitter.entropy),
                request: Request::Pay(Pay { debt: owed.id, publish }),
            };
            match self.submitter.committer.owed(command).await {
                Ok(_) | Err(Failure::Rejected(Rejection::NotOwed { .. })) => return Ok(()),
                Err(Failure::Rejected(Rejection::StaleCatalogue { current, .. })) => {
                    self.submitter.newer_catalogue(current).await;
                }
                Err(Failure::Rejected(Rejection::StaleLookUp { .. })) => {}
                Err(failure) => return Err(Unpaid::Commit(failure)),
            }
        }
    }
}
