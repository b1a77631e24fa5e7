//! What a log in memory holds: the rows in order of seq, and an index for each question that is
//! asked of them. A row is known by its place in its list, which never changes, because nothing is
//! ever taken out. The indexes are trees and not hash tables: a table that outgrows its memory moves
//! all of its entries at once, and with a million of them an append would wait for that.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use smallvec::SmallVec;

use artel_core::content::Content;
use artel_core::envelope::Draft;
use artel_core::ids::{
    ActivationId, AgentNo, ArtifactId, CorrelationId, Epoch, ProcessId, Seq, TypeNo,
};
use artel_core::log::{
    ClosedActivation, ContentRow, Existing, Head, Log, Outcome, Owner, Snapshot, StoredArtifact,
};
use artel_core::names::{IdempotencyKey, Tag};
use artel_core::record::{Batch, genesis};
use artel_core::time::Timestamp;

use super::handle::MemoryLog;
use super::segments::Segments;
use crate::open::CreateBoard;

/// A log in memory, apart from the handles to it: as long as one of them is there, so is the log.
#[derive(Clone)]
pub struct Store {
    shared: Arc<Shared>,
}

impl Store {
    /// Makes an empty log.
    #[must_use]
    pub fn new(create: CreateBoard) -> Self {
        let state = Mutex::new(State::new(create));
        Self { shared: Arc::new(Shared { state, handles: AtomicU64::new(0) }) }
    }

    /// A further handle, as another process would have it: only one of them can own the board, and
    /// dropping the one that does gives it up.
    #[must_use]
    pub fn open(&self) -> Arc<dyn Log> {
        let number = self.shared.handles.fetch_add(1, Ordering::Relaxed);
        Arc::new(MemoryLog::new(Arc::clone(&self.shared), number))
    }
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").finish_non_exhaustive()
    }
}

pub(super) struct Shared {
    state: Mutex<State>,
    handles: AtomicU64,
}

impl Shared {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing that is done under this lock panics")
    }
}

/// A place in a list of [`State`].
pub(super) type Place = u32;

/// Places in [`State::artifacts`], ascending.
pub(super) type Places = Vec<Place>;

pub(super) struct State {
    pub(super) head: Head,
    pub(super) owner: Option<Held>,
    pub(super) batches: Segments<Batch>,
    pub(super) artifacts: Segments<Artifact>,
    pub(super) ids: BTreeMap<ArtifactId, Place>,
    pub(super) types: BTreeMap<TypeNo, Places>,
    pub(super) agents: BTreeMap<AgentNo, Places>,
    pub(super) tags: BTreeMap<Tag, Places>,
    pub(super) trees: BTreeMap<CorrelationId, Tree>,
    pub(super) keys: BTreeMap<IdempotencyKey, Place>,
    pub(super) contents: Segments<ContentRow>,
    /// In the order in which they were closed. One that was opened again stays as a left-over.
    pub(super) closed_rows: Segments<ClosedActivation>,
    pub(super) closed: BTreeMap<ActivationId, Place>,
    pub(super) not_done: BTreeSet<ActivationId>,
    pub(super) worked_on: BTreeMap<Seq, SmallVec<[ActivationId; 2]>>,
    /// Ascending, at most two.
    pub(super) snapshots: Vec<Snapshot>,
}

/// An ownership.
pub(super) struct Held {
    pub(super) handle: u64,
    pub(super) process: ProcessId,
    pub(super) owner: Owner,
}

#[derive(Clone)]
pub(super) struct Artifact {
    pub(super) seq: Seq,
    pub(super) at: Timestamp,
    pub(super) draft: Arc<Draft>,
    pub(super) payload: Content,
}

/// What is known of one tree of work.
#[derive(Default)]
pub(super) struct Tree {
    pub(super) artifacts: SmallVec<[Place; 4]>,
    /// In the order in which they were closed; one that was closed again is in it twice.
    pub(super) closed: SmallVec<[ActivationId; 2]>,
    pub(super) dead: u32,
    pub(super) cancelled: bool,
}

impl State {
    fn new(create: CreateBoard) -> Self {
        let head = Head {
            hash: genesis(create.incarnation),
            board: create.board,
            incarnation: create.incarnation,
            dev: create.dev,
            epoch: Epoch(0),
            seq: Seq(0),
            at: Timestamp(0),
            regressed: None,
        };
        Self {
            head,
            owner: None,
            batches: Segments::default(),
            artifacts: Segments::default(),
            ids: BTreeMap::new(),
            types: BTreeMap::new(),
            agents: BTreeMap::new(),
            tags: BTreeMap::new(),
            trees: BTreeMap::new(),
            keys: BTreeMap::new(),
            contents: Segments::default(),
            closed_rows: Segments::default(),
            closed: BTreeMap::new(),
            not_done: BTreeSet::new(),
            worked_on: BTreeMap::new(),
            snapshots: Vec::new(),
        }
    }

    pub(super) fn artifact(&self, place: Place) -> &Artifact {
        &self.artifacts[place as usize]
    }

    /// A closed activation, if it is not open again.
    pub(super) fn closed(&self, activation: ActivationId) -> Option<&ClosedActivation> {
        self.closed.get(&activation).map(|&place| &self.closed_rows[place as usize])
    }

    /// Takes a closed activation out of what is closed, if it is there.
    pub(super) fn reopen(&mut self, activation: ActivationId) {
        let Some(place) = self.closed.remove(&activation) else { return };
        self.not_done.remove(&activation);
        let closed = &self.closed_rows[place as usize];
        if let (Outcome::Dead(_), Some(tree)) =
            (closed.outcome, self.trees.get_mut(&closed.correlation))
        {
            tree.dead -= 1;
        }
    }
}

/// The place of the next row of a list.
///
/// # Panics
/// When the list has four thousand million rows, which no memory holds.
pub(super) fn next_place<T>(list: &Segments<T>) -> Place {
    Place::try_from(list.len()).expect("memory ends before the places do")
}

impl Artifact {
    pub(super) fn existing(&self) -> Existing {
        let envelope = &self.draft.envelope;
        Existing {
            seq: self.seq,
            id: envelope.id,
            type_no: envelope.type_no,
            correlation: envelope.correlation,
            salt: Some(self.payload.salt()),
            hash: envelope.payload_hash,
        }
    }

    /// The artifact as it is handed out. Copies the envelope: do it when the lock is free again.
    pub(super) fn stored(&self) -> StoredArtifact {
        StoredArtifact {
            seq: self.seq,
            at: self.at,
            envelope: self.draft.envelope.clone(),
            payload: Some(self.payload.bytes().clone()),
        }
    }
}
