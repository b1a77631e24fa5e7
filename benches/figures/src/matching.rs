//! Matching alone: what a publish asks the catalogue of a board.

use std::any::Any;
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use tokio::time::Instant;

use artel::envelope::Clause;
use artel::ids::SubscriptionNo;
use artel::names::{OrderingKey, Tag};
use artel::{Artifact, Context, Error as Failed, Reader};
use artel_core::catalogue::{Candidate, Closures, Unanswered};
use artel_core::key::BadKey;
use artel_core::visibility::Visibility;

use crate::board::{Input, Output, at};
use crate::error::Error;
use crate::list::Run;
use crate::options::How;
use crate::process::child;

/// How many subscriptions to the type there are.
const SAME: u32 = 1_000;
/// How long is measured.
const TIME: Duration = Duration::from_millis(500);
/// How often is asked between two looks at the clock.
const ASKED: u32 = 1_000;

/// What stands beside the subscription that is met.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// Subscriptions to another type.
    Unrelated,
    /// Subscriptions to the same type, with a tag that the artifact does not have. It has two that
    /// nobody asks for: where it had none, there would be nothing to look through.
    Tag,
    /// The same, with a condition that the artifact does not meet.
    Field,
    /// Nothing, and the one subscription has a predicate of two comparisons, of which the second says no:
    /// an expression.
    Cel,
    /// The same as a closure.
    Closure,
}

/// What the expression says.
const EXPRESSION: &str = "payload.n >= 0 && payload.text == 'y'";

pub(crate) fn unrelated(how: &How) -> Result<Run, Error> {
    let nanos = |size: u32| one(&["unrelated", &size.to_string(), "-"]);
    Ok(Run { baseline: Some(nanos(10)?), value: nanos(how.size(10_000))? })
}

pub(crate) fn same_tag(how: &How) -> Result<Run, Error> {
    same("tag", how)
}

pub(crate) fn same_field(how: &How) -> Result<Run, Error> {
    same("field", how)
}

pub(crate) fn cel(_: &How) -> Result<Run, Error> {
    let micros = |part: &str| one(&[part, "1", "-"]).map(|nanos| nanos / 1_000.0);
    Ok(Run { baseline: Some(micros("closure")?), value: micros("cel")? })
}

fn same(part: &str, how: &How) -> Result<Run, Error> {
    let size = how.size(SAME);
    let nanos = one(&[part, &size.to_string(), "-"])?;
    Ok(Run { value: nanos / f64::from(size), baseline: None })
}

fn one(arguments: &[&str]) -> Result<f64, Error> {
    let arguments: Vec<String> = arguments.iter().map(|&word| word.to_owned()).collect();
    child(&arguments)?.first().copied().ok_or_else(|| "it printed nothing".into())
}

/// A closure as a program has it: on a value of which the type is not known, and kept from panicking.
struct Typed {
    value: Box<dyn Any>,
    closure: fn(&dyn Any) -> bool,
}

impl Closures for Typed {
    fn evaluate(&self, _: SubscriptionNo) -> Result<bool, Unanswered> {
        catch_unwind(AssertUnwindSafe(|| (self.closure)(&*self.value)))
            .map_err(|_| Unanswered::new(Clause::FilterPanic, String::new()))
    }

    fn key(&self, _: SubscriptionNo) -> Result<Option<OrderingKey>, BadKey> {
        Ok(None)
    }
}

async fn nothing<T>(_: Context, _: std::sync::Arc<T>) -> Result<(), Failed> {
    Ok(())
}

/// Nanoseconds that it takes to match one artifact.
pub(crate) async fn measure(size: u32, kind: Kind) -> Result<Vec<f64>, Error> {
    let board = at("memory:").open().await?;
    if matches!(kind, Kind::Unrelated) {
        board.agent("met").on::<Input>().run(nothing::<Input>);
    }
    for number in 0..size {
        let agent = board.agent(format!("agent-{number}"));
        match kind {
            Kind::Unrelated => agent.on::<Output>().run(nothing::<Output>),
            Kind::Tag => agent.on::<Input>().tagged(format!("tag-{number}")).run(nothing::<Input>),
            Kind::Field => {
                let above = Input::fields().n.gt(number + 1);
                agent.on::<Input>().matching(above).run(nothing::<Input>);
            }
            Kind::Cel => agent.on::<Input>().cel(EXPRESSION).run(nothing::<Input>),
            Kind::Closure => agent.on::<Input>().filter(|_| false).run(nothing::<Input>),
        }
    }
    let running = board.start().await?;
    let reader = Reader::of(running.log()).await?;
    let catalogue = reader.names();
    let type_no = catalogue.type_no(Input::NAME).ok_or("the type is not registered")?;
    let payload = serde_json::to_vec(&Input::numbered(0))?;
    let tags = match kind {
        Kind::Unrelated | Kind::Field | Kind::Cel | Kind::Closure => Vec::new(),
        Kind::Tag => vec![Tag::new("tag-of-nobody")?, Tag::new("tag-of-nobody-else")?],
    };
    let candidate = Candidate {
        type_no,
        producer: None,
        tags: &tags,
        payload: &payload,
        visibility: &Visibility::PUBLIC,
        ordering_key: None,
        envelope: None,
    };
    let closure: fn(&dyn Any) -> bool = |value| {
        value.downcast_ref().is_some_and(|input: &Input| input.n < u32::MAX && input.text == "y")
    };
    let closures = Typed { value: Box::new(Input::numbered(0)), closure };
    let (began, mut asked) = (Instant::now(), 0_u32);
    while began.elapsed() < TIME {
        for _ in 0..ASKED {
            black_box(catalogue.verdicts(black_box(candidate), &closures));
        }
        asked += ASKED;
    }
    let nanos = began.elapsed().as_secs_f64() * 1e9 / f64::from(asked);
    running.shutdown().await;
    Ok(vec![nanos])
}
