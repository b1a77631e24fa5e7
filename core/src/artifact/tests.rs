//! The rules of artifact types: what a descriptor says, and what it lets through.

use std::any::TypeId;
use std::sync::Arc;

use proptest::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::descriptor::is_type_name;
use super::{Artifact, ErasedArtifact, descriptor};
use crate::names::{self, IdempotencyKey, OrderingKey, Tag, TypeName};
use crate::policy::limits::PAYLOAD_LEN;
use crate::schema::Reason;

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

proptest! {
    /// TYPE-2: what the compiler accepts as a name is what a board accepts.
    #[test]
    fn names_are_checked_alike(text in "[a-zA-Z0-9_. é\n-]{0,4}|x{198,202}") {
        prop_assert_eq!(is_type_name(&text), TypeName::new(text).is_ok());
    }
}
