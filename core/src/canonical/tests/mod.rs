//! The rules of canonical JSON, each way in against the other and both against `serde_json`.

mod forms;
mod properties;
mod refusals;

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
