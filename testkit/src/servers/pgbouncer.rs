//! PgBouncer, a pool of connections before a PostgreSQL server.

use super::postgres::PostgresServer;
use super::supervised::Supervised;

/// A pool before a server.
#[derive(Debug)]
pub struct PgBouncer(Supervised);

impl PgBouncer {
    /// Starts one in a mode: `session`, `transaction` or `statement`. Blocks meanwhile.
    ///
    /// # Panics
    /// When there is no PgBouncer on this machine, or it does not start.
    #[must_use]
    pub fn start(server: &PostgresServer, mode: &str) -> Self {
        Self::with(server, mode, 100)
    }

    /// Starts one that has so many connections to the server at most.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    #[must_use]
    pub fn with(server: &PostgresServer, mode: &str, connections: u32) -> Self {
        let (script, server) = (include_str!("pgbouncer.sh"), server.port().to_string());
        let arguments = [&*server, mode, &connections.to_string()];
        Self(Supervised::start("PgBouncer", script, (1, &arguments)))
    }

    /// The URL of the server's database, through the pool.
    #[must_use]
    pub fn url(&self) -> String {
        PostgresServer::url_at(self.0.port())
    }
}
