//! The types of a board: which versions it has, who works with them, and whether what is stored of
//! them can still be read.

use std::sync::Arc;

use bytes::Bytes;

use artel_core::artifact::TypeDescriptor;
use artel_core::board::{State, TypeRecord};
use artel_core::classify::chain_of;
use artel_core::hash::Hash;
use artel_core::ids::{ArtifactId, Seq, TypeNo};
use artel_core::log::{ArtifactQuery, StoredArtifact};
use artel_core::names::{AgentName, TypeName};
use artel_core::policy::limits;
use artel_core::schema::{Schema, TypeSchema};

use crate::error::ReadError;
use crate::query::Query;
use crate::reader::Reader;

/// How many payloads are fetched at once where only a sample is checked.
const FETCHED: usize = 16;
/// How many payloads are checked before others get their turn.
const TURN: usize = 16;

/// A version of a type that a board has.
#[derive(Clone, Debug)]
pub struct TypeView {
    /// The name of the type.
    pub name: TypeName,
    /// The version.
    pub version: u32,
    /// Whether it is the newest version of the type: the one that is published.
    pub newest: bool,
    /// The schema in normal form, as canonical JSON.
    pub schema: Arc<str>,
    /// The hash of the schema.
    pub schema_hash: Hash,
    /// How many artifacts of this version the board has had.
    pub artifacts: u64,
    /// The agents that subscribe to the type, whichever version.
    pub subscribers: Vec<AgentName>,
    /// The agents that may publish it.
    pub publishers: Vec<AgentName>,
}

/// Which payloads to check, and how much to tell.
#[derive(Clone, Debug)]
pub struct TypeCheck {
    /// Only those of these types; empty for all.
    pub types: Vec<String>,
    /// Only so many of each version, spread over all there are; none for all.
    pub sample: Option<u32>,
    /// How many failures are told one by one; the others are counted.
    pub failures: usize,
}

impl Default for TypeCheck {
    fn default() -> Self {
        Self { types: Vec::new(), sample: None, failures: 20 }
    }
}

/// What a check of the payloads of a board found.
#[derive(Clone, Debug, Default)]
pub struct TypesChecked {
    /// The versions that were looked at.
    pub versions: Vec<TypeChecked>,
    /// The first payloads that are not what they should be.
    pub failures: Vec<TypeFailure>,
}

impl TypesChecked {
    /// How many payloads are not what they should be.
    #[must_use]
    pub fn failed(&self) -> u64 {
        self.versions.iter().map(|version| version.failed).sum()
    }

    /// How many payloads were checked.
    #[must_use]
    pub fn checked(&self) -> u64 {
        self.versions.iter().map(|version| version.checked).sum()
    }
}

/// What a check found of one version of a type.
#[derive(Clone, Debug)]
pub struct TypeChecked {
    /// The name of the type.
    pub name: TypeName,
    /// The version.
    pub version: u32,
    /// How many artifacts of it the board has had.
    pub artifacts: u64,
    /// How many payloads were checked.
    pub checked: u64,
    /// How many of those that were to be checked have no payload any more.
    pub removed: u64,
    /// How many of those that were to be checked may not be seen by whoever looks.
    pub hidden: u64,
    /// How many are not what they should be.
    pub failed: u64,
    /// How far the check went.
    pub read: ReadAs,
}

/// What payloads of a version were read as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadAs {
    /// As JSON only: the program does not have the type.
    Json,
    /// As the Rust type, whose version it is.
    Value,
    /// As the Rust type of this newer version, by its upcasters.
    Upcast(u32),
    /// As JSON only: the program has this older version of the type.
    Newer(u32),
}

/// A payload that is not what it should be.
#[derive(Clone, Debug)]
pub struct TypeFailure {
    /// Whose payload it is.
    pub artifact: ArtifactId,
    /// Its seq.
    pub seq: Seq,
    /// Its type.
    pub name: TypeName,
    /// The version that it was published under.
    pub version: u32,
    /// What is wrong, outermost first.
    pub error: Vec<String>,
}

/// The check of one version.
struct Version<'a> {
    type_no: TypeNo,
    record: &'a TypeRecord,
    /// The recorded schema, ready to check; or why it cannot be used.
    schema: Result<TypeSchema, String>,
    program: Option<&'a TypeDescriptor>,
    found: TypeChecked,
}

impl<'a> Version<'a> {
    fn new(type_no: TypeNo, record: &'a TypeRecord, program: &'a [TypeDescriptor]) -> Self {
        let (name, version) = (record.name.clone(), record.version);
        let schema = Schema::from_text(&record.schema)
            .and_then(|schema| TypeSchema::new(name.clone(), version, schema))
            .map_err(|error| format!("the recorded schema cannot be used: {error}"));
        let program = program.iter().find(|known| *known.name() == name);
        let read = match program.map(TypeDescriptor::version) {
            None => ReadAs::Json,
            Some(current) if current == version => ReadAs::Value,
            Some(current) if current > version => ReadAs::Upcast(current),
            Some(current) => ReadAs::Newer(current),
        };
        let (artifacts, checked, removed, failed) = (record.artifacts, 0, 0, 0);
        let found =
            TypeChecked { name, version, artifacts, checked, removed, hidden: 0, failed, read };
        Self { type_no, record, schema, program, found }
    }

    /// Counts an artifact, and says what is wrong with its payload.
    fn check(&mut self, stored: &StoredArtifact) -> Option<TypeFailure> {
        let Some(payload) = &stored.payload else {
            self.found.removed += 1;
            return None;
        };
        self.found.checked += 1;
        let error = self.problem(payload)?;
        self.found.failed += 1;
        Some(TypeFailure {
            artifact: stored.envelope.id,
            seq: stored.seq,
            name: self.record.name.clone(),
            version: self.record.version,
            error,
        })
    }

    fn problem(&self, payload: &Bytes) -> Option<Vec<String>> {
        let schema = match &self.schema {
            Ok(schema) => schema,
            Err(problem) => return Some(vec![problem.clone()]),
        };
        if let Err(error) = schema.check_json(payload, limits::PAYLOAD_LEN_MAX) {
            return Some(chain_of(&error));
        }
        match (self.found.read, self.program) {
            (ReadAs::Value | ReadAs::Upcast(_), Some(program)) => {
                let read = program.read(self.record.version, payload);
                read.err().map(|error| chain_of(&error))
            }
            (ReadAs::Json | ReadAs::Newer(_), _) | (_, None) => None,
        }
    }
}

impl Reader {
    /// The versions of the types that the board has, by name and version.
    #[must_use]
    pub fn types(&self) -> Vec<TypeView> {
        let state = self.state();
        let mut types: Vec<TypeView> =
            state.types().map(|(type_no, record)| view(state, type_no, record)).collect();
        types.sort_by(|one, two| (&one.name, one.version).cmp(&(&two.name, two.version)));
        types
    }

    /// Checks stored payloads: against the schema that each was published under, and, for the types
    /// that the program has, by reading each as the program does, with its upcasters. What was
    /// published after this reader's fold, or may not be seen by it, is left out. Tells how many artifacts it is through with.
    ///
    /// # Errors
    /// When the log cannot be read, or the board has no type of a name that was asked for. A payload
    /// that is not what it should be is no error, but told in the answer.
    pub async fn check_types(
        &self,
        wanted: &TypeCheck,
        program: &[TypeDescriptor],
        mut progress: impl FnMut(u64),
    ) -> Result<TypesChecked, ReadError> {
        let state = self.state();
        for name in &wanted.types {
            if self.names().type_nos(name).is_empty() {
                return Err(ReadError::Unknown { what: "type", name: name.clone() });
            }
        }
        let is_wanted = |record: &TypeRecord| {
            wanted.types.is_empty() || wanted.types.iter().any(|name| name == record.name.as_str())
        };
        let records = state.types().filter(|(_, record)| is_wanted(record));
        let mut versions: Vec<Version<'_>> =
            records.map(|(type_no, record)| Version::new(type_no, record, program)).collect();
        versions.sort_by(|one, two| {
            (&one.record.name, one.record.version).cmp(&(&two.record.name, two.record.version))
        });
        let sight = self.sight();
        let mut checked = TypesChecked::default();
        let mut through = 0;
        for mut version in versions {
            let mut note = |version: &mut Version<'_>, stored: &StoredArtifact| {
                if !sight.admits(&stored.envelope) {
                    version.found.hidden += 1;
                    return;
                }
                let failure = version.check(stored);
                if checked.failures.len() < wanted.failures {
                    checked.failures.extend(failure);
                }
                through += 1;
                progress(through);
            };
            match wanted.sample {
                Some(sample) if u64::from(sample) < version.record.artifacts => {
                    self.check_sample(&mut version, sample, &mut note).await?;
                }
                Some(_) | None => self.check_all(&mut version, &mut note).await?,
            }
            checked.versions.push(version.found);
        }
        Ok(checked)
    }

    async fn check_all(
        &self,
        version: &mut Version<'_>,
        note: &mut impl FnMut(&mut Version<'_>, &StoredArtifact),
    ) -> Result<(), ReadError> {
        let mut query = self.query(version.type_no, 1_000);
        loop {
            let page = self.log().artifacts(&query).await.map_err(ReadError::Log)?;
            for turn in page.items.chunks(TURN) {
                turn.iter().for_each(|stored| note(version, stored));
                tokio::task::yield_now().await;
            }
            match page.next {
                Some(next) => query.cursor = Some(next),
                None => return Ok(()),
            }
        }
    }

    /// Checks so many payloads of those there are, the first and the last among them.
    async fn check_sample(
        &self,
        version: &mut Version<'_>,
        sample: u32,
        note: &mut impl FnMut(&mut Version<'_>, &StoredArtifact),
    ) -> Result<(), ReadError> {
        let mut places = spread(version.record.artifacts, sample).peekable();
        let mut query =
            ArtifactQuery { payloads: false, ..self.query(version.type_no, Query::LIMIT_MAX) };
        let (mut seqs, mut place) = (Vec::new(), 0);
        loop {
            let page = self.log().artifacts(&query).await.map_err(ReadError::Log)?;
            for stored in &page.items {
                if places.next_if_eq(&place).is_some() {
                    seqs.push(stored.seq);
                }
                place += 1;
            }
            match page.next {
                Some(next) => query.cursor = Some(next),
                None => break,
            }
        }
        for seqs in seqs.chunks(FETCHED) {
            let fetched = self.log().artifacts_at(seqs).await.map_err(ReadError::Log)?;
            fetched.iter().for_each(|stored| note(version, stored));
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    fn query(&self, type_no: TypeNo, limit: u32) -> ArtifactQuery {
        let up_to = self.state().seq();
        ArtifactQuery { types: vec![type_no], up_to, limit, ..ArtifactQuery::default() }
    }
}

/// So many places out of all, ascending and as far apart as they can be.
fn spread(all: u64, sample: u32) -> impl Iterator<Item = u64> {
    let (last, gaps) = (u128::from(all.saturating_sub(1)), u128::from(sample.max(2) - 1));
    (0..u128::from(sample)).map(move |index| u64::try_from(index * last / gaps).unwrap_or(all))
}

fn view(state: &State, type_no: TypeNo, record: &TypeRecord) -> TypeView {
    let agents = || {
        let registered = state.agents().filter(|(_, agent)| agent.registered);
        registered.map(|(_, agent)| &agent.definition)
    };
    let named = |name: &TypeName| *name == record.name;
    let subscribers = agents().filter(|agent| {
        agent.subscriptions.iter().any(|subscription| subscription.types.iter().any(named))
    });
    let publishers = agents().filter(|agent| agent.outputs.iter().any(named));
    TypeView {
        name: record.name.clone(),
        version: record.version,
        newest: state.type_named(&record.name).is_some_and(|(newest, _)| newest == type_no),
        schema: record.schema.clone(),
        schema_hash: Hash::of(record.schema.as_bytes()),
        artifacts: record.artifacts,
        subscribers: subscribers.map(|agent| agent.name.clone()).collect(),
        publishers: publishers.map(|agent| agent.name.clone()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// TYPE-13: a sample is spread over all there are, each once, from the first to the last.
    #[test]
    fn a_sample_is_spread_over_all() {
        let places = |all, sample| spread(all, sample).collect::<Vec<_>>();
        assert_eq!(places(10, 1), [0]);
        assert_eq!(places(10, 2), [0, 9]);
        assert_eq!(places(11, 6), [0, 2, 4, 6, 8, 10]);
        for (all, sample) in [(5, 4), (1_000_000, 7), (u64::MAX, 100)] {
            let places = places(all, sample);
            assert!(places.is_sorted_by(|one, two| one < two), "{places:?}");
            assert_eq!((places.len(), places.last()), (sample as usize, Some(&(all - 1))));
        }
    }
}
