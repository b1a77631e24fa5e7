//! The library: boards, agents, handlers, and everything that a program does with them.
//!
#![doc = include_str!("../README.md")]

mod adopting;
mod agent;
mod attempt;
mod best_of;
mod board;
mod caretaker;
mod clock;
mod committer;
mod config;
mod context;
mod dead_letter;
mod debts;
mod dependency;
mod entropy;
mod error;
mod examine;
mod expiry;
mod group;
mod handler;
mod health;
mod history;
mod judge;
mod kept;
mod letters;
mod moving;
mod operator;
mod options;
mod output;
mod owned;
mod patience;
mod program;
mod publication;
mod query;
mod reader;
mod redrive;
mod report;
mod running;
mod settlement;
mod share;
mod shutdown;
mod sight;
mod snapshotter;
mod stand_by;
mod start;
mod stored;
mod submit;
mod tasks;
mod types;
mod verify;
#[cfg(feature = "webhooks")]
mod webhook;

pub use artel_core::artifact::{
    Artifact, Checked, ErasedArtifact, PayloadError, TypeDescriptor, UpcastError, Upcasters,
    descriptor,
};
pub use artel_core::classify::{Causes, Classify, Error, Failed, ResultExt, kind_of};
pub use artel_core::command::{Receipt, Rejection};
pub use artel_core::output_rule::OutputCount;
pub use artel_core::outputs::{IntoOutputs, OutputSink};
pub use artel_core::policy::{
    Backoff, Bounds, Breaker, ErrorKind, Jitter, RateLimit, Retry, Trip, limits,
};
pub use artel_core::trace::{TraceContext, TraceError};
pub use artel_core::{
    board as state, definition, envelope, event, finding, fingerprint, hash, ids, key, log, names,
    output_rule, predicate, record, schema, step, time, visibility,
};
pub use artel_eventbus::{Entry, Tail, TailError};
pub use artel_macros::{Artifact, Outputs};
pub use artel_persistence::memory::Store as MemoryStore;
pub use artel_persistence::{BoardThere, CreateBoard, Mark, boards, remove, without_secrets};

pub use adopting::{AdoptError, Adopted, adopt_board};
pub use agent::{AgentBuilder, Subscribed};
pub use best_of::Candidate;
pub use board::{Board, BoardBuilder};
pub use caretaker::{CaretakeError, Caretaker};
pub use clock::SystemClock;
pub use config::board_url;
pub use context::{BoardView, Context};
pub use dead_letter::DeadLetter;
pub use dependency::Dependency;
pub use entropy::{Entropy, OsEntropy};
pub use error::{
    LoadError, OpenError, OperateError, PublishError, ReadError, StartError, TakeOverError,
};
pub use examine::examine;
pub use group::Group;
pub use handler::{Handler, Stateful, Stateless};
pub use health::Health;
pub use history::{ActivationView, AttemptView, Intervened, Intervention, LimitView, Standing};
pub use letters::{DeadLetterFilter, DeadLetterGroup, DeadLetterGroups};
pub use moving::{MoveError, Moved, move_board};
pub use operator::Operator;
pub use output::Output;
pub use publication::Publication;
pub use query::{Listing, Query};
pub use reader::{ActivationFilter, ActivationListing, Reader};
pub use redrive::{Bulk, Redrive};
pub use report::{AttemptReport, CandidateReport, KeptOutput, Withheld};
pub use running::{Running, Status};
pub use settlement::Settlement;
pub use share::{Shared, SharedEnded};
pub use shutdown::Shutdown;
pub use sight::{Events, Seen};
pub use stored::Stored;
pub use types::{ReadAs, TypeCheck, TypeChecked, TypeFailure, TypeView, TypesChecked};
pub use verify::{Verified, VerifiedStore, VerifyError};
#[cfg(feature = "webhooks")]
pub use webhook::Webhook;

#[doc(hidden)]
pub mod __private {
    //! What derived code refers to. Not part of the interface.
    pub use artel_core::*;
}

#[cfg(doctest)]
#[doc = include_str!("../docs/guide.md")]
struct Guide;
