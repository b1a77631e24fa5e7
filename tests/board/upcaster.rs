//! An upcaster as a refused start prints it, with its gaps filled in by a person: that it is the
//! printed text, word for word, is a test of `versions`.

/// Makes a payload of `shop.Review` version 2 of one of version 1.
pub(crate) fn review_from_1(
    mut payload: serde_json::Value,
) -> Result<serde_json::Value, Box<dyn std::error::Error + Send + Sync>> {
    let fields = payload.as_object_mut().ok_or("the payload is not an object")?;
    // `labels`: new required field, list of string
    fields.insert("labels".to_owned(), serde_json::json!(["old"]));
    // `note`: new field, string or null
    // `points`: new required field, integer (uint32)
    fields.insert("points".to_owned(), serde_json::json!(7));
    // `score`: field removed, it was integer (uint32)
    let _score = fields.remove("score");
    let object = payload.pointer_mut("/shelf");
    if let Some(fields) = object.and_then(|object| object.as_object_mut()) {
        // `shelf.row`: type changed from integer (uint32) to string
        if let Some(old) = fields.remove("row") {
            fields.insert("row".to_owned(), serde_json::json!(old.to_string()));
        }
    }
    Ok(payload)
}
