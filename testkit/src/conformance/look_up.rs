//! Cases on finding what has a known id, key or seq.

use std::collections::BTreeMap;

use artel_core::hash::Hash;
use artel_core::ids::{Seq, TypeNo};
use artel_core::log::{Existing, LookUp, StoredArtifact};
use artel_core::names::IdempotencyKey;

use super::factory::{LogFactory, LogPlace, fresh};
use super::sketch::{Sample, Scribe, artifact_id, salt};

/// How often a reader looks for what a writer writes meanwhile.
const LOOKS_MAX: usize = 100_000;

fn key(text: &str) -> IdempotencyKey {
    text.parse().expect("an idempotency key")
}

/// LOG-31: a look-up finds ids and keys, leaves out what is not there, and names the seq that it is
/// complete to.
pub async fn a_look_up_finds_ids_and_keys<F: LogFactory>(factory: &F) {
    let (place, log) = fresh(factory).await;
    let reader = place.open().await.unwrap();
    let look_up = LookUp {
        ids: vec![artifact_id(1), artifact_id(2), artifact_id(9), artifact_id(1)],
        keys: vec![key("a"), key("z'\"\\ü"), key("missing")],
    };
    let nothing = reader.look_up(&look_up).await.unwrap();
    assert_eq!((nothing.as_of, nothing.ids.len(), nothing.keys.len()), (Seq(0), 0, 0));

    let mut scribe = Scribe::own(&log).await;
    let samples = [
        Sample { key: Some(key("a")), ..Sample::new(1) },
        Sample { type_no: TypeNo(7), ..Sample::new(2) },
        Sample { key: Some(key("z'\"\\ü")), ..Sample::new(3) },
    ];
    scribe.publish(&samples).await;
    let found = reader.look_up(&look_up).await.unwrap();
    assert_eq!(found.as_of, Seq(3));
    let existing = |place: usize| {
        let stored = &scribe.artifacts[place];
        Existing {
            seq: stored.seq,
            id: stored.envelope.id,
            type_no: stored.envelope.type_no,
            correlation: stored.envelope.correlation,
            salt: Some(salt(stored.seq.get())),
            hash: stored.envelope.payload_hash,
        }
    };
    let ids = [0, 1].map(|place| (existing(place).id, existing(place)));
    assert_eq!(found.ids, BTreeMap::from(ids));
    let keys: Vec<_> = found.keys.into_iter().collect();
    assert_eq!(keys, [(key("a"), existing(0)), (key("z'\"\\ü"), existing(2))]);
    assert_ne!(existing(0).hash, Hash::default());

    let empty = reader.look_up(&LookUp::default()).await.unwrap();
    assert_eq!((empty.as_of, empty.ids.len(), empty.keys.len()), (Seq(3), 0, 0));
}

/// LOG-31: while somebody writes, a look-up has all that is committed up to the seq that it names,
/// and nothing after it.
pub async fn a_look_up_is_as_of_one_seq<F: LogFactory>(factory: &F) {
    let (place, log) = fresh(factory).await;
    let reader = place.open().await.unwrap();
    let mut scribe = Scribe::own(&log).await;
    let look_up = LookUp {
        ids: (1..=50).map(artifact_id).collect(),
        keys: (1..=50).map(|number| key(&format!("key {number}"))).collect(),
    };
    let writes = async {
        for number in 1..=50 {
            let key = Some(key(&format!("key {number}")));
            scribe.publish(&[Sample { key, ..Sample::new(number) }]).await;
        }
    };
    let looks = async {
        let mut complete = 0;
        for _ in 0..LOOKS_MAX {
            let found = reader.look_up(&look_up).await.unwrap();
            complete = usize::try_from(found.as_of.get()).unwrap();
            assert_eq!((found.ids.len(), found.keys.len()), (complete, complete));
            if complete == 50 {
                break;
            }
            tokio::task::yield_now().await;
        }
        assert_eq!(complete, 50, "the reader does not see what is written");
    };
    futures_util::future::join(writes, looks).await;
}

/// LOG-32: a key that is used again, because it was forgotten in between, stands for the artifact
/// that used it last.
pub async fn a_key_stands_for_the_artifact_that_used_it_last<F: LogFactory>(factory: &F) {
    let (_place, log) = fresh(factory).await;
    let mut scribe = Scribe::own(&log).await;
    for number in [1, 2] {
        scribe.publish(&[Sample { key: Some(key("again")), ..Sample::new(number) }]).await;
    }
    let look_up = LookUp { ids: Vec::new(), keys: vec![key("again")] };
    let found = log.look_up(&look_up).await.unwrap();
    assert_eq!(found.keys[&key("again")].id, artifact_id(2));
}

/// LOG-33, LOG-34, LOG-50: an artifact is found by its id and by its seq, with its payload, as it was
/// committed; and by its seq without its payload, if that is asked for.
pub async fn an_artifact_is_found_as_it_was_committed<F: LogFactory>(factory: &F) {
    let (place, log) = fresh(factory).await;
    let mut scribe = Scribe::own(&log).await;
    let tags = ["blue", "two words", "üñ"].map(|tag| tag.parse().unwrap()).to_vec();
    let samples = [
        Sample::new(1),
        Sample { payload: "".into(), ..Sample::new(2) },
        Sample {
            tags,
            key: Some(key("k")),
            agent: Some(artel_core::ids::AgentNo(0)),
            ..Sample::new(3)
        },
    ];
    scribe.publish(&samples).await;
    scribe.publish(&[Sample::new(4)]).await;
    for log in [&log, &place.open().await.unwrap()] {
        for (number, stored) in (1..).zip(&scribe.artifacts) {
            let found = log.artifact(artifact_id(number)).await.unwrap();
            assert_eq!(found.as_ref(), Some(stored));
        }
        assert_eq!(log.artifact(artifact_id(99)).await.unwrap(), None);
        let asked = [4, 99, 1, 3, 0, 1, u64::MAX].map(Seq);
        let found = log.artifacts_at(&asked).await.unwrap();
        let expected = [3, 0, 2, 0].map(|place: usize| scribe.artifacts[place].clone());
        assert_eq!(found, expected);
        assert_eq!(log.artifacts_at(&[]).await.unwrap(), []);
        let bare = expected.map(|artifact| StoredArtifact { payload: None, ..artifact });
        assert_eq!(log.envelopes_at(&asked).await.unwrap(), bare);
        assert_eq!(log.envelopes_at(&[]).await.unwrap(), []);
    }
}
