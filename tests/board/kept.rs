//! How long dead letters are kept, and what is kept of them, with the default here and the option set.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use artel::envelope::Actor;
use artel::event::Event;
use artel::ids::{CorrelationId, Seq};
use artel::log::{ActivationQuery, Log, OutcomeFilter};
use artel::{
    Board, Context, DeadLetter, DeadLetterFilter, Error, Group, Reader, Retry, Running, StartError,
    Status,
};
use artel_testkit::{FaultyLog, SeededEntropy, VirtualClock};

use super::prefixes::store;
use super::set_up::{Order, Part, SECOND, end, memory, on, order};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

async fn fails(cx: Context, order: Arc<Order>) -> Result<Part, Error> {
    cx.log(format!("looked for {}", order.size));
    Err(Error::permanent("shelf 7 is empty"))
}

async fn charges(cx: Context, _: Arc<Order>) -> Result<Part, Error> {
    cx.irreversible("charge", async |_key: String| Err::<u32, _>(Error::permanent("no answer")))
        .await?;
    Ok(Part { size: 1 })
}

async fn dead(log: &dyn Log) -> usize {
    let outcomes = vec![OutcomeFilter::Dead];
    let query = ActivationQuery { outcomes, limit: 1_000, ..ActivationQuery::default() };
    log.closed_activations(&query).await.unwrap().items.len()
}

/// Lets time pass, an hour at a time, and what is due in it happen.
async fn pass(running: &Running, time: Duration) {
    tokio::time::sleep(time).await;
    running.idle().await.unwrap();
}

async fn one_dies(board: Board) -> Running {
    dies(board).await.0
}

async fn dies(board: Board) -> (Running, CorrelationId) {
    let running = board.start().await.unwrap();
    let receipt = running.publish(order(7)).await.unwrap();
    assert_eq!(running.settled(receipt.correlation).await.unwrap(), Status::DeadLetters(1));
    (running, receipt.correlation)
}

/// DLQ-4: `dead_letters_kept` says when the board drops a dead letter: not before, and within the hour
/// after. It is 90 days otherwise. The board itself is who does, and the tree of work has none any more.
#[tokio::test(start_paused = true)]
async fn a_dead_letter_is_dropped_when_its_time_is_over() {
    for (kept, time) in [(None, DAY * 90), (Some(HOUR * 5), HOUR * 5)] {
        let (board, _) = memory().await;
        let agent = board.agent("packer").on::<Order>().retry(Retry::never());
        let agent = match kept {
            Some(kept) => agent.dead_letters_kept(kept),
            None => agent,
        };
        agent.run(fails);
        let (running, correlation) = dies(board).await;
        pass(&running, time - SECOND).await;
        assert_eq!(dead(&*running.log()).await, 1, "{kept:?}");
        pass(&running, HOUR + SECOND).await;
        assert_eq!(dead(&*running.log()).await, 0, "{kept:?}");
        let reader = Reader::of(running.log()).await.unwrap();
        let mut tail = reader.tail(Seq(1));
        let mut dropped = Vec::new();
        while let Some(entry) = tail.next().await.unwrap() {
            if matches!(entry.event, Event::DeadLetterDropped { .. }) {
                dropped.push(entry.actor.clone());
            }
        }
        assert_eq!(dropped, [Actor::Board]);
        let left = running.settled(correlation).await.unwrap();
        assert_eq!(left, Status::Done, "its tree of work has no dead letter any more");
        end(running).await;
    }
}

/// DLQ-4: what died while nothing ran is dropped at the next start, by what its agent says then.
#[tokio::test(start_paused = true)]
async fn a_dead_letter_ages_while_nothing_runs() {
    let (store, clock) = (store(), Arc::new(VirtualClock::default()));
    let open = async || {
        let entropy = Arc::new(SeededEntropy::new(7));
        let builder = Board::builder("memory:").log(store.open()).clock(clock.clone());
        builder.entropy(entropy).open().await.unwrap()
    };
    let board = open().await;
    board.agent("packer").on::<Order>().retry(Retry::never()).run(fails);
    let running = one_dies(board).await;
    running.shutdown().await;
    tokio::time::advance(HOUR * 3).await;

    for (kept, left) in [(HOUR * 100, 1), (HOUR * 2, 0)] {
        let board = open().await;
        board.agent("packer").on::<Order>().dead_letters_kept(kept).run(fails);
        let running = board.start().await.unwrap();
        pass(&running, MINUTE * 6).await;
        assert_eq!(dead(&*running.log()).await, left, "{kept:?}");
        end(running).await;
    }
}

/// DLQ-4: however many are due.
#[tokio::test(start_paused = true)]
async fn all_that_are_due_are_dropped() {
    let (board, _) = memory().await;
    let agent = board.agent("packer").on::<Order>().retry(Retry::never());
    agent.dead_letters_kept(HOUR).run(fails);
    let running = board.start().await.unwrap();
    running.publish_many((0..250).map(order)).await.unwrap();
    running.idle().await.unwrap();
    assert_eq!(dead(&*running.log()).await, 250);
    pass(&running, HOUR * 3).await;
    assert_eq!(dead(&*running.log()).await, 0);
    end(running).await;
}

/// DLQ-4: a wall clock that jumps ahead takes nothing away while it may come back; where it stays ahead, the
/// look after that believes it.
#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_drops_nothing() {
    for stays in [false, true] {
        let (store, clock) = (store(), Arc::new(VirtualClock::default()));
        let builder = Board::builder("memory:").log(store.open()).clock(clock.clone());
        let board = builder.entropy(Arc::new(SeededEntropy::new(7))).open().await.unwrap();
        board.agent("packer").on::<Order>().retry(Retry::never()).run(fails);
        let running = one_dies(board).await;
        pass(&running, HOUR * 2).await;
        let year = 365 * 24 * 60 * 60 * 1_000;
        clock.jump(year);
        pass(&running, HOUR).await;
        assert_eq!(dead(&*running.log()).await, 1);
        if !stays {
            clock.jump(-year);
        }
        pass(&running, HOUR * 2).await;
        assert_eq!(dead(&*running.log()).await, usize::from(!stays));
        end(running).await;
    }
}

/// DLQ-4: a dead letter that stops its key and one that is in doubt are kept until somebody decides; others
/// of the same agent are not.
#[tokio::test(start_paused = true)]
async fn what_a_person_has_to_decide_on_is_kept() {
    let (board, _) = memory().await;
    let strict = board.agent("strict").on::<Order>().ordered_strictly().retry(Retry::never());
    let key = |order: &Order| (order.size < 9).then(|| order.colour.clone());
    strict.key(key).dead_letters_kept(HOUR).run(fails);
    let payer = board.agent("payer").on::<Order>().retry(Retry::never());
    payer.dead_letters_kept(HOUR).run(charges);
    let running = board.start().await.unwrap();
    running.publish_many([order(7), order(9)]).await.unwrap();
    running.idle().await.unwrap();
    assert_eq!(dead(&*running.log()).await, 4);
    pass(&running, DAY).await;
    let reader = Reader::of(running.log()).await.unwrap();
    let left = reader.dead_letters(&DeadLetterFilter::default(), 9).await.unwrap().activations;
    let agents: Vec<_> = left.iter().map(|view| view.agent.to_string()).collect();
    assert_eq!(agents, ["payer", "strict", "payer"]);
    end(running).await;
}

/// DLQ-4: a log that cannot be read for a while delays it, and no more than that.
#[tokio::test(start_paused = true)]
async fn trouble_with_the_log_delays_it() {
    let store = store();
    let log = Arc::new(FaultyLog::new(store.open()));
    let board = on(log.clone()).await;
    let agent = board.agent("packer").on::<Order>().retry(Retry::never());
    agent.dead_letters_kept(HOUR).run(fails);
    let running = one_dies(board).await;
    log.refuse_listings(1);
    pass(&running, HOUR + SECOND).await;
    assert_eq!(dead(&*store.open()).await, 1);
    pass(&running, HOUR).await;
    assert_eq!(dead(&*store.open()).await, 0);
    end(running).await;
}

/// DLQ-4: a group says it for all its members.
#[tokio::test(start_paused = true)]
async fn a_group_says_how_long_its_dead_letters_are_kept() {
    for (group, left) in
        [(Group::new("crew"), 1), (Group::new("crew").dead_letters_kept(HOUR * 5), 0)]
    {
        let (board, _) = memory().await;
        board.group(group.retry(Retry::never()));
        board.agent("one").on::<Order>().exclusive("crew").run(fails);
        let running = one_dies(board).await;
        pass(&running, HOUR * 7).await;
        assert_eq!(dead(&*running.log()).await, left);
        end(running).await;
    }
}

/// DLQ-4: too short a time is refused, with what to say instead, and so is a member's own.
#[tokio::test(start_paused = true)]
async fn what_cannot_be_meant_is_refused() {
    let (board, _) = memory().await;
    board.agent("packer").on::<Order>().dead_letters_kept(HOUR - SECOND).run(fails);
    board.group(Group::new("crew"));
    let member = board.agent("one").on::<Order>().exclusive("crew");
    member.dead_letters_kept(HOUR).run(fails);
    let member = board.agent("two").on::<Order>().exclusive("crew");
    member.dead_letter_trace(false).run(fails);
    let StartError::Agents { problems } = board.start().await.unwrap_err() else { panic!() };
    let said = problems.join("\n");
    for part in ["3599s", "at least 3600s", "`dead_letters_kept` is left", "`dead_letter_trace` is"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
}

async fn note(
    _: Context,
    letter: Arc<DeadLetter>,
    told: Arc<Mutex<Vec<DeadLetter>>>,
) -> Result<(), Error> {
    told.lock().unwrap().push(DeadLetter::clone(&letter));
    Ok(())
}

async fn loops(cx: Context, _: Arc<Order>) -> Result<Order, Error> {
    cx.log("round and round");
    Ok(order(1))
}

/// DLQ-5: nothing is kept either of what the board fails, because it returned too much.
#[tokio::test(start_paused = true)]
async fn what_the_board_fails_leaves_nothing_either() {
    for trace in [true, false] {
        let board = Board::builder("memory:").depth_limit(2).open().await.unwrap();
        let agent = board.agent("loops").on::<Order>().self_trigger();
        agent.dead_letter_trace(trace).run(loops);
        let running = board.start().await.unwrap();
        let receipt = running.publish(order(1)).await.unwrap();
        running.settled(receipt.correlation).await.unwrap();
        let reader = Reader::of(running.log()).await.unwrap();
        let found = reader.dead_letters(&DeadLetterFilter::default(), 9).await.unwrap();
        let report = reader.last_report(&found.activations[0]).await.unwrap();
        assert_eq!(report.is_some_and(|report| report.log.contains("round")), trace);
        end(running).await;
    }
}

/// DLQ-5: `dead_letter_trace` says whether errors and log lines of what fails are kept, of an agent and of a
/// group; what tells failures apart is kept either way.
#[tokio::test(start_paused = true)]
async fn what_went_wrong_is_kept_if_wanted() {
    for (trace, grouped) in [(true, false), (false, false), (true, true), (false, true)] {
        let (board, _) = memory().await;
        let agent = board.agent("packer").on::<Order>();
        if grouped {
            board.group(Group::new("crew").dead_letter_trace(trace));
            agent.exclusive("crew").run(fails);
        } else if trace {
            agent.run(fails);
        } else {
            agent.dead_letter_trace(false).run(fails);
        }
        let told = Arc::new(Mutex::new(Vec::new()));
        board.agent("undertaker").on::<DeadLetter>().shared_state(told.clone()).run(note);
        let running = one_dies(board).await;
        let reader = Reader::of(running.log()).await.unwrap();
        let found = reader.dead_letters(&DeadLetterFilter::default(), 9).await.unwrap();
        let report = reader.last_report(&found.activations[0]).await.unwrap();
        let message = if trace { "shelf 7 is empty" } else { "" };
        let kept =
            report.map(|report| (report.error.concat(), report.log.contains("looked for 7")));
        assert_eq!(kept, trace.then(|| (message.to_owned(), true)), "{grouped}");
        let letter = told.lock().unwrap()[0].clone();
        assert_eq!((&*letter.message, letter.kind.as_deref()), (message, Some("permanent")));
        let died = found.activations[0].death.unwrap().fingerprint.to_string();
        assert_eq!(letter.fingerprint, died);
        end(running).await;
    }
}
