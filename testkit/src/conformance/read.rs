//! Cases on reading batches, by seq and by time.

use artel_core::ids::Seq;
use artel_core::record::Batch;
use artel_core::time::Timestamp;

use super::factory::{LogFactory, LogPlace, fresh};
use super::sketch::{Sample, Scribe};

/// How often a reader looks for what a writer writes meanwhile.
const LOOKS_MAX: usize = 100_000;

/// A log with batches of 1, 2, 3, … events.
async fn stairs<F: LogFactory>(factory: &F, batches: u32) -> (F::Place, Scribe) {
    let (place, log) = fresh(factory).await;
    let mut scribe = Scribe::own(&log).await;
    let mut number = 0;
    for len in 1..=batches {
        let mut sketch = scribe.sketch();
        for _ in 0..len {
            number += 1;
            sketch.artifact(&Sample::new(number));
        }
        scribe.append(sketch).await;
    }
    (place, scribe)
}

/// LOG-27: reading begins with the batch that holds the seq, and goes on in order without a hole.
pub async fn reading_begins_with_the_batch_that_holds_the_seq<F: LogFactory>(factory: &F) {
    let (place, scribe) = stairs(factory, 12).await;
    let reader = place.open().await.unwrap();
    for from in 0..=scribe.seq.get() {
        let expected: Vec<_> =
            scribe.batches.iter().filter(|batch| batch.header.last.get() >= from).collect();
        let read = reader.read(Seq(from), usize::MAX).await.unwrap();
        assert_eq!(read.iter().collect::<Vec<_>>(), expected, "from {from}");
    }
    let read = reader.read(Seq(1), usize::MAX).await.unwrap();
    for pair in read.windows(2) {
        assert_eq!(pair[1].header.first, pair[0].header.last.next());
        assert_eq!(pair[1].header.previous, pair[0].header.hash);
        assert!(pair[1].decisions().is_ok());
    }
}

/// LOG-28: an answer has about as many bytes as were asked for, and at least one batch; going on
/// from its end reaches everything.
pub async fn reading_is_bounded_by_bytes<F: LogFactory>(factory: &F) {
    let (place, scribe) = stairs(factory, 30).await;
    let reader = place.open().await.unwrap();
    for bytes_max in [0, 1, 500, 5_000, 50_000, usize::MAX] {
        let mut all = Vec::new();
        let mut from = Seq(1);
        while all.len() <= scribe.batches.len() {
            let read = reader.read(from, bytes_max).await.unwrap();
            let Some(last) = read.last() else { break };
            from = last.header.last.next();
            let len: usize = read.iter().map(|batch| batch.bytes.len()).sum();
            assert!(len <= bytes_max || read.len() == 1, "{len} bytes instead of {bytes_max}");
            let next = scribe.batches.get(all.len() + read.len());
            let room = next.is_none_or(|next| len.saturating_add(next.bytes.len()) > bytes_max);
            assert!(room, "the next batch would have had room in {bytes_max}");
            all.extend(read);
        }
        assert_eq!(all, scribe.batches);
    }
}

/// LOG-27: a reader that follows the log meets every batch once, whoever writes meanwhile.
pub async fn a_reader_follows_the_writer<F: LogFactory>(factory: &F) {
    let (place, log) = fresh(factory).await;
    let reader = place.open().await.unwrap();
    let mut scribe = Scribe::own(&log).await;
    let writes = async {
        for number in 1..=60 {
            scribe.publish(&[Sample::new(number)]).await;
        }
        scribe.batches.clone()
    };
    let follows = async {
        let mut all: Vec<Batch> = Vec::new();
        for _ in 0..LOOKS_MAX {
            let from = all.last().map_or(Seq(1), |batch| batch.header.last.next());
            all.extend(reader.read(from, 2_000).await.unwrap());
            if all.len() >= 60 {
                break;
            }
            tokio::task::yield_now().await;
        }
        all
    };
    let (written, followed) = futures_util::future::join(writes, follows).await;
    assert_eq!(written, followed);
}

/// LOG-29: there is nothing after the end.
pub async fn there_is_nothing_after_the_end<F: LogFactory>(factory: &F) {
    let (_place, log) = fresh(factory).await;
    for from in [0, 1, 2, u64::MAX] {
        assert_eq!(log.read(Seq(from), usize::MAX).await.unwrap(), []);
    }
    let mut scribe = Scribe::own(&log).await;
    scribe.publish(&[Sample::new(1), Sample::new(2)]).await;
    for from in [3, 4, u64::MAX] {
        assert_eq!(log.read(Seq(from), usize::MAX).await.unwrap(), []);
    }
}

/// LOG-30: a moment leads to the last event at or before it, also inside of a batch.
pub async fn a_moment_leads_to_the_last_event_before_it<F: LogFactory>(factory: &F) {
    let (place, log) = fresh(factory).await;
    let mut scribe = Scribe::own(&log).await;
    // The moment of each event, by seq.
    let mut moments = Vec::new();
    for decisions in [&[10_i64, 10, 20][..], &[20], &[35, 40, 40, 41], &[41], &[41], &[90]] {
        scribe.at = Timestamp(decisions[0]);
        let mut sketch = scribe.sketch();
        for (place, at) in decisions.iter().enumerate() {
            if place > 0 {
                sketch.decision_at(Timestamp(*at));
            }
            for _ in 0..=place % 2 {
                sketch.filler();
                moments.push(*at);
            }
        }
        scribe.append(sketch).await;
    }
    let reader = place.open().await.unwrap();
    for at in [i64::MIN, 0, 9, 10, 11, 19, 20, 21, 34, 35, 39, 40, 41, 42, 89, 90, 91, i64::MAX] {
        let expected = moments.iter().filter(|moment| **moment <= at).count() as u64;
        assert_eq!(reader.seq_at(Timestamp(at)).await.unwrap(), Seq(expected), "at {at}");
    }
}
