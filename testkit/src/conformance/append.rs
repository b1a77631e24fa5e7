//! Cases on appending: what is refused, that it is all or nothing, and that what was acknowledged
//! is there.

use bytes::Bytes;
use uuid::Uuid;

use artel_core::ids::{Epoch, Incarnation, Seq, Shard};
use artel_core::log::{ActivationQuery, Append, Error, LookUp};
use artel_core::record::{Batch, Place, genesis};
use artel_core::time::Timestamp;

use super::factory::{LogFactory, LogPlace, NewBoard, fresh};
use super::sketch::{Sample, Scribe, artifact_id, closed, correlation};

/// Makes an append inconsistent.
type Spoil = fn(&mut Append);

/// LOG-1: a log says what it is and what it promises, from any handle, at any time.
pub async fn a_log_describes_itself<F: LogFactory>(factory: &F) {
    let (place, log) = fresh(factory).await;
    assert_eq!(log.describe(), factory.description());
    log.close().await;
    assert_eq!(log.describe(), factory.description());
    assert_eq!(place.open().await.unwrap().describe(), factory.description());
}

/// LOG-2: a new log is empty, and is the one that was asked for.
pub async fn a_new_log_is_empty<F: LogFactory>(factory: &F) {
    let incarnation = Incarnation::new(Uuid::from_u128(77));
    let board = NewBoard { incarnation, dev: true, ..NewBoard::sample() };
    let place = factory.make(board.clone()).await;
    let head = place.open().await.unwrap().head().await.unwrap();
    assert_eq!((head.board, head.incarnation, head.dev), (board.board.clone(), incarnation, true));
    assert_eq!((head.epoch, head.seq), (Epoch(0), Seq(0)));
    assert_eq!(head.hash, genesis(incarnation));
    let place = factory.make(NewBoard { dev: false, ..board }).await;
    assert!(!place.open().await.unwrap().head().await.unwrap().dev);
}

/// LOG-3, LOG-12: once an append is acknowledged, every handle finds it, head, batch and rows.
pub async fn an_acknowledged_append_is_seen_by_every_handle<F: LogFactory>(factory: &F) {
    let (place, log) = fresh(factory).await;
    let other = place.open().await.unwrap();
    let mut scribe = Scribe::own(&log).await;
    for number in 1..=20 {
        scribe.publish(&[Sample::new(number)]).await;
        for handle in [&log, &other] {
            let head = handle.head().await.unwrap();
            assert_eq!((head.seq, head.hash), (scribe.seq, scribe.hash));
            let read = handle.read(scribe.seq, usize::MAX).await.unwrap();
            assert_eq!(read.last(), scribe.batches.last());
            let artifact = handle.artifact(artifact_id(number)).await.unwrap();
            assert_eq!(artifact.as_ref(), scribe.artifacts.last());
        }
    }
}

/// LOG-4: a batch that does not begin right after the head is refused, and nothing is written.
pub async fn an_append_must_begin_after_the_head<F: LogFactory>(factory: &F) {
    let (_place, log) = fresh(factory).await;
    let mut scribe = Scribe::own(&log).await;
    scribe.publish(&[Sample::new(1), Sample::new(2)]).await;
    let written = log.head().await.unwrap();
    for seq in [0, 1, 3, 9] {
        scribe.seq = Seq(seq);
        let mut sketch = scribe.sketch();
        sketch.artifact(&Sample::new(7));
        let error = log.append(scribe.seal(sketch)).await.unwrap_err();
        assert!(
            matches!(error, Error::Conflict { expected, head } if expected == Seq(seq) && head == Seq(2)),
            "{error:?}"
        );
        assert_eq!(error.code(), "log-regressed");
    }
    assert_eq!(log.head().await.unwrap(), written);
    assert_eq!(log.artifact(artifact_id(7)).await.unwrap(), None);
}

/// LOG-5: a batch that names another hash than that of the last batch is refused.
pub async fn an_append_must_name_the_hash_before_it<F: LogFactory>(factory: &F) {
    let (_place, log) = fresh(factory).await;
    let mut scribe = Scribe::own(&log).await;
    let other = genesis(Incarnation::new(Uuid::from_u128(99)));
    for _ in 0..2 {
        let known = std::mem::replace(&mut scribe.hash, other);
        let mut sketch = scribe.sketch();
        sketch.filler();
        let error = log.append(scribe.seal(sketch)).await.unwrap_err();
        assert!(matches!(error, Error::Conflict { .. }), "{error:?}");
        assert!(!error.outcome_unknown() && !error.retryable());
        scribe.hash = known;
        scribe.publish(&[Sample::new(scribe.batches.len() as u32)]).await;
    }
}

/// LOG-8: a batch that is not consistent in itself, or rows that do not belong to their batch, are
/// refused, and nothing is written.
pub async fn an_append_must_be_consistent_in_itself<F: LogFactory>(factory: &F) {
    let (_place, log) = fresh(factory).await;
    let mut scribe = Scribe::own(&log).await;
    scribe.publish(&[Sample::new(1)]).await;
    let mut sketch = scribe.sketch();
    let input = sketch.artifact(&Sample::new(2));
    sketch.artifact(&Sample::new(3));
    sketch.content("bytes");
    let activation = sketch.activation(&[input], correlation(2));
    sketch.close(&closed(activation, &[input], correlation(2)));
    let good = scribe.seal(sketch);

    let spoil: [(&str, Spoil); 9] = [
        ("hash", |append| append.batch.header.hash.0[0] ^= 1),
        ("bytes", |append| {
            let mut bytes = append.batch.bytes.to_vec();
            bytes[9] ^= 1;
            append.batch.bytes = bytes.into();
        }),
        ("shard", |append| append.batch.header.shard = Shard(1)),
        ("range", |append| {
            let header = append.batch.header;
            let place = Place {
                epoch: header.epoch,
                first: header.first,
                last: Seq(header.first.get() - 1),
                at: header.at,
                previous: header.previous,
            };
            append.batch = Batch::seal(place, append.batch.bytes.clone());
        }),
        ("artifact outside", |append| append.rows.artifacts[0].seq = Seq(1)),
        ("artifacts in order", |append| append.rows.artifacts.swap(0, 1)),
        ("artifact dated", |append| append.rows.artifacts[1].at.0 += 1),
        ("content outside", |append| append.rows.contents[0].seq = Seq(99)),
        ("closed outside", |append| append.rows.closed[0].ended = Seq(1)),
    ];
    let before = log.head().await.unwrap();
    for (what, spoil) in spoil {
        let mut append = good.clone();
        spoil(&mut append);
        let error = log.append(append).await.expect_err(what);
        assert!(matches!(error, Error::Unstorable { .. }), "{what}: {error:?}");
        assert_eq!(log.head().await.unwrap(), before, "{what}");
    }
    scribe.try_append(good).await.expect("nothing of the refused ones is there");
}

/// LOG-9: commit times never fall.
pub async fn commit_times_never_fall<F: LogFactory>(factory: &F) {
    let (_place, log) = fresh(factory).await;
    let mut scribe = Scribe::own(&log).await;
    scribe.at = Timestamp(-5_000);
    scribe.publish(&[Sample::new(1)]).await;
    scribe.at = Timestamp(500);
    scribe.publish(&[Sample::new(2)]).await;
    scribe.at = Timestamp(499);
    let mut early = scribe.sketch();
    early.filler();
    let mut early_row = scribe.sketch();
    early_row.artifact(&Sample::new(3));
    early_row.decision_at(Timestamp(900));
    early_row.artifact(&Sample::new(4));
    for sketch in [early, early_row] {
        let error = log.append(scribe.seal(sketch)).await.unwrap_err();
        assert!(matches!(error, Error::Unstorable { .. }), "{error:?}");
    }
    scribe.at = Timestamp(500);
    scribe.publish(&[Sample::new(5)]).await;
}

/// LOG-10: an id that an artifact of the board has, or another one of the same append, is refused
/// with the whole append.
pub async fn an_artifact_id_is_used_once<F: LogFactory>(factory: &F) {
    let (_place, log) = fresh(factory).await;
    let mut scribe = Scribe::own(&log).await;
    let seqs = scribe.publish(&[Sample::new(1), Sample::new(2)]).await;
    for samples in [[3, 4, 2, 5], [6, 7, 8, 7]] {
        let mut sketch = scribe.sketch();
        for number in samples {
            sketch.artifact(&Sample::new(number));
        }
        let error = log.append(scribe.seal(sketch)).await.unwrap_err();
        assert!(matches!(error, Error::Unstorable { .. }), "{error:?}");
        assert_eq!(error.code(), "log-unstorable");
    }
    let existing = log.artifact(artifact_id(2)).await.unwrap().expect("the first one stays");
    assert_eq!(existing.seq, seqs[1]);
    let numbers: Vec<Sample> = (3..=8).map(Sample::new).collect();
    scribe.publish(&numbers).await;
}

/// LOG-11: an append that is refused leaves nothing behind, in no kind of row.
pub async fn a_refused_append_leaves_nothing_behind<F: LogFactory>(factory: &F) {
    let (_place, log) = fresh(factory).await;
    let mut scribe = Scribe::own(&log).await;
    let inputs = scribe.publish(&[Sample::new(1)]).await;
    let mut sketch = scribe.sketch();
    let activation = sketch.activation(&inputs, correlation(1));
    sketch.close(&closed(activation, &inputs, correlation(1)));
    scribe.append(sketch).await;

    let mut sketch = scribe.sketch();
    let key = "once".parse().unwrap();
    sketch.artifact(&Sample { key: Some(key), tags: vec!["t".parse().unwrap()], ..Sample::new(2) });
    let content = sketch.content("bytes");
    sketch.reopen(&closed(activation, &inputs, correlation(1)));
    let second = sketch.activation(&inputs, correlation(1));
    sketch.close(&closed(second, &inputs, correlation(1)));
    sketch.cancel(correlation(1));
    sketch.artifact(&Sample::new(1));
    let error = log.append(scribe.seal(sketch)).await.unwrap_err();
    assert!(matches!(error, Error::Unstorable { .. }), "{error:?}");

    assert_eq!(log.head().await.unwrap().seq, scribe.seq);
    let look_up = LookUp { ids: vec![artifact_id(2)], keys: vec!["once".parse().unwrap()] };
    let found = log.look_up(&look_up).await.unwrap();
    assert!(found.ids.is_empty() && found.keys.is_empty(), "{found:?}");
    assert!(log.contents(&[content]).await.unwrap().is_empty());
    assert!(log.closed(activation).await.unwrap().is_some(), "it was not opened again");
    assert_eq!(log.closed(second).await.unwrap(), None);
    assert!(!log.correlation(correlation(1)).await.unwrap().cancelled);
    assert_eq!(log.read(Seq(1), usize::MAX).await.unwrap(), scribe.batches);
}

/// LOG-13: what was acknowledged is there when all handles were closed, or dropped, and the log is
/// opened again.
pub async fn an_acknowledged_append_is_there_when_the_log_is_opened_again<F: LogFactory>(
    factory: &F,
) {
    let (place, log) = fresh(factory).await;
    let mut scribe = Scribe::own(&log).await;
    scribe.publish(&[Sample::new(1), Sample::new(2)]).await;
    log.close().await;
    let (first, artifacts) = (scribe.batches.clone(), scribe.artifacts.clone());
    drop((log, scribe));

    let log = place.open().await.unwrap();
    assert_eq!(log.read(Seq(1), usize::MAX).await.unwrap(), first);
    assert_eq!(log.artifacts_at(&[Seq(1), Seq(2)]).await.unwrap(), artifacts);
    let mut scribe = Scribe::own(&log).await;
    scribe.publish(&[Sample::new(3)]).await;
    let second = scribe.batches.clone();
    // Not closed: as when the process dies, as far as a test can do that.
    drop((log, scribe));

    let log = place.open().await.unwrap();
    let read = log.read(Seq(1), usize::MAX).await.unwrap();
    assert_eq!(read, [first, second].concat());
    assert_eq!(log.artifact(artifact_id(3)).await.unwrap().map(|found| found.seq), Some(Seq(3)));
}

/// LOG-14: a batch is read as it was appended, header and bytes, whatever the bytes are.
pub async fn a_batch_is_stored_as_it_is<F: LogFactory>(factory: &F) {
    let (_place, log) = fresh(factory).await;
    let scribe = Scribe::own(&log).await;
    // The log does not look into the bytes: those of a later format are stored as well.
    let bytes = Bytes::from((0..=255).collect::<Vec<u8>>());
    let at = Timestamp(i64::MIN);
    let place =
        Place { epoch: scribe.epoch, first: Seq(1), last: Seq(9), at, previous: scribe.hash };
    let batch = Batch::seal(place, bytes);
    let append = Append { batch: batch.clone(), rows: artel_core::log::Rows::default() };
    log.append(append).await.unwrap();
    assert_eq!(log.read(Seq(1), usize::MAX).await.unwrap(), [batch]);
    assert_eq!(log.head().await.unwrap().at, at);
}

/// LOG-15: a payload of 16 MiB, and a command of 64 MiB, are stored like any other.
pub async fn the_largest_command_is_stored<F: LogFactory>(factory: &F) {
    const PAYLOAD_LEN: usize = 16 * 1024 * 1024;
    let (_place, log) = fresh(factory).await;
    let mut scribe = Scribe::own(&log).await;
    let samples: Vec<Sample> = (0..4_u8)
        .map(|number| {
            let mut payload = vec![b'0' + number; PAYLOAD_LEN];
            payload[PAYLOAD_LEN - 1] = b'!';
            Sample { payload: payload.into(), ..Sample::new(u32::from(number)) }
        })
        .collect();
    scribe.publish(&samples).await;
    for (number, sample) in (0..).zip(&samples) {
        let found = log.artifact(artifact_id(number)).await.unwrap().expect("it was published");
        assert!(found.payload.as_ref() == Some(&sample.payload), "payload {number} differs");
    }
}

/// LOG-15: one append of more commands than any batch has, all of which finish work on one artifact, is stored like
/// any other.
pub async fn a_batch_of_many_commands_is_stored<F: LogFactory>(factory: &F) {
    const COMMANDS: u32 = 5_000;
    let (_place, log) = fresh(factory).await;
    let mut scribe = Scribe::own(&log).await;
    let first = scribe.publish(&[Sample::new(0)]).await;
    let tree = correlation(0);
    let mut sketch = scribe.sketch();
    let mut activations = Vec::new();
    for number in 1..=COMMANDS {
        sketch.artifact(&Sample::new(number));
        let activation = sketch.activation(&first, tree);
        sketch.close(&closed(activation, &first, tree));
        activations.push(activation);
    }
    scribe.append(sketch).await;
    assert_eq!(log.head().await.unwrap().hash, scribe.hash);
    let ids: Vec<_> = (0..=COMMANDS).map(artifact_id).collect();
    let look_up = LookUp { ids, ..LookUp::default() };
    assert_eq!(log.look_up(&look_up).await.unwrap().ids.len(), look_up.ids.len());
    let input = Some(first[0]);
    let query = ActivationQuery { input, limit: COMMANDS, ..ActivationQuery::default() };
    let page = log.closed_activations(&query).await.unwrap();
    let found: Vec<_> = page.items.iter().map(|closed| closed.activation).collect();
    assert!(found == activations, "{} were found", found.len());
}

/// LOG-16: of two appends at the same place of the log, exactly one succeeds.
pub async fn of_two_appends_at_the_same_place_one_succeeds<F: LogFactory>(factory: &F) {
    let (_place, log) = fresh(factory).await;
    let mut scribe = Scribe::own(&log).await;
    for number in 0..10 {
        let [mut left, mut right] = [scribe.sketch(), scribe.sketch()];
        left.artifact(&Sample::new(2 * number));
        right.artifact(&Sample::new(2 * number + 1));
        let [left, right] = [left, right].map(|sketch| scribe.seal(sketch));
        let (first, second) =
            futures_util::future::join(log.append(left.clone()), log.append(right.clone())).await;
        let landed = match (first, second) {
            (Ok(()), Err(error)) => (left, error),
            (Err(error), Ok(())) => (right, error),
            both => panic!("exactly one of both should have landed: {both:?}"),
        };
        assert!(!landed.1.outcome_unknown(), "{:?}", landed.1);
        scribe.acknowledged(landed.0);
        assert_eq!(log.head().await.unwrap().hash, scribe.hash);
    }
    assert_eq!(log.read(Seq(1), usize::MAX).await.unwrap(), scribe.batches);
}
