//! A PostgreSQL server of its own for a test, with the settings that it comes with, which are durable.

use std::net::{Ipv4Addr, TcpListener};

use super::supervised::Supervised;

/// How many ports are tried: somebody else may take one that was free.
const TRIES_MAX: usize = 5;

/// A PostgreSQL server with durable settings, on a free port of this machine.
#[derive(Debug)]
pub struct PostgresServer {
    server: Supervised,
    port: u16,
}

impl PostgresServer {
    /// Starts one, which takes about a second. Blocks meanwhile.
    ///
    /// # Panics
    /// When there is no PostgreSQL on this machine, or it does not start: a test that needs it fails.
    #[must_use]
    #[expect(clippy::panic, reason = "a test whose server is missing fails")]
    pub fn start() -> Self {
        let mut said = String::new();
        for _ in 0..TRIES_MAX {
            let port = free_port();
            match Supervised::start(include_str!("postgres.sh"), &[&port.to_string()]) {
                Ok(server) => return Self { server, port },
                Err(problem) => said = problem,
            }
        }
        panic!("cannot start a PostgreSQL server for this test: {said}");
    }

    /// Kills all of its processes, as if its machine had lost power, but for what that had written to its
    /// disk. Blocks until they are gone.
    ///
    /// # Panics
    /// When it cannot be killed: it has to run.
    pub fn kill(&self) {
        self.tell("kill");
    }

    /// Starts it again on the same port, after it was killed. Blocks until it answers, about a second.
    ///
    /// # Panics
    /// When it does not start.
    pub fn restart(&self) {
        self.tell("start");
    }

    #[expect(clippy::panic, reason = "a test whose server does not do what it is told fails")]
    fn tell(&self, word: &str) {
        if let Err(problem) = self.server.tell(word) {
            panic!("cannot {word} the PostgreSQL server of this test: {problem}");
        }
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The URL of a database that it has, for a user who may do everything.
    #[must_use]
    pub fn url(&self) -> String {
        Self::url_at(self.port)
    }

    /// The same URL on another port: that of something which stands before the server.
    #[must_use]
    pub fn url_at(port: u16) -> String {
        format!("postgres://postgres@127.0.0.1:{port}/postgres")
    }
}

/// A port that nobody has at this moment.
pub(super) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    listener.local_addr().expect("it is bound").port()
}
