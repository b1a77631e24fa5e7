//! From a canonical text to a value.

use serde::de::DeserializeOwned;

/// Decodes a payload. `serde_json`'s own bound on nesting is lifted, because a canonical text has
/// a bound of its own, one level above it.
///
/// # Errors
/// When the text is not JSON or not a `T`.
pub fn decode<T: DeserializeOwned>(canonical: &[u8]) -> Result<T, serde_json::Error> {
    let mut deserializer = serde_json::Deserializer::from_slice(canonical);
    deserializer.disable_recursion_limit();
    let value = T::deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok(value)
}
