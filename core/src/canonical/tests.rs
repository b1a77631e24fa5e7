//! The rules of canonical JSON, each way in against the other and both against `serde_json`.

use std::collections::{BTreeMap, HashMap};

use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Error, Refusal, decode, from_json, scan, to_vec};
use crate::policy::limits::{NESTING_MAX, PAYLOAD_LEN};

fn text_of<T: Serialize + ?Sized>(value: &T) -> String {
    String::from_utf8(to_vec(value, PAYLOAD_LEN).unwrap()).unwrap()
}

fn refusal_of<T: Serialize + ?Sized>(value: &T) -> Error {
    to_vec(value, PAYLOAD_LEN).unwrap_err()
}

fn read(json: &str) -> Result<String, Error> {
    from_json(json.as_bytes(), PAYLOAD_LEN).map(|text| String::from_utf8(text).unwrap())
}

/// Says of each JSON text what its canonical form is.
fn check_texts(cases: &[(&str, &str)]) {
    for (json, canonical) in cases {
        assert_eq!(read(json).as_deref(), Ok(*canonical), "{json}");
        assert_eq!(read(canonical).as_deref(), Ok(*canonical), "{json}, again");
    }
}

/// Says of each JSON text where and how it is refused.
fn check_refusals(cases: &[(&str, &str)]) {
    for (json, message) in cases {
        let error = read(json).expect_err(json);
        assert_eq!(error.to_string(), *message, "{json}");
        assert!(!error.retryable() && error.code().starts_with("payload-"));
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Unsorted {
    zebra: u8,
    apple: String,
    mango: Option<Box<Self>>,
}

/// A bit of everything that serde can say.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Tree {
    Nothing,
    Flag(bool),
    Small(f32),
    Pair(i64, u64),
    Letter(char),
    Record { wide: f64, text: String, child: Option<Box<Self>> },
    List(Vec<Self>),
    ByNumber(BTreeMap<i32, Self>),
    ByText(HashMap<String, Self>),
    Unit(()),
    Nested(Unsorted),
}

fn texts() -> impl Strategy<Value = String> {
    proptest::collection::vec(
        prop_oneof![
            4 => proptest::char::range('a', 'f'),
            1 => proptest::char::range('\u{1}', '\u{2f}'),
            1 => Just('"'),
            1 => Just('\\'),
            1 => Just('é'),
            1 => Just('\u{ffff}'),
            1 => Just('😀'),
        ],
        0..12,
    )
    .prop_map(|letters| letters.into_iter().collect())
}

fn floats() -> impl Strategy<Value = f64> {
    prop_oneof![
        proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL | proptest::num::f64::ZERO,
        any::<i64>().prop_map(|n| n as f64),
        any::<u64>().prop_map(|n| n as f64),
        (-1000..1000).prop_map(|n| f64::from(n) / 4.0),
    ]
}

fn small_floats() -> impl Strategy<Value = f32> {
    proptest::num::f32::NORMAL | proptest::num::f32::SUBNORMAL | proptest::num::f32::ZERO
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        floats().prop_map(Value::from),
        texts().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 64, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            proptest::collection::btree_map(texts(), inner, 0..6)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn trees() -> impl Strategy<Value = Tree> {
    let unsorted = (any::<u8>(), texts(), proptest::option::of((any::<u8>(), texts()))).prop_map(
        |(zebra, apple, inner)| Unsorted {
            zebra,
            apple,
            mango: inner.map(|(zebra, apple)| Box::new(Unsorted { zebra, apple, mango: None })),
        },
    );
    let leaf = prop_oneof![
        Just(Tree::Nothing),
        any::<bool>().prop_map(Tree::Flag),
        small_floats().prop_map(Tree::Small),
        (any::<i64>(), any::<u64>()).prop_map(|(left, right)| Tree::Pair(left, right)),
        proptest::char::range('\u{1}', '\u{7ff}').prop_map(Tree::Letter),
        Just(Tree::Unit(())),
        unsorted.prop_map(Tree::Nested),
    ];
    leaf.prop_recursive(4, 48, 5, |inner| {
        prop_oneof![
            (floats(), texts(), proptest::option::of(inner.clone())).prop_map(
                |(wide, text, child)| Tree::Record { wide, text, child: child.map(Box::new) }
            ),
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Tree::List),
            proptest::collection::btree_map(any::<i32>(), inner.clone(), 0..5)
                .prop_map(Tree::ByNumber),
            proptest::collection::hash_map(texts(), inner, 0..5).prop_map(Tree::ByText),
        ]
    })
}

/// JSON equality in which equal numbers are equal, whatever they are stored as.
fn same(left: &Value, right: &Value) -> bool {
    match (left, right) {
        (Value::Number(l), Value::Number(r)) => {
            l == r || (l.is_f64() || r.is_f64()) && l.as_f64() == r.as_f64()
        }
        (Value::Array(l), Value::Array(r)) => {
            l.len() == r.len() && l.iter().zip(r).all(|(l, r)| same(l, r))
        }
        (Value::Object(l), Value::Object(r)) => {
            l.len() == r.len()
                && l.iter().zip(r).all(|((lk, lv), (rk, rv))| lk == rk && same(lv, rv))
        }
        _ => left == right,
    }
}

proptest! {
    /// JSON-1, JSON-2: a canonical text is its own canonical form, by either way in.
    #[test]
    fn canonical_text_is_its_own_canonical_form(value in values()) {
        let text = text_of(&value);
        prop_assert_eq!(&read(&text).unwrap(), &text);
        prop_assert_eq!(&text_of(&serde_json::from_str::<Value>(&text).unwrap()), &text);
    }

    /// JSON-1: the value is what it was.
    #[test]
    fn nothing_is_lost(value in values()) {
        let text = text_of(&value);
        prop_assert!(same(&serde_json::from_str(&text).unwrap(), &value), "{text}");
    }

    /// JSON-5: a value and the JSON that `serde_json` makes of it have the same canonical text.
    #[test]
    fn both_ways_in_agree(tree in trees()) {
        let json = serde_json::to_string(&tree).unwrap();
        prop_assert_eq!(text_of(&tree), read(&json).unwrap());
        let pretty = serde_json::to_string_pretty(&tree).unwrap();
        prop_assert_eq!(text_of(&tree), read(&pretty).unwrap());
    }

    /// JSON-6: decoding gives back what was written.
    #[test]
    fn a_value_is_read_as_it_was_written(tree in trees()) {
        let decoded: Tree = decode(text_of(&tree).as_bytes()).unwrap();
        prop_assert_eq!(&decoded, &tree);
        prop_assert_eq!(text_of(&decoded), text_of(&tree));
    }

    /// JSON-1: the keys of every object ascend by their bytes.
    #[test]
    fn keys_ascend(entries in proptest::collection::vec((texts(), any::<u8>()), 0..12)) {
        let map: HashMap<String, u8> = entries.into_iter().collect();
        let sorted: BTreeMap<&String, &u8> = map.iter().collect();
        prop_assert_eq!(text_of(&map), serde_json::to_string(&sorted).unwrap());
    }

    /// JSON-3: this reader and `serde_json` agree on what JSON is.
    #[test]
    fn damaged_json_is_refused(value in values(), at in any::<prop::sample::Index>(), by in 0_u8..128) {
        let mut json = serde_json::to_vec(&value).unwrap();
        let at = at.index(json.len());
        json[at] = by;
        let Ok(text) = std::str::from_utf8(&json) else { return Ok(()) };
        let theirs = serde_json::from_str::<Value>(text).is_ok();
        match read(text) {
            Ok(canonical) => {
                prop_assert!(theirs, "{text}");
                prop_assert!(same(
                    &serde_json::from_str(&canonical).unwrap(),
                    &serde_json::from_str(text).unwrap(),
                ));
            }
            Err(error) if matches!(error.refusal(), Refusal::Syntax { .. }) => {
                prop_assert!(!theirs, "{text}: {error}");
            }
            Err(_) => {}
        }
    }

    /// The search in the text finds what a tree would have.
    #[test]
    fn scanning_finds_what_is_there(value in values(), missing in texts()) {
        let text = text_of(&value);
        match &value {
            Value::Object(map) => {
                for (key, inner) in map {
                    let found = scan::entry(text.as_bytes(), key).unwrap().unwrap();
                    prop_assert_eq!(found, text_of(inner).into_bytes());
                }
                let found = scan::entry(text.as_bytes(), &missing).unwrap();
                prop_assert_eq!(found.is_some(), map.contains_key(&missing));
            }
            Value::Array(list) => {
                let found: Vec<_> = scan::elements(text.as_bytes()).map(Result::unwrap).collect();
                let expected: Vec<_> = list.iter().map(text_of).collect();
                prop_assert_eq!(found.len(), expected.len());
                for (found, expected) in found.iter().zip(&expected) {
                    prop_assert_eq!(*found, expected.as_bytes());
                }
            }
            Value::String(string) => {
                let found = scan::text(text.as_bytes()).unwrap();
                prop_assert_eq!(found.as_ref(), string);
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => {
                prop_assert_eq!(scan::entry(text.as_bytes(), &missing).unwrap(), None);
                prop_assert_eq!(scan::elements(text.as_bytes()).count(), 0);
            }
        }
    }

    /// No bytes make the search panic or run for ever.
    #[test]
    fn scanning_damaged_text_does_not_panic(
        value in values(),
        cut in any::<prop::sample::Index>(),
        at in any::<prop::sample::Index>(),
        by in any::<u8>(),
    ) {
        let mut bytes = to_vec(&value, PAYLOAD_LEN).unwrap();
        let index = at.index(bytes.len());
        bytes[index] = by;
        bytes.truncate(cut.index(bytes.len() + 1));
        let _ = scan::entry(&bytes, "a");
        let _ = scan::elements(&bytes).count();
        let _ = scan::text(&bytes);
    }
}

/// JSON-1: equal numbers have one text.
#[test]
fn equal_numbers_have_one_text() {
    check_texts(&[
        ("1.0", "1"),
        ("-0.0", "0"),
        ("-0", "0"),
        ("1e2", "100"),
        ("10.50", "10.5"),
        ("1E+15", "1000000000000000"),
        ("9007199254740993", "9007199254740993"),
        ("9007199254740993.0", "9007199254740992"),
        ("18446744073709551615", "18446744073709551615"),
        ("-9223372036854775808", "-9223372036854775808"),
        ("-9223372036854775808.0", "-9223372036854775808"),
        ("9223372036854775808.0", "9223372036854775808"),
        ("18446744073709549568.0", "18446744073709549568"),
        ("18446744073709551616.0", "1.8446744073709552e19"),
        ("-1e19", "-1e19"),
        ("0.1", "0.1"),
        ("5E-324", "5e-324"),
        ("0.0000010", "0.000001"),
        ("0.00000099", "9.9e-7"),
        ("123456789.000125", "123456789.000125"),
        ("1.5e+300", "1.5e300"),
        ("1e-400", "0"),
    ]);
    assert_eq!(text_of(&[1.0_f32, 0.1, 16_777_216.0, -0.0]), "[1,0.1,16777216,0]");
    assert_eq!(
        text_of(&(i64::MIN, u64::MAX, 7_i128, -7_i128, 7_u128)),
        "[-9223372036854775808,18446744073709551615,7,-7,7]"
    );
}

/// JSON-1: the order is that of the keys' bytes, not of their escapes and not of UTF-16.
#[test]
fn keys_are_ordered_by_their_bytes() {
    check_texts(&[
        (r#"{ "b" : 1 , "a" : [ true , null ] }"#, r#"{"a":[true,null],"b":1}"#),
        (r#"{"\n":1,"A":2,"\"":3,"\\":4,"]":5}"#, r#"{"\n":1,"\"":3,"A":2,"\\":4,"]":5}"#),
        (r#"{"\uffff":1,"\ud83d\ude00":2}"#, "{\"\u{ffff}\":1,\"😀\":2}"),
        (r#"{"b":{"d":1,"c":2},"a":{"f":1,"e":2}}"#, r#"{"a":{"e":2,"f":1},"b":{"c":2,"d":1}}"#),
        (r#""\u0041\/\u001F\u007f""#, "\"A/\\u001f\u{7f}\""),
    ]);
    let value = Unsorted {
        zebra: 1,
        apple: "x".to_owned(),
        mango: Some(Box::new(Unsorted { zebra: 2, apple: String::new(), mango: None })),
    };
    assert_eq!(
        text_of(&value),
        r#"{"apple":"x","mango":{"apple":"","mango":null,"zebra":2},"zebra":1}"#
    );
}

/// JSON-3: what some store could not hold is refused, with its place.
#[test]
fn what_a_store_cannot_hold_is_refused() {
    check_refusals(&[
        (
            r#"{"a":["x\u0000"]}"#,
            "the payload is refused at `/a/0`: the text \"x\\0\" holds the character U+0000",
        ),
        (
            r#"{"a":{"\u0000":1}}"#,
            "the payload is refused at `/a`: the text \"\\0\" holds the character U+0000",
        ),
        (
            r#"{"b":{"k":1,"j":2,"k":1}}"#,
            "the payload is refused at `/b`: the key \"k\" is there twice",
        ),
        (r#"{"a":1,"\u0061":1}"#, "the payload is refused: the key \"a\" is there twice"),
        (
            r#"{"a/b~":[0,18446744073709551616]}"#,
            "the payload is refused at `/a~1b~0/1`: \
             the number 18446744073709551616 is outside i64, u64 and finite f64",
        ),
        (
            "-9223372036854775809",
            "the payload is refused: \
             the number -9223372036854775809 is outside i64, u64 and finite f64",
        ),
        (
            "[1e400]",
            "the payload is refused at `/0`: the number 1e400 is outside i64, u64 and finite f64",
        ),
    ]);
    let error = from_json(b"\"\xff\"", PAYLOAD_LEN).unwrap_err();
    assert_eq!(error.refusal(), &Refusal::NotUtf8 { offset: 1 });
}

/// JSON-3: also when the value comes from a program.
#[test]
fn a_value_without_canonical_form_is_refused() {
    assert_eq!(
        refusal_of(&json!({"a": [{"b": "\0"}]})).to_string(),
        "the payload is refused at `/a/0/b`: the text \"\\0\" holds the character U+0000"
    );
    assert_eq!(
        refusal_of(&[0.0, f64::NAN]).to_string(),
        "the payload is refused at `/1`: the number NaN is outside i64, u64 and finite f64"
    );
    assert_eq!(
        refusal_of(&Some(f32::INFINITY)).to_string(),
        "the payload is refused: the number inf is outside i64, u64 and finite f64"
    );
    let wide = Tree::Record { wide: f64::NEG_INFINITY, text: String::new(), child: None };
    assert_eq!(refusal_of(&Tree::List(vec![wide])).pointer(), "/List/0/Record/wide");
    let number = refusal_of(&(u128::from(u64::MAX) + 1));
    assert_eq!(number.refusal(), &Refusal::Number { text: "18446744073709551616".to_owned() });
    assert_eq!(refusal_of(&i128::MIN).code(), "payload-number");
    assert_eq!(refusal_of(&(i128::from(i64::MIN) - 1)).code(), "payload-number");
    let key = refusal_of(&BTreeMap::from([((1, 2), 3)]));
    assert_eq!(
        key.to_string(),
        "the payload is refused: a map key is a list; JSON has only text keys"
    );

    struct Twice;
    impl Serialize for Twice {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_map([("a", 1), ("b", 2), ("a", 1)])
        }
    }
    let error = refusal_of(&json!({"list": [1]}).as_object().map(|_| vec![Twice]));
    assert_eq!(error.pointer(), "/0");
    assert_eq!(error.refusal(), &Refusal::RepeatedKey { key: "a".to_owned() });

    struct Shy;
    impl Serialize for Shy {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("not today"))
        }
    }
    assert_eq!(refusal_of(&[Shy]).to_string(), "the payload is refused at `/0`: not today");
}

/// JSON-3: nesting has a bound, the same for both ways in and for decoding.
#[test]
fn nesting_is_bounded() {
    let nested = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
    let deepest = read(&nested(NESTING_MAX)).unwrap();
    assert_eq!(deepest, nested(NESTING_MAX));
    let value: Value = decode(deepest.as_bytes()).unwrap();
    assert_eq!(text_of(&value), deepest);
    let error = read(&nested(NESTING_MAX + 1)).unwrap_err();
    assert_eq!(error.refusal(), &Refusal::TooDeep { nesting_max: NESTING_MAX });
    assert_eq!(error.pointer(), "/0".repeat(NESTING_MAX));
    assert_eq!(refusal_of(&[&value]).refusal(), &Refusal::TooDeep { nesting_max: NESTING_MAX });
    // A text of a million brackets must not use up the stack.
    assert_eq!(read(&"[".repeat(1_000_000)).unwrap_err().code(), "payload-too-deep");
}

/// JSON-4: the length of the canonical text has a bound; white space does not count.
#[test]
fn length_is_bounded() {
    let value = json!({"b": "xyz", "a": ["\n"], "c": {}});
    let text = text_of(&value);
    let spaced = serde_json::to_string_pretty(&value).unwrap();
    for len_max in 0..text.len() {
        let error = to_vec(&value, len_max).unwrap_err();
        assert_eq!(error.code(), "payload-too-long", "{len_max}");
        let error = from_json(spaced.as_bytes(), len_max).unwrap_err();
        assert_eq!(error.code(), "payload-too-long", "{len_max}");
    }
    assert_eq!(to_vec(&value, text.len()).unwrap(), text.as_bytes());
    assert_eq!(from_json(spaced.as_bytes(), text.len()).unwrap(), text.as_bytes());
    let error = to_vec(&"x".repeat(11), 10).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the payload is refused: it has 13 bytes or more, the limit is 10"
    );
}

/// JSON-4: a value that is too long is given up early, whatever it is made of.
#[test]
fn a_value_without_end_is_given_up() {
    struct Endless<T>(T, std::cell::Cell<usize>);
    impl<T: Serialize> Serialize for Endless<T> {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_seq((0..1_000_000).map(|n| {
                self.1.set(n);
                &self.0
            }))
        }
    }
    fn check<T: Serialize>(element: T) {
        let endless = Endless(element, std::cell::Cell::default());
        assert_eq!(to_vec(&endless, 1000).unwrap_err().code(), "payload-too-long");
        assert!(endless.1.get() <= 1000, "{}", endless.1.get());
    }
    check([0_u8; 0]);
    check(BTreeMap::<String, u8>::new());
    check(1);
    check(0.5);
    check("");
    check(true);
}

/// What is no JSON is refused with its line and column.
#[test]
fn text_that_is_not_json_is_refused() {
    let line = |text: &str| format!("line 1, column {text}");
    for (json, problem) in [
        ("", "1 is not JSON: the text ends where a value was expected"),
        ("[1,]", "4 is not JSON: a value was expected"),
        ("[1 2]", "4 is not JSON: a comma or the end of the list was expected"),
        ("{\"a\":1,}", "8 is not JSON: a key in quotes was expected"),
        ("{a:1}", "2 is not JSON: a key in quotes was expected"),
        ("\"a", "3 is not JSON: the text ends inside a string"),
        ("\"\u{1}\"", "2 is not JSON: a control character must be escaped"),
        ("\"a\u{1f}\"", "3 is not JSON: a control character must be escaped"),
        ("\"\\ud800\"", "1 is not JSON: the string has an escape that JSON does not have"),
        ("nul", "1 is not JSON: a value was expected"),
        ("01", "1 is not JSON: a number was expected"),
        ("1.", "1 is not JSON: a number was expected"),
        ("-", "1 is not JSON: a number was expected"),
        ("1e", "1 is not JSON: a number was expected"),
        ("1 1", "3 is not JSON: the value is over here"),
    ] {
        let error = read(json).expect_err(json);
        assert_eq!(error.refusal().to_string(), line(problem), "{json}");
    }
    let error = read("{\n  \"a\": [\n    tru\n  ]\n}").unwrap_err();
    assert_eq!(
        error.to_string(),
        "the payload is refused at `/a/0`: line 3, column 5 is not JSON: a value was expected"
    );
}

/// Keys that are not text, as `serde_json` has them.
#[test]
fn map_keys_become_text() {
    #[derive(Serialize, PartialEq, Eq, PartialOrd, Ord, Hash)]
    enum Colour {
        Red,
    }
    #[derive(Serialize, PartialEq, Eq, PartialOrd, Ord, Hash)]
    struct Wrapped(u8);
    assert_eq!(text_of(&BTreeMap::from([(2, 'a'), (10, 'b')])), r#"{"10":"b","2":"a"}"#);
    assert_eq!(text_of(&BTreeMap::from([(true, 1), (false, 2)])), r#"{"false":2,"true":1}"#);
    assert_eq!(text_of(&BTreeMap::from([('x', 1)])), r#"{"x":1}"#);
    assert_eq!(text_of(&BTreeMap::from([(Colour::Red, 1)])), r#"{"Red":1}"#);
    assert_eq!(text_of(&BTreeMap::from([(Some(Wrapped(3)), 1)])), r#"{"3":1}"#);
}

/// A value that prints itself is escaped like any other text.
#[test]
fn a_printed_value_is_escaped() {
    struct Printed;
    impl Serialize for Printed {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_str(&format_args!("{}\"{}", 'a', "b\n"))
        }
    }
    struct Nul;
    impl Serialize for Nul {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_str(&format_args!("a{}", '\0'))
        }
    }
    assert_eq!(text_of(&Printed), r#""a\"b\n""#);
    assert_eq!(refusal_of(&[Nul]).code(), "payload-nul");
}

/// JSON text that `serde_json` embeds is part of the payload like the rest of it.
#[test]
fn embedded_json_is_made_canonical() {
    // What `RawValue` and numbers of arbitrary precision look like to a serializer.
    struct Embedded(&'static str);
    impl Serialize for Embedded {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            use serde::ser::SerializeStruct as _;
            let mut inner = serializer.serialize_struct("$serde_json::private::RawValue", 1)?;
            inner.serialize_field("$serde_json::private::RawValue", self.0)?;
            inner.end()
        }
    }
    assert_eq!(text_of(&[Embedded("{ \"b\": 1.0, \"a\": 2 }")]), r#"[{"a":2,"b":1}]"#);
    assert_eq!(refusal_of(&[Embedded("1e999")]).pointer(), "/0");
}
