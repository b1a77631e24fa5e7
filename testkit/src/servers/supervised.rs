//! A server behind a shell that starts it, and stops it and clears away when its standard input ends: when
//! whoever holds the other end lets go of it, or dies.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// A server that runs.
#[derive(Debug)]
pub(super) struct Supervised {
    child: Child,
    /// Its input, which ends when this is dropped, and what it says.
    ends: Mutex<Option<(ChildStdin, BufReader<ChildStdout>)>>,
}

impl Supervised {
    /// Runs a script until it says `ready`; the error is what it said instead.
    pub(super) fn start(script: &str, arguments: &[&str]) -> Result<Self, String> {
        let mut child = Command::new("sh")
            .args(["-c", script, "server"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("there is no shell: {error}"))?;
        let input = child.stdin.take();
        let mut output = child.stdout.take().map(BufReader::new);
        let ready = output.as_mut().is_some_and(|output| {
            let mut lines = output.lines().map_while(Result::ok);
            lines.any(|line| line == "ready")
        });
        if ready {
            return Ok(Self { child, ends: Mutex::new(input.zip(output)) });
        }
        drop(input);
        let mut said = String::new();
        if let Some(mut errors) = child.stderr.take() {
            let _ = errors.read_to_string(&mut said);
        }
        let _ = child.wait();
        Err(said)
    }

    /// Tells it a word that its script knows, and waits until that is done; the error is what it said
    /// instead.
    pub(super) fn tell(&self, word: &str) -> Result<(), String> {
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((input, output)) = ends.as_mut() else { return Err("it has no input".to_owned()) };
        let mut said = String::new();
        let told = writeln!(input, "{word}").and_then(|()| output.read_line(&mut said));
        match told {
            Ok(_) if said.trim_end() == "done" => Ok(()),
            Ok(_) => Err(said),
            Err(error) => Err(error.to_string()),
        }
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        *self.ends.get_mut().unwrap_or_else(PoisonError::into_inner) = None;
        let _ = self.child.wait();
    }
}
