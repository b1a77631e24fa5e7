//! One process of the program: started, watched until a moment of its progress, stopped, killed.

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use tokio::process::{Child, Command};
use tokio::time::{Instant, interval, timeout};

use super::error::Error;
use super::folder::Folder;
use super::plan::Moment;
use super::program::Program;

/// How long a process may take to get anywhere.
const PATIENCE: Duration = Duration::from_mins(3);
/// How often it is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(1);
/// How many bytes of what a process said are shown.
const SAID_MAX: usize = 2_000;
/// The signal that nobody survives.
const SIGKILL: i32 = 9;

/// A process; it does not outlive this value.
#[derive(Debug)]
pub(super) struct Life {
    child: Child,
    pid: u32,
    output: PathBuf,
}

/// How the wait for a moment ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reached {
    /// The moment is there.
    Moment,
    /// The process was over before.
    End(ExitStatus),
}

impl Life {
    /// Starts the program; what it says goes to a file of this name.
    pub(super) fn start(program: &Program, folder: &Folder, name: &str) -> Result<Self, Error> {
        Self::spawn(program.command(folder, name)?, folder.output(name))
    }

    /// Runs a command; what it says goes to a file.
    pub(super) fn run(mut command: Command, output: PathBuf) -> Result<Self, Error> {
        let file = File::create(&output).map_err(Error::file(&output))?;
        let second = file.try_clone().map_err(Error::file(&output))?;
        command.stdin(Stdio::null()).stdout(file).stderr(second).kill_on_drop(true);
        Self::spawn(command, output)
    }

    fn spawn(mut command: Command, output: PathBuf) -> Result<Self, Error> {
        let child = command.spawn().map_err(Error::process("start"))?;
        let pid = child.id().unwrap_or_default();
        Ok(Self { child, pid, output })
    }

    /// How it ended, if it did.
    pub(super) fn ended(&mut self) -> Result<Option<ExitStatus>, Error> {
        self.child.try_wait().map_err(Error::process("wait for"))
    }

    /// Its number.
    pub(super) const fn pid(&self) -> u32 {
        self.pid
    }

    /// Watches the process until a moment of its progress.
    pub(super) async fn reach(
        &mut self,
        folder: &Folder,
        moment: Moment,
    ) -> Result<Reached, Error> {
        let until = Instant::now() + PATIENCE;
        let mut looks = interval(LOOK_EVERY);
        let mut lines = Lines::of(folder);
        loop {
            looks.tick().await;
            if let Some(status) = self.child.try_wait().map_err(Error::process("wait for"))? {
                return Ok(Reached::End(status));
            }
            let there = match moment {
                Moment::TakeOver => self.owns(folder),
                Moment::Line(line) => lines.count()? >= line && self.owns(folder),
            };
            if there {
                return Ok(Reached::Moment);
            }
            if Instant::now() > until {
                let last = format!(
                    "its ledger has {} lines, the board is owned by {}; it said: {}",
                    lines.count()?,
                    folder.owner(),
                    self.said()
                );
                return Err(Error::Stuck {
                    what: format!("{moment:?}"),
                    seconds: PATIENCE.as_secs(),
                    last,
                });
            }
        }
    }

    /// Waits for the process to end by itself.
    pub(super) async fn end(&mut self) -> Result<ExitStatus, Error> {
        match timeout(PATIENCE, self.child.wait()).await {
            Ok(status) => status.map_err(Error::process("wait for")),
            Err(_) => {
                let what = "end by itself".to_owned();
                Err(Error::Stuck { what, seconds: PATIENCE.as_secs(), last: self.said() })
            }
        }
    }

    /// Waits for the process to end well.
    pub(super) async fn end_well(&mut self) -> Result<(), Error> {
        let status = self.end().await?;
        self.ended_well(status)
    }

    /// A process that nobody killed ends well.
    pub(super) fn ended_well(&self, status: ExitStatus) -> Result<(), Error> {
        if status.success() {
            return Ok(());
        }
        Err(Error::Ended { how: format!("ended with {status}"), said: self.said() })
    }

    /// Kills the process. False when it was over before.
    pub(super) async fn kill(mut self) -> Result<bool, Error> {
        self.child.start_kill().map_err(Error::process("kill"))?;
        let status = self.end().await?;
        if status.signal() == Some(SIGKILL) {
            return Ok(true);
        }
        self.ended_well(status)?;
        Ok(false)
    }

    /// Stops the process where it stands, and waits until it does: a thread that waits for a disk
    /// takes no signal, and as long as it is the one that is to pass it on, the others run.
    pub(super) async fn stop(&mut self) -> Result<Reached, Error> {
        self.signal("STOP").await?;
        let until = Instant::now() + PATIENCE;
        let mut looks = interval(LOOK_EVERY);
        loop {
            looks.tick().await;
            if let Some(status) = self.child.try_wait().map_err(Error::process("wait for"))? {
                return Ok(Reached::End(status));
            }
            let states = self.states().await?;
            if !states.is_empty() && states.iter().all(|state| *state == 'T') {
                return Ok(Reached::Moment);
            }
            if Instant::now() > until {
                let (what, last) = ("stop".to_owned(), format!("its threads are {states:?}"));
                return Err(Error::Stuck { what, seconds: PATIENCE.as_secs(), last });
            }
        }
    }

    /// The state of each thread as the system calls it, `T` for one that is stopped; of the process
    /// alone where the system does not show threads as files.
    async fn states(&self) -> Result<Vec<char>, Error> {
        let tasks = PathBuf::from(format!("/proc/{}/task", self.pid));
        let Ok(tasks) = fs::read_dir(tasks) else {
            let pid = self.pid.to_string();
            let shown = Command::new("ps").args(["-o", "stat=", "-p", &pid]).output().await;
            let shown = shown.map_err(Error::process("look at"))?.stdout;
            return Ok(shown.first().map(|state| char::from(*state)).into_iter().collect());
        };
        // A thread that has ended in between has no state any more.
        let stats =
            tasks.flatten().filter_map(|task| fs::read_to_string(task.path().join("stat")).ok());
        // Its name stands in parentheses before the state, and may have some itself.
        Ok(stats.filter_map(|stat| stat.rsplit_once(") ")?.1.chars().next()).collect())
    }

    /// Lets a process that is stopped go on.
    pub(super) async fn go_on(&self) -> Result<(), Error> {
        self.signal("CONT").await
    }

    async fn signal(&self, name: &'static str) -> Result<(), Error> {
        // The shell's own: a system may come without the program of that name.
        let script = format!("kill -{name} {}", self.pid);
        let sent = Command::new("sh").args(["-c", &script]).output().await;
        let sent = sent.map_err(Error::process("send a signal to"))?;
        if sent.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&sent.stderr).into_owned();
        Err(Error::Ended { how: format!("took no signal {name}"), said })
    }

    /// The end of what the process said.
    pub(super) fn said(&self) -> String {
        let said = fs::read(&self.output).unwrap_or_default();
        let from = said.len().saturating_sub(SAID_MAX);
        String::from_utf8_lossy(&said[from..]).trim().to_owned()
    }

    fn owns(&self, folder: &Folder) -> bool {
        folder.owner().contains(&format!(":{},", self.pid))
    }
}

/// The lines of a ledger that grows, without the empty ones.
struct Lines {
    path: PathBuf,
    file: Option<File>,
    count: u64,
    last: u8,
}

impl Lines {
    fn of(folder: &Folder) -> Self {
        Self { path: folder.ledger(), file: None, count: 0, last: b'\n' }
    }

    fn count(&mut self) -> Result<u64, Error> {
        if self.file.is_none() {
            self.file = File::open(&self.path).ok();
        }
        let Some(file) = &mut self.file else { return Ok(0) };
        let mut grown = Vec::new();
        file.read_to_end(&mut grown).map_err(Error::file(&self.path))?;
        for byte in grown {
            if byte == b'\n' && self.last != b'\n' {
                self.count += 1;
            }
            self.last = byte;
        }
        Ok(self.count)
    }
}
