//! The hub: says how far the log is durable. It carries no events, only "look again".

use tokio::sync::watch;

use artel_core::ids::Seq;

/// How far a board's log is durable, for everybody who follows it.
#[derive(Clone, Debug)]
pub struct Hub {
    durable: watch::Sender<Seq>,
}

impl Hub {
    /// A hub for a log that is durable up to this seq.
    #[must_use]
    pub fn at(seq: Seq) -> Self {
        Self { durable: watch::Sender::new(seq) }
    }

    /// The log is durable up to here now. Wakes those who follow; never waits.
    pub fn advance(&self, seq: Seq) {
        self.durable.send_if_modified(|durable| {
            let news = seq > *durable;
            *durable = seq.max(*durable);
            news
        });
    }

    /// How far the log is durable.
    #[must_use]
    pub fn durable(&self) -> Seq {
        *self.durable.borrow()
    }

    /// A receiver that is told whenever the log has become longer.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Seq> {
        self.durable.subscribe()
    }
}
