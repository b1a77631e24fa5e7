//! Renewing ownerships: one script for all boards of this process on one server. In a cluster, where keys of
//! different boards lie on different nodes, it is one for each board, sent together. Where boards are shared with
//! other processes, one more tells of this process and reads what they told.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::{join, join_all};
use redis::Value;
use tokio::time::timeout;
use uuid::Uuid;

use artel_core::log::Error;

use super::connect::Line;
use super::error::{TimedOut, reading};
use super::format::Answers;
use super::scripts::{Arguments, PROCESSES, RENEW};
use super::target::Target;
use crate::keeper::{Answer, Beat, Held, Keeper, Keepers, Renewals};
use crate::sharing::{Other, Told};
use crate::spreading::Member;

/// What the keys of processes are tagged with, so that all of them lie in one slot. No board has this tag.
const TAG: &str = "processes";
/// What stands between the names of boards, none of which has it.
const BETWEEN: &str = ",";

static KEEPERS: LazyLock<Keepers> = LazyLock::new(Keepers::default);

struct Server {
    place: String,
    /// What the keys of processes begin with.
    keys: String,
    link: Arc<Line>,
}

#[async_trait]
impl Renewals for Server {
    async fn beat(&self, beat: &Beat, limit: Duration) -> Result<Answer, Error> {
        let told = async {
            // Boards lie on other nodes than this, and do not depend on it.
            match &beat.told {
                Some(told) => self.tell(told, limit).await.ok(),
                None => None,
            }
        };
        let (renewed, others) = join(self.renew(&beat.held, limit), told).await;
        Ok(Answer { others, ..renewed? })
    }

    async fn look(&self, token: Uuid, limit: Duration) -> Result<Vec<Other>, Error> {
        let mut arguments = self.arguments(token);
        arguments.push("");
        self.processes("read", &arguments, limit).await
    }

    async fn leave(&self, token: Uuid, limit: Duration) -> Result<(), Error> {
        let mut arguments = self.arguments(token);
        arguments.number(0);
        self.run("give up", &arguments, limit).await.map(drop)
    }
}

impl Server {
    /// Renews what is owned. In a cluster each board is on its own: one node that is away costs no board of another.
    async fn renew(&self, held: &[Held], limit: Duration) -> Result<Answer, Error> {
        let at_once = if self.link.is_cluster() { 1 } else { held.len().max(1) };
        let calls = held.chunks(at_once).map(|some| timeout(limit, self.renew_some(some)));
        let said = join_all(calls).await;
        let silent = said.iter().all(Result::is_err);
        let (mut renewed, mut unheard, mut failed) = (Vec::new(), Vec::new(), None);
        for (some, said) in held.chunks(at_once).zip(said) {
            let late = |_| Err(TimedOut::error("own", &self.place, limit));
            match said.unwrap_or_else(late) {
                Ok(tokens) => renewed.extend(tokens),
                Err(error) => {
                    unheard.extend(some.iter().map(|held| held.token));
                    failed = Some(error);
                }
            }
        }
        match failed {
            Some(error) if unheard.len() == held.len() => {
                if silent {
                    self.link.give_up();
                }
                Err(error)
            }
            failed => {
                let unheard = failed.map(|error| (unheard, error));
                Ok(Answer { renewed, unheard, others: None })
            }
        }
    }

    async fn renew_some(&self, held: &[Held]) -> Result<Vec<Uuid>, Error> {
        let mut arguments = Arguments::default();
        let mut keys = Vec::with_capacity(held.len());
        for one in held {
            keys.push(format!("{}owner", one.board).into_bytes());
            arguments.push(*one.token.as_bytes());
            arguments.number(one.time.as_millis());
        }
        let answer = self.link.run(&RENEW, &keys, &arguments).await;
        let answer = answer.map_err(|error| reading("own", &self.place, error))?;
        let answers = Answers { place: &self.place };
        let renewed = answers.list(answer)?;
        let mut tokens = Vec::with_capacity(held.len());
        for (one, renewed) in held.iter().zip(renewed) {
            if answers.integer(renewed)? == 1 {
                tokens.push(one.token);
            }
        }
        Ok(tokens)
    }

    async fn tell(&self, told: &Told, limit: Duration) -> Result<Vec<Other>, Error> {
        let Told { token, program, member, time } = told;
        let mut arguments = self.arguments(*token);
        arguments.number(time.as_millis());
        arguments.number(std::process::id());
        arguments.push(program.as_bytes());
        arguments.push(names(&member.wants));
        arguments.push(names(&member.owns));
        self.processes("own", &arguments, limit).await
    }

    /// What a script is given first.
    fn arguments(&self, token: Uuid) -> Arguments {
        let mut arguments = Arguments::default();
        arguments.push(&*self.keys);
        arguments.push(token.simple().to_string());
        arguments
    }

    async fn processes(
        &self,
        action: &'static str,
        arguments: &Arguments,
        limit: Duration,
    ) -> Result<Vec<Other>, Error> {
        let answers = Answers { place: &self.place };
        let others = answers.list(self.run(action, arguments, limit).await?)?;
        others.into_iter().map(|told| other(answers, told)).collect()
    }

    async fn run(
        &self,
        action: &'static str,
        arguments: &Arguments,
        limit: Duration,
    ) -> Result<Value, Error> {
        let keys = [format!("{}all", self.keys).into_bytes()];
        match timeout(limit, self.link.run(&PROCESSES, &keys, arguments)).await {
            Ok(answer) => answer.map_err(|error| reading(action, &self.place, error)),
            Err(_) => Err(TimedOut::error(action, &self.place, limit)),
        }
    }
}

fn names<'a>(boards: impl IntoIterator<Item = &'a Arc<str>>) -> String {
    boards.into_iter().map(|board| &**board).collect::<Vec<_>>().join(BETWEEN)
}

/// The boards that a process told of.
pub(super) fn boards(names: &str) -> impl Iterator<Item = &str> {
    names.split(BETWEEN).filter(|name| !name.is_empty())
}

/// What the keys of the processes that share boards begin with.
pub(super) fn processes(target: &Target) -> String {
    target.keys(TAG)
}

fn other(answers: Answers<'_>, told: Value) -> Result<Other, Error> {
    let [token, wants, owns, left] = answers.fields(told)?;
    let token = answers.string(token)?;
    let token = Uuid::parse_str(&token);
    let token = token.map_err(|_| answers.damaged("a process has a token that is none"))?;
    let told = |names: Value| -> Result<_, Error> {
        let names = answers.string(names)?;
        Ok(boards(&names).map(Arc::from).collect())
    };
    let member = Member { wants: told(wants)?, owns: told(owns)? };
    let left = u64::try_from(answers.integer(left)?).unwrap_or_default();
    Ok(Other { token, member, left: Duration::from_millis(left) })
}

/// The one of a server, which all logs there share.
pub(super) fn keeper(target: &Target, link: &Arc<Line>) -> Arc<Keeper> {
    Keeper::of(&KEEPERS, target.server(), || {
        let (place, keys) = (target.place(), processes(target));
        Box::new(Server { place, keys, link: link.clone() })
    })
}
