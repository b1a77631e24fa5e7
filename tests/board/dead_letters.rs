//! Dead letters from outside: notices that agents are subscribed to, also over deaths of the process.

use std::sync::{Arc, Mutex};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use artel::event::Event;
use artel::ids::Seq;
use artel::log::Outcome;
use artel::visibility::Viewer;
use artel::{
    Artifact, Board, Context, DeadLetter, DeadLetterFilter, Error, Jitter, MemoryStore,
    Publication, Query, Reader, ResultExt, Retry, Running, Status,
};
use artel_testkit::{Fault, FaultyLog, SeededEntropy, VirtualClock, check};

use super::prefixes::store;
use super::set_up::{Order, Part, SECOND, end, memory, on, order};

/// What an agent was told of.
type Told = Mutex<Vec<DeadLetter>>;

async fn fails(_: Context, order: Arc<Order>) -> Result<Part, Error> {
    Err(std::io::Error::other(format!("shelf {} is empty", order.size))).context("no order")
}

async fn note(_: Context, letter: Arc<DeadLetter>, told: Arc<Told>) -> Result<(), Error> {
    told.lock().unwrap().push(DeadLetter::clone(&letter));
    Ok(())
}

async fn fails_too(_: Context, _: Arc<DeadLetter>) -> Result<(), Error> {
    Err(Error::permanent("nobody is told"))
}

fn declare(board: &Board, told: &Arc<Told>) {
    let retry = Retry::fixed(SECOND).jitter(Jitter::None).max_attempts(2);
    board.agent("packer").on::<Order>().retry(retry).dead_letter_queue("orders").run(fails);
    board.agent("undertaker").on::<DeadLetter>().shared_state(told.clone()).run(note);
}

/// DEAD-2, DEAD-5: who is subscribed is told once of each death: what died of what, in its tree of work, made
/// from its inputs by the board; deaths that differ in numbers only have one fingerprint.
#[tokio::test(start_paused = true)]
async fn a_death_is_told_to_whoever_is_subscribed() {
    let (board, _) = memory().await;
    let told = Arc::new(Told::default());
    declare(&board, &told);
    let running = board.start().await.unwrap();
    let receipt = running.publish(order(7)).await.unwrap();
    let other = running.publish(order(19)).await.unwrap();
    assert_eq!(running.settled(receipt.correlation).await.unwrap(), Status::DeadLetters(1));
    assert_eq!(running.settled(other.correlation).await.unwrap(), Status::DeadLetters(1));
    let told = told.lock().unwrap().clone();
    assert_eq!(told.len(), 2);
    let letter = told.iter().find(|letter| letter.correlation == receipt.correlation).unwrap();
    let (agent, queue, reason) = (&*letter.agent, &*letter.queue, &*letter.reason);
    assert_eq!((agent, queue, reason), ("packer", "orders", "attempts-exhausted"));
    assert_eq!((letter.kind.as_deref(), letter.attempts), (Some("transient"), 2));
    assert_eq!(letter.message, "no order: shelf 7 is empty");
    assert_eq!((&letter.inputs[..], letter.inputs_more), (&[receipt.id][..], 0));
    assert_eq!(told[0].fingerprint, told[1].fingerprint);
    let closed = running.log().closed(letter.activation).await.unwrap().unwrap();
    assert_eq!(closed.death.unwrap().fingerprint.to_string(), letter.fingerprint);
    assert_eq!(closed.at.as_millis(), letter.died_at_ms);

    let listed = running.artifacts(&Query::of::<DeadLetter>()).await.unwrap();
    let stored = &listed.artifacts[0];
    assert_eq!((stored.producer(), stored.depth()), ("board", 1));
    assert_eq!(stored.causes(), closed.inputs.as_slice());
    end(running).await;
}

/// DEAD-5, I12: a notice is for those only who may see what died, and so is its group.
#[tokio::test(start_paused = true)]
async fn a_notice_is_as_secret_as_what_died() {
    for (cleared, notices) in [(false, 0), (true, 1)] {
        let (board, _) = memory().await;
        let told = Arc::new(Told::default());
        let packer = board.agent("packer").on::<Order>().retry(Retry::never()).label("secret");
        packer.run(fails);
        let undertaker = board.agent("undertaker").on::<DeadLetter>();
        let undertaker = if cleared { undertaker.label("secret") } else { undertaker };
        undertaker.shared_state(told.clone()).run(note);
        let running = board.start().await.unwrap();
        let secret = Publication::new(order(7)).labelled("secret");
        let receipt = running.publish(secret).await.unwrap();
        assert_eq!(running.settled(receipt.correlation).await.unwrap(), Status::DeadLetters(1));
        assert_eq!(told.lock().unwrap().len(), notices);
        let reader = Reader::of(running.log()).await.unwrap();
        let reader = if cleared { reader } else { reader.seen_by(Viewer::anybody()) };
        let found = reader.dead_letter_groups(&DeadLetterFilter::default()).await.unwrap();
        assert_eq!((found.groups.len(), found.more), if cleared { (1, 0) } else { (0, 1) });
        assert!(found.groups.iter().all(|group| !group.message.is_empty()), "{found:?}");
        end(running).await;
    }
}

/// DEAD-2: nobody is subscribed, so nothing is made.
#[tokio::test(start_paused = true)]
async fn a_death_that_nobody_wants_to_hear_of_makes_nothing() {
    let (board, _) = memory().await;
    board.agent("packer").on::<Order>().retry(Retry::never()).run(fails);
    board.type_of::<DeadLetter>();
    let running = board.start().await.unwrap();
    let receipt = running.publish(order(7)).await.unwrap();
    assert_eq!(running.settled(receipt.correlation).await.unwrap(), Status::DeadLetters(1));
    assert!(running.artifacts(&Query::of::<DeadLetter>()).await.unwrap().artifacts.is_empty());
    end(running).await;
}

/// DEAD-3: an agent that fails at a notice makes a dead letter and no further notice.
#[tokio::test(start_paused = true)]
async fn no_notice_is_given_of_a_failing_undertaker() {
    let (board, _) = memory().await;
    board.agent("packer").on::<Order>().retry(Retry::never()).run(fails);
    board.agent("undertaker").on::<DeadLetter>().run(fails_too);
    let running = board.start().await.unwrap();
    let receipt = running.publish(order(7)).await.unwrap();
    assert_eq!(running.settled(receipt.correlation).await.unwrap(), Status::DeadLetters(2));
    assert_eq!(running.all::<DeadLetter>(Query::default()).await.unwrap().len(), 1);
    end(running).await;
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Artifact)]
#[artifact(name = "artel.DeadLetter")]
struct Forged {
    nothing: u32,
}

/// DEAD-2: no program has a type of that name itself.
#[tokio::test(start_paused = true)]
async fn the_names_of_the_boards_own_types_are_taken() {
    let (board, _) = memory().await;
    board.type_of::<Forged>();
    let refused = board.start().await.unwrap_err().to_string();
    assert!(refused.contains("type `artel.DeadLetter` has a name of the board's own"), "{refused}");
}

/// DEAD-4: a notice is longer than payloads of this board may be.
#[tokio::test(start_paused = true)]
async fn a_notice_is_not_refused_by_a_bound_of_others() {
    let told = Arc::new(Told::default());
    let entropy = Arc::new(SeededEntropy::new(7));
    let builder = Board::builder("memory:").clock(Arc::new(VirtualClock::default()));
    let board = builder.entropy(entropy).payload_limit(40).open().await.unwrap();
    declare(&board, &told);
    let running = board.start().await.unwrap();
    let receipt = running.publish(order(7)).await.unwrap();
    running.settled(receipt.correlation).await.unwrap();
    assert_eq!(told.lock().unwrap().len(), 1);
    end(running).await;
}

/// DEAD-2: what the log refuses to store of a notice is left out, and that something died is told.
#[tokio::test(start_paused = true)]
async fn a_notice_whose_text_the_log_refuses_comes_without_it() {
    let (board, log) = memory().await;
    let told = Arc::new(Told::default());
    declare(&board, &told);
    let running = board.start().await.unwrap();
    // In the notice of the death, and not in that of the attempt.
    log.refuse(r#""message":"no order: shelf 7"#);
    let receipt = running.publish(order(7)).await.unwrap();
    assert_eq!(running.settled(receipt.correlation).await.unwrap(), Status::DeadLetters(1));
    let letters = told.lock().unwrap().clone();
    assert_eq!((letters.len(), &*letters[0].message), (1, "the log refuses to store its error"));
    end(running).await;
}

async fn process(store: &MemoryStore, number: u64) -> (Board, Arc<FaultyLog>) {
    let log = Arc::new(FaultyLog::new(store.open()));
    let builder = Board::builder("memory:").log(log.clone());
    let entropy = Arc::new(SeededEntropy::new(number));
    let builder = builder.clock(Arc::new(VirtualClock::default())).entropy(entropy);
    (builder.open().await.unwrap(), log)
}

/// Every death of the packer, and every notice of one.
async fn deaths_and_notices(running: &Running) -> (Vec<u64>, Vec<u64>) {
    let reader = Reader::of(running.log()).await.unwrap();
    let mut tail = reader.tail(Seq(1));
    let mut paid = Vec::new();
    while let Some(entry) = tail.next().await.unwrap() {
        if let Event::DebtPaid { debt } = entry.event {
            paid.push(debt.0.get());
        }
    }
    let letters = running.all::<DeadLetter>(Query::default()).await.unwrap();
    let mut ended = Vec::new();
    for letter in &letters {
        let closed = running.log().closed(letter.activation).await.unwrap().unwrap();
        assert!(matches!(closed.outcome, Outcome::Dead(_)));
        ended.push(closed.ended.get());
    }
    paid.sort_unstable();
    ended.sort_unstable();
    (ended, paid)
}

/// DEAD-2, I1, I3: the process dies at each append in turn, before or behind it; the next one tells
/// every death that there was, once.
#[tokio::test(start_paused = true)]
async fn a_notice_outlives_its_process() {
    let mut cut_short = 0;
    for append in 1..24 {
        for landed in [false, true] {
            let store = store();
            let (board, log) = process(&store, 1).await;
            declare(&board, &Arc::new(Told::default()));
            let running = board.start().await.unwrap();
            log.crash_at(append, landed);
            let _ = running.publish_many([order(1), order(2), order(3)]).await;
            let _ = running.idle().await;
            let owed = running.look(|state| state.debts().count()).await;
            cut_short += u32::from(owed.is_err());
            log.crash();
            drop(running);

            let (board, _) = process(&store, 2).await;
            declare(&board, &Arc::new(Told::default()));
            let running = board.start().await.unwrap();
            running.idle().await.unwrap();
            let (ended, paid) = deaths_and_notices(&running).await;
            assert_eq!(ended, paid, "dies at {append}, {landed}");
            assert!(ended.is_empty() || ended.len() == 3, "all were published or none");
            ended.windows(2).for_each(|two| assert_ne!(two[0], two[1], "told twice"));
            end(running).await;
        }
    }
    assert!(cut_short > 10, "the process died {cut_short} times");
}

/// DEAD-2: appends that fail, land unseen or come late change nothing of that.
#[tokio::test(start_paused = true)]
async fn a_notice_survives_trouble_with_the_log() {
    for fault in [Fault::Lost, Fault::Landed, Fault::LandsLate, Fault::ComesLate] {
        for at in 0..10 {
            let (board, log) = memory().await;
            let told = Arc::new(Told::default());
            declare(&board, &told);
            let running = board.start().await.unwrap();
            log.fail(std::iter::repeat_n(Fault::None, at).chain([fault]));
            let receipt = running.publish(order(7)).await.unwrap();
            assert_eq!(running.settled(receipt.correlation).await.unwrap(), Status::DeadLetters(1));
            assert_eq!(told.lock().unwrap().len(), 1, "{fault:?} at {at}");
            assert_eq!(running.all::<DeadLetter>(Query::default()).await.unwrap().len(), 1);
            log.calm();
            end(running).await;
        }
    }
}

/// DEAD-2: a program that does not know the type any more still pays what the one before it owed.
#[tokio::test(start_paused = true)]
async fn another_program_tells_what_is_still_owed() {
    let mut owed_by_the_next = 0;
    for append in 1..14 {
        let store = store();
        let (board, log) = process(&store, 1).await;
        declare(&board, &Arc::new(Told::default()));
        let running = board.start().await.unwrap();
        log.crash_at(append, false);
        let _ = running.publish(order(1)).await;
        let _ = running.idle().await;
        log.crash();
        drop(running);
        let reader = Reader::of(store.open()).await.unwrap();
        let owed = reader.state().debts().count();
        owed_by_the_next += owed;

        let board = on(store.open()).await;
        board.type_of::<Order>();
        let running = board.start().await.unwrap();
        running.idle().await.unwrap();
        assert_eq!(running.look(|state| state.debts().count()).await.unwrap(), 0);
        check(&running).await;
        let query = Query::default().type_name(DeadLetter::NAME);
        let letters = running.artifacts(&query).await.unwrap().artifacts.len();
        assert!(letters >= owed, "{letters} notices, {owed} were owed");
        running.shutdown().await;
    }
    assert!(owed_by_the_next > 0);
}
