//! Who sees what: at the trigger, in a handler's reads, in a program's, and in what work leaves behind.

use std::sync::{Arc, Mutex};

use tokio::time::Instant;

use artel::event::Event;
use artel::ids::Seq;
use artel::names::{AgentName, Label, TenantId};
use artel::state::State;
use artel::time::Timestamp;
use artel::visibility::Viewer;
use artel::{
    ActivationFilter, Context, DeadLetter, DeadLetterFilter, Error, Publication, Query, Reader,
    Retry, Running, Status,
};

use super::set_up::{Order, Part, SECOND, end, memory, order};

async fn nothing(_: Context, _: Arc<Order>) -> Result<(), Error> {
    Ok(())
}

/// How many artifacts of any tree of work the attempt sees, itself included.
async fn count(cx: Context, _: Arc<Order>) -> Result<Part, Error> {
    let seen = cx.board().whole().all::<Order>(Query::default()).await?;
    Ok(Part { size: u32::try_from(seen.len()).unwrap() })
}

/// How often an agent was woken.
async fn woken(running: &Running, agent: &'static str) -> u64 {
    let placements = move |state: &State| {
        let (_, record) = state.agent_named(&AgentName::new(agent).unwrap()).unwrap();
        state.subscription(record.subscriptions[0]).unwrap().counters.placements
    };
    running.look(placements).await.unwrap()
}

/// VIS-1, VIS-2: `private_to`, `labelled` and `tenant` of a publication, and `label`, `tenant` and
/// `all_tenants` of an agent. Without them everybody wakes.
#[tokio::test(start_paused = true)]
async fn who_may_not_see_it_is_not_woken() {
    type Said = fn(Publication) -> Publication;
    let cases: [(Said, [u64; 5]); 6] = [
        (|it| it, [1, 1, 1, 1, 1]),
        (|it| it.private_to("plain").private_to("pii"), [1, 1, 0, 0, 0]),
        (|it| it.labelled("pii"), [0, 1, 0, 0, 0]),
        (|it| it.tenant("acme"), [0, 0, 1, 0, 1]),
        (|it| it.tenant("acme").private_to("umbrella"), [0, 0, 0, 0, 0]),
        (|it| it.tenant("acme").public(), [1, 1, 1, 1, 1]),
    ];
    for (index, (said, expected)) in cases.into_iter().enumerate() {
        let (board, _) = memory().await;
        board.agent("plain").on::<Order>().run(nothing);
        board.agent("pii").on::<Order>().label("pii").run(nothing);
        board.agent("acme").on::<Order>().tenant("acme").run(nothing);
        board.agent("umbrella").on::<Order>().tenant("umbrella").run(nothing);
        board.agent("all").on::<Order>().all_tenants().run(nothing);
        let running = board.start().await.unwrap();
        running.publish(said(order(1).into())).await.unwrap();
        let mut found = [0; 5];
        for (found, agent) in found.iter_mut().zip(["plain", "pii", "acme", "umbrella", "all"]) {
            *found = woken(&running, agent).await;
        }
        assert_eq!(found, expected, "case {index}");
        end(running).await;
    }
}

/// VIS-3, VIS-4: an attempt reads what its agent may see, on a tenant's artifact nothing of other
/// tenants; and what it makes may be seen by those who may see what it was made from.
#[tokio::test(start_paused = true)]
async fn an_attempt_sees_what_its_agent_may() {
    let (board, _) = memory().await;
    board.agent("count").on::<Order>().tagged("red").all_tenants().run(count);
    let running = board.start().await.unwrap();
    let blue = |size| Publication::new(Order { colour: "blue".to_owned(), size });
    let red = || Publication::new(order(1));
    running.publish(blue(1)).await.unwrap();
    running.publish(blue(2).tenant("acme")).await.unwrap();
    running.publish(blue(3).tenant("umbrella")).await.unwrap();
    running.publish(blue(4).tenant("umbrella")).await.unwrap();
    running.publish(blue(5).labelled("pii")).await.unwrap();
    for (publication, seen, public) in [(red(), 5, true), (red().tenant("acme"), 4, false)] {
        let receipt = running.publish(publication).await.unwrap();
        assert_eq!(running.settled(receipt.correlation).await.unwrap(), Status::Done);
        let query = Query::of::<Part>().correlation(receipt.correlation);
        let made = running.all::<Part>(query.clone()).await.unwrap();
        assert_eq!(made, [Part { size: seen }]);
        let anybody = running.seen_by(Viewer::anybody());
        assert_eq!(anybody.all::<Part>(query.clone()).await.unwrap().len(), usize::from(public));
        let acme = running.seen_by(Viewer::anybody().of_tenant(TenantId::new("acme").unwrap()));
        assert_eq!(acme.all::<Part>(query).await.unwrap().len(), 1);
    }
    end(running).await;
}

/// VIS-5: `visible_from` of a publication: nobody sees it before, and it wakes by itself then.
#[tokio::test(start_paused = true)]
async fn what_may_be_seen_later_comes_by_itself() {
    for later in [false, true] {
        let (board, _) = memory().await;
        board.agent("count").on::<Order>().run(count);
        let running = board.start().await.unwrap();
        let began = Instant::now();
        let now = running.look(|state| state.header().at).await.unwrap();
        let due = Timestamp(now.0 + 60_000);
        let publication = Publication::new(order(1));
        let publication = if later { publication.visible_from(due) } else { publication };
        let receipt = running.publish(publication).await.unwrap();
        let seen = running.seen_by(Viewer::anybody()).get(receipt.id).await.unwrap();
        assert_eq!(seen.is_none(), later);
        running.settled(receipt.correlation).await.unwrap();
        assert_eq!(began.elapsed().as_secs() / 60, u64::from(later));
        assert_eq!(running.all::<Part>(Query::default()).await.unwrap(), [Part { size: 1 }]);
        assert!(running.seen_by(Viewer::anybody()).get(receipt.id).await.unwrap().is_some());
        end(running).await;
    }
}

/// VIS-5, VIS-6: of what dies before its time nobody is told before it: not of a bad key, which dies at once,
/// nor of what has waited for too long. The notice wakes by itself then.
#[tokio::test(start_paused = true)]
async fn of_what_dies_before_its_time_nobody_is_told() {
    async fn told(cx: Context, _: Arc<DeadLetter>) -> Result<Part, Error> {
        let seen = cx.board().all::<Order>(Query::default()).await?;
        Ok(Part { size: u32::try_from(seen.len()).unwrap() })
    }
    for (bad_key, reason) in [(true, "bad-key"), (false, "total-timeout")] {
        let (board, _) = memory().await;
        let fails = board.agent("dies").on::<Order>().total_timeout(SECOND * 5);
        if bad_key {
            fails.ordered().key(|_| Some(String::new())).run(nothing);
        } else {
            fails.run(nothing);
        }
        board.agent("undertaker").on::<DeadLetter>().run(told);
        let running = board.start().await.unwrap();
        let began = Instant::now();
        let now = running.look(|state| state.header().at).await.unwrap();
        let later = Publication::new(order(1)).visible_from(Timestamp(now.0 + 60_000));
        let receipt = running.publish(later).await.unwrap();
        tokio::time::sleep(SECOND * 30).await;
        let letters = running.all::<DeadLetter>(Query::default()).await.unwrap();
        assert_eq!(letters.iter().map(|it| it.reason.as_str()).collect::<Vec<_>>(), [reason]);
        let anybody = running.seen_by(Viewer::anybody());
        assert!(anybody.all::<DeadLetter>(Query::default()).await.unwrap().is_empty(), "{reason}");
        assert_eq!(running.all::<Part>(Query::default()).await.unwrap(), [], "{reason}");

        running.settled(receipt.correlation).await.unwrap();
        assert_eq!(began.elapsed().as_secs(), 60);
        assert_eq!(running.all::<Part>(Query::default()).await.unwrap(), [Part { size: 1 }]);
        let anybody = running.seen_by(Viewer::anybody());
        assert_eq!(anybody.all::<DeadLetter>(Query::default()).await.unwrap(), letters);
        end(running).await;
    }
}

/// VIS-5, DLQ-1: what died before its agent might see what it works on, and is redriven, waits until then.
#[tokio::test(start_paused = true)]
async fn a_redrive_shows_nothing_before_its_time() {
    async fn note(_: Context, _: Arc<Order>, began: Arc<Mutex<Vec<Instant>>>) -> Result<(), Error> {
        began.lock().unwrap().push(Instant::now());
        Ok(())
    }
    let (board, _) = memory().await;
    let began = Arc::new(Mutex::new(Vec::new()));
    let agent = board.agent("works").on::<Order>().total_timeout(SECOND * 40);
    agent.shared_state(began.clone()).run(note);
    let running = board.start().await.unwrap();
    let start = Instant::now();
    let now = running.look(|state| state.header().at).await.unwrap();
    let later = Publication::new(order(1)).visible_from(Timestamp(now.0 + 60_000));
    let receipt = running.publish(later).await.unwrap();
    assert_eq!(running.settled(receipt.correlation).await.unwrap(), Status::DeadLetters(1));
    let operator = running.operator("ann", "one more time").unwrap();
    assert_eq!(operator.redrive_all(DeadLetterFilter::default()).run().await.unwrap().changed, 1);
    assert_eq!(running.settled(receipt.correlation).await.unwrap(), Status::Done);
    let began = began.lock().unwrap().clone();
    assert_eq!(began.iter().map(|at| (*at - start).as_secs()).collect::<Vec<_>>(), [60]);
    end(running).await;
}

/// VIS-6: the key of a dead letter that is dropped is told to whoever may see what it worked on, and to nobody
/// else.
#[tokio::test(start_paused = true)]
async fn a_drop_tells_no_key_of_what_may_not_be_seen() {
    async fn fails(_: Context, _: Arc<Order>) -> Result<(), Error> {
        Err(Error::permanent("never"))
    }
    let (board, _) = memory().await;
    let key = |order: &Order| Some(order.colour.clone());
    board.agent("fails").on::<Order>().label("pii").ordered().key(key).run(fails);
    let running = board.start().await.unwrap();
    running.publish(order(1)).await.unwrap();
    running.publish(Publication::new(order(2)).labelled("pii")).await.unwrap();
    running.idle().await.unwrap();
    let operator = running.operator("ann", "over").unwrap();
    assert_eq!(operator.drop_all(DeadLetterFilter::default()).await.unwrap().changed, 2);
    let cleared = Viewer::anybody().with_label(Label::new("pii").unwrap());
    for (viewer, told) in [(Viewer::anybody(), 1), (cleared, 2)] {
        let mut events = running.seen_by(viewer).events(Seq(1));
        let mut keys = 0;
        while let Some(entry) = events.next().await.unwrap() {
            let dropped = matches!(entry.event, Event::DeadLetterDropped { key: Some(_), .. });
            keys += usize::from(dropped);
        }
        assert_eq!(keys, told);
    }
    end(running).await;
}

/// VIS-6: what somebody may not see is on no path: not by id, in no query, among no events; nor are the
/// key and the error texts of work on it.
#[tokio::test(start_paused = true)]
async fn what_may_not_be_seen_is_on_no_path() {
    async fn fails(_: Context, order: Arc<Order>) -> Result<(), Error> {
        Err(Error::permanent(format!("the colour is {}", order.colour)))
    }
    let (board, _) = memory().await;
    let key = |order: &Order| Some(order.colour.clone());
    board.agent("fails").on::<Order>().label("pii").ordered().key(key).run(fails);
    board.agent("picky").on::<Order>().label("pii").cel("payload.weight > 3").run(nothing);
    let running = board.start().await.unwrap();
    let open = running.publish(order(1)).await.unwrap();
    // The failure of a predicate is told once a minute.
    tokio::time::advance(SECOND * 60).await;
    let hidden = running.publish(Publication::new(order(2)).labelled("pii")).await.unwrap();
    running.idle().await.unwrap();
    let cleared = Viewer::anybody().with_label(Label::new("pii").unwrap());
    for (viewer, sees) in [(Viewer::anybody(), false), (cleared, true)] {
        let seen = running.seen_by(viewer.clone());
        assert!(seen.get(open.id).await.unwrap().is_some());
        assert_eq!(seen.get(hidden.id).await.unwrap().is_some(), sees);
        let listed = seen.artifacts(&Query::of::<Order>()).await.unwrap().artifacts.len();
        assert_eq!(listed, 1 + usize::from(sees));
        assert_eq!(seen.all::<Order>(Query::default()).await.unwrap().len(), listed);
        let mut events = seen.events(Seq(1));
        let (mut committed, mut keys) = (0, 0);
        while let Some(entry) = events.next().await.unwrap() {
            match entry.event {
                Event::ArtifactCommitted(_) => committed += 1,
                Event::ActivationCreated { key, .. } => keys += usize::from(key.is_some()),
                _ => {}
            }
        }
        assert_eq!((committed, keys), (listed, listed));

        let reader = Reader::of(running.log()).await.unwrap().seen_by(viewer);
        assert_eq!(reader.get(hidden.id).await.unwrap().is_some(), sees);
        assert_eq!(reader.get_at(&[open.seq, hidden.seq]).await.unwrap().len(), listed);
        let bare = Query::default().bare();
        assert_eq!(reader.artifacts(&bare).await.unwrap().artifacts.len(), listed);
        let all = reader.activations(&ActivationFilter::default()).await.unwrap().activations;
        assert_eq!(all.iter().filter(|view| view.key.is_some()).count(), listed);
        for view in all {
            let told = sees || view.inputs == [open.seq];
            assert_eq!(reader.activation(view.id).await.unwrap().unwrap().key.is_some(), told);
            assert_eq!(reader.last_report(&view).await.unwrap().is_some(), told);
            let attempts = reader.attempts(&view).await.unwrap();
            assert_eq!(attempts[0].report.error.is_empty(), !told);
        }
        let mut events = reader.tail(Seq(1));
        let mut committed = 0;
        while let Some(entry) = events.next().await.unwrap() {
            committed += usize::from(matches!(entry.event, Event::ArtifactCommitted(_)));
        }
        assert_eq!(committed, listed);

        // Reports lie beside the log under seqs, as texts of predicates do; what is no such text is none.
        let mut texts = Vec::new();
        for seq in (1..=reader.head().await.unwrap().seq.get()).map(Seq) {
            texts.extend(reader.failure_text(seq).await.unwrap());
        }
        let (told, secret) = texts.split_first().unwrap();
        assert!(told.contains("`weight` is missing"), "{told}");
        assert_eq!(secret, ["not told: not everybody may see the artifact"]);
    }
    end(running).await;
}

/// VIS-6: what work on it died of is not told either: no fingerprint in a list, of one, among the events or of
/// a group, nobody finds it by that, and a refusal names no key.
#[tokio::test(start_paused = true)]
async fn what_dies_of_what_may_not_be_seen_tells_nothing_of_it() {
    async fn fails(_: Context, order: Arc<Order>) -> Result<(), Error> {
        Err(Error::permanent(format!("the colour is {}", order.colour)))
    }
    let (board, _) = memory().await;
    let key = |order: &Order| Some(order.colour.clone());
    board.agent("fails").on::<Order>().label("pii").ordered().key(key).run(fails);
    let running = board.start().await.unwrap();
    let of = |colour: &str| Order { colour: colour.to_owned(), size: 1 };
    let open = running.publish(of("blue")).await.unwrap();
    let secret = |colour| Publication::new(of(colour)).labelled("pii");
    running.publish(secret("crimson")).await.unwrap();
    running.publish(secret("crimson")).await.unwrap();
    running.idle().await.unwrap();
    let cleared = Viewer::anybody().with_label(Label::new("pii").unwrap());
    for (viewer, sees) in [(Viewer::anybody(), false), (cleared, true)] {
        let reader = Reader::of(running.log()).await.unwrap().seen_by(viewer.clone());
        let all = reader.dead_letters(&DeadLetterFilter::default(), 100).await.unwrap();
        assert_eq!(all.activations.len(), 3);
        for view in &all.activations {
            let told = sees || view.inputs == [open.seq];
            assert_eq!(view.death.is_some(), told);
            assert_eq!(reader.activation(view.id).await.unwrap().unwrap().death.is_some(), told);
        }
        let groups = reader.dead_letter_groups(&DeadLetterFilter::default()).await.unwrap();
        let found: Vec<u64> = groups.groups.iter().map(|group| group.count).collect();
        assert_eq!((found, groups.more), if sees { (vec![2, 1], 0) } else { (vec![1], 2) });
        let told = format!("{groups:?}").contains("crimson");
        assert_eq!(told, sees);

        let whole = Reader::of(running.log()).await.unwrap();
        let letters = whole.dead_letters(&DeadLetterFilter::default(), 100).await.unwrap();
        let fingerprint = letters.activations[2].death.map(|death| death.fingerprint);
        let by_it = DeadLetterFilter { fingerprint, ..DeadLetterFilter::default() };
        let found = reader.dead_letters(&by_it, 100).await.unwrap().activations.len();
        assert_eq!(found, if sees { 2 } else { 0 });
        let groups = reader.dead_letter_groups(&by_it).await.unwrap();
        assert_eq!((groups.groups.len(), groups.more), (usize::from(sees), 0));

        let mut fingerprints = 0;
        let mut events = running.seen_by(viewer).events(Seq(1));
        while let Some(entry) = events.next().await.unwrap() {
            let Event::AttemptEnded { fingerprint, .. } = entry.event else { continue };
            fingerprints += usize::from(fingerprint.is_some());
        }
        assert_eq!(fingerprints, if sees { 3 } else { 1 });

        let operator = running.operator("ops", "a test").unwrap();
        let refused = operator.redrive(&[letters.activations[1].id]).await.unwrap_err();
        assert_eq!(refused.code(), "out-of-order");
        assert!(!refused.to_string().contains("crimson"), "{refused}");
    }
    end(running).await;
}

/// VIS-7: work that was waiting when its agent lost what it needs to see its input does not get to see
/// it: it becomes a dead letter.
#[tokio::test(start_paused = true)]
async fn an_agent_that_may_no_longer_see_its_input_does_not_get_it() {
    for label in ["pii", "other"] {
        let (board, log) = memory().await;
        board.agent("one").on::<Order>().label("pii").run(nothing);
        let running = board.start().await.unwrap();
        running.operator("ops", "a test").unwrap().pause_board().await.unwrap();
        let publication = Publication::new(order(1)).labelled("pii");
        let receipt = running.publish(publication).await.unwrap();
        let _ = running.shutdown().await;
        let board = super::set_up::on(log).await;
        board.agent("one").on::<Order>().label(label).retry(Retry::never()).run(nothing);
        let running = board.start().await.unwrap();
        running.operator("ops", "a test").unwrap().resume_board().await.unwrap();
        let status = running.settled(receipt.correlation).await.unwrap();
        let expected = if label == "pii" { Status::Done } else { Status::DeadLetters(1) };
        assert_eq!(status, expected);
        tokio::time::sleep(SECOND).await;
        end(running).await;
    }
}

/// VIS-2: bad names, and too many, are refused before anything is written.
#[tokio::test(start_paused = true)]
async fn who_may_see_it_is_checked() {
    let (board, _) = memory().await;
    board.type_of::<Order>();
    let running = board.start().await.unwrap();
    let refused = |publication| {
        let running = &running;
        async move { running.publish(publication).await.unwrap_err().code() }
    };
    assert_eq!(refused(Publication::new(order(1)).tenant("two words")).await, "name");
    assert_eq!(refused(Publication::new(order(1)).private_to("two words")).await, "name");
    assert_eq!(refused(Publication::new(order(1)).labelled("")).await, "name");
    let many = (0..101).fold(Publication::new(order(1)), |it, n| it.labelled(format!("{n}")));
    assert_eq!(refused(many).await, "limit");
    end(running).await;
}
