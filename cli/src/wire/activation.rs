//! Activations, dead letters and what is done to them, as JSON.

use serde::Serialize;

use super::artifact::{Artifact, Trace};
use super::output::{Candidate, Withheld};

/// The answer of `activation ls`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Activations {
    /// The activations, oldest first.
    pub(crate) activations: Vec<Activation>,
    /// What to give to `--after` for the next page; null on the last one.
    pub(crate) next: Option<u64>,
}

/// An activation.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Activation {
    /// Its id: the seq of the event that created it.
    pub(crate) id: u64,
    /// Whose work it is: an agent's, or a group's.
    pub(crate) agent: String,
    /// The members of the group of whom any may run it.
    pub(crate) members: Vec<String>,
    /// The number of the subscription that was met.
    pub(crate) subscription: u32,
    /// The artifacts to work on, by seq.
    pub(crate) input_seqs: Vec<u64>,
    /// The tree of work that it belongs to.
    pub(crate) correlation: String,
    /// What it is ordered or counted by.
    pub(crate) key: Option<String>,
    /// `waiting`, `running`, `done`, `dead`, `cancelled`, `dropped` or `expired`.
    pub(crate) standing: &'static str,
    /// What it waits for: `paused`, `unregistered`, `after`, `room`, `not-before`, `ordering-key`,
    /// `breaker`, `rate`, `concurrency (board)`, `concurrency (agent)`, `concurrency (key)`,
    /// `suspect` or `permit`.
    pub(crate) gate: Option<&'static str>,
    /// Whose pause, breaker or rate limit that is, such as `agent licence`, or which activation is
    /// before it in its key or runs as the suspect of its session.
    pub(crate) held_by: Option<String>,
    /// When the gate `not-before`, `breaker` or `rate` opens, where that is known.
    pub(crate) not_before: Option<String>,
    /// Why it is, or was, a dead letter: `attempts-exhausted`, `not-retryable`,
    /// `retry-time-elapsed`, `total-timeout`, `loop`, `limit`, `bad-key`, `crash-loop` or `in-doubt`.
    pub(crate) reason: Option<&'static str>,
    /// What dead letters are grouped by, where it is, or was, one.
    pub(crate) fingerprint: Option<String>,
    /// When it ended.
    pub(crate) ended_at: Option<String>,
    /// How many attempts it has had, of all redrives, with those that were lost or released. What counts against
    /// its policy are failures since the last redrive, so this may be more than the policy allows.
    pub(crate) attempts: u32,
    /// Where it is listed if it dies.
    pub(crate) queue: String,
    /// Steps whose results are recorded.
    pub(crate) steps: Vec<String>,
    /// Irreversible steps that were begun, and of which it is not recorded whether they were done.
    pub(crate) in_doubt: Vec<String>,
    /// Where it ran when a process died, and has not ended in another way since: how many processes
    /// died in its own turn.
    pub(crate) suspect_deaths: Option<u32>,
    /// Whether it works on what is not shown to whoever looks; keys, errors, fingerprints and log lines
    /// are left out then.
    pub(crate) hidden: bool,
    /// Whether it stands open on a board that no process owns: nothing runs then, and what stands as
    /// `running` did when its process died.
    pub(crate) unowned: bool,
}

/// The answer of `activation show` and `dlq show`: the fields of an activation, and these.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct ActivationDetail {
    #[serde(flatten)]
    #[cfg_attr(test, schemars(skip))]
    pub(crate) activation: Activation,
    /// What the subscription asks for.
    pub(crate) wakes_on: Option<Subscription>,
    /// The artifacts to work on, with their payloads.
    pub(crate) inputs: Vec<Artifact>,
    /// Where its first input belongs in a distributed trace, and so its attempts do.
    pub(crate) trace: Option<Trace>,
    /// Every attempt, oldest first.
    pub(crate) history: Vec<Attempt>,
    /// What people did to it, oldest first.
    pub(crate) interventions: Vec<Intervention>,
}

/// Something that was done to an activation, and not by it.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Intervention {
    /// When.
    pub(crate) at: String,
    /// `redriven`, `dropped` or `cancelled`.
    pub(crate) action: &'static str,
    /// Who did it.
    pub(crate) by: String,
    /// Why, where an operator did it.
    pub(crate) reason: Option<String>,
    /// Whether it was redriven although younger ones of its ordering key may have run since.
    pub(crate) out_of_order: bool,
}

/// The answer of `dlq groups`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct DeadLetterGroups {
    /// The groups, the largest first; at most 1 000.
    pub(crate) groups: Vec<DeadLetterGroup>,
    /// How many more dead letters there are: in further groups, or on what is not shown.
    pub(crate) more: u64,
    /// How many of those are on what is not shown to whoever looks.
    pub(crate) hidden: u64,
}

/// Dead letters of one agent that died of the same.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct DeadLetterGroup {
    /// What they have in common: 16 hexadecimal digits.
    pub(crate) fingerprint: String,
    /// Whose they are.
    pub(crate) agent: String,
    /// Where they are listed.
    pub(crate) queue: String,
    /// Why the newest of them died.
    pub(crate) reason: &'static str,
    /// The kind of its error, where an attempt failed.
    pub(crate) error_kind: Option<&'static str>,
    /// How many there are.
    pub(crate) count: u64,
    /// When the first of them died.
    pub(crate) first_at: String,
    /// When the last of them died.
    pub(crate) last_at: String,
    /// The newest of them.
    pub(crate) sample: u64,
    /// Its error, with causes; empty when it left none.
    pub(crate) message: String,
}

/// What a subscription asks for. All conditions hold together.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Subscription {
    /// One of these types.
    pub(crate) types: Vec<String>,
    /// Made by one of these agents; empty for any.
    pub(crate) from: Vec<String>,
    /// Made by none of these agents.
    pub(crate) not_from: Vec<String>,
    /// Whether it also wakes on what its own agent made.
    pub(crate) self_trigger: bool,
    /// With all of these tags.
    pub(crate) tags_all: Vec<String>,
    /// With one of these tags; empty for any.
    pub(crate) tags_any: Vec<String>,
    /// The condition on the payload, as people read it; null for none.
    pub(crate) filter: Option<String>,
    /// 0 to 9, higher first.
    pub(crate) priority: u8,
    /// Where the keys of its activations come from, as people read it, where they have any.
    pub(crate) key: Option<String>,
    /// Whether activations with the same key are worked on one at a time, in order, and then what a dead
    /// letter does to its key: `continue` or `stop`.
    pub(crate) ordered: Option<&'static str>,
    /// How many matches are held until the last of them is there.
    pub(crate) after: u64,
    /// For how long no further match must have come.
    pub(crate) quiet_ms: Option<u64>,
    /// How old a match must have become.
    pub(crate) older_than_ms: Option<u64>,
    /// The types of which no artifact must have come to its tree of work by then.
    pub(crate) without: Vec<String>,
    /// The group that is woken in its agent's place.
    pub(crate) group: Option<String>,
}

/// One execution of an activation.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Attempt {
    /// Its number, from 1.
    pub(crate) number: u32,
    /// The member that ran it, where the activation is a group's.
    pub(crate) member: Option<String>,
    /// When it began.
    pub(crate) started_at: String,
    /// When it ended; null while it runs.
    pub(crate) ended_at: Option<String>,
    /// How many milliseconds it took.
    pub(crate) took_ms: Option<u64>,
    /// How it ended: `done`, `failed`, `lost`, `released`, `cancelled` or `board-full`.
    pub(crate) end: Option<&'static str>,
    /// The kind of the error: `transient`, `permanent`, `rate-limited`, `timeout`, `panic` or
    /// `invalid-output`.
    pub(crate) error_kind: Option<&'static str>,
    /// What became of the activation: `closed`, `retry`, `when-room` or `dead`.
    pub(crate) next: Option<&'static str>,
    /// The earliest start of the next attempt.
    pub(crate) not_before: Option<String>,
    /// Why the activation died.
    pub(crate) reason: Option<&'static str>,
    /// The limit that what it returned would have exceeded.
    pub(crate) limit: Option<LimitReached>,
    /// The error and its causes, outermost first.
    pub(crate) error: Vec<String>,
    /// What the handler logged.
    pub(crate) log: String,
    /// What it returned and was not published, because a condition of its agent said no.
    pub(crate) withheld: Vec<Withheld>,
    /// What its candidates came to, where it had several.
    pub(crate) candidates: Vec<Candidate>,
}

/// A limit that what an attempt returned would have exceeded.
#[derive(Clone, Copy, Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct LimitReached {
    /// `depth`, `correlation` or `agenda`.
    pub(crate) limit: &'static str,
    /// What it would have come to.
    pub(crate) value: u64,
    /// What is allowed.
    pub(crate) bound: u64,
}

/// The answer of `dlq ls`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct DeadLetters {
    /// The dead letters, oldest first.
    pub(crate) dead_letters: Vec<DeadLetter>,
    /// What to give to `--after` for the next page; null on the last one.
    pub(crate) next: Option<u64>,
}

/// A dead letter: the fields of an activation, and this.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct DeadLetter {
    #[serde(flatten)]
    #[cfg_attr(test, schemars(skip))]
    pub(crate) activation: Activation,
    /// The error of its last attempt and the causes, outermost first.
    pub(crate) error: Vec<String>,
}

/// The answer of `dlq redrive`, `dlq drop`, `step settle` and `activation cancel`.
#[derive(Debug, Serialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub(crate) struct Operated {
    /// `redrive`, `drop`, `settle` or `cancel`.
    pub(crate) action: &'static str,
    /// The activations that are meant; where conditions say which, the first 1 000 of those changed, or with
    /// `--dry-run` of those that would be.
    pub(crate) ids: Vec<u64>,
    /// How many are meant.
    pub(crate) meant: u64,
    /// How many were changed; 0 with `--dry-run`.
    pub(crate) changed: u64,
    /// How many were left, since younger ones of their ordering key may have run since, they are in doubt,
    /// or somebody else had touched them; with `--dry-run`, how many would be.
    pub(crate) skipped: u64,
    /// Whether it was only a rehearsal.
    pub(crate) dry_run: bool,
    /// The program whose next start runs what was redriven, where the board knows it.
    pub(crate) runs_with: Option<String>,
}
