//! Delivering alerts: a task of the owner that sends what is due and has what came of it recorded. It
//! waits for receivers, and nothing waits for it: the committer only tells it to look again. What it
//! knows beyond the state (how often it tried, and when it may again) is lost with its process, whose
//! successor sends what is still owed once more; the receiver knows a delivery by its id.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use artel_core::board::State;
use artel_core::classify::chain_of;
use artel_core::command::{Command, EndAlert, Rejection, Request};
use artel_core::envelope::Actor;
use artel_core::event::AlertEnd;
use artel_core::ids::{AgentNo, DebtId};
use artel_core::policy::ErrorKind;
use artel_core::time::Elapsed;

use super::body::{Owed, Sender};
use super::options::{Place, Receiver};
use super::post::{Client, Undelivered};
use crate::clock::BoardClock;
use crate::committer::Failure;
use crate::entropy;
use crate::error::ReadError;
use crate::sight::Sight;
use crate::submit::Submitter;

/// How many alerts are sent at once. Each is a few KiB, and takes no longer than its time-out.
const AT_ONCE: usize = 16;

/// Why an alert is still owed.
#[derive(Debug, thiserror::Error)]
enum Unsent {
    #[error("cannot read what it is about")]
    Read(#[source] ReadError),
    #[error("cannot deliver it")]
    Post(#[source] Undelivered),
}

/// What is known of an alert that could not be delivered.
#[derive(Clone, Copy, Debug, Default)]
struct Tried {
    tries: u32,
    /// When it is tried again.
    next: Elapsed,
}

/// Sends alerts.
pub(crate) struct Courier {
    submitter: Submitter,
    sender: Sender,
    clock: BoardClock,
    client: Client,
    tried: BTreeMap<(AgentNo, DebtId), Tried>,
    /// How many tries have failed in a row, of the receivers of which the last one did.
    down: BTreeMap<Place, u64>,
}

/// What is to be done next.
enum Turn {
    Send(Vec<Owed>),
    Wait(Option<Elapsed>),
}

impl Courier {
    pub(crate) fn new(
        submitter: Submitter,
        sender: Sender,
        clock: BoardClock,
        client: Client,
    ) -> Self {
        let (tried, down) = (BTreeMap::new(), BTreeMap::new());
        Self { submitter, sender, clock, client, tried, down }
    }

    fn receiver(&self, agent: AgentNo) -> Option<std::sync::Arc<Receiver>> {
        self.submitter.program.receiver(agent).cloned()
    }

    /// Which alerts are due, and otherwise when one is.
    fn turn(&mut self, owed: Vec<Owed>) -> Turn {
        let now = self.clock.now().elapsed;
        let known: std::collections::BTreeSet<_> =
            owed.iter().map(|owed| (owed.agent, owed.id)).collect();
        self.tried.retain(|key, _| known.contains(key));
        let mut later: Option<Elapsed> = None;
        let mut ready = Vec::new();
        for owed in owed {
            // Nobody is to be told by this program; the agent's next one may know whom.
            if self.receiver(owed.agent).is_none() {
                continue;
            }
            let tried = self.tried.get(&(owed.agent, owed.id)).copied().unwrap_or_default();
            let at = owed.alert.due.max(tried.next);
            if at <= now {
                ready.push((tried.next, owed.id, owed));
            } else {
                later = Some(later.map_or(at, |later| later.min(at)));
            }
        }
        if ready.is_empty() {
            return Turn::Wait(later);
        }
        ready.sort_by_key(|(next, id, _)| (*next, *id));
        Turn::Send(ready.into_iter().take(AT_ONCE).map(|(_, _, owed)| owed).collect())
    }

    /// Sends some alerts, all at once. Says no when the board is stopped.
    async fn send(&mut self, owed: Vec<Owed>) -> bool {
        let sent = join_all(owed.iter().map(|owed| self.deliver(owed))).await;
        for (owed, sent) in owed.iter().zip(sent) {
            if !self.note(owed, sent).await {
                return false;
            }
        }
        true
    }

    async fn deliver(&self, owed: &Owed) -> Result<(), Unsent> {
        let Some(receiver) = self.receiver(owed.agent) else { return Ok(()) };
        let at = self.submitter.clock.wall();
        let sight = Sight::new(receiver.viewer.clone(), at);
        let body = owed.body(&self.sender, &*self.submitter.log, &sight).await;
        let body = body.map_err(Unsent::Read)?;
        let delivery = owed.delivery(&self.sender);
        self.client.post(&receiver, (&delivery, body), at).await.map_err(Unsent::Post)
    }

    async fn note(&mut self, owed: &Owed, sent: Result<(), Unsent>) -> bool {
        let Some(receiver) = self.receiver(owed.agent) else { return true };
        let key = (owed.agent, owed.id);
        let tried = self.tried.entry(key).or_default();
        tried.tries = tried.tries.saturating_add(1);
        let tries = tried.tries;
        let Err(unsent) = sent else {
            self.recovered(&receiver.place);
            return self.end(owed, tries, AlertEnd::Delivered).await;
        };
        let kind = match &unsent {
            Unsent::Read(_) => ErrorKind::Transient,
            Unsent::Post(undelivered) => undelivered.kind(),
        };
        let seed = entropy::seed(&*self.submitter.entropy);
        tried.next = self.clock.now().elapsed.after(receiver.retry.delay(tries, kind, seed));
        let chain = chain_of(&unsent).join(": ");
        let to = receiver.place.origin.as_str();
        let failed = self.down.entry(receiver.place.clone()).or_default();
        *failed += 1;
        if *failed == 1 {
            tracing::warn!(
                agent = owed.name,
                to,
                error = chain,
                "alerts of dead letters cannot be delivered; it is tried again"
            );
        }
        if tries < receiver.retry.attempts_max() {
            return true;
        }
        tracing::error!(
            agent = owed.name,
            to,
            alert = %owed.id,
            dead_letters = owed.alert.deaths,
            tries,
            error = chain,
            "an alert of dead letters is given up"
        );
        self.end(owed, tries, AlertEnd::GivenUp).await
    }

    /// A receiver takes alerts: what it did not take before is tried again at once.
    fn recovered(&mut self, place: &Place) {
        let Some(failed) = self.down.remove(place) else { return };
        tracing::info!(to = place.origin, failed, "alerts of dead letters are delivered again");
        let program = &self.submitter.program;
        for ((agent, _), tried) in &mut self.tried {
            let receiver = program.receiver(*agent);
            if receiver.is_some_and(|receiver| receiver.place == *place) {
                tried.next = Elapsed::default();
            }
        }
    }

    /// Has recorded how an alert ended; says no when the board is stopped.
    async fn end(&mut self, owed: &Owed, tries: u32, end: AlertEnd) -> bool {
        let (agent, alert) = (owed.agent, owed.id);
        // What is given up and has grown meanwhile is tried again, and not at once.
        if end == AlertEnd::Delivered {
            self.tried.remove(&(agent, alert));
        }
        let end = EndAlert { agent, alert, deaths: owed.alert.deaths, tries, end };
        let command = Command {
            id: entropy::command_id(&*self.submitter.entropy),
            actor: Actor::Board,
            correlation: None,
            trace: None,
            seed: entropy::seed(&*self.submitter.entropy),
            request: Request::EndAlert(end),
        };
        match self.submitter.committer.owed(command).await {
            // More was counted into it meanwhile: it is sent again, as another delivery.
            Ok(_) | Err(Failure::Rejected(Rejection::NotOwed { .. })) => true,
            Err(failure) => {
                let error = chain_of(&failure).join(": ");
                tracing::warn!(%alert, error, "that an alert ended is not recorded");
                false
            }
        }
    }
}

/// All alerts that are owed, with the names that go with them: so many that a board's agents have at
/// most.
fn owed(state: &State) -> Vec<Owed> {
    let one = |(agent, id, alert): (AgentNo, DebtId, &artel_core::board::Alert)| {
        let definition = state.agent(agent).map(|record| &record.definition);
        Owed {
            agent,
            id,
            alert: alert.clone(),
            name: definition.map(|it| it.name.to_string()).unwrap_or_default(),
            queue: definition.map(|it| it.dead_letter_queue.to_string()).unwrap_or_default(),
        }
    };
    state.alerts().map(one).collect()
}

/// Sends what the board owes, whenever `news` says that there may be something or a time has come, until
/// `stop`.
pub(crate) async fn run(
    mut courier: Courier,
    mut news: watch::Receiver<()>,
    stop: CancellationToken,
) {
    loop {
        // Before the look: what becomes due after it is news.
        news.mark_unchanged();
        let Ok(owed) = courier.submitter.committer.look(owed).await else { return };
        let clock = courier.clock.clone();
        let turn = courier.turn(owed);
        let went = async {
            match turn {
                Turn::Send(owed) => courier.send(owed).await,
                Turn::Wait(None) => news.changed().await.is_ok(),
                Turn::Wait(Some(until)) => tokio::select! {
                    told = news.changed() => told.is_ok(),
                    () = tokio::time::sleep(clock.remaining(until)) => true,
                },
            }
        };
        let goes_on = tokio::select! {
            biased;
            () = stop.cancelled() => false,
            goes_on = went => goes_on,
        };
        if !goes_on {
            return;
        }
    }
}
