//! What derived code calls. Public only because it has to be; not part of the interface.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use smol_str::SmolStr;

use crate::names::{self, Tag};
use crate::predicate::Field;

/// Something that can be printed, as the text of a key.
#[must_use]
pub fn text_of<T: fmt::Display + ?Sized>(value: &T) -> SmolStr {
    smol_str::format_smolstr!("{value}")
}

/// Makes a tag of something that can be printed.
///
/// # Errors
/// When its text cannot be a tag.
pub fn push_tag<T: fmt::Display + ?Sized>(
    tags: &mut Vec<Tag>,
    value: &T,
) -> Result<(), names::Error> {
    tags.push(Tag::new(text_of(value))?);
    Ok(())
}

/// Makes a tag of each of some values that can be printed.
///
/// # Errors
/// When a text cannot be a tag.
pub fn push_tags<T: fmt::Display>(
    tags: &mut Vec<Tag>,
    values: impl IntoIterator<Item = T>,
) -> Result<(), names::Error> {
    values.into_iter().try_for_each(|value| push_tag(tags, &value))
}

/// What an expression for a key may give.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a key",
    label = "this is not a key",
    note = "a key is a `String`, a `&str`, an integer, or an `Option` of one"
)]
pub trait KeyText {
    /// The text; none for no key.
    fn key_text(self) -> Option<SmolStr>;
}

impl<K: KeyText> KeyText for Option<K> {
    fn key_text(self) -> Option<SmolStr> {
        self.and_then(K::key_text)
    }
}

macro_rules! key_text {
    ($($type:ty),*) => {$(
        impl KeyText for $type {
            fn key_text(self) -> Option<SmolStr> {
                Some(text_of(&self))
            }
        }
    )*};
}

key_text!(String, &str, &String, SmolStr, &SmolStr, Cow<'_, str>);
key_text!(u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize);

/// Makes the handle of a field of type `V`: for an `Option` one for which absence is an answer.
/// Which function is meant is decided by the type itself, so that an alias of `Option` is one.
#[derive(Debug)]
pub struct Handle<V>(PhantomData<fn() -> V>);

impl<V> Handle<Option<V>> {
    /// The handle of an optional field.
    #[must_use]
    pub fn at<P>(parent: &Field<P>, key: &str) -> Field<Option<V>> {
        parent.at(key).optional()
    }
}

/// What [`Handle`] falls back to for types that are no `Option`.
pub trait PlainHandle {
    /// The type of the field.
    type Value;

    /// The handle of a field.
    fn at<P>(parent: &Field<P>, key: &str) -> Field<Self::Value>;
}

impl<V> PlainHandle for Handle<V> {
    type Value = V;

    fn at<P>(parent: &Field<P>, key: &str) -> Field<V> {
        parent.at(key)
    }
}
