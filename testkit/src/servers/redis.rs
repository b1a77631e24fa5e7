//! Redis servers of their own for tests, which write what they acknowledge to their disk first.

use super::postgres::free_port;
use super::supervised::Supervised;

/// How many ports are tried: somebody else may take one that was free.
const TRIES_MAX: usize = 5;

/// A Redis server with durable settings, on a free port of this machine.
#[derive(Debug)]
pub struct RedisServer {
    server: Supervised,
    port: u16,
}

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
    #[expect(clippy::panic, reason = "a test whose server is missing fails")]
    pub fn with(settings: &[&str]) -> Self {
        let mut said = String::new();
        for _ in 0..TRIES_MAX {
            let port = free_port();
            let number = port.to_string();
            let arguments: Vec<&str> =
                [&*number].into_iter().chain(settings.iter().copied()).collect();
            match Supervised::start(include_str!("redis.sh"), &arguments) {
                Ok(server) => return Self { server, port },
                Err(problem) => said = problem,
            }
        }
        panic!("cannot start a Redis server for this test: {said}");
    }

    /// Kills it, as if its machine had lost power, but for what it had written to its disk. Blocks until it is
    /// gone.
    ///
    /// # Panics
    /// When it cannot be killed.
    pub fn kill(&self) {
        self.tell("kill");
    }

    /// Starts it again on the same port, after it was killed. Blocks until it answers.
    ///
    /// # Panics
    /// When it does not start.
    pub fn restart(&self) {
        self.tell("start");
    }

    #[expect(clippy::panic, reason = "a test whose server does not do what it is told fails")]
    fn tell(&self, word: &str) {
        if let Err(problem) = self.server.tell(word) {
            panic!("cannot {word} the Redis server of this test: {problem}");
        }
    }

    /// Its port on 127.0.0.1.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The URL of its first database.
    #[must_use]
    pub fn url(&self) -> String {
        Self::url_at(self.port)
    }

    /// The same URL on another port: that of something which stands before the server.
    #[must_use]
    pub fn url_at(port: u16) -> String {
        format!("redis://127.0.0.1:{port}/0")
    }
}

/// A Redis cluster of three nodes with durable settings, on free ports of this machine.
#[derive(Debug)]
pub struct RedisCluster {
    _nodes: Supervised,
    port: u16,
}

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
    #[expect(clippy::panic, reason = "a test whose server is missing fails")]
    pub fn replicated(replicas: usize) -> Self {
        let mut said = String::new();
        for _ in 0..TRIES_MAX {
            // Nodes talk to each other on ports that are 10 000 higher.
            let low = || std::iter::repeat_with(free_port).find(|port| *port < 55_000);
            let ports: Vec<u16> =
                std::iter::repeat_with(low).flatten().take(3 + 3 * replicas).collect();
            let ports_said = ports.iter().map(u16::to_string);
            let arguments: Vec<String> =
                std::iter::once(replicas.to_string()).chain(ports_said).collect();
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            match Supervised::start(include_str!("redis_cluster.sh"), &arguments) {
                Ok(nodes) => return Self { _nodes: nodes, port: ports[0] },
                Err(problem) => said = problem,
            }
        }
        panic!("cannot start a Redis cluster for this test: {said}");
    }

    /// The URL of one of its nodes.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }
}
