//! References of a schema: definitions are put where they are referred to, so that their names do
//! not count. A type that contains itself keeps a reference, to where it contains itself.

use serde_json::{Map, Value};

use super::keyword::{Holds, holds};
use crate::canonical::{self, pointer_step};

/// Schemas in one schema, after its definitions are put in place.
const SCHEMAS_MAX: usize = 20_000;
/// Schemas inside each other.
const LEVELS_MAX: usize = 60;

/// A schema that cannot be brought into its normal form.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// It refers to something that is not in it.
    #[error("the schema refers to `{reference}`, which is not in it")]
    Unresolved {
        /// What it refers to.
        reference: String,
    },
    /// It is too large.
    #[error("the schema has more than {SCHEMAS_MAX} parts when its definitions are put in place")]
    TooLarge,
    /// It is nested too deeply.
    #[error("the schema is nested more than {LEVELS_MAX} deep")]
    TooDeep,
    /// A value in it has no canonical form.
    #[error("the schema has no canonical form")]
    NotCanonical(#[source] canonical::Error),
    /// The text is not JSON.
    #[error("the schema is not JSON")]
    NotJson(#[source] serde_json::Error),
    /// The validator does not understand it.
    #[error("the schema cannot be used: {problem}")]
    Unusable {
        /// What the validator said.
        problem: String,
    },
}

/// The schema without definitions and remarks. A reference that is left is a distance: how many
/// schemas further out the schema stands that it refers to.
pub(super) fn expand(root: &Value) -> Result<Value, Error> {
    Expansion { root, open: Vec::new(), schemas: 0 }.schema(root)
}

struct Expansion<'s> {
    root: &'s Value,
    /// The schemas around the current one, from the outside in; for each, where it came from: more
    /// than one place, where a reference led to it.
    open: Vec<Vec<&'s Value>>,
    schemas: usize,
}

impl<'s> Expansion<'s> {
    fn schema(&mut self, schema: &'s Value) -> Result<Value, Error> {
        self.schemas += 1;
        if self.schemas > SCHEMAS_MAX {
            return Err(Error::TooLarge);
        }
        if self.open.len() == LEVELS_MAX {
            return Err(Error::TooDeep);
        }
        self.open.push(Vec::new());
        let expanded = self.here(schema);
        self.open.pop();
        expanded
    }

    /// Expands a schema at the current level.
    fn here(&mut self, schema: &'s Value) -> Result<Value, Error> {
        let Value::Object(keywords) = schema else { return Ok(schema.clone()) };
        if let Some(level) = self.open.last_mut() {
            level.push(schema);
        }
        let mut expanded = Map::new();
        for (keyword, value) in keywords {
            if let Some(value) = self.keyword(keyword, value)? {
                expanded.insert(keyword.clone(), value);
            }
        }
        match keywords.get("$ref") {
            Some(Value::String(reference)) => self.reference(reference, expanded),
            _ => Ok(Value::Object(expanded)),
        }
    }

    fn keyword(&mut self, keyword: &str, value: &'s Value) -> Result<Option<Value>, Error> {
        let expanded = match (holds(keyword), value) {
            (Holds::Remark, _) => return Ok(None),
            _ if keyword == "$ref" => return Ok(None),
            (Holds::Schema, Value::Object(_)) => self.schema(value)?,
            (Holds::Schema | Holds::Tuple | Holds::Branches, Value::Array(schemas)) => {
                schemas.iter().map(|schema| self.schema(schema)).collect::<Result<_, _>>()?
            }
            (Holds::Named, Value::Object(schemas)) => {
                let mut named = Map::new();
                for (name, schema) in schemas {
                    named.insert(name.clone(), self.schema(schema)?);
                }
                Value::Object(named)
            }
            _ => value.clone(),
        };
        Ok(Some(expanded))
    }

    /// Puts what is referred to in place, beside what else the referring schema says.
    fn reference(&mut self, reference: &str, beside: Map<String, Value>) -> Result<Value, Error> {
        let unresolved = || Error::Unresolved { reference: reference.to_owned() };
        let target = find(self.root, reference).ok_or_else(unresolved)?;
        let level = self
            .open
            .iter()
            .rposition(|places| places.iter().any(|place| std::ptr::eq(*place, target)));
        if let Some(level) = level {
            let distance = self.open.len() - 1 - level;
            if distance == 0 {
                return Err(unresolved());
            }
            let mut beside = beside;
            beside.insert("$ref".to_owned(), distance.into());
            return Ok(Value::Object(beside));
        }
        let annotation =
            |keyword: &String| matches!(keyword.as_str(), "default" | "readOnly" | "writeOnly");
        if target.is_object() && beside.keys().all(annotation) {
            let mut expanded = self.here(target)?;
            if let Value::Object(keywords) = &mut expanded {
                keywords.extend(beside);
            }
            return Ok(expanded);
        }
        let mut beside = beside;
        let mut all = match beside.remove("allOf") {
            Some(Value::Array(schemas)) => schemas,
            _ => Vec::new(),
        };
        all.push(self.schema(target)?);
        beside.insert("allOf".to_owned(), Value::Array(all));
        Ok(Value::Object(beside))
    }
}

/// What a reference inside a schema leads to.
fn find<'s>(root: &'s Value, reference: &str) -> Option<&'s Value> {
    root.pointer(&percent_decode(reference.strip_prefix('#')?)?)
}

/// Turns the distances back into references, now that every schema has its place.
pub(super) fn resolve(mut schema: Value) -> Value {
    resolve_in(&mut schema, &mut Vec::new(), String::new());
    schema
}

fn resolve_in(schema: &mut Value, open: &mut Vec<String>, place: String) {
    let Value::Object(keywords) = schema else { return };
    if let Some(distance) = keywords.get("$ref").and_then(Value::as_u64) {
        let outer = usize::try_from(distance).ok().and_then(|d| open.len().checked_sub(d));
        let pointer = outer.and_then(|at| open.get(at)).cloned().unwrap_or_default();
        keywords.insert("$ref".to_owned(), format!("#{pointer}").into());
    }
    open.push(place);
    let place = open.last().cloned().unwrap_or_default();
    for (keyword, value) in keywords.iter_mut() {
        let inside = |step: &dyn std::fmt::Display| {
            let step = percent_encode(&pointer_step(step));
            format!("{place}/{keyword}{step}")
        };
        match (holds(keyword), value) {
            (Holds::Schema, schema @ Value::Object(_)) => {
                resolve_in(schema, open, format!("{place}/{keyword}"));
            }
            (Holds::Schema | Holds::Tuple | Holds::Branches, Value::Array(schemas)) => {
                for (index, schema) in schemas.iter_mut().enumerate() {
                    resolve_in(schema, open, inside(&index));
                }
            }
            (Holds::Named, Value::Object(schemas)) => {
                for (name, schema) in schemas.iter_mut() {
                    resolve_in(schema, open, inside(name));
                }
            }
            _ => {}
        }
    }
    open.pop();
}

/// A JSON pointer as the fragment of a URI.
fn percent_encode(pointer: &str) -> String {
    let mut encoded = String::with_capacity(pointer.len());
    for byte in pointer.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'/' | b'-' | b'_' | b'.' | b'~' | b'$') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

fn percent_decode(fragment: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(fragment.len());
    let mut rest = fragment.as_bytes();
    while let Some((&byte, behind)) = rest.split_first() {
        rest = behind;
        if byte == b'%' {
            let digits = str::from_utf8(rest.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &rest[2..];
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}
