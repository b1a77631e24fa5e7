//! The two ways of stopping an attempt: a handler that listens, an executor that waits, and whoever
//! stops them.

use shuttle::future::block_on;
use shuttle::thread;

use super::explore;
use crate::attempt::Stop;

/// CANCEL-1: whoever waits to be stopped is, whenever it began to wait; and what has to stop was asked
/// to come to an end before.
#[test]
fn a_stop_is_never_missed() {
    explore("stop: it is never missed", || {
        let stop = Stop::default();
        let listening = {
            let stop = stop.clone();
            thread::spawn(move || block_on(stop.asked().cancelled()))
        };
        let waiting = {
            let stop = stop.clone();
            thread::spawn(move || {
                block_on(stop.stopped());
                assert!(stop.is_stopped());
                assert!(stop.asked().is_cancelled(), "it was stopped without being asked");
            })
        };
        stop.now();
        listening.join().unwrap();
        waiting.join().unwrap();
    });
}

/// Asking a handler to come to an end wakes it and stops nobody.
#[test]
fn asking_stops_nobody() {
    explore("stop: asking stops nobody", || {
        let stop = Stop::default();
        let listening = {
            let stop = stop.clone();
            thread::spawn(move || {
                block_on(stop.asked().cancelled());
                assert!(!stop.is_stopped());
            })
        };
        stop.wind_down();
        listening.join().unwrap();
    });
}
