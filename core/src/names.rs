//! Names that people choose: checked once, here, and carried as a type that proves it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

/// A name that a board refuses.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text is empty.
    #[error("the {what} must not be empty")]
    Empty {
        /// Which kind of name was asked for.
        what: &'static str,
    },
    /// The text is longer than the limit.
    #[error("the {what} `{head}…` has {len} bytes, the limit is {len_max}")]
    TooLong {
        /// Which kind of name was asked for.
        what: &'static str,
        /// The beginning of the text.
        head: String,
        /// How many bytes it has.
        len: usize,
        /// How many it may have.
        len_max: usize,
    },
    /// The text has a character that this kind of name may not have.
    #[error("the {what} `{text}` has the character {character:?}; allowed are {allowed}")]
    Character {
        /// Which kind of name was asked for.
        what: &'static str,
        /// The whole text.
        text: String,
        /// The first character that is refused.
        character: char,
        /// What may be used instead.
        allowed: &'static str,
    },
}

fn check(
    text: &str,
    what: &'static str,
    len_max: usize,
    allowed: &'static str,
    permitted: fn(char) -> bool,
) -> Result<(), Error> {
    if text.is_empty() {
        return Err(Error::Empty { what });
    }
    if text.len() > len_max {
        let head = text.chars().take(40).collect();
        return Err(Error::TooLong { what, head, len: text.len(), len_max });
    }
    match text.chars().find(|&c| !permitted(c)) {
        None => Ok(()),
        Some(character) => {
            Err(Error::Character { what, text: text.to_owned(), character, allowed })
        }
    }
}

fn is_identifier(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')
}

fn is_printable(c: char) -> bool {
    !c.is_control()
}

const IDENTIFIER: &str = "ASCII letters, digits, `_`, `-` and `.`";
const PRINTABLE: &str = "all characters but control characters";

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $what:literal, $len_max:literal, $allowed:ident, $permitted:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "SmolStr", into = "SmolStr")]
        pub struct $name(SmolStr);

        impl $name {
            /// Checks the text and takes it as a name.
            ///
            /// # Errors
            /// When the text is empty, too long, or has a character that is not allowed.
            pub fn new(text: impl Into<SmolStr>) -> Result<Self, Error> {
                let text = text.into();
                check(&text, $what, $len_max, $allowed, $permitted)?;
                Ok(Self(text))
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({:?})"), self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Error;

            fn from_str(text: &str) -> Result<Self, Error> {
                Self::new(text)
            }
        }

        impl TryFrom<SmolStr> for $name {
            type Error = Error;

            fn try_from(text: SmolStr) -> Result<Self, Error> {
                Self::new(text)
            }
        }

        impl From<$name> for SmolStr {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    };
}

name! {
    /// The name of a board: at most 100 bytes.
    BoardName, "board name", 100, IDENTIFIER, is_identifier
}
name! {
    /// The name of an agent: at most 100 bytes.
    AgentName, "agent name", 100, IDENTIFIER, is_identifier
}
name! {
    /// The name of an artifact type, such as `review.Verdict`: at most 200 bytes.
    TypeName, "type name", 200, IDENTIFIER, is_identifier
}
name! {
    /// The name of a dead-letter queue: at most 100 bytes.
    QueueName, "queue name", 100, IDENTIFIER, is_identifier
}
name! {
    /// The name of something that agents depend on, such as a service: at most 100 bytes.
    DependencyName, "dependency name", 100, IDENTIFIER, is_identifier
}
name! {
    /// A word that an artifact carries and a subscription may ask for: at most 200 bytes.
    Tag, "tag", 200, PRINTABLE, is_printable
}
name! {
    /// What somebody must have to see an artifact that asks for it: at most 200 bytes.
    Label, "label", 200, PRINTABLE, is_printable
}
name! {
    /// Whose an artifact is, where several share a board: at most 100 bytes.
    TenantId, "tenant", 100, IDENTIFIER, is_identifier
}
name! {
    /// What makes two publishes the same publish: at most 512 bytes.
    IdempotencyKey, "idempotency key", 512, PRINTABLE, is_printable
}
name! {
    /// What an artifact is worked on in order by: at most 512 bytes.
    OrderingKey, "ordering key", 512, PRINTABLE, is_printable
}
name! {
    /// The name of a recorded side effect inside an attempt: at most 200 bytes.
    StepName, "step name", 200, PRINTABLE, is_printable
}
name! {
    /// Who gave an operator's command: at most 200 bytes.
    OperatorName, "operator name", 200, PRINTABLE, is_printable
}
name! {
    /// What a program calls itself, for owners, actors and labels: at most 200 bytes.
    ProgramName, "program name", 200, PRINTABLE, is_printable
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_what_is_wrong_with_it() {
        assert_eq!(AgentName::new("").unwrap_err(), Error::Empty { what: "agent name" });
        let error = AgentName::new("two words").unwrap_err();
        assert_eq!(
            error.to_string(),
            "the agent name `two words` has the character ' '; \
             allowed are ASCII letters, digits, `_`, `-` and `.`"
        );
        let error = Tag::new("x".repeat(201)).unwrap_err();
        assert!(error.to_string().ends_with("has 201 bytes, the limit is 200"), "{error}");
        assert!(Tag::new("two words").is_ok());
        assert!(Tag::new("bell\u{7}").is_err());
    }

    #[test]
    fn a_stored_name_is_checked_again_when_it_is_read() {
        assert!(serde_json::from_str::<AgentName>("\"a b\"").is_err());
        assert_eq!(serde_json::from_str::<AgentName>("\"a\"").unwrap().as_str(), "a");
    }
}
