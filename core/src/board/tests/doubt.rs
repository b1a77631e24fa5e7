//! Irreversible steps: an intent, a result, and what becomes of an activation between the two.

use super::*;
use crate::board::Suspect;
use crate::command::RecordStep;
use crate::event::{AttemptEnd, DeadReason};
use crate::names::StepName;
use crate::policy::Bounds;
use crate::step::{IntendStep, Settle, StepClass, StepMark};

fn step(name: &str) -> StepName {
    StepName::new(name).unwrap()
}

fn result() -> Content {
    Content::new(Salt([5; 16]), Bytes::from_static(b"7"))
}

impl Board {
    fn intend(&mut self, attempt: AttemptId, name: &str) -> Result<Answer, Rejection> {
        self.ask(Request::IntendStep(IntendStep { attempt, step: step(name) }))
    }

    fn withdraw(&mut self, attempt: AttemptId, name: &str) -> Result<Answer, Rejection> {
        self.ask(Request::WithdrawStep(IntendStep { attempt, step: step(name) }))
    }

    fn record(
        &mut self,
        attempt: AttemptId,
        name: &str,
        class: StepClass,
    ) -> Result<Answer, Rejection> {
        let record = RecordStep { attempt, step: step(name), result: result(), class };
        self.ask(Request::RecordStep(record))
    }

    fn settle(&mut self, id: ActivationId, steps: &[(&str, bool)]) -> Result<Answer, Rejection> {
        let letter = self.dead_letter(id);
        let steps = steps.iter().map(|(name, done)| (step(name), done.then(result)));
        let settle = Settle { letter, steps: steps.collect() };
        self.ask(Request::Settle(Box::new(settle)))
    }

    fn steps_of(&self, id: ActivationId) -> Vec<(String, StepMark)> {
        let steps = &self.state.activation(id).unwrap().steps;
        steps.iter().map(|step| (step.name.to_string(), step.mark)).collect()
    }
}

/// A board whose only attempt has an open intent, and the attempt.
fn in_the_middle() -> (Board, Lease) {
    let mut board = Board::with(&[agent("one", "A")], 9);
    board.publish(&[new("A")]).unwrap();
    let lease = board.leased();
    board.intend(lease.attempt, "charge").unwrap();
    (board, lease)
}

/// A board with a dead letter that is in doubt about `charge`.
fn doubtful() -> (Board, ActivationId) {
    let (mut board, lease) = in_the_middle();
    board.fail(&lease, ErrorKind::Panic).unwrap();
    (board, lease.attempt.activation)
}

/// STEP-5: an irreversible step is an intent, then a result, once for each activation and name.
#[test]
fn an_irreversible_step_is_intended_and_then_recorded() {
    let (mut board, lease) = in_the_middle();
    let id = lease.attempt.activation;
    assert_eq!(board.steps_of(id), [("charge".to_owned(), StepMark::Intended)]);
    let twice = board.intend(lease.attempt, "charge").unwrap_err();
    assert_eq!(twice.code(), "step-recorded");
    board.record(lease.attempt, "charge", StepClass::Irreversible).unwrap();
    assert_eq!(board.steps_of(id), [("charge".to_owned(), StepMark::Irreversible)]);
    let again = board.record(lease.attempt, "charge", StepClass::Irreversible).unwrap_err();
    assert_eq!(again.code(), "step-recorded");
    let late = board.withdraw(lease.attempt, "charge").unwrap_err();
    assert_eq!(late.code(), "step-not-intended");
    let bare = board.record(lease.attempt, "mail", StepClass::Irreversible).unwrap_err();
    assert_eq!(bare.code(), "step-not-intended");
    board.fail(&lease, ErrorKind::Transient).unwrap();
    board.pass(Duration::from_secs(1));
    assert_eq!(board.leased().steps.len(), 1, "what is recorded leaves nobody in doubt");
}

/// STEP-6: whatever ends an attempt with an open intent makes a dead letter that is in doubt, where the
/// same end would otherwise be retried, given back or cancelled.
#[test]
fn an_end_in_the_middle_leaves_in_doubt() {
    type End = fn(&mut Board, &Lease);
    let ends: [(&str, AttemptEnd, End); 8] = [
        ("the process dies", AttemptEnd::Lost, |board, _| board.take_over(2, 50)),
        (
            "the executor reports a time-out",
            AttemptEnd::Failed(ErrorKind::Timeout),
            |board, lease| {
                board.fail(lease, ErrorKind::Timeout).unwrap();
            },
        ),
        ("it is overdue", AttemptEnd::Failed(ErrorKind::Timeout), |board, _| {
            board.pass(Duration::from_secs(61));
        }),
        ("it is cancelled", AttemptEnd::Cancelled, |board, lease| {
            let id = lease.attempt.activation;
            board.ask(Request::CancelActivations(vec![id])).unwrap();
        }),
        ("its tree is cancelled", AttemptEnd::Cancelled, |board, lease| {
            board.ask(Request::CancelCorrelation(lease.correlation)).unwrap();
        }),
        ("it is given back", AttemptEnd::Released, |board, lease| {
            board.finish(lease.attempt, AttemptOutcome::Released).unwrap();
        }),
        ("its session ends", AttemptEnd::Released, |board, lease| {
            board.ask(Request::EndSession(lease.session)).unwrap();
        }),
        ("it fails", AttemptEnd::Failed(ErrorKind::Transient), |board, lease| {
            board.fail(lease, ErrorKind::Transient).unwrap();
        }),
    ];
    for (name, expected, end) in ends {
        let (mut board, lease) = in_the_middle();
        end(&mut board, &lease);
        let id = lease.attempt.activation;
        assert_eq!(board.outcome(id), Some(Outcome::Dead(DeadReason::InDoubt)), "{name}");
        let ended = board.events().into_iter().find_map(|(_, event)| match event {
            Event::AttemptEnded { end, .. } => Some(*end),
            _ => None,
        });
        assert_eq!(ended, Some(expected), "{name}");
        let late = board.record(lease.attempt, "charge", StepClass::Irreversible).unwrap_err();
        assert_eq!(late.code(), "superseded", "{name}");
    }
}

/// STEP-6: outputs that find no room, or exceed a limit, are an end like others.
#[test]
fn outputs_that_are_refused_leave_in_doubt() {
    let (mut board, lease) = in_the_middle();
    let deep = New { depth: 101, ..new("B") };
    board.done(&lease, &[deep]).unwrap();
    let outcome = board.outcome(lease.attempt.activation);
    assert_eq!(outcome, Some(Outcome::Dead(DeadReason::InDoubt)));
}

/// STEP-6: a handler that returned has seen to its step: what it returned is on the board.
#[test]
fn a_handler_that_returns_leaves_nobody_in_doubt() {
    let (mut board, lease) = in_the_middle();
    board.done(&lease, &[new("B")]).unwrap();
    assert_eq!(board.outcome(lease.attempt.activation), Some(Outcome::Done));
    assert_eq!(board.state.artifacts(), 2);
}

/// STEP-6: doubt comes before a crash loop: a person has to look.
#[test]
fn doubt_goes_before_a_crash_loop() {
    let one = AgentDefinition { crash_loop: 1, ..agent("one", "A") };
    let mut board = Board::with(&[one], 9);
    board.publish(&[new("A")]).unwrap();
    board.leases.clear();
    board.take_over(2, 50);
    board.open_session(51, 50, 9);
    let lease = board.leased();
    let suspect = board.state.activation(lease.attempt.activation).unwrap().suspect;
    assert_eq!(suspect, Some(Suspect { deaths: 0 }));
    board.intend(lease.attempt, "charge").unwrap();
    board.take_over(3, 60);
    let outcome = board.outcome(lease.attempt.activation);
    assert_eq!(outcome, Some(Outcome::Dead(DeadReason::InDoubt)));
}

/// STEP-7: a step that was not done after all is withdrawn, and leaves nothing.
#[test]
fn a_withdrawn_step_leaves_nothing() {
    let (mut board, lease) = in_the_middle();
    board.withdraw(lease.attempt, "charge").unwrap();
    let id = lease.attempt.activation;
    assert!(board.steps_of(id).is_empty());
    assert_eq!(board.withdraw(lease.attempt, "charge").unwrap_err().code(), "step-not-intended");
    board.fail(&lease, ErrorKind::Transient).unwrap();
    assert_eq!(board.outcome(id), None, "it is retried");
}

/// STEP-8: a dead letter in doubt is not redriven as it is, and dropped as others are.
#[test]
fn what_is_in_doubt_is_not_redriven() {
    let (mut board, id) = doubtful();
    let letter = board.dead_letter(id);
    let refused = board.ask(Request::Redrive(vec![letter.clone()])).unwrap_err();
    assert_eq!(refused.code(), "in-doubt");
    assert!(!refused.retryable());
    assert_eq!(
        refused.to_string(),
        format!(
            "activation {id} is in doubt about `charge`: say whether that was done with `artel step \
             settle {id}`, or drop it"
        )
    );
    board.ask(Request::DropDead(vec![letter])).unwrap();
    assert_eq!(board.outcome(id), Some(Outcome::Dropped(DeadReason::InDoubt)));
}

/// STEP-9: a person says that it was done: the result is recorded, and the next attempt finds it.
#[test]
fn what_was_done_is_recorded_by_a_person() {
    let (mut board, id) = doubtful();
    board.settle(id, &[("charge", true)]).unwrap();
    let lease = board.leased();
    assert_eq!(lease.attempt.attempt.get(), 2);
    let [known] = &lease.steps[..] else { panic!("one step") };
    assert_eq!(known.mark, StepMark::Irreversible);
    let events = board.events();
    let (_, settled) = events.iter().find(|(seq, _)| *seq == known.seq).unwrap();
    let Event::StepSettled { result: Some(hash), .. } = settled else { panic!("{settled:?}") };
    assert_eq!(*hash, result().hash());
    let again = board.intend(lease.attempt, "charge").unwrap_err();
    assert_eq!(again.code(), "step-recorded");
}

/// STEP-9: a person says that it was not done: the next attempt does it.
#[test]
fn what_was_not_done_is_done_again() {
    let (mut board, id) = doubtful();
    board.settle(id, &[("charge", false)]).unwrap();
    let lease = board.leased();
    assert!(lease.steps.is_empty());
    board.intend(lease.attempt, "charge").unwrap();
    board.record(lease.attempt, "charge", StepClass::Irreversible).unwrap();
    board.done(&lease, &[]).unwrap();
    assert_eq!(board.outcome(id), Some(Outcome::Done));
}

/// STEP-9: all steps that are open are settled, each once, and no others. What is refused records
/// nothing.
#[test]
fn all_that_is_open_is_settled() {
    let (mut board, lease) = in_the_middle();
    board.intend(lease.attempt, "mail").unwrap();
    board.record(lease.attempt, "note", StepClass::Idempotent).unwrap();
    board.fail(&lease, ErrorKind::Transient).unwrap();
    let id = lease.attempt.activation;
    let code = |refused: Result<Answer, Rejection>| refused.unwrap_err().code();
    assert_eq!(code(board.settle(id, &[("charge", true)])), "in-doubt");
    assert_eq!(code(board.settle(id, &[])), "in-doubt");
    assert_eq!(code(board.settle(id, &[("charge", true), ("note", false)])), "not-in-doubt");
    let twice = [("charge", true), ("charge", false), ("mail", true)];
    assert_eq!(code(board.settle(id, &twice)), "settled-twice");
    board.settle(id, &[("mail", false), ("charge", true)]).unwrap();
    let kept = [("charge", StepMark::Irreversible), ("note", StepMark::Idempotent)];
    assert_eq!(board.steps_of(id), kept.map(|(name, mark)| (name.to_owned(), mark)));
    let lease = board.leased();
    board.done(&lease, &[]).unwrap();
    assert_eq!(code(board.settle(id, &[("charge", true)])), "not-dead");
}

/// STEP-3: a name is always of the same class.
#[test]
fn a_name_is_of_one_class() {
    let (mut board, lease) = in_the_middle();
    let other = board.record(lease.attempt, "charge", StepClass::Idempotent).unwrap_err();
    assert_eq!(other.code(), "step-of-other-class");
    board.record(lease.attempt, "note", StepClass::Idempotent).unwrap();
    let other = board.intend(lease.attempt, "note").unwrap_err();
    assert_eq!(other.code(), "step-of-other-class");
    assert_eq!(
        other.to_string(),
        format!(
            "step `note` of attempt {} is recorded as idempotent and cannot be irreversible; give the \
             new step a name of its own",
            lease.attempt
        )
    );
    board.record(lease.attempt, "charge", StepClass::Irreversible).unwrap();
}

/// STEP-10: an intent is a step, and refused before anything is done where there are as many as may be.
#[test]
fn an_intent_counts_as_a_step() {
    let mut board = Board::with(&[agent("one", "A")], 9);
    board.publish(&[new("A")]).unwrap();
    board.state.keep_to(Bounds { steps: 1, ..Bounds::default() });
    let lease = board.leased();
    board.intend(lease.attempt, "charge").unwrap();
    assert_eq!(board.intend(lease.attempt, "mail").unwrap_err().code(), "limit");
    board.record(lease.attempt, "charge", StepClass::Irreversible).unwrap();
    assert_eq!(
        board.record(lease.attempt, "note", StepClass::Idempotent).unwrap_err().code(),
        "limit"
    );
}
