//! Redriving and dropping many dead letters: what a filter means, at a rate, and no further where too
//! many die again.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use tokio::time::Instant;

use artel::event::DeadReason;
use artel::log::{ActivationQuery, OutcomeFilter};
use artel::{
    Board, Bounds, Context, DeadLetterFilter, Error, Jitter, OperateError, Publication, Reader,
    Retry, Running, Status,
};
use artel_testkit::{SeededEntropy, VirtualClock};

use super::set_up::{Order, Part, SECOND, end, memory, order};

/// Orders below this size are worked on, the others fail.
type Mended = AtomicU32;

/// What began, and when.
type Began = Mutex<Vec<(u32, Instant)>>;

async fn pack(_: Context, order: Arc<Order>, mended: Arc<Mended>) -> Result<(), Error> {
    if order.size < mended.load(Ordering::SeqCst) {
        return Ok(());
    }
    Err(Error::permanent(format!("shelf {} is empty", order.size)))
}

async fn weigh(_: Context, _: Arc<Part>) -> Result<(), Error> {
    Err(Error::transient("the scales do not answer"))
}

/// A board on which so many orders died, and two parts.
async fn with_dead(orders: u32) -> (Running, Arc<Mended>) {
    let (board, _) = memory().await;
    let mended = Arc::new(Mended::default());
    board
        .agent("packer")
        .on::<Order>()
        .dead_letter_queue("orders")
        .shared_state(mended.clone())
        .run(pack);
    let retry = Retry::fixed(SECOND).jitter(Jitter::None).max_attempts(2);
    board.agent("weigher").on::<Part>().retry(retry).run(weigh);
    let running = board.start().await.unwrap();
    for size in 0..orders {
        running.publish(order(size)).await.unwrap();
    }
    running.publish_many((0..2).map(|size| Part { size })).await.unwrap();
    running.idle().await.unwrap();
    (running, mended)
}

async fn dead(running: &Running) -> usize {
    let outcomes = vec![OutcomeFilter::Dead];
    let query = ActivationQuery { outcomes, limit: 10_000, ..ActivationQuery::default() };
    running.log().closed_activations(&query).await.unwrap().items.len()
}

fn of(agent: &str) -> DeadLetterFilter {
    DeadLetterFilter { agent: Some(agent.to_owned()), ..DeadLetterFilter::default() }
}

/// DEAD-6, DEAD-7: what a filter means is redriven, each once, although some of it dies again; the rest
/// stays as it was. Groups tell the two failures apart.
#[tokio::test(start_paused = true)]
async fn what_a_filter_means_is_redriven() {
    let (running, mended) = with_dead(250).await;
    let reader = Reader::of(running.log()).await.unwrap();
    let groups = reader.dead_letter_groups(&DeadLetterFilter::default()).await.unwrap();
    let told: Vec<_> = groups.groups.iter().map(|it| (it.agent.as_str(), it.count)).collect();
    assert_eq!((told, groups.more), (vec![("packer", 250), ("weigher", 2)], 0));
    let group = &groups.groups[0];
    assert_eq!((group.reason, &*group.message), (DeadReason::NotRetryable, "shelf 249 is empty"));
    let page = reader.dead_letters(&of("packer"), 100).await.unwrap();
    assert_eq!((page.activations.len(), page.next), (100, Some(page.activations[99].id.0)));
    let rest = DeadLetterFilter { after: page.next, ..of("packer") };
    assert_eq!(reader.dead_letters(&rest, 1_000).await.unwrap().activations.len(), 150);

    mended.store(200, Ordering::SeqCst);
    let operator = running.operator("anna", "the shelves are full").unwrap();
    let mut told = Vec::new();
    let filter =
        DeadLetterFilter { queue: Some("orders".to_owned()), ..DeadLetterFilter::default() };
    let redrive = operator.redrive_all(filter);
    let bulk = redrive.run_telling(|bulk| told.push(bulk.changed)).await.unwrap();
    assert_eq!((bulk.changed, bulk.skipped, bulk.stopped), (250, 0, false));
    assert_eq!((told, bulk.ids.len()), (vec![100, 200, 250], 250));
    running.idle().await.unwrap();
    assert_eq!(dead(&running).await, 52, "50 died again, and the parts were not meant");

    let fingerprint = Some(group.fingerprint);
    let filter = DeadLetterFilter { fingerprint, ..DeadLetterFilter::default() };
    assert_eq!(operator.drop_all(filter).await.unwrap().changed, 50);
    assert_eq!(dead(&running).await, 2);
    let nobody = operator.drop_all(of("nobody")).await.unwrap_err();
    assert_eq!(nobody.code(), "unknown-name");
    end(running).await;
}

/// `rate` of a redrive.
#[tokio::test(start_paused = true)]
async fn a_redrive_has_a_rate() {
    for (rate, seconds) in [(None, 0), (Some(20), 4), (Some(5), 19)] {
        let (running, mended) = with_dead(100).await;
        mended.store(100, Ordering::SeqCst);
        let operator = running.operator("anna", "the shelves are full").unwrap();
        let begun = Instant::now();
        let redrive = operator.redrive_all(of("packer"));
        let redrive = if let Some(rate) = rate { redrive.rate(rate) } else { redrive };
        assert_eq!(redrive.run().await.unwrap().changed, 100);
        assert_eq!(begun.elapsed().as_secs(), seconds, "{rate:?}");
        running.idle().await.unwrap();
        assert_eq!(dead(&running).await, 2);
        end(running).await;
    }
}

/// `stop_on_failures` of a redrive. DEAD-8: it stops when too many of those that have ended died again,
/// says where, and goes on from there.
#[tokio::test(start_paused = true)]
async fn a_redrive_stops_where_too_many_die_again() {
    for (percent, stops) in [(None, false), (Some(100), false), (Some(50), true)] {
        let (running, mended) = with_dead(400).await;
        // The first 60 do well, and then nothing does.
        mended.store(60, Ordering::SeqCst);
        let operator = running.operator("anna", "the shelves are full").unwrap();
        let redrive = operator.redrive_all(of("packer"));
        let redrive = if let Some(it) = percent { redrive.stop_on_failures(it) } else { redrive };
        let bulk = redrive.run().await.unwrap();
        assert_eq!(bulk.stopped, stops, "{percent:?}: {bulk:?}");
        assert_eq!(bulk.changed < 400, stops, "{percent:?}: {bulk:?}");
        assert!(!stops || bulk.changed > 120, "{percent:?}: {bulk:?}");
        if stops {
            assert!(bulk.died * 100 > bulk.done + bulk.died, "{bulk:?}");
            mended.store(400, Ordering::SeqCst);
            let after = bulk.last.map(|last| last.0);
            let rest = operator.redrive_all(DeadLetterFilter { after, ..of("packer") });
            assert_eq!(rest.run().await.unwrap().changed, 400 - bulk.changed);
            running.idle().await.unwrap();
            assert_eq!(dead(&running).await, 2 + usize::try_from(bulk.changed).unwrap() - 60);
        }
        end(running).await;
    }
}

/// DEAD-8: nothing is concluded from how the first few ended.
#[tokio::test(start_paused = true)]
async fn a_redrive_of_a_few_does_not_stop() {
    let (running, _) = with_dead(19).await;
    let operator = running.operator("anna", "let us see").unwrap();
    let bulk = operator.redrive_all(of("packer")).stop_on_failures(0).run().await.unwrap();
    assert_eq!((bulk.changed, bulk.stopped), (19, false));
    end(running).await;
}

/// `out_of_order` of a redrive.
#[tokio::test(start_paused = true)]
async fn a_redrive_leaves_out_what_was_overtaken() {
    for (out_of_order, changed) in [(false, 1), (true, 2)] {
        let (board, _) = memory().await;
        let mended = Arc::new(Mended::default());
        let agent = board
            .agent("packer")
            .on::<Order>()
            .ordered()
            .key(|order: &Order| Some(if order.size == 7 { "other" } else { "one" }));
        agent.shared_state(mended.clone()).run(pack);
        let running = board.start().await.unwrap();
        running.publish(order(7)).await.unwrap();
        running.publish(order(9)).await.unwrap();
        running.idle().await.unwrap();
        mended.store(100, Ordering::SeqCst);
        // A younger one of the second one's key runs.
        running.publish(order(8)).await.unwrap();
        running.idle().await.unwrap();
        let operator = running.operator("anna", "test").unwrap();
        let redrive = operator.redrive_all(DeadLetterFilter::default());
        let redrive = if out_of_order { redrive.out_of_order() } else { redrive };
        let bulk = redrive.run().await.unwrap();
        assert_eq!((bulk.changed, bulk.skipped), (changed, 2 - changed));
        end(running).await;
    }
}

/// DEAD-7: where there is no room for more, a redrive waits for it; what it has done is said when there
/// is none.
#[tokio::test(start_paused = true)]
async fn a_redrive_waits_for_room() {
    let mut bounds = Bounds::default();
    bounds.agenda_len = 10;
    let builder = Board::builder("memory:").bounds(bounds).entropy(Arc::new(SeededEntropy::new(7)));
    let board = builder.clock(Arc::new(VirtualClock::default())).open().await.unwrap();
    let mended = Arc::new(Mended::default());
    board.agent("packer").on::<Order>().shared_state(mended.clone()).run(pack);
    let running = board.start().await.unwrap();
    for size in 0..60 {
        running.publish(Publication::new(order(size))).await.unwrap();
    }
    running.idle().await.unwrap();
    mended.store(100, Ordering::SeqCst);
    let operator = running.operator("anna", "the shelves are full").unwrap();
    operator.pause_agent("packer").await.unwrap();
    let full = operator.redrive_all(of("packer")).run().await.unwrap_err();
    let OperateError::Partly { changed, last, .. } = full else { panic!("{full}") };
    assert_eq!((changed, full.code()), (20, "busy"));
    operator.resume_agent("packer").await.unwrap();
    let rest = DeadLetterFilter { after: Some(last.0), ..of("packer") };
    assert_eq!(operator.redrive_all(rest).run().await.unwrap().changed, 40);
    running.idle().await.unwrap();
    assert_eq!(dead(&running).await, 0);
    end(running).await;
}

/// DEAD-7: what dies while a redrive is under way is not among what was meant when it began, however many
/// pages it has.
#[tokio::test(start_paused = true)]
async fn a_redrive_meets_no_later_death() {
    let (running, _) = with_dead(0).await;
    running.publish_many((0..1_010).map(order)).await.unwrap();
    running.idle().await.unwrap();
    let operator = running.operator("anna", "let us see").unwrap();
    let redrive = operator.redrive_all(of("packer")).rate(1_000);
    let publishes = async {
        tokio::time::sleep(SECOND / 2).await;
        running.publish_many((0..5).map(order)).await.unwrap();
    };
    let (bulk, ()) = tokio::join!(redrive.run(), publishes);
    assert_eq!(bulk.unwrap().changed, 1_010);
    running.idle().await.unwrap();
    assert_eq!(dead(&running).await, 1_017);
    end(running).await;
}

/// DLQ-1: what was to wait and died before its time waits for it when it is redriven, and runs then, whatever
/// comes: where a match that nobody redrove would expire.
#[tokio::test(start_paused = true)]
async fn what_is_redriven_does_not_expire() {
    async fn note(_: Context, order: Arc<Order>, began: Arc<Began>) -> Result<(), Error> {
        began.lock().unwrap().push((order.size, Instant::now()));
        Ok(())
    }
    for aged in [true, false] {
        let (board, _) = memory().await;
        let began = Arc::new(Began::default());
        let agent = board.agent("note").on::<Order>().total_timeout(SECOND * 40);
        let agent = if aged {
            agent.older_than(SECOND * 60).without::<Part>()
        } else {
            agent.quiet(SECOND * 60)
        };
        agent.shared_state(began.clone()).run(note);
        board.type_of::<Part>();
        let running = board.start().await.unwrap();
        let start = Instant::now();
        let first = running.publish(order(1)).await.unwrap();
        assert_eq!(running.settled(first.correlation).await.unwrap(), Status::DeadLetters(1));
        assert_eq!(start.elapsed().as_secs(), 40);
        let operator = running.operator("ann", "it is wanted").unwrap();
        operator.redrive_all(DeadLetterFilter::default()).run().await.unwrap();
        tokio::time::sleep(SECOND * 5).await;
        if aged {
            let part = Publication::new(Part { size: 1 }).correlation(first.correlation);
            running.publish(part).await.unwrap();
        } else {
            running.publish(order(2)).await.unwrap();
        }
        assert_eq!(running.settled(first.correlation).await.unwrap(), Status::Done);
        let began = began.lock().unwrap().clone();
        let began: Vec<_> =
            began.iter().map(|(size, at)| (*size, (*at - start).as_secs())).collect();
        assert_eq!(began, [(1, 60)], "aged: {aged}");
        end(running).await;
    }
}
