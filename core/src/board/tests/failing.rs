//! Predicates that fail: each artifact names the clause, and what went wrong is told once a minute, with
//! a count.

use super::*;
use crate::board::Failing;
use crate::command::PredicateFailure;
use crate::policy::limits;
use crate::predicate::cel::Cel;

const ONE: SubscriptionNo = SubscriptionNo(0);

/// An agent whose predicate asks for a field.
fn picky() -> AgentDefinition {
    let mut agent = agent("picky", "A");
    let cel = Cel::new("payload.n / payload.n == 1").unwrap();
    agent.subscriptions[0].filter = Filter::Cel(cel);
    agent
}

fn text(text: &'static str) -> Content {
    Content::new(Salt([5; 16]), Bytes::from_static(text.as_bytes()))
}

/// What a publish of these is, with what is to be told of its failures.
fn publish(board: &mut Board, news: &[New], told: &'static str) -> Publish {
    let producer = Producer::Program(ProgramName::new("test").unwrap());
    let mut publish = board.outgoing(news, &producer);
    let failure = |clause| PredicateFailure { subscription: ONE, clause, text: text(told) };
    publish.failures = vec![failure(Clause::FilterPanic), failure(Clause::FilterError)];
    publish
}

fn fail(board: &mut Board, news: usize, told: &'static str) {
    let news = vec![new("A"); news];
    let publish = publish(board, &news, told);
    board.ask(Request::Publish(publish)).unwrap();
}

/// What was told: of how many failures, and the hash of the text.
fn told(board: &Board) -> Vec<(u64, Option<crate::hash::Hash>)> {
    let tell = |event: &Event| match event {
        Event::PredicateFailed { subscription: ONE, clause: Clause::FilterError, count, text } => {
            Some((*count, *text))
        }
        _ => None,
    };
    board.events().into_iter().filter_map(|(_, event)| tell(event)).collect()
}

/// FAILING-1, FAILING-2: the first failure is told at once, the others of a minute with the next one.
#[test]
fn failures_are_told_once_a_minute() {
    let mut board = Board::with(&[picky()], 1);
    fail(&mut board, 1, "first");
    for _ in 0..999 {
        fail(&mut board, 1, "more");
    }
    assert_eq!(told(&board), [(1, Some(text("first").hash()))]);
    board.pass(limits::PREDICATE_QUIET - Duration::from_millis(1));
    fail(&mut board, 1, "nearly");
    assert_eq!(told(&board).len(), 1);
    let failing = board.state.subscription(ONE).unwrap().failing.clone();
    let expected =
        Failing { clause: Clause::FilterError, count: 1_001, untold: 1_000, told: failing[0].told };
    assert_eq!(failing, [expected]);
    board.pass(Duration::from_millis(1));
    fail(&mut board, 2, "later");
    assert_eq!(told(&board)[1..], [(1_002, Some(text("later").hash()))]);
    let told_at = board.state.subscription(ONE).unwrap().failing[0].told.unwrap().0;
    let (seq, _) = *board.events().last().unwrap();
    assert_eq!(told_at, seq);
}

/// FAILING-2: what a fold has counted is told after it, in another process or not.
#[test]
fn a_count_survives_a_restart() {
    let mut board = Board::with(&[picky()], 1);
    fail(&mut board, 3, "first");
    fail(&mut board, 4, "more");
    board.state = State::decode(&board.state.encode()).unwrap();
    board.take_over(2, 7);
    fail(&mut board, 1, "soon");
    board.pass(limits::PREDICATE_QUIET);
    fail(&mut board, 1, "later");
    assert_eq!(told(&board).iter().map(|(count, _)| *count).collect::<Vec<_>>(), [3, 6]);
}

/// FAILING-1: what did not come on the board has not failed, and a text that is missing is not waited for.
#[test]
fn only_what_is_committed_counts() {
    let mut board = Board::with(&[picky()], 1);
    let twice = New { key: Some("k"), ..new("A") };
    let producer = Producer::Program(ProgramName::new("test").unwrap());
    let publish = board.outgoing(std::slice::from_ref(&twice), &producer);
    board.ask(Request::Publish(publish)).unwrap();
    let again = board.outgoing(&[twice], &producer);
    board.ask(Request::Publish(again)).unwrap();
    assert_eq!(told(&board), [(1, None)]);
    assert_eq!(board.state.subscription(ONE).unwrap().failing[0].count, 1);
    // One that says no has not failed either.
    let mut fine = picky();
    fine.subscriptions[0].filter = Filter::Cel(Cel::new("payload == null").unwrap());
    let mut other = Board::with(&[fine], 1);
    fail(&mut other, 5, "never");
    assert_eq!((told(&other), &other.state.subscription(ONE).unwrap().failing), (vec![], &vec![]));
}

/// FAILING-3: the texts lie beside the log, under the events that tell of them; outputs of attempts fail
/// as what is published does.
#[test]
fn a_text_lies_under_its_event() {
    let mut maker = agent("maker", "B");
    maker.outputs = vec![TypeName::new("A").unwrap()];
    let mut board = Board::with(&[picky(), maker], 1);
    board.publish(&[new("B")]).unwrap();
    let lease = board.leased();
    let outcome = AttemptOutcome::Done(publish(&mut board, &[new("A")], "output"));
    let finish =
        Finish { attempt: lease.attempt, outcome, report: Some(text("report")), fingerprint: None };
    let command = Command {
        id: CommandId::new(uuid(77)),
        actor: Actor::Board,
        correlation: None,
        trace: None,
        seed: 7,
        request: Request::Finish(finish),
    };
    let mut changes = Changes::default();
    let now = board.now;
    let decided = board.state.decide(&command, now, &mut board.beside, &mut changes).unwrap();
    board.log.extend(decided.decision);
    let (seq, last) = *board.events().last().unwrap();
    assert!(matches!(last, Event::PredicateFailed { count: 1, .. }));
    let rows = changes.rows.contents;
    assert_eq!(
        rows.iter().map(|row| &row.bytes[..]).collect::<Vec<_>>(),
        [&b"report"[..], b"output"]
    );
    assert_eq!((rows[1].seq, rows[1].hash()), (seq, text("output").hash()));
}
