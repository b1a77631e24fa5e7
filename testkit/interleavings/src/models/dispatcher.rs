//! The dispatcher: the committer starts and stops attempts, their tasks end, a shutdown waits.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use shuttle::future::block_on;
use shuttle::thread;
use smallvec::smallvec;
use uuid::Uuid;

use artel_core::board::Lease;
use artel_core::ids::{
    ActivationId, AgentNo, AttemptId, AttemptNo, CorrelationId, Seq, SessionId, SubscriptionNo,
};
use artel_core::spawn::{Job, Spawn};
use artel_core::time::{Elapsed, Timestamp};

use super::explore;
use crate::attempt::Stop;
use crate::dispatcher::{Dispatcher, Runner};

/// Tasks of shuttle.
#[derive(Debug)]
struct Tasks;

impl Spawn for Tasks {
    fn spawn(&self, _: &'static str, job: Job) {
        drop(shuttle::future::spawn(job));
    }
}

/// Counts what runs; waits to be stopped where it is told to.
#[derive(Default)]
struct Counting {
    begun: AtomicUsize,
    running: AtomicUsize,
    until_stopped: bool,
}

impl Runner for Counting {
    type Inputs = ();

    async fn run(&self, _: Lease, (): (), stop: Stop) {
        self.begun.fetch_add(1, Ordering::SeqCst);
        let running = self.running.fetch_add(1, Ordering::SeqCst);
        assert_eq!(running, 0, "an attempt that runs is not started again");
        if self.until_stopped {
            stop.stopped().await;
        }
        self.running.fetch_sub(1, Ordering::SeqCst);
    }
}

const ATTEMPT: AttemptId = AttemptId { activation: ActivationId(Seq(1)), attempt: AttemptNo(1) };

fn lease() -> Lease {
    Lease {
        attempt: ATTEMPT,
        session: SessionId::new(Uuid::from_u128(2)),
        agent: AgentNo(0),
        owner: AgentNo(0),
        subscription: SubscriptionNo(0),
        inputs: smallvec![Seq(1)],
        correlation: CorrelationId::new(Uuid::from_u128(3)),
        seed: 7,
        started: Elapsed(0),
        at: Timestamp(0),
        deadline: Elapsed::NEVER,
        seq: Seq(2),
        steps: Vec::new(),
        slots: 1,
    }
}

fn dispatcher(until_stopped: bool) -> (Arc<Dispatcher<Counting>>, Arc<Counting>) {
    let runner = Arc::new(Counting { until_stopped, ..Counting::default() });
    (Arc::new(Dispatcher::new(runner.clone(), Arc::new(Tasks))), runner)
}

/// I6: an attempt whose lease is delivered twice, as after a recovery, does not run twice at once;
/// whoever waits for the last one to end is told.
#[test]
fn an_attempt_that_runs_is_not_started_again() {
    explore("dispatcher: an attempt that runs is not started again", || {
        let (dispatcher, runner) = dispatcher(false);
        let again = {
            let dispatcher = dispatcher.clone();
            thread::spawn(move || dispatcher.start(lease(), ()))
        };
        dispatcher.start(lease(), ());
        block_on(dispatcher.idle());
        again.join().unwrap();
        block_on(dispatcher.idle());
        assert!(dispatcher.is_empty());
        assert!((1..=2).contains(&runner.begun.load(Ordering::SeqCst)));
    });
}

/// REC-6, STOP-1: an attempt that was started is stopped by whoever stops it afterwards, at whatever
/// moment of its life, and the end of the last one is seen.
#[test]
fn what_is_stopped_ends() {
    explore("dispatcher: what is stopped ends", || {
        let (dispatcher, runner) = dispatcher(true);
        dispatcher.start(lease(), ());
        let waiting = {
            let dispatcher = dispatcher.clone();
            thread::spawn(move || block_on(dispatcher.idle()))
        };
        dispatcher.wind_down();
        dispatcher.stop_all();
        waiting.join().unwrap();
        assert!(dispatcher.is_empty());
        assert_eq!(runner.begun.load(Ordering::SeqCst), 1);
    });
}
