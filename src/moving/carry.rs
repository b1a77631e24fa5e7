//! The move itself: reads ahead while it appends, and compares both logs at the end.

use std::sync::Arc;

use artel_core::board::State;
use artel_core::hash::Hash;
use artel_core::ids::{Incarnation, Seq};
use artel_core::log::{Append, Error, Head, Log};
use artel_persistence::{CreateBoard, Mark, OpenOptions, without_secrets};

use super::MoveError;
use super::part::{Cannot, Part};
use crate::committer::{Loaded, load};
use crate::owned::Owned;

/// What whoever moves a board calls itself.
const MOVER: &str = "artel-board-move";
/// How many bytes of the log are on their way at a time.
const READ_LEN: usize = 1024 * 1024;

/// A board that was moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// The last event: all up to it are there.
    pub seq: Seq,
    /// How far an earlier call had come; 0 when this was the first.
    pub from: Seq,
    /// How many batches this call brought.
    pub batches: u64,
    /// How many artifacts it brought, with their payloads.
    pub artifacts: u64,
    /// The hash of the last batch, the same in both logs.
    pub hash: Hash,
    /// The hash of the state, the same in both logs.
    pub state_hash: Hash,
}

/// Where a board is moved from and to.
struct Places<'a> {
    from: &'a str,
    to: &'a str,
}

impl Places<'_> {
    fn source(&self, source: Error) -> MoveError {
        MoveError::Source { place: shown(self.from), source }
    }

    fn target(&self, source: Error) -> MoveError {
        MoveError::Target { place: shown(self.to), source }
    }
}

/// Moves the board at one URL to another, where none may be yet: with its identity, its seqs and everything
/// beside its log but snapshots, which are made anew. Nobody may own the board, and nobody can meanwhile.
///
/// A call that was cut off, by whatever, is given again: it goes on where that one stopped. Until the end
/// the target is refused as [`Error::Unfinished`] to everybody else; from the end on the source is refused
/// as [`Error::Moved`] to whoever would go on with it, can still be read, and can be removed. At the end
/// the hashes of both logs and of both states are compared. `progress` is told how far it has come, and
/// the last seq.
///
/// # Errors
/// When either log cannot be used, the source has an owner, there is a board at the target already, or what has
/// arrived is not what was sent.
pub async fn move_board(
    from: &str,
    to: &str,
    mut progress: impl FnMut(Seq, Seq) + Send,
) -> Result<Moved, MoveError> {
    let places = Places { from, to };
    let source = artel_persistence::open(from, OpenOptions::leaving()).await;
    let source = source.map_err(|error| places.source(error))?;
    let head = source.head().await.map_err(|error| places.source(error))?;
    if let Some(done) = look(&places, &source, &head).await? {
        source.close().await;
        return Ok(done);
    }
    // Where somebody owns it, nothing is begun.
    let mut source = Owned::take(source, MOVER).await.map_err(|error| places.source(error))?;
    let board = CreateBoard { board: head.board, incarnation: head.incarnation, dev: head.dev };
    let options = OpenOptions::arriving(board, shown(from));
    // It may have to wait for the end of an ownership there.
    let log = source.log.clone();
    let begun = tokio::select! {
        begun = begin(&places, options, head.incarnation) => begun,
        () = log.keep() => Err(MoveError::Lost),
    };
    let mut target = match begun {
        Ok(target) => target,
        Err(error) => {
            source.close().await;
            return Err(error);
        }
    };
    let logs = (source.log.clone(), target.log.clone());
    let moved = tokio::select! {
        moved = carry(&places, &mut source, &mut target, &mut progress) => moved,
        () = logs.0.keep() => Err(MoveError::Lost),
        () = logs.1.keep() => Err(MoveError::Lost),
    };
    source.close().await;
    target.close().await;
    moved
}

/// The place where the board arrives, owned.
async fn begin(
    places: &Places<'_>,
    options: OpenOptions,
    incarnation: Incarnation,
) -> Result<Owned, MoveError> {
    let target = artel_persistence::open(places.to, options).await;
    let target = target.map_err(|error| places.target(error))?;
    if identity(places, &target).await? != incarnation {
        return Err(MoveError::Another { place: shown(places.to) });
    }
    Owned::take(target, MOVER).await.map_err(|error| places.target(error))
}

/// A place as it is told and marked: the path of a file as a whole, so that it means the same elsewhere.
fn shown(url: &str) -> String {
    let Some(path) = url.strip_prefix("sqlite:") else { return without_secrets(url) };
    let (path, parameters) = path.split_at(path.find('?').unwrap_or(path.len()));
    let whole = std::path::absolute(path.strip_prefix("//").unwrap_or(path));
    whole.map_or_else(|_| url.to_owned(), |path| format!("sqlite:{}{parameters}", path.display()))
}

async fn identity(places: &Places<'_>, target: &Arc<dyn Log>) -> Result<Incarnation, MoveError> {
    let head = target.head().await.map_err(|error| places.target(error))?;
    Ok(head.incarnation)
}

/// Looks whether the board may be moved there at all; what was done, where an earlier call came to its end.
async fn look(
    places: &Places<'_>,
    source: &Arc<dyn Log>,
    head: &Head,
) -> Result<Option<Moved>, MoveError> {
    let (place, to) = (shown(places.from), shown(places.to));
    let left = artel_persistence::marked(places.from).await;
    let left = left.map_err(|error| places.source(error))?;
    match (&left, artel_persistence::marked(places.to).await) {
        (Some(Mark::Arriving { from }), _) => {
            Err(places.source(Error::Unfinished { place, from: from.clone() }))
        }
        (Some(Mark::Regressed { known }), _) => {
            Err(places.source(Error::Regressed { place, known: *known }))
        }
        (Some(Mark::Moved { to: there }), Ok(_)) if *there != to => {
            Err(places.source(Error::Moved { place, to: there.clone() }))
        }
        (Some(Mark::Moved { to: there }), Err(Error::Missing { .. })) => {
            Err(places.source(Error::Moved { place, to: there.clone() }))
        }
        (None | Some(Mark::Moved { .. }), Ok(Some(Mark::Arriving { .. })))
        | (None, Err(Error::Missing { .. })) => Ok(None),
        (Some(Mark::Moved { .. }), Ok(None)) => {
            let seq = head.seq;
            let state_hash = fold(places.from, source).await?.state.hash();
            let (batches, artifacts, hash) = (0, 0, head.hash);
            Ok(Some(Moved { seq, from: seq, batches, artifacts, hash, state_hash }))
        }
        (_, Ok(None | Some(Mark::Moved { .. } | Mark::Regressed { .. }))) => {
            Err(MoveError::Occupied { place: to })
        }
        (_, Err(error)) => Err(places.target(error)),
    }
}

async fn fold(url: &str, log: &Arc<dyn Log>) -> Result<Loaded, MoveError> {
    let folded = load(&**log, Seq(u64::MAX)).await;
    folded.map_err(|source| MoveError::Fold { place: without_secrets(url), source })
}

/// Brings what is missing, compares, and lets the board go on there.
async fn carry(
    places: &Places<'_>,
    source: &mut Owned,
    target: &mut Owned,
    progress: &mut (impl FnMut(Seq, Seq) + Send),
) -> Result<Moved, MoveError> {
    let (end, begin) = (source.head.seq, target.head.seq);
    let loaded = load(&*source.log, begin).await;
    let loaded = loaded.map_err(|source| MoveError::Fold { place: shown(places.from), source })?;
    if (loaded.state.seq(), loaded.hash) != (begin, target.head.hash) {
        let (sent, arrived) = (loaded.hash, target.head.hash);
        return Err(MoveError::Differs { what: "hash of a batch", sent, arrived });
    }
    let mut moved = Moved {
        seq: end,
        from: begin,
        batches: 0,
        artifacts: 0,
        hash: source.head.hash,
        state_hash: loaded.state.hash(),
    };
    let mut state = loaded.state;
    let mut next = ahead(places, &source.log, &mut state).await?;
    while !next.is_empty() {
        let now = std::mem::take(&mut next);
        moved.batches += now.len() as u64;
        moved.artifacts += now.iter().map(|append| append.rows.artifacts.len() as u64).sum::<u64>();
        let append = async {
            for append in now {
                let last = append.batch.header.last;
                target.bring(append).await.map_err(|error| places.target(error))?;
                progress(last, end);
            }
            Ok(())
        };
        ((), next) = tokio::try_join!(append, ahead(places, &source.log, &mut state))?;
    }
    moved.state_hash = state.hash();
    compare(places, source, target, &moved).await?;
    finish(places, source, target).await?;
    Ok(moved)
}

/// The next piece of the log, ready to be appended; nothing at its end.
async fn ahead(
    places: &Places<'_>,
    log: &Arc<dyn Log>,
    state: &mut State,
) -> Result<Vec<Append>, MoveError> {
    let batches = log.read(state.seq().next(), READ_LEN).await;
    let mut part = Part::default();
    for batch in batches.map_err(|error| places.source(error))? {
        let taken = part.take(batch, state);
        taken.map_err(|source| MoveError::Fold { place: shown(places.from), source })?;
        if part.is_full() {
            break;
        }
        // The folding of a long piece must not keep the renewals of ownerships from their turn.
        tokio::task::yield_now().await;
    }
    part.fill(&**log).await.map_err(|cannot| match cannot {
        Cannot::Read(error) => places.source(error),
        Cannot::Find(what, seq) => MoveError::Missing { what, seq },
    })
}

/// Reads what has arrived from its beginning, and compares it with what was sent.
async fn compare(
    places: &Places<'_>,
    source: &Owned,
    target: &Owned,
    moved: &Moved,
) -> Result<(), MoveError> {
    let sent = source.log.head().await.map_err(|error| places.source(error))?;
    let arrived = target.log.head().await.map_err(|error| places.target(error))?;
    if (sent.seq, sent.hash, sent.at) != (arrived.seq, arrived.hash, arrived.at) {
        let (sent, arrived) = (sent.hash, arrived.hash);
        return Err(MoveError::Differs { what: "hash of the last batch", sent, arrived });
    }
    let (sent, arrived) = (moved.state_hash, fold(places.to, &target.log).await?.state.hash());
    if sent != arrived {
        return Err(MoveError::Differs { what: "hash of the state", sent, arrived });
    }
    Ok(())
}

/// Lets the board go on there, and not here: first not here.
async fn finish(places: &Places<'_>, source: &Owned, target: &mut Owned) -> Result<(), MoveError> {
    // Epochs go on where they were, so that none is there twice.
    target.reach(source.head.epoch).await.map_err(|error| places.target(error))?;
    let left = Mark::Moved { to: shown(places.to) };
    let left = artel_persistence::mark(places.from, source.head.epoch, Some(left)).await;
    left.map_err(|error| places.source(error))?;
    let arrived = artel_persistence::mark(places.to, target.head.epoch, None).await;
    arrived.map_err(|error| places.target(error))
}
