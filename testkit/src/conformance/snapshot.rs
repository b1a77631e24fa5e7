//! Snapshots: cases on what a log keeps, skips and forgets of them.

use bytes::Bytes;

use artel_core::hash::Hash;
use artel_core::ids::Seq;
use artel_core::log::{Error, Snapshot};

use super::factory::{LogFactory, LogPlace, fresh};
use super::sketch::{Sample, Scribe};

fn snapshot(scribe: &Scribe, bytes: impl Into<Bytes>) -> Snapshot {
    let bytes = bytes.into();
    Snapshot { seq: scribe.seq, batch_hash: scribe.hash, state_hash: Hash::of(&bytes), bytes }
}

/// LOG-42, LOG-43, LOG-49: the newest snapshot up to a seq is found as it was kept; at least the newest two
/// are kept.
pub async fn the_newest_snapshot_up_to_a_seq_is_found<F: LogFactory>(factory: &F) {
    let (place, log) = fresh(factory).await;
    let reader = place.open().await.unwrap();
    let mut scribe = Scribe::own(&log).await;
    assert_eq!(reader.snapshot(Seq(u64::MAX)).await.unwrap(), None);
    let mut kept = Vec::new();
    for number in 1..=5_u32 {
        scribe.publish(&[Sample::new(2 * number), Sample::new(2 * number + 1)]).await;
        let bytes: Vec<u8> = (0..number * 300_000).map(|byte| (byte % 251) as u8).collect();
        let snapshot = snapshot(&scribe, bytes);
        log.put_snapshot(snapshot.clone()).await.unwrap();
        kept.push(snapshot);
        for (until, expected) in [
            (Seq(u64::MAX), kept.last()),
            (scribe.seq, kept.last()),
            (Seq(scribe.seq.get() - 1), kept.iter().nth_back(1)),
        ] {
            let found = reader.snapshot(until).await.unwrap();
            assert!(found.as_ref() == expected, "until {until}: {:?}", found.map(|it| it.seq));
        }
    }
    assert_eq!(reader.snapshot(Seq(1)).await.unwrap(), None);
    let seqs = reader.snapshots().await.unwrap();
    assert!(seqs.is_sorted() && kept.iter().rev().take(2).all(|one| seqs.contains(&one.seq)));
    drop((log, scribe));
    let found = place.open().await.unwrap().snapshot(Seq(u64::MAX)).await.unwrap();
    assert!(found.as_ref() == kept.last(), "it is there when the log is opened again");
}

/// LOG-42: keeping a snapshot of a seq again replaces the first.
pub async fn a_snapshot_can_be_replaced<F: LogFactory>(factory: &F) {
    let (_place, log) = fresh(factory).await;
    let mut scribe = Scribe::own(&log).await;
    scribe.publish(&[Sample::new(1)]).await;
    for text in ["first", "second, and longer", ""] {
        log.put_snapshot(snapshot(&scribe, text)).await.unwrap();
        assert_eq!(log.snapshot(scribe.seq).await.unwrap(), Some(snapshot(&scribe, text)));
    }
}

/// LOG-43: snapshots that are kept at the same time do not harm each other, whichever ends first.
pub async fn snapshots_can_be_kept_at_the_same_time<F: LogFactory>(factory: &F) {
    let (_place, log) = fresh(factory).await;
    let mut scribe = Scribe::own(&log).await;
    let mut snapshots = Vec::new();
    for number in 1..=2 {
        scribe.publish(&[Sample::new(number)]).await;
        snapshots.push(snapshot(&scribe, vec![number as u8; 700_000]));
    }
    let [first, second] = [0, 1].map(|number| log.put_snapshot(snapshots[number].clone()));
    let second = async {
        // Later, so that a part of the first one is there.
        for _ in 0..20 {
            log.head().await.unwrap();
        }
        second.await
    };
    let (first, second) = tokio::join!(first, second);
    first.and(second).unwrap();
    for snapshot in snapshots {
        let found = log.snapshot(snapshot.seq).await.unwrap();
        assert!(found.as_ref() == Some(&snapshot), "it is not as it was kept");
    }
}

/// LOG-44: a snapshot that is of no batch of the log is refused.
pub async fn a_snapshot_belongs_to_a_batch<F: LogFactory>(factory: &F) {
    let (_place, log) = fresh(factory).await;
    let mut scribe = Scribe::own(&log).await;
    scribe.publish(&[Sample::new(1), Sample::new(2)]).await;
    let good = snapshot(&scribe, "state");
    let inside = Snapshot { seq: Seq(1), ..good.clone() };
    let ahead = Snapshot { seq: Seq(3), ..good.clone() };
    let other = Snapshot { batch_hash: Hash::of(b"other"), ..good.clone() };
    for wrong in [inside, ahead, other] {
        let error = log.put_snapshot(wrong).await.unwrap_err();
        assert!(matches!(error, Error::Conflict { .. }), "{error:?}");
    }
    assert_eq!(log.snapshot(Seq(9)).await.unwrap(), None);
    log.put_snapshot(good.clone()).await.unwrap();
    assert_eq!(log.snapshot(Seq(9)).await.unwrap(), Some(good));
}

/// LOG-42: snapshots and appends do not get into each other's way.
pub async fn a_snapshot_is_kept_while_appends_go_on<F: LogFactory>(factory: &F) {
    let (_place, log) = fresh(factory).await;
    let mut scribe = Scribe::own(&log).await;
    scribe.publish(&[Sample::new(1)]).await;
    let kept = snapshot(&scribe, vec![7; 3_000_000]);
    let (put, ()) = futures_util::future::join(log.put_snapshot(kept.clone()), async {
        for number in 2..20 {
            scribe.publish(&[Sample::new(number)]).await;
        }
    })
    .await;
    put.unwrap();
    assert!(log.snapshot(scribe.seq).await.unwrap() == Some(kept));
}
