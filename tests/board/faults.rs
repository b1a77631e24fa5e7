//! A log that fails: nothing is lost, nothing is there twice, and every caller gets an answer.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use futures_util::future::join_all;

use artel::{Context, Error, Health, Publication, Query, Reader, Status};
use artel_testkit::{Fault, check};

use super::set_up::{Order, Part, SECOND, end, memory, order};

async fn part(_: Context, order: Arc<Order>) -> Result<Part, Error> {
    Ok(Part { size: order.size })
}

/// REC-1, I1, I3: whatever becomes of an append, a publish that was acknowledged is there once, and
/// so is what it caused.
#[tokio::test(start_paused = true)]
async fn every_fault_is_survived() {
    for fault in [Fault::Lost, Fault::Landed, Fault::LandsLate] {
        for after in 0..6 {
            let (board, log) = memory().await;
            board.agent("part").on::<Order>().run(part);
            let running = board.start().await.unwrap();
            log.fail(std::iter::repeat_n(Fault::None, after).chain([fault, fault]));
            for size in 0..5 {
                let receipt = running.publish(order(size)).await.unwrap();
                assert!(!receipt.duplicate);
                assert_eq!(running.settled(receipt.correlation).await.unwrap(), Status::Done);
            }
            assert!(log.spent(), "{fault:?} after {after}");
            let made = running.artifacts(&Query::of::<Part>()).await.unwrap();
            let sizes: Vec<u32> =
                made.artifacts.iter().map(|made| made.decode::<Part>().unwrap().size).collect();
            assert_eq!(sizes, [0, 1, 2, 3, 4], "{fault:?} after {after}");
            let orders = running.artifacts(&Query::of::<Order>()).await.unwrap();
            assert_eq!(orders.artifacts.len(), 5);
            assert_eq!(check(&running).await.done, 5);
            end(running).await;
        }
    }
}

/// REC-2: many callers at once, each answered once, across several failures.
#[tokio::test(start_paused = true)]
async fn many_callers_are_answered() {
    let (board, log) = memory().await;
    board.agent("part").on::<Order>().run(part);
    let running = board.start().await.unwrap();
    log.fail([Fault::LandsLate, Fault::Lost, Fault::None, Fault::Landed, Fault::LandsLate]);
    let publishes = (0..200).map(|size| running.publish(order(size)));
    let receipts = join_all(publishes).await;
    let mut seqs: Vec<_> = receipts.into_iter().map(|receipt| receipt.unwrap().seq).collect();
    seqs.sort_unstable();
    seqs.dedup();
    assert_eq!(seqs.len(), 200);
    running.idle().await.unwrap();
    let made = running.artifacts(&Query::of::<Part>().limit(1_000)).await.unwrap();
    assert_eq!(made.artifacts.len(), 200);
    end(running).await;
}

/// REC-2, I3: a command that landed is found although somebody left a snapshot beyond it meanwhile, and
/// is not carried out again.
#[tokio::test(start_paused = true)]
async fn a_snapshot_hides_no_command_from_a_recovery() {
    let (board, log) = memory().await;
    board.type_of::<Order>();
    let running = board.start().await.unwrap();
    log.fail([Fault::Landed]);
    log.away(4);
    let leave_snapshot = async {
        while !log.spent() {
            tokio::task::yield_now().await;
        }
        let reader = Reader::of(running.log()).await.unwrap();
        let (seq, bytes) = (reader.state().seq(), reader.state().encode());
        let batch_hash = running.log().read(seq, 1).await.unwrap()[0].header.hash;
        let state_hash = artel_core::hash::Hash::of(&bytes);
        let snapshot = artel::log::Snapshot { seq, batch_hash, state_hash, bytes };
        running.log().put_snapshot(snapshot).await.unwrap();
        seq
    };
    let (receipt, snapshot) = tokio::join!(running.publish(order(1)), leave_snapshot);
    let receipt = receipt.unwrap();
    assert_eq!((receipt.seq, receipt.duplicate), (snapshot, false));
    let orders = running.artifacts(&Query::of::<Order>()).await.unwrap();
    assert_eq!(orders.artifacts.len(), 1);
    end(running).await;
}

/// OWN-5, I1: an owner whose time is over answers no look before it knows whose board it is; neither one that is
/// alone, nor one that waits for what is appended meanwhile.
#[tokio::test(start_paused = true)]
async fn nobody_looks_past_the_end_of_an_ownership() {
    let (board, log) = memory().await;
    board.type_of::<Order>();
    let running = board.start().await.unwrap();
    log.end_ownership();
    running.state_hash().await.unwrap();
    assert!(!log.is_over(), "it was owned again first");

    log.delay(SECOND);
    let end_ownership = async {
        tokio::time::sleep(SECOND * 3 / 2).await;
        assert_eq!(running.durable(), running.log().head().await.unwrap().seq);
        log.end_ownership();
    };
    let look = async {
        tokio::time::sleep(SECOND / 2).await;
        let seen = running.state_hash();
        let (second, seen) = tokio::join!(running.publish(order(2)), seen);
        assert!(!log.is_over(), "it was owned again first");
        (second.unwrap().seq, seen.unwrap().0)
    };
    // The second is appended behind the first, together with the look.
    let (first, (second, seen), ()) = tokio::join!(running.publish(order(1)), look, end_ownership);
    assert!(first.unwrap().seq < second);
    assert!(seen > second, "it was owned again");
    end(running).await;
}

/// OWN-5, I3: an owner whose time was over before it heard of its append begins nothing that it leased there: another
/// process may have that by then. When this one owns the board again, the work begins.
#[tokio::test(start_paused = true)]
async fn no_work_begins_past_the_end_of_an_ownership() {
    let (board, log) = memory().await;
    let begun = Arc::new(AtomicU32::new(0));
    let counts = begun.clone();
    board.agent("work").on::<Order>().run(move |_: Context, _: Arc<Order>| {
        counts.fetch_add(1, Ordering::SeqCst);
        async { Ok::<(), Error>(()) }
    });
    let running = board.start().await.unwrap();
    log.delay(SECOND);
    let end_ownership = async {
        tokio::time::sleep(SECOND / 2).await;
        log.end_ownership();
        log.away(20);
    };
    let (receipt, ()) = tokio::join!(running.publish(order(1)), end_ownership);
    let correlation = receipt.unwrap().correlation;
    running.health_when(|health| *health != Health::Available).await;
    assert!(log.is_over() && begun.load(Ordering::SeqCst) == 0);
    running.health_when(|health| *health == Health::Available).await;
    assert_eq!(running.settled(correlation).await.unwrap(), Status::Done);
    assert_eq!(begun.load(Ordering::SeqCst), 1);
    end(running).await;
}

/// OWN-5, I1: a large batch leaves in turns while the next append is under way. Whoever waits for it hears of it,
/// whatever becomes of the next one, and a look only if the board is still owned by then.
#[tokio::test(start_paused = true)]
async fn a_large_batch_leaves_whatever_becomes_of_the_next() {
    for fault in [Fault::None, Fault::Lost, Fault::Landed, Fault::LandsLate] {
        let (board, log) = memory().await;
        board.type_of::<Order>();
        let running = board.start().await.unwrap();
        log.delay(SECOND);
        log.fail([Fault::None, Fault::None, fault]);
        let over = tokio::sync::Notify::new();
        let large = async {
            tokio::time::sleep(SECOND / 2).await;
            let publishes = (1..=300).map(|size| {
                let (publish, over) = (running.publish(order(size)), &over);
                async move {
                    let receipt = publish.await.unwrap();
                    over.notify_one();
                    receipt.seq
                }
            });
            join_all(publishes).await
        };
        let look = async {
            tokio::time::sleep(SECOND / 2).await;
            let seen = running.state_hash().await.unwrap().0;
            assert!(!log.is_over(), "{fault:?}: it was owned again first");
            seen
        };
        let next = async {
            tokio::time::sleep(SECOND * 3 / 2).await;
            running.publish(order(301)).await.unwrap().seq
        };
        let end_ownership = async {
            over.notified().await;
            assert_eq!(running.durable(), running.log().head().await.unwrap().seq);
            log.end_ownership();
        };
        let (first, seqs, seen, next, ()) =
            tokio::join!(running.publish(order(0)), large, look, next, end_ownership);
        let last = seqs.into_iter().max().unwrap();
        assert!(first.unwrap().seq < last && last < next, "{fault:?}");
        assert!(seen > last, "{fault:?}: it was owned again");
        end(running).await;
    }
}

/// REC-3: content that the log refuses is refused to whoever brought it, and to nobody else.
#[tokio::test(start_paused = true)]
async fn refused_content_is_found_out() {
    let (board, log) = memory().await;
    board.type_of::<Order>();
    let running = board.start().await.unwrap();
    log.fail([Fault::Refused]);
    let error = running.publish(order(1)).await.unwrap_err();
    assert_eq!(error.code(), "unstorable");
    running.publish(order(2)).await.unwrap();

    // Of several in one append the culprit is found, wherever it stands among them, and refused; also
    // where each recovery makes them come back anew, because their keys have to be looked up again.
    for (place, keyed) in (0..4).flat_map(|place| [(place, false), (place, true)]) {
        let (board, log) = memory().await;
        board.type_of::<Order>();
        let running = board.start().await.unwrap();
        log.refuse("poison");
        log.delay(SECOND);
        let ordered = |n: u32| {
            let colour = if n == place { "poison" } else { "red" };
            let one = Publication::new(Order { colour: colour.to_owned(), size: n });
            running.publish(if keyed { one.idempotency_key(format!("{n}")) } else { one })
        };
        // The first is alone in its append, and the others wait for it together.
        let first = running.publish(order(9));
        let others = async {
            tokio::time::sleep(SECOND / 2).await;
            join_all((0..4).map(ordered)).await
        };
        let (first, others) = tokio::join!(first, others);
        first.unwrap();
        for (n, answer) in (0..).zip(others) {
            let code = answer.err().map(|error| error.code());
            let refused = (n == place).then_some("unstorable");
            assert_eq!(code, refused, "{n} with {place} refused, keyed: {keyed}");
        }
        assert!(log.appends().0 < 12, "{:?}", log.appends());
        end(running).await;
    }
    end(running).await;
}

/// REC-3: two that the log refuses are found out although each recovery makes their look-ups too old,
/// so that they come back, and a busy board gathers what comes.
#[tokio::test(start_paused = true)]
async fn refused_content_is_found_out_when_it_comes_back() {
    async fn hangs(_: Context, _: Arc<Part>) -> Result<(), Error> {
        std::future::pending().await
    }
    let (board, log) = memory().await;
    board.agent("hangs").on::<Part>().timeout(SECOND * 3_600).run(hangs);
    board.type_of::<Order>();
    let running = board.start().await.unwrap();
    let parts = running.publish_many([Part { size: 1 }, Part { size: 2 }]).await.unwrap();
    log.refuse("poison");
    log.delay(SECOND);
    let poison = |size: u32| {
        let order = Order { colour: "poison".to_owned(), size };
        running.publish(Publication::new(order).idempotency_key(format!("{size}")))
    };
    let first = running.publish(order(9));
    let poisons = async {
        tokio::time::sleep(SECOND / 2).await;
        join_all((0..2).map(poison)).await
    };
    let (first, poisons) = tokio::join!(first, poisons);
    first.unwrap();
    for answer in poisons {
        assert_eq!(answer.unwrap_err().code(), "unstorable");
    }
    running.operator("ann", "enough").unwrap().cancel(parts[0].correlation).await.unwrap();
    end(running).await;
}

/// REC-3: where a log takes everything but one append, whoever brought that one hears that the log is
/// away, everybody else goes on, and the board does not try in a loop, nor once nobody waits for it.
#[tokio::test(start_paused = true)]
async fn an_append_that_is_always_lost_stops_nobody_else() {
    let (board, log) = memory().await;
    board.type_of::<Order>();
    let running = board.start().await.unwrap();
    log.lose("poison");
    let poison = running.publish(Order { colour: "poison".to_owned(), size: 1 });
    let others = async {
        for size in 0..20 {
            tokio::time::sleep(SECOND).await;
            let publishes = (0..4).map(|n| running.publish(order(4 * size + n)));
            assert!(join_all(publishes).await.iter().all(Result::is_ok));
        }
    };
    let (poison, ()) = tokio::join!(poison, others);
    assert_eq!(poison.unwrap_err().code(), "unavailable");
    let (tried, _) = log.appends();
    assert!(tried < 150, "{tried} appends for 20 seconds and 80 publishes");
    running.publish(order(99)).await.unwrap();
    let (before, _) = log.appends();
    running.publish(order(100)).await.unwrap();
    tokio::time::sleep(SECOND * 60).await;
    assert!(log.appends().0 <= before + 3, "{} appends after {before}", log.appends().0);
    log.lose("nothing");
    end(running).await;
}

/// LIMIT-5: an append has 16 MiB, or one command.
#[tokio::test(start_paused = true)]
async fn an_append_is_bounded() {
    let (board, log) = memory().await;
    board.type_of::<Order>();
    let running = board.start().await.unwrap();
    log.delay(SECOND);
    let large = || Order { colour: "x".repeat(200), size: 1 };
    let many = || (0..4_000).map(|_| Publication::new(large()));
    let publishes = join_all((0..12).map(|_| running.publish_many(many()))).await;
    assert!(publishes.into_iter().all(|publish| publish.is_ok()));
    let (appends, largest) = log.appends();
    assert!(largest <= 16 << 20, "{largest} bytes in one of {appends} appends");
    assert!(appends < 9, "{appends} appends, none longer than {largest} bytes");
    end(running).await;
}

/// LIMIT-6: a publish is bounded with all that it brings, tags included.
#[tokio::test(start_paused = true)]
async fn a_publish_is_bounded() {
    let (board, _) = memory().await;
    board.type_of::<Order>();
    let running = board.start().await.unwrap();
    let tags: Vec<String> = (0..255).map(|n| format!("{n:0200}")).collect();
    let tagged = || tags.iter().fold(Publication::new(order(1)), |order, tag| order.tag(&**tag));
    let error = running.publish_many((0..2_000).map(|_| tagged())).await.unwrap_err();
    assert_eq!(error.code(), "limit", "{error}");
    assert_eq!(running.artifacts(&Query::of::<Order>()).await.unwrap().artifacts.len(), 0);
    end(running).await;
}

/// LIMIT-5: what needs an append of its own goes on behind a command that left nothing to append.
#[tokio::test(start_paused = true)]
async fn a_large_publish_behind_a_duplicate_goes_on() {
    let (board, _) = memory().await;
    board.type_of::<Order>();
    let running = board.start().await.unwrap();
    let named = || Publication::new(order(1)).idempotency_key("one");
    running.publish(named()).await.unwrap();
    let large = (0..60_000).map(|size| Publication::new(Order { colour: "x".repeat(200), size }));
    let both = async { tokio::join!(running.publish(named()), running.publish_many(large)) };
    let both = tokio::time::timeout(SECOND * 10, both).await;
    let (again, large) = both.expect("the board goes on");
    assert!(again.unwrap().duplicate);
    assert_eq!(large.unwrap().len(), 60_000);
    end(running).await;
}
