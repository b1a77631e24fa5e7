//! A server behind a shell that starts it, and stops it and clears away when its standard input ends: when
//! whoever holds the other end lets go of it, or dies.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

/// A server that runs.
#[derive(Debug)]
pub(super) struct Supervised {
    /// Its input ends when this is dropped.
    child: Child,
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
        let mut said = String::new();
        let ready = child.stdout.take().is_some_and(|out| {
            let mut lines = BufReader::new(out).lines().map_while(Result::ok);
            lines.any(|line| line == "ready")
        });
        if ready {
            return Ok(Self { child });
        }
        if let Some(mut errors) = child.stderr.take() {
            let _ = errors.read_to_string(&mut said);
        }
        let _ = child.wait();
        Err(said)
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
