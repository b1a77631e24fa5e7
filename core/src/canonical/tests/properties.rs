//! Values of any kind: each way in against the other, and both against `serde_json`.

use super::*;

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
