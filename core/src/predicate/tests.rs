//! The rules of predicates: typed fields on payloads, and any predicate against a plain oracle.

use std::cmp::Ordering;

use proptest::prelude::*;
use serde::Serialize;
use serde_json::{Value, json};

use super::tree::{Check, Node, Test};
use super::{Condition, Error, Field, Malformed, Path, Predicate, Scalar, Step};
use crate::canonical;

#[derive(Serialize)]
enum Verdict {
    Approve,
    Reject { why: String },
}

/// What the derive makes, by hand.
struct Review {
    score: Field<u8>,
    delta: Field<f64>,
    title: Field<String>,
    tags: Field<Vec<String>>,
    verdict: Field<Verdict>,
    note: Field<Option<String>>,
    rank: Field<Option<i64>>,
}

fn review() -> Review {
    let root = Field::<()>::root();
    Review {
        score: root.at("score"),
        delta: root.at("delta"),
        title: root.at("title"),
        tags: root.at("tags"),
        verdict: root.at("verdict"),
        note: root.at("note").optional(),
        rank: root.at("rank").optional(),
    }
}

fn canonical(payload: &Value) -> Vec<u8> {
    canonical::to_vec(payload, 1 << 20).unwrap()
}

/// Builds the condition, and says what it says of the payload, and how it is written.
fn check(payload: &Value, cases: Vec<(Condition, &str, Result<bool, &str>)>) {
    let payload = canonical(payload);
    for (condition, text, answer) in cases {
        let predicate = condition.build().unwrap();
        assert_eq!(predicate.to_string(), text);
        let found = predicate.evaluate(&payload).map_err(|error| error.to_string());
        assert_eq!(found, answer.map_err(str::to_owned), "{text}");
    }
}

/// PRED-1: what a typed field can be asked.
#[test]
fn typed_fields_are_compared() {
    let payload = json!({
        "score": 81, "delta": -0.5, "title": "On \"wear\"", "tags": ["urgent", "x"],
        "verdict": "Approve", "note": "see b", "rank": -3,
    });
    let yes = Ok(true);
    check(
        &payload,
        vec![
            (review().score.gt(80), "score > 80", yes),
            (review().score.ge(81), "score >= 81", yes),
            (review().score.le(80), "score <= 80", Ok(false)),
            (review().score.lt(82), "score < 82", yes),
            (review().score.eq(81), "score = 81", yes),
            (review().score.ne(81), "score != 81", Ok(false)),
            (review().score.one_of([1, 81]), "score in [1, 81]", yes),
            (review().score.one_of([0_u8; 0]), "score in []", Ok(false)),
            (review().delta.lt(0.0), "delta < 0", yes),
            (review().delta.eq(-0.5), "delta = -0.5", yes),
            (review().title.starts_with("On \""), r#"title starts with "On \"""#, yes),
            (review().title.contains("wear"), r#"title contains "wear""#, yes),
            (review().title.gt("Oh"), r#"title > "Oh""#, yes),
            (review().tags.contains("urgent"), r#"tags contains "urgent""#, yes),
            (review().tags.contains("urg"), r#"tags contains "urg""#, Ok(false)),
            (review().verdict.eq(Verdict::Approve), r#"verdict = "Approve""#, yes),
            (review().note.contains("see"), r#"note? contains "see""#, yes),
            (review().note.eq("see b"), r#"note? = "see b""#, yes),
            (review().rank.lt(0), "rank? < 0", yes),
            (review().rank.eq(Some(-3)), "rank? = -3", yes),
            (review().rank.exists(), "rank? exists", yes),
        ],
    );
}

/// PRED-2: an optional field that is null or absent is an answer: equal to nothing but null.
#[test]
fn an_optional_field_may_be_missing() {
    for payload in [json!({}), json!({"note": null, "rank": null})] {
        check(
            &payload,
            vec![
                (review().rank.exists(), "rank? exists", Ok(false)),
                (review().rank.eq(None), "rank? = null", Ok(true)),
                (review().rank.ne(None), "rank? != null", Ok(false)),
                (review().rank.eq(3), "rank? = 3", Ok(false)),
                (review().rank.ne(3), "rank? != 3", Ok(true)),
                (review().rank.lt(3), "rank? < 3", Ok(false)),
                (review().rank.ge(3), "rank? >= 3", Ok(false)),
                (review().rank.one_of([Some(3), None]), "rank? in [3, null]", Ok(true)),
                (review().note.contains(""), r#"note? contains """#, Ok(false)),
                (review().note.starts_with(""), r#"note? starts with """#, Ok(false)),
            ],
        );
    }
}

/// PRED-3: any other field that is missing, or of the wrong kind, is an error and not a "no".
#[test]
fn a_missing_field_is_an_error() {
    let payload = json!({"tags": {"a": 1}, "title": null, "list": [[1]]});
    let numbers = "only numbers, and text with text, are above or below each other";
    let root = Field::<()>::root();
    check(
        &payload,
        vec![
            (review().score.gt(80), "score > 80", Err("the field `score` is missing")),
            (review().score.ne(80), "score != 80", Err("the field `score` is missing")),
            (!review().score.eq(80), "not (score = 80)", Err("the field `score` is missing")),
            (review().score.exists(), "score exists", Ok(false)),
            (review().title.exists(), "title exists", Ok(false)),
            (review().title.eq("x"), r#"title = "x""#, Ok(false)),
            (
                review().title.lt("x"),
                r#"title < "x""#,
                Err(&format!("the field `title` is null; {numbers}")),
            ),
            (
                review().tags.contains("a"),
                r#"tags contains "a""#,
                Err(
                    "the field `tags` is an object; only a list, or a text for a text, contains something",
                ),
            ),
            (root.at::<u8>("list").at::<u8>(0).at::<u8>(0).eq(1), "list[0][0] = 1", Ok(true)),
            (
                root.at::<u8>("list").at::<u8>(1).eq(1),
                "list[1] = 1",
                Err("the field `list[1]` is missing"),
            ),
            (
                root.at::<u8>("list").at::<u8>("a b").gt(1),
                r#"list["a b"] > 1"#,
                Err("the field `list[\"a b\"]` is missing"),
            ),
            (
                root.at::<u8>("list").gt(1),
                "list > 1",
                Err(&format!("the field `list` is a list; {numbers}")),
            ),
        ],
    );
    let predicate = review().score.gt(1).build().unwrap();
    assert!(matches!(predicate.evaluate(b"{\"score\""), Err(Error::NotCanonical(_))));
}

/// PRED-4: where one side decides, the other does not count, in either order.
#[test]
fn an_error_counts_only_where_it_decides() {
    let payload = json!({"score": 1});
    let missing = || review().title.eq("x");
    let error = Err("the field `title` is missing");
    let text = r#"title = "x""#;
    check(
        &payload,
        vec![
            (missing() & review().score.eq(2), &format!("{text} and score = 2"), Ok(false)),
            (review().score.eq(2) & missing(), &format!("score = 2 and {text}"), Ok(false)),
            (missing() & review().score.eq(1), &format!("{text} and score = 1"), error),
            (missing() | review().score.eq(1), &format!("{text} or score = 1"), Ok(true)),
            (review().score.eq(1) | missing(), &format!("score = 1 or {text}"), Ok(true)),
            (missing() | review().score.eq(2), &format!("{text} or score = 2"), error),
        ],
    );
}

/// PRED-5: integers and floats are compared without rounding.
#[test]
fn numbers_are_compared_exactly() {
    let compare = |left: Value, right: Value| {
        let read = |value: &Value| Scalar::read(&canonical(value)).unwrap();
        let ordering = read(&left).compare(&read(&right)).unwrap();
        assert_eq!(read(&right).compare(&read(&left)), Some(ordering.reverse()));
        assert_eq!(ordering.is_eq(), read(&left) == read(&right), "{left} {right}");
        ordering
    };
    let two_to_53 = 9_007_199_254_740_992_u64;
    assert_eq!(compare(json!(two_to_53 + 1), json!(two_to_53 as f64)), Ordering::Greater);
    assert_eq!(compare(json!(two_to_53), json!(two_to_53 as f64)), Ordering::Equal);
    assert_eq!(compare(json!(u64::MAX), json!(18_446_744_073_709_551_616.0)), Ordering::Less);
    assert_eq!(compare(json!(u64::MAX), json!(-1e300)), Ordering::Greater);
    assert_eq!(compare(json!(i64::MIN), json!(1e300)), Ordering::Less);
    assert_eq!(compare(json!(i64::MIN), json!(u64::MAX)), Ordering::Less);
    assert_eq!(compare(json!(-3), json!(-3.5)), Ordering::Greater);
    assert_eq!(compare(json!(-4), json!(-3.5)), Ordering::Less);
    assert_eq!(compare(json!(3), json!(3.5)), Ordering::Less);
    assert_eq!(compare(json!(0), json!(5e-324)), Ordering::Less);
    assert_eq!(compare(json!(0.25), json!(0.5)), Ordering::Less);
    assert_eq!(Scalar::Text("1".into()).compare(&Scalar::Unsigned(1)), None);
    assert_eq!(Scalar::Bool(true).compare(&Scalar::Bool(false)), None);
}

/// PRED-6: a predicate has bounds, and a mistake in it comes out when it is built.
#[test]
fn a_predicate_is_bounded() {
    let chain = |n: u8| (0..n).map(|i| review().score.ne(i)).reduce(|left, right| left & right);
    let largest = chain(255).unwrap().build().unwrap();
    assert!(largest.evaluate(&canonical(&json!({"score": 255}))).unwrap());
    let error = (chain(255).unwrap() & review().score.ne(255)).build().unwrap_err();
    assert_eq!(error.to_string(), "the predicate has 257 parts, the limit is 256");
    let error = review().score.one_of([1; 256]).build().unwrap_err();
    assert_eq!(error, Malformed::TooManyNodes { nodes: 257 });

    let deep = |n| {
        (0..n).fold(review().score.eq(1), |inner, i| {
            if i % 2 == 0 { inner & review().score.eq(1) } else { inner | review().score.eq(2) }
        })
    };
    deep(16).build().unwrap();
    assert_eq!(deep(17).build().unwrap_err(), Malformed::TooDeep { depth: 17 });

    let error = review().title.eq("x".repeat(4096)).build().unwrap_err();
    assert!(matches!(error, Malformed::Refused { .. } | Malformed::TooLong { .. }), "{error}");
    let half = || review().title.contains("x".repeat(2046).as_str());
    half().build().unwrap();
    assert_eq!((half() & half()).build().unwrap_err(), Malformed::TooLong { text_len: 4104 });

    let reject = review().verdict.eq(Verdict::Reject { why: String::new() });
    assert_eq!(
        (reject & review().score.eq(1)).build().unwrap_err().to_string(),
        "`verdict` is compared with a list or an object; \
         only null, true, false, numbers and text can be compared"
    );
    let error = (!review().delta.lt(f64::NAN)).build().unwrap_err();
    assert_eq!(error.code(), "predicate-value");
    let error = review().title.starts_with("\0").build().unwrap_err();
    assert_eq!(error.to_string(), "`title` is compared with a value that no payload can hold");
}

/// PRED-6: a stored predicate is checked again when it is read.
#[test]
fn a_stored_predicate_is_checked() {
    let test = Node::Test(Test { path: Path::default(), optional: false, check: Check::Exists });
    let deep = (0..17).fold(test.clone(), |inner, _| Node::Not(Box::new(inner)));
    let bytes = postcard::to_stdvec(&deep).unwrap();
    assert!(postcard::from_bytes::<Predicate>(&bytes).is_err());
    let bytes = postcard::to_stdvec(&test).unwrap();
    assert_eq!(postcard::from_bytes::<Predicate>(&bytes).unwrap().to_string(), "payload exists");
}

/// PRED-7: and, or and not are written with the parentheses that they need.
#[test]
fn precedence_is_written() {
    let [a, b, c] = ["a", "b", "c"].map(|key| Field::<()>::root().at::<bool>(key).eq(true));
    let text = |condition: Condition| condition.build().unwrap().to_string();
    let both = a.clone() & b.clone();
    assert_eq!(text(both.clone() | c.clone()), "a = true and b = true or c = true");
    assert_eq!(text((a | b) & c), "(a = true or b = true) and c = true");
    assert_eq!(text(!both.clone()), "not (a = true and b = true)");
    assert_eq!(text(!!both), "a = true and b = true");
}

fn scalars() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i64..3).prop_map(Value::from),
        (-6_i32..6).prop_map(|n| Value::from(f64::from(n) / 2.0)),
        "[ab\"]{0,2}".prop_map(Value::from),
    ]
}

fn payloads() -> impl Strategy<Value = Value> {
    let field = prop_oneof![
        3 => scalars(),
        1 => proptest::collection::vec(scalars(), 0..4).prop_map(Value::from),
        1 => proptest::collection::btree_map("[ab]", scalars(), 0..3)
            .prop_map(|map| Value::Object(map.into_iter().collect())),
    ];
    proptest::collection::btree_map("[abcd]", field, 0..4)
        .prop_map(|map| Value::Object(map.into_iter().collect()))
}

fn nodes() -> impl Strategy<Value = Node> {
    let step = prop_oneof!["[abcd]".prop_map(Step::from), (0_u32..2).prop_map(Step::from)];
    let path = proptest::collection::vec(step, 1..3)
        .prop_map(|steps| steps.into_iter().fold(Path::default(), |path, step| path.then(step)));
    let scalar = || scalars().prop_map(|value| Scalar::read(&canonical(&value)).unwrap());
    let check = prop_oneof![
        Just(Check::Exists),
        scalar().prop_map(Check::Equal),
        scalar().prop_map(Check::NotEqual),
        scalar().prop_map(Check::Less),
        scalar().prop_map(Check::AtMost),
        scalar().prop_map(Check::Greater),
        scalar().prop_map(Check::AtLeast),
        proptest::collection::vec(scalar(), 0..3).prop_map(Check::OneOf),
        scalar().prop_map(Check::Contains),
        "[ab]{0,2}".prop_map(|text| Check::StartsWith(text.into())),
    ];
    let test = (path, any::<bool>(), check)
        .prop_map(|(path, optional, check)| Node::Test(Test { path, optional, check }));
    test.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Node::All),
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Node::Any),
            inner.prop_map(|node| Node::Not(Box::new(node))),
        ]
    })
}

/// What a predicate says, worked out on the tree of values; none for an error.
fn oracle(node: &Node, payload: &Value) -> Option<bool> {
    let decided = |nodes: &[Node], deciding: bool| {
        let answers: Vec<_> = nodes.iter().map(|node| oracle(node, payload)).collect();
        if answers.contains(&Some(deciding)) {
            Some(deciding)
        } else if answers.contains(&None) {
            None
        } else {
            Some(!deciding)
        }
    };
    match node {
        Node::All(nodes) => decided(nodes, false),
        Node::Any(nodes) => decided(nodes, true),
        Node::Not(node) => oracle(node, payload).map(|answer| !answer),
        Node::Test(test) => oracle_test(test, payload),
    }
}

fn oracle_test(test: &Test, payload: &Value) -> Option<bool> {
    let found = test.path.steps().iter().try_fold(payload, |value, step| match step {
        Step::Key(key) => value.as_object()?.get(key.as_str()),
        Step::Index(index) => value.as_array()?.get(*index as usize),
    });
    if test.check == Check::Exists {
        return Some(found.is_some_and(|value| !value.is_null()));
    }
    let value = match found {
        None if test.optional => &Value::Null,
        found => found?,
    };
    if test.optional && value.is_null() {
        return Some(match &test.check {
            Check::Equal(wanted) => *wanted == Scalar::Null,
            Check::NotEqual(wanted) => *wanted != Scalar::Null,
            Check::OneOf(values) => values.contains(&Scalar::Null),
            _ => false,
        });
    }
    let equal = |value: &Value, wanted: &Scalar| value_of(wanted) == normal(value);
    let order = |wanted: &Scalar| match (normal(value), value_of(wanted)) {
        (Value::Number(left), Value::Number(right)) => left.as_f64()?.partial_cmp(&right.as_f64()?),
        (Value::String(left), Value::String(right)) => Some(left.cmp(&right)),
        _ => None,
    };
    match &test.check {
        Check::Exists => None,
        Check::Equal(wanted) => Some(equal(value, wanted)),
        Check::NotEqual(wanted) => Some(!equal(value, wanted)),
        Check::Less(wanted) => order(wanted).map(Ordering::is_lt),
        Check::AtMost(wanted) => order(wanted).map(Ordering::is_le),
        Check::Greater(wanted) => order(wanted).map(Ordering::is_gt),
        Check::AtLeast(wanted) => order(wanted).map(Ordering::is_ge),
        Check::OneOf(values) => Some(values.iter().any(|wanted| equal(value, wanted))),
        Check::Contains(wanted) => match (value, wanted) {
            (Value::Array(list), _) => Some(list.iter().any(|value| equal(value, wanted))),
            (Value::String(text), Scalar::Text(part)) => Some(text.contains(part.as_str())),
            _ => None,
        },
        Check::StartsWith(start) => value.as_str().map(|text| text.starts_with(start.as_str())),
    }
}

/// The small numbers of these tests are exact as `f64`.
fn normal(value: &Value) -> Value {
    value.as_f64().map_or_else(|| value.clone(), Value::from)
}

fn value_of(scalar: &Scalar) -> Value {
    normal(&match scalar {
        Scalar::Null => Value::Null,
        Scalar::Bool(value) => Value::from(*value),
        Scalar::Negative(value) => Value::from(*value),
        Scalar::Unsigned(value) => Value::from(*value),
        Scalar::Float { bits } => Value::from(f64::from_bits(*bits)),
        Scalar::Text(value) => Value::from(value.as_str()),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// PRED-1 to PRED-4: the search in the text says what a walk over the tree says; and what is
    /// read back from an event says the same.
    #[test]
    fn any_predicate_says_what_the_oracle_says(node in nodes(), payload in payloads()) {
        let predicate = Predicate::new(node.clone()).unwrap();
        let bytes = canonical(&payload);
        prop_assert_eq!(predicate.evaluate(&bytes).ok(), oracle(&node, &payload), "{}", predicate);
        let stored = postcard::to_stdvec(&predicate).unwrap();
        let read: Predicate = postcard::from_bytes(&stored).unwrap();
        prop_assert_eq!(&read, &predicate);
        let json = serde_json::to_string(&predicate).unwrap();
        prop_assert_eq!(&serde_json::from_str::<Predicate>(&json).unwrap(), &predicate);
    }
}
