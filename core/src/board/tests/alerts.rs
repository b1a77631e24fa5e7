//! Alerts: what is gathered into them, their bounds, and how they end.

use super::*;
use crate::board::{Alert, EndAlert};
use crate::event::AlertEnd;
use crate::ids::{AgentNo, DebtId};
use crate::policy::limits;

const MINUTE: Duration = Duration::from_secs(60);

/// A board with an agent `one`, which has one attempt at a time and gathers its deaths for so long.
fn board(alert_after: Option<Duration>) -> Board {
    Board::with(&[alerting(alert_after)], 9)
}

fn alerting(alert_after: Option<Duration>) -> AgentDefinition {
    AgentDefinition { retry: Retry::never(), alert_after, ..agent("one", "A") }
}

/// Something dies, and its executor says what it is grouped by.
fn die(board: &mut Board, of: &str) -> ActivationId {
    board.publish(&[new("A")]).unwrap();
    let lease = board.leased();
    let name = AgentName::new("one").unwrap();
    let fingerprint = Fingerprint::of(Incarnation::new(uuid(9)), &name, "transient", of);
    let finish = Finish {
        attempt: lease.attempt,
        outcome: AttemptOutcome::Failed(ErrorKind::Transient),
        report: None,
        fingerprint: Some(fingerprint),
    };
    board.ask(Request::Finish(finish)).unwrap();
    lease.attempt.activation
}

fn alerts(board: &Board) -> Vec<(DebtId, Alert)> {
    board.state.alerts().map(|(_, id, alert)| (id, alert.clone())).collect()
}

fn end(alert: DebtId, deaths: u64, end: AlertEnd) -> Request {
    Request::EndAlert(EndAlert { agent: AgentNo(0), alert, deaths, tries: 2, end })
}

/// ALERT-2: deaths of one fingerprint make one alert until its time is over, and then another one.
#[test]
fn deaths_of_one_kind_are_gathered() {
    let mut board = board(Some(MINUTE));
    let first = die(&mut board, "no shelf");
    board.pass(Duration::from_millis(59_999));
    let second = die(&mut board, "no shelf");
    let other = die(&mut board, "no lamp");
    let found = alerts(&board);
    let told: Vec<_> = found.iter().map(|(_, it)| (it.deaths, it.others, &it.named[..])).collect();
    assert_eq!(told, [(2, 0, &[first, second][..]), (1, 0, &[other])]);
    assert_eq!(found[0].1.last.since(found[0].1.first), Duration::from_millis(59_999));
    board.pass(Duration::from_millis(1));
    die(&mut board, "no shelf");
    assert_eq!(alerts(&board)[2].1.deaths, 1, "the time of the first was over");
}

/// ALERT-2: an agent has so many alerts and no more; each names so many and no more; none dies uncounted.
#[test]
fn alerts_are_bounded() {
    let mut board = board(Some(MINUTE));
    for kind in 0..limits::ALERTS_MAX + 20 {
        // Words, since numbers are folded.
        die(&mut board, &"x".repeat(kind + 1));
    }
    let found = alerts(&board);
    assert_eq!(found.len(), limits::ALERTS_MAX);
    let newest = &found[limits::ALERTS_MAX - 1].1;
    assert_eq!((newest.deaths, newest.others), (21, 20));
    assert_eq!(newest.named.len(), limits::ALERT_NAMES_MAX);
    let all: u64 = found.iter().map(|(_, alert)| alert.deaths).sum();
    assert_eq!(all, limits::ALERTS_MAX as u64 + 20);
}

/// ALERT-5, I10: an alert is over once, and only as it was sent; a state that is read back owes the same.
#[test]
fn an_alert_ends_once_and_whole() {
    let mut board = board(Some(MINUTE));
    die(&mut board, "no shelf");
    let (alert, _) = alerts(&board)[0];
    die(&mut board, "no shelf");
    let refused = board.ask(end(alert, 1, AlertEnd::Delivered)).unwrap_err();
    assert_eq!(refused, Rejection::NotOwed { debt: alert }, "one more has died than was told");
    let read = State::decode(&board.state.encode()).unwrap();
    assert!(read.alerts().eq(board.state.alerts()));
    board.ask(end(alert, 2, AlertEnd::GivenUp)).unwrap();
    assert_eq!(alerts(&board), []);
    let ended =
        Event::AlertEnded { agent: AgentNo(0), alert, deaths: 2, tries: 2, end: AlertEnd::GivenUp };
    assert!(board.events().iter().any(|(_, event)| **event == ended));
    assert!(board.ask(end(alert, 2, AlertEnd::Delivered)).is_err(), "it is over");
}

/// ALERT-7: for an agent that is defined without a webhook nothing is owed, for one that is retired it is.
#[test]
fn an_agent_without_a_webhook_is_owed_nothing() {
    let mut board = board(Some(MINUTE));
    die(&mut board, "no shelf");
    board.register(&[]).unwrap();
    assert_eq!(alerts(&board).len(), 1, "its next program may say whom to tell");
    board.register(&[alerting(None)]).unwrap();
    assert_eq!(alerts(&board), []);
    let died = die(&mut board, "no shelf");
    assert_eq!(alerts(&board), [], "{died} is told to nobody");
}
