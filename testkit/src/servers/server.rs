//! A server of either kind, for what is so of both.

use super::{PostgresServer, RedisServer};

/// A kind of server that boards lie on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// PostgreSQL.
    Postgres,
    /// Redis.
    Redis,
}

impl Kind {
    /// The URL of a server of this kind on a port of this machine, or of something which stands before it.
    #[must_use]
    pub fn url_at(self, port: u16) -> String {
        match self {
            Self::Postgres => PostgresServer::url_at(port),
            Self::Redis => RedisServer::url_at(port),
        }
    }
}

/// A server with durable settings, on a free port of this machine.
#[derive(Debug)]
pub enum Server {
    /// PostgreSQL.
    Postgres(PostgresServer),
    /// Redis.
    Redis(RedisServer),
}

impl Server {
    /// Starts one. Blocks meanwhile.
    ///
    /// # Panics
    /// When there is none of this kind on this machine, or it does not start: a test that needs it fails.
    #[must_use]
    pub fn start(kind: Kind) -> Self {
        match kind {
            Kind::Postgres => Self::Postgres(PostgresServer::start()),
            Kind::Redis => Self::Redis(RedisServer::start()),
        }
    }

    /// Kills it, as if its machine had lost power, but for what it had written to its disk. Blocks until it is
    /// gone.
    ///
    /// # Panics
    /// When it cannot be killed: it has to run.
    pub fn kill(&self) {
        match self {
            Self::Postgres(server) => server.kill(),
            Self::Redis(server) => server.kill(),
        }
    }

    /// Starts it again on the same port, after it was killed. Blocks until it answers.
    ///
    /// # Panics
    /// When it does not start.
    pub fn restart(&self) {
        match self {
            Self::Postgres(server) => server.restart(),
            Self::Redis(server) => server.restart(),
        }
    }

    /// Stops all of it (`SIGSTOP`), until it goes on or is killed: it answers nobody, and keeps what it is asked.
    ///
    /// # Panics
    /// When it cannot be stopped: it has to run.
    pub fn stop(&self) {
        match self {
            Self::Postgres(server) => server.stop(),
            Self::Redis(server) => server.stop(),
        }
    }

    /// Lets it go on after it was stopped (`SIGCONT`).
    ///
    /// # Panics
    /// When it cannot: it has to be there.
    pub fn go_on(&self) {
        match self {
            Self::Postgres(server) => server.go_on(),
            Self::Redis(server) => server.go_on(),
        }
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        match self {
            Self::Postgres(server) => server.port(),
            Self::Redis(server) => server.port(),
        }
    }

    /// Its URL, for a user who may do everything.
    #[must_use]
    pub fn url(&self) -> String {
        match self {
            Self::Postgres(server) => server.url(),
            Self::Redis(server) => server.url(),
        }
    }
}
