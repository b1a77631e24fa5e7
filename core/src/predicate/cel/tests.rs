//! CEL: what is refused and how that is said, what is bounded, and that our evaluator says what the
//! one of the crate says wherever the two have to agree.

use std::collections::HashMap;

use ::cel::{Context, Program, Value as Theirs};
use proptest::prelude::*;
use serde_json::{Value, json};
use smallvec::SmallVec;
use smol_str::SmolStr;

use super::*;
use crate::canonical;
use crate::envelope::{Envelope, Producer};
use crate::hash::Hash;
use crate::ids::{AgentNo, ArtifactId, AttemptId, CorrelationId, TypeNo};
use crate::names::{OrderingKey, ProgramName, Tag};
use crate::visibility::Visibility;

fn refusal(source: impl Into<SmolStr>) -> String {
    Cel::new(source).unwrap_err().to_string()
}

fn says(source: &str, payload: &Value) -> Result<bool, Error> {
    let payload = canonical::to_vec(payload, 1 << 24).unwrap();
    Cel::new(source).unwrap().evaluate(&Subject { payload: &payload, about: None })
}

/// CEL-1: what is wrong is said with its place and with what to do.
#[test]
fn a_bad_expression_says_where_and_what_to_do() {
    let expected = [
        ("payload.score >", "line 1, column 16: this is not CEL: mismatched input '<EOF>'"),
        (
            "payload.a == 1\n  && pay == 2",
            "line 2, column 6: there is no `pay`; begin with `payload`",
        ),
        ("'ä' == pay", "line 1, column 8: there is no `pay`"),
        (
            "artifact.when == 1",
            "an artifact has no attribute `when` when it is matched; there are id, ",
        ),
        ("artifact == 1", "line 1, column 1: `artifact` is no value by itself; name one of its"),
        ("payload.a + 1", "line 1, column 11: it gives a value, not true or false; compare"),
        ("payload.a ? 1 : 2", "it gives a value, not true or false"),
        ("size(payload.a)", "it gives a value, not true or false"),
        ("payload.a.matches('(')", "this is no pattern: unclosed group; see the syntax"),
        ("payload.a.matches(payload.b)", "the pattern of `matches` is not written out; write"),
        ("payload.a.matches('(a{1000}){1000}')", "the pattern takes more than 262144 bytes"),
        (
            "timestamp(payload.a) == 1",
            "there is no function `timestamp` that is called in this way",
        ),
        ("payload.a.size(1) == 1", "there is no function `size` that is called in this way"),
        ("payload.a == b'x'", "line 1, column 14: a payload holds no bytes; compare with text"),
        ("payload == {'a': 1}", "an object cannot be written in a predicate; compare its fields"),
        ("", "line 1, column 1: this is not CEL"),
    ];
    for (source, start) in expected {
        let refusal = refusal(source);
        assert!(refusal.contains(start), "{source}: {refusal}");
    }
}

/// CEL-3: what loops is refused, whatever it loops over.
#[test]
fn nothing_loops() {
    for looping in [
        "payload.a.all(x, x > 1)",
        "payload.a.exists(x, x > 1)",
        "payload.a.exists_one(x, x > 1)",
        "payload.a.map(x, x + 1) == [1]",
        "payload.a.filter(x, x > 1) == []",
        "[1, 2].exists(x, [3].exists(y, x == y))",
    ] {
        let refusal = refusal(looping);
        assert!(
            refusal.contains("loop, which has no bound; ask with `in`"),
            "{looping}: {refusal}"
        );
    }
}

/// CEL-3: an expression has bounds, each of which is named; what is just within them is taken.
#[test]
fn an_expression_is_bounded() {
    let text = |len: usize| format!("payload.a == '{}'", "x".repeat(len - 15));
    Cel::new(text(SOURCE_LEN_MAX)).unwrap();
    assert!(refusal(text(SOURCE_LEN_MAX + 1)).starts_with("it has 4097 bytes, the limit is 4096"));

    let any = |parts: usize| vec!["true"; parts.div_ceil(2)].join(" || ");
    Cel::new(any(255)).unwrap();
    assert!(refusal(any(257)).starts_with("it has 257 parts, the limit is 256"));

    let list = |marks: usize| format!("payload.a in [{}]", vec!["1"; marks - 2].join(","));
    assert!(refusal(list(513)).starts_with("it has 513 operators, points, commas and brackets"));

    let brackets = |n: usize| format!("{}true{}", "(".repeat(n), ")".repeat(n));
    Cel::new(brackets(BRACKETS_MAX)).unwrap();
    assert!(
        refusal(brackets(BRACKETS_MAX + 1)).starts_with("line 1, column 25: brackets are nested")
    );

    let sum = |n: usize| format!("payload.a{} == 1", " + 1".repeat(n));
    Cel::new(sum(DEPTH_MAX - 3)).unwrap();
    assert!(refusal(sum(DEPTH_MAX)).contains("parts are nested 32 deep already"));
}

/// CEL-3: the parser stays within a small stack on whatever is within the bounds before it.
#[test]
fn no_expression_overflows_the_stack() {
    let marks = MARKS_MAX;
    let texts = vec![
        "a?b:".repeat(marks / 2) + "1",
        "a?".repeat(marks),
        "!".repeat(marks),
        "-".repeat(marks) + "1",
        "a".to_owned() + &".b".repeat(marks),
        "a".to_owned() + &".b()".repeat(marks / 3),
        "1+".repeat(marks) + "1",
        "1<".repeat(marks) + "1",
        "a[".repeat(BRACKETS_MAX) + &"b.".repeat(marks - BRACKETS_MAX),
        "(1+".repeat(BRACKETS_MAX) + &"1+".repeat(marks / 2),
        "has(".repeat(BRACKETS_MAX),
        "{1:".repeat(BRACKETS_MAX),
        "payload.a.all(x,".repeat(BRACKETS_MAX),
    ];
    for text in texts {
        // A thread of tokio has two MiB, and something stands on it already.
        let thread = std::thread::Builder::new().stack_size(1 << 20);
        let done = thread.spawn(move || drop(Cel::new(text))).unwrap().join();
        assert!(done.is_ok());
    }
}

/// CEL-5: an evaluation has a bound of work, which a payload of the largest size alone does not reach.
#[test]
fn an_evaluation_is_bounded() {
    let large = json!({ "a": "x".repeat(15 << 20), "b": "y", "z": 1 });
    assert_eq!(says("payload.z == 1", &large), Ok(true));
    assert_eq!(says("payload.a.contains('y') || payload.z == 1", &large), Ok(true));
    let twice = ["payload.z == 2"; 5].join(" || ");
    assert_eq!(says(&twice, &large), Err(Error::Bound));
    // Not even an answer that decides comes after it.
    assert_eq!(says(&format!("{twice} || true"), &large), Err(Error::Bound));
    assert_eq!(says(&format!("!({twice}) && false"), &large), Err(Error::Bound));
    assert_eq!(says("payload.a + payload.a + payload.a == ''", &large), Err(Error::Bound));
    assert_eq!(
        says(
            "payload.a.matches('^(a|b|c|d|e|f|g|h|i|j|k|l|m|n|o|p|q|r|s|t|u|v|w|x|y|z)*$')",
            &large
        ),
        Err(Error::Bound)
    );
}

/// CEL-2: an expression sees the artifact beside its payload, but for what is not known of it yet.
#[test]
fn an_expression_sees_the_artifact() {
    let tag = |text| Tag::new(text).unwrap();
    let mut envelope = Envelope {
        id: ArtifactId::from_bytes([1; 16]),
        type_no: TypeNo(0),
        producer: Producer::Program(ProgramName::new("shop").unwrap()),
        correlation: CorrelationId::from_bytes([2; 16]),
        parents: Vec::new(),
        causes: SmallVec::new(),
        depth: 3,
        tags: vec![tag("late"), tag("urgent")],
        visibility: Visibility::PUBLIC,
        ordering_key: None,
        idempotency_key: None,
        not_before: None,
        expires_at: None,
        trace: None,
        payload_len: 2,
        payload_hash: Hash::default(),
    };
    let says = |envelope: &Envelope, agent: Option<&str>, source: &str| {
        let about = Some(About { envelope, type_name: "shop.Order", agent });
        Cel::new(source).unwrap().evaluate(&Subject { payload: b"{}", about })
    };
    for source in [
        "artifact.type == 'shop.Order' && artifact.depth == 3",
        "artifact.producer == 'shop' && artifact.producer_kind == 'program'",
        "'urgent' in artifact.tags && !('early' in artifact.tags) && size(artifact.tags) == 2",
        "artifact.id == '01010101-0101-0101-0101-010101010101'",
        "artifact.correlation.startsWith('02020202-')",
        "!has(artifact.ordering_key)",
        "artifact.tags == ['late', 'urgent'] && artifact.tags[1] == 'urgent'",
    ] {
        assert_eq!(says(&envelope, None, source), Ok(true), "{source}");
    }
    let missing = says(&envelope, None, "artifact.ordering_key == 'a'").unwrap_err();
    assert_eq!(missing.code(), "predicate-missing-field");
    assert!(missing.to_string().starts_with("the field `artifact.ordering_key` is missing; ask"));

    let attempt = AttemptId {
        activation: crate::ids::ActivationId(crate::ids::Seq(1)),
        attempt: crate::ids::AttemptNo(1),
    };
    envelope.producer = Producer::Agent { agent: AgentNo(0), attempt };
    envelope.ordering_key = Some(OrderingKey::new("a").unwrap());
    let source = "artifact.producer == 'judge' && artifact.producer_kind == 'agent' && \
                  artifact.ordering_key == 'a'";
    assert_eq!(says(&envelope, Some("judge"), source), Ok(true));
}

/// CEL-1, CEL-6: a stored expression is its text; one that this release cannot compile fails where it is asked,
/// and folds nevertheless.
#[test]
fn an_expression_is_stored_as_its_text() {
    let cel = Cel::new("payload.a == 1").unwrap();
    let bytes = postcard::to_stdvec(&cel).unwrap();
    assert_eq!(bytes, postcard::to_stdvec("payload.a == 1").unwrap());
    let read: Cel = postcard::from_bytes(&bytes).unwrap();
    assert_eq!(read, cel);
    let subject = Subject { payload: b"{\"a\":1}", about: None };
    assert_eq!(read.evaluate(&subject), Ok(true));
    let later: Cel = serde_json::from_str("\"payload.a.later(1)\"").unwrap();
    assert_eq!(later.evaluate(&subject).unwrap_err().code(), "cel-refused");
}

/// CEL-4: a missing field, and a question that a kind does not suit, are errors that say so.
#[test]
fn an_error_says_what_is_wrong() {
    let error = |source| says(source, &json!({ "a": { "b": "text" }, "l": [1] })).unwrap_err();
    for (source, text) in [
        ("payload.a.c == 1", "the field `a.c` is missing; ask with `has` whether it is there"),
        ("payload.a.b > 1", "text is given; only numbers, text with text, and truth with truth"),
        ("payload.l[3] == 1", "a list has no element 3"),
        ("payload.a.b.c == 1", "the field `a.b.c` is missing"),
        ("!payload.a.b", "text is given; a predicate, and what `!`"),
        ("payload.l[0] / 0 == 1", "an integer is divided by zero"),
        ("has(payload.l.x)", "a list is given; `has` asks for a field of an object"),
    ] {
        let error = error(source);
        assert!(error.to_string().starts_with(text), "{source}: {error}");
        assert!(!error.retryable());
    }
}

/// What the crate calls the values of a payload; integers as integers.
fn theirs(value: &Value) -> Theirs {
    match value {
        Value::Null => Theirs::Null,
        Value::Bool(value) => Theirs::Bool(*value),
        Value::Number(value) => match (value.as_i64(), value.as_f64()) {
            (Some(value), _) => Theirs::Int(value),
            (None, value) => Theirs::Float(value.unwrap_or_default()),
        },
        Value::String(value) => value.as_str().into(),
        Value::Array(values) => values.iter().map(theirs).collect::<Vec<_>>().into(),
        Value::Object(entries) => {
            let entries = entries.iter().map(|(key, value)| (key.clone(), theirs(value)));
            entries.collect::<HashMap<String, Theirs>>().into()
        }
    }
}

fn payloads() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        (-3_i64..4).prop_map(Value::from),
        (-3_i32..4).prop_map(|n| Value::from(f64::from(n) + 0.5)),
        "[ab1]{0,2}".prop_map(Value::from),
    ];
    let value = prop_oneof![
        4 => scalar.clone(),
        1 => prop::collection::vec(scalar.clone(), 0..3).prop_map(Value::from),
        1 => prop::collection::btree_map("[ab]", scalar, 0..3)
            .prop_map(|entries| Value::Object(entries.into_iter().collect())),
    ];
    prop::collection::btree_map("[abc]", value, 0..4)
        .prop_map(|entries| Value::Object(entries.into_iter().collect()))
}

fn expressions() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        4 => "payload\\.[abc]",
        1 => "payload\\.[abc]\\.[ab]",
        1 => "has\\(payload\\.[abc]\\)",
        1 => "has\\(payload\\.[abc]\\.[ab]\\)",
        1 => "payload\\.[abc]\\[[01]\\]",
        1 => "payload\\.[abc]\\['[ab]'\\]",
        2 => "-?[0-3]|[0-3]\\.5|'[ab1]{0,2}'|true|false|null",
        1 => "\\['[ab]', [0-2], [0-2]\\.5, null\\]",
    ];
    leaf.prop_recursive(4, 12, 3, |inner| {
        let binary = prop::sample::select(
            &["&&", "||", "==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "%", "in"][..],
        );
        let call = prop::sample::select(&["size", "int", "double", "string"][..]);
        let of_text = prop::sample::select(&["contains", "startsWith", "endsWith", "matches"][..]);
        prop_oneof![
            6 => (inner.clone(), binary, inner.clone())
                .prop_map(|(left, operator, right)| format!("({left} {operator} {right})")),
            1 => inner.clone().prop_map(|operand| format!("!({operand})")),
            1 => inner.clone().prop_map(|operand| format!("-({operand})")),
            1 => (call, inner.clone()).prop_map(|(name, of)| format!("{name}({of})")),
            1 => (inner.clone(), of_text, "[ab1]{0,2}")
                .prop_map(|(text, name, part)| format!("({text}).{name}('{part}')")),
            1 => (inner.clone(), inner.clone(), inner)
                .prop_map(|(if_, yes, no)| format!("({if_} ? {yes} : {no})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]

    /// CEL-4: where the evaluator of the crate has an answer, ours has the same one, but that it joins no lists.
    /// Theirs has more errors: for integers beside fractions, and beyond 64 bits with a sign.
    #[test]
    fn our_evaluator_says_what_theirs_says(expression in expressions(), payload in payloads()) {
        let source = format!("{expression} == true");
        let Ok(ours) = Cel::new(source.as_str()) else { return Ok(()) };
        let bytes = canonical::to_vec(&payload, 1 << 16).unwrap();
        let ours = ours.evaluate(&Subject { payload: &bytes, about: None });
        let mut context = Context::default();
        context.add_variable_from_value("payload", theirs(&payload));
        let theirs = Program::compile(&source).unwrap().execute(&context);
        match (&ours, &theirs) {
            (Ok(ours), Ok(Theirs::Bool(theirs))) => {
                prop_assert_eq!(ours, theirs, "{} on {}", source, payload);
            }
            (Err(_), Err(_)) => {}
            // Nobody needs lists that are joined to say yes or no.
            (Err(Error::Kind { found: "a list", .. }), Ok(_)) if expression.contains('+') => {}
            (Ok(_), Err(error)) => {
                let mixed = format!("{error:?}");
                let arithmetic = ["UnsupportedBinaryOperator", "Overflow"];
                prop_assert!(
                    arithmetic.iter().any(|kind| mixed.starts_with(kind)),
                    "{source} on {payload}: {ours:?}, theirs {mixed}"
                );
            }
            _ => prop_assert!(false, "{source} on {payload}: {ours:?}, theirs {theirs:?}"),
        }
    }
}
