//! The beginning of an upcaster: Rust that does what a diff of two schemas says by itself, and leaves
//! a gap, which does not compile, wherever a person has to decide.

use std::fmt::Write as _;

use super::diff::{Change, What};
use crate::names::TypeName;

/// How a newer version of a type is declared, and the function that the declaration names.
pub(super) fn skeleton(name: &TypeName, versions: (u32, u32), changes: &[Change]) -> String {
    let (old, new) = versions;
    let function = format!("{}_from_{old}", snake(name.as_str()));
    let mut body = String::new();
    for (object, places) in objects(changes) {
        let lines: String = places.iter().map(|of_one| at_place(of_one)).collect();
        body.push_str(&inside(object.as_deref(), &lines));
    }
    let payload = if has_statement(&body) { "mut payload" } else { "payload" };
    let mut code = format!(
        "#[artifact(name = \"{name}\", version = {new}, upcast({old} = {function}))]\n\n\
         /// Makes a payload of `{name}` version {new} of one of version {old}.\n\
         fn {function}(\n    \
             {payload}: serde_json::Value,\n\
         ) -> Result<serde_json::Value, Box<dyn std::error::Error + Send + Sync>> {{\n"
    );
    code.push_str(&indented(&body));
    code.push_str("    Ok(payload)\n}\n");
    code
}

/// What differs at one place.
type Place<'c> = Vec<&'c Change>;

/// The changes by the object that they are of a field of, and in it by field, each in its order. The
/// object is a path from the payload; none where a change lies in a list, a map or a variant, or is
/// of the payload itself.
fn objects(changes: &[Change]) -> Vec<(Option<String>, Vec<Place<'_>>)> {
    let mut objects: Vec<(Option<String>, Vec<Place<'_>>)> = Vec::new();
    for change in changes {
        let (object, _) = split(change);
        let index = objects.iter().position(|(known, _)| *known == object).unwrap_or_else(|| {
            objects.push((object, Vec::new()));
            objects.len() - 1
        });
        let places = &mut objects[index].1;
        match places.iter_mut().find(|place| place[0].at == change.at) {
            Some(place) => place.push(change),
            None => places.push(vec![change]),
        }
    }
    objects
}

/// The object that a change is of a field of, and the field.
fn split(change: &Change) -> (Option<String>, &str) {
    let at = change.at.as_str();
    if at.is_empty() || at.contains(['[', '{', '<']) {
        return (None, at);
    }
    match at.rsplit_once('.') {
        Some((object, field)) => (Some(object.to_owned()), field),
        None => (Some(String::new()), at),
    }
}

/// Lines about the fields of an object, where `fields` is what the object has.
fn inside(object: Option<&str>, lines: &str) -> String {
    match object {
        None => lines.to_owned(),
        Some(_) if !has_statement(lines) => lines.to_owned(),
        Some("") => format!(
            "let fields = payload.as_object_mut().ok_or(\"the payload is not an object\")?;\n{lines}"
        ),
        Some(path) => {
            let steps = path.split('.').map(|step| step.replace('~', "~0").replace('/', "~1"));
            let pointer: String = steps.map(|step| format!("/{step}")).collect();
            format!(
                "let object = payload.pointer_mut({pointer:?});\n\
                 if let Some(fields) = object.and_then(|object| object.as_object_mut()) {{\n\
                 {}}}\n",
                indented(lines)
            )
        }
    }
}

/// Comments that say what differs at a place, and what is done about it.
fn at_place(changes: &Place<'_>) -> String {
    let mut lines = String::new();
    for change in changes {
        let _ = writeln!(lines, "// {}", change.to_string().replace('\n', " "));
    }
    let (object, field) = split(changes[0]);
    if object.is_none() {
        let value = gap(&format!("payload, changed at {:?}", changes[0].at));
        let _ = writeln!(lines, "payload = {value};");
        return lines;
    }
    let has = |is: fn(&What) -> bool| changes.iter().any(|change| is(&change.what));
    let added = changes.iter().find_map(|change| match &change.what {
        What::FieldAdded { required: true, kind } => Some(kind),
        _ => None,
    });
    let required = has(|what| matches!(what, What::Required { now: true }));
    if let Some(kind) = added {
        let _ = writeln!(lines, "fields.insert({field:?}.to_owned(), {});", gap(kind));
    } else if has(|what| matches!(what, What::FieldRemoved { .. })) {
        let _ = writeln!(lines, "let _{} = fields.remove({field:?});", snake(field));
    } else if has(refuses_old) {
        let insert = format!("fields.insert({field:?}.to_owned(), {});", gap("made of old"));
        if required {
            let _ = writeln!(lines, "let old = fields.remove({field:?});\n{insert}");
        } else {
            let _ =
                writeln!(lines, "if let Some(old) = fields.remove({field:?}) {{\n    {insert}\n}}");
        }
    } else if required {
        let value = gap("where it was left out");
        let _ = writeln!(lines, "fields.entry({field:?}).or_insert_with(|| {value});");
    }
    lines
}

/// A value that a person has to write.
fn gap(what: &str) -> String {
    format!("serde_json::json!(/* {} */)", what.replace("*/", "* /"))
}

/// Whether an old value of a field that is still there may not be one any more.
fn refuses_old(what: &What) -> bool {
    match what {
        What::Type { from, to } => *to != format!("{from} or null"),
        What::ValuesRemoved { .. } | What::VariantRemoved { .. } => true,
        What::Keyword { keyword, .. } => keyword != "default",
        What::FieldAdded { .. }
        | What::FieldRemoved { .. }
        | What::Required { .. }
        | What::ValuesAdded { .. }
        | What::VariantAdded { .. } => false,
    }
}

fn has_statement(lines: &str) -> bool {
    lines.lines().any(|line| !line.trim_start().starts_with("//"))
}

fn indented(lines: &str) -> String {
    lines.lines().map(|line| format!("    {line}\n")).collect()
}

/// A name as that of a function or a variable, without what stands before its last dot.
fn snake(name: &str) -> String {
    let name = name.rsplit('.').find(|part| !part.is_empty()).unwrap_or(name);
    let mut snake = String::new();
    let mut after_lower = false;
    for c in name.chars() {
        if c.is_ascii_uppercase() && after_lower {
            snake.push('_');
        }
        after_lower = c.is_ascii_lowercase() || c.is_ascii_digit();
        snake.push(if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' });
    }
    if snake.starts_with(|c: char| c.is_ascii_digit()) {
        snake.insert(0, '_');
    }
    snake
}
