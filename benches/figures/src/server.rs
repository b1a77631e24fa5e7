//! A PostgreSQL server for a figure, started by the script that starts those of the tests: with the settings
//! that it comes with, which are durable, and gone with the process that started it. The test kit itself is
//! for tests only.

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};

use crate::error::Error;

/// It says `ready` when the server is up, and stops it when its input ends.
const SCRIPT: &str = include_str!("../../../testkit/src/servers/postgres.sh");

/// A server that runs.
#[derive(Debug)]
pub(crate) struct Server {
    shell: Child,
    port: u16,
}

impl Server {
    /// Starts one on a free port, with its files where the system's temporary ones lie.
    pub(crate) fn start() -> Result<Self, Error> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT, "server", &port.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let lines =
            shell.stdout.take().map(|out| BufReader::new(out).lines().map_while(Result::ok));
        if lines.into_iter().flatten().any(|line| line == "ready") {
            return Ok(Self { shell, port });
        }
        let mut said = String::new();
        if let Some(mut errors) = shell.stderr.take() {
            errors.read_to_string(&mut said)?;
        }
        shell.wait()?;
        Err(format!("cannot start a PostgreSQL server: {}", said.trim()).into())
    }

    /// The URL of a database that it has, for a user who may do everything.
    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        // Where the shell cannot be waited for it is gone.
        let _ = self.shell.wait();
    }
}
