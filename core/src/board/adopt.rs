//! Adopting a log that has lost its end: the board goes on with what is there, under another identity and with
//! seqs that were never used.

use super::changes::Changes;
use super::evolve::Evolved;
use super::state::State;
use crate::envelope::Actor;
use crate::event::Event;
use crate::ids::{CommandId, Incarnation, Seq};
use crate::log::OperationRow;
use crate::record::Decision;
use crate::time::Now;

/// How a board is to go on whose log has lost its end.
#[derive(Clone, Debug)]
pub struct Adoption {
    /// The command that says so.
    pub command: CommandId,
    /// The person who does.
    pub actor: Actor,
    /// The identity of the log from then on.
    pub incarnation: Incarnation,
    /// The last seq that is never used again; the next event has the one behind it.
    pub last: Seq,
}

impl State {
    /// Takes a log as it is for the whole of it. The event takes all seqs up to the last one that is not to be
    /// used again, and at least one.
    ///
    /// # Panics
    /// Never: the event fits every state.
    #[must_use]
    pub fn adopt(&mut self, adoption: Adoption, now: Now, changes: &mut Changes) -> Decision {
        let Adoption { command, actor, incarnation, last } = adoption;
        let (now, seq) = (self.clamp(now), self.seq().next());
        let span = last.get().saturating_sub(self.seq().get()).max(1);
        let event = Event::Adopted { incarnation, span };
        changes.rows.operations.extend(OperationRow::of(seq, now.wall, &actor, &event));
        let decision = Decision {
            command,
            actor,
            at: now.wall,
            elapsed: now.elapsed,
            correlation: None,
            trace: None,
            events: vec![event],
        };
        self.apply(&decision, changes).expect("a log is adopted in every state");
        decision
    }

    /// Goes on under another identity behind the seqs that are left out.
    pub(super) fn go_on(&mut self, seq: Seq, incarnation: Incarnation, span: u64) -> Evolved {
        let last = span.checked_sub(1).and_then(|more| seq.get().checked_add(more));
        // Stores count with a sign.
        let last = last.filter(|last| i64::try_from(*last).is_ok());
        self.header.seq = Seq(last.ok_or_else(|| format!("it cannot take {span} seqs"))?);
        self.header.incarnation = Some(incarnation);
        Ok(())
    }
}
