//! What can be a schema, and what its check refuses.

use super::*;

/// TYPE-3: a schema that cannot be used is refused.
#[test]
fn a_schema_that_cannot_be_used_is_refused() {
    let error = |schema: Value| Schema::from_json_schema(&schema).unwrap_err().to_string();
    assert_eq!(
        error(json!({"$ref": "https://example.com/x"})),
        "the schema refers to `https://example.com/x`, which is not in it"
    );
    assert_eq!(
        error(json!({"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}})),
        "the schema refers to `#/$defs/A`, which is not in it"
    );
    let doubling: Map<String, Value> = (0..20)
        .map(|n| {
            let next = json!({"$ref": format!("#/$defs/{}", n + 1)});
            (n.to_string(), json!({"properties": {"a": next, "b": next}}))
        })
        .chain([("20".to_owned(), json!(true))])
        .collect();
    let error = Schema::from_json_schema(&json!({"$ref": "#/$defs/0", "$defs": doubling}));
    assert!(matches!(error, Err(Error::TooLarge)));
    let unusable = normal(&json!({"type": "strong"}));
    let error = TypeSchema::new(TypeName::new("A").unwrap(), 1, unusable).unwrap_err();
    assert!(error.to_string().starts_with("the schema cannot be used: "), "{error}");
}

/// TYPE-4: JSON from outside is checked, and the refusal names type, field and reason.
#[test]
fn json_from_outside_is_checked() {
    let schema = type_schema(Schema::of::<types::Review>().unwrap());
    let payload = |change: fn(&mut Value)| {
        let mut payload = json!({
            "score": 255, "title": "t", "verdict": "Reject", "finding": null,
            "findings": [{"line": 4_294_967_295_u32, "text": ""}],
            "outcome": {"Done": {"at": i64::MIN}}, "unknown": [1.0],
        });
        change(&mut payload);
        payload.to_string()
    };
    let checked = schema.check_json(payload(|_| ()).as_bytes(), PAYLOAD_LEN).unwrap();
    let text = str::from_utf8(checked.canonical()).unwrap();
    assert!(text.ends_with("\"unknown\":[1],\"verdict\":\"Reject\"}"), "{text}");
    type Spoil = fn(&mut Value);
    let refused: [(Spoil, &str); 7] = [
        (|p| p["score"] = json!(256), " at `/score`: 256 is greater than the maximum of 255"),
        (|p| p["score"] = json!(-1), " at `/score`: -1 is less than the minimum of 0"),
        (
            |p| p["findings"][0]["line"] = json!(1_u64 << 40),
            " at `/findings/0/line`: 1099511627776 is greater than the maximum of 4294967295",
        ),
        (
            |p| p["outcome"]["Done"]["at"] = json!(1_u64 << 63),
            " at `/outcome`: {\"Done\":{\"at\":9223372036854775808}} is not valid under any of the \
             schemas listed in the 'oneOf' keyword",
        ),
        (|p| p["title"] = json!("\0"), " at `/title`: the text \"\\0\" holds the character U+0000"),
        (|p| p["title"] = Value::Null, " at `/title`: null is not of type \"string\""),
        (
            |p| drop(p.as_object_mut().unwrap().remove("title")),
            ": \"title\" is a required property",
        ),
    ];
    for (change, reason) in refused {
        let error = schema.check_json(payload(change).as_bytes(), PAYLOAD_LEN).unwrap_err();
        let expected = format!("a payload of `review.Verdict` version 2 is refused{reason}");
        assert_eq!(error.to_string(), expected);
    }
    let error = schema.check_json(&b"[".repeat(400), PAYLOAD_LEN).unwrap_err();
    assert_eq!(error.code(), "payload-canonical");
    let long = format!("\"{}\"", "x".repeat(10_000));
    let error = schema.check_json(long.as_bytes(), PAYLOAD_LEN).unwrap_err();
    assert!(error.to_string().len() < 500 && error.to_string().ends_with('…'), "{error}");
}

/// TYPE-4: the bounds of an integer type hold without the Rust type, for an optional one as well.
#[test]
fn integers_are_bounded_by_their_types() {
    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Integers {
        narrow: Option<u32>,
        wide: Option<i64>,
        list: Vec<i32>,
    }

    let schema = type_schema(Schema::of::<Integers>().unwrap());
    let check = |narrow: Value, wide: Value, item: Value| {
        let json = json!({"narrow": narrow, "wide": wide, "list": [item]});
        schema.check_json(json.to_string().as_bytes(), PAYLOAD_LEN).map(drop)
    };
    let null = || Value::Null;
    check(null(), null(), json!(i32::MIN)).unwrap();
    check(json!(u32::MAX), json!(i64::MIN), json!(i32::MAX)).unwrap();
    for (narrow, wide, item) in [
        (json!(1_u64 << 32), null(), json!(0)),
        (json!(-1), null(), json!(0)),
        (json!(0.5), null(), json!(0)),
        (null(), json!(1_u64 << 63), json!(0)),
        (null(), null(), json!(1_u64 << 31)),
        (null(), null(), json!(-(1_i64 << 31) - 1)),
    ] {
        assert!(
            check(narrow.clone(), wide.clone(), item.clone()).is_err(),
            "{narrow} {wide} {item}"
        );
    }
}

/// TYPE-4: the schema of a type that contains itself checks every level.
#[test]
fn a_recursive_schema_checks_every_level() {
    let schema = type_schema(Schema::of::<types::Tree>().unwrap());
    let leaf = json!({"value": 1, "children": []});
    let inner = json!({"value": 2, "children": [], "twin": leaf});
    let mut tree = json!({"value": 1, "children": [leaf, inner]});
    schema.check_json(tree.to_string().as_bytes(), PAYLOAD_LEN).unwrap();
    tree["children"][1]["twin"]["value"] = json!("x");
    assert!(schema.check_json(tree.to_string().as_bytes(), PAYLOAD_LEN).is_err());
    let wood = type_schema(Schema::of::<types::Wood>().unwrap());
    let good = json!({"a_tree": leaf, "trees": {"x": {"value": 0, "children": [leaf]}}});
    wood.check_json(good.to_string().as_bytes(), PAYLOAD_LEN).unwrap();
    let bad = json!({"a_tree": leaf, "trees": {"x": {"value": 0, "children": [{"value": 300}]}}});
    assert!(wood.check_json(bad.to_string().as_bytes(), PAYLOAD_LEN).is_err());

    let name = "50 % off/~é";
    let list = json!({"type": "array", "items": {"$ref": "#/$defs/List"}});
    let schema = json!({
        "properties": {name: {"$ref": "#/$defs/List"}},
        "$defs": {"List": list},
    });
    let schema = type_schema(normal(&schema));
    assert_eq!(&normal(schema.schema().value()), schema.schema());
    let check = |value: Value| schema.check_json(value.to_string().as_bytes(), PAYLOAD_LEN);
    check(json!({name: [[], [[]]]})).unwrap();
    assert!(check(json!({name: [[], [[1]]]})).is_err());
}

fn by_construction<T: JsonSchema>() -> bool {
    valid_by_construction(&Schema::of::<T>().unwrap(), &Schema::of_written::<T>().unwrap())
}

/// TYPE-5: only types that say more than Rust does are checked when they are published.
#[test]
fn only_constrained_types_are_checked() {
    #[derive(Serialize, Deserialize, JsonSchema)]
    struct Plain {
        all: (u8, i64, u128, f32, bool, String),
        optional: (Option<u8>, Option<u64>, Option<i16>),
        list: Vec<Option<types::Outcome>>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        defaulted: Vec<u8>,
        map: BTreeMap<String, types::Review>,
        anything: Value,
        tree: types::Tree,
    }
    assert!(by_construction::<Plain>());
    assert!(by_construction::<()>());

    macro_rules! constrained {
        ($($(#[$attribute:meta])* $type:ty;)*) => {$({
            #[derive(Serialize, Deserialize, JsonSchema)]
            struct Constrained {
                $(#[$attribute])*
                field: $type,
            }
            assert!(!by_construction::<Constrained>(), "{}", stringify!($(#[$attribute])* $type));
            assert!(!by_construction::<Vec<Option<Constrained>>>());
        })*};
    }
    constrained! {
        #[schemars(range(min = 1))] u8;
        #[schemars(range(max = 100))] u64;
        #[schemars(range(min = 1))] Option<u32>;
        #[schemars(range(max = 1.0))] f64;
        #[schemars(length(min = 1))] String;
        #[schemars(length(max = 3))] Vec<u8>;
        #[schemars(regex(pattern = "^a"))] String;
        #[schemars(extend("multipleOf" = 2))] u8;
        BTreeSet<u8>;
        [u8; 3];
        char;
        // Written in another shape than it is read in.
        #[serde(skip_serializing_if = "String::is_empty")] String;
        #[serde(rename(serialize = "a", deserialize = "b"))] String;
    }
}
