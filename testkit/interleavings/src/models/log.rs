//! The log in memory, with a handle for each process.

use std::sync::Arc;

use shuttle::future::block_on;
use shuttle::thread;

use artel_core::ids::Seq;
use artel_core::log::{Error, Log};

use super::explore;
use super::logs::{append, batches, next, own, store};

/// OWN-2: of two processes that want a board at the same moment one gets it, and the other one gets
/// it when that one is gone.
#[test]
fn one_of_two_owns_a_board() {
    explore("log: one of two owns a board", || {
        let store = store();
        let other = store.clone();
        let second = thread::spawn(move || {
            let log = other.open();
            let owned = own(&log, 2).is_ok();
            (log, owned)
        });
        let log = store.open();
        let first = own(&log, 1).is_ok();
        let (late, second) = second.join().unwrap();
        assert!(first != second, "first: {first}, second: {second}");
        let (owner, other, process) = if first { (log, late, 2) } else { (late, log, 1) };
        assert!(matches!(own(&other, process), Err(Error::Owned { .. })));
        drop(owner);
        assert_eq!(own(&other, process).unwrap().epoch.get(), 2);
    });
}

/// OWN-3: whoever is let go of while it takes the board over owns nothing afterwards.
#[test]
fn a_closed_handle_owns_nothing() {
    explore("log: a closed handle owns nothing", || {
        let store = store();
        let log = store.open();
        let owning = {
            let log = log.clone();
            thread::spawn(move || drop(own(&log, 1)))
        };
        block_on(log.close());
        owning.join().unwrap();
        let next = store.open();
        assert!(own(&next, 2).is_ok(), "a handle that was closed still owns the board");
    });
}

/// Fencing: when a new epoch begins, each append of the old one is in its head, or never will be.
#[test]
fn an_append_lands_before_a_new_epoch_or_never() {
    explore("log: an append lands before a new epoch or never", || {
        let store = store();
        let log = store.open();
        let first = own(&log, 1).unwrap();
        let writer = {
            let log = log.clone();
            let batches = batches(first.epoch, 2);
            thread::spawn(move || {
                batches.into_iter().take_while(|batch| append(&log, batch.clone()).is_ok()).count()
            })
        };
        let second = own(&log, 1).unwrap();
        let head = second.head.seq.get();
        append(&log, next(second.epoch, (second.head.seq, second.head.hash))).unwrap();
        let landed = writer.join().unwrap() as u64;
        assert_eq!(landed, head, "what was acknowledged is what the new owner saw");
        assert_eq!(block_on(log.head()).unwrap().seq, Seq(head + 1));
    });
}

/// Readers see whole batches in order, from the beginning, whenever they look; the head is never
/// ahead of what can be read after it.
#[test]
fn readers_see_a_prefix() {
    explore("log: readers see a prefix", || {
        let store = store();
        let log = store.open();
        let epoch = own(&log, 1).unwrap().epoch;
        let reader = {
            let log: Arc<dyn Log> = store.open();
            thread::spawn(move || {
                for _ in 0..2 {
                    let head = block_on(log.head()).unwrap();
                    let read = block_on(log.read(Seq(1), usize::MAX)).unwrap();
                    assert!(read.len() as u64 >= head.seq.get());
                    assert_eq!(read, batches(epoch, read.len() as u64));
                }
            })
        };
        for batch in batches(epoch, 3) {
            append(&log, batch).unwrap();
        }
        reader.join().unwrap();
    });
}
