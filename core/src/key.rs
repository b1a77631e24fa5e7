//! Keys of activations: what orders the work of a subscription, and what attempts are counted by.
//! Worked out by the task that submits, as verdicts are, and recorded with what they belong to.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::names::OrderingKey;
use crate::predicate::{Path, Scalar};

/// Where the key of an activation comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum KeyOf {
    /// The artifact's own ordering key. What has none has no key.
    #[default]
    Own,
    /// A field of the payload.
    Field {
        /// Where it stands.
        path: Path,
        /// Whether its type says that it may be null or missing. Then it is no key.
        optional: bool,
    },
    /// A closure of the program that registered the agent.
    Closure {
        /// Where in the program it stands, for people.
        label: SmolStr,
    },
}

/// What a dead letter does to the key that it had.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum OnDead {
    /// The next one of the key goes on.
    Continue,
    /// The key stops until the dead letter is redriven or dropped.
    Stop,
}

/// A key that cannot be worked out: the activation becomes a dead letter.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// The field is missing, or null, and its type does not say that it may be.
    #[error("the field `{0}` is missing")]
    Missing(Path),
    /// The field has parts.
    #[error("the field `{0}` is a list or an object")]
    Compound(Path),
    /// It is empty, too long, or has control characters.
    #[error(transparent)]
    Name(#[from] crate::names::Error),
    /// The closure panicked.
    #[error("the key function panicked")]
    Panicked,
}

/// The key in a field of a canonical payload.
///
/// # Errors
/// When there is none where there has to be one, or it cannot be a key.
pub fn of_field(
    path: &Path,
    optional: bool,
    payload: &[u8],
) -> Result<Option<OrderingKey>, BadKey> {
    let missing = || BadKey::Missing(path.clone());
    let found = path.find(payload).map_err(|_| missing())?;
    let Some(found) = found.filter(|found| *found != b"null") else {
        return if optional { Ok(None) } else { Err(missing()) };
    };
    let scalar = Scalar::read(found).ok_or_else(|| BadKey::Compound(path.clone()))?;
    let text = match scalar {
        Scalar::Text(text) => text,
        Scalar::Null
        | Scalar::Bool(_)
        | Scalar::Negative(_)
        | Scalar::Unsigned(_)
        | Scalar::Float { .. } => str::from_utf8(found).map_err(|_| missing())?.into(),
    };
    Ok(Some(OrderingKey::new(text)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// KEY-2: a key may be text, a number or a truth value.
    #[test]
    fn a_field_is_a_key_by_its_canonical_text() {
        let payload = br#"{"a":"x y","b":7,"c":null,"d":[1],"e":"","f":1.5,"g":true}"#;
        let key = |name: &str, optional| {
            of_field(&Path::default().then(name), optional, payload)
                .map(|key| key.map(|key| key.to_string()))
        };
        let is = |text: &str| Ok(Some(text.to_owned()));
        assert_eq!([key("a", false), key("b", false)], [is("x y"), is("7")]);
        assert_eq!([key("f", false), key("g", true)], [is("1.5"), is("true")]);
        assert_eq!([key("c", true), key("z", true)], [Ok(None), Ok(None)]);
        assert!(matches!(key("c", false), Err(BadKey::Missing(_))));
        assert!(matches!(key("z", false), Err(BadKey::Missing(_))));
        assert!(matches!(key("d", true), Err(BadKey::Compound(_))));
        assert!(matches!(key("e", true), Err(BadKey::Name(_))));
    }
}
