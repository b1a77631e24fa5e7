//! Which attempts run: the dispatcher's concurrent map beside a map behind a lock, from one thread
//! and from several at once. `dev/bench --criterion running`

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on ends where it is")]

use std::collections::HashMap;
use std::hint::black_box;
use std::sync::{Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use dashmap::DashMap;

use artel_core::ids::{ActivationId, AttemptId, AttemptNo, Seq};
use artel_scheduler::attempt::Stop;

/// Attempts that run meanwhile: as many as a board runs at once.
const RUNNING: u64 = 256;
/// One attempt of so many is looked up, as an operator's stop or a shutdown does.
const LOOKED_UP: u64 = 16;

/// What a dispatcher does with its map, in the order in which it does.
trait Table: Default + Sync {
    fn begin(&self, attempt: AttemptId, stop: Stop);
    fn stop_of(&self, attempt: AttemptId) -> Option<Stop>;
    fn end(&self, attempt: AttemptId);
}

impl Table for DashMap<AttemptId, Stop> {
    fn begin(&self, attempt: AttemptId, stop: Stop) {
        self.entry(attempt).or_insert(stop);
    }

    fn stop_of(&self, attempt: AttemptId) -> Option<Stop> {
        self.get(&attempt).map(|entry| entry.clone())
    }

    fn end(&self, attempt: AttemptId) {
        self.remove(&attempt);
    }
}

impl Table for Mutex<HashMap<AttemptId, Stop>> {
    fn begin(&self, attempt: AttemptId, stop: Stop) {
        self.lock().unwrap().entry(attempt).or_insert(stop);
    }

    fn stop_of(&self, attempt: AttemptId) -> Option<Stop> {
        self.lock().unwrap().get(&attempt).cloned()
    }

    fn end(&self, attempt: AttemptId) {
        self.lock().unwrap().remove(&attempt);
    }
}

fn attempt(number: u64) -> AttemptId {
    AttemptId { activation: ActivationId(Seq(number)), attempt: AttemptNo(1) }
}

/// The time that threads take for so many attempts in all, from a common start to the last end.
#[expect(clippy::disallowed_methods, reason = "threads and their time are what is measured")]
fn time<T: Table>(threads: u64, attempts: u64) -> Duration {
    let table = T::default();
    (0..RUNNING).for_each(|number| table.begin(attempt(number), Stop::default()));
    let stop = Stop::default();
    let start = Barrier::new(usize::try_from(threads).unwrap() + 1);
    thread::scope(|scope| {
        let workers = (0..threads).map(|worker| {
            let (table, start, stop) = (&table, &start, &stop);
            let work = move || {
                start.wait();
                for number in (RUNNING + worker..RUNNING + attempts).step_by(threads as usize) {
                    table.begin(attempt(number), stop.clone());
                    if number.is_multiple_of(LOOKED_UP) {
                        black_box(table.stop_of(attempt(number)));
                    }
                    table.end(attempt(number));
                }
            };
            scope.spawn(work)
        });
        let workers: Vec<_> = workers.collect();
        start.wait();
        let began = Instant::now();
        workers.into_iter().for_each(|worker| worker.join().unwrap());
        began.elapsed()
    })
}

fn running(c: &mut Criterion) {
    let mut group = c.benchmark_group("running attempts");
    group.throughput(Throughput::Elements(1));
    for threads in [1, 2, 4] {
        group.bench_function(BenchmarkId::new("dashmap", threads), |b| {
            b.iter_custom(|attempts| time::<DashMap<AttemptId, Stop>>(threads, attempts));
        });
        group.bench_function(BenchmarkId::new("mutex and map", threads), |b| {
            b.iter_custom(|attempts| time::<Mutex<HashMap<AttemptId, Stop>>>(threads, attempts));
        });
    }
    group.finish();
}

criterion_group!(benches, running);
criterion_main!(benches);
