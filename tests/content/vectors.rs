//! The cases of `vectors.toml`, and how one board is held to them.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use artel::{Artifact, Board, Publication, PublishError, Query, Running};
use artel_core::canonical::{self, Refusal};
use artel_core::names;
use artel_core::policy::limits;
use artel_core::schema::Reason;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Vectors {
    payload: Vec<Payload>,
    text: Vec<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Payload {
    name: String,
    json: Option<String>,
    hex: Option<String>,
    fill: Option<String>,
    #[serde(default)]
    times: usize,
    #[serde(default)]
    mirrored: bool,
    stored: Option<String>,
    refused: Option<String>,
    #[serde(default)]
    untyped: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    what: String,
    text: String,
    #[serde(default)]
    times: usize,
    refused: Option<String>,
}

impl Payload {
    /// The JSON as somebody wrote it.
    fn bytes(&self) -> Vec<u8> {
        if let Some(hex) = &self.hex {
            let pairs = hex.as_bytes().chunks(2);
            return pairs
                .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
                .collect();
        }
        let json = self.json.as_deref().unwrap();
        let filled = self.fill.as_deref().unwrap_or_default().repeat(self.times);
        let json = json.replace('~', &filled);
        match self.mirrored {
            true => json.replace(':', &"]".repeat(self.times)).into_bytes(),
            false => json.into_bytes(),
        }
    }

    /// What a log holds of it.
    fn stored(&self) -> Vec<u8> {
        self.stored.as_ref().map_or_else(|| self.bytes(), |stored| stored.clone().into_bytes())
    }
}

/// JSON as it was written: with keys that repeat, in their order.
#[derive(Clone, Debug)]
enum Json {
    Null,
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    Float(f64),
    Text(String),
    List(Vec<Self>),
    Object(Vec<(String, Self)>),
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Signed(number) => serializer.serialize_i64(*number),
            Self::Unsigned(number) => serializer.serialize_u64(*number),
            Self::Float(number) => serializer.serialize_f64(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => serializer.collect_seq(items),
            Self::Object(fields) => {
                let mut map = serializer.serialize_map(Some(fields.len()))?;
                for (key, value) in fields {
                    map.serialize_entry(key, value)?;
                }
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Reading)
    }
}

struct Reading;

impl<'de> Visitor<'de> for Reading {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Json, E> {
        Ok(Json::Signed(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Json, E> {
        Ok(Json::Unsigned(number))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Json, E> {
        Ok(Json::Float(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element()? {
            items.push(item);
        }
        Ok(Json::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Json::Object(fields))
    }
}

/// An artifact that may be anything.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(transparent)]
struct Anything(Json);

impl Artifact for Anything {
    const NAME: &'static str = "Anything";
    const VERSION: u32 = 1;
}

impl JsonSchema for Anything {
    fn schema_name() -> Cow<'static, str> {
        "Anything".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        true.into()
    }
}

/// The code of a refusal in the file.
fn refused_json(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Nul { .. } => "nul",
        Refusal::RepeatedKey { .. } => "repeated-key",
        Refusal::NotUtf8 { .. } => "not-utf8",
        Refusal::TooDeep { .. } => "too-deep",
        Refusal::Number { .. } => "number",
        Refusal::TooLong { .. } => "too-long",
        _ => "json",
    }
}

const fn refused_name(error: &names::Error) -> &'static str {
    match error {
        names::Error::Empty { .. } => "empty",
        names::Error::TooLong { .. } => "too-long",
        names::Error::Character { .. } => "character",
    }
}

fn refused(error: &PublishError) -> &'static str {
    match error {
        PublishError::Payload { source, .. } => match &source.reason {
            Reason::Canonical(refusal) => refused_json(refusal),
            _ => source.code(),
        },
        PublishError::Name { source, .. } => refused_name(source),
        other => other.code(),
    }
}

/// A board that takes anything.
async fn board(url: &str) -> Running {
    let board = Board::open(url).await.unwrap();
    board.type_of::<Anything>();
    board.start().await.unwrap()
}

/// Publishes each case on a board, and reads back what it accepts; again when the board was opened anew.
pub(crate) async fn hold(url: &str) {
    let vectors: Vectors =
        toml::from_str(include_str!("vectors.toml")).unwrap_or_else(|error| panic!("{error}"));
    let running = board(url).await;
    let mut kept = Vec::new();
    for vector in &vectors.payload {
        let name = &vector.name;
        let edge = canonical::from_json(&vector.bytes(), limits::PAYLOAD_LEN);
        match (&edge, &vector.refused) {
            (Ok(canonical), None) => assert_eq!(*canonical, vector.stored(), "{name}"),
            (Err(error), Some(code)) => {
                assert_eq!(refused_json(error.refusal()), code, "{name}: {error}");
            }
            (edge, fate) => panic!("{name}: {edge:?} where {fate:?} was to be"),
        }
        if vector.untyped {
            continue;
        }
        let typed: Json = read(&vector.bytes());
        let before = running.durable();
        match (running.publish(Anything(typed)).await, &vector.refused) {
            (Ok(receipt), None) => kept.push((receipt.id, name, vector.stored())),
            (Err(error), Some(code)) => {
                assert_eq!(refused(&error), code, "{name}: {error:?}");
                assert_eq!(running.durable(), before, "{name}: nothing is written");
            }
            (published, fate) => panic!("{name}: {published:?} where {fate:?} was to be"),
        }
    }
    texts(&running, &vectors.text).await;
    assert!(kept.len() > 15, "there were cases");
    look(&running, &kept).await;
    if url != "memory:" {
        assert!(running.shutdown().await.complete);
        look(&board(url).await, &kept).await;
    }
}

/// JSON with all that Rust can hold of it, however deep.
fn read(json: &[u8]) -> Json {
    let mut reader = serde_json::Deserializer::from_slice(json);
    reader.disable_recursion_limit();
    Json::deserialize(&mut reader).unwrap()
}

async fn look(running: &Running, kept: &[(artel::ids::ArtifactId, &String, Vec<u8>)]) {
    for (id, name, stored) in kept {
        let found = running.get(*id).await.unwrap().unwrap();
        assert!(found.payload().unwrap() == stored, "{name}: it came back otherwise");
    }
}

/// Tags lead to what has them and to nothing else, and keys are the same only where their bytes are.
async fn texts(running: &Running, texts: &[Text]) {
    for case in texts {
        let text = case.text.repeat(case.times.max(1));
        let shown = format!("{} {:.20?} ({} bytes)", case.what, text, text.len());
        let publication = || {
            let publication = Publication::new(Anything(Json::Null));
            match case.what.as_str() {
                "tag" => publication.tag(text.clone()),
                "idempotency key" => publication.idempotency_key(text.clone()),
                what => panic!("there is no `{what}`"),
            }
        };
        let published = running.publish(publication()).await;
        match (published, &case.refused) {
            (Err(error), Some(code)) => assert_eq!(refused(&error), code, "{shown}: {error:?}"),
            (Ok(receipt), None) if case.what == "tag" => {
                let found = running.artifacts(&Query::default().tag(text.clone())).await.unwrap();
                let ids: Vec<_> = found.artifacts.iter().map(|found| found.id()).collect();
                assert_eq!(ids, [receipt.id], "{shown}");
                let tags: Vec<_> =
                    found.artifacts[0].tags().iter().map(ToString::to_string).collect();
                assert_eq!(tags, [text.as_str()], "{shown}");
            }
            (Ok(receipt), None) => {
                assert!(!receipt.duplicate, "{shown}");
                let again = running.publish(publication()).await.unwrap();
                assert_eq!((again.id, again.duplicate), (receipt.id, true), "{shown}");
            }
            (published, fate) => panic!("{shown}: {published:?} where {fate:?} was to be"),
        }
    }
}
