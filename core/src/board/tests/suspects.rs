//! Deaths of processes: what ran is suspect, and of suspects one at a time runs in a session.

use std::collections::BTreeMap;

use super::*;
use crate::board::{Gate, Suspect};
use crate::event::DeadReason;

impl Board {
    /// The process dies, and another one takes the board over, with one session of so many slots.
    fn die(&mut self, slots: u32) {
        let epoch = self.state.header().epoch.get() + 1;
        let process = 100 + u128::from(epoch);
        self.leases.clear();
        self.take_over(epoch, process);
        self.open_session(1_000 + process, process, slots);
    }

    fn suspect(&self, id: ActivationId) -> Option<u32> {
        let activation = self.state.activation(id).unwrap();
        activation.suspect.map(|Suspect { deaths }| deaths)
    }

    fn open(&self) -> Vec<ActivationId> {
        self.state.activations().map(|(id, _)| id).collect()
    }

    fn running(&self) -> Vec<ActivationId> {
        let running = self.state.activations().filter(|(_, a)| a.running().is_some());
        running.map(|(id, _)| id).collect()
    }
}

/// DEATH-1: what ran when a process died runs one at a time in the next session, the others wait at the
/// gate `suspect`, and other work goes on beside. The end of one lets the next one go.
#[test]
fn suspects_run_one_at_a_time_beside_other_work() {
    let mut board = Board::with(&[agent("one", "A"), agent("two", "B")], 9);
    board.publish(&[new("A"), new("A"), new("B")]).unwrap();
    let [first, second, third] = board.open()[..] else { panic!("three are open") };
    board.die(9);
    assert_eq!(board.running(), [first]);
    assert_eq!([first, second, third].map(|id| board.suspect(id)), [Some(0); 3]);
    for other in [second, third] {
        assert_eq!(board.state.gate(other), Some(Gate::Suspect(first)));
    }
    board.publish(&[new("A"), new("A")]).unwrap();
    assert_eq!(board.running().len(), 3, "work that saw nobody die runs beside it");
    let lease = board.leased();
    board.fail(&lease, ErrorKind::Permanent).unwrap();
    assert_eq!(board.running().len(), 3);
    assert!(board.running().contains(&second));
    assert_eq!(board.state.gate(third), Some(Gate::Suspect(second)));
}

/// DEATH-1: each session has a turn to give.
#[test]
fn every_session_runs_a_suspect() {
    let mut board = Board::with(&[agent("one", "A")], 9);
    board.publish(&vec![new("A"); 4]).unwrap();
    let open = board.open();
    board.die(2);
    board.open_session(7, 102, 1);
    assert_eq!(board.running(), open[..2]);
    let gate = board.state.gate(open[2]);
    assert!(matches!(gate, Some(Gate::Suspect(before)) if open[..2].contains(&before)), "{gate:?}");
    board.open_session(8, 102, 0);
    assert_eq!(board.state.gate(open[2]), Some(Gate::Permit), "it has a turn to give, and no slot");
}

/// DEATH-2: only a death in its own turn counts, and the limit is a dead letter with the reason
/// `crash-loop`. It uses up none of the retries.
#[test]
fn deaths_in_its_own_turn_make_a_dead_letter() {
    let mut poison = agent("poison", "A");
    poison.retry = Retry::never();
    let mut board = Board::with(&[poison, agent("other", "B")], 9);
    board.publish(&[new("A"), new("B")]).unwrap();
    let [poison, other] = board.open()[..] else { panic!("two are open") };
    for deaths in 0..5 {
        board.die(9);
        assert_eq!(board.suspect(poison), Some(deaths));
        assert_eq!(board.suspect(other), Some(0), "it was never its turn");
        assert_eq!(board.running(), [poison]);
    }
    board.die(9);
    assert_eq!(board.outcome(poison), Some(Outcome::Dead(DeadReason::CrashLoop)));
    assert_eq!(board.running(), [other]);
    let lease = board.leased();
    board.done(&lease, &[]).unwrap();
    assert_eq!(AgentDefinition::CRASH_LOOP, 5);
}

/// DEATH-2: the limit is the agent's.
#[test]
fn the_limit_of_a_crash_loop_is_set() {
    let poison = AgentDefinition { crash_loop: 1, ..agent("poison", "A") };
    let mut board = Board::with(&[poison], 9);
    board.publish(&[new("A")]).unwrap();
    let id = board.open()[0];
    board.die(9);
    assert_eq!(board.outcome(id), None, "it may have been another one");
    board.die(9);
    assert_eq!(board.outcome(id), Some(Outcome::Dead(DeadReason::CrashLoop)));
    let letter = board.dead_letter(id);
    board.ask(Request::Redrive(vec![letter])).unwrap();
    assert_eq!(board.suspect(id), None, "a redrive begins anew");
}

/// DEATH-2: what runs beside a suspect when it dies is suspect, and nothing more.
#[test]
fn what_ran_beside_a_suspect_has_no_death_counted() {
    let mut board = Board::with(&[agent("one", "A"), agent("two", "B")], 9);
    board.publish(&[new("A")]).unwrap();
    board.die(9);
    board.publish(&[new("B")]).unwrap();
    let [first, second] = board.open()[..] else { panic!("two are open") };
    assert_eq!(board.running(), [first, second]);
    board.die(9);
    assert_eq!([first, second].map(|id| board.suspect(id)), [Some(1), Some(0)]);
}

/// DEATH-3: every end but a death clears the suspicion and the count.
#[test]
fn another_end_clears_it() {
    type End = fn(&mut Board, &Lease);
    let ends: [(&str, End); 4] = [
        ("failed", |board, lease| drop(board.fail(lease, ErrorKind::Transient).unwrap())),
        ("released", |board, lease| {
            board.finish(lease.attempt, AttemptOutcome::Released).unwrap();
        }),
        ("closed", |board, lease| drop(board.ask(Request::EndSession(lease.session)).unwrap())),
        ("overdue", |board, _| board.pass(Duration::from_secs(61))),
    ];
    for (name, end) in ends {
        let mut board = Board::with(&[agent("one", "A")], 9);
        board.publish(&[new("A")]).unwrap();
        let id = board.open()[0];
        board.die(9);
        board.die(9);
        assert_eq!(board.suspect(id), Some(1));
        let lease = board.leased();
        end(&mut board, &lease);
        assert_eq!(board.suspect(id), None, "{name}");
    }
}

/// DEATH-1: a suspect behind a gate of its own keeps no other suspect waiting.
#[test]
fn a_suspect_that_may_not_run_gives_its_turn() {
    let mut board = Board::with(&[agent("one", "A"), agent("two", "B")], 9);
    board.publish(&[new("A"), new("B")]).unwrap();
    let [first, second] = board.open()[..] else { panic!("two are open") };
    let (agent, _) = board.state.agent_named(&AgentName::new("one").unwrap()).unwrap();
    board.ask(Request::Pause(crate::event::Pausable::Agent(agent))).unwrap();
    board.die(9);
    assert_eq!(board.running(), [second]);
    assert_eq!(board.state.gate(first).map(Gate::as_str), Some("paused"));
    let lease = board.leased();
    board.done(&lease, &[]).unwrap();
    assert!(board.running().is_empty());
    board.ask(Request::Resume(crate::event::Pausable::Agent(agent))).unwrap();
    assert_eq!(board.running(), [first]);
}

/// DEATH-1: keys with a limit and ordering keys hold for suspects as for others, and what waits for its
/// turn is not what the board is behind with.
#[test]
fn keys_hold_for_suspects() {
    let mut one = agent("one", "A");
    one.key_concurrency = Some(1);
    let mut board = Board::with(&[one], 9);
    let keyed = |order| New { order: Some(order), ..new("A") };
    board.publish(&[keyed("x"), keyed("x"), keyed("y")]).unwrap();
    let open = board.open();
    board.die(9);
    assert_eq!(board.running(), [open[0]]);
    assert_eq!(board.state.gate(open[1]).map(Gate::as_str), Some("concurrency (key)"));
    assert_eq!(board.state.gate(open[2]), Some(Gate::Suspect(open[0])));
    assert_eq!(board.state.backlog(), 0);
    let mut ends = BTreeMap::new();
    while let Some(lease) = board.leases.pop() {
        board.done(&lease, &[]).unwrap();
        *ends.entry(lease.attempt.activation).or_insert(0) += 1;
    }
    assert_eq!(ends.len(), 3);
    assert!(board.state.is_idle());
}

/// DEATH-1: a board on which only suspects wait is not idle, and one that is read back leases the same.
#[test]
fn waiting_suspects_are_work() {
    let mut board = Board::with(&[agent("one", "A")], 9);
    board.publish(&[new("A"), new("A")]).unwrap();
    let epoch = board.state.header().epoch.get() + 1;
    board.leases.clear();
    board.take_over(epoch, 77);
    assert!(!board.state.is_idle());
    board.state = State::decode(&board.state.encode()).unwrap();
    assert!(!board.state.is_idle());
    board.open_session(78, 77, 9);
    assert_eq!(board.running().len(), 1);
    board.state = State::decode(&board.state.encode()).unwrap();
    board.pass(Duration::from_secs(1));
    assert_eq!(board.running().len(), 1);
    let lease = board.leased();
    board.done(&lease, &[]).unwrap();
    assert_eq!(board.running().len(), 1);
}
