//! Groups: several agents that are one subscriber.

use super::super::Gate;
use super::super::agenda::{Agenda, Standing};
use super::*;
use crate::event::{DeadReason, Metered, Pausable};
use crate::ids::{ActivationId, AgentNo, Seq, SubscriptionNo};
use crate::key::OnDead;
use crate::policy::{Breaker, RateLimit};

/// A group as a program declares it.
fn group(name: &str) -> AgentDefinition {
    let mut group = agent(name, "A");
    group.kind = AgentKind::Group;
    group.subscriptions[0].types.clear();
    group.concurrency = u32::MAX;
    group
}

fn member(name: &str, on: &str) -> AgentDefinition {
    let mut member = agent(name, on);
    member.concurrency = 1;
    member.subscriptions[0].group = Some(AgentName::new("crew").unwrap());
    member
}

fn crew(slots: u32) -> Board {
    Board::with(&[group("crew"), member("one", "A"), member("two", "A"), member("b", "B")], slots)
}

fn names(board: &Board) -> Vec<String> {
    let name = |lease: &Lease| board.state.agent(lease.agent).unwrap().definition.name.to_string();
    board.leases.iter().map(name).collect()
}

fn gate(board: &Board) -> Gate {
    let waits = board.state.activations().find(|(_, it)| it.running().is_none());
    board.state.gate(waits.expect("something waits").0).unwrap()
}

fn pause(board: &mut Board, agent: u32) {
    board.ask(Request::Pause(Pausable::Agent(AgentNo(agent)))).unwrap();
}

/// GROUP-1: what several members of a group are subscribed to makes one activation, of the group, and only
/// a member that it woke runs it; those are recorded. I2: the group's counts say what became of it.
#[test]
fn a_group_is_one_subscriber() {
    let mut board = crew(10);
    board.publish(&[new("A"), new("B")]).unwrap();
    assert_eq!(names(&board), ["one", "b"]);
    let members: Vec<_> = board.state.activations().map(|(_, it)| it.members.clone()).collect();
    assert_eq!(members, [Box::from([AgentNo(1), AgentNo(2)]), Box::from([AgentNo(3)])]);
    assert!(board.state.activations().all(|(_, it)| it.agent == AgentNo(0)));
    let lease = board.leased();
    assert_eq!((lease.agent, lease.subscription), (AgentNo(1), SubscriptionNo(0)));
    board.done(&lease, &[]).unwrap();
    let counters = |no| board.state.subscription(SubscriptionNo(no)).unwrap().counters;
    assert_eq!((counters(0).placements, counters(0).done), (2, 1));
    assert_eq!(counters(1).placements, 0);
    assert_eq!(board.state.load(AgentNo(0)), (0, 1));
    assert_eq!(board.state.load(AgentNo(3)), (0, 1));
}

/// GROUP-2: of the members whose gates are open the one runs that has been idle longest, also after a
/// restart; one that runs something comes after all that do not.
#[test]
fn the_longest_idle_member_runs() {
    let mut board = crew(10);
    for turn in 0..4 {
        board.publish(&[new("A")]).unwrap();
        assert_eq!(names(&board), [["one", "two"][turn % 2]], "turn {turn}");
        let lease = board.leased();
        board.done(&lease, &[]).unwrap();
        board.state = State::decode(&board.state.encode()).unwrap();
    }
    let mut twice = member("one", "A");
    twice.concurrency = 2;
    let mut board = Board::with(&[group("crew"), twice, member("two", "A")], 10);
    board.publish(&[new("A"), new("A"), new("A"), new("A")]).unwrap();
    assert_eq!(names(&board), ["one", "two", "one"], "the fourth waits");
    assert_eq!(gate(&board), Gate::AgentConcurrency);
    assert_eq!(board.state.backlog(), 0, "it waits for members, not for the board");

    let mut twice = member("one", "A");
    twice.concurrency = 2;
    let mut board = Board::with(&[group("crew"), twice, member("two", "A")], 10);
    board.publish(&[new("A"), new("A")]).unwrap();
    let (_, two) = (board.leased(), board.leased());
    board.done(&two, &[]).unwrap();
    board.publish(&[new("A")]).unwrap();
    assert_eq!(names(&board), ["two"], "one began before two ended, and still runs");
}

/// GROUP-2: what holds a member back holds the group\'s work back only where it holds all members that
/// may run it, and what is held then waits for the first of them.
#[test]
fn another_member_stands_in() {
    let mut board = crew(10);
    pause(&mut board, 1);
    board.publish(&[new("A"), new("A")]).unwrap();
    assert_eq!(names(&board), ["two"]);
    assert_eq!(gate(&board), Gate::AgentConcurrency, "two is nearer to running it than one");
    let lease = board.leased();
    pause(&mut board, 2);
    board.done(&lease, &[]).unwrap();
    assert_eq!((names(&board).len(), gate(&board)), (0, Gate::Paused(Pausable::Agent(AgentNo(1)))));
    assert!(board.state.is_idle());
    board.ask(Request::Resume(Pausable::Agent(AgentNo(1)))).unwrap();
    assert_eq!(names(&board), ["one"]);
    let lease = board.leased();
    board.done(&lease, &[]).unwrap();

    board.publish(&[new("A")]).unwrap();
    let lease = board.leased();
    assert_eq!(lease.agent, AgentNo(1));
    pause(&mut board, 0);
    board.publish(&[new("B")]).unwrap();
    assert_eq!(gate(&board), Gate::Paused(Pausable::Agent(AgentNo(0))), "the group is paused");
    board.ask(Request::Resume(Pausable::Agent(AgentNo(0)))).unwrap();
    assert_eq!(names(&board), ["b"]);
}

/// GROUP-2: an open breaker or a rate limit of a member lets the others work, and is waited for where all
/// have one; when it is over by itself, the member works again.
#[test]
fn limits_are_the_members_own() {
    let mut fragile = member("one", "A");
    fragile.limits.breaker =
        Some(Breaker::consecutive(1).probes(1).recovery(Duration::from_secs(30)));
    let mut slow = member("two", "A");
    slow.limits.rate = Some(RateLimit::per_minute(6).burst(1));
    let mut board = Board::with(&[group("crew"), fragile, slow], 10);
    board.publish(&[new("A")]).unwrap();
    let lease = board.leased();
    assert_eq!(lease.agent, AgentNo(1));
    board.fail(&lease, ErrorKind::Timeout).unwrap();
    assert!(matches!(board.log.last().unwrap().events[..], [.., Event::BreakerOpened { .. }]));
    board.pass(Duration::from_secs(1));
    assert_eq!(names(&board), ["two"], "the retry is the other one's");
    let retried = board.leased();
    assert_eq!((retried.attempt.attempt.get(), retried.agent), (2, AgentNo(2)));
    board.done(&retried, &[]).unwrap();
    board.publish(&[new("A")]).unwrap();
    assert!(board.leases.is_empty());
    let of = Metered::Agent(AgentNo(2));
    assert_eq!(gate(&board), Gate::Rate { of, until: Elapsed(11_000) });
    assert!(!board.state.is_idle(), "the rate limit ends by itself");
    assert_eq!(board.state.next_due(), Some(Elapsed(11_000)));
    pause(&mut board, 2);
    assert_eq!(board.state.next_due(), Some(Elapsed(30_000)), "the breaker's time");
    board.pass(Duration::from_secs(29));
    assert_eq!(names(&board), ["one"], "the probe of the breaker");
    let probe = board.leased();
    board.done(&probe, &[]).unwrap();
    assert!(matches!(board.log.last().unwrap().events[..], [.., Event::BreakerClosed { .. }]));
}

/// GROUP-3: retries are the group's, whoever fails, and so is the dead letter, which a redrive gives to a
/// member that the artifact woke.
#[test]
fn a_group_has_the_retries_and_the_dead_letters() {
    let mut strict = group("crew");
    strict.retry = Retry::fixed(Duration::from_secs(1)).max_attempts(2).jitter(Jitter::None);
    let mut never = member("one", "A");
    never.retry = Retry::never();
    let mut board = Board::with(&[strict, never, member("two", "A"), member("b", "B")], 10);
    board.publish(&[new("A")]).unwrap();
    let first = board.leased();
    board.fail(&first, ErrorKind::Transient).unwrap();
    board.pass(Duration::from_secs(1));
    let second = board.leased();
    assert_eq!((first.agent, second.agent), (AgentNo(1), AgentNo(2)));
    board.fail(&second, ErrorKind::Transient).unwrap();
    let dead = Some(Outcome::Dead(DeadReason::AttemptsExhausted));
    let id = first.attempt.activation;
    assert_eq!(board.outcome(id), dead);
    let letter = board.dead_letter(id);
    assert_eq!(letter.closed.agent, AgentNo(0));
    board.ask(Request::Redrive(vec![letter])).unwrap();
    let again = board.leased();
    assert_eq!((again.agent, again.attempt.attempt.get()), (AgentNo(1), 3));
    board.done(&again, &[]).unwrap();
    assert_eq!(board.outcome(id), Some(Outcome::Done));
}

/// GROUP-4: what a member made wakes nobody of its group, unless that one asks for it.
#[test]
fn a_group_does_not_wake_on_its_own() {
    let mut eager = member("b", "B");
    eager.subscriptions[0].self_trigger = true;
    let agents = [group("crew"), member("one", "A"), member("two", "A"), eager, agent("out", "A")];
    let mut board = Board::with(&agents, 10);
    board.publish(&[new("A")]).unwrap();
    assert_eq!(names(&board), ["one", "out"]);
    let (lease, _) = (board.leased(), board.leased());
    let deeper = |of| New { depth: 1, ..new(of) };
    board.done(&lease, &[deeper("A"), deeper("B")]).unwrap();
    assert_eq!(names(&board), ["out", "b"]);
}

/// GROUP-5: order is kept by the group, whichever member works on a key.
#[test]
fn a_key_is_worked_on_by_one_member_at_a_time() {
    let mut ordered = group("crew");
    ordered.subscriptions[0].ordered = Some(OnDead::Continue);
    let mut board = Board::with(&[ordered, member("one", "A"), member("two", "A")], 10);
    let keyed = |order| New { order: Some(order), ..new("A") };
    board.publish(&[keyed("x"), keyed("x"), keyed("y")]).unwrap();
    assert_eq!(names(&board), ["one", "two"]);
    let inputs: Vec<_> = board.leases.iter().map(|lease| lease.inputs[0]).collect();
    let (first, _) = (board.leased(), board.leased());
    assert!(inputs[0] < inputs[1]);
    assert!(
        matches!(gate(&board), Gate::OrderingKey(before) if before == first.attempt.activation)
    );
    board.done(&first, &[]).unwrap();
    assert_eq!(names(&board), ["one"], "the second of its key");
}

/// GROUP-5: the first matches of a group are held, and a quiet time is waited for, whichever members they
/// wake.
#[test]
fn a_group_waits_as_one() {
    let mut patient = group("crew");
    patient.subscriptions[0].after = 2;
    let mut board = Board::with(&[patient, member("one", "A"), member("b", "B")], 10);
    board.publish(&[new("A")]).unwrap();
    assert_eq!((names(&board).len(), gate(&board)), (0, Gate::After(1)));
    board.publish(&[new("B")]).unwrap();
    assert_eq!(names(&board), ["one", "b"]);

    let mut calm = group("crew");
    calm.subscriptions[0].wakes = Wakes::Quiet(Duration::from_secs(5));
    let mut board = Board::with(&[calm, member("one", "A"), member("b", "B")], 10);
    board.publish(&[new("A")]).unwrap();
    board.publish(&[new("B")]).unwrap();
    board.pass(Duration::from_secs(5));
    assert_eq!(names(&board), ["b"], "the first one expired");
}

/// GROUP-1: a member that leaves its group leaves what only it could run waiting for it; a group that is not
/// declared is refused.
#[test]
fn members_come_and_go() {
    let mut board = crew(1);
    board.publish(&[new("A"), new("B")]).unwrap();
    let lease = board.leased();
    board.register(&[group("crew"), member("two", "A")]).unwrap();
    board.done(&lease, &[]).unwrap();
    assert_eq!((names(&board).len(), gate(&board)), (0, Gate::Unregistered));
    assert!(board.state.is_idle());
    board.publish(&[new("A"), new("B")]).unwrap();
    assert_eq!(names(&board), ["two"], "nobody is woken by the other one");
    board.register(&[group("crew"), member("two", "A"), member("b", "B")]).unwrap();
    let lease = board.leased();
    board.done(&lease, &[]).unwrap();
    assert_eq!(names(&board), ["b"]);
    let refused = board.register(&[member("one", "A")]).unwrap_err();
    assert!(matches!(refused, Rejection::UnknownGroup { .. }), "{refused}");
}

/// GROUP-1: one that has left its group works for it no more, whatever it does now, and a name does not
/// turn from an agent's into a group's, whose work it would lose.
#[test]
fn who_has_left_works_no_more() {
    let mut board = crew(1);
    board.publish(&[new("A"), new("A")]).unwrap();
    let lease = board.leased();
    board.register(&[group("crew"), agent("one", "C"), member("two", "A")]).unwrap();
    board.done(&lease, &[]).unwrap();
    assert_eq!(names(&board), ["two"], "one is idle and is no member");
    let lease = board.leased();
    board.publish(&[new("A"), new("C")]).unwrap();
    board.register(&[group("crew"), agent("one", "C"), agent("two", "C")]).unwrap();
    board.done(&lease, &[]).unwrap();
    assert_eq!((names(&board), gate(&board)), (vec!["one".to_owned()], Gate::Unregistered));

    for (before, after) in
        [(agent("crew", "A"), group("crew")), (group("crew"), agent("crew", "A"))]
    {
        let mut board = Board::with(&[before], 1);
        let refused = board.register(&[after]).unwrap_err();
        assert!(matches!(refused, Rejection::KindChanged { .. }), "{refused}");
    }
}

/// GROUP-2: a member that takes more slots than are free is passed over for one that does not.
#[test]
fn a_large_member_keeps_no_small_one_waiting() {
    let mut large = member("one", "A");
    (large.candidates, large.concurrency) = (4, 4);
    let agents = [group("crew"), large, member("two", "A"), agent("busy", "B")];
    let mut board = Board::with(&agents, 4);
    board.publish(&[new("B")]).unwrap();
    board.publish(&[new("A"), new("B")]).unwrap();
    assert_eq!(names(&board), ["busy", "two", "busy"]);
}

/// GROUP-2: lines of members that nothing waits in are forgotten, and what waits in the others is found all
/// the same.
#[test]
fn many_sets_of_members_are_kept_apart() {
    let crew = AgentNo(0);
    let mut agenda = Agenda::default();
    for no in 0..=10 {
        let standing = Standing { registered: true, paused: false, concurrency: 1, slots: 1 };
        agenda.stand(AgentNo(no), standing);
        agenda.join(crew, AgentNo(no));
    }
    // All but two are full, so that lines without those are, too.
    (3..=10).for_each(|no| agenda.begin(AgentNo(no), 1));
    let rank = |no: i64| (no, ActivationId(Seq(no.unsigned_abs())));
    let waits = [AgentNo(1), AgentNo(2)];
    let line = agenda.line_of(crew, &waits);
    agenda.put(line, rank(1_000));
    for mask in 4_u32..1_000 {
        let members: Vec<_> =
            (1..=10).filter(|no| mask & (1 << (no - 1)) != 0).map(AgentNo).collect();
        let line = agenda.line_of(crew, &members);
        agenda.put(line, rank(i64::from(mask)));
        let open = members.iter().filter(|member| member.get() < 3).count();
        let first = if open > 0 { i64::from(mask) } else { 1_000 };
        assert_eq!(agenda.first_within(1), Some(rank(first)));
        assert_eq!(agenda.open_within(crew, &members, 1).count(), open);
        let again = agenda.line_of(crew, &members);
        agenda.take_off(again, rank(i64::from(mask)));
        let (lines, full) = agenda.lines_len();
        assert!(lines <= 129 && full <= 8 + lines, "{lines}, {full}");
        assert_eq!((agenda.backlog(), agenda.first_within(1)), (1, Some(rank(1_000))));
    }
    agenda.begin(AgentNo(1), 1);
    assert_eq!(agenda.first_within(1), Some(rank(1_000)));
    agenda.begin(AgentNo(2), 1);
    assert_eq!((agenda.first_within(1), agenda.backlog()), (None, 0));
    agenda.end(AgentNo(1), 1);
    assert_eq!(agenda.open_within(crew, &waits, 1).collect::<Vec<_>>(), [AgentNo(1)]);
    let line = agenda.line_of(crew, &waits);
    agenda.take_off(line, rank(1_000));
    assert!(agenda.is_quiet());
}
