//! The verdict on a simulation: what must hold at its end, whatever went wrong, over the whole log.

use std::collections::{BTreeMap, BTreeSet};

use artel::{Reader, Running};
use artel_core::board::{Changes, State};
use artel_core::envelope::Producer;
use artel_core::event::{AttemptEnd, Event};
use artel_core::hash::Hash;
use artel_core::ids::{ArtifactId, AttemptId, CommandId, Seq};
use artel_core::log::{Log, Snapshot};

use super::audit::Auditor;
use super::clients::Promise;
use super::run::Outcome;
use super::world::World;
use super::{placements, secrets, versions};

/// How many bytes of the log are read at a time.
const READ_LEN: usize = 1024 * 1024;

/// What was seen while the board ran.
pub(super) struct Seen {
    pub(super) promises: Vec<Promise>,
    /// The hashes that the live state had, by seq.
    pub(super) probes: Vec<(Seq, Hash)>,
    pub(super) snapshots: Vec<Snapshot>,
}

pub(super) async fn of(world: &World, running: &Running, seen: &Seen, processes: u32) -> Outcome {
    let checked = crate::check(running).await;
    kept(running, &seen.promises).await;
    let (seq, state) = running.state_hash().await.expect("the board answers");
    let reader = Reader::of(running.log()).await.expect("the log can be folded");
    let events = outputs(&reader).await;
    reader.verify_store(seq, |_| {}).await.expect("I1: the store has what the log says");
    folds(&*world.store.open(), seen, state, &world.auditor).await;
    placements::complete(running, &world.auditor, world.secrets()).await;
    if world.secrets() {
        secrets::seen_by_anybody(running, &world.clock, &world.auditor).await;
    }
    versions::complete(running, world.has_new_notes(), &world.auditor).await;
    let audit = world.auditor.look();
    assert_eq!(
        audit.state.hash(),
        state,
        "I10: the live state is the fold of what reached the log"
    );
    Outcome {
        digest: Hash::of_parts(&[&events.0, &state.0]),
        events: checked.events,
        attempts: checked.started,
        processes,
        acknowledged: seen.promises.len() as u64,
        cases: audit.cases.clone(),
    }
}

/// I1, I4: what was acknowledged is there, as it was promised, and a key stands for one artifact.
async fn kept(running: &Running, promises: &[Promise]) {
    let mut keys: BTreeMap<&str, ArtifactId> = BTreeMap::new();
    for promise in promises {
        let receipt = &promise.receipt;
        let stored = running.get(receipt.id).await.expect("the log can be read");
        let stored = stored.unwrap_or_else(|| panic!("I1: {receipt:?} is not on the board"));
        assert_eq!(stored.seq(), receipt.seq, "I1: {receipt:?}");
        assert_eq!(stored.correlation(), receipt.correlation, "I1: {receipt:?}");
        assert_eq!(&stored.decode().ok(), &Some(promise.token().clone()), "I1: {receipt:?}");
        if let Some(key) = promise.key() {
            let first = *keys.entry(key).or_insert(receipt.id);
            assert_eq!(first, receipt.id, "I4: {key} stands for two artifacts");
        }
    }
}

/// I10: each state that somebody looked at is the fold of the log up to there, and from every
/// snapshot that was stored the log leads to the state of now.
async fn folds(log: &dyn Log, seen: &Seen, now: Hash, auditor: &Auditor) {
    let mut probes: BTreeMap<Seq, Hash> = BTreeMap::new();
    for &(seq, hash) in &seen.probes {
        let first = *probes.entry(seq).or_insert(hash);
        auditor.expect(first == hash, format_args!("I10: two states were seen at seq {seq}"));
    }
    let mut whole = State::default();
    let mut shortened: Vec<State> = Vec::new();
    for snapshot in &seen.snapshots {
        shortened.push(State::decode(&snapshot.bytes).expect("I10: a snapshot can be decoded"));
    }
    for seq in log.snapshots().await.expect("the log can be read") {
        let kept = log.snapshot(seq).await.expect("the log can be read");
        let kept = kept.and_then(|kept| State::decode(&kept.bytes).ok());
        shortened.push(kept.expect("I10: a snapshot of the board can be decoded"));
    }
    let mut changes = Changes::default();
    loop {
        let batches = log.read(whole.seq().next(), READ_LEN).await.expect("the log can be read");
        if batches.is_empty() {
            break;
        }
        let decisions =
            batches.iter().map(|batch| batch.decisions().expect("I10: a batch is damaged"));
        for decision in decisions.flatten() {
            let before = whole.seq();
            for state in shortened.iter_mut().filter(|state| state.seq() == before) {
                state.apply(&decision, &mut changes).expect("I10: a snapshot can be gone on from");
            }
            whole.apply(&decision, &mut changes).expect("I10: the log can be folded");
            if let Some(hash) = probes.remove(&whole.seq()) {
                let same = hash == whole.hash();
                let seq = whole.seq();
                auditor.expect(same, format_args!("I10: seq {seq} was seen as another state"));
            }
        }
    }
    // Before the first event there is nothing to fold.
    probes.remove(&Seq(0));
    auditor.expect(probes.is_empty(), format_args!("I10: states were seen inside of {probes:?}"));
    auditor.expect(whole.hash() == now, "I10: the whole fold is not the live state");
    for state in shortened {
        auditor.expect(state.hash() == now, "I10: a fold from a snapshot is another state");
    }
}

/// I3: outputs appear with the acknowledgement of their attempt, in its command, and never else.
/// Returns a hash of all events.
async fn outputs(reader: &Reader) -> Hash {
    let mut tail = reader.tail(Seq(1));
    let mut made: BTreeMap<AttemptId, BTreeSet<CommandId>> = BTreeMap::new();
    let mut done: BTreeMap<AttemptId, CommandId> = BTreeMap::new();
    let mut text = String::new();
    while let Some(entry) = tail.next().await.expect("the log can be read") {
        text.push_str(&format!("{entry:?}\n"));
        if let Event::ArtifactCommitted(draft) = &entry.event
            && let Producer::Agent { attempt, .. } = draft.envelope.producer
        {
            made.entry(attempt).or_default().insert(entry.command);
        }
        if let Event::AttemptEnded { attempt, end: AttemptEnd::Done, .. } = entry.event {
            done.insert(attempt, entry.command);
        }
    }
    for (attempt, commands) in made {
        let end: BTreeSet<_> = done.get(&attempt).copied().into_iter().collect();
        assert_eq!(commands, end, "I3: outputs of {attempt} without its end");
    }
    Hash::of(text.as_bytes())
}
