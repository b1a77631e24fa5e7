//! Where in a JSON Schema its sub-schemas stand, and what each keyword is for.

use serde_json::{Map, Value};

/// What the value of a keyword is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Holds {
    /// A schema.
    Schema,
    /// A list of schemas whose order counts.
    Tuple,
    /// A list of schemas whose order does not count.
    Branches,
    /// A schema for each of some names.
    Named,
    /// A list of values whose order does not count, or one value.
    Set,
    /// Nothing that changes which payloads are valid, or what they mean.
    Remark,
    /// Something else.
    Other,
}

/// What the value of this keyword is.
pub(super) fn holds(keyword: &str) -> Holds {
    match keyword {
        "additionalProperties"
        | "contains"
        | "contentSchema"
        | "else"
        | "if"
        | "items"
        | "not"
        | "propertyNames"
        | "then"
        | "unevaluatedItems"
        | "unevaluatedProperties" => Holds::Schema,
        "prefixItems" => Holds::Tuple,
        "allOf" | "anyOf" | "oneOf" => Holds::Branches,
        "dependentSchemas" | "patternProperties" | "properties" => Holds::Named,
        "enum" | "required" | "type" => Holds::Set,
        "$anchor" | "$comment" | "$defs" | "$id" | "$schema" | "definitions" | "deprecated"
        | "description" | "examples" | "title" => Holds::Remark,
        _ => Holds::Other,
    }
}

/// The smallest and largest values of the integer formats that schemas of Rust types name, as far
/// as a payload can hold them.
pub(super) fn integer_bounds(schema: &Map<String, Value>) -> Option<(i128, i128)> {
    let of_integer = |name: &Value| matches!(name.as_str(), Some("integer" | "null"));
    let integer = match schema.get("type")? {
        // An optional integer has the bounds of the integer.
        Value::Array(names) => names.iter().all(of_integer),
        name => name == "integer",
    };
    if !integer {
        return None;
    }
    let (least, greatest) = match schema.get("format")?.as_str()? {
        "int8" => (i128::from(i8::MIN), i128::from(i8::MAX)),
        "int16" => (i128::from(i16::MIN), i128::from(i16::MAX)),
        "int32" => (i128::from(i32::MIN), i128::from(i32::MAX)),
        "int64" | "int" => (i128::from(i64::MIN), i128::from(i64::MAX)),
        "int128" => (i128::from(i64::MIN), i128::from(u64::MAX)),
        "uint8" => (0, i128::from(u8::MAX)),
        "uint16" => (0, i128::from(u16::MAX)),
        "uint32" => (0, i128::from(u32::MAX)),
        "uint64" | "uint" | "uint128" => (0, i128::from(u64::MAX)),
        _ => return None,
    };
    Some((least, greatest))
}
