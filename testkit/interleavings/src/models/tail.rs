//! The hub and the tails that follow it: one writer, several followers.

use shuttle::future::block_on;
use shuttle::thread;

use artel_core::ids::Seq;

use super::explore;
use super::logs::{append, batches, own, store};
use crate::hub::Hub;
use crate::tail::Tail;

/// TAIL-1: each follower is given every durable event once, in order, and then the end, whenever it
/// began; nobody waits for ever.
#[test]
fn followers_see_every_event_once() {
    explore("tail: followers see every event once", || {
        let store = store();
        let log = store.open();
        let epoch = own(&log, 1).unwrap().epoch;
        let hub = Hub::at(Seq(0));
        let followers: Vec<_> = (0..2)
            .map(|_| {
                let mut tail = Tail::follow(store.open(), hub.subscribe(), Seq(1));
                let hub = hub.clone();
                thread::spawn(move || {
                    let mut seen = 0;
                    while let Some(entry) = block_on(tail.next()).unwrap() {
                        seen += 1;
                        assert_eq!(entry.seq, Seq(seen));
                        assert!(hub.durable() >= entry.seq, "it was shown before it was durable");
                    }
                    seen
                })
            })
            .collect();
        for (number, batch) in (1..).zip(batches(epoch, 2)) {
            append(&log, batch).unwrap();
            hub.advance(Seq(number));
        }
        hub.end();
        for follower in followers {
            assert_eq!(follower.join().unwrap(), 2);
        }
    });
}

/// Followers also end when the hub is dropped without a word.
#[test]
fn followers_end_with_their_hub() {
    explore("tail: followers end with their hub", || {
        let store = store();
        let log = store.open();
        let epoch = own(&log, 1).unwrap().epoch;
        let hub = Hub::at(Seq(0));
        let mut tail = Tail::follow(store.open(), hub.subscribe(), Seq(1));
        let follower = thread::spawn(move || {
            let mut seen = 0;
            while let Some(entry) = block_on(tail.next()).unwrap() {
                seen += 1;
                assert_eq!(entry.seq, Seq(seen));
            }
            seen
        });
        append(&log, batches(epoch, 1).remove(0)).unwrap();
        hub.advance(Seq(1));
        drop(hub);
        // A hub that is gone says nothing of what it had said last.
        assert!(follower.join().unwrap() <= 1);
    });
}

/// How far the log is durable never goes back, whoever says so first.
#[test]
fn the_hub_never_goes_back() {
    explore("hub: it never goes back", || {
        let hub = Hub::at(Seq(0));
        let told = [Seq(2), Seq(1)].map(|seq| {
            let hub = hub.clone();
            thread::spawn(move || hub.advance(seq))
        });
        let before = hub.durable();
        assert!(hub.durable() >= before);
        told.into_iter().for_each(|told| told.join().unwrap());
        assert_eq!(hub.durable(), Seq(2));
    });
}
