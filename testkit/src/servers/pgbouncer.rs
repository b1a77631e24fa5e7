//! PgBouncer, a pool of connections before a PostgreSQL server.

use super::postgres::{PostgresServer, free_port};
use super::supervised::Supervised;

/// A pool before a server.
#[derive(Debug)]
pub struct PgBouncer {
    _pool: Supervised,
    port: u16,
}

impl PgBouncer {
    /// Starts one in a mode: `session`, `transaction` or `statement`. Blocks meanwhile.
    ///
    /// # Panics
    /// When there is no PgBouncer on this machine, or it does not start.
    #[must_use]
    #[expect(clippy::panic, reason = "a test whose server is missing fails")]
    pub fn start(server: &PostgresServer, mode: &str) -> Self {
        let port = free_port();
        let arguments = [&*port.to_string(), &*server.port().to_string(), mode];
        match Supervised::start(include_str!("pgbouncer.sh"), &arguments) {
            Ok(pool) => Self { _pool: pool, port },
            Err(problem) => panic!("cannot start PgBouncer for this test: {problem}"),
        }
    }

    /// The URL of the server's database, through the pool.
    #[must_use]
    pub fn url(&self) -> String {
        PostgresServer::url_at(self.port)
    }
}
