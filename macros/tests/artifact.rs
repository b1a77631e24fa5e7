//! What `#[derive(Artifact)]` makes of a type.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use artel_core::artifact::{Artifact as _, descriptor};
use artel_core::canonical;
use artel_core::predicate::{Condition, Fields};
use artel_macros::Artifact;

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Artifact)]
struct Plain {
    text: String,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
enum Severity {
    Low,
    High,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "severity:{self:?}")
    }
}

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Artifact)]
#[artifact(name = "review.Verdict", version = 2, tags("review", "two words"))]
#[artifact(tags = derived_tags)]
#[serde(rename_all = "camelCase")]
struct Verdict {
    #[artifact(tag)]
    severity: Severity,
    #[artifact(tag)]
    more: Vec<Option<String>>,
    #[artifact(tag)]
    set: BTreeSet<u8>,
    #[artifact(tag, idempotency_key)]
    ticket: Option<u32>,
    #[artifact(ordering_key)]
    the_customer: String,
    #[serde(rename = "type")]
    kind: String,
    r#loop: bool,
    score: f64,
    plain: Plain,
    maybe: Option<Plain>,
    alias: Maybe,
    #[serde(flatten)]
    flattened: Flattened,
    #[serde(skip)]
    skipped: u8,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    list: Vec<Severity>,
    #[serde(with = "text")]
    #[schemars(with = "String")]
    special: u8,
}

type Maybe = Option<u8>;

#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
struct Flattened {
    inner: u8,
}

mod text {
    pub(crate) fn serialize<S: serde::Serializer>(value: &u8, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(value)
    }

    pub(crate) fn deserialize<'de, D: serde::Deserializer<'de>>(from: D) -> Result<u8, D::Error> {
        let text: String = serde::Deserialize::deserialize(from)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl Verdict {
    fn derived_tags(&self) -> impl Iterator<Item = String> {
        [format!("score:{}", self.score)].into_iter()
    }
}

fn verdict() -> Verdict {
    Verdict {
        severity: Severity::High,
        more: vec![Some("review".to_owned()), None, Some("z".to_owned())],
        set: BTreeSet::from([2, 1]),
        ticket: Some(7),
        the_customer: "acme".to_owned(),
        kind: "final".to_owned(),
        r#loop: true,
        score: 0.5,
        plain: Plain { text: "p".to_owned() },
        maybe: None,
        alias: None,
        flattened: Flattened { inner: 3 },
        skipped: 9,
        list: vec![Severity::Low],
        special: 5,
    }
}

fn canonical(value: &impl Serialize) -> String {
    let text = canonical::to_vec(value, 10_000).expect("the value has a canonical form");
    String::from_utf8(text).expect("JSON is UTF-8")
}

/// TYPE-2: a type is called by its Rust name, never by its module's, and has version 1.
#[test]
fn a_type_has_a_name_and_a_version() {
    mod inner {
        use super::*;

        #[derive(Serialize, Deserialize, JsonSchema, Artifact)]
        pub(super) struct Deep {}
    }
    assert_eq!((Plain::NAME, Plain::VERSION), ("Plain", 1));
    assert_eq!((inner::Deep::NAME, inner::Deep::VERSION), ("Deep", 1));
    assert_eq!((Verdict::NAME, Verdict::VERSION), ("review.Verdict", 2));
    assert_eq!((canonical(&inner::Deep {}), verdict().skipped), ("{}".to_owned(), 9));
    let described = descriptor::<Verdict>();
    assert_eq!((described.name().as_str(), described.version()), ("review.Verdict", 2));
    assert!(described.problem().is_none());
}

/// TYPE-6: tags come from the type, its fields and its method.
#[test]
fn tags_come_from_type_and_fields() {
    let value: Arc<dyn artel_core::artifact::ErasedArtifact> = Arc::new(verdict());
    let tags: Vec<_> = value.tags().unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(tags, ["1", "2", "7", "review", "score:0.5", "severity:High", "two words", "z"]);
    assert_eq!(Plain { text: String::new() }.tags(), Ok(Vec::new()));
    let bad = Verdict { more: vec![Some("\n".to_owned())], ..verdict() };
    assert!(bad.tags().unwrap_err().to_string().starts_with("the tag `\n` has the character"));
}

/// TYPE-6: keys come from a field or an expression; none is no key, and a bad one is an error.
#[test]
fn keys_come_from_a_field_or_an_expression() {
    let value = verdict();
    assert_eq!(value.idempotency_key().unwrap().unwrap().as_str(), "7");
    assert_eq!(value.ordering_key().unwrap().unwrap().as_str(), "acme");
    assert_eq!(Verdict { ticket: None, ..verdict() }.idempotency_key(), Ok(None));
    let bad = Verdict { the_customer: String::new(), ..verdict() };
    assert!(bad.ordering_key().is_err());

    #[derive(Serialize, Deserialize, JsonSchema, Artifact)]
    #[artifact(idempotency_key = "key", ordering_key = format!("{}/{}", self.a, self.b))]
    struct Expressions {
        a: u8,
        b: u8,
    }

    impl Expressions {
        fn key(&self) -> Option<String> {
            (self.a > 0).then(|| self.a.to_string())
        }
    }

    let value = Expressions { a: 1, b: 2 };
    assert_eq!(value.idempotency_key().unwrap().unwrap().as_str(), "1");
    assert_eq!(value.ordering_key().unwrap().unwrap().as_str(), "1/2");
    assert_eq!(Expressions { a: 0, b: 0 }.idempotency_key(), Ok(None));

    #[derive(Serialize, Deserialize, JsonSchema, Artifact)]
    #[artifact(idempotency_key = "self.number.checked_sub(1)", tags = "[self.number, 5]")]
    struct InText {
        number: u64,
    }

    assert_eq!(InText { number: 8 }.idempotency_key().unwrap().unwrap().as_str(), "7");
    assert_eq!(InText { number: 8 }.tags().unwrap().len(), 2);
}

/// PRED-8: handles name fields as serde writes them.
#[test]
fn handles_name_fields_as_serde_writes_them() {
    let fields = Verdict::fields();
    let paths = [
        fields.severity.path(),
        fields.the_customer.path(),
        fields.kind.path(),
        fields.r#loop.path(),
        fields.list.path(),
    ]
    .map(ToString::to_string);
    assert_eq!(paths, ["severity", "theCustomer", "type", "loop", "list"]);

    let payload = canonical(&verdict());
    let yes = |condition: Condition| {
        let predicate = condition.build().unwrap();
        assert_eq!(predicate.evaluate(payload.as_bytes()), Ok(true), "{predicate} on {payload}");
    };
    yes(Verdict::fields().severity.eq(Severity::High));
    yes(Verdict::fields().the_customer.starts_with("ac"));
    yes(Verdict::fields().kind.one_of(["draft", "final"]));
    yes(Verdict::fields().r#loop.eq(true));
    yes(Verdict::fields().score.lt(0.75) & Verdict::fields().score.gt(0.25));
    yes(Verdict::fields().list.contains(Severity::Low));
    yes(Verdict::fields().set.contains(2));
    yes(Verdict::fields().ticket.ge(7));
    yes(Verdict::fields().plain.fields().text.eq("p"));
    // An option is one whatever it is called, and what is inside it is optional as well.
    yes(!Verdict::fields().alias.gt(1));
    yes(!Verdict::fields().maybe.some().fields().text.eq("p"));
    yes(Verdict::fields().maybe.eq(None));
}

/// PRED-8: the rules by which serde renames fields.
#[test]
fn fields_are_renamed_by_serdes_rules() {
    macro_rules! check {
        ($($rule:literal => $expected:literal),* $(,)?) => {$({
            #[derive(Serialize, Deserialize, JsonSchema, Artifact)]
            #[serde(rename_all = $rule)]
            struct Renamed {
                two_words: u8,
            }

            let path = Renamed::fields().two_words.path().to_string();
            assert_eq!(path, $expected);
            assert_eq!(canonical(&Renamed { two_words: 1 }), concat!("{\"", $expected, "\":1}"));
        })*};
    }
    check! {
        "lowercase" => "two_words",
        "UPPERCASE" => "TWO_WORDS",
        "PascalCase" => "TwoWords",
        "camelCase" => "twoWords",
        "snake_case" => "two_words",
        "SCREAMING_SNAKE_CASE" => "TWO_WORDS",
        "kebab-case" => "two-words",
        "SCREAMING-KEBAB-CASE" => "TWO-WORDS",
    }
}

/// PRED-8: enums and structs without fields are artifacts, and have no handles.
#[test]
fn enums_and_empty_structs_are_artifacts() {
    #[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema, Artifact)]
    #[artifact(tags = tags, idempotency_key = 3)]
    enum Outcome {
        Done { at: u8 },
        Nothing,
    }

    impl Outcome {
        fn tags(&self) -> Vec<&'static str> {
            match self {
                Self::Done { at: 0 } => vec!["early"],
                Self::Done { .. } => vec!["done"],
                Self::Nothing => vec![],
            }
        }
    }

    #[derive(Serialize, Deserialize, JsonSchema, Artifact)]
    struct Go;

    assert_eq!(artel_core::artifact::Artifact::tags(&Outcome::Done { at: 1 }).unwrap().len(), 1);
    assert_eq!(Outcome::Nothing.idempotency_key().unwrap().unwrap().as_str(), "3");
    assert_eq!(canonical(&Go), "null");
    let outcome = canonical::decode::<Outcome>(br#"{"Done":{"at":0}}"#).unwrap();
    assert_eq!(outcome, Outcome::Done { at: 0 });

    trait NoFields {
        fn fields() -> &'static str {
            "none"
        }
    }
    impl NoFields for Outcome {}
    impl NoFields for Go {}
    assert_eq!((Outcome::fields(), Go::fields()), ("none", "none"));
}

/// PRED-8: a struct whose JSON is that of another type has no handles.
#[test]
fn a_struct_of_another_shape_has_no_handles() {
    #[derive(Serialize, Deserialize, JsonSchema, Artifact)]
    #[serde(transparent)]
    struct Wrapper {
        inner: u8,
    }

    trait NoFields {
        fn fields() -> &'static str {
            "none"
        }
    }
    impl NoFields for Wrapper {}
    assert_eq!(Wrapper::fields(), "none");
    assert_eq!(canonical(&Wrapper { inner: 1 }), "1");
}

/// The handles of a public type can be named by others.
pub mod public {
    use super::*;

    /// A type with documented handles.
    #[derive(Debug, Serialize, Deserialize, JsonSchema, Artifact)]
    pub struct Public {
        /// Seen by all.
        pub open: u8,
        hidden: u8,
    }

    impl Public {
        /// Both.
        #[must_use]
        pub fn both() -> (String, String) {
            let fields = Self::fields();
            (fields.open.path().to_string(), fields.hidden.path().to_string())
        }
    }
}

#[test]
fn handles_are_as_visible_as_their_fields() {
    let fields: <public::Public as Fields>::Handles = public::Public::fields();
    assert_eq!(fields.open.path().to_string(), "open");
    assert_eq!(public::Public::both().1, "hidden");
}

mod versions {
    use super::*;

    #[derive(Clone, Debug, Serialize, Deserialize, JsonSchema, Artifact)]
    #[artifact(name = "Grown")]
    pub(super) struct First {
        pub(super) size: u32,
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Artifact)]
    #[artifact(name = "Grown", version = 2, upcast_from = First)]
    pub(super) struct Second {
        pub(super) length: u32,
    }

    impl From<First> for Second {
        fn from(old: First) -> Self {
            Self { length: old.size }
        }
    }

    fn halved(mut old: serde_json::Value) -> Result<serde_json::Value, String> {
        let length = old["length"].as_u64().ok_or("it has no length")?;
        old["length"] = (length / 2).into();
        Ok(old)
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema, Artifact)]
    #[artifact(
        name = "Grown",
        version = 3,
        upcast(
            1 = |old: serde_json::Value| {
                let size = old["size"].clone();
                Ok::<_, std::convert::Infallible>(serde_json::json!({ "length": size }))
            },
            2 = halved,
        ),
    )]
    pub(super) struct Third {
        pub(super) length: u32,
    }
}

/// TYPE-8: what a type says that it is upcast from is what reads its older payloads.
#[test]
fn a_type_says_what_it_is_upcast_from() {
    let second = descriptor::<versions::Second>().read(1, br#"{"size":8}"#).unwrap();
    assert_eq!(second.downcast_ref(), Some(&versions::Second { length: 8 }));
    let third = descriptor::<versions::Third>();
    for (version, json) in [(1, r#"{"size":8}"#), (2, r#"{"length":8}"#), (3, r#"{"length":4}"#)] {
        let read = third.read(version, json.as_bytes()).unwrap();
        assert_eq!(read.downcast_ref(), Some(&versions::Third { length: 4 }), "{version}");
    }
    let versions = |of: artel_core::artifact::TypeDescriptor| {
        of.upcasters().versions().map(|(version, _)| version).collect::<Vec<_>>()
    };
    assert_eq!(versions(descriptor::<versions::First>()), [0; 0]);
    assert_eq!(versions(descriptor::<versions::Second>()), [1]);
    assert_eq!(versions(third), [1, 2]);
}
