//! Who may see what in a simulation: some tokens are for agents, labels and tenants, by their numbers, and
//! agents are cleared for some of that, by theirs. So whoever reads a token knows whom it was for. Some
//! are for nobody before a moment, which is said where they are published.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use artel::visibility::{Restriction, Viewer};
use artel::{
    Context, DeadLetterFilter, Error, Publication, Query, Reader, Running, Stored, Subscribed,
    SystemClock,
};
use artel_core::envelope::Envelope;
use artel_core::event::Event;
use artel_core::ids::{ActivationId, Seq};
use artel_core::record::Decision;
use artel_core::time::{Clock, Elapsed, Timestamp};

use super::agents::{self, Around, Token};
use super::audit::{Audit, Auditor};
use super::cases::Case;
use super::notices::UNDERTAKER;
use crate::VirtualClock;

const LABEL: &str = "secret";
const ONE: &str = "one";
const TWO: &str = "two";

/// What a token asks of those who want to see it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Asked {
    label: bool,
    tenant: Option<&'static str>,
    /// Whether it is for the first and the third agent only.
    private: bool,
}

const fn asked(number: u32) -> Asked {
    let public = Asked { label: false, tenant: None, private: false };
    match number % 12 {
        3 => Asked { label: true, ..public },
        5 => Asked { tenant: Some(ONE), ..public },
        7 => Asked { tenant: Some(TWO), ..public },
        9 => Asked { private: true, ..public },
        11 => Asked { label: true, tenant: Some(ONE), ..public },
        _ => public,
    }
}

/// Says whom a token is for.
pub(super) fn say(publication: Publication, number: u32) -> Publication {
    let Asked { label, tenant, private } = asked(number);
    let publication = if label { publication.labelled(LABEL) } else { publication };
    let publication = match tenant {
        Some(tenant) => publication.tenant(tenant),
        None => publication,
    };
    if !private {
        return publication;
    }
    let named = [agents::name_of(1), agents::name_of(3), UNDERTAKER.to_owned()];
    named.into_iter().fold(publication, Publication::private_to)
}

/// How long after it is drawn nobody is to see a token yet; none for one that may be seen at once.
pub(super) fn delay(number: u32) -> Option<Duration> {
    let later = number % 12 == 1 || number % 24 == 11;
    later.then(|| Duration::from_millis(u64::from(1 + number % 19) * 4_000))
}

/// From when on artifacts may be seen that were for later when they were committed: by the wall clock, and
/// on the board's own.
#[derive(Debug, Default)]
pub(super) struct Reveals(BTreeMap<Seq, (Timestamp, Elapsed)>);

impl Reveals {
    /// When the last of some artifacts may be seen, on the board's own clock.
    pub(super) fn of(&self, inputs: &[Seq]) -> Option<Elapsed> {
        inputs.iter().filter_map(|input| self.0.get(input)).map(|(_, due)| *due).max()
    }
}

/// An artifact is committed.
pub(super) fn committed(audit: &mut Audit, seq: Seq, envelope: &Envelope, decision: &Decision) {
    let from = envelope.visibility.restriction().and_then(|restriction| restriction.from);
    if let Some(from) = from.filter(|from| *from > decision.at) {
        let due = decision.elapsed.after(from.since(decision.at));
        audit.reveals.0.insert(seq, (from, due));
    }
}

/// I12: nobody works on an artifact before its time, by whichever clock that comes first.
pub(super) fn started(audit: &mut Audit, id: ActivationId, decision: &Decision) {
    let Some(open) = audit.state.activation(id) else { return };
    let reveals = open.inputs.iter().filter_map(|input| audit.reveals.0.get(input));
    let Some((from, due)) = reveals.max().copied() else { return };
    audit.cases.count(Case::SeenLater);
    if decision.elapsed < due && decision.at < from {
        let at = decision.at;
        audit.violated(format_args!(
            "I12: {id} begins at {at:?}, and is for nobody before {from:?}"
        ));
    }
}

/// Clears an agent: the first for everything, the second and the fourth for the label, the second for one
/// tenant and the third for both.
pub(super) fn clear<'a, T: artel::Artifact, S: Send + Sync + 'static>(
    agent: Subscribed<'a, T, S>,
    number: u32,
) -> Subscribed<'a, T, S> {
    match number {
        1 => agent.label(LABEL).all_tenants(),
        2 => agent.label(LABEL).tenant(ONE),
        3 => agent.tenant(ONE).tenant(TWO),
        4 => agent.label(LABEL),
        _ => agent,
    }
}

/// Whether an agent may see a token.
pub(super) fn may_see(agent: u32, token: u32) -> bool {
    let Asked { label, tenant, private } = asked(token);
    (!label || matches!(agent, 1 | 2 | 4))
        && (!private || matches!(agent, 1 | 3))
        && match tenant {
            None => true,
            Some(ONE) => agent <= 3,
            Some(_) => matches!(agent, 1 | 3),
        }
}

/// I12: an attempt is given, and reads, what its agent may see, and on a tenant's token nothing of another
/// tenant.
pub(super) async fn reads(cx: &Context, token: &Token, around: &Around) -> Result<(), Error> {
    if !around.secrets {
        return Ok(());
    }
    let Some(agent) = agents::number_of(cx.agent()) else { return Ok(()) };
    let mine = asked(token.number).tenant;
    let query = Query::of::<Token>().newest_first().limit(50);
    for stored in cx.board().whole().artifacts(&query).await?.artifacts {
        let other = stored.decode::<Token>().map_err(Error::permanent)?.number;
        let tenant = asked(other).tenant;
        let apart = mine.is_none() || tenant.is_none() || tenant == mine;
        let now = around.auditor.look().clocks.0;
        let from = stored.visibility().restriction().and_then(|restriction| restriction.from);
        let due = from.is_none_or(|from| from <= now);
        let seen = may_see(agent, other) && apart && due;
        let what =
            format_args!("I12: agent {agent} sees {other} while it works on {}", token.number);
        around.auditor.expect(seen, what);
    }
    Ok(())
}

/// What whoever is not known may see by now, of everything that is on the board.
async fn public(reader: &Reader, clock: &dyn Clock) -> BTreeSet<Seq> {
    let (mut query, mut public) = (Query::default().limit(1_000), BTreeSet::new());
    loop {
        let now = clock.wall();
        let listing = reader.artifacts(&query).await.expect("the log can be read");
        for stored in &listing.artifacts {
            let shown = match stored.visibility().restriction() {
                None => true,
                Some(Restriction { agents, labels, tenants, from }) => {
                    agents.is_none()
                        && labels.is_empty()
                        && tenants.is_empty()
                        && from.is_none_or(|from| from <= now)
                }
            };
            public.extend(shown.then_some(stored.seq()));
        }
        match listing.next {
            Some(next) => query = query.after(next),
            None => return public,
        }
    }
}

/// I12: whoever is not known sees what is for everybody, all of it, and nothing that work on something
/// else left: not among the artifacts, the events, the dead letters and their groups.
pub(super) async fn seen_by_anybody(running: &Running, clock: &VirtualClock, auditor: &Auditor) {
    let whole = Reader::of(running.log()).await.expect("the log can be folded");
    let public = public(&whole, clock).await;
    let tokens = whole.artifacts(&Query::of::<Token>().limit(10_000)).await;
    for stored in tokens.expect("the log can be read").artifacts {
        let number = stored.decode::<Token>().expect("I1: what is stored as a token is one").number;
        let for_all = asked(number) == Asked::default();
        let apart = for_all || !public.contains(&stored.seq());
        auditor.expect(apart, format_args!("I12: token {number} is for everybody"));
    }
    let seen = running.seen_by(Viewer::anybody()).artifacts(&Query::default().limit(10_000)).await;
    let seen = seen.expect("the log can be read").artifacts;
    let seen: BTreeSet<Seq> = seen.iter().map(Stored::seq).collect();
    let same = seen == public;
    auditor.expect(same, format_args!("I12: anybody sees {seen:?}, and not {public:?}"));
    let reader = Reader::of(running.log()).await.expect("the log can be folded");
    let reader = reader.seen_by(Viewer::anybody());
    let listed = reader.artifacts(&Query::default().limit(10_000)).await;
    let listed = listed.expect("the log can be read").artifacts;
    let listed: BTreeSet<Seq> = listed.iter().map(Stored::seq).collect();
    // Whoever reads without the program has the clock of the machine.
    let public = self::public(&whole, &SystemClock::default()).await;
    let same = listed == public;
    auditor.expect(same, format_args!("I12: anybody sees {listed:?}, and not {public:?}"));
    events(&reader, &public, auditor).await;
    dead_letters((&whole, &reader), &public, auditor).await;
}

/// Of what is not public there is no commit, no key and no fingerprint among the events; and no text but
/// of predicates.
async fn events(reader: &Reader, public: &BTreeSet<Seq>, auditor: &Auditor) {
    let mut tail = reader.tail(Seq(1));
    let mut inputs: BTreeMap<ActivationId, Vec<Seq>> = BTreeMap::new();
    let mut committed = BTreeSet::new();
    while let Some(entry) = tail.next().await.expect("the log can be read") {
        let seq = entry.seq;
        let text = reader.failure_text(seq).await.expect("the log can be read");
        let failed = matches!(entry.event, Event::PredicateFailed { .. });
        auditor.expect(failed || text.is_none(), format_args!("I12: {seq} tells {text:?}"));
        let (of, told) = match entry.event {
            Event::ArtifactCommitted(_) => {
                committed.insert(seq);
                continue;
            }
            Event::ActivationCreated { inputs: of, key, .. } => {
                inputs.insert(ActivationId(seq), of.to_vec());
                (of.to_vec(), key.is_some())
            }
            Event::ActivationRedriven(redriven) => {
                (redriven.inputs.to_vec(), redriven.key.is_some())
            }
            Event::AttemptEnded { attempt, fingerprint, .. } => (
                inputs.get(&attempt.activation).cloned().unwrap_or_default(),
                fingerprint.is_some(),
            ),
            _ => continue,
        };
        let seen = of.iter().all(|input| public.contains(input));
        auditor.expect(seen || !told, format_args!("I12: {seq} tells anybody of {of:?}"));
    }
    let same = committed == *public;
    auditor.expect(same, format_args!("I12: anybody is told of {committed:?}, not {public:?}"));
}

/// Of what died on something that is not public nothing is told but that it died; what died on the rest is
/// in groups, all of it.
async fn dead_letters(
    (whole, reader): (&Reader, &Reader),
    public: &BTreeSet<Seq>,
    auditor: &Auditor,
) {
    let all = DeadLetterFilter::default();
    let letters = reader.dead_letters(&all, 10_000).await.expect("the log can be read");
    let known = whole.dead_letters(&all, 10_000).await.expect("the log can be read");
    let same = letters.activations.len() == known.activations.len();
    auditor.expect(same, "I12: anybody is told of another number of dead letters");
    let mut grouped = 0;
    for (view, known) in letters.activations.iter().zip(&known.activations) {
        let seen = view.inputs.iter().all(|input| public.contains(input));
        grouped += u64::from(seen && known.death.is_some());
        let told = view.key.is_some() || view.death.is_some();
        let all = view.key == known.key && view.death == known.death;
        let id = view.id;
        auditor.expect(if seen { all } else { !told }, format_args!("I12: {id} is {view:?}"));
        let report = reader.last_report(known).await.expect("the log can be read");
        auditor.expect(seen || report.is_none(), format_args!("I12: {id} tells {report:?}"));
    }
    let groups = reader.dead_letter_groups(&all).await.expect("the log can be read").groups;
    let counted: u64 = groups.iter().map(|group| group.count).sum();
    let same = counted == grouped;
    auditor.expect(same, format_args!("I12: {counted} are in groups, and {grouped} may be seen"));
}
