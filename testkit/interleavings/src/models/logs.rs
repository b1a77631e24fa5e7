//! Logs in memory and valid batches for them.

use std::sync::Arc;

use bytes::Bytes;
use shuttle::future::block_on;
use uuid::Uuid;

use artel_core::envelope::Actor;
use artel_core::event::Event;
use artel_core::hash::Hash;
use artel_core::ids::{CommandId, Epoch, Incarnation, ProcessId, Seq};
use artel_core::log::{Append, Claim, Error, Log, Ownership, Rows};
use artel_core::names::{BoardName, ProgramName};
use artel_core::record::{Batch, Decision, Encoder, Place, genesis};
use artel_core::time::{Elapsed, Timestamp};

use crate::memory::Store;
use crate::open::CreateBoard;

const INCARNATION: Incarnation = Incarnation::new(Uuid::from_u128(9));

pub(super) fn store() -> Store {
    let board = BoardName::new("modelled").unwrap();
    Store::new(CreateBoard { board, incarnation: INCARNATION, dev: false })
}

/// Takes a log over for the process of this number.
pub(super) fn own(log: &Arc<dyn Log>, process: u128) -> Result<Ownership, Error> {
    let claim = Claim {
        process: ProcessId::new(Uuid::from_u128(process)),
        program: ProgramName::new("model").unwrap(),
        endpoint: None,
    };
    block_on(log.own(claim))
}

/// Batches of one event each that follow each other from the beginning of a log.
pub(super) fn batches(epoch: Epoch, count: u64) -> Vec<Batch> {
    let mut previous = genesis(INCARNATION);
    let sealed = (1..=count).map(|number| {
        let batch = Batch::seal(
            Place { epoch, first: Seq(number), last: Seq(number), at: at(number), previous },
            bytes(number),
        );
        previous = batch.header.hash;
        batch
    });
    sealed.collect()
}

/// The batch that follows what a log has.
pub(super) fn next(epoch: Epoch, (seq, hash): (Seq, Hash)) -> Batch {
    let (first, number) = (seq.next(), seq.next().get());
    let place = Place { epoch, first, last: first, at: at(number), previous: hash };
    Batch::seal(place, bytes(number))
}

fn at(number: u64) -> Timestamp {
    Timestamp(i64::try_from(number).unwrap())
}

fn bytes(number: u64) -> Bytes {
    let mut encoder = Encoder::default();
    encoder.push(&Decision {
        command: CommandId::new(Uuid::from_u128(u128::from(number))),
        actor: Actor::Board,
        at: at(number),
        elapsed: Elapsed(number),
        correlation: None,
        trace: None,
        events: vec![Event::ClockJumped { by_ms: 70_000 }],
    });
    encoder.take()
}

pub(super) fn append(log: &Arc<dyn Log>, batch: Batch) -> Result<(), Error> {
    block_on(log.append(Append { batch, rows: Rows::default() }))
}
