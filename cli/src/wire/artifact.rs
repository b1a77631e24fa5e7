//! Artifacts and what they woke, as JSON.

use serde::Serialize;
use serde_json::value::RawValue;

/// The answer of `artifact ls`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Artifacts {
    /// The artifacts, in the order asked for.
    pub(crate) artifacts: Vec<Artifact>,
    /// What to give to `--after` for the next page; null on the last one.
    pub(crate) next: Option<u64>,
    /// How many are left out because whoever looks may not see them; 0 where tags are asked for.
    pub(crate) hidden: u64,
    /// The seq that the answer is complete to.
    pub(crate) as_of: u64,
}

/// An artifact.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Artifact {
    /// Its id.
    pub(crate) id: String,
    /// The seq of the event that committed it.
    pub(crate) seq: u64,
    /// When that was.
    pub(crate) committed_at: String,
    /// The name of its type.
    #[serde(rename = "type")]
    pub(crate) type_name: String,
    /// The version of its type that it was published under.
    pub(crate) type_version: u32,
    /// Who made it: an agent, a program, an operator, or `board`.
    pub(crate) producer: String,
    /// The attempt that returned it, such as `43/1`.
    pub(crate) attempt: Option<String>,
    /// The tree of work that it belongs to.
    pub(crate) correlation: String,
    /// Other trees of work that it was made from.
    pub(crate) parents: Vec<String>,
    /// The artifacts that it was made from, by seq.
    pub(crate) causes: Vec<u64>,
    /// How many artifacts lie between it and a publish from outside.
    pub(crate) depth: u16,
    /// Its tags.
    pub(crate) tags: Vec<String>,
    /// What makes a second publish of it the same publish.
    pub(crate) idempotency_key: Option<String>,
    /// What it is worked on in order by.
    pub(crate) ordering_key: Option<String>,
    /// Who may see it; null when everybody may.
    pub(crate) visibility: Option<Visibility>,
    /// The payload as it is stored; null when it was removed.
    #[cfg_attr(test, schemars(with = "Option<serde_json::Value>"))]
    pub(crate) payload: Option<Box<RawValue>>,
}

/// Who may see an artifact. All conditions hold together.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Visibility {
    /// Only these agents; null for any reader.
    pub(crate) agents: Option<Vec<String>>,
    /// Only readers that have all of these labels.
    pub(crate) labels: Vec<String>,
    /// Only readers that may see all of these tenants.
    pub(crate) tenants: Vec<String>,
    /// Nobody before this time.
    pub(crate) from: Option<String>,
}

/// The answer of `artifact show`: the fields of an artifact, and these.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ArtifactDetail {
    #[serde(flatten)]
    #[cfg_attr(test, schemars(skip))]
    pub(crate) artifact: Artifact,
    /// Before when nobody works on it, where the publisher named a moment.
    pub(crate) not_before: Option<String>,
    /// How long after its commit nobody works on it, where the publisher named a time.
    pub(crate) delay_ms: Option<u64>,
    /// When it ceases to be of use.
    pub(crate) expires_at: Option<String>,
    /// Where it belongs in a distributed trace.
    pub(crate) trace: Option<Trace>,
    /// How many bytes the payload has.
    pub(crate) payload_len: u32,
    /// The hash of the payload behind its salt.
    pub(crate) payload_hash: String,
    /// The artifacts that it was made from, each without its payload.
    pub(crate) made_from: Vec<Artifact>,
    /// The subscriptions that it met.
    pub(crate) woken: Vec<Woken>,
    /// The subscriptions to its type that it did not meet, and why.
    pub(crate) not_woken: Vec<NotWoken>,
    /// How many more it did not meet than are listed.
    pub(crate) not_woken_more: u32,
}

/// A place in a distributed trace.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Trace {
    /// The trace, 32 hexadecimal digits.
    pub(crate) trace_id: String,
    /// The span, 16 hexadecimal digits.
    pub(crate) span_id: String,
    /// The trace flags.
    pub(crate) flags: u8,
}

/// A subscription that an artifact met.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Woken {
    /// The number of the subscription.
    pub(crate) subscription: u32,
    /// Whose it is.
    pub(crate) agent: String,
    /// The members whose subscriptions it met, where it is a group's.
    pub(crate) members: Vec<String>,
    /// The activation that works on the artifact.
    pub(crate) activation: Option<u64>,
    /// What has become of the activation; see `standing` of an activation.
    pub(crate) standing: Option<&'static str>,
}

/// A subscription that an artifact did not meet.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct NotWoken {
    /// The number of the subscription.
    pub(crate) subscription: u32,
    /// Whose it is.
    pub(crate) agent: String,
    /// The first clause that said no: `producer`, `not-from`, `self-trigger`, `tags-all`, `tags-any`, `filter`,
    /// `filter-error`, `filter-panic`, `visibility` or `filter-bound`.
    pub(crate) clause: &'static str,
    /// What the clause asks for.
    pub(crate) why: String,
}
