//! The clients of a simulation: they publish until they have a receipt, whatever becomes of the
//! process meanwhile, and remember what they were promised. They repeat themselves: at once, and
//! much later.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use artel::{Publication, PublishError, Receipt, Running, Status};
use artel_core::command::Rejection;
use artel_core::ids::{ArtifactId, CorrelationId};
use artel_core::log;
use artel_core::time::{Clock, Timestamp};

use super::agents::{AGENTS_MAX, Token, is_refused};
use super::audit::Auditor;
use super::cases::Case;
use super::secrets;
use crate::VirtualClock;
use crate::dice::Dice;

/// The process that runs the board, when one does.
pub(super) type Process = watch::Receiver<Option<Arc<Running>>>;

/// Something that a client was promised.
#[derive(Clone, Debug)]
pub(super) struct Promise {
    pub(super) receipt: Receipt,
    drawn: Drawn,
}

impl Promise {
    pub(super) const fn token(&self) -> &Token {
        &self.drawn.token
    }

    pub(super) fn key(&self) -> Option<&str> {
        self.drawn.key.as_deref()
    }
}

#[derive(Clone, Debug)]
struct Drawn {
    token: Token,
    /// Its id; without one, nobody can tell it from another one like it.
    id: Option<ArtifactId>,
    key: Option<String>,
    correlation: Option<CorrelationId>,
    /// Whether it says whom it is for.
    secrets: bool,
    /// Before when nobody is to see it.
    from: Option<Timestamp>,
}

/// A client, and what it has to do with beside the board.
pub(super) struct Client {
    pub(super) process: Process,
    pub(super) dice: Dice,
    pub(super) auditor: Arc<Auditor>,
    pub(super) clock: Arc<VirtualClock>,
    /// Whether tokens are not for everybody.
    pub(super) secrets: bool,
    /// Those who came to know the trees of work that others grow.
    pub(super) promises: Vec<Promise>,
}

impl Client {
    /// Publishes so many times.
    pub(super) async fn run(mut self, count: u64) -> Vec<Promise> {
        for _ in 0..count {
            tokio::time::sleep(self.dice.up_to(2_000)).await;
            if self.dice.percent(10) {
                self.repeat().await;
                continue;
            }
            let group = if self.dice.percent(20) { 1 + self.dice.below(4) } else { 1 };
            let anonymous = self.dice.percent(20);
            let drawn: Vec<_> = (0..group).map(|_| self.draw(anonymous)).collect();
            let receipts = if !anonymous && self.dice.percent(10) {
                self.twice(&drawn).await
            } else {
                publish(&self.process, &drawn, &self.auditor).await
            };
            let Some(receipts) = receipts else { continue };
            assert_eq!(receipts.len(), drawn.len(), "as many receipts as artifacts");
            for (receipt, drawn) in receipts.into_iter().zip(drawn) {
                self.promises.push(Promise { receipt, drawn });
            }
            if self.dice.percent(10) {
                self.wait().await;
            }
        }
        self.promises
    }

    fn draw(&mut self, anonymous: bool) -> Drawn {
        let dice = &mut self.dice;
        // Few keys, so that they are used again; the same key always stands for the same token.
        let key = dice.percent(30).then(|| dice.below(12));
        let mut of_key = Dice::new(key.unwrap_or_else(|| dice.below(u64::MAX)));
        let mut token = Token {
            number: u32::try_from(of_key.below(1_000)).unwrap_or(0),
            hops: u8::try_from(of_key.below(4)).unwrap_or(0),
            taste: u32::try_from(of_key.below(12)).unwrap_or(0),
        };
        if of_key.percent(5) {
            // A long way, through one pair of hands again and again.
            (token.hops, token.taste) = (9, 11);
        }
        let mut id = [0; 16];
        id[..8].copy_from_slice(&dice.below(u64::MAX).to_le_bytes());
        id[8..].copy_from_slice(&dice.below(u64::MAX).to_le_bytes());
        let grown = dice.percent(15).then(|| self.promises.last()).flatten();
        let correlation = grown.map(|promise| promise.receipt.correlation);
        let key = key.map(|key| format!("key {key}"));
        let id = (!anonymous).then(|| ArtifactId::from_bytes(id));
        let now = self.clock.wall();
        let delay = secrets::delay(token.number).filter(|_| self.secrets);
        let ms = delay.map(|delay| i64::try_from(delay.as_millis()).unwrap_or(i64::MAX));
        let from = ms.map(|ms| Timestamp(now.0 + ms));
        Drawn { token, id, key, correlation, secrets: self.secrets, from }
    }

    /// Publishes the same from two tasks at once: both are told of the same artifacts.
    async fn twice(&self, drawn: &[Drawn]) -> Option<Vec<Receipt>> {
        let (one, two) = tokio::join!(
            publish(&self.process, drawn, &self.auditor),
            publish(&self.process, drawn, &self.auditor),
        );
        let told = |receipts: &Option<Vec<Receipt>>| {
            let receipts = receipts.iter().flatten();
            receipts.map(|receipt| (receipt.id, receipt.seq)).collect::<Vec<_>>()
        };
        let same = one.is_none() || two.is_none() || told(&one) == told(&two);
        self.auditor.expect(same, format_args!("I4: told of {one:?}, and of {two:?}"));
        one
    }

    /// Publishes again what it has a receipt for: nothing new is on the board.
    async fn repeat(&mut self) {
        let len = self.promises.len() as u64;
        if len == 0 {
            return;
        }
        let which = usize::try_from(self.dice.below(len)).unwrap_or(0);
        let Some(Promise { receipt, drawn }) = self.promises.get(which).cloned() else { return };
        if drawn.id.is_none() && drawn.key.is_none() {
            return;
        }
        let again = publish(&self.process, &[drawn], &self.auditor).await;
        for again in again.into_iter().flatten() {
            let same = again.duplicate && (again.id, again.seq) == (receipt.id, receipt.seq);
            let told = format_args!("I4: {receipt:?}, and later {again:?}");
            self.auditor.expect(same, told);
        }
    }

    /// Waits until nothing of its last tree of work is open.
    async fn wait(&mut self) {
        let Some(tree) = self.promises.last().map(|promise| promise.receipt.correlation) else {
            return;
        };
        let running = running(&self.process).await;
        let mut process = self.process.clone();
        let gone =
            process.wait_for(|now| !now.as_ref().is_some_and(|now| Arc::ptr_eq(now, &running)));
        let settled = tokio::select! {
            biased;
            settled = running.settled(tree) => settled,
            // A process that dies takes its waiters with it; the next one is not asked.
            _ = gone => return,
        };
        let Ok(status) = settled else { return };
        let settled = self.auditor.look().settled.contains(&tree);
        self.auditor.expect(settled, format_args!("I2: {tree} never settled, and was said to"));
        let known = status != Status::Unknown;
        self.auditor.expect(known, format_args!("I1: {tree} is unknown"));
    }
}

async fn running(process: &Process) -> Arc<Running> {
    let mut process = process.clone();
    let running = process.wait_for(Option::is_some).await.map(|running| running.clone());
    running.ok().flatten().expect("there is a process until the clients end")
}

/// How often a client asks again while there is no room: more than the board's own room may be
/// asked for.
const BUSY_MAX: u32 = 3;

/// Publishes until there is an answer; the ids make a repetition harmless. None when the board has
/// a bound that refuses it.
async fn publish(process: &Process, drawn: &[Drawn], auditor: &Auditor) -> Option<Vec<Receipt>> {
    let mut busy = 0;
    loop {
        let running = running(process).await;
        let publications = drawn.iter().map(|drawn| {
            let publication = Publication::new(drawn.token.clone());
            let publication = match drawn.secrets {
                true => secrets::say(publication, drawn.token.number),
                false => publication,
            };
            let publication = match drawn.from {
                Some(from) => publication.visible_from(from),
                None => publication,
            };
            let publication = match drawn.id {
                Some(id) => publication.id(id),
                None => publication,
            };
            let publication = match drawn.correlation {
                Some(correlation) => publication.correlation(correlation),
                None => publication,
            };
            match &drawn.key {
                Some(key) => publication.idempotency_key(key.as_str()),
                None => publication,
            }
        });
        match running.publish_many(publications).await {
            Ok(receipts) => {
                durable(&receipts, auditor);
                return Some(receipts);
            }
            Err(error) if is_bound(&error, drawn, auditor) => {
                busy += 1;
                if busy > BUSY_MAX || !error.retryable() {
                    return None;
                }
            }
            // Nobody can ask again for what has no name: it is on the board, or it is not.
            Err(error) if is_in_doubt(&error) && drawn.iter().any(|one| one.id.is_none()) => {
                return None;
            }
            Err(error) if error.retryable() || is_over(&error) => {
                drop(running);
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            Err(error) => {
                auditor.expect(false, format_args!("I13: a publish is refused: {error:?}"));
                return None;
            }
        }
    }
}

/// I1: what a receipt says is durable at the moment at which it says so.
fn durable(receipts: &[Receipt], auditor: &Auditor) {
    for receipt in receipts {
        let mut audit = auditor.look();
        if receipt.duplicate {
            audit.cases.count(Case::Duplicate);
        } else if audit.is_of_earlier_epoch(receipt.seq) {
            audit.cases.count(Case::AnsweredFromLog);
        }
        if audit.ids.get(&receipt.id) != Some(&receipt.seq) {
            audit.violated(format_args!("I1: {receipt:?} came before it was durable"));
        }
    }
}

/// Whether the process that was asked is gone.
const fn is_over(error: &PublishError) -> bool {
    matches!(error, PublishError::Stopped(_) | PublishError::LookUp(log::Error::Closed { .. }))
}

/// Whether it is unknown what became of a publish.
const fn is_in_doubt(error: &PublishError) -> bool {
    matches!(error, PublishError::Unavailable(_) | PublishError::Interrupted(_))
}

/// I13: whether a refusal names a bound of the board, with its limit, that was reached.
fn is_bound(error: &PublishError, drawn: &[Drawn], auditor: &Auditor) -> bool {
    let mut audit = auditor.look();
    let (bounds, len) = (audit.bounds, drawn.len() as u64);
    let (case, reached) = match error {
        PublishError::Busy { source: Rejection::AgendaFull { what, open, wanted, limit } } => {
            let of_agent = what != "the board";
            let all = bounds.agenda_len as u64;
            // An artifact wakes an agent once.
            let (bound, wanted_max) = if of_agent {
                (bounds.agent_agenda_len as u64, len)
            } else {
                (all, len * AGENTS_MAX)
            };
            let real = *limit == bound && *open <= 2 * all && (1..=wanted_max).contains(wanted);
            (Case::AgendaFull { of_agent }, real && open + wanted > *limit)
        }
        PublishError::Limit { value, limit, .. }
        | PublishError::Rejected(Rejection::Limit { value, limit, .. }) => {
            let bound = u64::from(bounds.correlation_artifacts);
            (Case::TreeFull, *limit == bound && value > limit)
        }
        PublishError::Unstorable(_) => {
            (Case::Unstorable, drawn.iter().any(|drawn| is_refused(&drawn.token)))
        }
        _ => return false,
    };
    if reached {
        audit.cases.count(case);
    }
    reached
}
