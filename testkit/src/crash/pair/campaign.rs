//! A campaign on a pair: faults one after the other, until enough was killed, and the audit.

use std::io::ErrorKind;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::sleep;

use artel::Reader;

use super::faults::Fault;
use super::live::own;
use super::notes::Notes;
use super::report::PairReport;
use super::stage::Stage;
use crate::check;
use crate::crash::audit::{Stage as When, audit};
use crate::crash::check::Check;
use crate::crash::error::Error;
use crate::crash::trial::store;
use crate::dice::Dice;
use crate::servers::Kind;

/// How long the pair is left alone between two faults at most, in milliseconds.
const CALM: u64 = 400;
/// After how many kills the whole log is looked at.
const LOOK_AFTER: u64 = 10;
/// The bytes of a request that may be cut off from its answer, at least: an append has more, what only looks
/// has fewer.
const CUT_LEN: usize = 600;

/// Kills of two processes on one board of a server, and of that.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The command of a process: it has to call [`live`](super::live) with its working folder.
    pub command: Vec<String>,
    /// The kind of server.
    pub kind: Kind,
    /// A folder for what the processes note and say. What is in it is removed.
    pub dir: PathBuf,
    /// How often something is killed.
    pub kills: u64,
    /// What everything is drawn from.
    pub seed: u64,
}

impl Pair {
    /// Runs the campaign. `told` hears how many kills there were.
    ///
    /// # Errors
    /// When a process ends though nobody killed it, or the board gets nowhere. What does not hold of the
    /// board is in the report.
    ///
    /// # Panics
    /// When the server cannot be started, or what must hold of every board does not in the end.
    pub async fn run(&self, mut told: impl FnMut(u64)) -> Result<PairReport, Error> {
        // Processes run in folders of their own; what an earlier campaign left is nobody's.
        match std::fs::remove_dir_all(&self.dir) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(Error::file(&self.dir)(error));
            }
            _ => std::fs::create_dir_all(&self.dir).map_err(Error::file(&self.dir))?,
        }
        let dir = self.dir.canonicalize().map_err(Error::file(&self.dir))?;
        let mut stage = Stage::set(self.kind, &self.command, &dir)?;
        let mut report = PairReport { seed: self.seed, ..PairReport::default() };
        let mut dice = Dice::new(self.seed);
        let mut looked = 0;
        stage.owner().await?;
        while report.kills < self.kills {
            sleep(dice.up_to(CALM)).await;
            let fault = Fault::draw(&mut dice);
            *report.faults.entry(fault.name()).or_default() += 1;
            act(&mut stage, fault).await?;
            report.kills += fault.kills();
            let head = stage.head().await.unwrap_or_default();
            report.longest = report.longest.max(stage.grows(head).await?);
            if report.kills >= looked + LOOK_AFTER {
                looked = report.kills;
                look(&mut stage, &mut report).await?;
            }
            if fault.kills() > 0 {
                told(report.kills);
            }
        }
        stage.proxy.heal();
        stage.finish().await?;
        report.cuts = stage.proxy.cuts();
        report.processes = stage.processes;
        self.settle(&mut stage, &mut report).await?;
        Ok(report)
    }

    /// Lets what is left come to its end, here, and holds the log against what was noted.
    async fn settle(&self, stage: &mut Stage<'_>, report: &mut PairReport) -> Result<(), Error> {
        let path = self.dir.join("ledger");
        let notes = Arc::new(Notes::open(&path)?);
        let running = own(&stage.board(), &notes).await?;
        running.idle().await.map_err(|error| Error::Ask(Box::new(error)))?;
        notes.state(&running).await?;
        check(&running).await;
        running.shutdown().await;
        let history = look(stage, report).await?;
        let epochs = history.batches.iter().map(|batch| batch.header.epoch);
        report.epochs = epochs.max().map_or(0, artel_core::ids::Epoch::get);
        let mut audited = audit(&history, &stage.ledger(&[&path])?, When::Settled);
        report.verdicts.add("in the end", std::mem::take(&mut audited.verdicts));
        report.audited = audited;
        let reader = Reader::open(stage.board()).await.map_err(Error::open)?;
        store(&reader, &mut report.verdicts).await;
        reader.close().await;
        Ok(())
    }
}

/// The log begins with all that was seen of it before.
async fn look(
    stage: &mut Stage<'_>,
    report: &mut PairReport,
) -> Result<crate::crash::history::History, Error> {
    let (history, seen, kept) = stage.look().await?;
    let kills = report.kills;
    report.verdicts.expect(Check::Prefix, kept == seen, || {
        format!(
            "after kill {kills}: of {seen} batches that had been seen, the first {kept} are there"
        )
    });
    Ok(history)
}

async fn act(stage: &mut Stage<'_>, fault: Fault) -> Result<(), Error> {
    match fault {
        Fault::KillOwner => {
            let owner = stage.owner().await?;
            stage.kill(owner).await
        }
        Fault::KillOther => {
            let owner = stage.owner().await?;
            stage.kill(1 - owner).await
        }
        Fault::KillServer => {
            stage.server.kill();
            stage.server.restart();
            Ok(())
        }
        Fault::StopServer(time) => {
            stage.server.stop();
            sleep(time).await;
            stage.server.go_on();
            Ok(())
        }
        Fault::StopOwner(time, killed) => {
            let owner = stage.owner().await?;
            stage.stop(owner, time).await?;
            if killed { stage.kill(owner).await } else { stage.go_on(owner).await }
        }
        Fault::StopOther(time) => {
            let other = 1 - stage.owner().await?;
            stage.stop(other, time).await?;
            stage.go_on(other).await
        }
        Fault::Drop => {
            stage.proxy.drop_all();
            Ok(())
        }
        Fault::Delay(delay, time) => {
            stage.proxy.delay(delay);
            healed(stage, time).await
        }
        Fault::Silence => {
            stage.proxy.silence();
            Ok(())
        }
        Fault::Swallow(way, time) => {
            stage.proxy.swallow(way);
            healed(stage, time).await
        }
        Fault::Cut => {
            stage.proxy.cut_after(|bytes| bytes.len() >= CUT_LEN);
            Ok(())
        }
        Fault::Refuse(time) => {
            stage.proxy.refuse(true);
            stage.proxy.drop_all();
            healed(stage, time).await
        }
    }
}

async fn healed(stage: &Stage<'_>, time: Duration) -> Result<(), Error> {
    sleep(time).await;
    stage.proxy.heal();
    Ok(())
}
