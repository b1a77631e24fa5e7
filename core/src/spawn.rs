//! The port through which crates below the root start tasks. Its only production implementation is
//! in the root package, which names, watches and awaits every task.

use std::future::Future;
use std::pin::Pin;

/// A future that a task runs to its end.
pub type Job = Pin<Box<dyn Future<Output = ()> + Send + 'static>>;

/// Starts tasks.
pub trait Spawn: Send + Sync + std::fmt::Debug {
    /// Runs the job in a task of its own. `name` says what it is, for people.
    fn spawn(&self, name: &'static str, job: Job);
}
