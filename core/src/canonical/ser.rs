//! From a value to its canonical text, in one pass: a serde serializer over the [`Writer`].
//!
//! Values are written as `serde_json` writes them (enums tagged from outside, bytes as lists of
//! numbers, unit as null), so that what `serde_json` reads is what was written.

use std::fmt;

use serde::ser::{self, Serialize, Serializer};

use super::error::{Error, Refusal};
use super::key::KeySerializer;
use super::number;
use super::read;
use super::writer::{List, Object, Writer};

/// Room for a small payload, so that the first writes do not grow the text.
const CAPACITY: usize = 128;

/// The names under which `serde_json` hides JSON text in a struct: `RawValue`, and numbers where a
/// program switches `arbitrary_precision` on.
const EMBEDDED: &str = "$serde_json::private::";

/// The canonical text of a value.
///
/// # Errors
/// When the value has no canonical form, or one longer than `len_max` bytes.
pub fn to_vec<T: Serialize + ?Sized>(value: &T, len_max: usize) -> Result<Vec<u8>, Error> {
    let mut out = Vec::with_capacity(CAPACITY);
    to_extend(value, len_max, &mut out)?;
    Ok(out)
}

/// Appends the canonical text of a value.
///
/// # Errors
/// When the value has no canonical form, or one longer than `len_max` bytes. `out` then holds a
/// piece of it.
pub fn to_extend<T: Serialize + ?Sized>(
    value: &T,
    len_max: usize,
    out: &mut Vec<u8>,
) -> Result<(), Error> {
    let mut writer = Writer::new(out, len_max);
    value.serialize(&mut writer)?;
    writer.finish()
}

/// A list that is being written; inside an object of one entry where it is an enum's variant.
#[derive(Debug)]
pub(super) struct ListSerializer<'w, 'o> {
    writer: &'w mut Writer<'o>,
    list: List,
    variant: Option<(Object, &'static str)>,
}

/// An object that is being written; inside an object of one entry where it is an enum's variant.
#[derive(Debug)]
pub(super) struct ObjectSerializer<'w, 'o> {
    writer: &'w mut Writer<'o>,
    object: Object,
    entries: usize,
    variant: Option<(Object, &'static str)>,
}

/// A struct: an object, or JSON text that `serde_json` hides in one.
#[derive(Debug)]
pub(super) enum StructSerializer<'w, 'o> {
    Object(ObjectSerializer<'w, 'o>),
    Embedded(&'w mut Writer<'o>),
}

fn in_variant(variant: Option<&(Object, &'static str)>, error: Error) -> Error {
    match variant {
        None => error,
        Some((_, name)) => error.inside(name),
    }
}

fn close_variant(
    writer: &mut Writer<'_>,
    variant: Option<(Object, &'static str)>,
) -> Result<(), Error> {
    variant.map_or(Ok(()), |(object, _)| object.close(writer))
}

impl<'w, 'o> ListSerializer<'w, 'o> {
    fn open(writer: &'w mut Writer<'o>) -> Result<Self, Error> {
        let list = List::open(writer)?;
        Ok(Self { writer, list, variant: None })
    }

    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        let index = self.list.element(self.writer);
        value
            .serialize(&mut *self.writer)
            .map_err(|error| in_variant(self.variant.as_ref(), error.inside(index)))
    }

    fn close(self) -> Result<(), Error> {
        self.list.close(self.writer);
        close_variant(self.writer, self.variant)
    }
}

impl<'w, 'o> ObjectSerializer<'w, 'o> {
    fn open(writer: &'w mut Writer<'o>) -> Result<Self, Error> {
        let object = Object::open(writer)?;
        Ok(Self { writer, object, entries: 0, variant: None })
    }

    fn key(&mut self, key: &str) -> Result<(), Error> {
        self.entries += 1;
        self.object.key(self.writer, key).map_err(|error| in_variant(self.variant.as_ref(), error))
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        value.serialize(&mut *self.writer).map_err(|error| {
            let key = self.object.key_of_entry(self.writer, self.entries - 1);
            in_variant(self.variant.as_ref(), error.inside(key))
        })
    }

    fn close(self) -> Result<(), Error> {
        let Self { writer, object, variant, .. } = self;
        object.close(writer).map_err(|error| in_variant(variant.as_ref(), error))?;
        close_variant(writer, variant)
    }
}

fn open_variant(
    writer: &mut Writer<'_>,
    name: &'static str,
) -> Result<(Object, &'static str), Error> {
    let mut object = Object::open(writer)?;
    object.key(writer, name)?;
    Ok((object, name))
}

impl<'w, 'o> Serializer for &'w mut Writer<'o> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = ListSerializer<'w, 'o>;
    type SerializeTuple = ListSerializer<'w, 'o>;
    type SerializeTupleStruct = ListSerializer<'w, 'o>;
    type SerializeTupleVariant = ListSerializer<'w, 'o>;
    type SerializeMap = ObjectSerializer<'w, 'o>;
    type SerializeStruct = StructSerializer<'w, 'o>;
    type SerializeStructVariant = ObjectSerializer<'w, 'o>;

    fn serialize_bool(self, value: bool) -> Result<(), Error> {
        self.literal(if value { "true" } else { "false" })
    }

    fn serialize_i8(self, value: i8) -> Result<(), Error> {
        self.integer(value)
    }

    fn serialize_i16(self, value: i16) -> Result<(), Error> {
        self.integer(value)
    }

    fn serialize_i32(self, value: i32) -> Result<(), Error> {
        self.integer(value)
    }

    fn serialize_i64(self, value: i64) -> Result<(), Error> {
        self.integer(value)
    }

    fn serialize_i128(self, value: i128) -> Result<(), Error> {
        if let Ok(value) = u64::try_from(value) {
            return self.integer(value);
        }
        match i64::try_from(value) {
            Ok(value) => self.integer(value),
            Err(_) => Err(Error::new(Refusal::Number { text: value.to_string() })),
        }
    }

    fn serialize_u8(self, value: u8) -> Result<(), Error> {
        self.integer(value)
    }

    fn serialize_u16(self, value: u16) -> Result<(), Error> {
        self.integer(value)
    }

    fn serialize_u32(self, value: u32) -> Result<(), Error> {
        self.integer(value)
    }

    fn serialize_u64(self, value: u64) -> Result<(), Error> {
        self.integer(value)
    }

    fn serialize_u128(self, value: u128) -> Result<(), Error> {
        match u64::try_from(value) {
            Ok(value) => self.integer(value),
            Err(_) => Err(Error::new(Refusal::Number { text: value.to_string() })),
        }
    }

    fn serialize_f32(self, value: f32) -> Result<(), Error> {
        self.float(number::widen(value))
    }

    fn serialize_f64(self, value: f64) -> Result<(), Error> {
        self.float(value)
    }

    fn serialize_char(self, value: char) -> Result<(), Error> {
        self.text(value.encode_utf8(&mut [0; 4])).map(drop)
    }

    fn serialize_str(self, value: &str) -> Result<(), Error> {
        self.text(value).map(drop)
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Error> {
        self.collect_seq(value)
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        self.literal("null")
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<(), Error> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        let (object, name) = open_variant(self, variant)?;
        value.serialize(&mut *self).map_err(|error| error.inside(name))?;
        object.close(self)
    }

    fn serialize_seq(self, _len: Option<usize>) -> Result<Self::SerializeSeq, Error> {
        ListSerializer::open(self)
    }

    fn serialize_tuple(self, _len: usize) -> Result<Self::SerializeTuple, Error> {
        ListSerializer::open(self)
    }

    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        _len: usize,
    ) -> Result<Self::SerializeTupleStruct, Error> {
        ListSerializer::open(self)
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Self::SerializeTupleVariant, Error> {
        let variant = open_variant(self, variant)?;
        let list = List::open(self).map_err(|error| error.inside(variant.1))?;
        Ok(ListSerializer { writer: self, list, variant: Some(variant) })
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Self::SerializeMap, Error> {
        ObjectSerializer::open(self)
    }

    fn serialize_struct(
        self,
        name: &'static str,
        _len: usize,
    ) -> Result<Self::SerializeStruct, Error> {
        if name.starts_with(EMBEDDED) {
            return Ok(StructSerializer::Embedded(self));
        }
        ObjectSerializer::open(self).map(StructSerializer::Object)
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _len: usize,
    ) -> Result<Self::SerializeStructVariant, Error> {
        let variant = open_variant(self, variant)?;
        let object = Object::open(self).map_err(|error| error.inside(variant.1))?;
        Ok(ObjectSerializer { writer: self, object, entries: 0, variant: Some(variant) })
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, value: &T) -> Result<(), Error> {
        use fmt::Write as _;

        let mut pieces = Pieces { writer: self, error: None };
        pieces.writer.quote();
        let written = write!(pieces, "{value}");
        if let Some(error) = pieces.error {
            return Err(error);
        }
        written.map_err(|_| ser::Error::custom("a value's Display failed"))?;
        pieces.writer.quote();
        Ok(())
    }
}

/// Takes what a `Display` writes, piece by piece.
struct Pieces<'w, 'o> {
    writer: &'w mut Writer<'o>,
    error: Option<Error>,
}

impl fmt::Write for Pieces<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.writer.text_part(text).map(drop).map_err(|error| {
            self.error = Some(error);
            fmt::Error
        })
    }
}

impl ser::SerializeSeq for ListSerializer<'_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.element(value)
    }

    fn end(self) -> Result<(), Error> {
        self.close()
    }
}

impl ser::SerializeTuple for ListSerializer<'_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.element(value)
    }

    fn end(self) -> Result<(), Error> {
        self.close()
    }
}

impl ser::SerializeTupleStruct for ListSerializer<'_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.element(value)
    }

    fn end(self) -> Result<(), Error> {
        self.close()
    }
}

impl ser::SerializeTupleVariant for ListSerializer<'_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.element(value)
    }

    fn end(self) -> Result<(), Error> {
        self.close()
    }
}

impl ser::SerializeMap for ObjectSerializer<'_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        key.serialize(KeySerializer(|text: &str| self.key(text)))
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.value(value)
    }

    fn end(self) -> Result<(), Error> {
        self.close()
    }
}

impl ser::SerializeStructVariant for ObjectSerializer<'_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.key(key)?;
        self.value(value)
    }

    fn end(self) -> Result<(), Error> {
        self.close()
    }
}

impl ser::SerializeStruct for StructSerializer<'_, '_> {
    type Ok = ();
    type Error = Error;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        key: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        match self {
            Self::Object(object) => {
                object.key(key)?;
                object.value(value)
            }
            Self::Embedded(writer) => {
                let text = serde_json::to_value(value).map_err(ser::Error::custom)?;
                let text = text.as_str().ok_or_else(|| {
                    <Error as ser::Error>::custom("embedded JSON must be given as text")
                })?;
                read::embed(text, writer)
            }
        }
    }

    fn end(self) -> Result<(), Error> {
        match self {
            Self::Object(object) => object.close(),
            Self::Embedded(_) => Ok(()),
        }
    }
}
