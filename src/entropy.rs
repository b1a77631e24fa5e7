//! Random bytes, and the ids that are made of them: the only place that draws them.

use rand::Rng;
use uuid::{Builder, Uuid};

use artel_core::hash::Salt;
use artel_core::ids::{ArtifactId, CommandId, CorrelationId, Incarnation, ProcessId, SessionId};
use artel_core::time::Timestamp;

/// Where random bytes come from. Tests give one with a seed.
pub trait Entropy: Send + Sync + std::fmt::Debug {
    /// Fills the buffer with random bytes.
    fn fill(&self, bytes: &mut [u8]);
}

/// The operating system's random bytes, stretched by a cryptographic generator in each thread.
#[derive(Clone, Copy, Debug, Default)]
pub struct OsEntropy;

impl Entropy for OsEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        #[expect(clippy::disallowed_methods, reason = "this is where randomness comes from")]
        rand::rng().fill_bytes(bytes);
    }
}

fn bytes<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes);
    bytes
}

fn random_uuid(entropy: &dyn Entropy) -> Uuid {
    Builder::from_random_bytes(bytes(entropy)).into_uuid()
}

/// A UUIDv7: its first 48 bits are the wall clock, so ids made later sort later.
pub(crate) fn uuid_v7(entropy: &dyn Entropy, at: Timestamp) -> Uuid {
    let millis = u64::try_from(at.as_millis()).unwrap_or(0);
    Builder::from_unix_timestamp_millis(millis, &bytes(entropy)).into_uuid()
}

pub(crate) fn salt(entropy: &dyn Entropy) -> Salt {
    Salt(bytes(entropy))
}

pub(crate) fn seed(entropy: &dyn Entropy) -> u64 {
    u64::from_le_bytes(bytes(entropy))
}

pub(crate) fn command_id(entropy: &dyn Entropy) -> CommandId {
    CommandId::new(random_uuid(entropy))
}

pub(crate) fn session_id(entropy: &dyn Entropy) -> SessionId {
    SessionId::new(random_uuid(entropy))
}

pub(crate) fn process_id(entropy: &dyn Entropy) -> ProcessId {
    ProcessId::new(random_uuid(entropy))
}

pub(crate) fn incarnation(entropy: &dyn Entropy) -> Incarnation {
    Incarnation::new(random_uuid(entropy))
}

pub(crate) fn artifact_id(entropy: &dyn Entropy, at: Timestamp) -> ArtifactId {
    ArtifactId::new(uuid_v7(entropy, at))
}

pub(crate) fn correlation_id(entropy: &dyn Entropy, at: Timestamp) -> CorrelationId {
    CorrelationId::new(uuid_v7(entropy, at))
}
