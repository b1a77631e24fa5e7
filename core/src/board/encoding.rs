//! The canonical encoding of a state: what snapshots hold and what the state hash covers. Hashes
//! are compared within one format only.

use bytes::Bytes;

use super::evolve::check_level;
use super::state::State;
use crate::hash::Hash;
use crate::record::Behind;

/// The format number of encoded states that this release writes and reads.
pub const STATE_FORMAT: u8 = 1;

/// Bytes that are no state of this format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// The state was written in another format: fold the log instead.
    #[error("the state has format {found}, this release reads format {STATE_FORMAT}")]
    Format {
        /// What was found.
        found: u8,
    },
    /// The board is of a level that this release does not read.
    #[error("{0}")]
    Level(String),
    /// The bytes cannot be decoded.
    #[error("the state cannot be decoded")]
    Decode(#[source] postcard::Error),
}

impl State {
    /// The canonical encoding: equal states give equal bytes.
    ///
    /// # Panics
    /// Never: postcard refuses only values of unknown length, and a state has none.
    #[must_use]
    pub fn encode(&self) -> Bytes {
        let mut bytes = Vec::with_capacity(self.encoded_len());
        bytes.push(STATE_FORMAT);
        postcard::serialize_with_flavor(self, Behind(&mut bytes)).expect("a state can be encoded");
        bytes.into()
    }

    /// About how many bytes the canonical encoding has, guessed from counts.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        let schemas: usize = self.types.iter().map(|record| record.schema.len()).sum();
        let registered = self.types.len() + self.agents.len() + self.subscriptions.len();
        let trees = self.correlations.len() + self.settled_hours.len();
        let open = self.activations.len() + 2 * (self.debts.len() + self.alerts.len());
        schemas + 256 * (1 + registered) + 64 * open + 32 * trees
    }

    /// The hash of the canonical encoding.
    #[must_use]
    pub fn hash(&self) -> Hash {
        Hash::of(&self.encode())
    }

    /// Reads an encoded state and rebuilds what is derived from it.
    ///
    /// # Errors
    /// When the bytes are of another format or damaged, or the board of a later level.
    pub fn decode(bytes: &[u8]) -> Result<Self, StateError> {
        let (&format, rest) = bytes.split_first().unwrap_or((&0, &[]));
        if format != STATE_FORMAT {
            return Err(StateError::Format { found: format });
        }
        let mut state: Self = postcard::from_bytes(rest).map_err(StateError::Decode)?;
        check_level(state.header.level).map_err(StateError::Level)?;
        state.rebuild_index();
        Ok(state)
    }
}
