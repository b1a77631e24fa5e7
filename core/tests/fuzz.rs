//! Inputs that nobody would write: expressions and artifacts of any bytes are read, refused or
//! evaluated, and never panic. `PROPTEST_CASES` says how many.

#![expect(clippy::unwrap_used, reason = "test code: a failed expectation is a failed test")]

use std::sync::LazyLock;

use proptest::prelude::*;
use proptest::test_runner::Config;
use serde_json::json;

use artel_core::canonical;
use artel_core::names::TypeName;
use artel_core::predicate::cel::{self, Cel, Malformed, Subject};
use artel_core::schema::{Schema, TypeSchema};

/// What expressions are made of.
const CEL: [&str; 64] = [
    "payload",
    "artifact",
    ".",
    ".a",
    ".b",
    ".tags",
    ".id",
    "[0]",
    "[-1]",
    "[\"a\"]",
    "[",
    "]",
    "(",
    ")",
    "{",
    "}",
    "has(",
    "size(",
    "int(",
    "uint(",
    "double(",
    "string(",
    ".matches(",
    ".contains(",
    ".startsWith(",
    ".endsWith(",
    ".all(x, ",
    ".map(x, ",
    ".filter(x, ",
    ".exists(x, ",
    ",",
    "?",
    ":",
    "&&",
    "||",
    "!",
    "-",
    "+",
    "*",
    "/",
    "%",
    "==",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    " in ",
    "null",
    "true",
    "false",
    "0",
    "1",
    "9223372036854775807",
    "18446744073709551615u",
    "1.5",
    "1e308",
    "0x7f",
    "\"a\"",
    "'\\u00e4'",
    "r'\\d+'",
    "b'x'",
    "'''",
    "//\n",
];

/// What payloads are made of.
const JSON: [&str; 28] = [
    "{",
    "}",
    "[",
    "]",
    ":",
    ",",
    "\"a\"",
    "\"b\"",
    "\"\\u0000\"",
    "\"\\ud83d\\ude00\"",
    "\"\\ud83d\"",
    "\"",
    "\\",
    "null",
    "true",
    "false",
    "0",
    "-0",
    "1",
    "-1",
    "1.5",
    "1e400",
    "1e-400",
    "9223372036854775808",
    "-9223372036854775809",
    "18446744073709551616",
    "\"a\":",
    " \n\t",
];

/// What artifacts are to be like.
static SCHEMA: LazyLock<TypeSchema> = LazyLock::new(|| {
    let schema = json!({
        "type": "object",
        "properties": { "a": { "type": ["integer", "null"] }, "b": { "type": "string", "minLength": 1 } },
        "required": ["a"],
    });
    let schema = Schema::from_json_schema(&schema).unwrap();
    TypeSchema::new(TypeName::new("fuzz.Any").unwrap(), 1, schema).unwrap()
});

const PAYLOADS: [&str; 8] = [
    r#"{"a":1,"b":"text","tags":["x","y"]}"#,
    r#"{"a":-9223372036854775808,"b":18446744073709551615}"#,
    r#"{"a":{"a":{"a":[1,[2,[3]]]}},"b":1.5}"#,
    r#"{"a":[],"b":{},"tags":null}"#,
    r#"{"a":"","b":"\\d+\n","tags":["",1,null,{}]}"#,
    "null",
    "[1,2,3]",
    "\"text\"",
];

fn made_of(parts: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let few = prop::collection::vec(prop::sample::select(parts), 0..24);
    let many = prop::collection::vec(prop::sample::select(parts), 0..600);
    let bytes = prop::collection::vec(any::<u8>(), 0..64);
    let repeated = (prop::sample::select(parts), 1_usize..700);
    prop_oneof![
        16 => few.prop_map(|parts| parts.concat().into_bytes()),
        1 => many.prop_map(|parts| parts.concat().into_bytes()),
        4 => bytes,
        1 => repeated.prop_map(|(part, times)| part.repeat(times).into_bytes()),
    ]
}

fn config() -> Config {
    Config { failure_persistence: None, ..Config::default() }
}

proptest! {
    #![proptest_config(config())]

    /// CEL-7: whatever the text is, it is refused or evaluated, on whatever bytes.
    #[test]
    fn any_expression_is_refused_or_evaluated(
        text in made_of(&CEL),
        payload in prop::sample::select(&PAYLOADS[..]),
        damaged in prop::collection::vec(any::<u8>(), 0..16),
    ) {
        let text = String::from_utf8_lossy(&text);
        match Cel::new(text.as_ref()) {
            Err(malformed) => {
                prop_assert_ne!(&malformed, &Malformed::Panicked);
                prop_assert!(!malformed.to_string().is_empty());
            }
            Ok(cel) => {
                for payload in [payload.as_bytes(), &damaged] {
                    let said = cel.evaluate(&Subject { payload, about: None });
                    prop_assert_ne!(said, Err(cel::Error::Panicked));
                }
            }
        }
    }

    /// JSON-1: whatever the bytes are, they are refused or have a canonical form, which is its own, and a
    /// schema accepts or refuses it.
    #[test]
    fn any_artifact_is_refused_or_canonical(json in made_of(&JSON)) {
        let checked = SCHEMA.check_json(&json, 1 << 16);
        match canonical::from_json(&json, 1 << 16) {
            Err(error) => {
                prop_assert!(!error.to_string().is_empty());
                prop_assert!(checked.is_err());
            }
            Ok(form) => {
                prop_assert_eq!(canonical::from_json(&form, 1 << 16).unwrap(), form);
                if let Err(error) = checked {
                    prop_assert!(!error.to_string().is_empty());
                }
            }
        }
    }
}
