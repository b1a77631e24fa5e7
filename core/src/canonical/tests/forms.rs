//! Which canonical text a value has.

use super::*;

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
