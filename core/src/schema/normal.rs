//! The normal form of a schema. Titles, descriptions, examples, the order of keys and the names of
//! definitions do not count, nor does the order of an enum's variants, nor whether its variants are
//! documented.

use std::fmt;
use std::sync::Arc;

use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value};

use super::expand::{self, Error};
use super::keyword::{Holds, holds};
use crate::canonical;
use crate::policy::limits::PAYLOAD_LEN_MAX;

/// A JSON Schema in normal form.
#[derive(Clone)]
pub struct Schema {
    value: Arc<Value>,
    text: Arc<str>,
}

impl Schema {
    /// What payloads of `T` have to be, so that `T` can be read from them.
    ///
    /// # Errors
    /// When the schema that the type gives refers to what is not in it, or is too large.
    pub fn of<T: JsonSchema>() -> Result<Self, Error> {
        Self::generate::<T>(SchemaSettings::draft2020_12().for_deserialize())
    }

    /// What values of `T` are when they are written.
    pub(crate) fn of_written<T: JsonSchema>() -> Result<Self, Error> {
        Self::generate::<T>(SchemaSettings::draft2020_12().for_serialize())
    }

    fn generate<T: JsonSchema>(settings: SchemaSettings) -> Result<Self, Error> {
        Self::from_json_schema(settings.into_generator().into_root_schema_for::<T>().as_value())
    }

    /// The normal form of a schema that somebody else wrote.
    ///
    /// # Errors
    /// When the schema refers to what is not in it, or is too large.
    pub fn from_json_schema(schema: &Value) -> Result<Self, Error> {
        Self::from_normal(expand::resolve(normalise(expand::expand(schema)?)))
    }

    /// Takes back what [`text`](Self::text) gave.
    ///
    /// # Errors
    /// When the text is not JSON.
    pub fn from_text(text: &str) -> Result<Self, Error> {
        let value = serde_json::from_str(text).map_err(Error::NotJson)?;
        Ok(Self { value: Arc::new(value), text: text.into() })
    }

    fn from_normal(value: Value) -> Result<Self, Error> {
        let text = canonical::to_vec(&value, PAYLOAD_LEN_MAX).map_err(Error::NotCanonical)?;
        let text = String::from_utf8_lossy(&text).into();
        Ok(Self { value: Arc::new(value), text })
    }

    /// The schema as canonical JSON.
    #[must_use]
    pub const fn text(&self) -> &Arc<str> {
        &self.text
    }

    /// The schema as a tree.
    #[must_use]
    pub fn value(&self) -> &Value {
        &self.value
    }
}

impl PartialEq for Schema {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Schema {}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Schema({})", self.text)
    }
}

/// Brings what is written in several ways into one of them. References stand in the schema as
/// distances, so that nothing here has to know where it is.
fn normalise(schema: Value) -> Value {
    let Value::Object(keywords) = schema else { return schema };
    let mut normal: Map<String, Value> = Map::new();
    for (keyword, value) in keywords {
        let value = match (holds(&keyword), value) {
            (Holds::Schema, schema @ Value::Object(_)) => normalise(schema),
            (Holds::Tuple, Value::Array(schemas)) => schemas.into_iter().map(normalise).collect(),
            (Holds::Branches, Value::Array(schemas)) => {
                let schemas: Vec<Value> = schemas.into_iter().map(normalise).collect();
                match keyword.as_str() {
                    "allOf" => set(schemas),
                    // Twice the same is no shape at all where exactly one has to fit.
                    "oneOf" => sorted(merge_enums(schemas)).into(),
                    _ => set(merge_enums(schemas)),
                }
            }
            (Holds::Named, Value::Object(schemas)) => Value::Object(
                schemas.into_iter().map(|(name, schema)| (name, normalise(schema))).collect(),
            ),
            (Holds::Set, Value::Array(values)) => set(values),
            (_, value) => value,
        };
        let empty = match &value {
            Value::Array(values) => keyword == "required" && values.is_empty(),
            Value::Object(schemas) => keyword == "properties" && schemas.is_empty(),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
        };
        if keyword == "const" {
            normal.insert("enum".to_owned(), Value::Array(vec![value]));
        } else if !empty {
            normal.insert(keyword, value);
        }
    }
    drop_implied_type(&mut normal);
    only_branch(normal)
}

/// A list whose order does not count: in the order of the canonical texts.
fn sorted(mut values: Vec<Value>) -> Vec<Value> {
    let text = |value: &Value| canonical::to_vec(value, PAYLOAD_LEN_MAX).unwrap_or_default();
    values.sort_by_cached_key(text);
    values
}

/// A list as a set.
fn set(values: Vec<Value>) -> Value {
    let mut values = sorted(values);
    values.dedup();
    Value::Array(values)
}

/// The type of listed values is in the values.
fn drop_implied_type(schema: &mut Map<String, Value>) {
    let (Some(Value::Array(values)), Some(Value::String(wanted))) =
        (schema.get("enum"), schema.get("type"))
    else {
        return;
    };
    let is_wanted = |value: &Value| match value {
        Value::Null => wanted == "null",
        Value::Bool(_) => wanted == "boolean",
        Value::Number(number) => wanted == "number" || (wanted == "integer" && !number.is_f64()),
        Value::String(_) => wanted == "string",
        Value::Array(_) => wanted == "array",
        Value::Object(_) => wanted == "object",
    };
    if values.iter().all(is_wanted) {
        schema.remove("type");
    }
}

/// The values of a schema that is nothing but a list of them.
pub(super) fn listed_values(schema: &Value) -> Option<&Vec<Value>> {
    let keywords = schema.as_object()?;
    if keywords.len() != 1 {
        return None;
    }
    keywords.get("enum")?.as_array()
}

/// Variants without data are one list of values, whether each has a branch of its own or not.
fn merge_enums(branches: Vec<Value>) -> Vec<Value> {
    let (lists, mut others): (Vec<Value>, Vec<Value>) =
        branches.into_iter().partition(|branch| listed_values(branch).is_some());
    let count: usize = lists.iter().filter_map(listed_values).map(Vec::len).sum();
    let merged = set(lists.iter().filter_map(listed_values).flatten().cloned().collect());
    if merged.as_array().map(Vec::len) != Some(count) {
        // A value that is listed twice is valid under `anyOf` and invalid under `oneOf`.
        others.extend(lists);
    } else if count > 0 {
        others.push(Value::Object(Map::from_iter([("enum".to_owned(), merged)])));
    }
    others
}

/// A choice among one list of values is that list.
fn only_branch(mut schema: Map<String, Value>) -> Value {
    if schema.contains_key("enum") {
        return Value::Object(schema);
    }
    for keyword in ["anyOf", "oneOf"] {
        let only = schema.get(keyword).and_then(Value::as_array).filter(|list| list.len() == 1);
        if let Some(values) = only.and_then(|list| listed_values(&list[0])) {
            let values = Value::Array(values.clone());
            schema.remove(keyword);
            schema.insert("enum".to_owned(), values);
            drop_implied_type(&mut schema);
            break;
        }
    }
    Value::Object(schema)
}
