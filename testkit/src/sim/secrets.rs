//! Who may see what in a simulation: some tokens are for agents, labels and tenants, by their numbers, and
//! agents are cleared for some of that, by theirs. So whoever reads a token knows whom it was for.

use std::collections::BTreeMap;

use artel::visibility::Viewer;
use artel::{Context, Error, Publication, Query, Running, Subscribed};
use artel_core::ids::Seq;

use super::agents::{self, Around, Token};
use super::audit::Auditor;
use super::notices::UNDERTAKER;

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
        let seen = may_see(agent, other) && apart;
        let what =
            format_args!("I12: agent {agent} sees {other} while it works on {}", token.number);
        around.auditor.expect(seen, what);
    }
    Ok(())
}

/// I12: whoever is not known sees the tokens that are for everybody, all of them.
pub(super) async fn seen_by_anybody(
    running: &Running,
    tokens: &BTreeMap<Seq, Token>,
    auditor: &Auditor,
) {
    let seen = running.seen_by(Viewer::anybody());
    let seen = seen.all::<Token>(Query::default()).await.expect("the log can be read");
    let public = tokens.values().filter(|token| asked(token.number) == Asked::default());
    let seen: Vec<u32> = seen.iter().map(|token| token.number).collect();
    let public: Vec<u32> = public.map(|token| token.number).collect();
    auditor.expect(seen == public, format_args!("I12: anybody sees {seen:?}, and not {public:?}"));
}
