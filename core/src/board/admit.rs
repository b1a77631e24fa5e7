//! Admission of artifacts, the same for publishes from outside and outputs of attempts: what is
//! there already is not committed again, and what is new brings its activations.

use std::collections::BTreeMap;

use smallvec::smallvec;

use super::beside::Beside;
use super::state::State;
use crate::command::{NewArtifact, Publish, Rejection};
use crate::content::Content;
use crate::event::Event;
use crate::ids::{AgentNo, ArtifactId, Seq};
use crate::log::{Existing, LookedUp};
use crate::names::IdempotencyKey;
use crate::policy::limits;
use crate::time::Elapsed;

impl Beside {
    /// The artifact that is on the board under the same id or key, if there is one.
    pub(super) fn existing(
        &self,
        artifact: &NewArtifact,
        looked_up: &LookedUp,
    ) -> Option<Existing> {
        let envelope = &artifact.draft.envelope;
        let by_key =
            envelope.idempotency_key.as_ref().and_then(|key| self.recent.by_key(key, looked_up));
        if by_key.is_some() || !artifact.client_id {
            return by_key;
        }
        self.recent.by_id(envelope.id, looked_up)
    }
}

impl State {
    /// Refuses artifacts that were matched or looked up too long ago.
    pub(super) fn check_fresh(&self, publish: &Publish, beside: &Beside) -> Result<(), Rejection> {
        if publish.artifacts.is_empty() {
            return Ok(());
        }
        if publish.catalogue != self.catalogue {
            return Err(Rejection::StaleCatalogue {
                used: publish.catalogue,
                current: self.catalogue,
            });
        }
        let asked = publish.artifacts.iter().any(|artifact| {
            artifact.client_id || artifact.draft.envelope.idempotency_key.is_some()
        });
        let (as_of, horizon) = (publish.looked_up.as_of, beside.recent.horizon());
        if asked && as_of < horizon {
            return Err(Rejection::StaleLookUp { as_of, horizon });
        }
        Ok(())
    }

    /// Appends the events of the artifacts that are not there yet, with what they wake.
    pub(super) fn commit_artifacts(
        &self,
        publish: &Publish,
        beside: &Beside,
        events: &mut Vec<Event>,
    ) -> Result<(), Rejection> {
        let mut fresh = BTreeMap::new();
        for artifact in &publish.artifacts {
            if let Some(existing) = beside.existing(artifact, &publish.looked_up) {
                same_artifact(artifact, existing)?;
                continue;
            }
            if let Some(earlier) = names(artifact).find_map(|name| fresh.get(&name).copied()) {
                same_payload(artifact, earlier)?;
                continue;
            }
            fresh.extend(names(artifact).map(|name| (name, artifact)));
            let envelope = &artifact.draft.envelope;
            let seq = Seq(self.header.seq.get() + events.len() as u64 + 1);
            events.push(Event::ArtifactCommitted(artifact.draft.clone()));
            for &subscription in &artifact.draft.verdicts.woken {
                events.push(Event::ActivationCreated {
                    subscription,
                    inputs: smallvec![seq],
                    correlation: envelope.correlation,
                });
            }
        }
        Ok(())
    }

    /// Refuses artifacts that would exceed the bound of the agenda, of the board or of an agent,
    /// times `factor`.
    pub(super) fn check_room(&self, publish: &Publish, factor: usize) -> Result<(), Rejection> {
        let woken = || publish.artifacts.iter().flat_map(|a| &a.draft.verdicts.woken);
        let mut created = 0_usize;
        for &subscription in woken() {
            created += 1;
            let Some(record) = self.subscription(subscription) else { continue };
            self.check_agent_room(record.agent, created, factor)?;
        }
        let open = self.activations.len() + created;
        let limit = limits::AGENDA_LEN_MAX * factor;
        if created > 0 && open > limit {
            return Err(Rejection::AgendaFull {
                what: "the board".to_owned(),
                open: self.activations.len() as u64,
                limit: limit as u64,
            });
        }
        Ok(())
    }

    fn check_agent_room(
        &self,
        agent: AgentNo,
        created: usize,
        factor: usize,
    ) -> Result<(), Rejection> {
        let open = self.index.open(agent);
        let limit = limits::AGENT_AGENDA_LEN_MAX * factor;
        // `created` counts for all agents: near the bound it errs on the side of refusing.
        if open + created <= limit {
            return Ok(());
        }
        let name = self.agent(agent).map_or("?", |record| record.definition.name.as_str());
        Err(Rejection::AgendaFull {
            what: format!("agent `{name}`"),
            open: open as u64,
            limit: limit as u64,
        })
    }

    /// Refuses artifacts that would exceed what a tree of work may have in an hour.
    pub(super) fn check_correlations(
        &self,
        publish: &Publish,
        now: Elapsed,
    ) -> Result<(), Rejection> {
        let limit = limits::CORRELATION_ARTIFACTS_PER_HOUR_MAX;
        let Some(first) = publish.artifacts.first() else { return Ok(()) };
        let correlation = first.draft.envelope.correlation;
        // One publish is one tree of work, unless each item names its own.
        let mine = publish
            .artifacts
            .iter()
            .filter(|artifact| artifact.draft.envelope.correlation == correlation);
        let before = self.correlation(correlation).map_or(0, |c| c.artifacts_in_hour(now));
        let value = u64::from(before) + mine.count() as u64;
        if value > u64::from(limit) {
            return Err(Rejection::Limit {
                what: "artifacts per correlation and hour",
                value,
                limit: u64::from(limit),
            });
        }
        Ok(())
    }
}

/// What makes an artifact the same as another one.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Name<'a> {
    Key(&'a IdempotencyKey),
    Id(ArtifactId),
}

fn names(artifact: &NewArtifact) -> impl Iterator<Item = Name<'_>> {
    let envelope = &artifact.draft.envelope;
    let key = envelope.idempotency_key.as_ref().map(Name::Key);
    key.into_iter().chain(artifact.client_id.then_some(Name::Id(envelope.id)))
}

fn same_payload(artifact: &NewArtifact, other: &NewArtifact) -> Result<(), Rejection> {
    let (one, two) = (&artifact.draft.envelope, &other.draft.envelope);
    if one.type_no == two.type_no && artifact.payload.bytes() == other.payload.bytes() {
        return Ok(());
    }
    Err(reused(artifact, two.id))
}

fn same_artifact(artifact: &NewArtifact, existing: Existing) -> Result<(), Rejection> {
    let type_no = artifact.draft.envelope.type_no;
    // The payload of an erased artifact cannot be compared: the key still stands for it.
    let same = existing
        .salt
        .is_none_or(|salt| Content::hash_of(salt, artifact.payload.bytes()) == existing.hash);
    if same && type_no == existing.type_no {
        return Ok(());
    }
    Err(reused(artifact, existing.id))
}

fn reused(artifact: &NewArtifact, existing: ArtifactId) -> Rejection {
    match &artifact.draft.envelope.idempotency_key {
        Some(key) => Rejection::KeyReused { key: key.clone(), existing },
        None => Rejection::IdReused { id: existing },
    }
}
