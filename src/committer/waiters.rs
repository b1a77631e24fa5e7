//! Whoever waits: for a tree of work to settle, or for the whole board to come to rest. Those who left
//! meanwhile are swept out whenever there are twice as many as the last sweep left, so that what is
//! kept is bounded by who waits, however many have come and gone.

use std::collections::BTreeMap;

use tokio::sync::oneshot;

use artel_core::ids::CorrelationId;

/// Somebody who waits; who leaves drops the other end.
type Waiter = oneshot::Sender<()>;

/// How many are kept before anybody looks who is still there.
const SWEEP_MIN: usize = 64;

/// Whoever waits.
#[derive(Debug)]
pub(super) struct Waiters {
    settling: BTreeMap<CorrelationId, Vec<Waiter>>,
    idling: Vec<Waiter>,
    len: usize,
    /// How many there may be before the next sweep.
    len_max: usize,
}

impl Default for Waiters {
    fn default() -> Self {
        Self { settling: BTreeMap::new(), idling: Vec::new(), len: 0, len_max: SWEEP_MIN }
    }
}

impl Waiters {
    /// Somebody waits until nothing of a tree of work is open.
    pub(super) fn when_settled(&mut self, correlation: CorrelationId, waiter: Waiter) {
        self.make_room();
        self.settling.entry(correlation).or_default().push(waiter);
    }

    /// Somebody waits until the board is at rest.
    pub(super) fn when_idle(&mut self, waiter: Waiter) {
        self.make_room();
        self.idling.push(waiter);
    }

    /// Nothing of a tree of work is open any more.
    pub(super) fn settled(&mut self, correlation: CorrelationId) {
        let waiters = self.settling.remove(&correlation).unwrap_or_default();
        self.tell(waiters);
    }

    /// Nothing is open any more of all trees of work that are not.
    pub(super) fn settled_but(&mut self, is_open: impl Fn(CorrelationId) -> bool) {
        let gone = self.settling.extract_if(.., |&correlation, _| !is_open(correlation));
        let waiters = gone.flat_map(|(_, waiters)| waiters).collect();
        self.tell(waiters);
    }

    /// The board is at rest.
    pub(super) fn rests(&mut self) {
        let waiters = std::mem::take(&mut self.idling);
        self.tell(waiters);
    }

    fn tell(&mut self, waiters: Vec<Waiter>) {
        self.len -= waiters.len();
        for waiter in waiters {
            // It may have left.
            let _ = waiter.send(());
        }
    }

    /// Counts one that comes, and looks who has left when there are too many.
    fn make_room(&mut self) {
        if self.len >= self.len_max {
            self.settling.retain(|_, waiters| {
                waiters.retain(|waiter| !waiter.is_closed());
                !waiters.is_empty()
            });
            self.idling.retain(|waiter| !waiter.is_closed());
            let settling: usize = self.settling.values().map(Vec::len).sum();
            self.len = settling + self.idling.len();
            self.len_max = (2 * self.len).max(SWEEP_MIN);
        }
        self.len += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(n: u64) -> CorrelationId {
        CorrelationId::from_bytes(u128::from(n).to_le_bytes())
    }

    /// I13: who left is not kept for long, wherever they waited; who waits is told.
    #[test]
    fn who_left_goes() {
        let mut waiters = Waiters::default();
        let mut staying = Vec::new();
        for n in 0..10_000 {
            let (settled, stays) = oneshot::channel();
            waiters.when_settled(tree(n), settled);
            waiters.when_idle(oneshot::channel().0);
            if n % 100 == 0 {
                staying.push(stays);
            }
            let kept: usize = waiters.settling.values().map(Vec::len).sum();
            assert_eq!(kept + waiters.idling.len(), waiters.len);
            assert!(waiters.len <= SWEEP_MIN.max(2 * staying.len() + 2), "{waiters:?}");
            assert!(waiters.settling.len() <= waiters.len);
        }
        waiters.rests();
        waiters.settled(tree(0));
        waiters.settled_but(|tree_of| tree_of == tree(100));
        let told = staying.iter_mut().filter_map(|stays| stays.try_recv().ok()).count();
        assert_eq!((told, staying.len(), waiters.len), (99, 100, 1));
    }
}
