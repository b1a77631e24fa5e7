//! Cases on fencing and on outcomes that nobody waited for: an append under an old ownership never
//! lands, and one that was given up has landed whole or not at all.

use std::sync::Arc;

use futures_util::FutureExt;

use artel_core::ids::{Epoch, Seq};
use artel_core::log::{Error, Log};

use super::factory::{LogFactory, LogPlace, claim, fresh};
use super::sketch::{Sample, Scribe, artifact_id};

/// LOG-6, LOG-22, LOG-46: the same process may own again; an append under its earlier epoch is refused.
pub async fn an_append_under_an_earlier_epoch_is_fenced_off<F: LogFactory>(factory: &F) {
    let (_place, log) = fresh(factory).await;
    let mut scribe = Scribe::own(&log).await;
    scribe.publish(&[Sample::new(1)]).await;
    let mut sketch = scribe.sketch();
    sketch.artifact(&Sample::new(2));
    let late = scribe.seal(sketch);
    let earlier = scribe.epoch;
    scribe.own_again().await;
    let error = log.append(late).await.unwrap_err();
    assert!(
        matches!(error, Error::Fenced { epoch, newest } if epoch == earlier && newest == scribe.epoch),
        "{error:?}"
    );
    assert_eq!((error.code(), error.outcome_unknown()), ("log-fenced", false));
    assert_eq!(log.artifact(artifact_id(2)).await.unwrap(), None);
    scribe.publish(&[Sample::new(3)]).await;
}

/// LOG-6: an owner that was taken over, and comes back, finds itself fenced off.
pub async fn an_earlier_owner_is_fenced_off<F: LogFactory>(factory: &F) {
    let (place, log) = fresh(factory).await;
    let other = place.open().await.unwrap();
    let mut zombie = Scribe::own(&log).await;
    zombie.publish(&[Sample::new(1)]).await;
    let mut sketch = zombie.sketch();
    sketch.artifact(&Sample::new(2));
    let late = zombie.seal(sketch);
    log.disown(zombie.epoch).await.unwrap();
    let mut owner = Scribe::own(&other).await;
    for _ in 0..2 {
        let error = log.append(late.clone()).await.unwrap_err();
        assert!(matches!(error, Error::Fenced { .. }), "{error:?}");
        owner.publish(&[Sample::new(10 + owner.batches.len() as u32)]).await;
    }
    assert_eq!(log.artifact(artifact_id(2)).await.unwrap(), None);
}

/// LOG-7, LOG-46: a handle that does not own the board does not append to it, under no epoch.
pub async fn only_the_owner_appends<F: LogFactory>(factory: &F) {
    let (place, log) = fresh(factory).await;
    let other = place.open().await.unwrap();
    let mut scribe = Scribe::own(&log).await;
    for epoch in [scribe.epoch, scribe.epoch.next(), Epoch(99)] {
        let mut stranger = scribe_like(&scribe, &other);
        stranger.epoch = epoch;
        let mut sketch = stranger.sketch();
        sketch.filler();
        let append = stranger.seal(sketch);
        let error = other.append(append).await.unwrap_err();
        assert!(matches!(error, Error::NotOwned { .. }), "{error:?}");
        assert_eq!((error.code(), error.outcome_unknown()), ("log-not-owned", false));
    }
    scribe.publish(&[Sample::new(1)]).await;
    log.disown(scribe.epoch).await.unwrap();
    let mut sketch = scribe.sketch();
    sketch.filler();
    let error = log.append(scribe.seal(sketch)).await.unwrap_err();
    assert!(matches!(error, Error::NotOwned { .. }), "{error:?}");
}

/// LOG-17, LOG-20: an append whose future was dropped has landed whole or not at all; owning the
/// board again says which, and that does not change any more.
pub async fn an_append_that_was_given_up_is_there_or_never_will_be<F: LogFactory>(factory: &F) {
    let (_place, log) = fresh(factory).await;
    let mut scribe = Scribe::own(&log).await;
    for number in 0..40 {
        let mut sketch = scribe.sketch();
        let seq = sketch.artifact(&Sample::new(2 * number));
        let append = scribe.seal(sketch);
        // Polled once, then dropped: it may be on its way.
        let answer = log.append(append.clone()).now_or_never();
        assert!(matches!(answer, None | Some(Ok(()))), "{answer:?}");
        scribe.own_again().await;
        let landed = scribe.seq == seq;
        assert!(landed || scribe.seq == Seq(seq.get() - 1), "half an append: {scribe:?}");
        assert!(landed || answer.is_none(), "an acknowledged append is missing");
        if landed {
            let epoch = scribe.epoch;
            scribe.acknowledged(append);
            scribe.epoch = epoch;
        }
        scribe.publish(&[Sample::new(2 * number + 1)]).await;
        let found = log.artifact(artifact_id(2 * number)).await.unwrap();
        assert_eq!(found.is_some(), landed, "it landed after the take-over");
    }
    assert_eq!(log.read(Seq(1), usize::MAX).await.unwrap(), scribe.batches);
}

/// LOG-18: while the outcome of an append is unknown, the next one is refused until the board is
/// owned again.
pub async fn after_an_unknown_outcome_the_board_is_owned_again_first<F: LogFactory>(factory: &F) {
    let (_place, log) = fresh(factory).await;
    let mut scribe = Scribe::own(&log).await;
    let mut sketch = scribe.sketch();
    sketch.artifact(&Sample::new(1));
    let append = scribe.seal(sketch);
    let answer = log.append(append.clone()).now_or_never();
    if let Some(answer) = answer {
        // This log answers at once, so nothing is unknown.
        answer.unwrap();
        scribe.acknowledged(append);
    } else {
        for next in [append, {
            scribe.seq = Seq(1);
            scribe.seal(filler(&scribe))
        }] {
            let error = log.append(next).await.unwrap_err();
            assert!(matches!(error, Error::NotOwned { .. }), "{error:?}");
        }
        scribe.own_again().await;
    }
    scribe.publish(&[Sample::new(2)]).await;
}

/// LOG-19: epochs rise and never repeat, also when the log was opened anew.
pub async fn epochs_never_repeat<F: LogFactory>(factory: &F) {
    let (place, mut log) = fresh(factory).await;
    let mut newest = Epoch(0);
    for _ in 0..4 {
        for _ in 0..2 {
            let ownership = log.own(claim(1, "suite")).await.unwrap();
            assert!(ownership.epoch > newest, "{ownership:?} after {newest}");
            assert_eq!(ownership.head.epoch, ownership.epoch);
            newest = ownership.epoch;
            assert_eq!(log.head().await.unwrap().epoch, newest);
        }
        log.close().await;
        log = place.open().await.unwrap();
        assert_eq!(log.head().await.unwrap().epoch, newest);
    }
}

/// LOG-20: who takes a board over sees every append that was acknowledged before.
pub async fn a_take_over_sees_every_acknowledged_append<F: LogFactory>(factory: &F) {
    let (place, mut log) = fresh(factory).await;
    let mut known = Scribe::own(&log).await.hash;
    for number in 0..5 {
        let mut scribe = Scribe::own(&log).await;
        assert_eq!(scribe.hash, known);
        scribe.publish(&[Sample::new(number)]).await;
        known = scribe.hash;
        drop(scribe);
        drop(log);
        log = place.open().await.unwrap();
    }
}

fn filler(scribe: &Scribe) -> super::sketch::Sketch {
    let mut sketch = scribe.sketch();
    sketch.filler();
    sketch
}

/// A scribe that believes what another one knows, over another handle.
fn scribe_like(scribe: &Scribe, log: &Arc<dyn Log>) -> Scribe {
    Scribe {
        log: Arc::clone(log),
        epoch: scribe.epoch,
        seq: scribe.seq,
        hash: scribe.hash,
        at: scribe.at,
        batches: Vec::new(),
        artifacts: Vec::new(),
    }
}
