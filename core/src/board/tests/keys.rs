//! Ordering keys, and attempts that are bounded by key.

use super::super::Gate;
use super::*;
use crate::event::DeadReason;
use crate::key::OnDead;

fn keyed(order: Option<&'static str>) -> New {
    New { order, ..new("A") }
}

fn ordered(on_dead: OnDead) -> AgentDefinition {
    let mut agent = agent("one", "A");
    agent.subscriptions[0].ordered = Some(on_dead);
    agent
}

fn ids(board: &Board) -> Vec<ActivationId> {
    board.state.activations().map(|(id, _)| id).collect()
}

fn redrive(board: &mut Board, id: ActivationId, out_of_order: bool) -> Result<Answer, Rejection> {
    let letter = DeadLetterRef { out_of_order, ..board.dead_letter(id) };
    board.ask(Request::Redrive(vec![letter]))
}

fn die(board: &mut Board) -> ActivationId {
    let lease = board.leased();
    board.fail(&lease, ErrorKind::Permanent).unwrap();
    lease.attempt.activation
}

/// KEY-1: one of a key is worked on at a time, in the order of their artifacts; other keys, and what has
/// none, go on meanwhile.
#[test]
fn a_key_is_worked_on_one_at_a_time_in_order() {
    let mut board = Board::with(&[ordered(OnDead::Continue)], 10);
    let news = [Some("k"), Some("k"), Some("other"), Some("k"), None, None].map(keyed);
    board.publish(&news).unwrap();
    let all = ids(&board);
    let running: Vec<_> = board.leases.iter().map(|lease| lease.attempt.activation).collect();
    assert_eq!(running, [all[0], all[2], all[4], all[5]]);
    assert_eq!(board.state.gate(all[1]), Some(Gate::OrderingKey(all[0])));
    assert_eq!(board.state.gate(all[3]), Some(Gate::OrderingKey(all[0])));
    let first = board.leased();
    board.fail(&first, ErrorKind::Transient).unwrap();
    assert_eq!(board.leases.len(), 3, "its retry holds back its key");
    board.pass(Duration::from_secs(1));
    let again = board.leases.pop().unwrap();
    assert_eq!(again.attempt.activation, all[0]);
    board.done(&again, &[]).unwrap();
    assert_eq!(board.leases.last().unwrap().attempt.activation, all[1]);
    assert_eq!(board.state.gate(all[3]), Some(Gate::OrderingKey(all[1])));
}

/// KEY-1: what is behind in its key keeps neither its priority nor its time from counting later.
#[test]
fn what_is_behind_waits_for_no_slot() {
    let mut board = Board::with(&[ordered(OnDead::Continue), agent("two", "B")], 1);
    board.publish(&[keyed(Some("k")), keyed(Some("k"))]).unwrap();
    let first = board.leased();
    board.publish(&[new("B")]).unwrap();
    board.done(&first, &[]).unwrap();
    assert_eq!(board.leased().attempt.activation, ids(&board)[0], "it has waited longer");
}

/// KEY-3: a dead letter lets its key go on, and is redriven out of order only when that is asked for.
#[test]
fn a_dead_letter_lets_its_key_go_on() {
    let mut board = Board::with(&[ordered(OnDead::Continue)], 10);
    board.publish(&[keyed(Some("k")), keyed(Some("k"))]).unwrap();
    let all = ids(&board);
    assert_eq!(die(&mut board), all[0]);
    let second = board.leased();
    assert_eq!(second.attempt.activation, all[1]);
    let refused = redrive(&mut board, all[0], false).unwrap_err();
    assert_eq!(refused.code(), "out-of-order");
    redrive(&mut board, all[0], true).unwrap();
    assert_eq!(board.leases, [], "the younger one runs");
    assert_eq!(board.state.gate(all[0]), Some(Gate::OrderingKey(all[1])));
    let marked = |(_, event): &(Seq, &Event)| matches!(event, Event::ActivationRedriven(redriven) if redriven.out_of_order);
    assert!(board.events().iter().any(marked));
    board.done(&second, &[]).unwrap();
    assert_eq!(board.leased().attempt.activation, all[0]);
}

/// KEY-3: as long as no younger one has run, it is redriven in order.
#[test]
fn a_dead_letter_that_nothing_overtook_is_redriven_in_order() {
    let mut board = Board::with(&[ordered(OnDead::Continue)], 1);
    board.publish(&[keyed(Some("k"))]).unwrap();
    let id = die(&mut board);
    board.publish(&[keyed(Some("other"))]).unwrap();
    let other = board.leased();
    board.publish(&[keyed(Some("k"))]).unwrap();
    board.state = State::decode(&board.state.encode()).unwrap();
    redrive(&mut board, id, false).unwrap();
    let younger = ids(&board)[2];
    assert_eq!(board.state.gate(younger), Some(Gate::OrderingKey(id)));
    board.done(&other, &[]).unwrap();
    assert_eq!(board.leased().attempt.activation, id);
}

/// KEY-4: with a strict order a dead letter stops its key, over a restart too, until it is redriven or
/// dropped.
#[test]
fn a_strict_key_stops_at_a_dead_letter() {
    let mut board = Board::with(&[ordered(OnDead::Stop)], 10);
    board.publish(&[(); 3].map(|()| keyed(Some("k")))).unwrap();
    let all = ids(&board);
    let first = die(&mut board);
    board.state = State::decode(&board.state.encode()).unwrap();
    board.pass(Duration::from_secs(60));
    assert_eq!(board.leases, []);
    assert_eq!(board.state.gate(all[1]), Some(Gate::OrderingKey(first)));
    assert!(board.state.is_idle(), "only a person can help");
    redrive(&mut board, first, false).unwrap();
    assert_eq!(die(&mut board), first);
    assert_eq!(board.leases, []);
    let letter = board.dead_letter(first);
    board.ask(Request::DropDead(vec![letter])).unwrap();
    assert_eq!(board.leased().attempt.activation, all[1]);
}

/// KEY-5: an artifact whose key cannot be worked out makes a dead letter.
#[test]
fn a_bad_key_makes_a_dead_letter() {
    let mut failing = ordered(OnDead::Continue);
    failing.subscriptions[0].key = KeyOf::Closure { label: "here".into() };
    let mut board = Board::with(&[failing], 10);
    board.publish(&[new("A")]).unwrap();
    assert_eq!(board.leases, []);
    assert_eq!(board.closed[0].outcome, Outcome::Dead(DeadReason::BadKey));
    assert_eq!(board.settled.len(), 1);
}

/// KEY-6: only so many attempts of a key run at once; other keys, and what has none, go on meanwhile.
#[test]
fn attempts_are_bounded_by_key() {
    let mut bounded = agent("one", "A");
    bounded.key_concurrency = Some(2);
    let mut board = Board::with(&[bounded], 10);
    let news = [Some("k"), Some("k"), Some("k"), Some("other"), None, None, None].map(keyed);
    board.publish(&news).unwrap();
    assert_eq!(board.leases.len(), 6);
    let waiting = ids(&board)[2];
    assert_eq!(board.state.gate(waiting), Some(Gate::KeyConcurrency));
    board.state = State::decode(&board.state.encode()).unwrap();
    assert_eq!(board.state.gate(waiting), Some(Gate::KeyConcurrency));
    let first = board.leased();
    board.done(&first, &[]).unwrap();
    assert_eq!(board.leases.last().unwrap().attempt.activation, waiting);
}

/// KEY-6: of one key, what is first on the agenda runs first, whenever it came there.
#[test]
fn the_first_of_a_key_takes_its_slot() {
    let mut bounded = agent("one", "A");
    bounded.key_concurrency = Some(1);
    bounded.subscriptions.push(SubscriptionDefinition {
        types: vec![TypeName::new("B").unwrap()],
        priority: 9,
        ..bounded.subscriptions[0].clone()
    });
    let mut board = Board::with(&[bounded], 0);
    board.publish(&[keyed(Some("k")), keyed(Some("k"))]).unwrap();
    board.publish(&[New { order: Some("k"), ..new("B") }]).unwrap();
    board.open_session(3, PROCESS, 10);
    let all = ids(&board);
    let mut order = Vec::new();
    while let Some(lease) = board.leases.pop() {
        assert_eq!(board.leases, []);
        order.push(lease.attempt.activation);
        board.done(&lease, &[]).unwrap();
    }
    assert_eq!(order, [all[2], all[0], all[1]]);
}

/// I5: a hundred keys with failures, retries and restarts stay in order.
#[test]
fn a_hundred_keys_stay_in_order() {
    let keys: Vec<&'static str> =
        (0..100).map(|number| &*Box::leak(format!("key {number}").into_boxed_str())).collect();
    let mut agent = ordered(OnDead::Continue);
    agent.concurrency = 40;
    agent.retry = Retry::fixed(Duration::from_secs(1)).jitter(Jitter::None).max_attempts(3);
    let mut board = Board::with(&[agent], 30);
    let mut dice = 7_u64;
    let mut draw = |below: u64| {
        dice = crate::seed::split_mix(dice);
        usize::try_from(dice % below).unwrap()
    };
    for round in 0..1_500 {
        let order = Some(keys[draw(100)]);
        board.publish(&[keyed(order)]).unwrap();
        if round % 200 == 150 {
            let process = 1_000 + u128::from(u16::try_from(round).unwrap());
            board.take_over(u64::try_from(round).unwrap(), process);
            board.leases.clear();
            board.open_session(process, process, 30);
        }
        for _ in 0..draw(3) {
            if board.leases.is_empty() {
                break;
            }
            let next = draw(board.leases.len() as u64);
            let lease = board.leases.remove(next);
            match draw(10) {
                0..3 => board.fail(&lease, ErrorKind::Transient).unwrap(),
                3 => board.fail(&lease, ErrorKind::Permanent).unwrap(),
                _ => board.done(&lease, &[]).unwrap(),
            };
        }
        board.pass(Duration::from_millis(draw(400) as u64));
    }
    while !board.state.is_idle() {
        board.pass(Duration::from_secs(1));
        while let Some(lease) = board.leases.pop() {
            board.done(&lease, &[]).unwrap();
        }
    }
    in_order(&board);
}

/// Every activation begins only once all older ones of its key are closed.
fn in_order(board: &Board) {
    let mut open: std::collections::BTreeMap<String, Vec<ActivationId>> = Default::default();
    let mut key_of = std::collections::BTreeMap::new();
    let mut started = 0;
    for (seq, event) in board.events() {
        match event {
            Event::ActivationCreated { key: Some(key), .. } => {
                open.entry(key.to_string()).or_default().push(ActivationId(seq));
                key_of.insert(ActivationId(seq), key.to_string());
            }
            Event::AttemptStarted { attempt, .. } => {
                started += 1;
                let lane = &open[&key_of[&attempt.activation]];
                assert_eq!(lane.first(), Some(&attempt.activation), "at seq {seq}");
            }
            Event::AttemptEnded { attempt, next, .. } => {
                use crate::event::Next;
                if matches!(next, Next::Closed | Next::Dead(_)) {
                    let lane = open.get_mut(&key_of[&attempt.activation]).unwrap();
                    lane.retain(|id| *id != attempt.activation);
                }
            }
            _ => {}
        }
    }
    assert!(started > 1_500, "{started} attempts");
    assert!(open.values().all(Vec::is_empty), "nothing is left open: {open:?}");
}
