//! One file of cases for every way in which a predicate can be written: field paths, CEL, closures.
//! What they say must be the same, but for the cases that say why they cannot agree.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "test code: a failed expectation is a failed test"
)]

use std::cmp::Ordering;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value};

use artel_core::canonical;
use artel_core::predicate::cel::{Cel, Subject};
use artel_core::predicate::{Condition, Container, Field, Ordered, Textual};

const CASES: &str = include_str!("vectors/predicates.json");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    payload: Value,
    /// The predicate as a tree; without it, only CEL can say it.
    fields: Option<Tree>,
    cel: String,
    /// Whether the tree is also made of closures.
    #[serde(default)]
    closure: bool,
    expect: Says,
    /// What is said otherwise, where it cannot be the same.
    fields_expect: Option<Says>,
    cel_expect: Option<Says>,
    closure_expect: Option<Says>,
    why: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
enum Says {
    Answer(bool),
    Error(Error),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Error {
    Error,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Tree {
    Not { not: Box<Self> },
    And { and: Vec<Self> },
    Or { or: Vec<Self> },
    Test(Test),
}

#[derive(Clone, Debug, Deserialize)]
struct Test {
    path: Vec<Step>,
    is: String,
    #[serde(default)]
    value: Value,
    #[serde(default)]
    optional: bool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Step {
    Index(u32),
    Key(String),
}

/// A field of whatever kind, which can be asked everything.
#[derive(Debug, Serialize)]
struct Any(Value);

impl Ordered for Any {}

impl Textual for Any {}

impl Container for Any {
    type Item = Self;
}

fn says<E>(answer: Result<bool, E>) -> Says {
    answer.map_or(Says::Error(Error::Error), Says::Answer)
}

fn condition(tree: &Tree) -> Condition {
    match tree {
        Tree::Not { not } => !condition(not),
        Tree::And { and } => and.iter().map(condition).reduce(|left, right| left & right).unwrap(),
        Tree::Or { or } => or.iter().map(condition).reduce(|left, right| left | right).unwrap(),
        Tree::Test(test) => {
            let field = test.path.iter().fold(Field::<Any>::root(), |field, step| match step {
                Step::Index(index) => field.at(*index),
                Step::Key(key) => field.at(key.as_str()),
            });
            let field = if test.optional { field.optional() } else { field };
            let value = || Any(test.value.clone());
            let values = || test.value.as_array().unwrap().iter().cloned().map(Any);
            match test.is.as_str() {
                "exists" => field.exists(),
                "eq" => field.eq(value()),
                "ne" => field.ne(value()),
                "lt" => field.lt(value()),
                "le" => field.le(value()),
                "gt" => field.gt(value()),
                "ge" => field.ge(value()),
                "one_of" => field.one_of(values()),
                "contains" => field.contains(value()),
                "starts_with" => field.starts_with(test.value.as_str().unwrap()),
                other => panic!("there is no test `{other}`"),
            }
        }
    }
}

type Closure = Box<dyn Fn(&Value) -> bool>;

/// The same predicate as a program would write it: what is not there or not of its kind panics.
fn closure(tree: &Tree) -> Closure {
    match tree {
        Tree::Not { not } => {
            let not = closure(not);
            Box::new(move |payload| !not(payload))
        }
        Tree::And { and } => {
            let and: Vec<_> = and.iter().map(closure).collect();
            Box::new(move |payload| and.iter().all(|one| one(payload)))
        }
        Tree::Or { or } => {
            let or: Vec<_> = or.iter().map(closure).collect();
            Box::new(move |payload| or.iter().any(|one| one(payload)))
        }
        Tree::Test(test) => {
            let test = test.clone();
            Box::new(move |payload| asked(&test, payload))
        }
    }
}

fn asked(test: &Test, payload: &Value) -> bool {
    let found = test.path.iter().try_fold(payload, |value, step| match step {
        Step::Index(index) => value.as_array()?.get(*index as usize),
        Step::Key(key) => value.as_object()?.get(key.as_str()),
    });
    let wanted = &test.value;
    if test.is == "exists" {
        return found.is_some_and(|found| !found.is_null());
    }
    if test.optional && found.is_none_or(Value::is_null) {
        return match test.is.as_str() {
            "eq" => wanted.is_null(),
            "ne" => !wanted.is_null(),
            "one_of" => wanted.as_array().unwrap().contains(&Value::Null),
            _ => false,
        };
    }
    let found = found.unwrap();
    match test.is.as_str() {
        "eq" => equal(found, wanted),
        "ne" => !equal(found, wanted),
        "lt" => order(found, wanted).unwrap().is_lt(),
        "le" => order(found, wanted).unwrap().is_le(),
        "gt" => order(found, wanted).unwrap().is_gt(),
        "ge" => order(found, wanted).unwrap().is_ge(),
        "one_of" => wanted.as_array().unwrap().iter().any(|wanted| equal(found, wanted)),
        "contains" => match found {
            Value::Array(list) => list.iter().any(|found| equal(found, wanted)),
            text => text.as_str().unwrap().contains(wanted.as_str().unwrap()),
        },
        "starts_with" => found.as_str().unwrap().starts_with(wanted.as_str().unwrap()),
        other => panic!("there is no test `{other}`"),
    }
}

fn equal(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(_), Value::Number(_)) => order(left, right) == Some(Ordering::Equal),
        _ => left == right,
    }
}

fn order(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Number(left), Value::Number(right)) => Some(order_numbers(left, right)),
        (Value::String(left), Value::String(right)) => Some(left.cmp(right)),
        _ => None,
    }
}

fn order_numbers(left: &Number, right: &Number) -> Ordering {
    match (left.as_i128(), right.as_i128()) {
        (Some(left), Some(right)) => left.cmp(&right),
        (None, None) => left.as_f64().unwrap().total_cmp(&right.as_f64().unwrap()),
        (Some(left), None) => beside(left, right.as_f64().unwrap()),
        (None, Some(right)) => beside(right, left.as_f64().unwrap()).reverse(),
    }
}

/// An integer beside a fraction: what is below the next integer is compared with what is left.
fn beside(integer: i128, fraction: f64) -> Ordering {
    let floor = fraction.floor();
    integer.cmp(&(floor as i128)).then(if fraction > floor {
        Ordering::Less
    } else {
        Ordering::Equal
    })
}

/// CEL-4: field paths, CEL and closures say the same of the same payloads.
#[test]
fn all_ways_to_write_a_predicate_agree() {
    let cases: Vec<Case> = serde_json::from_str(CASES).unwrap();
    assert!(cases.len() >= 200);
    let quiet = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let wrong: Vec<String> = cases.iter().flat_map(check).collect();
    std::panic::set_hook(quiet);
    assert_eq!(wrong, [""; 0]);
}

/// What one case gives otherwise than it should.
fn check(case: &Case) -> Vec<String> {
    let mut wrong = Vec::new();
    let payload = canonical::to_vec(&case.payload, 1 << 20).unwrap();
    let mut compare = |way: &str, says: Says, otherwise: Option<Says>| {
        if otherwise.is_some() && case.why.is_none() {
            wrong.push(format!("{case:?} does not say why {way} differs"));
        }
        let expected = otherwise.unwrap_or(case.expect);
        if says != expected {
            wrong.push(format!("{way}: {says:?} instead of {expected:?} in {case:?}"));
        }
    };
    let cel = Cel::new(case.cel.as_str()).unwrap_or_else(|error| panic!("{}: {error}", case.cel));
    let subject = Subject { payload: &payload, about: None };
    compare("cel", says(cel.evaluate(&subject)), case.cel_expect);
    if let Some(tree) = &case.fields {
        let predicate = condition(tree).build().unwrap();
        compare("fields", says(predicate.evaluate(&payload)), case.fields_expect);
        if case.closure {
            // As it comes back from the store: a whole fraction is an integer there.
            let stored: Value = serde_json::from_slice(&payload).unwrap();
            let closure = closure(tree);
            let answer = catch_unwind(AssertUnwindSafe(|| closure(&stored)));
            compare("closure", says(answer), case.closure_expect);
        }
    }
    wrong
}
