//! Whether a value of a Rust type can break its own schema. Where it cannot, publishing one does
//! not check it.

use serde_json::{Map, Value};

use super::diff::{What, diff};
use super::keyword::{Holds, holds, integer_bounds};
use super::normal::Schema;

/// Whether whatever is written of a type is valid under what it is read by: the schema says nothing
/// that the Rust type does not enforce, and the type is written in the shape that it is read in.
///
/// This takes the types' own word: a hand-written `JsonSchema` that describes something else, or
/// `#[schemars(with = …)]`, is believed.
pub(crate) fn valid_by_construction(read: &Schema, written: &Schema) -> bool {
    let only_always_there = diff(read, written)
        .iter()
        .all(|change| matches!(change.what, What::Required { now: true }));
    only_always_there && is_structural(read.value())
}

/// Whether a schema says no more than a Rust type does.
fn is_structural(schema: &Value) -> bool {
    let Value::Object(keywords) = schema else { return *schema == Value::Bool(true) };
    keywords.iter().all(|(keyword, value)| is_structural_keyword(keywords, keyword, value))
}

fn is_structural_keyword(schema: &Map<String, Value>, keyword: &str, value: &Value) -> bool {
    match (keyword, holds(keyword), value) {
        ("additionalProperties" | "items", _, Value::Bool(_)) => true,
        ("additionalProperties" | "items", _, inner) => is_structural(inner),
        (_, Holds::Tuple | Holds::Branches, Value::Array(schemas)) => {
            schemas.iter().all(is_structural)
        }
        ("properties", _, Value::Object(schemas)) => schemas.values().all(is_structural),
        // `format` is a remark in this dialect of JSON Schema: the validator does not look at it.
        (_, Holds::Set, _) | ("$ref" | "default" | "format" | "readOnly" | "writeOnly", _, _) => {
            true
        }
        // A tuple has its length by its type; a list might have been given a bound.
        ("minItems" | "maxItems", _, Value::Number(len)) => {
            let parts = schema.get("prefixItems").and_then(Value::as_array).map(Vec::len);
            parts.is_some_and(|parts| len.as_u64() == u64::try_from(parts).ok())
        }
        ("minimum" | "maximum", _, Value::Number(bound)) => {
            let Some((least, greatest)) = integer_bounds(schema) else { return false };
            let bound = bound.as_i128();
            bound.is_some_and(|b| if keyword == "minimum" { b <= least } else { b >= greatest })
        }
        _ => keyword.starts_with("x-"),
    }
}
