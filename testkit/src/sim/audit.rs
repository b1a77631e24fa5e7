//! The audit: a second fold of the log, made beside the board from what reaches the log, batch by
//! batch, and the rules that every decision is held to. It asks production's `State` for the fold and
//! nobody for the rules: they are told here once more, as simply as they can be, from the events.
//!
//! What does not hold is written down, not panicked about: the audit runs inside handlers and inside
//! the log, where a panic would be taken for one more thing that goes wrong.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Display;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use artel::Bounds;
use artel_core::board::{Changes, State};
use artel_core::hash::Hash;
use artel_core::ids::{
    ActivationId, ArtifactId, AttemptId, CommandId, CorrelationId, Epoch, ProcessId, Seq,
};
use artel_core::log::Error;
use artel_core::names::IdempotencyKey;
use artel_core::record::{Batch, Decision};
use artel_core::time::{Elapsed, Timestamp};

use super::agents::Returned;
use super::cases::{Case, Cases};
use super::crew;
use super::deaths::Deaths;
use super::failing::Failing;
use super::held_back::HeldBack;
use super::notices::Notices;
use super::ordering::Ordering;
use super::rules;
use super::secrets::Reveals;
use super::timed::Timed;
use crate::{Happened, Witness};

/// How many events are kept to be shown when something does not hold.
const TAIL_LEN: usize = 40;

/// How many violations are written down: the first say what is wrong.
const VIOLATIONS_MAX: usize = 5;

/// The audit of one board, whatever becomes of its processes.
#[derive(Debug)]
pub(super) struct Auditor {
    audit: Mutex<Audit>,
    /// Told of the first violation.
    spoiled: Arc<Notify>,
}

/// What was seen so far.
#[derive(Debug)]
pub(super) struct Audit {
    pub(super) bounds: Bounds,
    pub(super) state: State,
    /// What the decisions of this batch closed and settled.
    pub(super) changes: Changes,
    pub(super) started: BTreeSet<AttemptId>,
    pub(super) ids: BTreeMap<ArtifactId, Seq>,
    /// How deep each artifact is.
    pub(super) depths: BTreeMap<Seq, u16>,
    pub(super) keys: BTreeMap<IdempotencyKey, ArtifactId>,
    pub(super) commands: BTreeSet<CommandId>,
    pub(super) dead: BTreeSet<ActivationId>,
    /// Since when artifacts of a tree of work are counted, and how many.
    pub(super) hours: BTreeMap<CorrelationId, (Elapsed, u64)>,
    /// How many failures an activation has had since it was made or redriven.
    pub(super) failures: BTreeMap<ActivationId, u32>,
    /// What an attempt is about to return.
    pub(super) returned: BTreeMap<AttemptId, Returned>,
    /// When a handler was about to panic, on the wall clock as the board has it.
    pub(super) panicking: BTreeMap<AttemptId, Timestamp>,
    /// Trees of work of which nothing was open once.
    pub(super) settled: BTreeSet<CorrelationId>,
    /// How often each was redriven, dropped or cancelled: what operators are told is there.
    pub(super) operated: BTreeMap<Operated, u32>,
    /// What holds attempts back.
    pub(super) held_back: HeldBack,
    pub(super) ordering: Ordering,
    pub(super) notices: Notices,
    pub(super) failing: Failing,
    pub(super) timed: Timed,
    pub(super) reveals: Reveals,
    pub(super) crew: crew::Seen,
    pub(super) deaths: Deaths,
    pub(super) owner: Option<ProcessId>,
    /// Where each epoch begins.
    epochs: BTreeMap<Seq, Epoch>,
    pub(super) cases: Cases,
    /// Both clocks at the last decision.
    pub(super) clocks: (Timestamp, Elapsed),
    hash: Hash,
    epoch: Epoch,
    violations: Vec<String>,
    spoiled: Arc<Notify>,
    tail: VecDeque<String>,
}

/// What an operator did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Operated {
    Redriven(ActivationId),
    Dropped(ActivationId),
    Cancelled(ActivationId),
    TreeCancelled(CorrelationId),
}

impl Auditor {
    /// Nothing was seen yet of a board that is kept to these bounds.
    pub(super) fn new(bounds: Bounds) -> Arc<Self> {
        let spoiled = Arc::new(Notify::new());
        let audit = Audit {
            bounds,
            state: State::default(),
            changes: Changes::default(),
            started: BTreeSet::new(),
            ids: BTreeMap::new(),
            depths: BTreeMap::new(),
            keys: BTreeMap::new(),
            commands: BTreeSet::new(),
            dead: BTreeSet::new(),
            hours: BTreeMap::new(),
            failures: BTreeMap::new(),
            returned: BTreeMap::new(),
            panicking: BTreeMap::new(),
            settled: BTreeSet::new(),
            operated: BTreeMap::new(),
            held_back: HeldBack::default(),
            ordering: Ordering::default(),
            notices: Notices::default(),
            failing: Failing::default(),
            timed: Timed::default(),
            reveals: Reveals::default(),
            crew: crew::Seen::default(),
            deaths: Deaths::default(),
            owner: None,
            epochs: BTreeMap::new(),
            cases: Cases::default(),
            clocks: (Timestamp(i64::MIN), Elapsed(0)),
            hash: Hash::default(),
            epoch: Epoch(0),
            violations: Vec::new(),
            spoiled: spoiled.clone(),
            tail: VecDeque::new(),
        };
        Arc::new(Self { audit: Mutex::new(audit), spoiled })
    }

    /// Waits for the first violation: what comes of one may go on for ever.
    pub(super) async fn spoiled(&self) {
        self.spoiled.notified().await;
    }

    /// A case was come to.
    pub(super) fn came_to(&self, case: Case) {
        self.look().cases.count(case);
    }

    /// What was seen, to be looked at; nothing waits while it is held.
    pub(super) fn look(&self) -> MutexGuard<'_, Audit> {
        self.audit.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes down what does not hold, when it does not.
    pub(super) fn expect(&self, holds: bool, what: impl Display) {
        if !holds {
            self.look().violated(what);
        }
    }

    /// What does not hold, with the events before it; none when everything does.
    pub(super) fn report(&self) -> Option<String> {
        let audit = self.look();
        let first = audit.violations.first()?;
        let more = audit.violations.len() - 1;
        let others: String =
            audit.violations[1..].iter().map(|also| format!("\n  also: {also}")).collect();
        let rest = if more > 0 { others } else { String::new() };
        Some(format!("{first}{rest}\n  the last events:\n{}", audit.tail()))
    }
}

impl Audit {
    /// Writes down what does not hold.
    pub(super) fn violated(&mut self, what: impl Display) {
        if self.violations.len() < VIOLATIONS_MAX {
            self.violations.push(what.to_string());
        }
        self.spoiled.notify_one();
    }

    /// Whether an event was recorded in an earlier epoch than the newest.
    pub(super) fn is_of_earlier_epoch(&self, seq: Seq) -> bool {
        let of = self.epochs.range(..=seq).next_back();
        of.is_some_and(|(_, &epoch)| epoch < self.epoch)
    }

    /// How often an operator did this.
    pub(super) fn operated(&self, what: Operated) -> u32 {
        self.operated.get(&what).copied().unwrap_or(0)
    }

    /// The last events, one a line.
    pub(super) fn tail(&self) -> String {
        self.tail.iter().map(|line| format!("    {line}\n")).collect()
    }

    fn take(&mut self, batch: &Batch) {
        let header = batch.header;
        if header.epoch != self.epoch {
            let newest = self.epoch;
            self.violated(format_args!(
                "I1: a batch of epoch {} is in the log after epoch {newest} began",
                header.epoch
            ));
        }
        let follows = self.state.seq() == Seq(0) || header.previous == self.hash;
        if header.first != self.state.seq().next() || !follows {
            self.violated(format_args!(
                "I5: a batch that begins with seq {} is in the log behind seq {}",
                header.first,
                self.state.seq()
            ));
            return;
        }
        self.hash = header.hash;
        if self.epochs.last_key_value().is_none_or(|(_, &epoch)| epoch != header.epoch) {
            self.epochs.insert(header.first, header.epoch);
        }
        let decisions = match batch.decisions() {
            Ok(decisions) => decisions,
            Err(error) => return self.violated(format_args!("I1: a batch is damaged: {error}")),
        };
        for decision in &decisions {
            self.decision(decision);
        }
        rules::at_rest(self);
    }

    fn decision(&mut self, decision: &Decision) {
        for (seq, event) in (self.state.seq().next().get()..).zip(&decision.events) {
            if self.tail.len() == TAIL_LEN {
                self.tail.pop_front();
            }
            let mut line = format!("{seq} at {}: {event:?}", decision.elapsed);
            line.truncate(line.floor_char_boundary(240));
            self.tail.push_back(line);
        }
        rules::before(self, decision);
        let mut changes = std::mem::take(&mut self.changes);
        if let Err(error) = self.state.apply(decision, &mut changes) {
            self.violated(format_args!("I10: {error}"));
        }
        self.changes = changes;
        rules::after(self, decision);
        self.changes = Changes::default();
    }
}

impl Witness for Auditor {
    fn owned(&self, epoch: Epoch) {
        let mut audit = self.look();
        if epoch <= audit.epoch {
            let before = audit.epoch;
            audit.violated(format_args!("I1: epoch {epoch} began after epoch {before}"));
        }
        audit.epoch = epoch;
    }

    fn appended(&self, batch: &Batch, wanted: bool, answer: &Result<(), Error>) {
        let mut audit = self.look();
        match answer {
            Ok(()) => {
                if !wanted {
                    let BatchHeaderText(text) = BatchHeaderText::of(batch);
                    audit.violated(format_args!(
                        "I1: the log took {text}, which came too late or a second time"
                    ));
                }
                audit.take(batch);
            }
            Err(error) if wanted && batch.header.epoch == audit.epoch => {
                audit.violated(format_args!("I1: the log refuses its newest owner: {error}"));
            }
            Err(_) => {}
        }
    }

    fn happened(&self, what: Happened) {
        self.came_to(what.into());
    }
}

/// A batch, as a violation names it.
struct BatchHeaderText(String);

impl BatchHeaderText {
    fn of(batch: &Batch) -> Self {
        let header = batch.header;
        Self(format!("seqs {} to {} of epoch {}", header.first, header.last, header.epoch))
    }
}
