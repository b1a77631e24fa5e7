//! A PostgreSQL server of its own for a test, with the settings that it comes with, which are durable, unless the
//! test says others.

use super::supervised::Supervised;

/// A PostgreSQL server, on a free port of this machine.
#[derive(Debug)]
pub struct PostgresServer(Supervised);

impl PostgresServer {
    /// Starts one with durable settings, which takes about a second. Blocks meanwhile.
    ///
    /// # Panics
    /// When there is no PostgreSQL on this machine, or it does not start: a test that needs it fails.
    #[must_use]
    pub fn start() -> Self {
        Self::with(&[])
    }

    /// Starts one with settings, each as `NAME=VALUE`, which it has again after [`restart`](Self::restart).
    ///
    /// # Panics
    /// As [`start`](Self::start).
    #[must_use]
    pub fn with(settings: &[&str]) -> Self {
        let script = include_str!("postgres.sh");
        Self(Supervised::start("the PostgreSQL server", script, (1, settings)))
    }

    /// Kills all of its processes, as if its machine had lost power, but for what that had written to its
    /// disk. Blocks until they are gone.
    ///
    /// # Panics
    /// When it cannot be killed: it has to run.
    pub fn kill(&self) {
        self.0.tell("kill");
    }

    /// Starts it again on the same port, after it was killed. Blocks until it answers, about a second.
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

    /// The URL of a database that it has, for a user who may do everything.
    #[must_use]
    pub fn url(&self) -> String {
        Self::url_at(self.port())
    }

    /// The same URL on another port: that of something which stands before the server.
    #[must_use]
    pub fn url_at(port: u16) -> String {
        format!("postgres://postgres@127.0.0.1:{port}/postgres")
    }
}
