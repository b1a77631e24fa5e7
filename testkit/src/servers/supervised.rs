//! A server behind a shell that starts it, and stops it and clears away when its standard input ends: when
//! whoever holds the other end lets go of it, or dies.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Mutex, PoisonError};

/// How often ports are tried: somebody else may take one that was free.
const TRIES_MAX: usize = 5;
/// Ports are below this one: nodes of a Redis cluster talk to each other on ports that are 10 000 higher.
const PORTS_END: u16 = 55_000;

/// A server that runs.
#[derive(Debug)]
pub(super) struct Supervised {
    /// What it is called where something goes wrong.
    name: &'static str,
    /// Its ports on 127.0.0.1.
    pub(super) ports: Vec<u16>,
    child: Child,
    /// Its input, which ends when this is dropped, and what it says.
    ends: Mutex<Option<Ends>>,
}

type Ends = (ChildStdin, BufReader<ChildStdout>);

impl Supervised {
    /// Runs a script, with so many free ports and then some more arguments, until it says `ready`. Fails the
    /// test whose server it is when it does not.
    #[expect(clippy::panic, reason = "a test whose server is missing fails")]
    pub(super) fn start(name: &'static str, script: &str, (ports, more): (usize, &[&str])) -> Self {
        let mut said = String::new();
        for _ in 0..TRIES_MAX {
            let ports: Vec<u16> = std::iter::repeat_with(free_port)
                .filter(|port| *port < PORTS_END)
                .take(ports)
                .collect();
            match run(script, &ports, more) {
                Ok((child, ends)) => {
                    return Self { name, ports, child, ends: Mutex::new(Some(ends)) };
                }
                Err(problem) => said = problem,
            }
        }
        panic!("cannot start {name} for this test: {said}");
    }

    /// Its only port, or the first of several.
    pub(super) fn port(&self) -> u16 {
        self.ports[0]
    }

    /// Tells it a word that its script knows, and waits until that is done. Fails the test where it is not.
    #[expect(clippy::panic, reason = "a test whose server does not do what it is told fails")]
    pub(super) fn tell(&self, word: &str) {
        let mut ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        let (input, output) = ends.as_mut().expect("it has them until it is dropped");
        let mut said = String::new();
        let told = writeln!(input, "{word}").and_then(|()| output.read_line(&mut said));
        match told {
            Ok(_) if said.trim_end() == "done" => {}
            Ok(_) => panic!("cannot {word} {} of this test: {said}", self.name),
            Err(error) => panic!("cannot {word} {} of this test: {error}", self.name),
        }
    }
}

/// Runs a script until it says `ready`; the error is what it said instead.
fn run(script: &str, ports: &[u16], more: &[&str]) -> Result<(Child, Ends), String> {
    let mut child = Command::new("sh")
        .args(["-c", script, "server"])
        .args(ports.iter().map(u16::to_string))
        .args(more)
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
    match input.zip(output) {
        Some(ends) if ready => return Ok((child, ends)),
        ends => drop(ends),
    }
    let mut said = String::new();
    if let Some(mut errors) = child.stderr.take() {
        let _ = errors.read_to_string(&mut said);
    }
    let _ = child.wait();
    Err(said)
}

/// A port that nobody has at this moment.
pub(super) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    listener.local_addr().expect("it is bound").port()
}

impl Drop for Supervised {
    fn drop(&mut self) {
        *self.ends.get_mut().unwrap_or_else(PoisonError::into_inner) = None;
        let _ = self.child.wait();
    }
}
