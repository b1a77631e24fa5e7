//! Map keys: what `serde_json` takes for one, as text, so that both ways into the canonical form
//! see the same keys.

use serde::ser::{Impossible, Serialize, Serializer};

use super::error::{Error, Refusal};

/// Turns a key into text and hands it over.
pub(super) struct KeySerializer<F>(pub(super) F);

impl<F: FnOnce(&str) -> Result<(), Error>> KeySerializer<F> {
    fn text(self, text: &str) -> Result<(), Error> {
        (self.0)(text)
    }
}

fn refuse<T>(what: &'static str) -> Result<T, Error> {
    Err(Error::new(Refusal::Key { what }))
}

/// Keys that are written as the text that they print as.
macro_rules! printed {
    ($($method:ident($type:ty)),* $(,)?) => {
        $(fn $method(self, value: $type) -> Result<(), Error> {
            self.text(&value.to_string())
        })*
    };
}

impl<F: FnOnce(&str) -> Result<(), Error>> Serializer for KeySerializer<F> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Impossible<(), Error>;
    type SerializeTuple = Impossible<(), Error>;
    type SerializeTupleStruct = Impossible<(), Error>;
    type SerializeTupleVariant = Impossible<(), Error>;
    type SerializeMap = Impossible<(), Error>;
    type SerializeStruct = Impossible<(), Error>;
    type SerializeStructVariant = Impossible<(), Error>;

    printed! {
        serialize_bool(bool),
        serialize_i8(i8),
        serialize_i16(i16),
        serialize_i32(i32),
        serialize_i64(i64),
        serialize_i128(i128),
        serialize_u8(u8),
        serialize_u16(u16),
        serialize_u32(u32),
        serialize_u64(u64),
        serialize_u128(u128),
    }

    fn serialize_char(self, value: char) -> Result<(), Error> {
        self.text(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), Error> {
        self.text(value)
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<(), Error> {
        self.text(variant)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_f32(self, _value: f32) -> Result<(), Error> {
        refuse("a floating-point number")
    }

    fn serialize_f64(self, _value: f64) -> Result<(), Error> {
        refuse("a floating-point number")
    }

    fn serialize_bytes(self, _value: &[u8]) -> Result<(), Error> {
        refuse("a string of bytes")
    }

    fn serialize_none(self) -> Result<(), Error> {
        refuse("nothing")
    }

    fn serialize_unit(self) -> Result<(), Error> {
        refuse("nothing")
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), Error> {
        refuse("nothing")
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _value: &T,
    ) -> Result<(), Error> {
        refuse("an enum with data")
    }

    fn serialize_seq(self, _len: Option<usize>) -> Result<Self::SerializeSeq, Error> {
        refuse("a list")
    }

    fn serialize_tuple(self, _len: usize) -> Result<Self::SerializeTuple, Error> {
        refuse("a list")
    }

    fn serialize_tuple_struct(
        self,
        _name: &'static str,
        _len: usize,
    ) -> Result<Self::SerializeTupleStruct, Error> {
        refuse("a list")
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _len: usize,
    ) -> Result<Self::SerializeTupleVariant, Error> {
        refuse("an enum with data")
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Self::SerializeMap, Error> {
        refuse("a map")
    }

    fn serialize_struct(
        self,
        _name: &'static str,
        _len: usize,
    ) -> Result<Self::SerializeStruct, Error> {
        refuse("a struct")
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        _len: usize,
    ) -> Result<Self::SerializeStructVariant, Error> {
        refuse("an enum with data")
    }
}
