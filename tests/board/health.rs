//! What a board tells of itself while its log is away: at the handle, and in log lines.

use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::time::Instant;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use artel::{Board, Health, Publication};
use artel_testkit::{Fault, FaultyLog};

use super::set_up::{SECOND, end, memory, order};

/// Notes what is said at the level of a warning, or of news.
#[derive(Clone, Debug, Default)]
struct Lines(Arc<Mutex<Vec<(Level, String)>>>);

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::INFO
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut message = Message(String::new());
        event.record(&mut message);
        self.0.lock().unwrap().push((*event.metadata().level(), message.0));
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

impl Lines {
    /// What was said since the last time.
    fn take(&self) -> Vec<(Level, String)> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}

/// REC-8: when a board goes away, its handle tells since when and why, and a log line says so; when it is back, both
/// tell that. However often it tries in between, it is said once.
#[tokio::test(start_paused = true)]
async fn what_goes_away_and_comes_back_is_said_once() {
    let lines = Lines::default();
    // While there is but one subscriber, whether a line is wanted is asked of the thread that comes to it first,
    // which may be that of another test.
    let _other = tracing::Dispatch::new(Lines::default());
    let _guard = tracing::subscriber::set_default(lines.clone());
    let (board, log) = memory().await;
    board.type_of::<super::set_up::Order>();
    let running = board.start().await.unwrap();
    assert_eq!(running.health(), Health::Available);
    lines.take();
    for (tries, faults) in [(20, 1), (0, 7)] {
        let at = running.look(|state| state.header().at).await.unwrap();
        log.away(tries);
        log.fail(vec![Fault::Lost; faults]);
        let publish = running.publish(order(1));
        let away = running.health_when(|health| *health != Health::Available);
        let (published, away) = tokio::join!(publish, away);
        let Health::Unavailable { since, why } = away else { panic!("{away:?}") };
        assert!(since >= at, "{since:?}, the last event was at {at:?}");
        assert!(why.contains("cannot append") && why.contains("connection was lost"), "{why}");
        assert_eq!(
            published.map_err(|error| error.code()).err(),
            (tries > 0).then_some("unavailable")
        );
        let back = running.health_when(|health| *health == Health::Available).await;
        assert_eq!(back, Health::Available);
        assert!(log.spent());
        let said = lines.take();
        let [(Level::WARN, gone), (Level::INFO, back)] = &said[..] else { panic!("{said:#?}") };
        assert!(gone.contains("the board is unavailable"), "{gone}");
        assert!(back.contains("the board is available again"), "{back}");
    }
    end(running).await;
}

/// REC-8: a board that is stopped says so, and why, to whatever is waited for.
#[tokio::test(start_paused = true)]
async fn a_board_that_is_stopped_says_so() {
    let (board, log) = memory().await;
    board.type_of::<super::set_up::Order>();
    let running = board.start().await.unwrap();
    log.gone();
    log.fail([Fault::Lost]);
    running.publish(order(1)).await.unwrap_err();
    let health = running.health_when(|health| *health == Health::Available).await;
    let Health::Stopped { why } = health else { panic!("{health:?}") };
    assert_eq!(running.stopped().await, *why);
}

/// REC-7: a publish, a look-up before it, and a look wait as long as the program says, and no longer.
#[tokio::test(start_paused = true)]
async fn a_program_says_how_long_it_waits() {
    for (patience, waits) in [(None, 30), (Some(5), 5)] {
        let log = Board::open("memory:").await.unwrap().log();
        let log = Arc::new(FaultyLog::new(log));
        let builder = Board::builder("memory:").log(log.clone());
        let board = match patience {
            Some(seconds) => builder.patience(Duration::from_secs(seconds)).open(),
            None => builder.open(),
        };
        let board = board.await.unwrap();
        board.type_of::<super::set_up::Order>();
        let running = board.start().await.unwrap();
        log.delay_reads(SECOND * 3_600);
        let began = Instant::now();
        let keyed = Publication::new(order(1)).idempotency_key("one");
        let error = running.publish(keyed).await.unwrap_err();
        assert_eq!((error.code(), began.elapsed()), ("unavailable", SECOND * waits));
        assert_eq!(
            error.to_string(),
            format!("unavailable: the board did not answer within {waits}s")
        );
        log.delay_reads(Duration::ZERO);
        log.away(u32::MAX);
        log.fail([Fault::Lost]);
        let began = Instant::now();
        let error = running.publish(order(1)).await.unwrap_err();
        assert_eq!((error.code(), began.elapsed()), ("unavailable", SECOND * waits));
        let began = Instant::now();
        let error = running.look(|state| state.seq()).await.unwrap_err();
        assert_eq!((error.code(), began.elapsed()), ("unavailable", SECOND * waits));
        log.calm();
        running.health_when(|health| *health == Health::Available).await;
        end(running).await;
    }
}
