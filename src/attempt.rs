//! An attempt, from its lease to its report: load the inputs, run the handler, hand what it
//! returned to the committer.
//!
//! Every attempt is a future of its own, so what rarely happens lies in a box: it would make all of
//! them as long as the longest way through.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, TryFutureExt};
use tracing::Instrument;

use artel_core::board::Lease;
use artel_core::classify::Failed;
use artel_core::command::{AttemptOutcome, Command, Finish, Publish, Rejection, Request};
use artel_core::content::Content;
use artel_core::envelope::{Actor, Envelope, Producer};
use artel_core::fingerprint::Fingerprint;
use artel_core::ids::{AgentNo, AttemptId, CorrelationId, Seq, SessionId};
use artel_core::log::{self, StoredArtifact};
use artel_core::names::AgentName;
use artel_core::policy::ErrorKind;
use artel_core::trace::TraceContext;
use artel_core::visibility::Visibility;
use artel_scheduler::attempt::{self, Ended};
use artel_scheduler::{Runner, Stop};

use crate::best_of::{self, Ran};
use crate::committer::{Cached, Failure, Input, Payload};
use crate::context::{Context, Host};
use crate::dead_letter::message_of;
use crate::entropy;
use crate::judge::{Judge, Judged};
use crate::program::Agent;
use crate::publication::Publication;
use crate::report::AttemptReport;
use crate::submit::{Origin, Prepared};

/// Runs attempts of this program's agents.
#[derive(Debug)]
pub(crate) struct Attempts {
    pub(crate) host: Arc<Host>,
    pub(crate) session: SessionId,
}

/// What the report of an attempt says of it.
struct Reporting {
    attempt: AttemptId,
    agent: AgentNo,
    correlation: CorrelationId,
    /// What whose activation it is is called: the agent, or its group.
    owner: Option<AgentName>,
    /// Where its inputs belong in a distributed trace.
    trace: Option<TraceContext>,
    stop: Stop,
}

/// What an attempt came to, before it is reported.
enum Came {
    Returned(Vec<Publication>),
    /// What its candidates came to, where it had several.
    Ran(Ran),
    Failed(Failed),
    Stopped,
}

impl Runner for Attempts {
    type Inputs = Cached;

    async fn run(&self, lease: Lease, inputs: Cached, stop: Stop) {
        let mut reporting = Reporting {
            attempt: lease.attempt,
            agent: lease.agent,
            correlation: lease.correlation,
            owner: None,
            trace: None,
            stop,
        };
        let Some(agent) = self.host.submitter.program.agent(lease.agent).cloned() else {
            // The board leases only what this program registered.
            tracing::error!(agent = %lease.agent, "an attempt of an agent that is not here");
            let failed = Failed::permanent("the program has no such agent");
            return Box::pin(self.failed(&reporting, &failed)).await;
        };
        let owner = self.host.submitter.catalogue.borrow().agent_name(lease.owner).cloned();
        reporting.owner = owner;
        let span = tracing::info_span!(
            "attempt",
            agent = agent.definition.name.as_str(),
            activation = lease.attempt.activation.0.get(),
            attempt = lease.attempt.attempt.get(),
            trace = tracing::field::Empty,
        );
        // Encoding, decoding and dropping run code of the user's too.
        let attempt = self.attempt(lease, inputs, &mut reporting, &agent).instrument(span);
        if let Err(panic) = AssertUnwindSafe(attempt).catch_unwind().await {
            let message = format!("panicked: {}", attempt::message(&*panic));
            let failed = Failed::new(ErrorKind::Panic, vec![message]);
            Box::pin(self.failed(&reporting, &failed)).await;
        }
    }
}

impl Attempts {
    async fn attempt(
        &self,
        lease: Lease,
        inputs: Cached,
        reporting: &mut Reporting,
        agent: &Arc<Agent>,
    ) {
        let inputs = match self.load(&lease, inputs, &reporting.stop).await {
            Ok(inputs) => inputs,
            Err(_) if reporting.stop.is_stopped() => {
                let report = AttemptReport::default();
                return Box::pin(self.report(reporting, AttemptOutcome::Released, report)).await;
            }
            Err(failed) => return Box::pin(self.failed(reporting, &failed)).await,
        };
        let Some(value) = inputs.first().and_then(|(_, value)| value.clone()) else {
            let failed = Failed::permanent("an attempt without inputs");
            return Box::pin(self.failed(reporting, &failed)).await;
        };
        let inputs: Vec<Input> = inputs.into_iter().map(|(input, _)| input).collect();
        let trace = inputs.first().and_then(|input| input.envelope.trace.as_deref().copied());
        reporting.trace = trace;
        let stop = reporting.stop.clone();
        if let Some(trace) = trace {
            tracing::Span::current().record("trace", tracing::field::display(trace));
        }
        let origin = origin(&lease, &inputs, trace);
        let name = agent.definition.name.clone();
        let cx = Context::new(self.host.clone(), lease.clone(), name, inputs, stop);
        let came = run(agent, &cx, value, &lease).await;
        self.end(reporting, &origin, came, &cx).await;
    }

    /// Reports what an attempt came to.
    async fn end(&self, reporting: &Reporting, origin: &Origin, came: Came, cx: &Context) {
        let mut report = AttemptReport { log: cx.take_lines(), ..AttemptReport::default() };
        let failed = match came {
            Came::Failed(failed) => failed,
            Came::Stopped => {
                return Box::pin(self.report(reporting, AttemptOutcome::Released, report)).await;
            }
            Came::Returned(_) | Came::Ran(_) => {
                match self.judge(came, (origin, cx), reporting.agent, &mut report) {
                    Ok(judged) => {
                        report.withheld = judged.withheld;
                        return self.done(reporting, judged.prepared, report).await;
                    }
                    Err(failed) => failed,
                }
            }
        };
        tracing::debug!(kind = %failed.kind(), error = failed.chain().join(": "), "failed");
        report.error = failed.chain().to_vec();
        Box::pin(self.report(reporting, AttemptOutcome::Failed(failed.kind()), report)).await;
    }

    /// Judges what a handler returned, or chooses the best of what its candidates did.
    fn judge(
        &self,
        came: Came,
        (origin, cx): (&Origin, &Context),
        agent: AgentNo,
        report: &mut AttemptReport,
    ) -> Result<Judged, Failed> {
        let Some(agent) = self.host.submitter.program.agent(agent) else {
            return Err(Failed::permanent("the agent is not of this program"));
        };
        let judge = Judge { submitter: &self.host.submitter, agent, origin };
        match (came, &agent.score) {
            (Came::Returned(publications), _) => judge.judge(publications, cx),
            (Came::Ran(ran), Some(score)) => {
                let (chosen, candidates) = best_of::choose(&judge, ran, score);
                report.candidates = candidates;
                chosen
            }
            (Came::Failed(failed), _) => Err(failed),
            (Came::Ran(_), None) | (Came::Stopped, _) => {
                Err(Failed::permanent("the attempt has nothing to publish"))
            }
        }
    }

    /// Reports a failure outside of the handler.
    async fn failed(&self, reporting: &Reporting, failed: &Failed) {
        let report = AttemptReport { error: failed.chain().to_vec(), ..Default::default() };
        self.report(reporting, AttemptOutcome::Failed(failed.kind()), report).await;
    }

    /// Acknowledges an attempt together with what it returned.
    async fn done(&self, reporting: &Reporting, prepared: Vec<Prepared>, report: AttemptReport) {
        let mut wait = PAUSE;
        loop {
            let publish = if prepared.is_empty() {
                Ok(Publish {
                    artifacts: Vec::new(),
                    catalogue: artel_core::ids::CatalogueNo(0),
                    looked_up: log::LookedUp::default(),
                    failures: Vec::new(),
                })
            } else {
                self.host.submitter.match_now(&prepared).await
            };
            let publish = match publish {
                Ok(publish) => publish,
                // The handler did its part: trouble with the log uses up none of its retries.
                Err(error) if error.retryable() => {
                    tracing::warn!(%error, "cannot look up what an attempt returned; trying again");
                    if !Box::pin(pause(&reporting.stop, &mut wait)).await {
                        let released = AttemptOutcome::Released;
                        return Box::pin(self.report(reporting, released, report)).await;
                    }
                    continue;
                }
                Err(error) => {
                    let chain = artel_core::classify::chain_of(&error);
                    let report = AttemptReport { error: chain, ..report };
                    let failed = AttemptOutcome::Failed(ErrorKind::Transient);
                    return Box::pin(self.report(reporting, failed, report)).await;
                }
            };
            match self.submit(reporting, AttemptOutcome::Done(publish), &report).await {
                Ok(()) => return,
                Err(Failure::Rejected(Rejection::StaleCatalogue { current, .. })) => {
                    Box::pin(self.host.submitter.newer_catalogue(current)).await;
                }
                Err(Failure::Rejected(Rejection::StaleLookUp { .. })) => {}
                Err(failure) => {
                    return Box::pin(self.refused(reporting, failure, report)).await;
                }
            }
        }
    }

    /// The board does not take what the attempt returned.
    async fn refused(&self, reporting: &Reporting, failure: Failure, mut report: AttemptReport) {
        match failure {
            Failure::Rejected(Rejection::Superseded { .. }) => self.release(reporting).await,
            Failure::Rejected(_) | Failure::Unstorable(_) => {
                report.error = artel_core::classify::chain_of(&failure);
                let invalid = AttemptOutcome::Failed(ErrorKind::InvalidOutput);
                self.report(reporting, invalid, report).await;
            }
            Failure::Timeout(_) | Failure::Interrupted(_) | Failure::Stopped(_) => {}
        }
    }

    /// Reports an end without outputs.
    async fn report(&self, reporting: &Reporting, outcome: AttemptOutcome, report: AttemptReport) {
        match self.submit(reporting, outcome, &report).await {
            Ok(()) | Err(Failure::Timeout(_) | Failure::Interrupted(_) | Failure::Stopped(_)) => {}
            Err(Failure::Rejected(Rejection::Superseded { .. })) => self.release(reporting).await,
            Err(failure) => {
                // The report itself is refused: the end is recorded without it.
                let chain = artel_core::classify::chain_of(&failure).join(": ");
                tracing::error!(error = chain, "the board refuses an attempt's report");
                let bare = AttemptReport::default();
                let failed = AttemptOutcome::Failed(ErrorKind::InvalidOutput);
                let _ = self.submit(reporting, failed, &bare).await;
            }
        }
    }

    fn submit(
        &self,
        reporting: &Reporting,
        outcome: AttemptOutcome,
        report: &AttemptReport,
    ) -> impl Future<Output = Result<(), Failure>> + Send + use<'_> {
        let entropy = &*self.host.submitter.entropy;
        let fingerprint = self.fingerprint(reporting, &outcome, report);
        let report = (!report.is_empty())
            .then(|| Content::new(entropy::salt(entropy), report.clone().encode().into()));
        let finish = Finish { attempt: reporting.attempt, outcome, report, fingerprint };
        let command = Command {
            id: entropy::command_id(entropy),
            actor: Actor::Attempt(reporting.attempt),
            correlation: Some(reporting.correlation),
            trace: reporting.trace,
            seed: entropy::seed(entropy),
            request: Request::Finish(finish),
        };
        self.host.submitter.committer.owed(command).map_ok(drop)
    }

    /// What a failure is grouped by: the text goes no further than the report, which can be erased.
    fn fingerprint(
        &self,
        reporting: &Reporting,
        outcome: &AttemptOutcome,
        report: &AttemptReport,
    ) -> Option<Fingerprint> {
        let AttemptOutcome::Failed(kind) = outcome else { return None };
        let (name, message) = (reporting.owner.as_ref()?, message_of(&report.error));
        Some(Fingerprint::of(self.host.incarnation, name, kind.as_str(), &message))
    }

    /// The board had ended the attempt: its slot is free now.
    async fn release(&self, reporting: &Reporting) {
        tracing::debug!("the attempt was over; what it returned is refused");
        self.host.submitter.committer.release(self.session, reporting.attempt).await;
    }

    /// The inputs with their values: from the cache, or else from the store.
    async fn load(
        &self,
        lease: &Lease,
        cached: Cached,
        stop: &Stop,
    ) -> Result<Vec<(Input, Option<Decoded>)>, Failed> {
        let missing: Vec<_> = lease
            .inputs
            .iter()
            .zip(&cached)
            .filter_map(|(&seq, input)| input.is_none().then_some(seq))
            .collect();
        let mut stored = if missing.is_empty() {
            Vec::new()
        } else {
            let stored = Box::pin(self.stored(&missing, stop)).await;
            stored.map_err(|error| Failed::transient(&error))?
        };
        let viewer = self.host.submitter.catalogue.borrow().viewer(lease.agent);
        let mut inputs = Vec::with_capacity(cached.len());
        for (input, &seq) in cached.into_iter().zip(&lease.inputs) {
            let input = match input {
                Some(input) => input,
                None => {
                    let index = stored.iter().position(|found| found.seq == seq);
                    let found = index.map(|index| stored.swap_remove(index));
                    Input::stored(found).ok_or_else(|| {
                        Failed::permanent(&format!("the payload of artifact seq {seq} was removed"))
                    })?
                }
            };
            if !input.envelope.visibility.admits_in_time(&viewer) {
                let id = input.envelope.id;
                return Err(Failed::permanent(&format!(
                    "the agent may no longer see artifact {id}"
                )));
            }
            let value = match &input.payload {
                Payload::Value(value) => value.shared(),
                Payload::Json(json) => self.decode(seq, &input.envelope, json)?,
            };
            inputs.push((input, Some(value)));
        }
        Ok(inputs)
    }

    /// Artifacts from the store. While that cannot be reached, the attempt waits.
    async fn stored(&self, seqs: &[Seq], stop: &Stop) -> Result<Vec<StoredArtifact>, log::Error> {
        let mut wait = PAUSE;
        loop {
            match self.host.submitter.log.artifacts_at(seqs).await {
                Err(error) if error.retryable() => {
                    tracing::warn!(%error, "cannot read the inputs of an attempt; trying again");
                    if !pause(stop, &mut wait).await {
                        return Err(error);
                    }
                }
                read => return read,
            }
        }
    }

    /// The value of a payload: of an older version of its type, what its upcasters make of it.
    fn decode(&self, seq: Seq, input: &Envelope, json: &[u8]) -> Result<Decoded, Failed> {
        let type_no = input.type_no;
        let known = self.host.submitter.program.type_of(type_no).ok_or_else(|| {
            Failed::permanent(&format!("this program does not have type {type_no} of the board"))
        })?;
        let (descriptor, version) = known;
        descriptor.read(*version, json).map_err(|error| {
            let id = input.id;
            let mut chain = vec![format!("artifact {id} (seq {seq}) cannot be read")];
            chain.extend(artel_core::classify::chain_of(&error));
            Failed::new(ErrorKind::Permanent, chain)
        })
    }
}

/// The value of a payload.
type Decoded = Arc<dyn Any + Send + Sync>;

/// How long to wait before the log is asked again, at first.
const PAUSE: Duration = Duration::from_millis(100);
/// How long at most.
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// Waits, longer each time. Says no when the attempt was stopped meanwhile.
async fn pause(stop: &Stop, wait: &mut Duration) -> bool {
    let stopped = tokio::time::timeout(*wait, stop.stopped()).await.is_ok();
    *wait = (*wait * 2).min(PAUSE_MAX);
    !stopped
}

/// Runs the handler of an agent, as often as its attempts have candidates, to its end, its deadline or
/// its stop.
async fn run(
    agent: &Agent,
    cx: &Context,
    value: Arc<dyn Any + Send + Sync>,
    lease: &Lease,
) -> Came {
    let time = lease.deadline.since(lease.started);
    let stop = cx.stop();
    let ended = if agent.score.is_some() {
        let candidates = Box::pin(best_of::run(&agent.handler, cx, &value, lease.slots));
        match attempt::run(candidates, time, stop).await {
            Ended::Returned(ran) => return Came::Ran(ran),
            Ended::Panicked(message) => Ended::Panicked(message),
            Ended::TimedOut => Ended::TimedOut,
            Ended::Stopped => Ended::Stopped,
        }
    } else {
        attempt::run(agent.handler.clone().call(cx.clone(), value), time, stop).await
    };
    match ended {
        Ended::Returned(Ok(outputs)) => {
            let returned = outputs.into_iter().map(Publication::erased);
            Came::Returned(returned.chain(cx.take_held()).collect())
        }
        Ended::Returned(Err(failed)) => Came::Failed(failed),
        Ended::Panicked(message) => {
            Came::Failed(Failed::new(ErrorKind::Panic, vec![format!("panicked: {message}")]))
        }
        Ended::TimedOut => {
            let text = format!("the attempt took longer than {}", seconds(time));
            Came::Failed(Failed::new(ErrorKind::Timeout, vec![text]))
        }
        Ended::Stopped => Came::Stopped,
    }
}

/// Where the outputs of an attempt come from.
fn origin(lease: &Lease, inputs: &[Input], trace: Option<TraceContext>) -> Origin {
    let deepest = inputs.iter().map(|input| input.envelope.depth).max();
    let mut parents: Vec<CorrelationId> = inputs
        .iter()
        .map(|input| input.envelope.correlation)
        .filter(|&correlation| correlation != lease.correlation)
        .collect();
    parents.sort_unstable();
    parents.dedup();
    Origin {
        producer: Producer::Agent { agent: lease.agent, attempt: lease.attempt },
        correlation: lease.correlation,
        parents,
        causes: lease.inputs.clone(),
        depth: deepest.map_or(0, |depth| depth.saturating_add(1)),
        trace,
        visibility: inputs
            .iter()
            .fold(Visibility::PUBLIC, |all, input| all.and(&input.envelope.visibility.once_due())),
    }
}

fn seconds(time: Duration) -> String {
    format!("{time:?}")
}
