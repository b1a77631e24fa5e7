//! Admission of artifacts, the same for publishes from outside and outputs of attempts: what is
//! there already is not committed again, and what is new brings its activations.

use std::collections::BTreeMap;
use std::time::Duration;

use smallvec::{SmallVec, smallvec};

use super::beside::Beside;
use super::room::Growth;
use super::state::State;
use super::timed::Made;
use crate::command::{NewArtifact, Publish, Rejection};
use crate::content::Content;
use crate::envelope::NotBefore;
use crate::event::{Closure, DeadReason, Event};
use crate::ids::{ActivationId, ArtifactId, Seq};
use crate::log::{Existing, LookedUp};
use crate::names::IdempotencyKey;
use crate::time::{Elapsed, Now};

/// Artifacts that are not on the board yet.
pub(super) type Fresh<'a> = SmallVec<[&'a NewArtifact; 4]>;

/// The artifacts of a publish that are not on the board yet.
pub(super) struct Admission<'a> {
    pub(super) fresh: Fresh<'a>,
    /// What committing them adds to the board.
    pub(super) growth: Growth,
}

impl Beside {
    /// The artifact that is on the board under this name, if there is one.
    pub(super) fn existing(&self, name: &Name<'_>, looked_up: &LookedUp) -> Option<Existing> {
        match *name {
            Name::Key(key) => self.recent.by_key(key, looked_up),
            Name::Id(id) => self.recent.by_id(id, looked_up),
        }
    }
}

/// What an artifact is the same as.
enum Earlier<'a> {
    OnBoard(Existing),
    /// Another one of the same publish.
    Brought(&'a NewArtifact),
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

    /// Tells what is new from what is there already, and counts it.
    pub(super) fn admit<'a>(
        &self,
        publish: &'a Publish,
        beside: &Beside,
    ) -> Result<Admission<'a>, Rejection> {
        let mut named = BTreeMap::new();
        let mut admission = Admission { fresh: Fresh::new(), growth: Growth::default() };
        for artifact in &publish.artifacts {
            let earlier = names(artifact).find_map(|name| {
                let existing = beside.existing(&name, &publish.looked_up).map(Earlier::OnBoard);
                existing.or_else(|| named.get(&name).copied().map(Earlier::Brought))
            });
            match earlier {
                Some(Earlier::OnBoard(existing)) => self.same_artifact(artifact, existing)?,
                Some(Earlier::Brought(other)) => self.same_payload(artifact, other)?,
                None => {}
            }
            if earlier.is_some() {
                continue;
            }
            named.extend(names(artifact).map(|name| (name, artifact)));
            admission.growth.add_artifact(artifact.draft.envelope.correlation);
            for &subscription in &artifact.draft.verdicts.woken {
                let agent = self.subscription(subscription).map(|record| record.agent);
                admission.growth.add_activation(agent);
            }
            admission.fresh.push(artifact);
        }
        Ok(admission)
    }

    /// Appends the events of what was admitted, with what it wakes.
    pub(super) fn commit_artifacts(
        &self,
        fresh: &[&NewArtifact],
        now: Now,
        events: &mut Vec<Event>,
    ) {
        let mut made = Made::default();
        let next = |events: &Vec<Event>| Seq(self.header.seq.get() + events.len() as u64 + 1);
        for artifact in fresh {
            let correlation = artifact.draft.envelope.correlation;
            let seq = next(events);
            events.push(Event::ArtifactCommitted(artifact.draft.clone()));
            self.expire_aged(&artifact.draft.envelope, now, &mut made, events);
            let verdicts = &artifact.draft.verdicts;
            let not_before = artifact.draft.envelope.not_before.as_deref();
            let visible_from = artifact.draft.envelope.visibility.from().map(NotBefore::At);
            let moments = not_before.copied().into_iter().chain(visible_from);
            let not_before = moments.map(|wanted| moment(wanted, now)).max();
            for &subscription in &verdicts.woken {
                let inputs = smallvec![seq];
                let key = verdicts.key(subscription);
                let bad = key.is_err();
                let key = key.unwrap_or_default().cloned();
                let of = (subscription, key.as_ref());
                // What dies at once is no match that others wait for, and does not wait itself.
                let wakes =
                    if bad { None } else { self.wake_at(of, now.elapsed, &mut made, events) };
                let not_before = not_before.max(wakes);
                let activation = ActivationId(next(events));
                if !bad {
                    let of = (subscription, verdicts.members(subscription));
                    self.note_made(of, (key.clone(), correlation), activation, &mut made);
                }
                events.push(Event::ActivationCreated {
                    subscription,
                    inputs,
                    correlation,
                    key,
                    not_before,
                    members: verdicts.members(subscription).into(),
                });
                if bad {
                    let why = Closure::Dead(DeadReason::BadKey);
                    events.push(Event::ActivationClosed { activation, why });
                }
            }
        }
    }
}

/// The moment on the board's own clock before which nobody works on an artifact.
fn moment(wanted: NotBefore, now: Now) -> Elapsed {
    now.elapsed.after(match wanted {
        NotBefore::At(at) => at.since(now.wall),
        NotBefore::After(ms) => Duration::from_millis(ms),
    })
}

/// What makes an artifact the same as another one.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Name<'a> {
    Key(&'a IdempotencyKey),
    Id(ArtifactId),
}

/// The names of an artifact. The key comes first: it decides where the two mean different artifacts,
/// on the board or in one publish.
pub(super) fn names(artifact: &NewArtifact) -> impl Iterator<Item = Name<'_>> {
    let envelope = &artifact.draft.envelope;
    let key = envelope.idempotency_key.as_ref().map(Name::Key);
    key.into_iter().chain(artifact.client_id.then_some(Name::Id(envelope.id)))
}

impl State {
    fn same_payload(&self, artifact: &NewArtifact, other: &NewArtifact) -> Result<(), Rejection> {
        let (one, two) = (&artifact.draft.envelope, &other.draft.envelope);
        let same = artifact.payload.bytes() == other.payload.bytes();
        if same && self.is_one_type(one.type_no, two.type_no) {
            return Ok(());
        }
        Err(reused(artifact, two.id))
    }

    /// A payload is the same as another one exactly when their canonical forms are, whichever
    /// versions of their type they are of.
    fn same_artifact(&self, artifact: &NewArtifact, existing: Existing) -> Result<(), Rejection> {
        let type_no = artifact.draft.envelope.type_no;
        // The payload of an erased artifact cannot be compared: the key still stands for it.
        let same = existing
            .salt
            .is_none_or(|salt| Content::hash_of(salt, artifact.payload.bytes()) == existing.hash);
        if same && self.is_one_type(type_no, existing.type_no) {
            return Ok(());
        }
        Err(reused(artifact, existing.id))
    }
}

fn reused(artifact: &NewArtifact, existing: ArtifactId) -> Rejection {
    match &artifact.draft.envelope.idempotency_key {
        Some(key) => Rejection::KeyReused { key: key.clone(), existing },
        None => Rejection::IdReused { id: existing },
    }
}
