//! What an agent says about its outputs: which are published, what each has to pass, how many there are.

use std::sync::Arc;

use artel::event::{AttemptEnd, Event};
use artel::ids::{ActivationId, Seq};
use artel::{
    AttemptView, Context, Error, ErrorKind, OutputCount, Query, Reader, Retry, Running, Status,
    Withheld,
};

use super::set_up::{Invoice, Order, Part, end, memory, order};

/// As many parts as the order's size says, with the sizes from 1 on, and an invoice that is published
/// through the context.
async fn parts(cx: Context, order: Arc<Order>) -> Result<Vec<Part>, Error> {
    cx.publish(Invoice { number: order.size.to_string() });
    Ok((1..=order.size).map(|size| Part { size }).collect())
}

async fn sizes(running: &Running) -> Vec<u32> {
    let mut parts = running.all::<Part>(Query::default()).await.unwrap();
    parts.sort_unstable_by_key(|part| part.size);
    parts.iter().map(|part| part.size).collect()
}

async fn invoices(running: &Running) -> usize {
    running.all::<Invoice>(Query::default()).await.unwrap().len()
}

/// The attempts of the first activation of a board.
pub(crate) async fn attempts(running: &Running) -> Vec<AttemptView> {
    let reader = Reader::of(running.log()).await.unwrap();
    let id = first_activation(running).await;
    let view = reader.activation(id).await.unwrap().unwrap();
    reader.attempts(&view).await.unwrap()
}

async fn first_activation(running: &Running) -> ActivationId {
    let mut tail = running.tail(Seq(1));
    loop {
        let entry = tail.next().await.unwrap().unwrap();
        if let Event::ActivationCreated { .. } = entry.event {
            return ActivationId(entry.seq);
        }
    }
}

fn failed(kind: ErrorKind) -> Option<AttemptEnd> {
    Some(AttemptEnd::Failed(kind))
}

/// OUT-3: `publish_if` keeps an output off the board, which is no error; what it lets through appears,
/// and the attempt's report says how many were withheld, of which type.
#[tokio::test(start_paused = true)]
async fn an_output_is_published_only_if_its_conditions_say_so() {
    for (conditions, published, withheld) in [
        (0, vec![1, 2, 3, 4, 5], vec![]),
        (1, vec![2, 4], vec![("Part", 3)]),
        (2, vec![4], vec![("Part", 4), ("shop.Invoice", 1)]),
    ] {
        let (board, _) = memory().await;
        let agent = board.agent("parts").on::<Order>().publishes::<Invoice>();
        let agent = match conditions {
            0 => agent,
            1 => agent.output::<Part>(|part| part.publish_if(|part| part.size % 2 == 0)),
            _ => agent.output::<Invoice>(|invoice| invoice.publish_if(|_| false)).output::<Part>(
                |part| part.publish_if(|part| part.size % 2 == 0).publish_if(|part| part.size > 3),
            ),
        };
        agent.run(parts);
        let running = board.start().await.unwrap();
        let receipt = running.publish(order(5)).await.unwrap();
        assert_eq!(running.settled(receipt.correlation).await.unwrap(), Status::Done);
        assert_eq!(sizes(&running).await, published);
        assert_eq!(invoices(&running).await, usize::from(conditions < 2));
        let attempts = attempts(&running).await;
        assert_eq!(attempts[0].end, Some(AttemptEnd::Done));
        let expected: Vec<_> = withheld
            .into_iter()
            .map(|(name, count): (&str, u32)| Withheld { type_name: name.to_owned(), count })
            .collect();
        assert_eq!(attempts[0].report.withheld, expected);
        end(running).await;
    }
}

/// OUT-4, OUT-6: an output that a check says no to fails the attempt as invalid output, and nothing of
/// what the attempt returned appears; the error names the check. What is withheld is not checked.
#[tokio::test(start_paused = true)]
async fn an_output_passes_its_checks_or_nothing_is_published() {
    for (checks, withholds, status) in [
        (false, false, Status::Done),
        (true, false, Status::DeadLetters(1)),
        (true, true, Status::Done),
    ] {
        let (board, _) = memory().await;
        let agent = board.agent("parts").on::<Order>().publishes::<Invoice>();
        let agent = agent.retry(Retry::never()).output::<Part>(|part| {
            let part = if checks {
                part.validate("is small", |part| part.size < 100)
                    .validate("fits in a box", |part| part.size < 4)
            } else {
                part
            };
            if withholds { part.publish_if(|part| part.size < 4) } else { part }
        });
        agent.run(parts);
        let running = board.start().await.unwrap();
        let receipt = running.publish(order(4)).await.unwrap();
        assert_eq!(running.settled(receipt.correlation).await.unwrap(), status);
        let attempts = attempts(&running).await;
        if status == Status::Done {
            assert_eq!(sizes(&running).await.len(), if withholds { 3 } else { 4 });
        } else {
            assert_eq!(attempts[0].end, failed(ErrorKind::InvalidOutput));
            let error = "the check `fits in a box` of `Part` says no";
            assert_eq!(attempts[0].report.error, [error]);
            assert_eq!((sizes(&running).await.len(), invoices(&running).await), (0, 0));
        }
        end(running).await;
    }
}

/// OUT-5: another number of a type than its agent declares fails the attempt as invalid output; counted
/// as returned, what is withheld included, and what goes through the context too.
#[tokio::test(start_paused = true)]
async fn an_attempt_returns_as_many_as_its_agent_declares() {
    let counts: [(OutputCount, &str, &[u32]); 4] = [
        (2.into(), "2", &[2]),
        ((1..=3).into(), "1 to 3", &[1, 2, 3]),
        ((3..).into(), "at least 3", &[3, 4]),
        ((..=1).into(), "at most 1", &[0, 1]),
    ];
    for (count, declared, allowed) in counts {
        for returned in 0..5 {
            let (board, _) = memory().await;
            let agent = board.agent("parts").on::<Order>().retry(Retry::never());
            agent
                .output::<Invoice>(|invoice| invoice.count(1))
                .output::<Part>(|part| part.count(count).publish_if(|part| part.size > 1))
                .run(parts);
            let running = board.start().await.unwrap();
            let receipt = running.publish(order(returned)).await.unwrap();
            let fits = allowed.contains(&returned);
            let status = if fits { Status::Done } else { Status::DeadLetters(1) };
            assert_eq!(running.settled(receipt.correlation).await.unwrap(), status, "{declared}");
            let published = if fits { returned.saturating_sub(1) as usize } else { 0 };
            assert_eq!(sizes(&running).await.len(), published);
            assert_eq!(invoices(&running).await, usize::from(fits));
            if !fits {
                let attempts = attempts(&running).await;
                assert_eq!(attempts[0].end, failed(ErrorKind::InvalidOutput));
                let error =
                    format!("agent `parts` returned {returned} of `Part`, declared is {declared}");
                assert_eq!(attempts[0].report.error, [error]);
            }
            end(running).await;
        }
    }
}

/// OUT-5: a type that was declared and of which nothing was returned is counted too, and one that goes
/// through the context only.
#[tokio::test(start_paused = true)]
async fn what_is_missing_is_counted() {
    let (board, _) = memory().await;
    let agent = board.agent("parts").on::<Order>().retry(Retry::never());
    agent.output::<Invoice>(|invoice| invoice.count(2..)).run(parts);
    let running = board.start().await.unwrap();
    let receipt = running.publish(order(3)).await.unwrap();
    assert_eq!(running.settled(receipt.correlation).await.unwrap(), Status::DeadLetters(1));
    let error = "agent `parts` returned 1 of `shop.Invoice`, declared is at least 2";
    assert_eq!(attempts(&running).await[0].report.error, [error]);
    end(running).await;
}

/// OUT-7: a condition or a check that panics fails the attempt as `panic`, and the error names it.
#[tokio::test(start_paused = true)]
async fn a_condition_that_panics_fails_the_attempt() {
    for condition in [true, false] {
        let (board, _) = memory().await;
        let agent = board.agent("parts").on::<Order>().publishes::<Invoice>();
        let agent = agent.retry(Retry::never()).output::<Part>(|part| {
            if condition {
                part.publish_if(|part| panic!("size {}", part.size))
            } else {
                part.validate("is well", |part| panic!("size {}", part.size))
            }
        });
        agent.run(parts);
        let running = board.start().await.unwrap();
        let receipt = running.publish(order(2)).await.unwrap();
        assert_eq!(running.settled(receipt.correlation).await.unwrap(), Status::DeadLetters(1));
        let attempts = attempts(&running).await;
        assert_eq!(attempts[0].end, failed(ErrorKind::Panic));
        let what = if condition { "condition `publish_if`" } else { "check `is well`" };
        let error = format!("the {what} of `Part` panicked: size 1");
        assert_eq!(attempts[0].report.error, [error]);
        assert_eq!((sizes(&running).await.len(), invoices(&running).await), (0, 0));
        end(running).await;
    }
}

/// DEF-4, OUT-5: what is said wrongly about outputs is refused when the board starts.
#[tokio::test(start_paused = true)]
async fn what_is_said_wrongly_about_outputs_is_refused() {
    let (board, _) = memory().await;
    let agent = |name: &'static str| board.agent(name).on::<Order>().publishes::<Invoice>();
    #[expect(clippy::reversed_empty_ranges, reason = "it is what is refused")]
    agent("none").output::<Part>(|part| part.count(3..=2)).run(parts);
    agent("nameless").output::<Part>(|part| part.validate(" ", |_| true)).run(parts);
    let twice = |part: artel::Output<Part>| part.validate("a", |_| true).validate("a", |_| true);
    agent("twice").output::<Part>(twice).run(parts);
    agent("again").output::<Part>(|part| part.count(1)).output::<Part>(|part| part).run(parts);
    let error = board.start().await.unwrap_err().to_string();
    for problem in [
        "agent `none`: it is to return 3 to 2 of `Part`, which no number is",
        "agent `nameless`: a check of `Part` has no name",
        "agent `twice`: two checks of `Part` are called `a`",
        "agent `again`: it says twice what its `Part` are held to",
    ] {
        assert!(error.contains(problem), "{problem:?} is not in {error}");
    }
}

/// DEF-1, OUT-3: what an agent says about its outputs is part of its definition.
#[tokio::test(start_paused = true)]
async fn what_is_said_about_outputs_is_recorded() {
    let (board, _) = memory().await;
    let agent = board.agent("parts").on::<Order>().publishes::<Invoice>();
    agent
        .output::<Part>(|part| part.publish_if(|_| true).validate("fits", |_| true).count(1..=9))
        .run(parts);
    let running = board.start().await.unwrap();
    let rules = running
        .look(|state| state.agents().next().unwrap().1.definition.output_rules.clone())
        .await
        .unwrap();
    assert_eq!(rules.len(), 1, "of invoices nothing was said");
    assert_eq!(rules[0].type_name.as_str(), "Part");
    assert_eq!((rules[0].conditional, rules[0].checks.len()), (true, 1));
    assert_eq!(rules[0].count, Some((1..=9).into()));
    end(running).await;
}
