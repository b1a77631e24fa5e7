//! What a program tells a board of an artifact type: name, version, schema, and how to check, write
//! and read its payloads.

use std::any::{Any, TypeId};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use super::upcast::{Problem, Unreadable, UpcastError, Upcasters};
use super::{Artifact, ErasedArtifact};
use crate::canonical;
use crate::names::TypeName;
use crate::policy::limits;
use crate::schema::{
    Checked, Error, PayloadError, Reason, Schema, TypeSchema, valid_by_construction,
};

/// An artifact type of this program.
#[derive(Clone)]
pub struct TypeDescriptor(Arc<Parts>);

struct Parts {
    name: TypeName,
    version: u32,
    type_id: TypeId,
    /// How to check payloads; or why they cannot be checked, and then none passes.
    schema: Result<TypeSchema, Error>,
    /// Whether no value of the type can break its schema.
    by_construction: bool,
    read: Read,
    upcasters: Upcasters,
}

type Read = fn(&[u8]) -> Result<Arc<dyn ErasedArtifact>, serde_json::Error>;

/// Describes an artifact type. Takes a while: it is done once for each type, at the start.
///
/// An invalid name, or version 0, does not compile.
///
/// # Panics
/// Never: the name was checked when the program was compiled.
#[must_use]
pub fn descriptor<T: Artifact>() -> TypeDescriptor {
    const {
        assert!(is_type_name(T::NAME), "an artifact type's NAME is not a type name");
        assert!(T::VERSION > 0, "an artifact type's VERSION is 0; versions count from 1");
    }
    let name = TypeName::new(T::NAME).expect("the name was checked when it was compiled");
    let read_as = Schema::of::<T>();
    let by_construction = match (&read_as, Schema::of_written::<T>()) {
        (Ok(read), Ok(written)) => valid_by_construction(read, &written),
        (Err(_), _) | (_, Err(_)) => false,
    };
    let schema = read_as.and_then(|schema| TypeSchema::new(name.clone(), T::VERSION, schema));
    TypeDescriptor(Arc::new(Parts {
        name,
        version: T::VERSION,
        type_id: TypeId::of::<T>(),
        schema,
        by_construction,
        read: |canonical| Ok(Arc::new(canonical::decode::<T>(canonical)?)),
        upcasters: T::upcasters(),
    }))
}

/// The description of a type, made when it is asked for first and kept from then on: for those who
/// read one payload and have no descriptor at hand.
#[must_use]
pub fn described<T: Artifact>() -> TypeDescriptor {
    static DESCRIBED: Mutex<BTreeMap<TypeId, TypeDescriptor>> = Mutex::new(BTreeMap::new());
    let known = || DESCRIBED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(descriptor) = known().get(&TypeId::of::<T>()) {
        return descriptor.clone();
    }
    // Describing runs code of the user's, which may ask for another description.
    let descriptor = descriptor::<T>();
    known().insert(TypeId::of::<T>(), descriptor.clone());
    descriptor
}

/// What [`TypeName::new`] accepts, for the compiler.
pub(super) const fn is_type_name(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if !(bytes[at].is_ascii_alphanumeric() || matches!(bytes[at], b'_' | b'-' | b'.')) {
            return false;
        }
        at += 1;
    }
    !bytes.is_empty() && bytes.len() <= 200
}

impl TypeDescriptor {
    /// The name of the type.
    #[must_use]
    pub fn name(&self) -> &TypeName {
        &self.0.name
    }

    /// The version of the type.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.0.version
    }

    /// The schema in normal form, as canonical JSON; `false` where the type's own schema cannot be
    /// used, as [`problem`](Self::problem) then says.
    #[must_use]
    pub fn schema(&self) -> &str {
        self.0.schema.as_ref().map_or("false", |schema| schema.schema().text())
    }

    /// Why the type's schema cannot be used. A type with a problem is not to be registered: none of
    /// its payloads passes a check.
    #[must_use]
    pub fn problem(&self) -> Option<&Error> {
        self.0.schema.as_ref().err()
    }

    /// Whether the other describes the same Rust type.
    #[must_use]
    pub fn is_same(&self, other: &Self) -> bool {
        self.0.type_id == other.0.type_id
    }

    /// Writes a value of the type and checks it, as far as its Rust type does not vouch for it.
    ///
    /// # Errors
    /// When the value is of another type, has no canonical form of at most `len_max` bytes, or its
    /// schema refuses it.
    pub fn check(
        &self,
        value: &Arc<dyn ErasedArtifact>,
        len_max: usize,
    ) -> Result<Checked, PayloadError> {
        let any: &dyn Any = &**value;
        if any.type_id() != self.0.type_id {
            return Err(self.refuse(Reason::OtherType(value.type_name())));
        }
        let canonical = value.canonical_unchecked(len_max).map_err(|error| {
            PayloadError::canonical(self.name().as_str(), self.version(), &error)
        })?;
        if !self.0.by_construction {
            self.usable()?.validate(&canonical)?;
        }
        Ok(Checked::new(exact(canonical), Some(value.clone())))
    }

    /// Checks JSON that somebody else wrote, against the schema and by reading it.
    ///
    /// # Errors
    /// When it has no canonical form of at most `len_max` bytes, its schema refuses it, or it
    /// cannot be read as the Rust type.
    pub fn check_json(&self, json: &[u8], len_max: usize) -> Result<Checked, PayloadError> {
        let (canonical, _) = self.usable()?.check_json(json, len_max)?.into_parts();
        let value = (self.0.read)(&canonical)
            .map_err(|error| self.refuse(Reason::Decode(error.to_string())))?;
        Ok(Checked::new(canonical, Some(value)))
    }

    /// Reads a payload that a board has.
    ///
    /// # Errors
    /// When it is not a payload of this type.
    pub fn decode(
        &self,
        canonical: &[u8],
    ) -> Result<Arc<dyn Any + Send + Sync>, serde_json::Error> {
        (self.0.read)(canonical).map(ErasedArtifact::into_any)
    }

    /// Reads a payload that a board has, of this version of the type or an older one.
    ///
    /// # Errors
    /// When it is not a payload of that version, or does not become one of this version.
    pub fn read(
        &self,
        version: u32,
        canonical: &[u8],
    ) -> Result<Arc<dyn Any + Send + Sync>, Unreadable> {
        if version == self.version() {
            return Ok(self.decode(canonical)?);
        }
        match self.upcast(version, canonical)?.into_parts() {
            (_, Some(value)) => Ok(value.into_any()),
            (canonical, None) => Ok(self.decode(&canonical)?),
        }
    }

    /// Makes a payload of this version of one of an older version, and checks it as one from outside.
    ///
    /// # Errors
    /// When there is no upcaster from that version, one of them fails, or what comes out is refused.
    pub fn upcast(&self, version: u32, canonical: &[u8]) -> Result<Checked, Box<UpcastError>> {
        let failed = |problem| {
            let (type_name, current) = (self.name().as_str().to_owned(), self.version());
            Box::new(UpcastError { type_name, version, current, problem })
        };
        let refused = |error: serde_json::Error| {
            failed(Problem::Refused(self.refuse(Reason::Decode(error.to_string()))))
        };
        let old = canonical::decode(canonical).map_err(refused)?;
        let new = self.0.upcasters.run(old, version, self.version()).map_err(failed)?;
        let json = serde_json::to_vec(&new).map_err(refused)?;
        self.check_json(&json, limits::PAYLOAD_LEN_MAX)
            .map_err(|error| failed(Problem::Refused(error)))
    }

    /// How payloads of older versions become payloads of this one.
    #[must_use]
    pub fn upcasters(&self) -> &Upcasters {
        &self.0.upcasters
    }

    fn usable(&self) -> Result<&TypeSchema, PayloadError> {
        self.0.schema.as_ref().map_err(|error| self.refuse(Reason::Schema(error.to_string())))
    }

    fn refuse(&self, reason: Reason) -> PayloadError {
        let (type_name, version) = (self.name().as_str().to_owned(), self.version());
        PayloadError { type_name, version, pointer: String::new(), reason }
    }
}

/// The bytes without the room that they were written in: they are kept for long.
fn exact(canonical: Vec<u8>) -> Bytes {
    if canonical.capacity() - canonical.len() < canonical.len() / 8 {
        Bytes::from(canonical)
    } else {
        Bytes::copy_from_slice(&canonical)
    }
}

impl fmt::Debug for TypeDescriptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TypeDescriptor")
            .field("name", &self.0.name)
            .field("version", &self.0.version)
            .field("schema", &self.0.schema)
            .finish_non_exhaustive()
    }
}
