//! What is refused, and where.

use super::*;

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
