//! What differs between two schemas, field by field.

use std::collections::BTreeSet;
use std::fmt;

use serde_json::Value;

use super::describe::{describe, list};
use super::keyword::{Holds, holds};
use super::normal::{Schema, listed_values};

/// One difference between two schemas of a type.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// Where: `items[].price`, with `[]` for the elements of a list, `{}` for the values of a map
    /// and `<Name>` for a variant; empty for the payload itself.
    pub at: String,
    /// What differs there.
    pub what: What,
}

/// What differs at one place of two schemas.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum What {
    /// A field is there that was not.
    FieldAdded {
        /// Whether every payload must have it.
        required: bool,
        /// What it is.
        kind: String,
    },
    /// A field is not there that was.
    FieldRemoved {
        /// What it was.
        kind: String,
    },
    /// A field must be there that could be absent, or the other way round.
    Required {
        /// Whether it must be there now.
        now: bool,
    },
    /// A value is of another type.
    Type {
        /// What it was.
        from: String,
        /// What it is.
        to: String,
    },
    /// Values are allowed that were not.
    ValuesAdded {
        /// The values, as JSON.
        values: String,
    },
    /// Values are not allowed that were.
    ValuesRemoved {
        /// The values, as JSON.
        values: String,
    },
    /// A shape is allowed that was not.
    VariantAdded {
        /// The variant's name, or what it is.
        variant: String,
    },
    /// A shape is not allowed that was.
    VariantRemoved {
        /// The variant's name, or what it was.
        variant: String,
    },
    /// A bound, a default or another keyword.
    Keyword {
        /// The keyword of JSON Schema.
        keyword: String,
        /// Its value before, as JSON; none where it was not there.
        from: Option<String>,
        /// Its value now, as JSON; none where it is not there.
        to: Option<String>,
    },
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.at.as_str() {
            "" => f.write_str("the payload: ")?,
            at => write!(f, "`{at}`: ")?,
        }
        match &self.what {
            What::FieldAdded { required: true, kind } => write!(f, "new required field, {kind}"),
            What::FieldAdded { required: false, kind } => write!(f, "new field, {kind}"),
            What::FieldRemoved { kind } => write!(f, "field removed, it was {kind}"),
            What::Required { now: true } => f.write_str("was optional, is required"),
            What::Required { now: false } => f.write_str("was required, is optional"),
            What::Type { from, to } => write!(f, "type changed from {from} to {to}"),
            What::ValuesAdded { values } => write!(f, "values added: {values}"),
            What::ValuesRemoved { values } => write!(f, "values removed: {values}"),
            What::VariantAdded { variant } => write!(f, "variant added: {variant}"),
            What::VariantRemoved { variant } => write!(f, "variant removed: {variant}"),
            What::Keyword { keyword, from: None, to: Some(to) } => {
                write!(f, "{keyword} added: {to}")
            }
            What::Keyword { keyword, from: Some(from), to: None } => {
                write!(f, "{keyword} removed, it was {from}")
            }
            What::Keyword { keyword, from, to } => {
                let shown = |value: &Option<String>| value.clone().unwrap_or_default();
                write!(f, "{keyword} changed from {} to {}", shown(from), shown(to))
            }
        }
    }
}

/// What differs from `old` in `new`. Empty exactly when the two are equal.
#[must_use]
pub fn diff(old: &Schema, new: &Schema) -> Vec<Change> {
    let mut comparison = Comparison { changes: Vec::new() };
    comparison.schemas(Side::root(old), Side::root(new), "");
    comparison.changes
}

/// A schema inside one of the two that are compared.
#[derive(Clone, Copy)]
struct Side<'s> {
    schema: &'s Value,
    /// How many steps of a pointer lead to it.
    depth: usize,
}

impl<'s> Side<'s> {
    fn root(schema: &'s Schema) -> Self {
        Self { schema: schema.value(), depth: 0 }
    }

    /// The schema that stands so many steps further in.
    fn inside(&self, schema: &'s Value, steps: usize) -> Self {
        Self { schema, depth: self.depth + steps }
    }

    fn field(&self, name: &str) -> Option<&'s Value> {
        self.schema.get("properties")?.get(name)
    }

    fn field_names(&self) -> impl Iterator<Item = &'s str> + use<'s> {
        let properties = self.schema.get("properties").and_then(Value::as_object);
        properties.into_iter().flat_map(|fields| fields.keys().map(String::as_str))
    }

    fn required_names(&self) -> impl Iterator<Item = &'s str> + use<'s> {
        let names = self.schema.get("required").and_then(Value::as_array);
        names.into_iter().flatten().filter_map(Value::as_str)
    }

    /// How far out a reference leads: equal for equal types, wherever they stand.
    fn distance(&self) -> Option<usize> {
        let target = self.schema.get("$ref")?.as_str()?;
        self.depth.checked_sub(target.matches('/').count())
    }
}

struct Comparison {
    changes: Vec<Change>,
}

/// The shapes between which a schema chooses, if that is all it says.
fn branches(schema: &Value) -> Option<(&str, &[Value])> {
    let keywords = schema.as_object()?;
    let (keyword, value) = keywords.iter().next().filter(|_| keywords.len() == 1)?;
    match keyword.as_str() {
        "enum" => Some(("", std::slice::from_ref(schema))),
        "oneOf" | "anyOf" => Some((keyword.as_str(), value.as_array()?)),
        _ => None,
    }
}

/// What a shape is called: its variant's name, where it has one.
fn label(branch: &Value) -> String {
    let named = || {
        let properties = branch.get("properties")?.as_object()?;
        let only = properties.keys().next().filter(|_| properties.len() == 1);
        if branch.get("additionalProperties") == Some(&Value::Bool(false)) && only.is_some() {
            return only.cloned();
        }
        let tag = properties.values().find_map(|field| match listed_values(field)?.as_slice() {
            [Value::String(tag)] => Some(tag),
            _ => None,
        });
        tag.cloned()
    };
    named().unwrap_or_else(|| describe(branch))
}

impl Comparison {
    fn push(&mut self, at: &str, what: What) {
        self.changes.push(Change { at: at.to_owned(), what });
    }

    fn type_changed(&mut self, old: &Value, new: &Value, at: &str) {
        let (from, mut to) = (describe(old), describe(new));
        if from == to {
            to.push_str(" of another shape");
        }
        self.push(at, What::Type { from, to });
    }

    fn schemas(&mut self, old: Side<'_>, new: Side<'_>, at: &str) {
        if let (Some((kind, olds)), Some((now, news))) =
            (branches(old.schema), branches(new.schema))
            && (kind == now || kind.is_empty() || now.is_empty())
        {
            if old.schema != new.schema {
                let step = |kind: &str| if kind.is_empty() { 0 } else { 2 };
                let (old_depth, new_depth) = (old.depth + step(kind), new.depth + step(now));
                self.branches((olds, old_depth), (news, new_depth), at);
            }
            return;
        }
        let (Value::Object(olds), Value::Object(news)) = (old.schema, new.schema) else {
            if old.schema != new.schema {
                self.type_changed(old.schema, new.schema, at);
            }
            return;
        };
        let kinds = ["type", "format", "enum", "oneOf", "anyOf", "$ref"];
        let differs = |keyword: &str| match keyword {
            "$ref" => old.distance() != new.distance(),
            "oneOf" | "anyOf" => olds.contains_key(keyword) != news.contains_key(keyword),
            _ => olds.get(keyword) != news.get(keyword),
        };
        if kinds.into_iter().any(differs) {
            self.type_changed(old.schema, new.schema, at);
            return;
        }
        self.fields(old, new, at);
        let keywords: BTreeSet<&String> = olds.keys().chain(news.keys()).collect();
        for keyword in keywords {
            let both = (olds.get(keyword), news.get(keyword));
            self.keyword((old, new), keyword, both, at);
        }
    }

    fn keyword(
        &mut self,
        (old, new): (Side<'_>, Side<'_>),
        keyword: &str,
        both: (Option<&Value>, Option<&Value>),
        at: &str,
    ) {
        match (keyword, holds(keyword), both) {
            ("properties" | "required" | "$ref", _, _) => {}
            (_, _, (from, to)) if from == to => {}
            (_, Holds::Schema, (Some(from @ Value::Object(_)), Some(to @ Value::Object(_)))) => {
                let at = match keyword {
                    "items" => format!("{at}[]"),
                    "additionalProperties" => format!("{at}{{}}"),
                    _ => format!("{at}<{keyword}>"),
                };
                self.schemas(old.inside(from, 1), new.inside(to, 1), &at);
            }
            (_, Holds::Tuple, (Some(Value::Array(from)), Some(Value::Array(to))))
                if from.len() == to.len() =>
            {
                for (index, (from, to)) in from.iter().zip(to).enumerate() {
                    let at = format!("{at}[{index}]");
                    self.schemas(old.inside(from, 2), new.inside(to, 2), &at);
                }
            }
            (_, Holds::Branches, (Some(Value::Array(from)), Some(Value::Array(to)))) => {
                self.branches((from, old.depth + 2), (to, new.depth + 2), at);
            }
            (_, _, (from, to)) => {
                let text = |value: Option<&Value>| value.map(Value::to_string);
                let (from, to) = (text(from), text(to));
                self.push(at, What::Keyword { keyword: keyword.to_owned(), from, to });
            }
        }
    }

    fn fields(&mut self, old: Side<'_>, new: Side<'_>, at: &str) {
        let names: BTreeSet<&str> = [old, new]
            .into_iter()
            .flat_map(|side| side.field_names().chain(side.required_names()))
            .collect();
        for name in names {
            let place = if at.is_empty() { name.to_owned() } else { format!("{at}.{name}") };
            let required = |side: Side<'_>| side.required_names().any(|required| required == name);
            let (was, now) = (required(old), required(new));
            match (old.field(name), new.field(name)) {
                (None, Some(field)) => {
                    let kind = describe(field);
                    self.push(&place, What::FieldAdded { required: now, kind });
                }
                (Some(field), None) => {
                    self.push(&place, What::FieldRemoved { kind: describe(field) });
                }
                (from, to) => {
                    if was != now {
                        self.push(&place, What::Required { now });
                    }
                    if let (Some(from), Some(to)) = (from, to) {
                        self.schemas(old.inside(from, 2), new.inside(to, 2), &place);
                    }
                }
            }
        }
    }

    /// Compares two choices: shapes of the same name with each other, values as one set.
    fn branches(
        &mut self,
        (olds, old_depth): (&[Value], usize),
        (news, new_depth): (&[Value], usize),
        at: &str,
    ) {
        let values = |branches: &[Value]| -> Vec<Value> {
            branches.iter().filter_map(listed_values).flatten().cloned().collect()
        };
        let (old_values, new_values) = (values(olds), values(news));
        let missing_in = |all: &[Value], from: &[Value]| -> Vec<Value> {
            from.iter().filter(|value| !all.contains(value)).cloned().collect()
        };
        let added = missing_in(&old_values, &new_values);
        if !added.is_empty() {
            self.push(at, What::ValuesAdded { values: list(&added) });
        }
        let removed = missing_in(&new_values, &old_values);
        if !removed.is_empty() {
            self.push(at, What::ValuesRemoved { values: list(&removed) });
        }
        let mut news: Vec<&Value> = news.iter().filter(|b| listed_values(b).is_none()).collect();
        for old in olds.iter().filter(|branch| listed_values(branch).is_none()) {
            let label_of_old = label(old);
            let same = news.iter().position(|new| *new == old);
            let named = || news.iter().position(|new| label(new) == label_of_old);
            let Some(index) = same.or_else(named) else {
                self.push(at, What::VariantRemoved { variant: label_of_old });
                continue;
            };
            let old = Side { schema: old, depth: old_depth };
            let new = Side { schema: news.remove(index), depth: new_depth };
            self.schemas(old, new, &format!("{at}<{label_of_old}>"));
        }
        for new in news {
            self.push(at, What::VariantAdded { variant: label(new) });
        }
    }
}
