//! What counts in a comparison, what a diff says, and how a changed schema is refused.

use super::*;

/// TYPE-3: titles, descriptions, examples, the order of keys and variants, and the names and places
/// of definitions do not count.
#[test]
fn what_is_said_about_a_type_does_not_count() {
    let review = Schema::of::<types::Review>().unwrap();
    let twin = Schema::of::<types::ReviewTwin>().unwrap();
    assert_eq!(review.text(), twin.text());
    assert_eq!(changes(&review, &twin), Vec::<String>::new());
    assert!(!review.text().contains("$defs"));
    assert_eq!(Schema::of::<types::Tree>().unwrap(), Schema::of::<types::Bush>().unwrap());
    // A field may have the name of a keyword that does not count.
    let titled = |kind: &str| normal(&json!({"properties": {"title": {"type": kind}}}));
    assert_ne!(titled("string"), titled("null"));
}

/// TYPE-3: what is listed twice is listed once, but for a choice of exactly one.
#[test]
fn repetitions_do_not_count() {
    let text = |schema: Value| normal(&schema).text().to_string();
    assert_eq!(text(json!({"enum": [2, 1, 2]})), r#"{"enum":[1,2]}"#);
    let twice = json!([{"type": "null"}, {"type": "null", "title": "again"}]);
    assert_eq!(text(json!({"anyOf": twice})), r#"{"anyOf":[{"type":"null"}]}"#);
    assert_eq!(text(json!({"oneOf": twice})), r#"{"oneOf":[{"type":"null"},{"type":"null"}]}"#);
}

/// TYPE-3: the text of a normal form is stored, and must be the same in every release.
#[test]
fn normal_form_never_changes() {
    assert_eq!(
        &**Schema::of::<types::Tree>().unwrap().text(),
        "{\"properties\":{\
         \"children\":{\"items\":{\"$ref\":\"#\"},\"type\":\"array\"},\
         \"twin\":{\"anyOf\":[{\"$ref\":\"#\"},{\"type\":\"null\"}]},\
         \"value\":{\"format\":\"uint8\",\"maximum\":255,\"minimum\":0,\"type\":\"integer\"}},\
         \"required\":[\"children\",\"value\"],\"type\":\"object\"}"
    );
    let outcome = Schema::of::<types::Outcome>().unwrap();
    assert_eq!(
        &**outcome.text(),
        "{\"oneOf\":[{\"additionalProperties\":false,\"properties\":{\"Done\":{\"properties\":\
         {\"at\":{\"format\":\"int64\",\"type\":\"integer\"}},\"required\":[\"at\"],\
         \"type\":\"object\"}},\"required\":[\"Done\"],\"type\":\"object\"},\
         {\"additionalProperties\":false,\"properties\":{\"Failed\":{\"properties\":{\
         \"line\":{\"format\":\"uint32\",\"minimum\":0,\"type\":\"integer\"},\
         \"text\":{\"type\":\"string\"}},\"required\":[\"line\",\"text\"],\"type\":\"object\"}},\
         \"required\":[\"Failed\"],\"type\":\"object\"},{\"enum\":[\"Pending\",\"Skipped\"]}]}"
    );
    let wood = Schema::of::<types::Wood>().unwrap();
    assert!(wood.text().contains("{\"$ref\":\"#/properties/trees/additionalProperties\"}"));
    assert_eq!(Schema::from_text(wood.text()).unwrap(), wood);
    assert_eq!(normal(wood.value()), wood);
}

/// TYPE-1: a changed schema is told field by field.
#[test]
fn a_change_is_told_field_by_field() {
    let review = Schema::of::<types::Review>().unwrap();
    let later = Schema::of::<types::ReviewLater>().unwrap();
    let expected = [
        "`finding<object>.line`: maximum added: 1000",
        "`finding<object>.line`: minimum changed from 0 to 1",
        "`finding<object>.text`: was required, is optional",
        "`finding<object>.text`: type changed from string to string or null",
        "`findings[].line`: maximum added: 1000",
        "`findings[].line`: minimum changed from 0 to 1",
        "`findings[].text`: was required, is optional",
        "`findings[].text`: type changed from string to string or null",
        "`labels`: was optional, is required",
        "`labels{}`: type changed from number (double) to string",
        "`labels`: default removed, it was {}",
        "`note`: new field, string or null",
        "`outcome`: values removed: \"Skipped\"",
        "`outcome<Done>.Done.by`: new required field, string",
        "`outcome`: variant removed: Failed",
        "`outcome`: variant added: Lost",
        "`reviewer`: new required field, string",
        "`score`: type changed from integer (uint8) to number (double)",
        "`title`: field removed, it was string",
        "`verdict`: values added: \"Defer\"",
        "`verdict`: values removed: \"Reject\"",
    ];
    assert_eq!(changes(&review, &later), expected);
}

/// TYPE-1: a recursive type that was put somewhere else is not a changed type.
#[test]
fn a_recursive_type_is_compared_where_it_stands() {
    let tree = |before: Value, value: &str| {
        let schema = json!({
            "anyOf": [before, {"$ref": "#/$defs/T"}],
            "$defs": {"T": {"properties": {
                "value": {"type": value},
                "next": {"$ref": "#/$defs/T"},
            }}},
        });
        normal(&schema)
    };
    let old = tree(json!({"type": "boolean"}), "integer");
    let new = tree(json!({"enum": [0]}), "integer");
    assert_eq!(
        changes(&old, &new),
        ["the payload: values added: 0", "the payload: variant removed: boolean"]
    );
    let new = tree(json!({"type": "boolean"}), "null");
    assert_eq!(changes(&old, &new), ["`<anything>.value`: type changed from integer to null"]);
}

/// TYPE-1: the refusal is one line, its report has everything and the ways out.
#[test]
fn a_changed_schema_is_refused_with_its_diff_and_the_ways_out() {
    let name = TypeName::new("review.Finding").unwrap();
    let old = Schema::of::<types::Finding>().unwrap();
    let new = normal(&json!({
        "type": "object",
        "properties": {"line": {"type": "string"}, "text": {"type": "string"}},
        "required": ["line"],
    }));
    let error = Changed::between(name, 3, old.text(), new.text());
    assert_eq!(
        error.to_string(),
        "the schema of `review.Finding` version 3 is not the one that the board has: \
         `line`: type changed from integer (uint32) to string; and 1 more"
    );
    assert_eq!(
        error.report(),
        "the schema of `review.Finding` version 3 is not the one that the board has:
  - `line`: type changed from integer (uint32) to string
  - `text`: was required, is optional
ways out:
  - raise the version and add an upcaster:

      #[artifact(name = \"review.Finding\", version = 4, upcast(3 = finding_from_3))]

      /// Makes a payload of `review.Finding` version 4 of one of version 3.
      fn finding_from_3(
          mut payload: serde_json::Value,
      ) -> Result<serde_json::Value, Box<dyn std::error::Error + Send + Sync>> {
          let fields = payload.as_object_mut().ok_or(\"the payload is not an object\")?;
          // `line`: type changed from integer (uint32) to string
          if let Some(old) = fields.remove(\"line\") {
              fields.insert(\"line\".to_owned(), serde_json::json!(/* made of old */));
          }
          // `text`: was required, is optional
          Ok(payload)
      }

  - start over: open another board, or remove this one with `artel board rm`
  - while developing: run with ARTEL_DEV=1, which moves a board file aside that was created under it, and starts anew
"
    );
}

/// TYPE-7: the beginning of an upcaster does what a diff says, leaves a gap where it does not say
/// enough, and nothing where old payloads are valid as they are.
#[test]
fn a_skeleton_leaves_a_gap_for_what_a_person_has_to_decide() {
    let name = TypeName::new("a.HTTPCall-2").unwrap();
    let old = normal(&json!({
        "type": "object",
        "properties": {
            "bound": {"type": "integer"},
            "gone-by": {"type": "string"},
            "list": {"type": "array", "items": {"type": "string"}},
            "now": {"type": "string"},
            "wider": {"type": "string"},
        },
        "required": ["bound", "gone-by"],
    }));
    let new = normal(&json!({
        "type": "object",
        "properties": {
            "bound": {"type": "integer", "minimum": 3},
            "list": {"type": "array", "items": {"type": "integer"}},
            "maybe": {"type": "string"},
            "now": {"type": "string"},
            "wider": {"type": ["string", "null"]},
        },
        "required": ["bound", "now"],
    }));
    let missing = NoUpcaster::between(name.clone(), (1, 4), old.text(), new.text());
    assert_eq!(
        missing.skeleton(),
        "#[artifact(name = \"a.HTTPCall-2\", version = 4, upcast(1 = httpcall_2_from_1))]

/// Makes a payload of `a.HTTPCall-2` version 4 of one of version 1.
fn httpcall_2_from_1(
    mut payload: serde_json::Value,
) -> Result<serde_json::Value, Box<dyn std::error::Error + Send + Sync>> {
    let fields = payload.as_object_mut().ok_or(\"the payload is not an object\")?;
    // `bound`: minimum added: 3
    if let Some(old) = fields.remove(\"bound\") {
        fields.insert(\"bound\".to_owned(), serde_json::json!(/* made of old */));
    }
    // `gone-by`: field removed, it was string
    let _gone_by = fields.remove(\"gone-by\");
    // `maybe`: new field, string
    // `now`: was optional, is required
    fields.entry(\"now\").or_insert_with(|| serde_json::json!(/* where it was left out */));
    // `wider`: type changed from string to string or null
    // `list[]`: type changed from string to integer
    payload = serde_json::json!(/* payload, changed at \"list[]\" */);
    Ok(payload)
}
"
    );
    let same = NoUpcaster::between(name, (1, 2), old.text(), old.text());
    assert!(same.skeleton().ends_with("{\n    Ok(payload)\n}\n"), "{}", same.skeleton());
    assert!(same.skeleton().contains("    payload: serde_json::Value,"), "nothing changes it");
}
