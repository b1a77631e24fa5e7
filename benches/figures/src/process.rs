//! Fresh processes of this program: each run of a figure begins with clean memory.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::thread;

use serde_json::Value;
use tokio::sync::mpsc::Sender;

use crate::error::Error;

/// The first argument of a process that is the program `artel`: its own name, as it expects.
pub(crate) const ARTEL: &str = "artel";
/// The first argument of a process that does a part of a figure.
pub(crate) const CHILD: &str = "--child";

/// A folder that is removed in the end, on the disk where this program lies: the system's folder for
/// such things may be in memory.
pub(crate) fn scratch() -> Result<tempfile::TempDir, Error> {
    let program = std::env::current_exe()?;
    let folder = program.parent().ok_or("this program lies nowhere")?;
    Ok(tempfile::Builder::new().prefix("figures-").tempdir_in(folder)?)
}

/// Runs `artel bench` with these arguments and gives back its answer.
pub(crate) fn bench(arguments: &[String]) -> Result<Value, Error> {
    let mut all = vec![ARTEL.to_owned(), "bench".to_owned(), "--json".to_owned()];
    all.extend_from_slice(arguments);
    Ok(serde_json::from_str(&run(&all)?)?)
}

/// Runs a part of a figure and gives back the numbers that it prints.
pub(crate) fn child(arguments: &[String]) -> Result<Vec<f64>, Error> {
    let mut all = vec![CHILD.to_owned()];
    all.extend_from_slice(arguments);
    let printed = run(&all)?;
    let numbers = printed.split_whitespace().map(str::parse).collect::<Result<_, _>>();
    numbers.map_err(|_| format!("`{}` printed no numbers: {printed}", all.join(" ")).into())
}

/// A part of a figure that goes on until it is killed: at the latest when nobody needs it any more.
#[derive(Debug)]
pub(crate) struct Part(Child);

impl Part {
    /// Begins one, which says what it does in lines: they come with this number.
    pub(crate) fn begin(
        arguments: &[String],
        number: usize,
        say: Sender<(usize, String)>,
    ) -> Result<Self, Error> {
        let mut all = vec![CHILD.to_owned()];
        all.extend_from_slice(arguments);
        let mut child = command(&all)?.stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn()?;
        let out = child.stdout.take().ok_or("what it says cannot be read")?;
        let listen = move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                // Nobody listens any more when all was heard that had to be.
                let _ = say.blocking_send((number, line));
            }
        };
        #[expect(clippy::disallowed_methods, reason = "it ends when the process does")]
        thread::spawn(listen);
        Ok(Self(child))
    }

    /// Ends it without a word.
    pub(crate) fn kill(&mut self) -> Result<(), Error> {
        self.0.kill()?;
        self.0.wait()?;
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // It may have come to its end by itself.
        let _ = self.kill();
    }
}

fn command(arguments: &[String]) -> Result<Command, Error> {
    let mut command = Command::new(std::env::current_exe()?);
    // A board or a level of diagnostics that is meant for others would change what is measured.
    command.args(arguments).env_remove("RUST_LOG").env_remove("ARTEL_BOARD");
    Ok(command)
}

fn run(arguments: &[String]) -> Result<String, Error> {
    let output = command(arguments)?.stderr(Stdio::piped()).output()?;
    if output.status.success() {
        return Ok(String::from_utf8(output.stdout)?);
    }
    let why = String::from_utf8_lossy(&output.stderr);
    Err(format!("`{}` failed: {}", arguments.join(" "), why.trim()).into())
}
