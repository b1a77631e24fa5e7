//! Everything that a campaign on a pair acts on: the server, the proxy before it, and the two processes, of which
//! one owns the board.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;
use tokio::time::{Instant, sleep};

use artel::{OpenError, Reader};
use artel_core::ids::Seq;
use artel_core::record::BatchHeader;

use super::live::Place;
use crate::crash::error::Error;
use crate::crash::history::History;
use crate::crash::life::{Life, Reached};
use crate::ledger::Ledger;
use crate::servers::{Kind, Proxy, Server};

/// How long a board is owned without being renewed: the shortest time that there is.
const OWNED: &str = "ownership=1s";
/// How long it may take until the log has grown.
const PATIENCE: Duration = Duration::from_secs(90);
/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The stage.
pub(super) struct Stage<'a> {
    command: &'a [String],
    dir: &'a Path,
    kind: Kind,
    pub(super) server: Server,
    pub(super) proxy: Proxy,
    lives: Vec<Life>,
    pub(super) processes: u64,
    /// What is asked past the proxy.
    reader: Option<Reader>,
    /// What was seen of the log so far.
    pub(super) seen: Vec<BatchHeader>,
}

impl<'a> Stage<'a> {
    /// A server, and two processes before it.
    pub(super) fn set(kind: Kind, command: &'a [String], dir: &'a Path) -> Result<Self, Error> {
        let server = Server::start(kind);
        let proxy = Proxy::before(server.port());
        let mut stage = Self {
            command,
            dir,
            kind,
            server,
            proxy,
            lives: Vec::new(),
            processes: 0,
            reader: None,
            seen: Vec::new(),
        };
        for _ in 0..2 {
            stage.begin()?;
        }
        Ok(stage)
    }

    /// Starts another process.
    fn begin(&mut self) -> Result<(), Error> {
        self.processes += 1;
        let name = format!("process-{}", self.processes);
        let dir = self.dir.join(&name);
        fs::create_dir_all(&dir).map_err(Error::file(&dir))?;
        let board = format!("{}?{OWNED}", self.kind.url_at(self.proxy.port()));
        let place = Place { board, name, ledger: dir.join("ledger"), end: self.end() };
        place.write(&dir)?;
        let mut command = Command::new(self.command.first().map_or("", String::as_str));
        command.args(self.command.iter().skip(1)).current_dir(&dir);
        self.lives.push(Life::run(command, dir.join("output.txt"))?);
        Ok(())
    }

    /// The file that ends all processes.
    fn end(&self) -> PathBuf {
        self.dir.join("end")
    }

    /// The URL of the board, past the proxy.
    pub(super) fn board(&self) -> String {
        format!("{}?{OWNED}", self.server.url())
    }

    /// No process has ended by itself.
    pub(super) fn alive(&mut self) -> Result<(), Error> {
        for life in &mut self.lives {
            if let Some(status) = life.ended()? {
                let how = format!("ended with {status}, though nobody killed it");
                return Err(Error::Ended { how, said: life.said() });
            }
        }
        Ok(())
    }

    /// Which of the two owns the board, once one of them does; the last one that was seen to where the
    /// server says nothing.
    pub(super) async fn owner(&mut self) -> Result<usize, Error> {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Ok(reader) = self.reader().await
                && let Ok(Some(owner)) = reader.owner().await
                && let Some(found) =
                    self.lives.iter().position(|life| Some(life.pid()) == owner.pid)
            {
                return Ok(found);
            }
            self.alive()?;
            if Instant::now() > until {
                return Err(self.stuck("own the board"));
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Kills a process, and starts another one in its place.
    pub(super) async fn kill(&mut self, which: usize) -> Result<(), Error> {
        let life = self.lives.remove(which);
        life.kill().await?;
        self.begin()
    }

    /// Stops a process for a time.
    pub(super) async fn stop(&mut self, which: usize, time: Duration) -> Result<(), Error> {
        if let Reached::End(status) = self.lives[which].stop().await? {
            return self.lives[which].ended_well(status);
        }
        sleep(time).await;
        Ok(())
    }

    /// Lets a process that is stopped go on.
    pub(super) async fn go_on(&mut self, which: usize) -> Result<(), Error> {
        self.lives[which].go_on().await
    }

    /// Where the log ends; none while the server cannot be asked.
    pub(super) async fn head(&mut self) -> Option<Seq> {
        let head = self.reader().await.ok()?.head().await.ok()?;
        Some(head.seq)
    }

    /// Waits until the log has grown beyond a seq, and says how long that took.
    pub(super) async fn grows(&mut self, beyond: Seq) -> Result<Duration, Error> {
        let began = Instant::now();
        loop {
            if self.head().await.is_some_and(|head| head > beyond) {
                return Ok(began.elapsed());
            }
            self.alive()?;
            if began.elapsed() > PATIENCE {
                return Err(self.stuck("go on with the board"));
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Lets both processes end by themselves.
    pub(super) async fn finish(&mut self) -> Result<(), Error> {
        fs::write(self.end(), "").map_err(Error::file(self.end()))?;
        for mut life in std::mem::take(&mut self.lives) {
            life.end_well().await?;
        }
        Ok(())
    }

    /// What all processes noted, one after the other.
    pub(super) fn ledger(&self, others: &[&Path]) -> Result<Ledger, Error> {
        let of = |number| self.dir.join(format!("process-{number}")).join("ledger");
        let paths =
            (1..=self.processes).map(of).chain(others.iter().map(|path| path.to_path_buf()));
        let mut ledger = Ledger::default();
        for path in paths.filter(|path| path.exists()) {
            let text = fs::read_to_string(&path).map_err(Error::file(&path))?;
            let one = Ledger::parse(&text).map_err(|error| Error::Ended {
                how: format!("kept a ledger at `{}` that is none", path.display()),
                said: error.to_string(),
            })?;
            ledger.lines.extend(one.lines);
            ledger.torn += one.torn;
        }
        Ok(ledger)
    }

    /// The whole log; how many batches had been seen before, and how many of those are still there.
    pub(super) async fn look(&mut self) -> Result<(History, usize, usize), Error> {
        let reader = self.reader().await.map_err(Error::open)?;
        let history = History::read(&**reader.log()).await?;
        let now = history.headers();
        let kept = now.iter().zip(&self.seen).take_while(|(now, seen)| now == seen).count();
        let seen = std::mem::replace(&mut self.seen, now).len();
        Ok((history, seen, kept))
    }

    async fn reader(&mut self) -> Result<&Reader, OpenError> {
        if self.reader.is_none() {
            self.reader = Some(Reader::open(self.board()).await?);
        }
        Ok(self.reader.as_ref().expect("it was opened"))
    }

    fn stuck(&self, what: &str) -> Error {
        let said = self.lives.iter().map(Life::said).collect::<Vec<_>>().join("\n");
        Error::Stuck { what: what.to_owned(), seconds: PATIENCE.as_secs(), last: said }
    }
}
