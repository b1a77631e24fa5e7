//! A PostgreSQL server of its own for a test, with the settings that it comes with, which are durable.

use std::net::{Ipv4Addr, TcpListener};

use super::supervised::Supervised;

/// How many ports are tried: somebody else may take one that was free.
const TRIES_MAX: usize = 5;

/// A PostgreSQL server with durable settings, on a free port of this machine.
#[derive(Debug)]
pub struct PostgresServer {
    _server: Supervised,
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
                Ok(server) => return Self { _server: server, port },
                Err(problem) => said = problem,
            }
        }
        panic!("cannot start a PostgreSQL server for this test: {said}");
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The URL of a database that it has, for a user who may do everything.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }
}

/// A port that nobody has at this moment.
pub(super) fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    listener.local_addr().expect("it is bound").port()
}
