//! The rules of schemas: what counts in a comparison, what a diff says, what a check refuses.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::{Change, Changed, Error, Schema, TypeSchema, What, diff, valid_by_construction};
use crate::names::TypeName;
use crate::policy::limits::PAYLOAD_LEN;

fn normal(schema: &Value) -> Schema {
    Schema::from_json_schema(schema).unwrap()
}

fn changes(old: &Schema, new: &Schema) -> Vec<String> {
    diff(old, new).iter().map(Change::to_string).collect()
}

fn type_schema(schema: Schema) -> TypeSchema {
    TypeSchema::new(TypeName::new("review.Verdict").unwrap(), 2, schema).unwrap()
}

/// A type, its documented twin whose parts have other names and another order, and what came of it
/// later.
mod types {
    use super::*;

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) struct Review {
        pub(super) score: u8,
        pub(super) title: String,
        pub(super) verdict: Verdict,
        pub(super) finding: Option<Finding>,
        pub(super) findings: Vec<Finding>,
        pub(super) outcome: Outcome,
        #[serde(default)]
        pub(super) labels: BTreeMap<String, f64>,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) enum Verdict {
        Approve,
        Reject,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) struct Finding {
        pub(super) line: u32,
        pub(super) text: String,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) enum Outcome {
        Pending,
        Skipped,
        Done { at: i64 },
        Failed(Finding),
    }

    /// A review.
    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) struct ReviewTwin {
        outcome: OutcomeTwin,
        #[serde(default)]
        labels: BTreeMap<String, f64>,
        /// All that was found.
        #[schemars(example = 3)]
        findings: Vec<FindingTwin>,
        #[schemars(title = "The worst")]
        finding: Option<FindingTwin>,
        /// The verdict.
        verdict: VerdictTwin,
        title: String,
        score: u8,
    }

    /// A verdict.
    #[derive(Serialize, Deserialize, JsonSchema)]
    enum VerdictTwin {
        /// No.
        Reject,
        /// Yes.
        Approve,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    struct FindingTwin {
        /// What.
        text: String,
        /// Where.
        line: u32,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    #[schemars(inline)]
    enum OutcomeTwin {
        /// It did not work.
        Failed(FindingTwin),
        /// It worked.
        Done {
            /// When.
            at: i64,
        },
        /// Not now.
        Skipped,
        /// Not yet.
        Pending,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) struct ReviewLater {
        score: f64,
        verdict: VerdictLater,
        finding: Option<FindingLater>,
        findings: Vec<FindingLater>,
        outcome: OutcomeLater,
        labels: BTreeMap<String, String>,
        reviewer: String,
        note: Option<String>,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    enum VerdictLater {
        Approve,
        Defer,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    struct FindingLater {
        #[schemars(range(min = 1, max = 1000))]
        line: u32,
        text: Option<String>,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    enum OutcomeLater {
        Pending,
        Done { at: i64, by: String },
        Lost(String),
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) struct Tree {
        pub(super) value: u8,
        pub(super) children: Vec<Self>,
        pub(super) twin: Option<Box<Self>>,
    }

    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) struct Wood {
        pub(super) a_tree: Tree,
        pub(super) trees: BTreeMap<String, Tree>,
    }

    /// The same shape by way of another type.
    #[derive(Serialize, Deserialize, JsonSchema)]
    pub(super) struct Bush {
        /// Documented.
        twin: Option<Box<Self>>,
        children: Vec<Self>,
        value: u8,
    }
}

/// TYPE-3: titles, descriptions, examples, the order of keys and variants, and the names and places
/// of definitions do not count.
#[test]
fn what_is_said_about_a_type_does_not_count() {
    let review = Schema::of::<types::Review>().unwrap();
    let twin = Schema::of::<types::ReviewTwin>().unwrap();
    assert_eq!(review.text(), twin.text());
    assert_eq!(changes(&review, &twin), Vec::<String>::new());
    assert!(!review.text().contains("$defs"));
    assert_eq!(Schema::of::<types::Tree>().unwrap(), Schema::of::<types::Bush>().unwrap());
    // A field may have the name of a keyword that does not count.
    let titled = |kind: &str| normal(&json!({"properties": {"title": {"type": kind}}}));
    assert_ne!(titled("string"), titled("null"));
}

/// TYPE-3: what is listed twice is listed once, but for a choice of exactly one.
#[test]
fn repetitions_do_not_count() {
    let text = |schema: Value| normal(&schema).text().to_string();
    assert_eq!(text(json!({"enum": [2, 1, 2]})), r#"{"enum":[1,2]}"#);
    let twice = json!([{"type": "null"}, {"type": "null", "title": "again"}]);
    assert_eq!(text(json!({"anyOf": twice})), r#"{"anyOf":[{"type":"null"}]}"#);
    assert_eq!(text(json!({"oneOf": twice})), r#"{"oneOf":[{"type":"null"},{"type":"null"}]}"#);
}

/// TYPE-3: the text of a normal form is stored, and must be the same in every release.
#[test]
fn normal_form_never_changes() {
    assert_eq!(
        &**Schema::of::<types::Tree>().unwrap().text(),
        "{\"properties\":{\
         \"children\":{\"items\":{\"$ref\":\"#\"},\"type\":\"array\"},\
         \"twin\":{\"anyOf\":[{\"$ref\":\"#\"},{\"type\":\"null\"}]},\
         \"value\":{\"format\":\"uint8\",\"maximum\":255,\"minimum\":0,\"type\":\"integer\"}},\
         \"required\":[\"children\",\"value\"],\"type\":\"object\"}"
    );
    let outcome = Schema::of::<types::Outcome>().unwrap();
    assert_eq!(
        &**outcome.text(),
        "{\"oneOf\":[{\"additionalProperties\":false,\"properties\":{\"Done\":{\"properties\":\
         {\"at\":{\"format\":\"int64\",\"type\":\"integer\"}},\"required\":[\"at\"],\
         \"type\":\"object\"}},\"required\":[\"Done\"],\"type\":\"object\"},\
         {\"additionalProperties\":false,\"properties\":{\"Failed\":{\"properties\":{\
         \"line\":{\"format\":\"uint32\",\"minimum\":0,\"type\":\"integer\"},\
         \"text\":{\"type\":\"string\"}},\"required\":[\"line\",\"text\"],\"type\":\"object\"}},\
         \"required\":[\"Failed\"],\"type\":\"object\"},{\"enum\":[\"Pending\",\"Skipped\"]}]}"
    );
    let wood = Schema::of::<types::Wood>().unwrap();
    assert!(wood.text().contains("{\"$ref\":\"#/properties/trees/additionalProperties\"}"));
    assert_eq!(Schema::from_text(wood.text()).unwrap(), wood);
    assert_eq!(normal(wood.value()), wood);
}

/// TYPE-1: a changed schema is told field by field.
#[test]
fn a_change_is_told_field_by_field() {
    let review = Schema::of::<types::Review>().unwrap();
    let later = Schema::of::<types::ReviewLater>().unwrap();
    let expected = [
        "`finding<object>.line`: maximum added: 1000",
        "`finding<object>.line`: minimum changed from 0 to 1",
        "`finding<object>.text`: was required, is optional",
        "`finding<object>.text`: type changed from string to string or null",
        "`findings[].line`: maximum added: 1000",
        "`findings[].line`: minimum changed from 0 to 1",
        "`findings[].text`: was required, is optional",
        "`findings[].text`: type changed from string to string or null",
        "`labels`: was optional, is required",
        "`labels{}`: type changed from number (double) to string",
        "`labels`: default removed, it was {}",
        "`note`: new field, string or null",
        "`outcome`: values removed: \"Skipped\"",
        "`outcome<Done>.Done.by`: new required field, string",
        "`outcome`: variant removed: Failed",
        "`outcome`: variant added: Lost",
        "`reviewer`: new required field, string",
        "`score`: type changed from integer (uint8) to number (double)",
        "`title`: field removed, it was string",
        "`verdict`: values added: \"Defer\"",
        "`verdict`: values removed: \"Reject\"",
    ];
    assert_eq!(changes(&review, &later), expected);
}

/// TYPE-1: a recursive type that was put somewhere else is not a changed type.
#[test]
fn a_recursive_type_is_compared_where_it_stands() {
    let tree = |before: Value, value: &str| {
        let schema = json!({
            "anyOf": [before, {"$ref": "#/$defs/T"}],
            "$defs": {"T": {"properties": {
                "value": {"type": value},
                "next": {"$ref": "#/$defs/T"},
            }}},
        });
        normal(&schema)
    };
    let old = tree(json!({"type": "boolean"}), "integer");
    let new = tree(json!({"enum": [0]}), "integer");
    assert_eq!(
        changes(&old, &new),
        ["the payload: values added: 0", "the payload: variant removed: boolean"]
    );
    let new = tree(json!({"type": "boolean"}), "null");
    assert_eq!(changes(&old, &new), ["`<anything>.value`: type changed from integer to null"]);
}

/// TYPE-1: the refusal is one line, its report has everything and the ways out.
#[test]
fn a_changed_schema_is_refused_with_its_diff_and_the_ways_out() {
    let name = TypeName::new("review.Finding").unwrap();
    let old = Schema::of::<types::Finding>().unwrap();
    let new = normal(&json!({
        "type": "object",
        "properties": {"line": {"type": "string"}, "text": {"type": "string"}},
        "required": ["line"],
    }));
    let error = Changed::between(name, 3, old.text(), new.text());
    assert_eq!(
        error.to_string(),
        "the schema of `review.Finding` version 3 is not the one that the board has: \
         `line`: type changed from integer (uint32) to string; and 1 more"
    );
    assert_eq!(
        error.report(),
        "the schema of `review.Finding` version 3 is not the one that the board has:
  - `line`: type changed from integer (uint32) to string
  - `text`: was required, is optional
ways out:
  - raise the version and add an upcaster:

      #[artifact(name = \"review.Finding\", version = 4, upcast(3 = finding_from_3))]

      /// Makes a payload of `review.Finding` version 4 of one of version 3.
      fn finding_from_3(
          mut payload: serde_json::Value,
      ) -> Result<serde_json::Value, Box<dyn std::error::Error + Send + Sync>> {
          let fields = payload.as_object_mut().ok_or(\"the payload is not an object\")?;
          // `line`: type changed from integer (uint32) to string
          if let Some(old) = fields.remove(\"line\") {
              fields.insert(\"line\".to_owned(), serde_json::json!(/* made of old */));
          }
          // `text`: was required, is optional
          Ok(payload)
      }

  - start over: open another board, or remove this one with `artel board rm`
  - while developing: run with ARTEL_DEV=1, which moves a board file aside that was created under it, and starts anew
"
    );
}

/// TYPE-7: the beginning of an upcaster does what a diff says, leaves a gap where it does not say
/// enough, and nothing where old payloads are valid as they are.
#[test]
fn a_skeleton_leaves_a_gap_for_what_a_person_has_to_decide() {
    let name = TypeName::new("a.HTTPCall-2").unwrap();
    let old = normal(&json!({
        "type": "object",
        "properties": {
            "bound": {"type": "integer"},
            "gone-by": {"type": "string"},
            "list": {"type": "array", "items": {"type": "string"}},
            "now": {"type": "string"},
            "wider": {"type": "string"},
        },
        "required": ["bound", "gone-by"],
    }));
    let new = normal(&json!({
        "type": "object",
        "properties": {
            "bound": {"type": "integer", "minimum": 3},
            "list": {"type": "array", "items": {"type": "integer"}},
            "maybe": {"type": "string"},
            "now": {"type": "string"},
            "wider": {"type": ["string", "null"]},
        },
        "required": ["bound", "now"],
    }));
    let missing = super::NoUpcaster::between(name.clone(), (1, 4), old.text(), new.text());
    assert_eq!(
        missing.skeleton(),
        "#[artifact(name = \"a.HTTPCall-2\", version = 4, upcast(1 = httpcall_2_from_1))]

/// Makes a payload of `a.HTTPCall-2` version 4 of one of version 1.
fn httpcall_2_from_1(
    mut payload: serde_json::Value,
) -> Result<serde_json::Value, Box<dyn std::error::Error + Send + Sync>> {
    let fields = payload.as_object_mut().ok_or(\"the payload is not an object\")?;
    // `bound`: minimum added: 3
    if let Some(old) = fields.remove(\"bound\") {
        fields.insert(\"bound\".to_owned(), serde_json::json!(/* made of old */));
    }
    // `gone-by`: field removed, it was string
    let _gone_by = fields.remove(\"gone-by\");
    // `maybe`: new field, string
    // `now`: was optional, is required
    fields.entry(\"now\").or_insert_with(|| serde_json::json!(/* where it was left out */));
    // `wider`: type changed from string to string or null
    // `list[]`: type changed from string to integer
    payload = serde_json::json!(/* payload, changed at \"list[]\" */);
    Ok(payload)
}
"
    );
    let same = super::NoUpcaster::between(name, (1, 2), old.text(), old.text());
    assert!(same.skeleton().ends_with("{\n    Ok(payload)\n}\n"), "{}", same.skeleton());
    assert!(same.skeleton().contains("    payload: serde_json::Value,"), "nothing changes it");
}

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

/// A type, in no particular writing.
#[derive(Clone, Debug)]
enum Shape {
    Any,
    Kind(&'static str),
    Integer(&'static str),
    Values(BTreeSet<u8>),
    List(Box<Self>),
    Map(Box<Self>),
    Optional(Box<Self>),
    Object(BTreeMap<String, (Self, bool)>),
    Choice(BTreeSet<u8>, BTreeMap<String, Self>),
    Recursive(Box<Self>),
}

fn shapes() -> impl Strategy<Value = Shape> {
    let leaf = prop_oneof![
        Just(Shape::Any),
        prop_oneof![Just("string"), Just("boolean"), Just("number")].prop_map(Shape::Kind),
        prop_oneof![Just("uint8"), Just("int32")].prop_map(Shape::Integer),
        proptest::collection::btree_set(0_u8..4, 1..3).prop_map(Shape::Values),
    ];
    leaf.prop_recursive(4, 16, 3, |inner| {
        let boxed = inner.clone().prop_map(Box::new);
        prop_oneof![
            boxed.clone().prop_map(Shape::List),
            boxed.clone().prop_map(Shape::Map),
            boxed.clone().prop_map(Shape::Optional),
            boxed.prop_map(Shape::Recursive),
            proptest::collection::btree_map("[ab/% ]", (inner.clone(), any::<bool>()), 0..3)
                .prop_map(Shape::Object),
            (
                proptest::collection::btree_set(0_u8..4, 0..3),
                proptest::collection::btree_map("[AB]", inner, 1..3)
            )
                .prop_map(|(values, variants)| Shape::Choice(values, variants)),
        ]
    })
}

/// One way of writing a schema down.
struct Writer {
    names: &'static str,
    documented: bool,
    inline: bool,
    definitions: Map<String, Value>,
}

impl Writer {
    fn root(shape: &Shape, names: &'static str, documented: bool, inline: bool) -> Value {
        let mut writer = Self { names, documented, inline, definitions: Map::new() };
        let mut root = writer.write(shape);
        if let Value::Object(root) = &mut root {
            root.insert("$defs".to_owned(), Value::Object(writer.definitions));
        }
        root
    }

    fn define(&mut self, write: impl FnOnce(&mut Self, &str) -> Value) -> Value {
        let name = format!("{}{}", self.names, self.definitions.len());
        let reference = format!("#/$defs/{name}");
        self.definitions.insert(name.clone(), Value::Null);
        let schema = write(self, &reference);
        self.definitions.insert(name, schema);
        json!({"$ref": reference})
    }

    fn write(&mut self, shape: &Shape) -> Value {
        let schema = match shape {
            Shape::Recursive(_) => return self.write_whole(shape),
            _ if self.inline => self.write_whole(shape),
            Shape::Object(_) | Shape::Choice(..) => {
                self.define(|writer, _| writer.write_whole(shape))
            }
            _ => self.write_whole(shape),
        };
        self.document(schema)
    }

    fn document(&self, mut schema: Value) -> Value {
        if let (true, Value::Object(keywords)) = (self.documented, &mut schema) {
            keywords.insert("description".to_owned(), json!("words"));
            keywords.insert("title".to_owned(), json!(self.names));
        }
        schema
    }

    fn write_whole(&mut self, shape: &Shape) -> Value {
        match shape {
            Shape::Any => json!(true),
            Shape::Kind(kind) => json!({"type": kind}),
            Shape::Integer(format) => json!({"type": "integer", "format": format}),
            Shape::Values(values) => self.values(values, &[]),
            Shape::List(inner) => json!({"type": "array", "items": self.write(inner)}),
            Shape::Map(inner) => {
                json!({"type": "object", "additionalProperties": self.write(inner)})
            }
            Shape::Optional(inner) => json!({"anyOf": [self.write(inner), {"type": "null"}]}),
            Shape::Object(fields) => {
                let mut required: Vec<&String> = fields
                    .iter()
                    .filter(|(_, (_, required))| *required)
                    .map(|(name, _)| name)
                    .collect();
                if self.documented {
                    required.reverse();
                }
                let required = json!(required);
                let properties: Map<String, Value> = fields
                    .iter()
                    .map(|(name, (shape, _))| (name.clone(), self.write(shape)))
                    .collect();
                json!({"type": "object", "properties": properties, "required": required})
            }
            Shape::Choice(values, variants) => {
                let branches: Vec<Value> = variants
                    .iter()
                    .map(|(name, shape)| {
                        let schema = self.write(shape);
                        self.document(json!({
                            "type": "object",
                            "properties": {name: schema},
                            "required": [name],
                            "additionalProperties": false,
                        }))
                    })
                    .collect();
                self.values(values, &branches)
            }
            Shape::Recursive(inner) => self.define(|writer, reference| {
                let inner = writer.write(inner);
                json!({"type": "object", "properties": {
                    "inner": inner, "again": {"type": "array", "items": {"$ref": reference}},
                }})
            }),
        }
    }

    /// Values among branches, each a branch of its own or all in one.
    fn values(&self, values: &BTreeSet<u8>, branches: &[Value]) -> Value {
        let mut branches = branches.to_vec();
        if self.documented {
            branches.extend(
                values
                    .iter()
                    .rev()
                    .map(|value| self.document(json!({"type": "integer", "const": value}))),
            );
        } else if branches.is_empty() {
            return json!({"type": "integer", "enum": values});
        } else if !values.is_empty() {
            branches.insert(0, json!({"type": "integer", "enum": values}));
        }
        json!({"oneOf": branches})
    }
}

proptest! {
    /// TYPE-3: however a type is written down, its normal form is one, and its own normal form.
    #[test]
    fn normal_form_is_one(shape in shapes()) {
        let plain = normal(&Writer::root(&shape, "A", false, false));
        prop_assert_eq!(&normal(&Writer::root(&shape, "Zz", true, true)), &plain);
        prop_assert_eq!(&normal(&Writer::root(&shape, "M", true, false)), &plain);
        prop_assert_eq!(&normal(plain.value()), &plain);
        prop_assert_eq!(diff(&plain, &plain), vec![]);
        type_schema(plain);
    }

    /// TYPE-1: a diff is empty exactly when nothing changed.
    #[test]
    fn a_diff_is_empty_when_nothing_changed(old in shapes(), new in shapes()) {
        let schema = |shape| normal(&Writer::root(shape, "A", false, false));
        let (old, new) = (schema(&old), schema(&new));
        let changes = diff(&old, &new);
        prop_assert_eq!(changes.is_empty(), old == new, "{:?} {:?}", old, new);
        for change in changes {
            let nothing = matches!(&change.what, What::Type { from, to } if from == to);
            prop_assert!(!nothing, "{change}");
        }
    }
}
