//! The hub: says how far the log is durable. It carries no events, only "look again".

use tokio::sync::watch;

use artel_core::ids::Seq;

/// How far a board's log is durable, for everybody who follows it.
#[derive(Clone, Debug)]
pub struct Hub {
    extent: watch::Sender<Extent>,
}

/// What followers are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// How far the log is durable.
    pub durable: Seq,
    /// Whether nothing more comes from this owner.
    pub ended: bool,
}

impl Hub {
    /// A hub for a log that is durable up to this seq.
    #[must_use]
    pub fn at(seq: Seq) -> Self {
        Self { extent: watch::channel(Extent { durable: seq, ended: false }).0 }
    }

    /// The log is durable up to here now. Wakes those who follow; never waits.
    pub fn advance(&self, seq: Seq) {
        self.extent.send_if_modified(|extent| {
            let news = seq > extent.durable;
            extent.durable = seq.max(extent.durable);
            news
        });
    }

    /// Nothing more comes: those who follow end once they have what is there.
    pub fn end(&self) {
        self.extent.send_modify(|extent| extent.ended = true);
    }

    /// How far the log is durable.
    #[must_use]
    pub fn durable(&self) -> Seq {
        self.extent.borrow().durable
    }

    /// A receiver that is told whenever the log has become longer, and of its end.
    #[must_use]
    pub fn subscribe(&self) -> watch::Receiver<Extent> {
        self.extent.subscribe()
    }
}
