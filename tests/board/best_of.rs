//! The best of several candidates: who is published, who is left out, and what is kept of the others.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use rand::RngExt;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use artel::event::{AttemptEnd, Event};
use artel::ids::Seq;
use artel::{
    Artifact, Board, Candidate, CandidateReport, Context, Error, ErrorKind, Publication, Query,
    Retry, Running, Status,
};
use artel_testkit::{SeededEntropy, VirtualClock};

use super::outputs::attempts;
use super::set_up::{Order, Part, SECOND, end, memory, order};

/// What a candidate does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Does {
    /// It returns a part of this size, which is its score.
    Returns(u32),
    FailsForAWhile,
    FailsForGood,
    Panics,
    /// It returns what no check lets through.
    IsInvalid,
    /// Its score is no number.
    HasNoScore,
    /// Giving it a score panics.
    ScorePanics,
}

const INVALID: u32 = 1_000_000;
const NO_SCORE: u32 = INVALID + 1;
const SCORE_PANICS: u32 = INVALID + 2;

async fn act(cx: Context, _: Arc<Order>, plan: Arc<Vec<Does>>) -> Result<Part, Error> {
    let index = usize::try_from(cx.candidate() - 1).unwrap();
    // The later ones end first.
    tokio::time::sleep(SECOND * (20 - cx.candidate())).await;
    cx.log("here");
    match plan[index] {
        Does::Returns(size) => Ok(Part { size }),
        Does::FailsForAWhile => Err(Error::transient(format!("not yet {index}"))),
        Does::FailsForGood => Err(Error::permanent(format!("never {index}"))),
        Does::Panics => panic!("at {index}"),
        Does::IsInvalid => Ok(Part { size: INVALID }),
        Does::HasNoScore => Ok(Part { size: NO_SCORE }),
        Does::ScorePanics => Ok(Part { size: SCORE_PANICS }),
    }
}

fn by_size(candidate: &Candidate<'_>) -> f64 {
    let size = candidate.first::<Part>().unwrap().size;
    assert_ne!(size, SCORE_PANICS, "no score");
    assert_eq!(candidate.all::<Part>().count(), 1);
    if size == NO_SCORE { f64::NAN } else { f64::from(size) }
}

async fn started(plan: &[Does]) -> Running {
    let (board, _) = memory().await;
    board
        .agent("best")
        .on::<Order>()
        .retry(Retry::never())
        .output::<Part>(|part| part.validate("is valid", |part| part.size != INVALID))
        .best_of(u32::try_from(plan.len()).unwrap(), by_size)
        .state(plan.to_vec())
        .run(act);
    board.start().await.unwrap()
}

async fn sizes(running: &Running) -> Vec<u32> {
    let parts = running.all::<Part>(Query::default()).await.unwrap();
    parts.iter().map(|part| part.size).collect()
}

/// Who should win, told as simply as can be: the first of the highest that return anything.
fn oracle(plan: &[Does]) -> Option<(usize, u32)> {
    let sizes = plan.iter().enumerate().filter_map(|(index, does)| match does {
        Does::Returns(size) => Some((index, *size)),
        _ => None,
    });
    sizes.fold(None, |best, (index, size)| match best {
        Some((_, highest)) if highest >= size => best,
        _ => Some((index, size)),
    })
}

/// What an attempt should fail of, all of whose candidates failed: nothing but what is permanent is not
/// tried again, so the first of the others, or else the first.
fn expected_failure(plan: &[Does]) -> ErrorKind {
    let kinds: Vec<ErrorKind> = plan
        .iter()
        .map(|does| match does {
            Does::Returns(_) => unreachable!("one that returns does not fail"),
            Does::FailsForAWhile => ErrorKind::Transient,
            Does::FailsForGood => ErrorKind::Permanent,
            Does::Panics | Does::ScorePanics => ErrorKind::Panic,
            Does::IsInvalid | Does::HasNoScore => ErrorKind::InvalidOutput,
        })
        .collect();
    let again = kinds.iter().find(|kind| **kind != ErrorKind::Permanent);
    *again.unwrap_or(&kinds[0])
}

fn check(plan: &[Does], reports: &[CandidateReport]) {
    assert_eq!(reports.len(), plan.len(), "{plan:?}");
    let winner = oracle(plan).map(|(index, _)| index);
    for (index, (does, report)) in plan.iter().zip(reports).enumerate() {
        assert_eq!(report.number as usize, index + 1);
        assert_eq!(report.published, winner == Some(index), "{plan:?} {report:?}");
        if let Does::Returns(size) = does {
            assert_eq!(report.score, Some(f64::from(*size)));
            assert!(report.error.is_empty());
            let kept: Vec<_> =
                report.outputs.iter().map(|it| (it.type_name.as_str(), &*it.payload)).collect();
            let payload = format!(r#"{{"size":{size}}}"#);
            let lost = [("Part", payload.as_str())];
            assert_eq!(kept, if report.published { &[] } else { &lost[..] });
        } else {
            assert_eq!(report.score, None);
            assert!(!report.error.is_empty(), "{plan:?} {report:?}");
            assert_eq!((report.outputs.len(), report.cut), (0, 0));
        }
    }
}

/// BEST-1, BEST-5, BEST-6: of drawn candidates, the one is published that a plain search finds; those that
/// fail are left out; the others are kept, with their scores.
#[tokio::test(start_paused = true)]
async fn the_best_is_published_and_what_fails_is_left_out() {
    let mut seed = 0;
    let mut draw = |below: u32| {
        seed = artel_core::seed::split_mix(seed);
        u32::try_from(seed % u64::from(below)).unwrap()
    };
    let (mut none, mut ties) = (0, 0);
    for _ in 0..150 {
        let failing = if draw(4) == 0 { 7 } else { 14 };
        let plan: Vec<Does> = (0..=draw(5))
            .map(|_| match draw(failing) {
                0 => Does::FailsForAWhile,
                1 | 2 => Does::FailsForGood,
                3 => Does::Panics,
                4 => Does::IsInvalid,
                5 => Does::HasNoScore,
                6 => Does::ScorePanics,
                _ => Does::Returns(draw(4)),
            })
            .collect();
        let running = started(&plan).await;
        let began = tokio::time::Instant::now();
        let receipt = running.publish(order(1)).await.unwrap();
        let status = running.settled(receipt.correlation).await.unwrap();
        assert_eq!(began.elapsed(), SECOND * 19, "candidates run at the same time");
        let attempts = attempts(&running).await;
        let report = &attempts[0].report;
        check(&plan, &report.candidates);
        let lines = report.log.lines().count();
        assert_eq!(lines, plan.len(), "{}", report.log);
        if let Some((_, size)) = oracle(&plan) {
            assert_eq!((status, sizes(&running).await), (Status::Done, vec![size]), "{plan:?}");
            let same = plan.iter().filter(|does| **does == Does::Returns(size)).count();
            ties += usize::from(same > 1);
        } else {
            none += 1;
            assert_eq!(status, Status::DeadLetters(1));
            assert!(sizes(&running).await.is_empty());
            let end = AttemptEnd::Failed(expected_failure(&plan));
            assert_eq!(attempts[0].end, Some(end), "{plan:?}");
            assert_eq!(report.error[0], format!("all {} candidates failed", plan.len()));
        }
        end(running).await;
    }
    assert!(none > 10 && ties > 10, "{none} without a winner, {ties} ties");
}

/// `best_of`: without it the handler runs once, and whatever it returns is published.
#[tokio::test(start_paused = true)]
async fn best_of_runs_the_handler_several_times() {
    async fn work(cx: Context, _: Arc<Order>, runs: Arc<AtomicU32>) -> Result<Part, Error> {
        runs.fetch_add(1, Ordering::SeqCst);
        Ok(Part { size: cx.candidate() })
    }
    for (candidates, size) in [(None, 1), (Some(1), 1), (Some(3), 3)] {
        let (board, _) = memory().await;
        let runs = Arc::new(AtomicU32::new(0));
        let agent = board.agent("best").on::<Order>();
        let agent = match candidates {
            Some(candidates) => agent.best_of(candidates, by_size),
            None => agent,
        };
        agent.shared_state(runs.clone()).run(work);
        let running = board.start().await.unwrap();
        running.publish(order(1)).await.unwrap();
        running.idle().await.unwrap();
        assert_eq!(sizes(&running).await, [size]);
        assert_eq!(runs.load(Ordering::SeqCst), size);
        end(running).await;
    }
}

/// BEST-2: candidates take a slot each: of 7, two attempts of three run at once.
#[tokio::test(start_paused = true)]
async fn candidates_take_a_slot_each() {
    #[derive(Default)]
    struct Load {
        now: AtomicU32,
        most: AtomicU32,
    }
    async fn work(_: Context, _: Arc<Order>, load: Arc<Load>) -> Result<Part, Error> {
        let now = load.now.fetch_add(1, Ordering::SeqCst) + 1;
        load.most.fetch_max(now, Ordering::SeqCst);
        tokio::time::sleep(SECOND).await;
        load.now.fetch_sub(1, Ordering::SeqCst);
        Ok(Part { size: 1 })
    }
    for (slots, concurrency) in [(7, 16), (256, 7)] {
        let load = Arc::new(Load::default());
        let board = Board::builder("memory:").slots(slots).open().await.unwrap();
        let agent = board.agent("best").on::<Order>().concurrency(concurrency);
        agent.best_of(3, by_size).shared_state(load.clone()).run(work);
        let running = board.start().await.unwrap();
        running.publish_many((0..10).map(order)).await.unwrap();
        running.idle().await.unwrap();
        assert_eq!(load.most.load(Ordering::SeqCst), 6);
        assert_eq!(sizes(&running).await.len(), 10);
        end(running).await;
    }
}

/// BEST-4, DEF-4: more candidates than there are slots are refused when the board starts.
#[tokio::test(start_paused = true)]
async fn more_candidates_than_slots_are_refused() {
    async fn work(_: Context, _: Arc<Order>) -> Result<Part, Error> {
        Ok(Part { size: 1 })
    }
    let board = Board::builder("memory:").slots(5).open().await.unwrap();
    board.agent("none").on::<Order>().best_of(0, by_size).run(work);
    board.agent("own").on::<Order>().concurrency(3).best_of(4, by_size).run(work);
    let agent = board.agent("key").on::<Order>().concurrency_per_key(2);
    agent.best_of(3, by_size).run(work);
    board.agent("slots").on::<Order>().best_of(6, by_size).run(work);
    let error = board.start().await.unwrap_err().to_string();
    for problem in [
        "agent `none`: it asks for the best of 0",
        "agent `own`: it asks for the best of 4, which take a slot each, and its concurrency is 3",
        "agent `key`: it asks for the best of 3, which take a slot each, and its concurrency per key is 2",
        "agent `slots`: it asks for the best of 6, which take a slot each, and the program has slots for 5",
    ] {
        assert!(error.contains(problem), "{problem:?} is not in {error}");
    }
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Artifact)]
struct Text {
    text: String,
}

/// BEST-6, I12: what is kept of the losers is no larger than a payload may be, and has nothing that says
/// itself who may see it; what is left out is counted.
#[tokio::test(start_paused = true)]
async fn losers_are_kept_within_the_payload_limit() {
    async fn work(cx: Context, _: Arc<Order>) -> Result<Vec<Text>, Error> {
        let text = |len| Text { text: "x".repeat(len) };
        if cx.candidate() == 2 {
            cx.publish(Publication::new(text(1)).labelled("secret"));
        }
        Ok(vec![text(400), text(cx.candidate() as usize)])
    }
    fn score(candidate: &Candidate<'_>) -> f64 {
        -f64::from(candidate.number())
    }
    let board = Board::builder("memory:").payload_limit(1_000).open().await.unwrap();
    board.agent("best").on::<Order>().best_of(4, score).run(work);
    let running = board.start().await.unwrap();
    running.publish(order(1)).await.unwrap();
    running.idle().await.unwrap();
    let candidates = attempts(&running).await.remove(0).report.candidates;
    let kept: Vec<_> = candidates
        .iter()
        .map(|one| {
            (one.published, one.outputs.iter().map(|it| it.payload.len()).collect(), one.cut)
        })
        .collect();
    let none: Vec<usize> = Vec::new();
    let small = |len| r#"{"text":""}"#.len() + len;
    let expected = vec![
        (true, none, 0),
        (false, vec![small(400), small(2)], 1),
        (false, vec![small(400), small(3)], 0),
        (false, vec![small(4)], 1),
    ];
    assert_eq!(kept, expected);
    end(running).await;
}

/// BEST-7: what must not be done twice is no work for several candidates.
#[tokio::test(start_paused = true)]
async fn candidates_do_nothing_irreversible() {
    async fn pays(cx: Context, _: Arc<Order>, paid: Arc<AtomicU32>) -> Result<Part, Error> {
        let pay = |_| async move { Ok::<_, Error>(paid.fetch_add(1, Ordering::SeqCst)) };
        Ok(Part { size: cx.irreversible("pay", pay).await? })
    }
    for (candidates, status, times) in [(1, Status::Done, 1), (2, Status::DeadLetters(1), 0)] {
        let (board, _) = memory().await;
        let paid = Arc::new(AtomicU32::new(0));
        let agent = board.agent("best").on::<Order>();
        let agent = if candidates > 1 { agent.best_of(candidates, by_size) } else { agent };
        agent.shared_state(paid.clone()).run(pays);
        let running = board.start().await.unwrap();
        let receipt = running.publish(order(1)).await.unwrap();
        assert_eq!(running.settled(receipt.correlation).await.unwrap(), status);
        assert_eq!(paid.load(Ordering::SeqCst), times);
        end(running).await;
    }
}

/// BEST-7: each candidate has random numbers, ids and steps of its own, and a later attempt gets what
/// the steps of the same candidate gave.
#[tokio::test(start_paused = true)]
async fn candidates_are_kept_apart() {
    type Seen = Mutex<Vec<(u32, u32, u32, String)>>;
    async fn work(cx: Context, _: Arc<Order>, seen: Arc<Seen>) -> Result<Part, Error> {
        let drawn: u32 = cx.rng().random();
        let step: u32 = cx.step("draw", async { Ok::<_, Error>(drawn) }).await?;
        let (attempt, candidate) = (cx.attempt().get(), cx.candidate());
        seen.lock().unwrap().push((attempt, candidate, step, cx.step_key("draw")));
        cx.publish(Text { text: cx.new_id().to_string() });
        if attempt == 1 {
            return Err(Error::transient("after the step"));
        }
        Ok(Part { size: candidate })
    }
    let seen = Arc::new(Seen::default());
    let (board, _) = memory().await;
    let agent = board.agent("best").on::<Order>().publishes::<Text>();
    agent.best_of(3, by_size).shared_state(seen.clone()).run(work);
    let running = board.start().await.unwrap();
    running.publish(order(1)).await.unwrap();
    running.idle().await.unwrap();
    let mut seen = seen.lock().unwrap().clone();
    seen.sort();
    let (first, second) = seen.split_at(3);
    for (one, later) in first.iter().zip(second) {
        assert_eq!((one.1, one.2, &one.3), (later.1, later.2, &later.3), "the record answers");
    }
    let steps: std::collections::BTreeSet<_> = first.iter().map(|one| one.2).collect();
    let keys: std::collections::BTreeSet<_> = first.iter().map(|one| &one.3).collect();
    assert_eq!((steps.len(), keys.len()), (3, 3));
    assert!(first[1].3.ends_with("/2/draw"), "{}", first[1].3);
    assert_eq!(sizes(&running).await, [3]);
    let texts = running.all::<Text>(Query::default()).await.unwrap();
    let kept = attempts(&running).await.remove(1).report.candidates;
    let mut ids: Vec<String> = kept
        .iter()
        .flat_map(|one| &one.outputs)
        .filter(|output| output.type_name == "Text")
        .map(|output| output.payload.clone())
        .collect();
    ids.push(format!(r#"{{"text":"{}"}}"#, texts[0].text));
    ids.sort();
    ids.dedup();
    assert_eq!((texts.len(), ids.len()), (1, 3), "{ids:?}");
    end(running).await;
}

/// Counts the candidates that are there, from their first poll until they are dropped.
struct Here(Arc<AtomicU32>);

impl Drop for Here {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

async fn hang(_: Context, _: Arc<Order>, here: Arc<AtomicU32>) -> Result<Part, Error> {
    here.fetch_add(1, Ordering::SeqCst);
    let _here = Here(here.clone());
    std::future::pending().await
}

/// BEST-8: a time-out ends all candidates, also when some have returned, and so does a cancel; their
/// slots are free then.
#[tokio::test(start_paused = true)]
async fn candidates_end_together() {
    async fn some(cx: Context, order: Arc<Order>, here: Arc<AtomicU32>) -> Result<Part, Error> {
        if cx.candidate() == 2 {
            return Ok(Part { size: 2 });
        }
        hang(cx, order, here).await
    }
    for cancel in [false, true] {
        let here = Arc::new(AtomicU32::new(0));
        let clock = Arc::new(VirtualClock::default());
        let board = Board::builder("memory:").slots(3).clock(clock);
        let board = board.entropy(Arc::new(SeededEntropy::new(7))).open().await.unwrap();
        let agent = board.agent("best").on::<Order>().retry(Retry::never()).timeout(SECOND * 5);
        agent.best_of(3, by_size).shared_state(here.clone()).run(some);
        let running = board.start().await.unwrap();
        let receipt = running.publish(order(1)).await.unwrap();
        tokio::time::sleep(SECOND).await;
        assert_eq!(here.load(Ordering::SeqCst), 2);
        let status = if cancel {
            let operator = running.operator("ann", "enough").unwrap();
            operator.cancel(receipt.correlation).await.unwrap();
            Status::Cancelled
        } else {
            Status::DeadLetters(1)
        };
        assert_eq!(running.settled(receipt.correlation).await.unwrap(), status);
        let end_of =
            if cancel { AttemptEnd::Cancelled } else { AttemptEnd::Failed(ErrorKind::Timeout) };
        assert_eq!(attempts(&running).await[0].end, Some(end_of));
        running.publish(order(2)).await.unwrap();
        tokio::time::sleep(SECOND).await;
        assert_eq!(here.load(Ordering::SeqCst), 2, "those of the second attempt, and no others");
        let mut started = running.tail(Seq(1));
        let mut starts = 0;
        while starts < 2 {
            let entry = started.next().await.unwrap().unwrap();
            if let Event::AttemptStarted { slots, .. } = entry.event {
                assert_eq!(slots, 3);
                starts += 1;
            }
        }
        running.idle().await.unwrap();
        assert!(sizes(&running).await.is_empty());
        end(running).await;
    }
}
