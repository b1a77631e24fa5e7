//! The rules of artifact types: what a descriptor says, and what it lets through.

use std::any::TypeId;
use std::sync::Arc;

use proptest::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::descriptor::is_type_name;
use super::{Artifact, ErasedArtifact, Problem, Unreadable, Upcasters, described, descriptor};
use crate::names::{self, IdempotencyKey, OrderingKey, Tag, TypeName};
use crate::policy::limits::PAYLOAD_LEN;
use crate::schema::Reason;
use versions::{V1, V2, V5};

#[derive(Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
struct Review {
    title: String,
    score: u32,
    tags: Vec<String>,
}

impl Artifact for Review {
    const NAME: &'static str = "test.Review";
    const VERSION: u32 = 3;

    fn tags(&self) -> Result<Vec<Tag>, names::Error> {
        self.tags.iter().map(Tag::new).collect()
    }

    fn idempotency_key(&self) -> Result<Option<IdempotencyKey>, names::Error> {
        IdempotencyKey::new(&self.title).map(Some)
    }

    fn ordering_key(&self) -> Result<Option<OrderingKey>, names::Error> {
        Ok(None)
    }
}

/// A type that says more than Rust does.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Rated {
    #[schemars(range(min = 1, max = 5))]
    stars: u8,
}

impl Artifact for Rated {
    const NAME: &'static str = "Rated";
    const VERSION: u32 = 1;
}

/// A type whose schema is more lenient than what can be read.
#[derive(Serialize, Deserialize, JsonSchema)]
struct Even(
    #[serde(deserialize_with = "even")]
    #[schemars(with = "u32")]
    u32,
);

fn even<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    let number = u32::deserialize(deserializer)?;
    if number % 2 == 0 { Ok(number) } else { Err(serde::de::Error::custom("that is odd")) }
}

impl Artifact for Even {
    const NAME: &'static str = "Even";
    const VERSION: u32 = 1;
}

/// A type that comes without a usable schema.
#[derive(Serialize, Deserialize)]
struct Lost;

impl JsonSchema for Lost {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Lost".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"$ref": "#/$defs/Nowhere"})
    }
}

impl Artifact for Lost {
    const NAME: &'static str = "Lost";
    const VERSION: u32 = 1;
}

fn review() -> Review {
    let tags = ["b", "a", "b"].map(str::to_owned).to_vec();
    Review { title: "on time".to_owned(), score: 7, tags }
}

fn erased<T: Artifact>(value: T) -> Arc<dyn ErasedArtifact> {
    Arc::new(value)
}

/// TYPE-6: tags come sorted, each once; one that is not allowed is an error.
#[test]
fn tags_and_keys_are_checked_where_they_are_made() {
    let value = erased(review());
    let tags: Vec<_> = value.tags().unwrap().iter().map(ToString::to_string).collect();
    assert_eq!(tags, ["a", "b"]);
    assert_eq!(value.idempotency_key().unwrap().unwrap().as_str(), "on time");
    assert_eq!(value.ordering_key(), Ok(None));
    let bad = erased(Review { title: String::new(), tags: vec!["\n".to_owned()], score: 0 });
    assert!(bad.tags().unwrap_err().to_string().contains("has the character '\\n'"));
    assert_eq!(bad.idempotency_key().unwrap_err(), names::Error::Empty { what: "idempotency key" });
    let plain = erased(Rated { stars: 1 });
    assert_eq!((plain.tags(), plain.idempotency_key()), (Ok(Vec::new()), Ok(None)));
}

/// JSON-6, OUT-2: what is checked is written once, and the value goes with it.
#[test]
fn a_checked_value_is_handed_on() {
    let review_type = descriptor::<Review>();
    assert_eq!((review_type.name().as_str(), review_type.version()), ("test.Review", 3));
    let value = erased(review());
    let (canonical, handed_on) = review_type.check(&value, PAYLOAD_LEN).unwrap().into_parts();
    assert_eq!(&canonical[..], br#"{"score":7,"tags":["b","a","b"],"title":"on time"}"#);
    assert!(Arc::ptr_eq(&handed_on.unwrap(), &value));
    let read = review_type.decode(&canonical).unwrap().downcast::<Review>().unwrap();
    assert_eq!(*read, review());
    assert!(review_type.decode(b"{}").is_err());
}

/// TYPE-4, TYPE-5: a value that its schema refuses does not pass, nor does one of another type.
#[test]
fn a_value_that_its_schema_refuses_does_not_pass() {
    let rated = descriptor::<Rated>();
    rated.check(&erased(Rated { stars: 5 }), PAYLOAD_LEN).unwrap();
    let error = rated.check(&erased(Rated { stars: 6 }), PAYLOAD_LEN).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a payload of `Rated` version 1 is refused at `/stars`: 6 is greater than the maximum of 5"
    );
    let error = rated.check(&erased(review()), PAYLOAD_LEN).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a payload of `Rated` version 1 is refused: the value is a `test.Review`"
    );
    let error = descriptor::<Review>().check(&erased(review()), 20).unwrap_err();
    assert_eq!(error.code(), "payload-canonical");
}

/// TYPE-4: JSON from outside must please the schema and be readable.
#[test]
fn json_from_outside_is_read_as_well() {
    let review_type = descriptor::<Review>();
    let json = br#" {"title": "x", "score": 1.0, "tags": [], "more": {}} "#;
    let (canonical, value) = review_type.check_json(json, PAYLOAD_LEN).unwrap().into_parts();
    assert_eq!(&canonical[..], br#"{"more":{},"score":1,"tags":[],"title":"x"}"#);
    let read = value.unwrap().into_any().downcast::<Review>().unwrap();
    assert_eq!((read.score, read.title.as_str()), (1, "x"));
    for score in ["-1", "1099511627776", "1.5", "\"1\"", "null"] {
        let json = format!("{{\"title\": \"x\", \"score\": {score}, \"tags\": []}}");
        let error = review_type.check_json(json.as_bytes(), PAYLOAD_LEN).unwrap_err();
        assert_eq!((error.pointer.as_str(), error.code()), ("/score", "payload-schema"), "{score}");
    }
    let error = descriptor::<Even>().check_json(b"3", PAYLOAD_LEN).unwrap_err();
    assert_eq!(
        error.to_string(),
        "a payload of `Even` version 1 is refused: it cannot be read: that is odd"
    );
}

/// TYPE-5: nothing passes a type whose schema cannot be used.
#[test]
fn nothing_passes_without_a_schema() {
    let lost = descriptor::<Lost>();
    let problem = lost.problem().unwrap().to_string();
    assert_eq!(problem, "the schema refers to `#/$defs/Nowhere`, which is not in it");
    assert_eq!(lost.schema(), "false");
    let error = lost.check(&erased(Lost), PAYLOAD_LEN).unwrap_err();
    assert_eq!(error.reason, Reason::Schema(problem));
    assert!(lost.check_json(b"null", PAYLOAD_LEN).is_err());
    assert!(descriptor::<Review>().problem().is_none());
}

#[test]
fn a_descriptor_knows_its_type() {
    let value = erased(Rated { stars: 1 });
    assert!(value.descriptor().is_same(&descriptor::<Rated>()));
    assert!(!value.descriptor().is_same(&descriptor::<Review>()));
    let any = value.into_any();
    assert_eq!((*any).type_id(), TypeId::of::<Rated>());
}

/// A type in three versions, and what each makes of the one before.
mod versions {
    use super::*;

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    pub(super) struct V1 {
        pub(super) count: i32,
    }

    impl Artifact for V1 {
        const NAME: &'static str = "test.Counted";
        const VERSION: u32 = 1;
    }

    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    pub(super) struct V2 {
        pub(super) count: i64,
        pub(super) label: String,
    }

    impl Artifact for V2 {
        const NAME: &'static str = "test.Counted";
        const VERSION: u32 = 2;

        fn upcasters() -> Upcasters {
            Upcasters::from_type::<V1, Self>()
        }
    }

    impl TryFrom<V1> for V2 {
        type Error = &'static str;

        fn try_from(old: V1) -> Result<Self, Self::Error> {
            let count = i64::from(old.count);
            if count == 0 {
                Err("nothing is counted")
            } else {
                Ok(Self { count, label: "old".into() })
            }
        }
    }

    /// Version 5: 3 and 4 were never on a board.
    #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
    pub(super) struct V5 {
        pub(super) counts: Vec<i64>,
        #[schemars(length(max = 3))]
        pub(super) label: String,
    }

    impl Artifact for V5 {
        const NAME: &'static str = "test.Counted";
        const VERSION: u32 = 5;

        fn upcasters() -> Upcasters {
            V2::upcasters().with(2, |mut old| {
                let fields = old.as_object_mut().ok_or("the payload is not an object")?;
                let count = fields.remove("count").ok_or("it has no count")?;
                assert!(count != -1, "below zero");
                fields.insert("counts".to_owned(), serde_json::json!([count]));
                Ok::<_, &'static str>(old)
            })
        }
    }
}

/// TYPE-8, TYPE-9: a payload of an older version is read by all steps from it on; whatever goes wrong
/// names type and versions.
#[test]
fn older_payloads_are_read_step_by_step() {
    let newest = descriptor::<V5>();
    let versions: Vec<_> = newest.upcasters().versions().collect();
    let schema: Arc<str> = descriptor::<V1>().schema().into();
    assert_eq!(versions, [(1, Some(&schema)), (2, None)]);
    let read = |version, json: &[u8]| {
        let value = newest.read(version, json)?;
        Ok::<_, Unreadable>((*value.downcast::<V5>().unwrap()).clone())
    };
    let expected = V5 { counts: vec![7], label: "old".to_owned() };
    assert_eq!(read(1, br#"{"count":7}"#).unwrap(), expected);
    assert_eq!(read(2, br#"{"count":7,"label":"old"}"#).unwrap(), expected);
    assert_eq!(read(5, br#"{"counts":[7],"label":"old"}"#).unwrap(), expected);

    let problem = |version, json: &[u8]| match read(version, json).unwrap_err() {
        Unreadable::Upcast(error) => {
            assert!(!error.retryable());
            let expected = format!(
                "a payload of `test.Counted` version {version} cannot be read as version 5"
            );
            assert_eq!(error.to_string(), expected);
            format!("{}: {}", error.code(), error.problem)
        }
        Unreadable::Decode(error) => format!("decode: {error}"),
    };
    assert_eq!(
        problem(1, br#"{"count":0}"#),
        "upcast-failed: the upcaster from version 1 to 2 failed"
    );
    assert_eq!(
        problem(2, br#"{"count":-1,"label":"old"}"#),
        "upcast-panicked: the upcaster from version 2 to 5 panicked: below zero"
    );
    assert_eq!(
        problem(2, br#"{"count":1,"label":"older"}"#),
        "upcast-refused: what the upcasters made is no payload of the type"
    );
    let missing = "no-upcaster: the program has no upcaster from that version";
    assert_eq!((problem(3, b"{}"), problem(4, b"{}")), (missing.to_owned(), missing.to_owned()));
    assert_eq!(problem(6, b"{}"), "newer-version: the program is older than the payload");
    assert!(problem(5, b"{}").starts_with("decode: missing field"));
    let error = newest.upcast(1, br#"{"count":0}"#).unwrap_err();
    let Problem::Failed { source, .. } = &error.problem else { panic!("{error}") };
    assert_eq!(source.to_string(), "nothing is counted");
}

/// TYPE-9: a type is described once, however often one of its payloads is read.
#[test]
fn a_type_is_described_once() {
    let (one, two) = (described::<V5>(), described::<V5>());
    assert!(one.is_same(&two) && one.schema().as_ptr() == two.schema().as_ptr());
    assert!(!one.is_same(&described::<V2>()));
}

proptest! {
    /// TYPE-8: all steps at once give what each gives by itself, one after the other, and what the Rust
    /// types say.
    #[test]
    fn a_chain_is_its_steps(count in any::<i32>()) {
        let first = V1 { count };
        let json = crate::canonical::to_vec(&first, PAYLOAD_LEN).unwrap();
        let at_once = descriptor::<V5>().upcast(1, &json);
        let stepwise = descriptor::<V2>().upcast(1, &json).and_then(|second| {
            descriptor::<V5>().upcast(2, second.canonical())
        });
        match (&at_once, &stepwise) {
            (Ok(one), Ok(two)) => {
                prop_assert_eq!(one.canonical(), two.canonical());
                let second = V2::try_from(first).unwrap();
                let expected = V5 { counts: vec![second.count], label: second.label };
                let expected = crate::canonical::to_vec(&expected, PAYLOAD_LEN).unwrap();
                prop_assert_eq!(&one.canonical()[..], &expected[..]);
            }
            (Err(one), Err(two)) => {
                prop_assert!(count == 0 || count == -1);
                prop_assert_eq!(one.problem.to_string(), two.problem.to_string());
            }
            (one, two) => prop_assert!(false, "{one:?} {two:?}"),
        }
    }
}

proptest! {
    /// TYPE-2: what the compiler accepts as a name is what a board accepts.
    #[test]
    fn names_are_checked_alike(text in "[a-zA-Z0-9_. é\n-]{0,4}|x{198,202}") {
        prop_assert_eq!(is_type_name(&text), TypeName::new(text).is_ok());
    }
}
