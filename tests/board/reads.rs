//! Reads: what a handler and a program see of the board.

use std::sync::Arc;

use artel::event::Event;
use artel::ids::Seq;
use artel::{Context, Error, Query, Status};

use super::set_up::{Order, Part, SECOND, end, memory, order};

/// READ-1: all of an attempt's reads see the board at the seq at which it began, and its own tree
/// of work unless they ask for more.
#[tokio::test(start_paused = true)]
async fn a_handler_sees_the_board_at_its_lease() {
    async fn slow(cx: Context, _: Arc<Order>) -> Result<Part, Error> {
        let before = cx.board().artifacts(&Query::of::<Order>()).await?;
        tokio::time::sleep(SECOND * 5).await;
        let after = cx.board().artifacts(&Query::of::<Order>()).await?;
        assert_eq!(before.artifacts.len(), after.artifacts.len());
        let whole = cx.board().whole().all::<Order>(Query::default()).await?;
        Ok(Part { size: u32::try_from(whole.len() * 10 + after.artifacts.len()).unwrap() })
    }
    let (board, _) = memory().await;
    board.agent("slow").on::<Order>().run(slow);
    let running = board.start().await.unwrap();
    let first = running.publish(order(1)).await.unwrap();
    tokio::time::sleep(SECOND).await;
    let second = running.publish(order(2)).await.unwrap();
    for (receipt, size) in [(first, 11), (second, 21)] {
        assert_eq!(running.settled(receipt.correlation).await.unwrap(), Status::Done);
        let query = Query::of::<Part>().correlation(receipt.correlation);
        let made = running.artifacts(&query).await.unwrap();
        assert_eq!(made.artifacts[0].decode::<Part>().unwrap().size, size);
    }
    end(running).await;
}

/// QUERY-1: a query gives pages; nothing is missed or given twice, in both directions.
#[tokio::test(start_paused = true)]
async fn a_query_gives_pages() {
    let (board, _) = memory().await;
    board.type_of::<Order>();
    let running = board.start().await.unwrap();
    running.publish_many((0..25).map(order)).await.unwrap();
    for newest in [false, true] {
        let mut query = Query::of::<Order>().limit(10);
        if newest {
            query = query.newest_first();
        }
        let mut sizes = Vec::new();
        loop {
            let page = running.artifacts(&query).await.unwrap();
            sizes.extend(page.artifacts.iter().map(|a| a.decode::<Order>().unwrap().size));
            let Some(next) = page.next else { break };
            query = query.after(next);
        }
        let mut expected: Vec<u32> = (0..25).collect();
        if newest {
            expected.reverse();
        }
        assert_eq!(sizes, expected);
    }
    let unknown = running.artifacts(&Query::default().type_name("Nothing")).await.unwrap_err();
    assert_eq!(unknown.to_string(), "the board has no type `Nothing`");
    end(running).await;
}

/// QUERY-1: a query that does without payloads lists the same artifacts, and none is read.
#[tokio::test(start_paused = true)]
async fn a_query_may_do_without_payloads() {
    let (board, _) = memory().await;
    board.type_of::<Order>();
    let running = board.start().await.unwrap();
    running.publish_many((0..3).map(order)).await.unwrap();
    let full = running.artifacts(&Query::of::<Order>()).await.unwrap().artifacts;
    let bare = running.artifacts(&Query::of::<Order>().bare()).await.unwrap().artifacts;
    assert!(bare.iter().map(artel::Stored::id).eq(full.iter().map(artel::Stored::id)));
    assert!(full.iter().all(|stored| stored.payload().is_some()));
    assert!(bare.iter().all(|stored| stored.payload().is_none()));
    end(running).await;
}

/// TAIL-1: a tail gives every event from any seq on, in order, first those that are there, then
/// those that come.
#[tokio::test(start_paused = true)]
async fn a_tail_follows_the_board() {
    let (board, _) = memory().await;
    board.type_of::<Order>();
    let running = board.start().await.unwrap();
    let first = running.publish(order(1)).await.unwrap();
    let mut tail = running.tail(Seq(1));
    let mut seen = Vec::new();
    while seen.last() != Some(&first.seq) {
        seen.push(tail.next().await.unwrap().unwrap().seq);
    }
    assert_eq!(seen, (1..=first.seq.get()).map(Seq).collect::<Vec<_>>());
    let (next, receipt) = tokio::join!(tail.next(), running.publish(order(2)));
    let next = next.unwrap().unwrap();
    assert_eq!(next.seq, receipt.unwrap().seq);
    assert!(matches!(next.event, Event::ArtifactCommitted(_)));
    end(running).await;
}
