//! The policy file: what the judges go by.
//!
//! Read by the program before it publishes anything; a policy that cannot be applied stops it
//! there.

use serde::Deserialize;
use spdx::Licensee;

use crate::facts::Severity;

/// The policy that is built in.
pub(crate) const BUILT_IN: &str = include_str!("policy.toml");

/// What the judges go by. Every setting must be there: a rule that was forgotten is no rule that
/// was waived.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Policy {
    /// For the judge of licences.
    pub(crate) licence: LicencePolicy,
    /// For the judge of safety.
    pub(crate) safety: SafetyPolicy,
    /// For the judge of weight.
    pub(crate) weight: WeightPolicy,
}

impl Policy {
    /// Reads a policy file.
    ///
    /// # Errors
    /// When the text is no TOML, lacks a setting, has an unknown one, or names a licence that SPDX
    /// does not know.
    pub(crate) fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }
}

/// Which licences are fine.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LicencePolicy {
    /// Those that may be relied on.
    pub(crate) allowed: Vec<Allowed>,
    /// The package has no licence file.
    pub(crate) text_missing: Level,
    /// A licence file is of a licence that the expression does not name.
    pub(crate) text_unexpected: Level,
    /// Something that the package carries along is of a licence that may not be relied on.
    pub(crate) bundled_not_allowed: Level,
}

/// A licence that may be relied on, with its exception where it has one.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Allowed(pub(crate) Licensee);

impl TryFrom<String> for Allowed {
    type Error = spdx::ParseError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Licensee::parse(&text).map(Self)
    }
}

/// What code may do.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct SafetyPolicy {
    /// From how many `unsafe` on somebody should look.
    pub(crate) unsafe_warn_above: u64,
    /// How many are too many.
    pub(crate) unsafe_deny_above: u64,
    /// The package runs a program when it is built.
    pub(crate) build_script: Level,
    /// The package runs inside the compiler.
    pub(crate) proc_macro: Level,
}

/// What may be carried along.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WeightPolicy {
    /// From how many bytes on somebody should look.
    pub(crate) bytes_warn_above: u64,
    /// How many are too many.
    pub(crate) bytes_deny_above: u64,
    /// Several versions of one package are used.
    pub(crate) other_versions: Level,
}

/// How grave something is, if it is a finding at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Level {
    /// No finding.
    Allow,
    /// Somebody should look.
    Warn,
    /// Forbidden.
    Deny,
}

impl Level {
    /// How grave a finding of this level is; none where it is no finding.
    pub(crate) const fn severity(self) -> Option<Severity> {
        match self {
            Self::Allow => None,
            Self::Warn => Some(Severity::Warn),
            Self::Deny => Some(Severity::Deny),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_policy_can_be_applied() {
        let policy = Policy::parse(BUILT_IN).unwrap();
        assert!(!policy.licence.allowed.is_empty());
        assert!(policy.safety.unsafe_warn_above < policy.safety.unsafe_deny_above);
        assert!(policy.weight.bytes_warn_above < policy.weight.bytes_deny_above);
    }

    #[test]
    fn a_policy_that_cannot_be_applied_says_where() {
        let error = |text: &str| Policy::parse(text).unwrap_err().to_string();
        let misspelt = BUILT_IN.replace("build_script", "build_scripts");
        assert!(error(&misspelt).contains("build_scripts"), "{}", error(&misspelt));
        let missing = BUILT_IN.replace("proc_macro = \"allow\"", "");
        assert!(error(&missing).contains("proc_macro"), "{}", error(&missing));
        let unknown = BUILT_IN.replace("\"Zlib\"", "\"Zlip\"");
        assert!(error(&unknown).contains("unknown"), "{}", error(&unknown));
        let level = BUILT_IN.replace("\"warn\"", "\"maybe\"");
        assert!(error(&level).contains("maybe"), "{}", error(&level));
    }
}
