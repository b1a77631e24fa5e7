//! Owning a log in a file: a lock of the operating system on a file beside it, which ends with the
//! process whatever ends that, and the epoch in the head row, which every append checks. The lock
//! tells the living apart; the epoch keeps out what is still on its way.

use std::fs::{self, TryLockError};
use std::io::{ErrorKind, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};

use serde::{Deserialize, Serialize};

use artel_core::ids::{Epoch, ProcessId};
use artel_core::log::{Claim, Error, Owner, Ownership};

use super::error::{io, reading};
use super::file::beside;
use super::handle::SqliteLog;
use super::{mark, read};

/// How often the lock is tried while others only look whether it is held.
const TRIES_MAX: usize = 1_000;

/// Raises the epoch. What is marked is owned by whoever the mark is for alone.
const OWN: &str = "UPDATE head SET epoch = epoch + ?1 \
     WHERE mark IS NULL OR substr(mark, 1, length(?2)) = nullif(?2, '')";

pub(super) async fn own(log: &SqliteLog, claim: Claim) -> Result<Ownership, Error> {
    log.writable("own")?;
    let lock = log.owning.prepare(&log.path, claim.process)?;
    let mut writer = log.writer.check_out(&log.place).await?;
    // What is still under way on another connection either is in the file when this statement
    // begins, or finds the higher epoch there when it comes.
    let owned = sqlx::query(OWN)
        .bind(i64::from(log.moving.step(lock.is_none())))
        .bind(log.moving.bears())
        .execute(writer.connection())
        .await
        .map_err(|error| reading("own", &log.place, error))?;
    if owned.rows_affected() == 0 {
        // It was marked since this log was opened.
        let mark = mark::read(&log.place, writer.connection()).await?;
        writer.give_back();
        log.owning.lose();
        let missing = || Error::Missing { place: log.place.clone() };
        return Err(mark.map_or_else(missing, |mark| mark.refusal(&log.place)));
    }
    let head = read::end(&log.place, writer.connection()).await?;
    writer.give_back();
    let owner = Owner {
        pid: Some(std::process::id()),
        program: claim.program.as_str().to_owned(),
        endpoint: claim.endpoint,
    };
    if !log.owning.take(lock, (head.epoch, claim.process), &owner)? {
        return Err(log.closed_error());
    }
    Ok(Ownership { epoch: head.epoch, head })
}

/// What one log object knows of its ownership.
#[derive(Debug, Default)]
pub(super) struct Owning {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    lock: Option<Lock>,
    process: Option<ProcessId>,
    /// The epoch of the ownership; none when there is none.
    newest: Option<Epoch>,
    /// The epoch that appends may use; none while the outcome of one is unknown.
    usable: Option<Epoch>,
    /// Whether this object was closed, and must own nothing any more.
    closed: bool,
}

impl Owning {
    /// An append begins: takes the ownership along. False when there is none for it.
    pub(super) fn begin(&self, epoch: Epoch) -> bool {
        self.state().usable.take_if(|usable| *usable == epoch).is_some()
    }

    /// An append has a known outcome: brings the ownership back, unless there is a newer one.
    pub(super) fn settle(&self, epoch: Epoch) {
        let mut state = self.state();
        if state.newest == Some(epoch) {
            state.usable = Some(epoch);
        }
    }

    /// Gets the lock, unless this object has it; none when it has.
    fn prepare(&self, path: &Path, process: ProcessId) -> Result<Option<Lock>, Error> {
        let mut state = self.state();
        if state.lock.as_ref().is_some_and(|lock| !lock.counts()) {
            *state = State { closed: state.closed, ..State::default() };
        }
        if state.lock.is_none() {
            return Lock::acquire(path).map(Some);
        }
        if state.process != Some(process) {
            return Err(owned(path));
        }
        state.usable = None;
        Ok(None)
    }

    /// Owns the board from here on. False, and the lock is free again, when the object was closed
    /// meanwhile: nobody would give it up any more.
    fn take(
        &self,
        lock: Option<Lock>,
        (epoch, process): (Epoch, ProcessId),
        owner: &Owner,
    ) -> Result<bool, Error> {
        let mut state = self.state();
        if state.closed {
            return Ok(false);
        }
        if lock.is_some() {
            state.lock = lock;
        }
        if let Some(lock) = &mut state.lock {
            lock.write(owner)?;
        }
        state.process = Some(process);
        state.newest = Some(epoch);
        state.usable = Some(epoch);
        Ok(true)
    }

    /// Gives up the ownership under this epoch.
    pub(super) fn give_up(&self, epoch: Epoch) {
        let mut state = self.state();
        if state.newest == Some(epoch) {
            // What the file says of its last owner means nothing once the lock is free.
            *state = State { closed: state.closed, ..State::default() };
        }
    }

    /// Gives up whatever is owned: nobody is to own the board.
    pub(super) fn lose(&self) {
        let mut state = self.state();
        *state = State { closed: state.closed, ..State::default() };
    }

    /// Gives up whatever is owned, for good.
    pub(super) fn close(&self) {
        *self.state() = State { closed: true, ..State::default() };
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nothing that is done under this lock panics")
    }
}

/// The lock of an owner, held for as long as this value is there.
#[derive(Debug)]
pub(super) struct Lock {
    file: fs::File,
    path: PathBuf,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file is not enough: a child process that is being started at this moment has
        // a copy of it until it begins its own program, and the copy would hold the lock.
        let _ = self.file.unlock();
    }
}

/// What the owner writes into the file that it has locked.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    pid: u32,
    program: String,
    endpoint: Option<String>,
}

impl Lock {
    /// Locks the file beside the log. These are a few system calls that do not wait for anything.
    pub(super) fn acquire(log: &Path) -> Result<Self, Error> {
        let path = beside(log, "-owner");
        for _ in 0..TRIES_MAX {
            let mut options = fs::File::options();
            let options = options.read(true).write(true).create(true).truncate(false);
            let file = options.open(&path).map_err(|error| io("own", log, error))?;
            if let Some(lock) = Self::try_on(file, &path, log)? {
                return Ok(lock);
            }
            std::thread::yield_now();
        }
        Err(io("own", log, ErrorKind::TimedOut.into()))
    }

    /// Locks this file; none when that is worth another try.
    fn try_on(file: fs::File, path: &Path, log: &Path) -> Result<Option<Self>, Error> {
        let cannot = |error| io("own", log, error);
        match file.try_lock() {
            // Unless it was removed together with its log in between.
            Ok(()) => Ok(is_at(&file, path).then(|| Self { file, path: path.to_owned() })),
            Err(TryLockError::WouldBlock) if is_owned(&file).map_err(cannot)? => Err(owned(log)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(cannot(error)),
        }
    }

    /// Whether the lock still keeps others out: they lock the file that lies at its place now.
    fn counts(&self) -> bool {
        is_at(&self.file, &self.path)
    }

    fn write(&mut self, owner: &Owner) -> Result<(), Error> {
        let record = Record {
            pid: std::process::id(),
            program: owner.program.clone(),
            endpoint: owner.endpoint.clone(),
        };
        let text = serde_json::to_vec(&record).expect("a record of texts is JSON");
        self.file
            .set_len(0)
            .and_then(|()| self.file.rewind())
            .and_then(|()| self.file.write_all(&text))
            .map_err(|error| io("own", &self.path, error))
    }

    /// Removes the file and with it the lock.
    pub(super) fn remove(self) -> Result<(), Error> {
        fs::remove_file(&self.path).map_err(|error| io("remove", &self.path, error))
    }
}

/// Who owns the log; none when the lock is free.
pub(super) fn owner(log: &Path) -> Result<Option<Owner>, Error> {
    let cannot = |error| io("find the owner of", log, error);
    match fs::File::open(beside(log, "-owner")) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(cannot(error)),
        Ok(file) if is_owned(&file).map_err(cannot)? => Ok(Some(recorded(&file))),
        Ok(_) => Ok(None),
    }
}

/// Whether somebody holds the lock as an owner does. Those who only look hold it together, for the
/// moment of this call.
fn is_owned(file: &fs::File) -> Result<bool, std::io::Error> {
    match file.try_lock_shared() {
        Ok(()) => file.unlock().map(|()| false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn owned(log: &Path) -> Error {
    let owner =
        fs::File::open(beside(log, "-owner")).map_or_else(|_| unnamed(), |file| recorded(&file));
    Error::Owned { place: log.display().to_string(), owner }
}

fn recorded(mut file: &fs::File) -> Owner {
    let mut text = Vec::new();
    let read = file.read_to_end(&mut text).ok();
    let record = read.and_then(|_| serde_json::from_slice::<Record>(&text).ok());
    record.map_or_else(unnamed, |Record { pid, program, endpoint }| Owner {
        pid: Some(pid),
        program,
        endpoint,
    })
}

/// An owner that has the lock and has not written its name yet.
fn unnamed() -> Owner {
    Owner { pid: None, program: "another process".to_owned(), endpoint: None }
}

/// Whether the file is the one that lies at the path.
#[cfg(unix)]
fn is_at(file: &fs::File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let here = file.metadata().map(|it| (it.dev(), it.ino()));
    let there = fs::metadata(path).map(|it| (it.dev(), it.ino()));
    matches!((here, there), (Ok(here), Ok(there)) if here == there)
}

/// Elsewhere an open file cannot be removed.
#[cfg(not(unix))]
fn is_at(_file: &fs::File, _path: &Path) -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// OWN-3: whoever is closed while it takes a board over owns nothing, and keeps nobody out.
    #[test]
    fn what_is_closed_meanwhile_owns_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("board.db");
        let owner = Owner { pid: None, program: "test".to_owned(), endpoint: None };
        let process = ProcessId::from_bytes([1; 16]);
        let owning = Owning::default();
        let lock = owning.prepare(&log, process).unwrap();
        owning.close();
        assert!(!owning.take(lock, (Epoch(1), process), &owner).unwrap());
        assert!(!owning.begin(Epoch(1)));
        Lock::acquire(&log).unwrap();
    }

    /// Who locks a file that was removed in between has locked nothing.
    #[cfg(unix)]
    #[test]
    fn a_lock_counts_only_at_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("board.db");
        let path = beside(&log, "-owner");
        Lock::acquire(&log).unwrap();
        let early = fs::File::open(&path).unwrap();
        Lock::acquire(&log).unwrap().remove().unwrap();
        let second = Lock::acquire(&log).unwrap();
        assert!(Lock::try_on(early, &path, &log).unwrap().is_none());
        let late = fs::File::open(&path).unwrap();
        assert!(matches!(Lock::try_on(late, &path, &log), Err(Error::Owned { .. })));
        drop(second);
        let free = fs::File::open(&path).unwrap();
        assert!(Lock::try_on(free, &path, &log).unwrap().is_some());
    }
}
