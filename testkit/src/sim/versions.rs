//! Versions of a type: in some simulations notes are of version 1 until some process, and of version 2 from
//! then on. What was published before is read by newer processes as their upcaster makes it.

use std::sync::Arc;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use artel::{Artifact, Board, Context, Error, Jitter, Publication, Query, Retry, Running};
use artel_core::ids::AttemptId;

use super::agents::Around;
use super::audit::Auditor;
use super::cases::Case;
use crate::dice::Dice;

/// What the type is called, in every version.
pub(super) const NOTE: &str = "sim.Note";

/// What the agent is called that is subscribed to it.
pub(super) const READER: &str = "reader";

/// Numbers of notes of version 2 begin here, so that whoever reads one knows what it was.
const NEW_FROM: u32 = 1_000;

/// How many notes a process publishes when it begins.
const NOTES: u32 = 3;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Artifact)]
#[artifact(name = "sim.Note")]
struct OldNote {
    number: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Artifact)]
#[artifact(name = "sim.Note", version = 2, upcast_from = OldNote)]
struct Note {
    number: u32,
    weight: u32,
}

impl From<OldNote> for Note {
    fn from(OldNote { number }: OldNote) -> Self {
        Self { number, weight: 2 * number + 1 }
    }
}

impl Note {
    /// I10: whether it is what was published, or what the upcaster makes of that.
    const fn is_right(&self) -> bool {
        self.weight == if self.is_old() { 2 * self.number + 1 } else { 2 * self.number }
    }

    const fn is_old(&self) -> bool {
        self.number < NEW_FROM
    }
}

/// From which process on notes are of version 2; none without any notes.
pub(super) fn draw(dice: &mut Dice) -> Option<u32> {
    let from = u32::try_from(2 + dice.below(3)).unwrap_or(u32::MAX);
    dice.percent(40).then_some(from)
}

/// Declares the agent that reads notes, of the version of this process. It fails so often that some wait for
/// the next one.
pub(super) fn declare(board: &Board, new: bool, around: &Arc<Around>) {
    let retry = Retry::fixed(Duration::from_secs(9)).max_attempts(5).jitter(Jitter::None);
    let (around, timeout) = (around.clone(), Duration::from_secs(5));
    let agent = board.agent(READER);
    if new {
        agent.on::<Note>().retry(retry).timeout(timeout).shared_state(around).run(read);
    } else {
        agent.on::<OldNote>().retry(retry).timeout(timeout).shared_state(around).run(read_old);
    }
}

async fn read(cx: Context, note: Arc<Note>, around: Arc<Around>) -> Result<(), Error> {
    around.auditor.expect(note.is_right(), format_args!("I10: {note:?} was read"));
    if note.is_old() {
        around.auditor.came_to(Case::Upcast);
    }
    come_to(&cx, &around)
}

async fn read_old(cx: Context, note: Arc<OldNote>, around: Arc<Around>) -> Result<(), Error> {
    let old = note.number < NEW_FROM;
    around.auditor.expect(old, format_args!("I10: {note:?} was read"));
    come_to(&cx, &around)
}

fn come_to(cx: &Context, around: &Arc<Around>) -> Result<(), Error> {
    let attempt = AttemptId { activation: cx.activation(), attempt: cx.attempt() };
    let _handler = around.begins(attempt, 1);
    if cx.new_id().as_bytes()[15].is_multiple_of(2) {
        return Err(Error::transient("drawn"));
    }
    around.returns_nothing(attempt);
    Ok(())
}

/// A process publishes some notes. Whether they come on the board is left to the log.
pub(super) async fn publish(running: &Running, new: bool, process: u32) {
    for number in (0..NOTES).map(|note| process * NOTES + note) {
        let note = if new {
            let number = NEW_FROM + number;
            Publication::new(Note { number, weight: 2 * number })
        } else {
            Publication::new(OldNote { number })
        };
        let _ = running.publish(note.idempotency_key(format!("note {number}"))).await;
    }
}

/// I10: in the end, a process reads all notes in its own version.
pub(super) async fn complete(running: &Running, new: bool, auditor: &Auditor) {
    if !new {
        return;
    }
    let notes = running.all::<Note>(Query::default()).await.expect("I10: a note cannot be read");
    let wrong = notes.iter().find(|note| !note.is_right());
    auditor.expect(wrong.is_none(), format_args!("I10: {wrong:?} was read"));
}
