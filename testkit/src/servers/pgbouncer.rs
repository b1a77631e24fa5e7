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
        let (script, server) = (include_str!("pgbouncer.sh"), server.port().to_string());
        Self(Supervised::start("PgBouncer", script, (1, &[&server, mode])))
    }

    /// The URL of the server's database, through the pool.
    #[must_use]
    pub fn url(&self) -> String {
        PostgresServer::url_at(self.0.port())
    }
}
