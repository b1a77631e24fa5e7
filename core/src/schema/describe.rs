//! A schema in a few words, for people.

use serde_json::{Map, Value};

use super::normal::listed_values;

/// How many characters of listed values are shown.
const VALUES_CHARS_MAX: usize = 60;

/// What a schema allows, in a few words: `integer (uint8)`, `list of string`, `object or null`.
pub(super) fn describe(schema: &Value) -> String {
    let Value::Object(keywords) = schema else {
        return if *schema == Value::Bool(false) { "nothing" } else { "anything" }.to_owned();
    };
    if keywords.contains_key("$ref") {
        return "the type itself".to_owned();
    }
    if let Some(values) = listed_values(schema) {
        return format!("one of {}", list(values));
    }
    for keyword in ["oneOf", "anyOf"] {
        if let Some(Value::Array(branches)) = keywords.get(keyword) {
            return choice(branches);
        }
    }
    if let Some(Value::Array(all)) = keywords.get("allOf") {
        return all.iter().map(describe).collect::<Vec<_>>().join(" and ");
    }
    match keywords.get("type") {
        Some(Value::String(name)) => typed(name, keywords),
        Some(Value::Array(names)) => {
            let mut names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
            names.sort_unstable_by_key(|name| *name == "null");
            let names: Vec<String> = names.iter().map(|name| typed(name, keywords)).collect();
            names.join(" or ")
        }
        _ => "anything".to_owned(),
    }
}

/// Values as a list of canonical texts, cut where it grows long.
pub(super) fn list(values: &[Value]) -> String {
    let mut text = String::new();
    for (index, value) in values.iter().enumerate() {
        if text.len() > VALUES_CHARS_MAX {
            text.push_str(&format!(" and {} more", values.len() - index));
            break;
        }
        text.push_str(if index > 0 { ", " } else { "" });
        text.push_str(&value.to_string());
    }
    text
}

fn choice(branches: &[Value]) -> String {
    let null = |branch: &&Value| branch.get("type").and_then(Value::as_str) == Some("null");
    let (nulls, others): (Vec<&Value>, Vec<&Value>) = branches.iter().partition(null);
    match (others.as_slice(), nulls.is_empty()) {
        ([only], false) => format!("{} or null", describe(only)),
        _ => format!("one of {} shapes", branches.len()),
    }
}

fn typed(name: &str, keywords: &Map<String, Value>) -> String {
    match (name, keywords.get("format").and_then(Value::as_str)) {
        ("array", _) => match (keywords.get("items"), keywords.get("prefixItems")) {
            (_, Some(Value::Array(parts))) => {
                let parts: Vec<_> = parts.iter().map(describe).collect();
                format!("tuple of {}", parts.join(", "))
            }
            (Some(items), _) => format!("list of {}", describe(items)),
            (None, _) => "list".to_owned(),
        },
        ("object", _) => match keywords.get("additionalProperties") {
            Some(values @ Value::Object(_)) if !keywords.contains_key("properties") => {
                format!("map to {}", describe(values))
            }
            _ => "object".to_owned(),
        },
        ("null", _) | (_, None) => name.to_owned(),
        (_, Some(format)) => format!("{name} ({format})"),
    }
}
