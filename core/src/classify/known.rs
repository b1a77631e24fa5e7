//! The errors that are classified by their types.

use std::convert::Infallible;
use std::error::Error as StdError;
use std::io;
use std::num::{ParseFloatError, ParseIntError};
use std::str::{ParseBoolError, Utf8Error};
use std::string::FromUtf8Error;

use super::Classify;
use super::causes::CAUSES_MAX;
use crate::policy::ErrorKind;

/// What an error means for the next attempt, by the first type in its chain that is known here,
/// from the outside in. An error of which nothing is known is transient.
///
/// | in the chain | kind |
/// | --- | --- |
/// | `std::io::Error`: not found, permission denied, already exists, not a directory, is a directory, invalid input, invalid data, unsupported | permanent |
/// | `std::io::Error`: any other kind but `Other`, which says nothing | transient |
/// | `serde_json::Error`: not JSON, or not the type | permanent |
/// | `Utf8Error`, `FromUtf8Error`, `ParseIntError`, `ParseFloatError`, `ParseBoolError`, `uuid::Error` | permanent |
#[must_use]
pub fn kind_of(error: &(dyn StdError + 'static)) -> ErrorKind {
    known_kind(error).unwrap_or(ErrorKind::Transient)
}

pub(super) fn known_kind(error: &(dyn StdError + 'static)) -> Option<ErrorKind> {
    let mut cause = Some(error);
    for _ in 0..CAUSES_MAX {
        let kind = kind_by_type(cause?);
        if kind.is_some() {
            return kind;
        }
        cause = cause?.source();
    }
    None
}

fn kind_by_type(error: &(dyn StdError + 'static)) -> Option<ErrorKind> {
    if let Some(error) = error.downcast_ref::<io::Error>() {
        // What an io::Error wraps is not its source, but stands in its place.
        let inner = || error.get_ref().and_then(|inner| known_kind(inner));
        return kind_of_io(error.kind()).or_else(inner);
    }
    if let Some(error) = error.downcast_ref::<serde_json::Error>() {
        return match error.io_error_kind() {
            Some(kind) => kind_of_io(kind),
            None => Some(ErrorKind::Permanent),
        };
    }
    let permanent = error.is::<Utf8Error>()
        || error.is::<FromUtf8Error>()
        || error.is::<ParseIntError>()
        || error.is::<ParseFloatError>()
        || error.is::<ParseBoolError>()
        || error.is::<uuid::Error>();
    permanent.then_some(ErrorKind::Permanent)
}

fn kind_of_io(kind: io::ErrorKind) -> Option<ErrorKind> {
    use io::ErrorKind as Io;

    match kind {
        Io::NotFound
        | Io::PermissionDenied
        | Io::AlreadyExists
        | Io::NotADirectory
        | Io::IsADirectory
        | Io::InvalidInput
        | Io::InvalidData
        | Io::Unsupported => Some(ErrorKind::Permanent),
        Io::Other => None,
        // Time-outs, refused and reset connections, broken pipes, interruptions, a full disk: the
        // next attempt may find them gone.
        _ => Some(ErrorKind::Transient),
    }
}

macro_rules! classified {
    ($($error:ty),*) => {$(
        impl Classify for $error {
            fn kind(&self) -> ErrorKind {
                kind_of(self)
            }
        }
    )*};
}

classified! {
    io::Error, serde_json::Error, Utf8Error, FromUtf8Error, ParseIntError, ParseFloatError,
    ParseBoolError, uuid::Error
}

impl Classify for Infallible {
    fn kind(&self) -> ErrorKind {
        match *self {}
    }
}
