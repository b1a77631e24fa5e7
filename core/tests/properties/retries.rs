//! RETRY-1 to RETRY-5, KIND-1: what becomes of an activation whose attempts fail, against the
//! formulas of the reference, worked out in full for each failure.

use std::time::Duration;

use proptest::prelude::*;

use artel_core::command::AttemptOutcome;
use artel_core::event::{AttemptEnd, DeadReason, Event, Next};
use artel_core::policy::{ErrorKind, Jitter, Retry};

use super::cases;
use super::desk::{Desk, agent, new};

/// A policy in the words of the reference.
#[derive(Clone, Debug)]
struct Plan {
    delays: Delays,
    attempts: Option<u32>,
    longest_ms: Option<u64>,
    jitter: bool,
    elapsed_ms: Option<u64>,
    kinds: Kinds,
    total_ms: Option<u64>,
}

#[derive(Clone, Debug)]
enum Delays {
    Never,
    Fixed(u64),
    Exponential(u64, f64),
    List(Vec<u64>),
}

#[derive(Clone, Debug)]
enum Kinds {
    Default,
    On(Vec<ErrorKind>),
    NotOn(Vec<ErrorKind>),
}

fn kind() -> impl Strategy<Value = ErrorKind> {
    prop_oneof![
        6 => Just(ErrorKind::Transient),
        1 => Just(ErrorKind::Permanent),
        2 => prop::option::of(0..200_000_u64)
            .prop_map(|retry_after_ms| ErrorKind::RateLimited { retry_after_ms }),
        2 => Just(ErrorKind::Timeout),
        2 => Just(ErrorKind::Panic),
        1 => Just(ErrorKind::InvalidOutput),
    ]
}

fn plan() -> impl Strategy<Value = Plan> {
    let factor = prop_oneof![Just(1.0), Just(1.5), Just(2.0), Just(3.0), Just(10.0)];
    let delays = prop_oneof![
        1 => Just(Delays::Never),
        2 => (0..50_000_u64).prop_map(Delays::Fixed),
        4 => (0..20_000_u64, factor).prop_map(|(first, by)| Delays::Exponential(first, by)),
        2 => prop::collection::vec(0..50_000_u64, 0..5).prop_map(Delays::List),
    ];
    let kinds = prop_oneof![
        3 => Just(Kinds::Default),
        1 => prop::collection::vec(kind(), 0..4).prop_map(Kinds::On),
        1 => prop::collection::vec(kind(), 0..3).prop_map(Kinds::NotOn),
    ];
    let some = |most: u64| prop::option::of(1..most);
    let limits = (prop::option::of(0..9_u32), some(100_000), some(300_000), some(400_000));
    (delays, kinds, any::<bool>(), limits).prop_map(
        |(delays, kinds, jitter, (attempts, longest_ms, elapsed_ms, total_ms))| Plan {
            delays,
            attempts,
            longest_ms,
            jitter,
            elapsed_ms,
            kinds,
            total_ms,
        },
    )
}

impl Plan {
    fn policy(&self) -> Retry {
        let ms = Duration::from_millis;
        let mut retry = match &self.delays {
            Delays::Never => Retry::never(),
            Delays::Fixed(delay) => Retry::fixed(ms(*delay)),
            Delays::Exponential(first, by) => Retry::exponential(ms(*first)).factor(*by),
            Delays::List(list) => {
                Retry::list(list.iter().map(|&delay| ms(delay)).collect::<Vec<_>>())
            }
        };
        retry = retry.jitter(if self.jitter { Jitter::Full } else { Jitter::None });
        if let Some(attempts) = self.attempts {
            retry = retry.max_attempts(attempts);
        }
        if let Some(longest) = self.longest_ms {
            retry = retry.max_delay(ms(longest));
        }
        if let Some(elapsed) = self.elapsed_ms {
            retry = retry.max_elapsed(ms(elapsed));
        }
        match &self.kinds {
            Kinds::Default => retry,
            Kinds::On(kinds) => retry.on(kinds),
            Kinds::NotOn(kinds) => retry.not_on(kinds),
        }
    }

    /// "attempts in all": 3 by default, 1 for `never`, one more than a list has.
    fn attempts(&self) -> u32 {
        let default = match &self.delays {
            Delays::Never => 1,
            Delays::Fixed(_) | Delays::Exponential(..) => 3,
            Delays::List(list) => u32::try_from(list.len()).unwrap() + 1,
        };
        self.attempts.map_or(default, |attempts| attempts.max(1))
    }

    fn retries(&self, kind: ErrorKind) -> bool {
        let named = |kinds: &[ErrorKind]| kinds.iter().any(|one| one.as_str() == kind.as_str());
        let wanted = match &self.kinds {
            Kinds::Default => true,
            Kinds::On(kinds) => named(kinds),
            Kinds::NotOn(kinds) => !named(kinds),
        };
        wanted && kind.as_str() != "permanent"
    }

    /// The shortest and the longest wait after the `n`-th failure, in milliseconds.
    fn wait(&self, n: u32, kind: ErrorKind) -> (f64, f64) {
        if let ErrorKind::RateLimited { retry_after_ms: Some(asked) } = kind {
            return (asked as f64, asked as f64);
        }
        let index = n as usize - 1;
        let whole = match &self.delays {
            Delays::Never => 0.0,
            Delays::Fixed(delay) => *delay as f64,
            Delays::Exponential(first, by) => *first as f64 * by.powi(index as i32),
            Delays::List(list) => {
                list.get(index).or_else(|| list.last()).map_or(0.0, |&delay| delay as f64)
            }
        };
        let longest = self.longest_ms.map_or(300_000.0, |longest| longest as f64);
        let whole = whole.min(longest);
        // A delay is kept to whole hundredths of a millisecond at each step, and is then cut.
        (if self.jitter { 0.0 } else { whole - 1.0 }, whole)
    }
}

/// Checks what became of the `n`-th failure of an activation that was created at `created`.
fn judge(
    plan: &Plan,
    (n, kind): (u32, ErrorKind),
    (created, now): (u64, u64),
    next: Next,
) -> Result<(), TestCaseError> {
    if plan.total_ms.is_some_and(|total| now >= created + total) {
        prop_assert_eq!(next, Next::Dead(DeadReason::TotalTimeout));
        return Ok(());
    }
    if !plan.retries(kind) {
        prop_assert_eq!(next, Next::Dead(DeadReason::NotRetryable));
        return Ok(());
    }
    if n >= plan.attempts() {
        prop_assert_eq!(next, Next::Dead(DeadReason::AttemptsExhausted));
        return Ok(());
    }
    let (shortest, longest) = plan.wait(n, kind);
    let last = plan.elapsed_ms.map_or(f64::MAX, |elapsed| (created + elapsed) as f64);
    match next {
        Next::Retry { not_before, counted } => {
            prop_assert!(counted, "a failure uses up a retry");
            let wait = not_before.as_millis() as f64 - now as f64;
            prop_assert!(wait >= shortest && wait <= longest, "{wait} in {shortest}..={longest}");
            prop_assert!(not_before.as_millis() as f64 <= last, "it begins too late");
        }
        Next::Dead(DeadReason::RetryTimeElapsed) => {
            prop_assert!(now as f64 + longest > last, "there was time for another attempt");
        }
        other => prop_assert!(false, "{other:?} after failure {n} of {kind}"),
    }
    Ok(())
}

/// One failure: how long the attempt took, and what kind of error ended it.
type Failure = (u32, ErrorKind);

/// Lets attempts of one activation fail until it is dead; `redrive` brings it back once. Returns the
/// log as text.
fn run(plan: &Plan, failures: &[Failure], redrive: bool) -> Result<String, TestCaseError> {
    let mut definition = agent("one", "A");
    definition.retry = plan.policy();
    definition.total_timeout = plan.total_ms.map(Duration::from_millis);
    let mut desk = Desk::with(&[definition], 1);
    desk.pass(5_000);
    desk.publish_new(&[new("A")]).unwrap();
    let (mut created, mut n, mut redrives) = (desk.now.elapsed.as_millis(), 0, u32::from(redrive));
    for &(took, kind) in failures {
        let Some(lease) = desk.leases.first().cloned() else { break };
        n += 1;
        desk.now.elapsed.0 += u64::from(took);
        desk.now.wall.0 += i64::from(took);
        let now = desk.now.elapsed.as_millis();
        desk.finish(&lease, AttemptOutcome::Failed(kind)).unwrap();
        let (_, ended) = desk.last_events()[0];
        let Event::AttemptEnded { end, next, .. } = *ended else {
            return Err(TestCaseError::fail(format!("{ended:?}")));
        };
        prop_assert_eq!(end, AttemptEnd::Failed(kind));
        judge(plan, (n, kind), (created, now), next)?;
        match next {
            Next::Retry { not_before, .. } => {
                let wait = not_before.as_millis() - now;
                if wait > 0 {
                    prop_assert!(desk.leases.is_empty(), "it waits");
                    desk.pass(wait - 1);
                    prop_assert!(desk.leases.is_empty(), "it waits to the end");
                    desk.pass(1);
                }
                let ended = desk.closed.contains_key(&lease.attempt.activation);
                prop_assert!(ended || desk.leases.len() == 1, "it runs when its wait is over");
            }
            Next::Dead(_) if redrives > 0 => {
                redrives -= 1;
                let letter = desk.letter(lease.attempt.activation);
                desk.ask(artel_core::command::Request::Redrive(vec![letter])).unwrap();
                prop_assert_eq!(
                    desk.leases[0].attempt.attempt.get(),
                    lease.attempt.attempt.get() + 1
                );
                // DLQ-1: the retries begin anew, and so does their time.
                (created, n) = (desk.now.elapsed.as_millis(), 0);
            }
            _ => break,
        }
    }
    Ok(format!("{:?}", desk.log))
}

proptest! {
    #![proptest_config(cases(384))]

    #[test]
    fn a_failed_activation_waits_and_dies_as_the_reference_says(
        plan in plan(),
        failures in prop::collection::vec((0..30_000_u32, kind()), 1..14),
        redrive: bool,
    ) {
        let first = run(&plan, &failures, redrive)?;
        // RETRY-5: the same record gives the same delays.
        prop_assert_eq!(first, run(&plan, &failures, redrive)?);
    }

    /// RETRY-5: what is recorded of an attempt is all that chance had: delays are drawn over the
    /// whole of their range, and drawn again they are the same.
    #[test]
    fn jitter_draws_over_the_whole_delay(delay_ms in 1_000..100_000_u64, seed: u64) {
        let policy = Retry::fixed(Duration::from_millis(delay_ms));
        let draw = |at: u64| policy.delay(1, ErrorKind::Transient, seed.wrapping_add(at)).as_millis();
        let drawn: Vec<u128> = (0..256).map(draw).collect();
        prop_assert_eq!(&drawn, &(0..256).map(draw).collect::<Vec<_>>());
        let whole = u128::from(delay_ms);
        prop_assert!(drawn.iter().all(|&wait| wait <= whole));
        for quarter in 0..4 {
            let inside = |wait: &&u128| **wait * 4 / (whole + 1) == quarter;
            let count = drawn.iter().filter(inside).count();
            // 64 each, with a deviation of 7.
            prop_assert!((20..120).contains(&count), "{count} of 256 in quarter {quarter}");
        }
    }
}
