//! Redis servers of their own for tests, which write what they acknowledge to their disk first.

use super::supervised::Supervised;

/// A Redis server with durable settings, on a free port of this machine.
#[derive(Debug)]
pub struct RedisServer(Supervised);

impl RedisServer {
    /// Starts one. Blocks meanwhile.
    ///
    /// # Panics
    /// When there is no Redis on this machine, or it does not start: a test that needs it fails.
    #[must_use]
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// Starts one with settings, each a name with two dashes before it, and its value.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    #[must_use]
    pub fn with(settings: &[&str]) -> Self {
        let script = include_str!("redis.sh");
        Self(Supervised::start("the Redis server", script, (1, settings)))
    }

    /// Kills it, as if its machine had lost power, but for what it had written to its disk. Blocks until it is
    /// gone.
    ///
    /// # Panics
    /// When it cannot be killed.
    pub fn kill(&self) {
        self.0.tell("kill");
    }

    /// Starts it again on the same port, after it was killed. Blocks until it answers.
    ///
    /// # Panics
    /// When it does not start.
    pub fn restart(&self) {
        self.0.tell("start");
    }

    /// Stops all of it (`SIGSTOP`), until it goes on or is killed: it answers nobody, and keeps what it is asked.
    ///
    /// # Panics
    /// When it cannot be stopped: it has to run.
    pub fn stop(&self) {
        self.0.tell("stop");
    }

    /// Lets it go on after it was stopped (`SIGCONT`).
    ///
    /// # Panics
    /// When it cannot: it has to be there.
    pub fn go_on(&self) {
        self.0.tell("go-on");
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.0.port()
    }

    /// The URL of its first database.
    #[must_use]
    pub fn url(&self) -> String {
        Self::url_at(self.port())
    }

    /// The same URL on another port: that of something which stands before the server.
    #[must_use]
    pub fn url_at(port: u16) -> String {
        format!("redis://127.0.0.1:{port}/0")
    }
}

/// A Redis cluster of three nodes with durable settings, on free ports of this machine.
#[derive(Debug)]
pub struct RedisCluster(Supervised);

impl RedisCluster {
    /// Starts one, which takes some seconds. Blocks meanwhile.
    ///
    /// # Panics
    /// When there is no Redis on this machine, or it does not start: a test that needs it fails.
    #[must_use]
    pub fn start() -> Self {
        Self::replicated(0)
    }

    /// Starts one whose nodes have so many replicas each.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    #[must_use]
    pub fn replicated(replicas: usize) -> Self {
        let script = include_str!("redis_cluster.sh");
        Self(Supervised::start("the Redis cluster", script, (3 + 3 * replicas, &[])))
    }

    /// The URL of one of its nodes.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.0.port())
    }
}
