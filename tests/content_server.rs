//! What boards on servers hold and what they refuse: the cases of `tests/content/vectors.toml`.
//!
//! Not in dev/test --quick: it starts servers.

#![expect(clippy::unwrap_used, reason = "test code: a failed expectation is a failed test")]
#![expect(clippy::panic, reason = "test code: a failed expectation is a failed test")]

#[path = "content/vectors.rs"]
mod vectors;

#[cfg(test)]
mod postgres {
    use artel_testkit::servers::PostgresServer;

    /// JSON-3, JSON-7: what is accepted comes back byte for byte, what is refused leaves nothing.
    #[tokio::test]
    async fn holds_what_all_hold() {
        let server = PostgresServer::start();
        super::vectors::hold(&server.url()).await;
    }
}

#[cfg(test)]
mod redis {
    use artel_testkit::servers::{RedisCluster, RedisServer};

    /// JSON-3, JSON-7: what is accepted comes back byte for byte, what is refused leaves nothing.
    #[tokio::test]
    async fn holds_what_all_hold() {
        let server = RedisServer::start();
        super::vectors::hold(&server.url()).await;
    }

    /// JSON-3, JSON-7: the same in a cluster, where a script writes it.
    #[tokio::test]
    async fn a_cluster_holds_what_all_hold() {
        let cluster = RedisCluster::start();
        super::vectors::hold(&cluster.url()).await;
    }
}
