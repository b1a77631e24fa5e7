//! Servers for figures, started by the scripts that start those of the tests: with durable settings, and gone
//! with the process that started them. The test kit itself is for tests only.

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, TcpListener};
use std::num::NonZero;
use std::process::{Child, Command, Stdio};
use std::thread::available_parallelism;

use crate::error::Error;

/// They say `ready` when the server is up, and stop it when their input ends.
const POSTGRES: &str = include_str!("../../../testkit/src/servers/postgres.sh");
const REDIS: &str = include_str!("../../../testkit/src/servers/redis.sh");

/// Where the server has the same cores it is left one: a program with a thread on each would take turns with it.
pub(crate) fn beside_server() -> Vec<String> {
    let cores = available_parallelism().map_or(1, NonZero::get);
    vec!["--threads".to_owned(), (cores - 1).max(1).to_string()]
}

/// A server that runs.
#[derive(Debug)]
pub(crate) struct Server {
    shell: Child,
    url: String,
}

impl Server {
    /// Starts a PostgreSQL server on a free port, with its files where the system's temporary ones lie.
    pub(crate) fn postgres() -> Result<Self, Error> {
        Self::start(POSTGRES, &[], |port| format!("postgres://postgres@127.0.0.1:{port}/postgres"))
    }

    /// The same with Redis, with this `appendfsync`. It does not write its file anew meanwhile: whether that hit
    /// the board or the bare loop behind it would depend on how long the file is.
    pub(crate) fn redis(fsync: &str) -> Result<Self, Error> {
        let settings = ["--appendfsync", fsync, "--auto-aof-rewrite-percentage", "0"];
        Self::start(REDIS, &settings, |port| format!("redis://127.0.0.1:{port}/0"))
    }

    fn start(script: &str, settings: &[&str], url: fn(u16) -> String) -> Result<Self, Error> {
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        let mut shell = Command::new("sh")
            .args(["-c", script, "server", &port.to_string()])
            .args(settings)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let lines =
            shell.stdout.take().map(|out| BufReader::new(out).lines().map_while(Result::ok));
        if lines.into_iter().flatten().any(|line| line == "ready") {
            return Ok(Self { shell, url: url(port) });
        }
        let mut said = String::new();
        if let Some(mut errors) = shell.stderr.take() {
            errors.read_to_string(&mut said)?;
        }
        shell.wait()?;
        Err(format!("cannot start a server: {}", said.trim()).into())
    }

    /// Its URL, for a user who may do everything.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        // Where the shell cannot be waited for it is gone.
        let _ = self.shell.wait();
    }
}
