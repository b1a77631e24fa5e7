//! The verdict on a simulation: what must hold at its end, whatever went wrong.

use std::collections::BTreeMap;

use artel::{Reader, Running};
use artel_core::envelope::Producer;
use artel_core::event::{AttemptEnd, Event};
use artel_core::hash::Hash;
use artel_core::ids::{ArtifactId, AttemptId, CommandId, Seq};

use super::agents::Token;
use super::clients::Promise;
use super::run::Outcome;

pub(super) async fn of(running: &Running, promises: &[Promise], processes: u32) -> Outcome {
    let checked = crate::check(running).await;
    kept(running, promises).await;
    let (_, state) = running.state_hash().await.expect("the board answers");
    let reader = Reader::of(running.log()).await.expect("the log can be folded");
    let events = outputs(&reader).await;
    Outcome {
        digest: Hash::of_parts(&[&events.0, &state.0]),
        events: checked.events,
        attempts: checked.started,
        processes,
        acknowledged: promises.len() as u64,
    }
}

/// I1, I4: what was acknowledged is there, as it was promised, and a key stands for one artifact.
async fn kept(running: &Running, promises: &[Promise]) {
    let mut keys: BTreeMap<&str, ArtifactId> = BTreeMap::new();
    for Promise { receipt, token, key } in promises {
        let stored = running.get(receipt.id).await.expect("the log can be read");
        let stored = stored.unwrap_or_else(|| panic!("I1: {receipt:?} is not on the board"));
        assert_eq!(stored.seq(), receipt.seq, "I1: {receipt:?}");
        assert_eq!(stored.correlation(), receipt.correlation, "I1: {receipt:?}");
        assert_eq!(&stored.decode::<Token>().expect("it is a token"), token, "I1: {receipt:?}");
        if let Some(key) = key {
            let first = *keys.entry(key).or_insert(receipt.id);
            assert_eq!(first, receipt.id, "I4: {key} stands for two artifacts");
        }
    }
}

/// I3: outputs appear with the acknowledgement of their attempt, in its command, and never else.
/// Returns a hash of all events.
async fn outputs(reader: &Reader) -> Hash {
    let mut tail = reader.tail(Seq(1));
    let mut made: BTreeMap<AttemptId, CommandId> = BTreeMap::new();
    let mut done: BTreeMap<AttemptId, CommandId> = BTreeMap::new();
    let mut ids = BTreeMap::new();
    let mut text = String::new();
    while let Some(entry) = tail.next().await.expect("the log can be read") {
        text.push_str(&format!("{entry:?}\n"));
        match &entry.event {
            Event::ArtifactCommitted(draft) => {
                let envelope = &draft.envelope;
                let before = ids.insert(envelope.id, entry.seq);
                assert!(before.is_none(), "I3: artifact {} is there twice", envelope.id);
                if let Producer::Agent { attempt, .. } = envelope.producer {
                    made.insert(attempt, entry.command);
                }
            }
            Event::AttemptEnded { attempt, end: AttemptEnd::Done, .. } => {
                done.insert(*attempt, entry.command);
            }
            _ => {}
        }
    }
    for (attempt, command) in made {
        assert_eq!(done.get(&attempt), Some(&command), "I3: outputs of {attempt} without its end");
    }
    Hash::of(text.as_bytes())
}
