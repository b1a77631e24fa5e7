//! Whole hops through a board: publish, one no-op agent, one output, on both logs. 1 024 publishes
//! in flight, each awaited. `dev/bench --criterion end_to_end`

#![expect(clippy::unwrap_used, reason = "a bench that cannot go on ends where it is")]

use std::sync::Arc;
use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures_util::future::join_all;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::runtime::Builder;

use artel::{Artifact, Board, Context, Error, Running};

#[derive(Serialize, Deserialize, JsonSchema, Artifact)]
struct In {
    text: String,
    n: u64,
}

#[derive(Serialize, Deserialize, JsonSchema, Artifact)]
struct Out {
    text: String,
    n: u64,
}

/// A hop allocates some 45 times, and much of that is freed by another thread: with the system's
/// allocator a board in memory does about two thirds of the hops.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const IN_FLIGHT: u64 = 1_024;
const EACH: u64 = 20;

async fn work(_: Context, input: Arc<In>) -> Result<Out, Error> {
    Ok(Out { text: input.text.clone(), n: input.n })
}

async fn start(url: &str) -> Running {
    let board = Board::open(url).await.unwrap();
    board.agent("work").on::<In>().concurrency(256).run(work);
    board.start().await.unwrap()
}

async fn hops(running: &Running) {
    let publishers = (0..IN_FLIGHT).map(|publisher| async move {
        for n in 0..EACH {
            let text = "x".repeat(80);
            running.publish(In { text, n: publisher * EACH + n }).await.unwrap();
        }
    });
    join_all(publishers).await;
    running.idle().await.unwrap();
}

fn end_to_end(c: &mut Criterion) {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = format!("sqlite:{}", folder.path().join("bench.db").display());
    let mut group = c.benchmark_group("hops");
    group.sample_size(10).measurement_time(Duration::from_secs(10));
    group.throughput(Throughput::Elements(IN_FLIGHT * EACH));
    for (name, url) in [("memory", "memory:"), ("sqlite", file.as_str())] {
        let running = runtime.block_on(start(url));
        group.bench_function(name, |b| b.iter(|| runtime.block_on(hops(&running))));
        runtime.block_on(running.shutdown());
    }
    group.finish();
}

criterion_group!(benches, end_to_end);
criterion_main!(benches);
