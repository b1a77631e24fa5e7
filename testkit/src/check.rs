//! What must hold of every board, checked over its whole log.

use std::collections::BTreeMap;

use artel::{Reader, Running};
use artel_core::event::{AttemptEnd, Event};
use artel_core::ids::{ActivationId, AttemptId, Seq};

/// What a check counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// Events of the log.
    pub events: u64,
    /// Attempts that began.
    pub started: u64,
    /// Attempts that ended with their outputs on the board.
    pub done: u64,
}

/// Folds the whole log of a running board and compares the hash with that of the live state (I10);
/// counts every placement (I2); sees that `seq` has no hole (I5), that every attempt has one start
/// and one end (I6), and that nothing begins after an activation is done (I3).
///
/// # Panics
/// When something does not hold, saying what.
pub async fn check(running: &Running) -> Checked {
    let log = running.log();
    let live = running.look(|state| (state.seq(), state.hash())).await;
    let (seq, hash) = live.expect("the board answers");
    let reader = Reader::of(log).await.expect("the log can be folded");
    let verified = reader.verify(|_| {}).await.expect("the log verifies");
    if verified.seq == seq {
        assert_eq!(verified.state_hash, hash, "I10: the fold of the log is the live state");
    } else {
        assert!(verified.seq > seq, "the log is behind what was acknowledged");
    }
    for (no, record) in reader.state().subscriptions() {
        let open = reader.state().activations().filter(|(_, a)| a.subscription == no).count();
        let counted = record.counters;
        assert_eq!(
            counted.placements,
            counted.done + counted.dead + counted.cancelled + counted.expired + open as u64,
            "I2: every placement of subscription {no} is somewhere"
        );
    }
    attempts(&reader).await
}

async fn attempts(reader: &Reader) -> Checked {
    let mut tail = reader.tail(Seq(1));
    let mut running: BTreeMap<AttemptId, bool> = BTreeMap::new();
    let mut done: BTreeMap<ActivationId, Seq> = BTreeMap::new();
    let (mut checked, mut next) = (Checked::default(), Seq(1));
    while let Some(entry) = tail.next().await.expect("the log can be read") {
        checked.events += 1;
        assert_eq!(entry.seq, next, "I5: no hole");
        next = Seq(next.get() + entry.event.span());
        match entry.event {
            Event::AttemptStarted { attempt, .. } => {
                checked.started += 1;
                let before = running.insert(attempt, true);
                assert!(before.is_none(), "I6: attempt {attempt} begins twice");
                let over = done.get(&attempt.activation);
                assert!(over.is_none(), "I3: attempt {attempt} begins after `done`");
            }
            Event::AttemptEnded { attempt, end, .. } => {
                let before = running.insert(attempt, false);
                assert_eq!(before, Some(true), "I6: attempt {attempt} ends without running");
                if end == AttemptEnd::Done {
                    checked.done += 1;
                    let before = done.insert(attempt.activation, entry.seq);
                    assert!(before.is_none(), "I3: {} is done twice", attempt.activation);
                }
            }
            _ => {}
        }
    }
    checked
}
