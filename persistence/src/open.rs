//! The public entry: logs by URL. Called by the runtime when it starts and by the tools.

use std::sync::Arc;

use artel_core::finding::Finding;
use artel_core::ids::{Epoch, Incarnation};
use artel_core::log::{Error, Log};
use artel_core::names::BoardName;
use artel_core::time::Clock;

use crate::boards::BoardThere;
use crate::mark::Mark;
use crate::memory;
#[cfg(feature = "postgres")]
use crate::postgres;
#[cfg(feature = "redis")]
use crate::redis;
#[cfg(feature = "sqlite")]
use crate::sqlite;
use crate::url::{self, Location};

/// A board that is to be made where there is none.
#[derive(Clone, Debug)]
pub struct CreateBoard {
    /// What it is called.
    pub board: BoardName,
    /// The identity of its log: random, never used before.
    pub incarnation: Incarnation,
    /// Made in development mode: a changed schema may move the whole log aside.
    pub dev: bool,
}

/// How to open a log.
#[derive(Clone, Debug)]
pub struct OpenOptions {
    pub(crate) mode: Mode,
    #[cfg_attr(
        not(any(feature = "postgres", feature = "redis", feature = "sqlite")),
        expect(dead_code, reason = "a log in memory is not moved")
    )]
    pub(crate) moving: Moving,
}

/// Whether whoever opens a log moves the board, or lets it go on without what it has lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Moving {
    No,
    /// Away from here.
    Away,
    /// Here, from there.
    Here {
        from: String,
    },
    /// Nowhere: it is taken as it is.
    Adopted,
}

#[cfg(any(feature = "postgres", feature = "redis", feature = "sqlite"))]
impl Moving {
    /// What the mark of a board begins with that may be owned all the same; empty where none may.
    pub(crate) const fn bears(&self) -> &'static str {
        match self {
            Self::No => "",
            Self::Away => crate::mark::MOVED,
            Self::Here { .. } => crate::mark::ARRIVING,
            Self::Adopted => crate::mark::REGRESSED,
        }
    }

    /// The mark of a board that is made.
    pub(crate) fn first_mark(&self) -> Option<Mark> {
        match self {
            Self::Here { from } => Some(Mark::Arriving { from: from.clone() }),
            Self::No | Self::Away | Self::Adopted => None,
        }
    }

    /// By how much owning raises the epoch. Who moves a board here begins with the epoch that it has: what
    /// another one who moved it had under way there is what this one appends too.
    pub(crate) const fn step(&self, owns: bool) -> u8 {
        match self {
            Self::Here { .. } if !owns => 0,
            Self::Here { .. } | Self::No | Self::Away | Self::Adopted => 1,
        }
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Mode {
    Existing,
    ReadOnly,
    Create(CreateBoard),
}

impl OpenOptions {
    /// Opens a log that is there.
    #[must_use]
    pub const fn existing() -> Self {
        Self { mode: Mode::Existing, moving: Moving::No }
    }

    /// Opens a log that is there, and never writes to it: for a look at a board that another
    /// process may own.
    #[must_use]
    pub const fn read_only() -> Self {
        Self { mode: Mode::ReadOnly, moving: Moving::No }
    }

    /// Opens a log, and makes it first where there is none. The name and the identity of a log that
    /// is there stay what they are.
    #[must_use]
    pub const fn create(board: CreateBoard) -> Self {
        Self { mode: Mode::Create(board), moving: Moving::No }
    }

    /// Opens a log from which the board is moved away, also when it was marked as moved before.
    #[must_use]
    pub const fn leaving() -> Self {
        Self { mode: Mode::Existing, moving: Moving::Away }
    }

    /// Opens a log to which a board is on its way, to remove what has arrived.
    #[cfg(feature = "redis")]
    pub(crate) const fn resuming(from: String) -> Self {
        Self { mode: Mode::Existing, moving: Moving::Here { from } }
    }

    /// Opens a log to let its board go on without what it has lost, also when it was marked as
    /// [`Mark::Regressed`].
    #[must_use]
    pub const fn adopting() -> Self {
        Self { mode: Mode::Existing, moving: Moving::Adopted }
    }

    /// Opens a log that a board is moved to, from a place that is named without secrets, and makes it first
    /// where there is none, marked as [`Mark::Arriving`].
    ///
    /// Who owns it by this handle for the first time gets the epoch that it has, and the next one each time
    /// after that: so the batches of each epoch can be appended as they are.
    #[must_use]
    pub const fn arriving(board: CreateBoard, from: String) -> Self {
        Self { mode: Mode::Create(board), moving: Moving::Here { from } }
    }
}

/// Opens the log that a URL names:
///
/// - `memory:` is a new log each time, so it has to be created; it ends with its handle.
///   [`memory::Store`] keeps one for several handles.
/// - `sqlite:PATH` is a file. `?synchronous=normal` is its weaker mode: an acknowledged append then
///   survives the process, but not the machine.
/// - `postgres://[USER[:PASSWORD]@]HOST[:PORT]/DATABASE` is a board on a PostgreSQL server, with the
///   parameters `board` (`main`), `schema` (`artel`), `ownership` (`10s`), `durability` (`host`, or the weaker
///   `process`), `connections` (10), and some of PostgreSQL's own, such as `sslmode`.
/// - `redis://[USER:PASSWORD@]HOST[:PORT][/DB]`, encrypted as `rediss://`, is a board on a Redis server or
///   cluster, with the parameters `board` (`main`), `prefix` (`artel`), `ownership` (`10s`), `durability`
///   (`host`, or the weaker `process`), `replicas` (0), `passfile` and `cacert`.
///
/// # Errors
/// [`Error::Url`] when the URL names no backend of this build; [`Error::Missing`] when there is no
/// log and none was to be made; [`Error::Foreign`], [`Error::Newer`] and [`Error::Damaged`] when
/// what lies there cannot be used (it is left as it is); [`Error::Moved`] when the board goes on elsewhere, unless it
/// is only to be read; [`Error::Regressed`] when it has lost its end, likewise; [`Error::Unfinished`] while it is on
/// its way here; [`Error::Owned`] while another process is
/// making or upgrading it; [`Error::Unavailable`] when it cannot be reached.
pub async fn open(url: &str, options: OpenOptions) -> Result<Arc<dyn Log>, Error> {
    match url::parse(url)? {
        Location::Memory => match options.mode {
            Mode::Create(create) => Ok(memory::Store::new(create).open()),
            Mode::Existing | Mode::ReadOnly => Err(Error::Missing { place: url.to_owned() }),
        },
        #[cfg(feature = "sqlite")]
        Location::Sqlite(file) => {
            let log: Arc<dyn Log> = Arc::new(sqlite::open(file, options).await?);
            Ok(log)
        }
        #[cfg(feature = "postgres")]
        Location::Postgres(target) => {
            let log: Arc<dyn Log> = Arc::new(postgres::open(*target, options).await?);
            Ok(log)
        }
        #[cfg(feature = "redis")]
        Location::Redis(target) => {
            let log: Arc<dyn Log> = Arc::new(redis::open(*target, options).await?);
            Ok(log)
        }
    }
}

/// Removes a log with everything in it, and says where it lay. A link that led to it stays, and leads
/// nowhere.
///
/// # Errors
/// [`Error::Owned`] when a live process owns the board; [`Error::Missing`] when there is none;
/// [`Error::Foreign`] when something else lies there; [`Error::Unavailable`] when it cannot be
/// removed.
pub async fn remove(url: &str) -> Result<String, Error> {
    match url::parse(url)? {
        Location::Memory => Err(nothing_stays(url)),
        #[cfg(feature = "sqlite")]
        Location::Sqlite(file) => sqlite::remove(&file.path).await.map(|path| shown(&path)),
        #[cfg(feature = "postgres")]
        Location::Postgres(target) => postgres::remove(&target).await,
        #[cfg(feature = "redis")]
        Location::Redis(target) => redis::remove(&target).await,
    }
}

/// Moves a log that was created in development mode out of the way and says where it lies now.
///
/// # Errors
/// [`Error::NotDev`] when the board was not created in development mode; otherwise as for
/// [`remove`].
pub async fn move_aside(url: &str) -> Result<String, Error> {
    match url::parse(url)? {
        Location::Memory => Err(nothing_stays(url)),
        #[cfg(feature = "sqlite")]
        Location::Sqlite(file) => sqlite::move_aside(&file.path).await.map(|path| shown(&path)),
        #[cfg(feature = "postgres")]
        Location::Postgres(target) => postgres::move_aside(&target).await,
        #[cfg(feature = "redis")]
        Location::Redis(target) => redis::move_aside(&target).await,
    }
}

/// Marks a board, or takes its mark away, if it still has this epoch: so only its owner does.
///
/// # Errors
/// [`Error::Fenced`] when it has another epoch; [`Error::Url`] for a log in memory, which is never moved;
/// [`Error::Unavailable`] when the place cannot be reached: the mark may have been set then.
pub async fn mark(url: &str, epoch: Epoch, mark: Option<Mark>) -> Result<(), Error> {
    #[cfg(not(any(feature = "postgres", feature = "redis", feature = "sqlite")))]
    let _ = (epoch, mark);
    match url::parse(url)? {
        Location::Memory => Err(nothing_stays(url)),
        #[cfg(feature = "sqlite")]
        Location::Sqlite(file) => sqlite::mark(&file, epoch, mark).await,
        #[cfg(feature = "postgres")]
        Location::Postgres(target) => postgres::mark(&target, epoch, mark).await,
        #[cfg(feature = "redis")]
        Location::Redis(target) => redis::mark(&target, epoch, mark).await,
    }
}

/// The mark of a board; none where it has none.
///
/// # Errors
/// [`Error::Missing`] when there is no board; otherwise as for [`open`].
pub async fn marked(url: &str) -> Result<Option<Mark>, Error> {
    match url::parse(url)? {
        Location::Memory => Err(nothing_stays(url)),
        #[cfg(feature = "sqlite")]
        Location::Sqlite(file) => sqlite::marked(&file).await,
        #[cfg(feature = "postgres")]
        Location::Postgres(target) => postgres::marked(&target).await,
        #[cfg(feature = "redis")]
        Location::Redis(target) => redis::marked(&target).await,
    }
}

/// Lists the boards at a place, by name: those of a server's schema, or under its prefix, whichever of them the URL
/// names; in a file, the one that is there. Nobody is disturbed. On Redis every key of the server is looked at, some at
/// a time.
///
/// # Errors
/// [`Error::Url`] when the URL names no backend of this build, or a log in memory; [`Error::Missing`] when there is
/// no file; [`Error::Unavailable`] when the place cannot be reached.
pub async fn boards(url: &str) -> Result<Vec<BoardThere>, Error> {
    match url::parse(url)? {
        Location::Memory => Err(nothing_stays(url)),
        #[cfg(feature = "sqlite")]
        Location::Sqlite(file) => sqlite::boards(file).await,
        #[cfg(feature = "postgres")]
        Location::Postgres(target) => postgres::boards(&target).await,
        #[cfg(feature = "redis")]
        Location::Redis(target) => redis::boards(&target).await,
    }
}

/// Looks at the place of a board: at the server or the disk, at what its settings promise, at who owns the
/// board and how much there is. Nothing is written to any board, and no owner is disturbed. What keeps the
/// rest from being looked at is a finding too, and the last one.
///
/// # Errors
/// [`Error::Url`] when the URL names no backend of this build, or a log in memory; [`Error::Unavailable`]
/// when the place cannot be reached.
pub async fn examine(url: &str, clock: &dyn Clock) -> Result<Vec<Finding>, Error> {
    #[cfg(not(any(feature = "postgres", feature = "redis")))]
    let _ = clock;
    match url::parse(url)? {
        Location::Memory => Err(nothing_stays(url)),
        #[cfg(feature = "sqlite")]
        Location::Sqlite(file) => sqlite::examine(&file).await,
        #[cfg(feature = "postgres")]
        Location::Postgres(target) => postgres::examine(&target, clock).await,
        #[cfg(feature = "redis")]
        Location::Redis(target) => redis::examine(&target, clock).await,
    }
}

/// A path as it is told.
#[cfg(feature = "sqlite")]
fn shown(path: &std::path::Path) -> String {
    path.display().to_string()
}

fn nothing_stays(url: &str) -> Error {
    let problem = "a log in memory ends with its process and leaves nothing behind".to_owned();
    Error::Url { url: url.to_owned(), problem }
}
