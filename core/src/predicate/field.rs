//! Typed handles of the fields of an artifact, as `#[derive(Artifact)]` makes them: what can be
//! asked of a field is what its Rust type allows.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashSet, VecDeque};
use std::fmt;
use std::marker::PhantomData;

use super::condition::Condition;
use super::operand::Operand;
use super::path::{Path, Step};
use super::scalar::{NotScalar, Scalar};
use super::tree::Check;

/// A field of type `V` at a place in a payload.
///
/// Where `V` is an `Option`, null and absence are the same, an answer and not an error: such a
/// field equals nothing but `None`, and is neither above nor below anything, contains nothing and
/// starts with nothing.
pub struct Field<V: ?Sized> {
    path: Path,
    optional: bool,
    value: PhantomData<fn() -> Box<V>>,
}

/// A type whose fields have handles. Derived together with `Artifact`.
pub trait Fields {
    /// A struct with a handle for each field, named as in Rust.
    type Handles;

    /// The handles of the fields of the value that stands at `field`.
    fn handles(field: &Field<Self>) -> Self::Handles;
}

/// A type whose JSON values are all numbers, or all text, so that they are above and below each
/// other. Text is ordered by its bytes.
#[diagnostic::on_unimplemented(
    message = "fields of type `{Self}` are neither above nor below anything",
    label = "only numbers and text have an order",
    note = "if the JSON of `{Self}` is a number or text, `impl artel::predicate::Ordered for {Self} {{}}` says so"
)]
pub trait Ordered {}

/// A type whose JSON is text.
#[diagnostic::on_unimplemented(
    message = "fields of type `{Self}` do not start with anything",
    label = "this is not text",
    note = "if the JSON of `{Self}` is text, `impl artel::predicate::Textual for {Self} {{}}` says so"
)]
pub trait Textual {}

/// A type whose JSON is a list, or text, which contains its parts.
#[diagnostic::on_unimplemented(
    message = "fields of type `{Self}` do not contain anything",
    label = "only lists and text contain something"
)]
pub trait Container {
    /// What the field may contain: the element of a list; `str` for text.
    type Item: ?Sized;
}

macro_rules! mark {
    ($marker:ident: $($type:ty),*) => { $(impl $marker for $type {})* };
}

mark! { Ordered: u8, u16, u32, u64, u128, usize, i8, i16, i32, i64, i128, isize, f32, f64 }
mark! { Ordered: str, String, char, Box<str>, Cow<'static, str> }
mark! { Textual: str, String, char, Box<str>, Cow<'static, str> }

impl<V: Ordered> Ordered for Option<V> {}

impl<V: Textual> Textual for Option<V> {}

macro_rules! contain {
    ($([$($of:ident),*] $container:ty => $item:ty;)*) => {
        $(impl<$($of),*> Container for $container {
            type Item = $item;
        })*
    };
}

contain! {
    [] str => str;
    [] String => str;
    [] Box<str> => str;
    [] Cow<'static, str> => str;
    [T] Vec<T> => T;
    [T] Box<[T]> => T;
    [T] VecDeque<T> => T;
    [T] BTreeSet<T> => T;
    [T, S] HashSet<T, S> => T;
}

impl<C: Container> Container for Option<C> {
    type Item = C::Item;
}

impl<V: ?Sized> Field<V> {
    /// The payload itself.
    #[must_use]
    pub fn root() -> Self {
        Self { path: Path::default(), optional: false, value: PhantomData }
    }

    /// The field of type `W` under a key of this one (`&str`), or at an index of it (`u32`). Made
    /// by the derive; by hand, `W` has to be right.
    #[must_use]
    pub fn at<W: ?Sized>(&self, step: impl Into<Step>) -> Field<W> {
        Field { path: self.path.then(step), optional: self.optional, value: PhantomData }
    }

    /// The same field, for which null and absence are an answer. Made by the derive for fields
    /// that are an `Option`.
    #[must_use]
    pub fn optional(mut self) -> Self {
        self.optional = true;
        self
    }

    /// Where the field stands.
    #[must_use]
    pub const fn path(&self) -> &Path {
        &self.path
    }

    /// There is a value, and it is not null.
    pub fn exists(self) -> Condition {
        self.test(Ok(Check::Exists))
    }

    /// Where the field stands, and whether its type says that it may be missing.
    #[must_use]
    pub const fn place(&self) -> (&Path, bool) {
        (&self.path, self.optional)
    }

    /// The field is equal to the value.
    pub fn eq(self, value: impl Operand<V>) -> Condition {
        self.compare(Check::Equal, value)
    }

    /// The field is not equal to the value.
    pub fn ne(self, value: impl Operand<V>) -> Condition {
        self.compare(Check::NotEqual, value)
    }

    /// The field is equal to one of the values.
    pub fn one_of<O: Operand<V>>(self, values: impl IntoIterator<Item = O>) -> Condition {
        let values: Result<Vec<_>, _> = values.into_iter().map(scalar).collect();
        self.test(values.map(Check::OneOf))
    }

    /// The field is below the value.
    pub fn lt(self, value: impl Operand<V>) -> Condition
    where
        V: Ordered,
    {
        self.compare(Check::Less, value)
    }

    /// The field is at most the value.
    pub fn le(self, value: impl Operand<V>) -> Condition
    where
        V: Ordered,
    {
        self.compare(Check::AtMost, value)
    }

    /// The field is above the value.
    pub fn gt(self, value: impl Operand<V>) -> Condition
    where
        V: Ordered,
    {
        self.compare(Check::Greater, value)
    }

    /// The field is at least the value.
    pub fn ge(self, value: impl Operand<V>) -> Condition
    where
        V: Ordered,
    {
        self.compare(Check::AtLeast, value)
    }

    /// The list has this element, or the text has this part.
    pub fn contains(self, item: impl Operand<V::Item>) -> Condition
    where
        V: Container,
    {
        self.compare(Check::Contains, item)
    }

    /// The text begins with this.
    pub fn starts_with(self, start: impl AsRef<str>) -> Condition
    where
        V: Textual,
    {
        let checked = scalar::<str>(start.as_ref());
        self.test(checked.map(|_| Check::StartsWith(start.as_ref().into())))
    }

    /// The fields of this field.
    #[must_use]
    pub fn fields(&self) -> V::Handles
    where
        V: Fields,
    {
        V::handles(self)
    }

    fn compare<W: ?Sized>(self, check: fn(Scalar) -> Check, value: impl Operand<W>) -> Condition {
        let value = scalar(value);
        self.test(value.map(check))
    }

    fn test(self, check: Result<Check, NotScalar>) -> Condition {
        Condition::test(self.path, self.optional, check)
    }
}

impl<V> Field<Option<V>> {
    /// The value inside: its fields and elements are optional as it is.
    #[must_use]
    pub fn some(&self) -> Field<V> {
        Field { path: self.path.clone(), optional: true, value: PhantomData }
    }
}

fn scalar<W: ?Sized>(value: impl Operand<W>) -> Result<Scalar, NotScalar> {
    let text = value.into_canonical().map_err(NotScalar::Refused)?;
    Scalar::read(&text).ok_or(NotScalar::Compound)
}

impl<V: ?Sized> Clone for Field<V> {
    fn clone(&self) -> Self {
        Self { path: self.path.clone(), optional: self.optional, value: PhantomData }
    }
}

impl<V: ?Sized> fmt::Debug for Field<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Field({})", self.path)
    }
}
