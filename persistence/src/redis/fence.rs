//! How an append changes all that it changes or nothing, and that only if the log is still as it was looked at.
//!
//! On a server it is a transaction on a connection of its own, which watches the head from before the look on: the
//! server refuses it when anybody has changed the head since, a new owner above all. A connection that is lost takes
//! its watch with it, and is never replaced by itself, so that no transaction goes unwatched. In a cluster, whose
//! connections are replaced by themselves, it is a script that compares the head.

use std::pin::pin;
use std::sync::{Mutex, MutexGuard};

use futures_util::FutureExt;
use redis::aio::MultiplexedConnection;
use redis::{Arg, AsyncConnectionConfig, Cmd, RedisError, Value, pipe};

use artel_core::log::Error;

use super::append::{enough, replicated, wait_for};
use super::before::{Before, Found, Question};
use super::connect::{ANSWER_TIMEOUT, CONNECT_TIMEOUT, client, not_connected, wait};
use super::error::{Said, appending, reading};
use super::handle::RedisLog;
use super::rows::{Finished, brought, finished};
use super::scripts::{APPEND, Arguments};
use super::target::Target;
use crate::check::Checked;

/// The connection for the transactions of a board's owner. Whoever appends takes it out, and gives it back when its
/// transaction has ended: what is left in the middle of one ends with its connection.
pub(super) struct Fence {
    target: Target,
    idle: Mutex<Option<Watched>>,
}

/// A connection, and how many of the log's others had been given up when it was made.
struct Watched {
    connection: MultiplexedConnection,
    given_up: (u64, u64),
}

impl Fence {
    pub(super) const fn new(target: Target) -> Self {
        Self { target, idle: Mutex::new(None) }
    }

    /// The connection that is idle, if there is one. Where another one was given up since it was made, it may be as
    /// silent, and is not used again.
    fn take(&self, log: &RedisLog) -> Option<Watched> {
        let given_up = given_up(log);
        self.idle().take().filter(|watched| watched.given_up == given_up)
    }

    async fn connect(&self, log: &RedisLog) -> Result<Watched, RedisError> {
        let given_up = given_up(log);
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(ANSWER_TIMEOUT));
        let client = client(&self.target).map_err(|error| not_connected(&error))?;
        let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        // Where a transaction cannot be begun, what is to be in it would be done at once.
        pipe().cmd("MULTI").cmd("EXEC").exec_async(&mut connection).await?;
        Ok(Watched { connection, given_up })
    }

    fn give_back(&self, watched: Watched) {
        *self.idle() = Some(watched);
    }

    fn idle(&self) -> MutexGuard<'_, Option<Watched>> {
        self.idle.lock().expect("nothing that is done under this lock panics")
    }
}

fn given_up(log: &RedisLog) -> (u64, u64) {
    (log.reader.given_up(), log.writer.given_up())
}

/// Makes the changes of an append, if the log is as it continues it, in one transaction. Says whether they are
/// made: not, if somebody changed the head meanwhile, whom another look shows.
///
/// # Cancel safety
/// May be dropped at any time: what was begun ends with its connection, or is made as a whole.
pub(super) async fn by_transaction(log: &RedisLog, checked: &Checked) -> Result<bool, Error> {
    if let Some(watched) = log.fence.take(log) {
        match transact(log, checked, watched).await {
            // The server closed it meanwhile, and has begun with nothing: a new one does.
            Err(Ended::Unbegun(error)) if error.is_connection_dropped() => {}
            done => return done.map_err(|ended| ended.error(log)),
        }
    }
    let connected = log.fence.connect(log).await.map_err(Ended::Unbegun);
    let watched = connected.map_err(|ended| ended.error(log))?;
    transact(log, checked, watched).await.map_err(|ended| ended.error(log))
}

/// How a transaction came to no good end.
enum Ended {
    /// It never had its last word.
    Unbegun(RedisError),
    /// It had.
    InDoubt(RedisError),
    /// What the append is to the log.
    Refused(Error),
}

impl Ended {
    fn error(self, log: &RedisLog) -> Error {
        match self {
            Self::Unbegun(error) => reading("append to", &log.place, error),
            Self::InDoubt(error) => ending(&log.place, error),
            Self::Refused(error) => error,
        }
    }
}

async fn transact(log: &RedisLog, checked: &Checked, watched: Watched) -> Result<bool, Ended> {
    let (keys, append) = (&*log.keys, &checked.append);
    let work = Finished::of(&append.rows);
    let question = Question::of(append, &work);
    let mut begin = pipe();
    begin.cmd("WATCH").arg(log.key("head"));
    question.ask(log, &mut begin);
    begin.cmd("MULTI");
    for change in brought(keys, append) {
        begin.add_command(change);
    }
    let mut connection = watched.connection.clone();
    let answers = {
        let mut asked = pin!(begin.query_async::<Vec<Value>>(&mut connection));
        // It is on its way while the rest is worked out, as if nothing were there: hardly ever is anything.
        let answered = (&mut asked).now_or_never();
        let guess = finished(keys, &work, &Before::default());
        let answers = match answered {
            Some(answers) => answers,
            None => asked.await,
        };
        answers.map(|answers| (answers, guess))
    };
    let (answers, guess) = answers.map_err(Ended::Unbegun)?;
    let looked = answers.into_iter().skip(1).take(question.len());
    let rest = match question.found(log, checked, looked).map_err(Ended::Refused)? {
        Found::Open(before) if before.is_empty() => guess,
        Found::Open(before) => finished(keys, &work, &before),
        Found::Done => {
            replicated(log, "append to").await.map_err(Ended::Refused)?;
            return Ok(true);
        }
    };
    let mut end = pipe();
    for change in rest {
        end.add_command(change);
    }
    end.cmd("EXEC");
    let answers = end.query_async::<Vec<Value>>(&mut connection).await;
    let mut answers = answers.map_err(Ended::InDoubt)?;
    let done = answers.pop().is_some_and(|done| done != Value::Nil);
    if done && log.replicas > 0 {
        let waited = wait(&mut connection, &wait_for(log)).await.map_err(Ended::InDoubt)?;
        enough(log, &waited).map_err(Ended::Refused)?;
    }
    log.fence.give_back(watched);
    Ok(done)
}

/// An error of the end of a transaction: the server has taken back what it says so of, and nothing else.
fn ending(place: &str, error: RedisError) -> Error {
    let said = error.clone().into_server_errors();
    let last = said.as_deref().and_then(<[_]>::last);
    let outcome_unknown = last.is_none_or(|(_, said)| said.code() != "EXECABORT");
    let (place, source) = (place.to_owned(), Box::new(Said(error)));
    Error::Unavailable { action: "append to", place, outcome_unknown, source }
}

/// The same in one script.
pub(super) async fn by_script(log: &RedisLog, checked: &Checked) -> Result<bool, Error> {
    let append = &checked.append;
    let header = &append.batch.header;
    let work = Finished::of(&append.rows);
    let question = Question::of(append, &work);
    let mut look = pipe();
    question.ask(log, &mut look);
    let looked = log.writer.send_all(&look).await;
    let looked = looked.map_err(|error| reading("append to", &log.place, error))?;
    let before = match question.found(log, checked, looked.into_iter())? {
        Found::Open(before) => before,
        Found::Done => {
            replicated(log, "append to").await?;
            return Ok(true);
        }
    };
    let mut arguments = Arguments::default();
    arguments.number(header.epoch);
    arguments.number(header.first.get().saturating_sub(1));
    arguments.push(header.previous.0);
    let changes = brought(&log.keys, append).into_iter();
    for change in changes.chain(finished(&log.keys, &work, &before)) {
        arguments.number(change.args_iter().len());
        arguments.extend(words(&change));
    }
    let done = log.writer.run(&APPEND, &[log.key("head")], &arguments).await;
    let done = done.map_err(|error| appending(&log.place, error))?;
    if log.answers().bytes(done)? != b"done" {
        return Ok(false);
    }
    replicated(log, "append to").await?;
    Ok(true)
}

/// A command and its arguments.
fn words(command: &Cmd) -> impl Iterator<Item = &[u8]> {
    command.args_iter().filter_map(|word| match word {
        Arg::Simple(bytes) => Some(bytes),
        // Of a scan, which no append does.
        _ => None,
    })
}
