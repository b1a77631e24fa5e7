//! Groups from outside: several agents that are one subscriber, with the default here and the option set.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use artel::event::DeadReason;
use artel::log::Outcome;
use artel::state::Gate;
use artel::{
    ActivationFilter, ActivationView, Board, Context, DeadLetterFilter, Error, Group, Publication,
    Query, Reader, Retry, Running, Standing, StartError, Status,
};

use super::set_up::{Order, Part, SECOND, end, memory, order};

/// What began, and by whom, in order.
#[derive(Debug, Default)]
struct Begun(Mutex<Vec<(String, u32)>>);

impl Begun {
    fn sizes(&self) -> Vec<u32> {
        self.0.lock().unwrap().iter().map(|(_, size)| *size).collect()
    }

    fn agents(&self) -> Vec<String> {
        self.0.lock().unwrap().iter().map(|(agent, _)| agent.clone()).collect()
    }
}

/// Takes a second; an order of nothing fails for a while, one of 666 for good.
async fn take(cx: Context, order: Arc<Order>, begun: Arc<Begun>) -> Result<Part, Error> {
    begun.0.lock().unwrap().push((cx.agent().to_owned(), order.size));
    tokio::time::sleep(SECOND).await;
    match order.size {
        0 => Err(Error::transient("not now")),
        666 => Err(Error::permanent("never")),
        size => Ok(Part { size }),
    }
}

fn members(board: &Board, begun: &Arc<Begun>) {
    for name in ["one", "two"] {
        let member = board.agent(name).on::<Order>().exclusive("crew");
        member.shared_state(begun.clone()).run(take);
    }
}

/// A board with a group of two that is declared like this.
async fn crew(group: Group) -> (Running, Arc<Begun>) {
    let (board, _) = memory().await;
    let begun = Arc::new(Begun::default());
    board.group(group);
    board.type_of::<Part>();
    members(&board, &begun);
    (board.start().await.unwrap(), begun)
}

async fn views(running: &Running) -> (Reader, Vec<ActivationView>) {
    let reader = Reader::of(running.log()).await.unwrap();
    let found = reader.activations(&ActivationFilter::default()).await.unwrap();
    (reader, found.activations)
}

fn coloured(colour: &str, size: u32) -> Order {
    Order { colour: colour.to_owned(), size }
}

async fn problems(board: Board) -> String {
    match board.start().await.unwrap_err() {
        StartError::Agents { problems } => problems.join("\n"),
        other => panic!("{other}"),
    }
}

/// GROUP-1, GROUP-2: `exclusive` makes several agents one subscriber, of whom one works on each artifact;
/// without it, each does. The longest idle one comes first, and the history says who it was.
#[tokio::test(start_paused = true)]
async fn one_member_works_on_each_artifact() {
    for (exclusive, works) in [(false, 8), (true, 4)] {
        let (board, _) = memory().await;
        let begun = Arc::new(Begun::default());
        if exclusive {
            board.group(Group::new("crew"));
        }
        for name in ["one", "two"] {
            let agent = board.agent(name).on::<Order>();
            let agent = if exclusive { agent.exclusive("crew") } else { agent };
            agent.shared_state(begun.clone()).run(take);
        }
        let running = board.start().await.unwrap();
        for size in 1..=4 {
            let receipt = running.publish(order(size)).await.unwrap();
            assert_eq!(running.settled(receipt.correlation).await.unwrap(), Status::Done);
        }
        assert_eq!(begun.sizes().len(), works);
        if exclusive {
            assert_eq!(begun.agents(), ["one", "two", "one", "two"]);
            let (reader, views) = views(&running).await;
            assert_eq!(views.len(), 4);
            let view = &views[0];
            let members: Vec<_> = view.members.iter().map(ToString::to_string).collect();
            assert_eq!((view.agent.as_str(), members), ("crew", vec!["one".into(), "two".into()]));
            let attempts = reader.attempts(view).await.unwrap();
            assert!(attempts[0].member.as_ref().is_some_and(|it| members_has(view, it.as_str())));
            let made = running.artifacts(&Query::of::<Part>()).await.unwrap();
            assert_eq!(made.artifacts[1].producer(), "two", "what is made is the member's");
        }
        end(running).await;
    }
}

fn members_has(view: &ActivationView, name: &str) -> bool {
    view.members.iter().any(|member| member.as_str() == name)
}

/// GROUP-1: an artifact wakes the members that it meets, and only they run it.
#[tokio::test(start_paused = true)]
async fn only_members_that_are_met_work() {
    let (board, _) = memory().await;
    let begun = Arc::new(Begun::default());
    board.group(Group::new("crew"));
    let small = board.agent("small").on::<Order>().filter(|order| order.size < 10);
    small.exclusive("crew").shared_state(begun.clone()).run(take);
    let large = board.agent("large").on::<Order>().matching(Order::fields().size.gt(5_u32));
    large.exclusive("crew").shared_state(begun.clone()).run(take);
    let running = board.start().await.unwrap();
    for size in [20, 1, 30, 2, 7] {
        running.publish(order(size)).await.unwrap();
    }
    running.idle().await.unwrap();
    let by: BTreeSet<_> = begun.0.lock().unwrap().iter().cloned().collect();
    let known = |name: &str, size| by.contains(&(name.to_owned(), size));
    assert!(known("large", 20) && known("large", 30) && known("small", 1) && known("small", 2));
    assert_eq!(begun.sizes().len(), 5);
    let (_, views) = views(&running).await;
    assert_eq!(views.iter().map(|view| view.members.len()).sum::<usize>(), 6);
    end(running).await;
}

/// GROUP-3: `retry` and `dead_letter_queue` are the group's to say, whichever member fails.
#[tokio::test(start_paused = true)]
async fn a_group_says_what_becomes_of_failures() {
    let group = || Group::new("crew");
    for (group, attempts, queue) in [
        (group(), 3, "crew"),
        (group().retry(Retry::never()).dead_letter_queue("orders"), 1, "orders"),
    ] {
        let (running, begun) = crew(group).await;
        let receipt = running.publish(order(0)).await.unwrap();
        let status = running.settled(receipt.correlation).await.unwrap();
        assert_eq!(status, Status::DeadLetters(1));
        let (_, views) = views(&running).await;
        assert_eq!((views[0].attempts, views[0].queue.as_str()), (attempts, queue));
        // Whoever fails: what is alike is one group of dead letters.
        let again = running.publish(order(0)).await.unwrap();
        running.settled(again.correlation).await.unwrap();
        let (reader, _) = self::views(&running).await;
        let groups = reader.dead_letter_groups(&DeadLetterFilter::default()).await.unwrap();
        assert_eq!((groups.groups.len(), groups.groups[0].count), (1, 2));
        let names = begun.agents();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "a retry may be another's");
        end(running).await;
    }
}

/// GROUP-3: `total_timeout` ends an activation, whoever is at it.
#[tokio::test(start_paused = true)]
async fn a_group_has_a_time_for_the_whole() {
    let patient = || Group::new("crew").retry(Retry::fixed(SECOND * 20).max_attempts(9));
    for (group, reason) in [
        (patient(), DeadReason::AttemptsExhausted),
        (patient().total_timeout(SECOND * 30), DeadReason::TotalTimeout),
    ] {
        let (running, _) = crew(group).await;
        let receipt = running.publish(order(0)).await.unwrap();
        running.settled(receipt.correlation).await.unwrap();
        let (_, views) = views(&running).await;
        let Standing::Closed { outcome, .. } = views[0].standing else { panic!("{views:?}") };
        assert_eq!(outcome, Outcome::Dead(reason));
        end(running).await;
    }
}

/// GROUP-5: `priority` is the group's.
#[tokio::test(start_paused = true)]
async fn a_group_has_a_priority() {
    for (priority, first) in [(5, "plain"), (9, "one")] {
        let board = Board::builder("memory:").slots(1).open().await.unwrap();
        let begun = Arc::new(Begun::default());
        board.group(Group::new("crew").priority(priority));
        board.agent("plain").on::<Order>().shared_state(begun.clone()).run(take);
        members(&board, &begun);
        let running = board.start().await.unwrap();
        running.publish(order(1)).await.unwrap();
        running.publish(order(2)).await.unwrap();
        running.idle().await.unwrap();
        let begun = begun.agents();
        let next = begun[1].as_str();
        assert_eq!(next == "plain", first == "plain", "{begun:?}");
        end(running).await;
    }
}

/// GROUP-5: `ordered` by `key_field`, or by the artifact's own key: one at a time and in order, whichever
/// member it is; `ordered_strictly` stops at a dead letter.
#[tokio::test(start_paused = true)]
async fn a_group_keeps_an_order() {
    let field = || Order::fields().colour;
    for (way, began, finished) in
        [("none", 3, 3), ("ordered", 2, 3), ("strictly", 2, 1), ("own", 3, 3)]
    {
        let group = Group::new("crew").retry(Retry::never());
        let (running, begun) = crew(match way {
            "none" => group,
            "ordered" => group.ordered().key_field(&field()),
            "strictly" => group.ordered_strictly().key_field(&field()),
            // The orders have none.
            _ => group.ordered(),
        })
        .await;
        let news = [coloured("red", 666), coloured("red", 2), coloured("blue", 3)];
        for order in news {
            running.publish(order).await.unwrap();
        }
        tokio::time::sleep(SECOND / 2).await;
        assert_eq!(begun.sizes().len(), began, "{way}");
        tokio::time::sleep(SECOND * 5).await;
        let (_, views) = views(&running).await;
        let closed = views.iter().filter(|it| matches!(it.standing, Standing::Closed { .. }));
        let stopped =
            views.iter().any(|it| matches!(it.standing, Standing::Waiting(Gate::OrderingKey(_))));
        assert_eq!((closed.count() >= finished, stopped), (true, way == "strictly"), "{way}");
        running.idle().await.unwrap();
        if way == "strictly" {
            running.shutdown().await;
        } else {
            end(running).await;
        }
    }
}

/// GROUP-5: `after`, `quiet`, and `older_than` with `without` are the group's: what wakes at once by
/// default waits, or expires.
#[tokio::test(start_paused = true)]
async fn a_group_waits_as_it_says() {
    for (way, early, late) in [
        ("none", vec![1, 2], vec![1, 2]),
        ("after", vec![], vec![]),
        ("quiet", vec![], vec![2]),
        ("old", vec![], vec![1, 2]),
        ("without", vec![], vec![2]),
    ] {
        let group = Group::new("crew");
        let (running, begun) = crew(match way {
            "none" => group,
            "after" => group.after(3),
            "quiet" => group.quiet(SECOND * 10),
            "old" => group.older_than(SECOND * 10),
            _ => group.older_than(SECOND * 10).without::<Part>(),
        })
        .await;
        let first = running.publish(order(1)).await.unwrap();
        running.publish(order(2)).await.unwrap();
        tokio::time::sleep(SECOND * 5).await;
        let sizes = || {
            let mut sizes = begun.sizes();
            sizes.sort_unstable();
            sizes
        };
        assert_eq!(sizes(), early, "{way}");
        let part = Publication::new(Part { size: 9 }).correlation(first.correlation);
        running.publish(part).await.unwrap();
        tokio::time::sleep(SECOND * 10).await;
        assert_eq!(sizes(), late, "{way}");
        running.shutdown().await;
    }
}

/// GROUP-6: what does not go together is refused, all at once, with what to do.
#[tokio::test(start_paused = true)]
async fn what_makes_no_group_is_refused() {
    let (board, _) = memory().await;
    board.group(Group::new("nobody"));
    board.group(Group::new("plain").priority(12));
    board.group(Group::new("twice"));
    board.group(Group::new("twice"));
    let begun = Arc::new(Begun::default());
    let agent = |name: &str| board.agent(name).on::<Order>();
    agent("twice").exclusive("gone").shared_state(begun.clone()).run(take);
    agent("keen").exclusive("twice").retry(Retry::never()).shared_state(begun.clone()).run(take);
    agent("keyed").exclusive("twice").ordered().shared_state(begun.clone()).run(take);
    let bounded = agent("bounded").exclusive("twice").concurrency_per_key(1);
    bounded.shared_state(begun).run(take);
    let problems = problems(board).await;
    for expected in [
        "group `nobody` has no member, so nothing would ever run; make agents members with \
         `.exclusive(\"nobody\")`",
        "group `plain`: priority is 12",
        "group `twice` is declared twice",
        "group `twice` has the name of an agent",
        "agent `twice`: it is a member of group `gone`, which is not declared; declare it with \
         `board.group(Group::new(\"gone\"))`",
        "agent `keen`: it is a member of group `twice`, to which `retry` is left; say it with \
         `Group::new(\"twice\")`",
        "agent `keyed`: it is a member of group `twice`, to which `ordered` is left",
        "agent `bounded`: it is a member of group `twice`, whose work is not counted by key",
    ] {
        assert!(problems.contains(expected), "{expected}\nnot in\n{problems}");
    }
}
