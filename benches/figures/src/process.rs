//! Fresh processes of this program: each run of a figure begins with clean memory.

use std::process::{Command, Stdio};

use serde_json::Value;

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

fn run(arguments: &[String]) -> Result<String, Error> {
    let mut command = Command::new(std::env::current_exe()?);
    // A board or a level of diagnostics that is meant for others would change what is measured.
    command.args(arguments).env_remove("RUST_LOG").env_remove("ARTEL_BOARD").stderr(Stdio::piped());
    let output = command.output()?;
    if output.status.success() {
        return Ok(String::from_utf8(output.stdout)?);
    }
    let why = String::from_utf8_lossy(&output.stderr);
    Err(format!("`{}` failed: {}", arguments.join(" "), why.trim()).into())
}
