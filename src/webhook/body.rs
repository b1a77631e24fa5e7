//! What an alert says: a JSON object. It holds nothing of a payload, and the error of one dead letter
//! only where whoever gets it may see everything that one worked on.

use serde::Serialize;

use artel_core::board::Alert;
use artel_core::event::Event;
use artel_core::hash::Hash;
use artel_core::ids::{ActivationId, AgentNo, DebtId, Incarnation, Seq};
use artel_core::log::{self, ClosedActivation, Log};
use artel_core::names::BoardName;

use crate::dead_letter::{DeadLetter, message_of};
use crate::error::ReadError;
use crate::history::event_at;
use crate::report::{AttemptReport, cut};
use crate::sight::Sight;

/// How many inputs are looked at at once: their payloads come along.
const READ_AT_ONCE: usize = 16;

/// An alert that is to be sent, with the names that go with it.
#[derive(Clone, Debug)]
pub(super) struct Owed {
    pub(super) agent: AgentNo,
    pub(super) id: DebtId,
    pub(super) alert: Alert,
    pub(super) name: String,
    pub(super) queue: String,
}

/// From where it is sent.
#[derive(Clone, Debug)]
pub(crate) struct Sender {
    pub(crate) board: BoardName,
    pub(crate) incarnation: Incarnation,
}

/// The object. Fields may be added; those that are there keep their meaning while the version is the same.
#[derive(Debug, Serialize)]
struct Body<'a> {
    r#type: &'static str,
    version: u32,
    delivery: &'a str,
    board: &'a str,
    agent: &'a str,
    queue: &'a str,
    reason: &'static str,
    kind: Option<&'static str>,
    fingerprint: Option<String>,
    count: u64,
    others: u64,
    dead_letters: Vec<u64>,
    dead_letters_more: u64,
    first_died_at_ms: i64,
    last_died_at_ms: i64,
    message: Option<String>,
    message_withheld: bool,
}

/// What may be told of what the first dead letter of an alert died of.
enum Message {
    Told(String),
    /// It left none, or is no dead letter any more.
    None,
    /// Whoever gets it may not see what it worked on.
    Withheld,
}

impl Owed {
    /// The id of a delivery: the same whoever sends the alert and however often, and another one once
    /// more has been counted into it.
    pub(super) fn delivery(&self, sender: &Sender) -> String {
        let seq = self.id.0.get().to_le_bytes();
        let (agent, deaths) = (self.agent.get().to_le_bytes(), self.alert.deaths.to_le_bytes());
        let board = sender.incarnation.as_bytes();
        let Hash(hash) = Hash::of_parts(&[b"artel alert ", board, &seq, &agent, &deaths]);
        let mut id = [0; 16];
        id.copy_from_slice(&hash[..16]);
        uuid::Builder::from_custom_bytes(id).into_uuid().to_string()
    }

    /// The bytes that are sent.
    pub(super) async fn body(
        &self,
        sender: &Sender,
        log: &dyn Log,
        sight: &Sight,
    ) -> Result<Vec<u8>, ReadError> {
        let message = self.message(log, sight).await?;
        let message_withheld = matches!(message, Message::Withheld);
        let alert = &self.alert;
        let body = Body {
            r#type: "artel.dead-letters",
            version: 1,
            delivery: &self.delivery(sender),
            board: sender.board.as_str(),
            agent: &self.name,
            queue: &self.queue,
            reason: alert.reason.as_str(),
            kind: alert.kind.map(artel_core::policy::ErrorKind::as_str),
            fingerprint: (!message_withheld).then(|| alert.fingerprint.to_string()),
            count: alert.deaths,
            others: alert.others,
            dead_letters: alert.named.iter().map(|id| id.0.get()).collect(),
            dead_letters_more: alert.deaths.saturating_sub(alert.named.len() as u64),
            first_died_at_ms: alert.first.as_millis(),
            last_died_at_ms: alert.last.as_millis(),
            message: match message {
                Message::Told(message) => Some(message),
                Message::None | Message::Withheld => None,
            },
            message_withheld,
        };
        Ok(serde_json::to_vec(&body).unwrap_or_default())
    }

    async fn message(&self, log: &dyn Log, sight: &Sight) -> Result<Message, ReadError> {
        let Some(&first) = self.alert.named.first() else { return Ok(Message::None) };
        let closed = self.kept(log.closed(first).await)?;
        let Some(inputs) = self.inputs(log, first, closed.as_ref()).await? else {
            return Ok(Message::Withheld);
        };
        for seqs in inputs.chunks(READ_AT_ONCE) {
            match sight.hidden(log, seqs).await {
                Ok(hidden) if hidden.is_empty() => {}
                Ok(_) => return Ok(Message::Withheld),
                Err(ReadError::Log(error)) if !error.retryable() => return Ok(Message::Withheld),
                Err(error) => return Err(error),
            }
        }
        let Some(closed) = closed else { return Ok(Message::None) };
        let reports = self.kept(log.contents(&closed.trail).await.map(Some))?.unwrap_or_default();
        let reports = reports.iter().rev().filter_map(|row| AttemptReport::decode(&row.bytes).ok());
        let error = reports.map(|report| report.error).find(|error| !error.is_empty());
        Ok(error.map_or(Message::None, |error| {
            Message::Told(cut(message_of(&error).into_owned(), DeadLetter::MESSAGE_LEN_MAX))
        }))
    }

    /// What the first dead letter worked on, also where it has been redriven; none where nobody knows.
    async fn inputs(
        &self,
        log: &dyn Log,
        first: ActivationId,
        closed: Option<&ClosedActivation>,
    ) -> Result<Option<Vec<Seq>>, ReadError> {
        if let Some(closed) = closed {
            return Ok(Some(closed.inputs.to_vec()));
        }
        let created = match event_at(log, first.0).await {
            Ok(created) => created,
            Err(ReadError::Log(error)) => self.kept(Err(error))?,
            Err(error) => return Err(error),
        };
        Ok(match created {
            Some((_, _, Event::ActivationCreated { inputs, .. })) => Some(inputs.to_vec()),
            Some(_) | None => None,
        })
    }

    /// What is damaged is left out: nobody would be told of the dead letters otherwise.
    fn kept<T>(&self, read: Result<Option<T>, log::Error>) -> Result<Option<T>, ReadError> {
        match read {
            Ok(found) => Ok(found),
            Err(error) if error.retryable() => Err(ReadError::Log(error)),
            Err(error) => {
                tracing::error!(alert = %self.id, %error, "what an alert is about cannot be read");
                Ok(None)
            }
        }
    }
}
