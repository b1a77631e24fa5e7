//! Pausing a board, an agent or a tree of work: what waits, what goes on, and who is told.

use super::super::Gate;
use super::*;
use crate::event::Pausable;
use crate::ids::AgentNo;

/// PAUSE-1: nothing of a paused board is leased; publishes and running attempts go on.
#[test]
fn a_paused_board_takes_in_and_gives_nothing_out() {
    let mut board = Board::with(&[agent("one", "A"), agent("two", "B")], 8);
    board.publish(&[new("A")]).unwrap();
    let running = board.leased();
    assert_eq!(board.ask(Request::Pause(Pausable::Board)), Ok(Answer::Changed(1)));
    assert_eq!(board.ask(Request::Pause(Pausable::Board)), Ok(Answer::Changed(0)));
    board.done(&running, &[new("B")]).unwrap();
    board.publish(&[new("A")]).unwrap();
    assert_eq!(board.leases, []);
    assert!(board.state.is_idle(), "only a person can help");
    let id = board.state.activations().next().unwrap().0;
    assert_eq!(board.state.gate(id), Some(Gate::Paused(Pausable::Board)));
    board.state = State::decode(&board.state.encode()).unwrap();
    board.pass(Duration::from_secs(1));
    assert_eq!(board.leases, [], "a restart changes nothing");
    assert_eq!(board.ask(Request::Resume(Pausable::Board)), Ok(Answer::Changed(1)));
    assert_eq!(board.leases.len(), 2);
}

/// PAUSE-2: a paused agent stays paused when its program starts again, and keeps nobody else waiting.
#[test]
fn a_paused_agent_waits_alone() {
    let agents = [agent("one", "A"), agent("two", "B")];
    let mut board = Board::with(&agents, 8);
    let what = Pausable::Agent(AgentNo(0));
    board.ask(Request::Pause(what)).unwrap();
    let mut changed = agents;
    changed[0].concurrency = 3;
    board.register(&changed).unwrap();
    board.publish(&[new("A"), new("B")]).unwrap();
    assert_eq!(board.leases.iter().map(|lease| lease.agent).collect::<Vec<_>>(), [AgentNo(1)]);
    let id = board.state.activations().next().unwrap().0;
    assert_eq!(board.state.gate(id), Some(Gate::Paused(what)));
    board.ask(Request::Resume(what)).unwrap();
    assert_eq!(board.leases.len(), 2);
    let unknown = Pausable::Agent(AgentNo(9));
    assert_eq!(board.ask(Request::Pause(unknown)).unwrap_err().code(), "unknown-agent");
    assert_eq!(board.ask(Request::Resume(unknown)).unwrap_err().code(), "unknown-agent");
}

/// PAUSE-3: of a paused tree of work nothing is leased, what it grows included, until it is resumed; what
/// is said of it is forgotten when it has settled.
#[test]
fn a_paused_tree_of_work_waits() {
    let mut board = Board::with(&[agent("one", "A"), agent("two", "B")], 8);
    let correlation = board.publish(&[new("A"), new("A")]).unwrap()[0].correlation;
    let (first, second) = (board.leased(), board.leased());
    let what = Pausable::Correlation(correlation);
    board.ask(Request::Pause(what)).unwrap();
    board.fail(&first, ErrorKind::Transient).unwrap();
    board.done(&second, &[new("B")]).unwrap();
    board.pass(Duration::from_secs(5));
    assert_eq!(board.leases, []);
    assert!(board.state.is_idle());
    for (id, _) in board.state.activations() {
        assert_eq!(board.state.gate(id), Some(Gate::Paused(what)));
    }
    board.publish(&[new("A")]).unwrap();
    let other = board.leased();
    assert_ne!(other.correlation, correlation, "others go on");
    board.done(&other, &[]).unwrap();
    board.state = State::decode(&board.state.encode()).unwrap();
    board.ask(Request::Resume(what)).unwrap();
    assert_eq!(board.leases.len(), 2);
    board.ask(Request::Pause(what)).unwrap();
    for lease in std::mem::take(&mut board.leases) {
        board.done(&lease, &[]).unwrap();
    }
    assert_eq!(board.state.paused_correlations().count(), 0);
    assert_eq!(board.ask(Request::Pause(what)).unwrap_err().code(), "nothing-open");
    assert_eq!(board.ask(Request::Resume(what)), Ok(Answer::Changed(0)));
}

/// PAUSE-4: a total time-out goes on while nothing is leased, and what is paused can be cancelled.
#[test]
fn time_goes_on_for_what_is_paused() {
    let mut short = agent("one", "A");
    short.total_timeout = Some(Duration::from_secs(10));
    let mut board = Board::with(&[short], 0);
    let receipts = board.publish(&[new("A"), new("A")]).unwrap();
    let what = Pausable::Correlation(receipts[0].correlation);
    board.ask(Request::Pause(what)).unwrap();
    let id = board.state.activations().next().unwrap().0;
    board.ask(Request::CancelActivations(vec![id])).unwrap();
    board.pass(Duration::from_secs(10));
    assert_eq!(board.state.activations().count(), 0);
}
