//! Content: bytes that a person may have to erase one day (payloads, step results, error texts).
//! Events never hold them. They hold the hash of salt and bytes; the store keeps both beside the
//! log, and lets both go together.

use std::any::Any;
use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::hash::{Hash, Salt};

/// Bytes with their salt, ready to be stored. The hash is computed once, when this is made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    salt: Salt,
    bytes: Bytes,
    hash: Hash,
}

impl Content {
    /// Takes the bytes and hashes them behind the salt.
    #[must_use]
    pub fn new(salt: Salt, bytes: Bytes) -> Self {
        let hash = Self::hash_of(salt, &bytes);
        Self { salt, bytes, hash }
    }

    /// What an event records for these bytes under this salt.
    #[must_use]
    pub fn hash_of(salt: Salt, bytes: &[u8]) -> Hash {
        Hash::of_parts(&[&salt.0, bytes])
    }

    /// The salt.
    #[must_use]
    pub const fn salt(&self) -> Salt {
        self.salt
    }

    /// The bytes.
    #[must_use]
    pub const fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The hash of salt and bytes.
    #[must_use]
    pub const fn hash(&self) -> Hash {
        self.hash
    }
}

/// A typed value on its way from a publisher to a handler in the same process, so that the payload
/// is not parsed again. The core hands it on and never looks inside.
#[derive(Clone)]
pub struct Value(Arc<dyn Any + Send + Sync>);

impl Value {
    /// Takes a value that is shared already.
    #[must_use]
    pub const fn new(value: Arc<dyn Any + Send + Sync>) -> Self {
        Self(value)
    }

    /// The value, where it is of this type.
    #[must_use]
    pub fn downcast<T: Any + Send + Sync>(&self) -> Option<Arc<T>> {
        self.0.clone().downcast().ok()
    }

    /// The value, shared.
    #[must_use]
    pub fn shared(&self) -> Arc<dyn Any + Send + Sync> {
        self.0.clone()
    }

    /// The value as whatever it is.
    #[must_use]
    pub fn as_any(&self) -> &(dyn Any + Send + Sync) {
        &*self.0
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Value(…)")
    }
}
