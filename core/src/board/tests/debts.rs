//! Debts: notices of dead letters, which the board owes itself, and the fingerprints in them.

use super::*;
use crate::board::{DEAD_LETTER, Debt, OpenStatus};
use crate::command::Pay;
use crate::event::DeadReason;
use crate::fingerprint::Fingerprint;
use crate::ids::DebtId;
use crate::log::Death;

/// A board whose agents `one` (on `A`) and `undertaker` (on notices) have one attempt each.
fn board(agents: &[AgentDefinition]) -> Board {
    let mut board = Board::created();
    let types = ["A", "B", "C", DEAD_LETTER].map(|name| TypeRegistration {
        name: TypeName::new(name).unwrap(),
        version: 1,
        schema: "{}".into(),
        upcasts: Vec::new(),
    });
    let agents = agents.iter().cloned().map(Arc::new).collect();
    let registration = Registration { types: types.into(), dependencies: Vec::new(), agents };
    board.ask(Request::Register(registration)).unwrap();
    board.open_session(SESSION, PROCESS, 9);
    board
}

fn once(name: &str, on: &str) -> AgentDefinition {
    AgentDefinition { retry: Retry::never(), ..agent(name, on) }
}

fn watched() -> Board {
    board(&[once("one", "A"), once("undertaker", DEAD_LETTER)])
}

/// What is owed, and of which activations.
fn owed(board: &Board) -> Vec<(DebtId, ActivationId)> {
    let of = |(id, debt): (DebtId, &Debt)| {
        let Debt::DeadLetter(closed) = debt;
        (id, closed.activation)
    };
    board.state.debts().map(of).collect()
}

fn payment(board: &mut Board, debt: DebtId) -> Request {
    let correlation = board.state.debts().find(|(id, _)| *id == debt);
    let correlation = correlation.map(|(_, debt)| debt.correlation());
    let publish = board.outgoing(&[New { correlation, ..new(DEAD_LETTER) }], &Producer::Board);
    Request::Pay(Pay { debt, publish })
}

fn die(board: &mut Board) -> Lease {
    let lease = board.leased();
    board.fail(&lease, ErrorKind::Transient).unwrap();
    lease
}

/// FAILING-1: a predicate that fails for a notice is told of as for every other artifact.
#[test]
fn a_predicate_that_fails_for_a_notice_is_told_of() {
    let mut picky = once("picky", DEAD_LETTER);
    let cel = crate::predicate::cel::Cel::new("payload.missing == 1").unwrap();
    picky.subscriptions[0].filter = Filter::Cel(cel);
    let mut board = board(&[once("one", "A"), picky]);
    board.publish(&[new("A")]).unwrap();
    die(&mut board);
    let (debt, _) = owed(&board)[0];
    let pay = payment(&mut board, debt);
    board.ask(pay).unwrap();
    let events = board.events();
    let told = events.iter().filter(|(_, event)| matches!(event, Event::PredicateFailed { .. }));
    assert_eq!(told.count(), 1);
}

/// DEAD-2: a notice is given of a death once: what it made due is paid by one command, and by no other.
#[test]
fn a_death_is_told_once() {
    let mut board = watched();
    board.publish(&[new("A")]).unwrap();
    let dead = die(&mut board);
    let (debt, of) = owed(&board)[0];
    assert_eq!((of, owed(&board).len()), (dead.attempt.activation, 1));
    let twice = [payment(&mut board, debt), payment(&mut board, debt)];
    let [first, second] = twice;
    board.ask(first).unwrap();
    assert_eq!(owed(&board), []);
    assert_eq!(board.ask(second).unwrap_err().code(), "not-owed");
    let notice = board.leased();
    assert_eq!(notice.correlation, dead.correlation, "it belongs to the same tree of work");
    let notices = board.events().into_iter().filter(|(_, event)| {
        matches!(event, Event::ArtifactCommitted(it) if it.envelope.producer == Producer::Board)
    });
    assert_eq!(notices.count(), 1);
}

/// DEAD-2: a tree of work stays open until the board has given it the notice that it owes.
#[test]
fn a_tree_of_work_waits_for_its_notice() {
    let mut board = watched();
    let tree = board.publish(&[new("A")]).unwrap()[0].correlation;
    die(&mut board);
    assert!(board.settled.is_empty());
    assert!(!board.state.is_idle());
    assert_eq!(board.state.open_status(tree), Some(OpenStatus::Owed { owed: 1 }));
    let (debt, _) = owed(&board)[0];
    let pay = payment(&mut board, debt);
    board.ask(pay).unwrap();
    assert!(board.settled.is_empty(), "the notice woke somebody");
    let lease = board.leased();
    board.done(&lease, &[]).unwrap();
    let settled: Vec<_> = board.settled.iter().map(|settled| settled.correlation).collect();
    assert_eq!(settled, [tree]);
    assert!(board.state.is_idle());
}

/// DEAD-2: cancelling a tree of work takes no notice back.
#[test]
fn a_notice_is_owed_of_a_tree_that_was_cancelled() {
    let mut board = watched();
    let tree = board.publish(&[new("A")]).unwrap()[0].correlation;
    die(&mut board);
    board.ask(Request::CancelCorrelation(tree)).unwrap();
    let (debt, _) = owed(&board)[0];
    let pay = payment(&mut board, debt);
    board.ask(pay).unwrap();
    assert_eq!(board.leased().correlation, tree);
}

/// DEAD-2: who is not there any more when the notice comes is not woken, and it comes all the same.
#[test]
fn a_notice_that_nobody_wants_any_more_settles_its_tree() {
    let mut board = watched();
    let tree = board.publish(&[new("A")]).unwrap()[0].correlation;
    die(&mut board);
    board.register(&[once("one", "A")]).unwrap();
    let (debt, _) = owed(&board)[0];
    let pay = payment(&mut board, debt);
    board.ask(pay).unwrap();
    assert_eq!(board.settled.iter().map(|it| it.correlation).collect::<Vec<_>>(), [tree]);
    board.publish(&[new("A")]).unwrap();
    die(&mut board);
    assert_eq!(owed(&board), [], "nobody is subscribed");
}

/// DEAD-3: what dies of a notice makes no further one.
#[test]
fn a_notice_makes_no_further_notice() {
    let mut board = watched();
    board.publish(&[new("A")]).unwrap();
    die(&mut board);
    let (debt, _) = owed(&board)[0];
    let pay = payment(&mut board, debt);
    board.ask(pay).unwrap();
    let notice = die(&mut board);
    assert!(matches!(board.outcome(notice.attempt.activation), Some(Outcome::Dead(_))));
    assert_eq!(owed(&board), []);
}

/// DEAD-3, GROUP-1: a group of which a member was woken by a notice makes no further one; what dies of other
/// work of the group does.
#[test]
fn a_group_that_a_notice_woke_makes_no_further_notice() {
    let mut crew = once("crew", "A");
    crew.kind = AgentKind::Group;
    crew.subscriptions[0].types.clear();
    crew.concurrency = u32::MAX;
    let member = |name: &str, on: &str| {
        let mut member = once(name, on);
        member.subscriptions[0].group = Some(crew.name.clone());
        member
    };
    let mut board = board(&[crew.clone(), member("one", "A"), member("undertaker", DEAD_LETTER)]);
    board.publish(&[new("A")]).unwrap();
    die(&mut board);
    let (debt, _) = owed(&board)[0];
    let pay = payment(&mut board, debt);
    board.ask(pay).unwrap();
    die(&mut board);
    assert_eq!(owed(&board), []);
}

/// DEAD-4: a notice is not refused for want of room, neither on the agendas nor in its tree of work.
#[test]
fn a_notice_needs_no_room() {
    let mut board = watched();
    let mut bounds = *board.state.bounds();
    (bounds.agenda_len, bounds.agent_agenda_len, bounds.correlation_artifacts) = (1, 1, 1);
    board.state.keep_to(bounds);
    for _ in 0..4 {
        board.publish(&[new("A")]).unwrap();
        die(&mut board);
    }
    for (debt, _) in owed(&board) {
        let pay = payment(&mut board, debt);
        board.ask(pay).unwrap();
    }
    assert_eq!(board.leases.len(), 4);
    assert_eq!(board.publish(&[new("A")]).unwrap_err().code(), "busy", "others wait meanwhile");
}

/// DEAD-2: each death of a dead letter that is redriven has a notice; a later standing of it does not
/// change what an earlier notice says.
#[test]
fn each_death_has_a_notice() {
    let mut board = watched();
    board.publish(&[new("A")]).unwrap();
    let id = die(&mut board).attempt.activation;
    let letter = board.dead_letter(id);
    board.ask(Request::Redrive(vec![letter])).unwrap();
    die(&mut board);
    let attempts: Vec<_> =
        board.state.debts().map(|(_, Debt::DeadLetter(it))| it.attempts).collect();
    assert_eq!(attempts, [1, 2]);
}

/// DEAD-1: a dead letter has the fingerprint that its executor gave; without one, that of its agent and
/// the reason. What is tried again has none.
#[test]
fn a_dead_letter_has_a_fingerprint() {
    let mut definition = agent("one", "A");
    definition.total_timeout = Some(Duration::from_secs(100));
    let mut board = board(&[definition]);
    board.publish(&[new("A"), new("A")]).unwrap();
    let (first, second) = (board.leased(), board.leased());
    board.fail(&first, ErrorKind::Transient).unwrap();
    board.fail(&second, ErrorKind::Permanent).unwrap();
    let death =
        |board: &Board, lease: &Lease| board.dead_letter(lease.attempt.activation).closed.death;
    let given = Fingerprint([5; 8]);
    let permanent = Some(Death { kind: Some(ErrorKind::Permanent), fingerprint: given });
    assert_eq!(death(&board, &second), permanent);
    let recorded = |kind| {
        board.events().into_iter().find_map(|(_, event)| match event {
            Event::AttemptEnded { end, fingerprint, .. } => {
                (*end == crate::event::AttemptEnd::Failed(kind)).then_some(*fingerprint)
            }
            _ => None,
        })
    };
    assert_eq!(recorded(ErrorKind::Transient), Some(None));
    assert_eq!(recorded(ErrorKind::Permanent), Some(Some(given)));

    board.leases.clear();
    board.pass(Duration::from_secs(200));
    board.leases.clear();
    board.pass(Duration::from_secs(200));
    let incarnation = board.state.header().incarnation.unwrap();
    let name = AgentName::new("one").unwrap();
    let reason = DeadReason::TotalTimeout.as_str();
    let fingerprint = Fingerprint::of(incarnation, &name, reason, "");
    assert_eq!(death(&board, &first).map(|death| death.fingerprint), Some(fingerprint));
}
