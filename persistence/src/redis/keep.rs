//! Renewing ownerships: one script for all boards of this process on one server. In a cluster, where keys of
//! different boards lie on different nodes, it is one for each board, sent together.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use async_trait::async_trait;
use futures_util::future::try_join_all;
use tokio::time::timeout;
use uuid::Uuid;

use artel_core::log::Error;

use super::connect::Line;
use super::error::{TimedOut, reading};
use super::format::Answers;
use super::scripts::{Arguments, RENEW};
use super::target::Target;
use crate::keeper::{Held, Keeper, Keepers, Renewals};

static KEEPERS: LazyLock<Keepers> = LazyLock::new(Keepers::default);

struct Server {
    place: String,
    link: Arc<Line>,
}

#[async_trait]
impl Renewals for Server {
    async fn renew(&self, held: &[Held], limit: Duration) -> Result<Vec<Uuid>, Error> {
        let at_once = if self.link.is_cluster() { 1 } else { held.len().max(1) };
        let calls = held.chunks(at_once).map(|some| self.renew_some(some));
        match timeout(limit, try_join_all(calls)).await {
            Ok(renewed) => Ok(renewed?.concat()),
            Err(_) => {
                self.link.give_up();
                Err(TimedOut::error("own", &self.place, limit))
            }
        }
    }
}

impl Server {
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
}

/// The one of a server, which all logs there share.
pub(super) fn keeper(target: &Target, link: &Arc<Line>) -> Arc<Keeper> {
    Keeper::of(&KEEPERS, target.server(), || {
        Box::new(Server { place: target.place(), link: link.clone() })
    })
}
