//! A log that fails when it is told to: before an append, after it, with the append landing later
//! than its failure; that is slow, away for a while, gone, or another one; whose process dies at an
//! append.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Notify;

use artel_core::ids::{ActivationId, ArtifactId, CorrelationId, Epoch, Seq};
use artel_core::log::{
    ActivationQuery, Append, ArtifactQuery, Claim, ClosedActivation, ClosedWork, ContentRow,
    Description, Durability, Error, Head, Log, LookUp, LookedUp, Owner, Ownership, Page, Share,
    Snapshot, StoredArtifact,
};
use artel_core::names::ProgramName;
use artel_core::record::Batch;
use artel_core::time::Timestamp;

use crate::fault::{Fault, Happened, Witness};

/// A log around another one, which fails as it is told.
#[derive(Debug)]
pub struct FaultyLog {
    inner: Mutex<Option<Arc<dyn Log>>>,
    description: Description,
    witness: Option<Arc<dyn Witness>>,
    plan: Mutex<Plan>,
    ends: Notify,
}

/// What a log was told, and what it saw.
#[derive(Debug, Default)]
struct Plan {
    faults: VecDeque<Fault>,
    late: Option<Append>,
    too_late: Option<Append>,
    /// What becomes of appends that bring these bytes.
    poison: Option<(Vec<u8>, Fault)>,
    death: Option<Death>,
    delay: Duration,
    read_delay: Duration,
    away: u32,
    over: bool,
    gone: bool,
    snapshots_refused: u32,
    listings_refused: u32,
    read_from: Option<Seq>,
    share: Option<Arc<dyn Share>>,
    appends: u64,
    largest: usize,
}

/// At which append a process dies.
#[derive(Debug)]
struct Death {
    /// How many appends are left, that one included.
    left: u32,
    landed: bool,
}

impl Plan {
    /// Whether the process dies at this append, and whether that is written first.
    fn dies(&mut self) -> Option<bool> {
        let death = self.death.as_mut()?;
        death.left = death.left.saturating_sub(1);
        self.death.take_if(|death| death.left == 0).map(|death| death.landed)
    }

    fn note(&mut self, append: &Append) {
        let contents = append.rows.artifacts.iter().map(|row| row.payload.bytes().len());
        let len = append.batch.bytes.len() + contents.sum::<usize>();
        self.appends += 1;
        self.largest = self.largest.max(len);
    }

    fn poisoned(&self, append: &Append) -> Option<Fault> {
        let (poison, fault) = self.poison.as_ref()?;
        let has = |bytes: &[u8]| bytes.windows(poison.len()).any(|window| window == poison);
        append.rows.artifacts.iter().any(|row| has(row.payload.bytes())).then_some(*fault)
    }
}

impl FaultyLog {
    /// A log that does not fail yet.
    #[must_use]
    pub fn new(inner: Arc<dyn Log>) -> Self {
        let description = inner.describe();
        let (inner, plan, ends) = (Mutex::new(Some(inner)), Mutex::default(), Notify::new());
        Self { inner, description, witness: None, plan, ends }
    }

    /// Somebody sees what reaches the log from here on.
    #[must_use]
    pub fn seen_by(mut self, witness: Arc<dyn Witness>) -> Self {
        self.witness = Some(witness);
        self
    }

    /// The log says of itself that it keeps what is acknowledged, so that its owner takes the care
    /// of it that it takes of a file.
    #[must_use]
    pub const fn lasting(mut self) -> Self {
        self.description.durability = Durability::Process;
        self
    }

    /// Says whose turn it is to own the board, in place of the log.
    pub fn share_by(&self, share: Arc<dyn Share>) {
        self.plan().share = Some(share);
    }

    /// What happens to the next appends, in order; to later ones, nothing.
    pub fn fail(&self, faults: impl IntoIterator<Item = Fault>) {
        self.plan().faults.extend(faults);
    }

    /// Every append of an artifact whose payload has these bytes is refused from here on.
    pub fn refuse(&self, bytes: impl Into<Vec<u8>>) {
        self.plan().poison = Some((bytes.into(), Fault::Refused));
    }

    /// Every append of an artifact whose payload has these bytes is lost from here on.
    pub fn lose(&self, bytes: impl Into<Vec<u8>>) {
        self.plan().poison = Some((bytes.into(), Fault::Lost));
    }

    /// Every append takes this long from here on, before anything happens to it.
    pub fn delay(&self, delay: Duration) {
        self.plan().delay = delay;
    }

    /// What is looked up and read for an attempt or a publish takes this long from here on.
    pub fn delay_reads(&self, delay: Duration) {
        self.plan().read_delay = delay;
    }

    /// The log cannot be owned for so many tries: it is away.
    pub fn away(&self, tries: u32) {
        self.plan().away = tries;
    }

    /// The next snapshots, so many, cannot be kept.
    pub fn refuse_snapshots(&self, count: u32) {
        self.plan().snapshots_refused = count;
    }

    /// The next lists of what is over, so many, cannot be read.
    pub fn refuse_listings(&self, count: u32) {
        self.plan().listings_refused = count;
    }

    /// The lowest seq that batches were read from; none when no batch was read.
    #[must_use]
    pub fn read_from(&self) -> Option<Seq> {
        self.plan().read_from
    }

    /// The time of its ownership is over, until it is owned again: an append that has begun by then goes on.
    pub fn end_ownership(&self) {
        self.plan().over = true;
        self.ends.notify_waiters();
    }

    /// Whether the time of its ownership is over.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.plan().over
    }

    /// The log can never be owned again.
    pub fn gone(&self) {
        self.plan().gone = true;
    }

    /// Nothing goes wrong any more.
    pub fn calm(&self) {
        let mut plan = self.plan();
        plan.faults.clear();
        plan.death = None;
        (plan.delay, plan.read_delay, plan.away) = (Duration::ZERO, Duration::ZERO, 0);
    }

    /// The process that has this log dies: its handle is gone, and every call from now on fails for
    /// good.
    pub fn crash(&self) {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).take();
    }

    /// From here on this is another log, as where somebody restores an old copy under its owner.
    pub fn replace(&self, other: Arc<dyn Log>) {
        *self.inner.lock().unwrap_or_else(PoisonError::into_inner) = Some(other);
    }

    /// The process that has this log dies at one of the next appends, the first of which is 1: just
    /// before it is written, or, where it is to have landed, just behind that.
    pub fn crash_at(&self, append: u32, landed: bool) {
        self.plan().death = Some(Death { left: append.max(1), landed });
    }

    /// Whether the process that has this log is dead.
    #[must_use]
    pub fn crashed(&self) -> bool {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    fn inner(&self) -> Result<Arc<dyn Log>, Error> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner).clone();
        inner.ok_or_else(|| Error::Closed { place: "a faulty log".to_owned() })
    }

    /// How many appends were tried, and how many bytes the longest had, payloads included.
    #[must_use]
    pub fn appends(&self) -> (u64, usize) {
        let plan = self.plan();
        (plan.appends, plan.largest)
    }

    /// Whether every fault has happened.
    #[must_use]
    pub fn spent(&self) -> bool {
        self.plan().faults.is_empty()
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.plan.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands an append on; the witness hears whether it is one that has to be taken.
    async fn write(&self, append: Append, wanted: bool) -> Result<(), Error> {
        let batch = append.batch.clone();
        let answer = self.inner()?.append(append).await;
        if let Some(witness) = &self.witness {
            witness.appended(&batch, wanted, &answer);
        }
        answer
    }

    /// The process dies at this append.
    async fn die(&self, append: Append, landed: bool) -> Result<(), Error> {
        if landed {
            self.write(append, true).await?;
        }
        self.tell(Happened::Died { landed });
        self.crash();
        self.inner().map(drop)
    }

    fn tell(&self, what: Happened) {
        if let Some(witness) = &self.witness {
            witness.happened(what);
        }
    }

    async fn slow_read(&self) -> Result<Arc<dyn Log>, Error> {
        let delay = self.plan().read_delay;
        if delay > Duration::ZERO {
            tokio::time::sleep(delay).await;
        }
        self.inner()
    }

    fn away_from(action: &'static str) -> Error {
        Error::Unavailable {
            action,
            place: "a faulty log".to_owned(),
            outcome_unknown: false,
            source: "the log is away".into(),
        }
    }

    fn unknown() -> Error {
        Error::Unavailable {
            action: "append to",
            place: "a faulty log".to_owned(),
            outcome_unknown: true,
            source: "the connection was lost".into(),
        }
    }
}

#[async_trait]
impl Log for FaultyLog {
    fn describe(&self) -> Description {
        self.description
    }

    async fn head(&self) -> Result<Head, Error> {
        self.inner()?.head().await
    }

    async fn own(&self, claim: Claim) -> Result<Ownership, Error> {
        let (late, too_late) = {
            let mut plan = self.plan();
            if plan.gone {
                return Err(Error::Closed { place: "a faulty log".to_owned() });
            }
            if plan.away > 0 {
                plan.away -= 1;
                return Err(Self::away_from("own"));
            }
            plan.over = false;
            (plan.late.take(), plan.too_late.take())
        };
        if let Some(append) = late {
            self.write(append, true).await?;
        }
        let ownership = self.inner()?.own(claim).await?;
        if let Some(witness) = &self.witness {
            witness.owned(ownership.epoch);
        }
        if let Some(append) = too_late {
            // The log refuses it; whoever sent it is not there any more to be told.
            let _ = self.write(append, false).await;
        }
        Ok(ownership)
    }

    fn confirm(&self, epoch: Epoch) -> Result<(), Error> {
        if self.plan().over {
            return Err(Error::NotOwned { place: "a faulty log".to_owned(), epoch });
        }
        self.inner()?.confirm(epoch)
    }

    async fn mark_regressed(&self, known: Seq, seen: Epoch) -> Result<(), Error> {
        self.inner()?.mark_regressed(known, seen).await
    }

    async fn keep(&self) {
        // Not the inner one's: it would be held for as long, and would outlive the death of its process.
        loop {
            let ends = self.ends.notified();
            if self.is_over() {
                return;
            }
            ends.await;
        }
    }

    async fn owner(&self) -> Result<Option<Owner>, Error> {
        self.inner()?.owner().await
    }

    async fn owned_for(&self) -> Result<Option<Duration>, Error> {
        self.inner()?.owned_for().await
    }

    async fn disown(&self, epoch: Epoch) -> Result<(), Error> {
        self.inner()?.disown(epoch).await
    }

    fn share(&self, program: &ProgramName) -> Option<Arc<dyn Share>> {
        let told = self.plan().share.clone();
        told.or_else(|| self.inner().ok()?.share(program))
    }

    async fn append(&self, append: Append) -> Result<(), Error> {
        let (delay, over) = {
            let plan = self.plan();
            (plan.delay, plan.over)
        };
        if over {
            let (place, epoch) = ("a faulty log".to_owned(), append.batch.header.epoch);
            return Err(Error::NotOwned { place, epoch });
        }
        if delay > Duration::ZERO {
            tokio::time::sleep(delay).await;
        }
        let (fault, death) = {
            let mut plan = self.plan();
            plan.note(&append);
            let poisoned = plan.poisoned(&append);
            let fault = poisoned.or_else(|| plan.faults.pop_front()).unwrap_or(Fault::None);
            (fault, plan.dies())
        };
        if let Some(landed) = death {
            return self.die(append, landed).await;
        }
        self.tell(Happened::Fault(fault));
        match fault {
            Fault::None => self.write(append, true).await,
            Fault::Lost => Err(Self::unknown()),
            Fault::Landed => {
                self.write(append, true).await?;
                Err(Self::unknown())
            }
            Fault::LandsLate => {
                self.plan().late = Some(append);
                Err(Self::unknown())
            }
            Fault::ComesLate => {
                self.plan().too_late = Some(append);
                Err(Self::unknown())
            }
            Fault::Repeated => {
                self.write(append.clone(), true).await?;
                // The log refuses it; its sender has an answer already.
                let _ = self.write(append, false).await;
                Ok(())
            }
            Fault::Refused => Err(Error::Unstorable { source: "it holds what is refused".into() }),
        }
    }

    async fn read(&self, from: Seq, bytes_max: usize) -> Result<Vec<Batch>, Error> {
        {
            let mut plan = self.plan();
            plan.read_from = Some(plan.read_from.map_or(from, |lowest| lowest.min(from)));
        }
        self.inner()?.read(from, bytes_max).await
    }

    async fn seq_at(&self, at: Timestamp) -> Result<Seq, Error> {
        self.inner()?.seq_at(at).await
    }

    async fn put_snapshot(&self, snapshot: Snapshot) -> Result<(), Error> {
        {
            let mut plan = self.plan();
            if plan.snapshots_refused > 0 {
                plan.snapshots_refused -= 1;
                return Err(Self::away_from("keep a snapshot in"));
            }
        }
        self.inner()?.put_snapshot(snapshot).await
    }

    async fn snapshot(&self, until: Seq) -> Result<Option<Snapshot>, Error> {
        let found = self.inner()?.snapshot(until).await?;
        if let Some(snapshot) = &found {
            self.tell(Happened::Snapshot(snapshot.seq));
        }
        Ok(found)
    }

    async fn snapshots(&self) -> Result<Vec<Seq>, Error> {
        self.inner()?.snapshots().await
    }

    async fn look_up(&self, look_up: &LookUp) -> Result<LookedUp, Error> {
        let found = self.slow_read().await?.look_up(look_up).await;
        // The answer is on its way for as long, and grows old.
        self.slow_read().await?;
        found
    }

    async fn artifact(&self, id: ArtifactId) -> Result<Option<StoredArtifact>, Error> {
        self.inner()?.artifact(id).await
    }

    async fn artifacts_at(&self, seqs: &[Seq]) -> Result<Vec<StoredArtifact>, Error> {
        self.slow_read().await?.artifacts_at(seqs).await
    }

    async fn envelopes_at(&self, seqs: &[Seq]) -> Result<Vec<StoredArtifact>, Error> {
        self.slow_read().await?.envelopes_at(seqs).await
    }

    async fn artifacts(&self, query: &ArtifactQuery) -> Result<Page<StoredArtifact>, Error> {
        self.inner()?.artifacts(query).await
    }

    async fn contents(&self, seqs: &[Seq]) -> Result<Vec<ContentRow>, Error> {
        self.slow_read().await?.contents(seqs).await
    }

    async fn closed(&self, activation: ActivationId) -> Result<Option<ClosedActivation>, Error> {
        self.inner()?.closed(activation).await
    }

    async fn closed_activations(
        &self,
        query: &ActivationQuery,
    ) -> Result<Page<ClosedActivation>, Error> {
        {
            let mut plan = self.plan();
            if plan.listings_refused > 0 {
                plan.listings_refused -= 1;
                return Err(Self::away_from("list what is over in"));
            }
        }
        self.inner()?.closed_activations(query).await
    }

    async fn correlation(&self, correlation: CorrelationId) -> Result<ClosedWork, Error> {
        self.inner()?.correlation(correlation).await
    }

    /// Does nothing: a test may open the log again.
    async fn close(&self) {}
}
