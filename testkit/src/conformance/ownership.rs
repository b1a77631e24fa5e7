//! Cases on who owns a board, and on closing.

use std::process;
use std::time::Duration;

use artel_core::hash::Hash;
use artel_core::ids::{ActivationId, Epoch, Seq};
use artel_core::log::{ActivationQuery, ArtifactQuery, Error, LookUp, Owner, Snapshot};
use artel_core::time::Timestamp;

use super::factory::{LogFactory, LogPlace, claim, fresh, own_when_free};
use super::sketch::{Sample, Scribe, artifact_id, correlation};

fn owner(program: &str) -> Owner {
    Owner {
        pid: Some(process::id()),
        program: program.to_owned(),
        endpoint: Some(format!("/run/{program}.sock")),
    }
}

/// LOG-21, LOG-46: a second owner is refused, and is told who the first one is.
pub async fn a_second_owner_is_refused_by_name<F: LogFactory>(factory: &F) {
    let (place, log) = fresh(factory).await;
    let other = place.open().await.unwrap();
    let first = log.own(claim(1, "first")).await.unwrap();
    let error = other.own(claim(2, "second")).await.unwrap_err();
    assert!(matches!(&error, Error::Owned { owner: named, .. } if *named == owner("first")));
    let told = format!("owned by `first` (process {} at /run/first.sock)", process::id());
    assert!(error.to_string().contains(&told), "{error}");
    assert_eq!((error.code(), error.retryable()), ("log-owned", true));
    // Another handle is another process, whatever it says; and a handle is one process.
    let error = other.own(claim(1, "first")).await.unwrap_err();
    assert!(matches!(error, Error::Owned { .. }), "{error:?}");
    let error = log.own(claim(2, "second")).await.unwrap_err();
    assert!(matches!(error, Error::Owned { .. }), "{error:?}");
    assert_eq!(log.head().await.unwrap().epoch, first.epoch);
    assert_eq!(log.owner().await.unwrap(), Some(owner("first")));
}

/// LOG-23: who gives a board up lets another own it; giving it up again, or under an epoch that is
/// over, changes nothing.
pub async fn a_board_that_was_given_up_can_be_owned<F: LogFactory>(factory: &F) {
    let (place, log) = fresh(factory).await;
    let other = place.open().await.unwrap();
    let first = log.own(claim(1, "first")).await.unwrap().epoch;
    let second = log.own(claim(1, "first")).await.unwrap().epoch;
    log.disown(first).await.unwrap();
    other.disown(second).await.unwrap();
    let error = other.own(claim(2, "second")).await.unwrap_err();
    assert!(matches!(error, Error::Owned { .. }), "{error:?}");
    log.disown(second).await.unwrap();
    log.disown(second).await.unwrap();
    let third = other.own(claim(2, "second")).await.unwrap().epoch;
    assert!(third > second);
    log.disown(second).await.unwrap();
    log.disown(third).await.unwrap();
    assert_eq!(log.owner().await.unwrap(), Some(owner("second")));
}

/// LOG-62: a log that is marked as regressed is owned by nobody any more, neither by whoever owned it nor by
/// whoever comes later; it can be read, and says how far it went. What was seen under an earlier epoch marks nothing.
pub async fn a_log_that_regressed_is_owned_by_nobody<F: LogFactory>(factory: &F) {
    let (place, log) = fresh(factory).await;
    let mut scribe = Scribe::own(&log).await;
    scribe.publish(&[Sample::new(1)]).await;
    let (other, later) = (place.open().await.unwrap(), place.open().await.unwrap());
    assert_eq!(other.head().await.unwrap().regressed, None);
    let seen = log.head().await.unwrap().epoch;
    scribe.own_again().await;
    let error = other.mark_regressed(Seq(70), seen).await.unwrap_err();
    assert!(matches!(error, Error::Fenced { .. }), "{error:?}");
    assert_eq!(log.head().await.unwrap().regressed, None);
    for (known, told) in [(70, 70), (90, 90), (80, 90)] {
        let seen = other.head().await.unwrap().epoch;
        other.mark_regressed(Seq(known), seen).await.unwrap();
        for log in [&log, &other] {
            assert_eq!(log.head().await.unwrap().regressed, Some(Seq(told)));
        }
    }
    let mut sketch = scribe.sketch();
    sketch.filler();
    let error = scribe.try_append(scribe.seal(sketch)).await.unwrap_err();
    assert!(matches!(error, Error::Fenced { .. } | Error::NotOwned { .. }), "{error:?}");
    for (owner, log) in [(1, &log), (2, &other), (3, &later)] {
        let error = log.own(claim(owner, "somebody")).await.unwrap_err();
        let known = matches!(error, Error::Regressed { known: Seq(90), .. });
        assert!(known && !error.retryable(), "{error:?}");
        assert_eq!(error.code(), "log-regressed");
    }
    assert_eq!(log.owner().await.unwrap(), None);
    assert_eq!(later.read(Seq(1), usize::MAX).await.unwrap().len(), 1);
}

/// LOG-24: closing the handle that owns a board gives it up, and so does dropping it, at once or when its
/// time is over.
pub async fn a_board_is_free_when_its_owner_is_gone<F: LogFactory>(factory: &F) {
    let (place, log) = fresh(factory).await;
    log.own(claim(1, "first")).await.unwrap();
    log.close().await;
    let second = place.open().await.unwrap();
    second.own(claim(2, "second")).await.unwrap();
    drop(second);
    let third = place.open().await.unwrap();
    own_when_free(&third, claim(3, "third")).await.unwrap();
}

/// LOG-25: any handle can see who owns a board.
pub async fn the_owner_can_be_seen<F: LogFactory>(factory: &F) {
    let (place, log) = fresh(factory).await;
    let other = place.open().await.unwrap();
    for handle in [&log, &other] {
        assert_eq!(handle.owner().await.unwrap(), None);
    }
    let epoch = log.own(claim(1, "first")).await.unwrap().epoch;
    for handle in [&log, &other] {
        assert_eq!(handle.owner().await.unwrap(), Some(owner("first")));
    }
    let mut unnamed = claim(1, "renamed");
    unnamed.endpoint = None;
    let epoch = {
        assert!(epoch > Epoch(0));
        log.own(unnamed).await.unwrap().epoch
    };
    let renamed = Owner { endpoint: None, ..owner("renamed") };
    assert_eq!(other.owner().await.unwrap(), Some(renamed));
    log.disown(epoch).await.unwrap();
    for handle in [&log, &other] {
        assert_eq!(handle.owner().await.unwrap(), None);
    }
}

/// LOG-61: whoever waits for a board is told how long to wait until it looks again, as long as somebody owns it
/// who lives, and then that it is free.
pub async fn whoever_waits_is_told_for_how_long<F: LogFactory>(factory: &F) {
    let (place, log) = fresh(factory).await;
    let other = place.open().await.unwrap();
    assert_eq!(other.owned_for().await.unwrap(), None);
    let epoch = log.own(claim(1, "first")).await.unwrap().epoch;
    for handle in [&log, &other] {
        let wait = handle.owned_for().await.unwrap().expect("it is owned");
        assert!(wait > Duration::ZERO && wait <= Duration::from_secs(1), "{wait:?}");
    }
    assert!(matches!(other.own(claim(2, "second")).await.unwrap_err(), Error::Owned { .. }));
    log.disown(epoch).await.unwrap();
    assert_eq!(other.owned_for().await.unwrap(), None);
    log.own(claim(1, "first")).await.unwrap();
    drop(log);
    // It looks as often as it is told to, and finds the board free when it is.
    let free = async {
        while let Some(wait) = other.owned_for().await.unwrap() {
            tokio::time::sleep(wait).await;
        }
        other.own(claim(2, "second")).await.unwrap();
    };
    tokio::time::timeout(Duration::from_secs(15), free).await.expect("it is free in time");
}

/// LOG-26: looking at a board, and at who owns it, never keeps anybody from owning it or from
/// appending to it.
pub async fn readers_are_in_nobodys_way<F: LogFactory>(factory: &F) {
    let (place, log) = fresh(factory).await;
    let reader = place.open().await.unwrap();
    let mut scribe = Scribe::own(&log).await;
    for number in 0..20 {
        let sample = [Sample::new(number)];
        let (seqs, (), ()) = futures_util::future::join3(
            scribe.publish(&sample),
            async {
                reader.read(Seq(1), usize::MAX).await.unwrap();
            },
            async {
                reader.owner().await.unwrap();
            },
        )
        .await;
        assert_eq!(seqs, [Seq(u64::from(number) + 1)]);
        let (owned, seen) =
            futures_util::future::join(log.own(claim(1, "suite")), reader.owner()).await;
        scribe.epoch = owned.unwrap().epoch;
        seen.unwrap();
    }
}

/// LOG-45, LOG-46: closing can be repeated; after it every call says that the log is closed, and the other
/// handles do not notice.
pub async fn a_closed_log_says_so<F: LogFactory>(factory: &F) {
    let (place, log) = fresh(factory).await;
    let mut scribe = Scribe::own(&log).await;
    scribe.publish(&[Sample::new(1)]).await;
    let other = place.open().await.unwrap();
    log.close().await;
    log.close().await;
    let mut sketch = scribe.sketch();
    sketch.filler();
    let bytes = bytes::Bytes::new();
    let snapshot =
        Snapshot { seq: scribe.seq, batch_hash: scribe.hash, state_hash: Hash::of(&bytes), bytes };
    let errors = [
        log.head().await.map(drop),
        log.own(claim(1, "suite")).await.map(drop),
        log.owner().await.map(drop),
        log.owned_for().await.map(drop),
        log.disown(scribe.epoch).await,
        log.append(scribe.seal(sketch)).await,
        log.read(Seq(1), 1).await.map(drop),
        log.seq_at(Timestamp(1)).await.map(drop),
        log.snapshot(Seq(1)).await.map(drop),
        log.put_snapshot(snapshot).await,
        log.look_up(&LookUp::default()).await.map(drop),
        log.artifact(artifact_id(1)).await.map(drop),
        log.artifacts_at(&[Seq(1)]).await.map(drop),
        log.envelopes_at(&[Seq(1)]).await.map(drop),
        log.artifacts(&ArtifactQuery::default()).await.map(drop),
        log.contents(&[Seq(1)]).await.map(drop),
        log.closed(ActivationId(Seq(1))).await.map(drop),
        log.closed_activations(&ActivationQuery::default()).await.map(drop),
        log.correlation(correlation(1)).await.map(drop),
    ];
    for (call, result) in errors.into_iter().enumerate() {
        let error = result.expect_err("the log is closed");
        assert!(matches!(error, Error::Closed { .. }), "call {call}: {error:?}");
        assert_eq!((error.code(), error.retryable()), ("log-closed", false));
    }
    assert_eq!(other.read(Seq(1), usize::MAX).await.unwrap(), scribe.batches);
}
