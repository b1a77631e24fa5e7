//! Lives of the program: each begins with the same command, and ends with SIGKILL at a moment of its
//! recorded progress, or by itself.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use crate::demo::trouble::{PROGRAM, PROJECT, Trouble};

/// A review on a board of its own.
#[derive(Debug)]
pub(crate) struct Review<'a> {
    trouble: &'a Trouble,
    board: String,
    /// Where its report and what it complains about lie, but for their endings.
    stem: PathBuf,
}

/// How a life ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// By SIGKILL, when this line was the last that was read of its progress.
    Killed {
        /// The line.
        line: String,
    },
    /// By itself.
    Finished {
        /// The last seq of its progress.
        seq: u64,
        /// What it said.
        output: String,
    },
}

impl<'a> Review<'a> {
    /// A review on a board that is not there yet, in a file.
    pub(crate) fn new(trouble: &'a Trouble, name: &str) -> Self {
        let file = trouble.dir.path().join(name).with_extension("artel.db");
        Self::on(trouble, name, format!("sqlite:{}", file.display()))
    }

    /// A review on a board that is not there yet, at this URL.
    pub(crate) fn on(trouble: &'a Trouble, name: &str, board: String) -> Self {
        Self { trouble, board, stem: trouble.dir.path().join(name) }
    }

    /// The URL of its board.
    pub(crate) fn board(&self) -> &str {
        &self.board
    }

    /// Its report.
    pub(crate) fn report(&self) -> String {
        fs::read_to_string(self.file("md")).unwrap()
    }

    fn file(&self, ending: &str) -> PathBuf {
        self.stem.with_extension(ending)
    }

    /// Runs the program, up to the moment at which an event with this seq is recorded. Whenever an
    /// attempt to read the pipe has met its time-out, in this life or in an earlier one, somebody
    /// writes to it.
    pub(crate) fn live(&self, until: Option<u64>) -> Ended {
        let mut program = Mortal(self.command().spawn().unwrap());
        let mut filler = None;
        let mut output = String::new();
        let mut seq = 0;
        for line in BufReader::new(program.stdout()).lines().map(Result::unwrap) {
            let Some(recorded) = number(&line, "seq") else {
                output += &format!("{line}\n");
                continue;
            };
            seq = recorded;
            if number(&line, "timed-out") != Some(0) && filler.is_none() {
                filler = Some(self.fill());
            }
            if until.is_some_and(|until| seq >= until) {
                return program.kill(line);
            }
        }
        let status = program.0.wait().unwrap();
        let complaints = fs::read_to_string(self.file("stderr")).unwrap();
        assert!(status.success(), "{status}\n{output}\n{complaints}");
        Ended::Finished { seq, output }
    }

    fn command(&self) -> Command {
        let mut command = Command::new(PROGRAM);
        command.args(["--project", PROJECT, "--board", self.board(), "--patience", "2"]);
        command.arg("--scratch").arg(self.trouble.scratch());
        command.arg("--report").arg(self.file("md"));
        // The lines of its progress come between those that it says anyway.
        command.args(["--progress", "/dev/stdout"]).stdout(Stdio::piped());
        command.stdin(Stdio::null()).stderr(File::create(self.file("stderr")).unwrap());
        command
    }

    /// Somebody who writes to the pipe once: the shell waits there for a reader.
    fn fill(&self) -> Mortal {
        let Trouble { late, pipe, .. } = self.trouble;
        let write = |late: &Path, pipe: &Path| {
            Command::new("sh").args(["-c", r#"exec cat "$0" >"$1""#]).arg(late).arg(pipe).spawn()
        };
        Mortal(write(late, pipe).unwrap())
    }
}

/// A process that does not outlive this value.
struct Mortal(Child);

impl Mortal {
    fn stdout(&mut self) -> ChildStdout {
        self.0.stdout.take().unwrap()
    }

    fn kill(mut self, line: String) -> Ended {
        self.0.kill().unwrap();
        let status = self.0.wait().unwrap();
        if status.signal() == Some(9) {
            Ended::Killed { line }
        } else {
            Ended::Finished { seq: number(&line, "seq").unwrap_or(0), output: status.to_string() }
        }
    }
}

impl Drop for Mortal {
    fn drop(&mut self) {
        // One that has ended already cannot be killed.
        let _ = self.0.kill();
        self.0.wait().unwrap();
    }
}

/// A number in a line of progress; none in any other line.
fn number(line: &str, name: &str) -> Option<u64> {
    let words = line.starts_with("seq=").then(|| line.split(' '))?;
    let mut values = words.filter_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    values.next()?.parse().ok()
}
