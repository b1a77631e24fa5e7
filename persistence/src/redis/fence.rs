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

use super::before::{Before, Found, Question};
use super::connect::{ANSWER_TIMEOUT, CONNECT_TIMEOUT, client, not_connected};
use super::error::{appending, reading};
use super::handle::RedisLog;
use super::rows::{brought, finished};
use super::scripts::{APPEND, Arguments};
use super::target::Target;
use crate::check::Checked;

/// The connection for the transactions of a board's owner.
pub(super) struct Fence {
    target: Target,
    current: Mutex<Option<Watched>>,
}

/// A connection, and how many of the log's others had been given up when it was made.
#[derive(Clone)]
struct Watched {
    connection: MultiplexedConnection,
    given_up: (u64, u64),
}

impl Fence {
    pub(super) const fn new(target: Target) -> Self {
        Self { target, current: Mutex::new(None) }
    }

    /// The connection. Where another one was given up since it was made, it may be as silent, and there is a new
    /// one.
    async fn connection(&self, log: &RedisLog) -> Result<MultiplexedConnection, RedisError> {
        let given_up = (log.reader.given_up(), log.writer.given_up());
        let current = self.current().clone();
        if let Some(watched) = current.filter(|watched| watched.given_up == given_up) {
            return Ok(watched.connection);
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(ANSWER_TIMEOUT));
        let client = client(&self.target).map_err(|error| not_connected(&error))?;
        let connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        *self.current() = Some(Watched { connection: connection.clone(), given_up });
        Ok(connection)
    }

    fn current(&self) -> MutexGuard<'_, Option<Watched>> {
        self.current.lock().expect("nothing that is done under this lock panics")
    }
}

/// A transaction that was begun: its connection is not used again, unless it ended.
struct Begun<'a> {
    fence: &'a Fence,
    ended: bool,
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        if !self.ended {
            *self.fence.current() = None;
        }
    }
}

/// Makes the changes of an append, if the log is as it continues it, in one transaction. Says whether they are
/// made: not, if somebody changed the head meanwhile, whom another look shows.
///
/// # Cancel safety
/// May be dropped at any time: what was begun ends with its connection, or is made as a whole.
pub(super) async fn by_transaction(log: &RedisLog, checked: &Checked) -> Result<bool, Error> {
    let unasked = |error| reading("append to", &log.place, error);
    let connection = log.fence.connection(log).await.map_err(unasked)?;
    let mut begun = Begun { fence: &log.fence, ended: false };
    let (keys, append) = (&*log.keys, &checked.append);
    let question = Question::of(append);
    let mut begin = pipe();
    begin.cmd("WATCH").arg(log.key("head"));
    question.ask(log, &mut begin);
    begin.cmd("MULTI");
    for change in brought(keys, append) {
        begin.add_command(change);
    }
    let mut asked_on = connection.clone();
    let mut asked = pin!(begin.query_async::<Vec<Value>>(&mut asked_on));
    // It is on its way while the rest is worked out, as if nothing were there: hardly ever is anything.
    let answered = (&mut asked).now_or_never();
    let guess = finished(keys, &append.rows, &Before::default());
    let answers = match answered {
        Some(answers) => answers,
        None => asked.await,
    };
    let looked = answers.map_err(unasked)?.into_iter().skip(1).take(question.len());
    let rest = match question.found(log, checked, looked)? {
        Found::Open(before) if before.is_empty() => guess,
        Found::Open(before) => finished(keys, &append.rows, &before),
        Found::Done => return Ok(true),
    };
    let mut end = pipe();
    for change in rest {
        end.add_command(change);
    }
    end.cmd("EXEC");
    let answers = end.query_async::<Vec<Value>>(&mut connection.clone()).await;
    let mut answers = answers.map_err(|error| appending(&log.place, error))?;
    begun.ended = true;
    Ok(answers.pop().is_some_and(|done| done != Value::Nil))
}

/// The same in one script.
pub(super) async fn by_script(log: &RedisLog, checked: &Checked) -> Result<bool, Error> {
    let append = &checked.append;
    let header = &append.batch.header;
    let question = Question::of(append);
    let mut look = pipe();
    question.ask(log, &mut look);
    let looked = log.writer.send_all(&look).await;
    let looked = looked.map_err(|error| reading("append to", &log.place, error))?;
    let before = match question.found(log, checked, looked.into_iter())? {
        Found::Open(before) => before,
        Found::Done => return Ok(true),
    };
    let mut arguments = Arguments::default();
    arguments.number(header.epoch);
    arguments.number(header.first.get().saturating_sub(1));
    arguments.push(header.previous.0);
    let changes = brought(&log.keys, append).into_iter();
    for change in changes.chain(finished(&log.keys, &append.rows, &before)) {
        arguments.number(change.args_iter().len());
        arguments.extend(words(&change));
    }
    let done = log.writer.run(&APPEND, &[log.key("head")], &arguments).await;
    let done = done.map_err(|error| appending(&log.place, error))?;
    Ok(log.answers().bytes(done)? == b"done")
}

/// A command and its arguments.
fn words(command: &Cmd) -> impl Iterator<Item = &[u8]> {
    command.args_iter().filter_map(|word| match word {
        Arg::Simple(bytes) => Some(bytes),
        // Of a scan, which no append does.
        _ => None,
    })
}
