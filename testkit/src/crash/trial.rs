//! One board from its first process to its end: its processes are killed as planned, and what is
//! left is looked at after each.

use tokio::time::{Instant, sleep};

use artel::Reader;
use artel_core::ids::Seq;
use artel_core::record::BatchHeader;

use super::audit::{Audited, Stage, audit};
use super::check::{Check, Verdicts};
use super::error::Error;
use super::folder::Folder;
use super::history::History;
use super::life::{Life, Reached};
use super::plan::{Kill, Moment, Pace, Stop};
use super::program::Program;
use crate::ledger::Ledger;

/// What a trial came to.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// The seq of the last event that was on the board at each kill.
    pub(super) killed_at: Vec<Seq>,
    /// How many of the kills came while the board was being taken over.
    pub(super) at_take_over: u64,
    /// How many processes were stopped.
    pub(super) stopped: u64,
    /// How many of those went on before they were killed.
    pub(super) went_on: u64,
    /// How many processes there were.
    pub(super) processes: u64,
    /// Whether it was over before it could be killed as often as planned.
    pub(super) ended_early: bool,
    /// The last event that put an artifact on the board.
    pub(super) last_artifact: Seq,
    /// What the last look counted.
    pub(super) audited: Audited,
    /// What all looks together came to.
    pub(super) verdicts: Verdicts,
    /// What the program came to.
    pub(super) result: String,
}

/// One board, while it is on trial.
#[derive(Debug)]
pub(super) struct Trial<'a> {
    program: &'a Program,
    folder: &'a Folder,
    outcome: Outcome,
    /// What was seen of the log so far.
    seen: Vec<BatchHeader>,
}

impl<'a> Trial<'a> {
    /// A trial of the program in an empty folder.
    pub(super) fn new(program: &'a Program, folder: &'a Folder) -> Self {
        Self { program, folder, outcome: Outcome::default(), seen: Vec::new() }
    }

    /// Lets the program end by itself, and measures its pace.
    pub(super) async fn undisturbed(mut self) -> Result<(Outcome, Pace), Error> {
        let mut life = self.start()?;
        let mut moments = [None, None];
        for (moment, at) in [Moment::TakeOver, Moment::Line(1)].into_iter().zip(&mut moments) {
            if life.reach(self.folder, moment).await? == Reached::Moment {
                *at = Some(Instant::now());
            }
        }
        life.end_well().await?;
        let [owned, began] = moments;
        let take_over = owned.zip(began).map(|(owned, began)| began - owned).unwrap_or_default();
        let (history, ledger) = self.ended().await?;
        let times = history.batches.iter().map(|batch| batch.header.at.as_millis());
        let (first, last) = (times.clone().min(), times.max());
        let millis = last.zip(first).map_or(0, |(last, first)| last - first);
        let commits = u32::try_from(history.batches.len()).unwrap_or(u32::MAX).max(1);
        let whole = std::time::Duration::from_millis(u64::try_from(millis).unwrap_or(0));
        let lines = ledger.lines.len() as u64;
        let pace = Pace { lines, between_commits: whole / commits, take_over };
        Ok((self.outcome, pace))
    }

    /// Kills the program as planned, then lets it end.
    pub(super) async fn run(mut self, kills: &[Kill]) -> Result<Outcome, Error> {
        for kill in kills {
            if !self.kill(kill).await? {
                self.outcome.ended_early = true;
                break;
            }
        }
        if !self.outcome.ended_early {
            self.start()?.end_well().await?;
        }
        self.ended().await?;
        Ok(self.outcome)
    }

    fn start(&mut self) -> Result<Life, Error> {
        self.outcome.processes += 1;
        let name = format!("process-{}", self.outcome.processes);
        Life::start(self.program, self.folder, &name)
    }

    /// One process from its start to its death; false when it was over before.
    async fn kill(&mut self, kill: &Kill) -> Result<bool, Error> {
        let mut life = self.start()?;
        if let Reached::End(status) = life.reach(self.folder, kill.moment).await? {
            life.ended_well(status)?;
            return Ok(false);
        }
        if kill.stop.is_some() {
            if let Reached::End(status) = life.stop().await? {
                life.ended_well(status)?;
                return Ok(false);
            }
            self.outcome.stopped += 1;
            self.rival(&life).await?;
        }
        if kill.stop == Some(Stop::GoesOn) {
            let lines = self.ledger()?.lines.len() as u64;
            life.go_on().await?;
            // It has gone on when it knows something new.
            if let Reached::End(status) = life.reach(self.folder, Moment::Line(lines + 1)).await? {
                life.ended_well(status)?;
                return Ok(false);
            }
            self.outcome.went_on += 1;
        }
        if kill.stop != Some(Stop::Killed) {
            sleep(kill.delay).await;
        }
        if !life.kill().await? {
            return Ok(false);
        }
        self.outcome.at_take_over += u64::from(kill.moment == Moment::TakeOver);
        self.after_kill().await?;
        Ok(true)
    }

    /// Another process, while the owner is stopped: it is refused, hears by whom the board is owned,
    /// and writes nothing.
    async fn rival(&mut self, owner: &Life) -> Result<(), Error> {
        let before = self.folder.look().await?;
        let name = format!("refused-{}", self.outcome.stopped);
        let mut rival = Life::start(self.program, self.folder, &name)?;
        let status = rival.end().await?;
        let (said, pid) = (rival.said(), owner.pid());
        let refused = !status.success() && names_owner(&said, pid);
        let verdicts = &mut self.outcome.verdicts;
        verdicts.expect(Check::Refused, refused, || {
            format!("process {pid} owns the board; another ended with {status} and said: {said}")
        });
        let after = self.folder.look().await?;
        verdicts.expect(Check::Refused, after.headers() == before.headers(), || {
            let (before, after) = (before.last(), after.last());
            format!("the log went on while its owner was stopped, from seq {before} to {after}")
        });
        self.grown("while stopped", &after);
        Ok(())
    }

    async fn after_kill(&mut self) -> Result<(), Error> {
        let number = self.outcome.killed_at.len() + 1;
        let place = format!("after kill {number}");
        let Some(history) = self.folder.look_at_copy().await? else {
            self.outcome.killed_at.push(Seq(0));
            return Ok(());
        };
        self.outcome.killed_at.push(history.last());
        self.grown(&place, &history);
        let ledger = self.ledger()?;
        self.outcome.verdicts.add(&place, audit(&history, &ledger, Stage::Killed).verdicts);
        Ok(())
    }

    /// The program has ended by itself.
    async fn ended(&mut self) -> Result<(History, Ledger), Error> {
        let reader = Reader::open(self.folder.board()).await.map_err(Error::open)?;
        let history = History::read(&**reader.log()).await;
        if history.is_ok() {
            store(&reader, &mut self.outcome.verdicts).await;
        }
        reader.close().await;
        let history = history?;
        self.grown("in the end", &history);
        let ledger = self.ledger()?;
        let mut audited = audit(&history, &ledger, Stage::Settled);
        self.outcome.verdicts.add("in the end", std::mem::take(&mut audited.verdicts));
        self.outcome.audited = audited;
        self.outcome.last_artifact = history.last_artifact();
        self.outcome.result = self.folder.read_result()?;
        Ok((history, ledger))
    }

    /// The log begins with all that was seen of it before.
    fn grown(&mut self, place: &str, history: &History) {
        let now = history.headers();
        let kept = now.iter().zip(&self.seen).take_while(|(now, seen)| now == seen).count();
        self.outcome.verdicts.expect(Check::Prefix, kept == self.seen.len(), || {
            let seen = self.seen.len();
            format!("{place}: of {seen} batches that had been seen, the first {kept} are there")
        });
        self.seen = now;
    }

    /// The ledger; one that cannot be read proves nothing.
    fn ledger(&mut self) -> Result<Ledger, Error> {
        Ok(self.folder.read_ledger()?.unwrap_or_else(|error| {
            self.outcome.verdicts.wrong(Check::Execution, error.to_string());
            Ledger::default()
        }))
    }
}

/// Whether a process that is refused names the owner.
fn names_owner(said: &str, pid: u32) -> bool {
    said.contains("is owned by") && said.contains(&format!("(process {pid})"))
}

/// Every hash, event and snapshot, and the store beside the log.
pub(super) async fn store(reader: &Reader, verdicts: &mut Verdicts) {
    let verified = match reader.verify(|_| {}).await {
        Ok(verified) => reader.verify_store(verified.seq, |_| {}).await,
        Err(error) => Err(error),
    };
    match verified {
        Ok(rows) => verdicts.fine(Check::Store, rows.artifacts + rows.contents + rows.closed),
        Err(error) => verdicts.wrong(Check::Store, error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use artel_core::hash::Hash;
    use artel_core::ids::{Epoch, Incarnation};
    use artel_core::record::{Batch, Encoder, Place, genesis};
    use artel_core::time::Timestamp;

    use super::*;
    use crate::crash::history::Recorded;

    #[test]
    fn a_refusal_names_the_owner() {
        let said = "error: the board at `b` is owned by `review` (process 17)";
        assert!(names_owner(said, 17));
        assert!(!names_owner(said, 1), "another process");
        assert!(!names_owner("error: the board at `b` is locked (process 17)", 17));
    }

    /// A chain of batches, one for each epoch.
    fn history(epochs: &[u64]) -> History {
        let incarnation = Incarnation::new(Uuid::nil());
        let mut previous: Hash = genesis(incarnation);
        let batches = (1..).zip(epochs).map(|(seq, epoch)| {
            let (first, epoch) = (Seq(seq), Epoch(*epoch));
            let place = Place { epoch, first, last: first, at: Timestamp(0), previous };
            let header = Batch::seal(place, Encoder::default().take()).header;
            previous = header.hash;
            Recorded { header, decisions: Vec::new() }
        });
        History { incarnation, batches: batches.collect() }
    }

    /// I1: what was seen of a log stays.
    #[test]
    fn a_log_that_lost_or_changed_what_was_seen_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::make(dir.path().join("board")).unwrap();
        let program = Program::new(["p", "{board}", "{ledger}", "{result}"]).unwrap();
        let wrong = |looks: &[&[u64]]| {
            let mut trial = Trial::new(&program, &folder);
            for epochs in looks {
                trial.grown("at a look", &history(epochs));
            }
            trial.outcome.verdicts.of(Check::Prefix).findings
        };
        assert_eq!(wrong(&[&[1], &[1, 1], &[1, 1], &[1, 1, 2]]), [""; 0], "it grows or stays");
        let lost = "at a look: of 3 batches that had been seen, the first 2 are there";
        assert_eq!(wrong(&[&[1, 1, 1], &[1, 1]]), [lost]);
        assert_eq!(wrong(&[&[1, 1, 1], &[1, 1, 2, 2]]), [lost], "another batch is in its place");
    }
}
