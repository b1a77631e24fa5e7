//! How far a review is, as the board's event log records it.
//!
//! [`Progress`] folds events and is used twice: by the program while it follows the log, and at the
//! end over the whole log, to count finished work that was started again. [`Watcher`] shows it to
//! people as a bar, and to scripts as lines of a file:
//!
//! ```text
//! seq=812 artifacts=245 verdicts=71 attempts=252 done=243 timed-out=1 lost=0 dead=1 opened=0 closed=0 repeated=0
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use artel::event::{AttemptEnd, Event, Next};
use artel::ids::{ActivationId, Seq, TypeNo};
use artel::names::TypeName;
use artel::{Artifact, ErrorKind};
use indicatif::{ProgressBar, ProgressStyle};

use crate::facts::Verdict;

/// The numbers of a review so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// The last event that was folded.
    pub(crate) seq: Seq,
    /// Artifacts on the board.
    pub(crate) artifacts: u64,
    /// Verdicts among them.
    pub(crate) verdicts: u64,
    /// Attempts that began.
    pub(crate) attempts: u64,
    /// Activations that are done.
    pub(crate) done: u64,
    /// Attempts that met their time-out.
    pub(crate) timed_out: u64,
    /// Attempts that ended with the process that ran them.
    pub(crate) lost: u64,
    /// Activations that are dead letters.
    pub(crate) dead: u64,
    /// How often a breaker opened.
    pub(crate) opened: u64,
    /// How often one closed.
    pub(crate) closed: u64,
    /// Attempts that began although their activation was done: finished work that was repeated.
    pub(crate) repeated: u64,
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seq, artifacts, verdicts, attempts, done, .. } = self;
        let Self { timed_out, lost, dead, opened, closed, repeated, .. } = self;
        write!(f, "seq={seq} artifacts={artifacts} verdicts={verdicts} attempts={attempts} ")?;
        write!(f, "done={done} timed-out={timed_out} lost={lost} dead={dead} ")?;
        write!(f, "opened={opened} closed={closed} repeated={repeated}")
    }
}

/// A fold of the event log that knows how far the review is.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress {
    counts: Counts,
    types: BTreeMap<TypeNo, TypeName>,
    done: BTreeSet<ActivationId>,
    dead: BTreeSet<ActivationId>,
}

impl Progress {
    /// The numbers so far.
    pub(crate) const fn counts(&self) -> Counts {
        self.counts
    }

    /// Takes in the next event.
    pub(crate) fn apply(&mut self, seq: Seq, event: &Event) {
        self.counts.seq = seq;
        match event {
            Event::TypeRegistered { type_no, name, .. } => {
                self.types.insert(*type_no, name.clone());
            }
            Event::ArtifactCommitted(draft) => {
                self.counts.artifacts += 1;
                let name = self.types.get(&draft.envelope.type_no);
                if name.is_some_and(|name| name.as_str() == Verdict::NAME) {
                    self.counts.verdicts += 1;
                }
            }
            Event::AttemptStarted { attempt, .. } => {
                self.counts.attempts += 1;
                if self.done.contains(&attempt.activation) {
                    self.counts.repeated += 1;
                }
            }
            Event::AttemptEnded { attempt, end, next, .. } => {
                self.end_attempt(attempt.activation, *end, *next);
            }
            Event::BreakerOpened { .. } => self.counts.opened += 1,
            Event::BreakerClosed { .. } => self.counts.closed += 1,
            Event::ActivationRedriven(redriven) => {
                self.dead.remove(&redriven.activation);
            }
            Event::DeadLetterDropped { activation, .. } => {
                self.dead.remove(activation);
            }
            _ => {}
        }
        self.counts.done = self.done.len() as u64;
        self.counts.dead = self.dead.len() as u64;
    }

    fn end_attempt(&mut self, activation: ActivationId, end: AttemptEnd, next: Next) {
        match end {
            AttemptEnd::Done => {
                self.done.insert(activation);
            }
            AttemptEnd::Failed(ErrorKind::Timeout) => self.counts.timed_out += 1,
            AttemptEnd::Lost => self.counts.lost += 1,
            _ => {}
        }
        if matches!(next, Next::Dead(_)) {
            self.dead.insert(activation);
        }
    }
}

/// Shows progress while it is made.
pub(crate) struct Watcher {
    progress: Progress,
    verdicts: u64,
    bar: ProgressBar,
    quarters: u64,
    /// The last event that was on the board before the watcher: what lies up to it is shown at once.
    before: Seq,
    lines: Option<File>,
}

impl Watcher {
    /// A watcher of a review that will have so many verdicts, on a board that has events up to
    /// `before` already: those are no progress, and are told in one line. It draws a bar where standard error
    /// is a terminal, says there when a quarter more is done where it is none, and writes a line
    /// for each event to the file, if there is one.
    ///
    /// # Errors
    /// When the file cannot be made.
    pub(crate) fn new(verdicts: u64, before: Seq, file: Option<&Path>) -> io::Result<Self> {
        let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} verdicts  {msg}");
        let bar = ProgressBar::new(verdicts)
            .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        let lines = file.map(File::create).transpose()?;
        Ok(Self { progress: Progress::default(), verdicts, bar, quarters: 0, before, lines })
    }

    /// The numbers so far.
    pub(crate) const fn counts(&self) -> Counts {
        self.progress.counts()
    }

    /// Takes in the next event.
    ///
    /// # Errors
    /// When the line cannot be written.
    pub(crate) fn see(&mut self, seq: Seq, event: &Event) -> io::Result<()> {
        self.progress.apply(seq, event);
        let counts = self.progress.counts();
        if seq >= self.before {
            self.show(counts);
        }
        match &mut self.lines {
            Some(lines) => writeln!(lines, "{counts}"),
            None => Ok(()),
        }
    }

    fn show(&mut self, counts: Counts) {
        let Counts { seq, verdicts, timed_out, lost, dead, .. } = counts;
        let quarters = (4 * verdicts).checked_div(self.verdicts).unwrap_or(4);
        if self.bar.is_hidden() && quarters > self.quarters {
            let all = self.verdicts;
            let already = if seq == self.before { " are there already" } else { "" };
            eprintln!("{verdicts} of {all} verdicts{already}, {timed_out} timed out, {dead} dead");
        }
        self.quarters = quarters;
        self.bar.set_position(verdicts);
        self.bar.set_message(format!("{timed_out} timed out, {lost} lost, {dead} dead"));
    }

    /// Leaves the bar as it stands, in a line of its own: what is said next begins below it.
    pub(crate) fn finish(&self) {
        let shown = !self.bar.is_hidden();
        self.bar.abandon();
        if shown {
            eprintln!();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use artel::envelope::{Draft, Envelope, Producer, Verdicts};
    use artel::event::DeadReason;
    use artel::hash::Hash;
    use artel::ids::{ArtifactId, AttemptId, AttemptNo, CorrelationId, SessionId, SubscriptionNo};
    use artel::time::Elapsed;
    use artel::visibility::Visibility;

    use super::*;

    fn attempt(activation: u64, attempt: u32) -> AttemptId {
        AttemptId { activation: ActivationId(Seq(activation)), attempt: AttemptNo(attempt) }
    }

    fn started(activation: u64, number: u32) -> Event {
        Event::AttemptStarted {
            attempt: attempt(activation, number),
            session: SessionId::from_bytes([0; 16]),
            seed: 0,
            deadline: Elapsed(0),
            slots: 1,
            member: None,
        }
    }

    fn ended(activation: u64, number: u32, end: AttemptEnd, next: Next) -> Event {
        Event::AttemptEnded {
            attempt: attempt(activation, number),
            end,
            next,
            report: None,
            fingerprint: None,
        }
    }

    fn registered(type_no: u32, name: &str) -> Event {
        let name = TypeName::new(name).unwrap();
        Event::TypeRegistered { type_no: TypeNo(type_no), name, version: 1, schema: "{}".into() }
    }

    fn committed(type_no: u32) -> Event {
        let envelope = Envelope {
            id: ArtifactId::from_bytes([0; 16]),
            type_no: TypeNo(type_no),
            producer: Producer::Board,
            correlation: CorrelationId::from_bytes([0; 16]),
            parents: Vec::new(),
            causes: [].into_iter().collect(),
            depth: 0,
            tags: Vec::new(),
            visibility: Visibility::PUBLIC,
            ordering_key: None,
            idempotency_key: None,
            not_before: None,
            expires_at: None,
            trace: None,
            payload_len: 0,
            payload_hash: Hash::default(),
        };
        Event::ArtifactCommitted(Arc::new(Draft { envelope, verdicts: Verdicts::default() }))
    }

    const AGAIN: Next = Next::Retry { not_before: Elapsed(0), counted: true };

    fn fold(events: &[Event]) -> Counts {
        let mut progress = Progress::default();
        for (seq, event) in (1..).zip(events) {
            progress.apply(Seq(seq), event);
        }
        progress.counts()
    }

    #[test]
    fn verdicts_are_counted_among_the_artifacts() {
        let types = [registered(3, "review.Other"), registered(5, Verdict::NAME)];
        let counts = fold(&[&types[..], &[committed(3), committed(5), committed(5)]].concat());
        assert_eq!((counts.artifacts, counts.verdicts), (3, 2));
    }

    #[test]
    fn a_retry_is_no_repetition_of_finished_work() {
        let counts = fold(&[
            started(7, 1),
            ended(7, 1, AttemptEnd::Failed(ErrorKind::Timeout), AGAIN),
            started(7, 2),
            ended(7, 2, AttemptEnd::Lost, AGAIN),
            started(7, 3),
            ended(7, 3, AttemptEnd::Done, Next::Closed),
        ]);
        let expected = Counts {
            seq: Seq(6),
            attempts: 3,
            done: 1,
            timed_out: 1,
            lost: 1,
            ..Counts::default()
        };
        assert_eq!(counts, expected);
    }

    #[test]
    fn an_attempt_after_the_activation_was_done_is_a_repetition() {
        let done = ended(7, 1, AttemptEnd::Done, Next::Closed);
        let counts = fold(&[started(7, 1), started(8, 1), done.clone(), started(7, 2), done]);
        assert_eq!((counts.repeated, counts.done), (1, 1));
    }

    #[test]
    fn a_dead_letter_that_is_dropped_is_none_any_more() {
        let failed = AttemptEnd::Failed(ErrorKind::Permanent);
        let events = [
            started(7, 1),
            ended(7, 1, failed, Next::Dead(DeadReason::NotRetryable)),
            Event::DeadLetterDropped {
                activation: ActivationId(Seq(7)),
                subscription: SubscriptionNo(0),
                key: None,
            },
        ];
        assert_eq!(fold(&events[..2]).dead, 1);
        assert_eq!(fold(&events).dead, 0);
    }

    #[test]
    fn a_line_says_what_scripts_look_for() {
        let counts = Counts { seq: Seq(9), artifacts: 4, timed_out: 1, ..Counts::default() };
        assert_eq!(
            counts.to_string(),
            "seq=9 artifacts=4 verdicts=0 attempts=0 done=0 timed-out=1 lost=0 dead=0 \
             opened=0 closed=0 repeated=0"
        );
    }

    #[test]
    fn a_watcher_writes_a_line_for_each_event() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("progress");
        let mut watcher = Watcher::new(3, Seq(1), Some(&path)).unwrap();
        watcher.see(Seq(1), &started(7, 1)).unwrap();
        watcher.see(Seq(2), &ended(7, 1, AttemptEnd::Done, Next::Closed)).unwrap();
        let lines = std::fs::read_to_string(&path).unwrap();
        let begins: Vec<_> = lines.lines().map(|line| &line[..5]).collect();
        assert_eq!(begins, ["seq=1", "seq=2"]);
    }

    #[test]
    fn what_was_there_before_is_no_progress() {
        let mut watcher = Watcher::new(0, Seq(3), None).unwrap();
        let shown = [1, 2, 3, 4].map(|seq| {
            watcher.see(Seq(seq), &started(seq, 1)).unwrap();
            watcher.quarters > 0
        });
        assert_eq!(shown, [false, false, true, true], "shown from the third event on");
        assert_eq!(watcher.counts().attempts, 4, "counted from the first");
    }
}
