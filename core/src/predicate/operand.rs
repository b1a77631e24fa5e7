//! What a field may be compared with.

use std::borrow::Cow;

use serde::Serialize;

use super::TEXT_LEN_MAX;
use crate::canonical;

/// A value that a field of type `V` may be compared with: a `V`; the inner value where `V` is an
/// `Option`; a `&str` where `V` is text.
#[diagnostic::on_unimplemented(
    message = "a field of type `{V}` cannot be compared with a `{Self}`",
    label = "this is no value of a field of type `{V}`"
)]
pub trait Operand<V: ?Sized> {
    /// The value as canonical JSON.
    ///
    /// # Errors
    /// When the value has no canonical form.
    fn into_canonical(self) -> Result<Vec<u8>, canonical::Error>;
}

impl<V: Serialize> Operand<V> for V {
    fn into_canonical(self) -> Result<Vec<u8>, canonical::Error> {
        canonical::to_vec(&self, TEXT_LEN_MAX)
    }
}

impl<V: Serialize> Operand<Option<V>> for V {
    fn into_canonical(self) -> Result<Vec<u8>, canonical::Error> {
        canonical::to_vec(&self, TEXT_LEN_MAX)
    }
}

/// Texts stand for each other, so that a field that is a `String` is compared with a literal.
macro_rules! text {
    ($($operand:ty => $($field:ty),+;)*) => {$($(
        impl Operand<$field> for $operand {
            fn into_canonical(self) -> Result<Vec<u8>, canonical::Error> {
                canonical::to_vec(&self, TEXT_LEN_MAX)
            }
        }
    )+)*};
}

text! {
    &str => str, String, Option<String>, Box<str>, Option<Box<str>>, Cow<'static, str>,
        Option<Cow<'static, str>>;
    String => str;
}
