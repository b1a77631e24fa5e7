//! The retry policy as a value: what each option does to the delays, and a model that says what
//! every delay must be.

use proptest::prelude::*;

use super::*;

const KINDS: [ErrorKind; 6] = [
    ErrorKind::Transient,
    ErrorKind::Permanent,
    ErrorKind::RateLimited { retry_after_ms: None },
    ErrorKind::Timeout,
    ErrorKind::Panic,
    ErrorKind::InvalidOutput,
];

const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// The first delays of a policy after transient failures, in milliseconds.
fn delays(retry: &Retry, failures: u32) -> Vec<u128> {
    let delay = |failure| retry.delay(failure, ErrorKind::Transient, 7).as_millis();
    (1..=failures).map(delay).collect()
}

#[test]
fn the_default_is_three_attempts_doubling_from_a_second_with_full_jitter() {
    let retry = Retry::default();
    assert_eq!(retry, Retry::exponential(Duration::from_secs(1)));
    assert_eq!(retry.attempts_max(), 3);
    assert_eq!(retry.elapsed_max(), None);
    assert_eq!(KINDS.map(|kind| retry.retries(kind)), [true, false, true, true, true, true]);
    let plain = retry.clone().jitter(Jitter::None);
    assert_ne!(plain, retry);
    assert_eq!(delays(&plain, 4), [1_000, 2_000, 4_000, 8_000]);
    assert_eq!(delays(&plain, 40)[39], 300_000);
}

#[test]
fn never_makes_one_attempt() {
    assert_eq!(Retry::never().attempts_max(), 1);
    assert_eq!(Retry::default().attempts_max(), 3);
}

#[test]
fn fixed_waits_the_same_time_after_each_failure() {
    let retry = Retry::fixed(ms(70)).jitter(Jitter::None);
    assert_eq!(delays(&retry, 4), [70; 4]);
    assert_eq!(retry.attempts_max(), 3);
}

#[test]
fn exponential_doubles_from_its_first_delay() {
    let retry = Retry::exponential(ms(30)).jitter(Jitter::None);
    assert_eq!(delays(&retry, 4), [30, 60, 120, 240]);
}

#[test]
fn list_waits_what_it_lists_and_repeats_the_last() {
    let retry = Retry::list([ms(5), ms(50), ms(1)]).jitter(Jitter::None);
    assert_eq!(delays(&retry, 5), [5, 50, 1, 1, 1]);
    assert_eq!(retry.attempts_max(), 4);
    assert_eq!(Retry::list([]).attempts_max(), 1);
    assert_eq!(delays(&Retry::list([]), 2), [0, 0]);
}

#[test]
fn max_attempts_is_at_least_one() {
    assert_eq!(Retry::default().max_attempts(7).attempts_max(), 7);
    assert_eq!(Retry::default().max_attempts(0).attempts_max(), 1);
}

#[test]
fn factor_is_kept_to_hundredths_between_1_and_100() {
    let growth = |factor| {
        let retry = Retry::exponential(ms(100)).jitter(Jitter::None).max_delay(ms(u64::MAX));
        delays(&retry.factor(factor), 3)
    };
    assert_eq!(growth(2.0), [100, 200, 400]);
    assert_eq!(growth(1.5), [100, 150, 225]);
    assert_eq!(growth(1.126), [100, 113, 127]);
    for one in [1.0, 0.5, 0.0, -3.0, f64::NEG_INFINITY, f64::NAN] {
        assert_eq!(growth(one), [100, 100, 100], "{one}");
    }
    assert_eq!(growth(f64::INFINITY), [100, 10_000, 1_000_000]);
    let fixed = Retry::fixed(ms(100));
    assert_eq!(fixed.clone().factor(3.0), fixed);
}

#[test]
fn max_delay_bounds_every_policy() {
    for retry in
        [Retry::fixed(ms(900)), Retry::exponential(ms(900)), Retry::list([ms(900), ms(901)])]
    {
        let retry = retry.jitter(Jitter::None);
        assert_eq!(delays(&retry, 1), [900], "{retry:?}");
        assert_eq!(delays(&retry.clone().max_delay(ms(800)), 3), [800; 3], "{retry:?}");
    }
}

#[test]
fn jitter_draws_all_the_way_from_zero_to_the_delay() {
    let full = Retry::fixed(ms(3));
    let mut drawn = [0_u32; 4];
    for seed in 0..4_000 {
        let delay = full.delay(1, ErrorKind::Timeout, seed).as_millis();
        drawn[usize::try_from(delay).unwrap()] += 1;
    }
    // Even draws give 1000 each, with a deviation of about 27.
    assert!(drawn.iter().all(|count| (850..1_150).contains(count)), "{drawn:?}");
    let none = full.jitter(Jitter::None);
    assert!((0..100).all(|seed| none.delay(1, ErrorKind::Timeout, seed) == ms(3)));
}

#[test]
fn max_elapsed_is_the_policys_or_none() {
    assert_eq!(Retry::default().max_elapsed(ms(5)).elapsed_max(), Some(ms(5)));
    assert_eq!(Retry::default().elapsed_max(), None);
}

#[test]
fn on_names_the_only_kinds_that_are_retried() {
    let retry = Retry::default().on(&[ErrorKind::Timeout, ErrorKind::Permanent]);
    assert_eq!(KINDS.map(|kind| retry.retries(kind)), [false, false, false, true, false, false]);
    assert!(!Retry::default().on(&[]).retries(ErrorKind::Transient));
}

#[test]
fn not_on_names_the_only_kinds_that_are_not_retried() {
    let limited = ErrorKind::RateLimited { retry_after_ms: Some(9) };
    let retry = Retry::default().not_on(&[limited]);
    assert_eq!(KINDS.map(|kind| retry.retries(kind)), [true, false, false, true, true, true]);
    assert!(!retry.retries(limited), "how long a limit lasts plays no part");
    assert!(!Retry::default().not_on(&[]).retries(ErrorKind::Permanent));
}

#[test]
fn a_wait_that_is_asked_for_wins_over_policy_bound_and_jitter() {
    let retry = Retry::fixed(ms(10)).max_delay(ms(20));
    let asked = ErrorKind::RateLimited { retry_after_ms: Some(3_600_000) };
    assert!((0..50).all(|seed| retry.delay(1, asked, seed) == ms(3_600_000)));
    let silent = ErrorKind::RateLimited { retry_after_ms: None };
    assert!((0..50).all(|seed| retry.delay(1, silent, seed) <= ms(10)));
}

#[test]
fn a_policy_reads_back_what_it_stores() {
    let retry = Retry::list([ms(1), ms(2)])
        .max_attempts(9)
        .max_delay(ms(8))
        .max_elapsed(ms(7))
        .jitter(Jitter::None)
        .on(&[ErrorKind::Panic]);
    let bytes = postcard::to_stdvec(&retry).unwrap();
    assert_eq!(postcard::from_bytes::<Retry>(&bytes).unwrap(), retry);
}

fn duration() -> impl Strategy<Value = Duration> {
    prop_oneof![
        Just(Duration::ZERO),
        (0_u64..2_000_000_000).prop_map(Duration::from_nanos),
        (0_u64..100_000_000).prop_map(Duration::from_millis),
        Just(Duration::MAX),
    ]
}

fn policy() -> impl Strategy<Value = Retry> {
    let backoff = prop_oneof![
        duration().prop_map(Retry::fixed),
        (duration(), 1.0_f64..20.0).prop_map(|(first, by)| Retry::exponential(first).factor(by)),
        prop::collection::vec(duration(), 0..6).prop_map(Retry::list),
    ];
    (backoff, duration()).prop_map(|(retry, max)| retry.max_delay(max))
}

/// No delay is longer than 64 bits of milliseconds.
const LONGEST_MS: f64 = 18_446_744_073_709_551_615.0;

/// What a delay without jitter must be, and by how much whole hundredths of a millisecond may make
/// it fall short.
fn model(retry: &Retry, failures: u32) -> (f64, f64) {
    let millis = |duration: Duration| (duration.as_secs_f64() * 1_000.0 - 1e-6).ceil();
    let max = millis(retry.max_delay);
    let (delay, slack) = match &retry.backoff {
        Backoff::Fixed(delay) => (millis(*delay), 0.0),
        Backoff::Exponential { first, factor_percent } => {
            let factor = f64::from(*factor_percent) / 100.0;
            let steps = i32::try_from(failures - 1).unwrap();
            let delay = millis(*first) * factor.powi(steps);
            // Each step loses less than a hundredth, which the later steps multiply.
            let slack = (0..steps).map(|step| 0.01 * factor.powi(step)).sum::<f64>();
            (delay, slack + 1.0)
        }
        Backoff::List(delays) => {
            let index = usize::try_from(failures - 1).unwrap();
            let delay = delays.get(index).or_else(|| delays.last());
            (delay.map_or(0.0, |delay| millis(*delay)), 0.0)
        }
    };
    (delay.min(max).min(LONGEST_MS), slack)
}

proptest! {
    #[test]
    fn a_delay_without_jitter_is_what_the_model_says(retry in policy(), failures in 1_u32..40) {
        let retry = retry.jitter(Jitter::None);
        let got = retry.delay(failures, ErrorKind::Transient, 0).as_secs_f64() * 1_000.0;
        let (expected, slack) = model(&retry, failures);
        let rounding = expected * 1e-9 + 1e-3;
        prop_assert!(got <= expected + rounding, "{got} > {expected}");
        prop_assert!(got >= expected - slack.min(expected) - rounding, "{got} << {expected}");
    }

    #[test]
    fn a_delay_with_jitter_is_at_most_the_one_without(
        retry in policy(),
        failures in 1_u32..40,
        seed: u64,
    ) {
        let drawn = retry.delay(failures, ErrorKind::Panic, seed);
        let again = retry.delay(failures, ErrorKind::Panic, seed);
        prop_assert_eq!(drawn, again);
        prop_assert!(drawn <= retry.jitter(Jitter::None).delay(failures, ErrorKind::Panic, seed));
    }

    #[test]
    fn exponential_delays_never_shrink(first in duration(), by in 0.0_f64..200.0) {
        let retry = Retry::exponential(first).factor(by).jitter(Jitter::None);
        prop_assert!(delays(&retry, 30).is_sorted());
    }
}
