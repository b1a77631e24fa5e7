//! What the board of a review says, read by nothing that the program uses to count for itself.

use std::collections::{BTreeMap, BTreeSet};

use artel::event::{AttemptEnd, Event};
use artel::ids::{ActivationId, AttemptId, Seq};
use artel::log::OutcomeFilter;
use artel::{ActivationFilter, Query, Reader};
use serde_json::Value;

use crate::demo::life::Review;
use crate::demo::trouble::Trouble;

/// What a board has recorded.
#[derive(Debug, Default)]
pub(crate) struct Record {
    /// Package, version, judge and ruling of each verdict.
    pub(crate) verdicts: BTreeSet<[String; 4]>,
    /// How many verdicts there are, one that is there twice counted twice.
    verdicts_len: usize,
    /// How often somebody became the board's owner.
    owners: u64,
    /// Attempts that began, and how they ended.
    attempts: BTreeMap<AttemptId, Option<AttemptEnd>>,
    done: BTreeSet<ActivationId>,
    /// Each dead letter's input and the innermost cause of its error.
    dead: Vec<(String, String)>,
}

impl Record {
    /// Reads and verifies the board of a review.
    pub(crate) async fn read(review: &Review<'_>) -> Self {
        let reader = Reader::open(review.board()).await.unwrap();
        let verified = reader.verify(|_| {}).await.unwrap();
        reader.verify_store(verified.seq, |_| {}).await.unwrap();

        let mut record = Self::default();
        let mut tail = reader.tail(Seq(1));
        while let Some(entry) = tail.next().await.unwrap() {
            record.take_in(&entry.event);
        }
        record.read_verdicts(&reader).await;
        record.read_dead_letters(&reader).await;
        reader.close().await;
        record
    }

    fn take_in(&mut self, event: &Event) {
        match event {
            Event::OwnerChanged { .. } => self.owners += 1,
            Event::AttemptStarted { attempt, .. } => {
                let over = self.done.contains(&attempt.activation);
                assert!(!over, "attempt {attempt} begins after its activation is done");
                let before = self.attempts.insert(*attempt, None);
                assert_eq!(before, None, "attempt {attempt} begins twice");
            }
            Event::AttemptEnded { attempt, end, .. } => {
                let before = self.attempts.insert(*attempt, Some(*end));
                assert_eq!(before, Some(None), "attempt {attempt} ends without running");
                if *end == AttemptEnd::Done {
                    assert!(self.done.insert(attempt.activation), "{attempt} is done twice");
                }
            }
            _ => {}
        }
    }

    async fn read_verdicts(&mut self, reader: &Reader) {
        let mut query = Query::default().type_name("review.Verdict").limit(1_000);
        loop {
            let listing = reader.artifacts(&query).await.unwrap();
            for verdict in &listing.artifacts {
                let verdict: Value = serde_json::from_slice(verdict.payload().unwrap()).unwrap();
                let text = |path: &str| verdict.pointer(path).unwrap().as_str().unwrap().to_owned();
                let paths = ["/package/name", "/package/version", "/judge", "/ruling"];
                self.verdicts.insert(paths.map(text));
                self.verdicts_len += 1;
            }
            match listing.next {
                Some(next) => query = query.after(next),
                None => return,
            }
        }
    }

    async fn read_dead_letters(&mut self, reader: &Reader) {
        let filter =
            ActivationFilter { outcomes: vec![OutcomeFilter::Dead], ..ActivationFilter::default() };
        for letter in reader.activations(&filter).await.unwrap().activations {
            let input = &reader.get_at(&letter.inputs).await.unwrap()[0];
            let package: Value = serde_json::from_slice(input.payload().unwrap()).unwrap();
            let name = package["id"]["name"].as_str().unwrap().to_owned();
            let report = reader.last_report(&letter).await.unwrap().unwrap();
            self.dead.push((name, report.error.last().unwrap().clone()));
        }
    }

    /// Nothing is open, nothing is lost, and nothing is there that should not be.
    pub(crate) fn assert_complete(&self, trouble: &Trouble, lives: u64) {
        assert_eq!(self.owners, lives, "each life became the owner once");
        let open: Vec<_> = self.attempts.iter().filter(|(_, end)| end.is_none()).collect();
        assert!(open.is_empty(), "attempts without an end: {open:?}");

        let judged: BTreeSet<(String, String)> = self
            .verdicts
            .iter()
            .map(|[name, version, ..]| (name.clone(), version.clone()))
            .collect();
        assert_eq!(judged, Trouble::locked(), "every package of the lock file has a verdict");
        assert_eq!(self.verdicts.len(), self.verdicts_len, "no verdict is there twice");

        let [(name, cause)] = &self.dead[..] else { panic!("dead letters: {:?}", self.dead) };
        assert_eq!(*name, trouble.broken.0);
        assert!(cause.starts_with("the file ends inside"), "{cause}");
        let by = |name: &(String, String)| {
            let of = |[n, v, ..]: &&[String; 4]| (n, v) == (&name.0, &name.1);
            self.verdicts.iter().filter(of).count()
        };
        assert_eq!(by(&trouble.broken), 3, "the other three judges have seen the broken package");
        let timed_out = AttemptEnd::Failed(artel::ErrorKind::Timeout);
        assert!(self.attempts.values().any(|end| *end == Some(timed_out)), "the pipe was late");
    }
}
