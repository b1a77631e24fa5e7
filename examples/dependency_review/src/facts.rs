//! The artifacts of the review: all that the agents, the program and the reader of the board share.
//!
//! Each is a plain value about one package, except [`Project`], which starts a review, and
//! [`ReportRequest`] and [`Report`], which end it. None says anything about when or how often it
//! was made, so that a review that was killed and started again ends in the same report.

use std::collections::BTreeMap;
use std::fmt;

use artel::Artifact;
use cargo_metadata::semver::Version;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A project whose dependencies are to be reviewed. Published once, by the program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Artifact)]
#[artifact(name = "review.Project", idempotency_key = "key")]
pub(crate) struct Project {
    /// What people call it.
    pub(crate) name: String,
    /// The folder of its manifest, absolute.
    pub(crate) dir: String,
    /// The hash of all that decides the outcome: folder, lock file, policy, scratch folder.
    pub(crate) fingerprint: String,
}

impl Project {
    /// What makes a second publish of the same review the same publish.
    pub(crate) fn key(&self) -> String {
        format!("project {}", self.fingerprint)
    }
}

/// Which package of the lock file something is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub(crate) struct PackageId {
    /// The name in its manifest.
    pub(crate) name: String,
    /// The version, as the lock file has it.
    pub(crate) version: String,
    /// Where cargo takes it from, as the lock file has it; none for a folder.
    pub(crate) source: Option<String>,
}

impl PackageId {
    /// The registry whose packages are named without their source.
    const USUAL_SOURCE: &str = "registry+https://github.com/rust-lang/crates.io-index";

    /// What to sort by: the name, then the version as cargo orders versions.
    pub(crate) fn order(&self) -> (String, Option<Version>, Option<String>) {
        (self.name.clone(), Version::parse(&self.version).ok(), self.source.clone())
    }
}

impl fmt::Display for PackageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.version)?;
        match self.source.as_deref() {
            Some(Self::USUAL_SOURCE) => Ok(()),
            Some(source) => write!(f, " ({source})"),
            None => f.write_str(" (path)"),
        }
    }
}

/// A package of the lock file. Published by `scan`, all packages of a project together.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Artifact)]
#[artifact(name = "review.Package", tags = "tags")]
pub(crate) struct Package {
    /// Which package it is.
    pub(crate) id: PackageId,
    /// Whether this platform and these features use it. What is below is known of those only.
    pub(crate) used: bool,
    /// The folder that its manifest and sources are read from.
    pub(crate) dir: Option<String>,
    /// The licence expression of its manifest.
    pub(crate) licence: Option<String>,
    /// The licence file that its manifest names, relative to the folder.
    pub(crate) licence_file: Option<String>,
    /// Runs a program of its own when it is built.
    pub(crate) build_script: bool,
    /// Runs inside the compiler.
    pub(crate) proc_macro: bool,
}

impl Package {
    /// The tag by which the other versions of a package are found.
    pub(crate) fn name_tag(name: &str) -> String {
        format!("name:{name}")
    }

    /// The words by which the board finds this artifact.
    pub(crate) fn tags(&self) -> Vec<String> {
        vec![Self::name_tag(&self.id.name)]
    }
}

/// What a package says about its licence, and what its licence files look like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Artifact)]
#[artifact(name = "review.LicenceFacts")]
pub(crate) struct LicenceFacts {
    /// Which package it is about.
    pub(crate) package: PackageId,
    /// The licence expression of its manifest, as written.
    pub(crate) expression: Option<String>,
    /// The licence files in its folder, by name.
    pub(crate) texts: Vec<LicenceText>,
}

/// The licence files of what a package carries along.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Artifact)]
#[artifact(name = "review.BundledFacts")]
pub(crate) struct BundledFacts {
    /// Which package it is about.
    pub(crate) package: PackageId,
    /// The licence files further down in its folder, by name.
    pub(crate) texts: Vec<LicenceText>,
}

/// A licence file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct LicenceText {
    /// Where it is, relative to the package's folder.
    pub(crate) path: String,
    /// How long it is.
    pub(crate) bytes: u64,
    /// The SPDX ids of the licences whose characteristic sentences it has.
    pub(crate) recognised: Vec<String>,
}

/// What a package's Rust sources are like, as far as a dependent compiles them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Artifact)]
#[artifact(name = "review.SourceFacts")]
pub(crate) struct SourceFacts {
    /// Which package it is about.
    pub(crate) package: PackageId,
    /// How many Rust files there are.
    pub(crate) files: u64,
    /// How many lines they have.
    pub(crate) lines: u64,
    /// How many bytes they have.
    pub(crate) bytes: u64,
    /// How often the keyword `unsafe` stands in their code, comments and strings left out.
    pub(crate) unsafe_count: u64,
    /// Runs a program of its own when it is built.
    pub(crate) build_script: bool,
    /// Runs inside the compiler.
    pub(crate) proc_macro: bool,
}

/// How much a package weighs, and how often the project carries it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Artifact)]
#[artifact(name = "review.WeightFacts")]
pub(crate) struct WeightFacts {
    /// Which package it is about.
    pub(crate) package: PackageId,
    /// How many files its folder has, of whatever kind.
    pub(crate) files: u64,
    /// How many bytes they have together.
    pub(crate) bytes: u64,
    /// The other versions of the same package that are used as well, oldest first.
    pub(crate) other_versions: Vec<String>,
}

/// What one judge thinks of one package.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Artifact)]
#[artifact(name = "review.Verdict")]
pub(crate) struct Verdict {
    /// Which package it is about.
    pub(crate) package: PackageId,
    /// The name of the judge.
    pub(crate) judge: String,
    /// The worst of the findings, or that there is none.
    pub(crate) ruling: Ruling,
    /// What the judge objects to.
    pub(crate) findings: Vec<Finding>,
}

impl Verdict {
    /// The verdict that follows from these findings.
    pub(crate) fn new(package: &PackageId, judge: &str, findings: Vec<Finding>) -> Self {
        let ruling = findings.iter().map(|finding| finding.severity.into()).max();
        Self {
            package: package.clone(),
            judge: judge.to_owned(),
            ruling: ruling.unwrap_or(Ruling::Passed),
            findings,
        }
    }

    /// The verdict on a package that this platform and these features do not use.
    pub(crate) fn not_used_here(package: &PackageId, judge: &str) -> Self {
        Self {
            package: package.clone(),
            judge: judge.to_owned(),
            ruling: Ruling::NotUsedHere,
            findings: Vec::new(),
        }
    }
}

/// The outcome of one judge's look at one package, from harmless to grave.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Ruling {
    /// This platform and these features do not use the package.
    NotUsedHere,
    /// Nothing to object to.
    Passed,
    /// Somebody should look.
    Warned,
    /// The policy forbids it.
    Denied,
}

impl fmt::Display for Ruling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::NotUsedHere => "not used here",
            Self::Passed => "passed",
            Self::Warned => "warned",
            Self::Denied => "denied",
        })
    }
}

impl From<Severity> for Ruling {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Warn => Self::Warned,
            Severity::Deny => Self::Denied,
        }
    }
}

/// One thing that a judge objects to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Finding {
    /// How grave it is.
    pub(crate) severity: Severity,
    /// What it is.
    pub(crate) text: String,
}

/// How grave a finding is.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Severity {
    /// Somebody should look.
    Warn,
    /// The policy forbids it.
    Deny,
}

/// Asks for the report of a review that has settled. Published by the program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Artifact)]
#[artifact(name = "review.ReportRequest", idempotency_key = "key")]
pub(crate) struct ReportRequest {
    /// The correlation of the review.
    pub(crate) review: String,
    /// The project's name, for the title.
    pub(crate) project: String,
    /// How many verdicts the review has.
    pub(crate) verdicts: u64,
    /// How many dead letters it has left.
    pub(crate) dead_letters: u64,
}

impl ReportRequest {
    /// What makes a second request the same request: nothing has been added to the review since.
    /// After a redrive that brought another verdict, a new report is due.
    pub(crate) fn key(&self) -> String {
        let Self { review, verdicts, dead_letters, .. } = self;
        format!("report {review} verdicts={verdicts} dead={dead_letters}")
    }
}

/// The review, for people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema, Artifact)]
#[artifact(name = "review.Report")]
pub(crate) struct Report {
    /// All of it, as Markdown.
    pub(crate) markdown: String,
    /// How many packages came to what, all judges taken together.
    pub(crate) overall: Tally,
    /// The same for each judge alone.
    pub(crate) judges: BTreeMap<String, Tally>,
}

/// How many packages came to what. Each package is counted in exactly one of the numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) struct Tally {
    /// Nothing to object to.
    pub(crate) passed: u64,
    /// A warning at worst.
    pub(crate) warned: u64,
    /// Forbidden by the policy.
    pub(crate) denied: u64,
    /// A verdict is missing, and none of the others forbids the package.
    pub(crate) not_judged: u64,
    /// This platform and these features do not use the package.
    pub(crate) not_used_here: u64,
}

impl Tally {
    /// Counts one more package; none is one on which a verdict is missing.
    pub(crate) const fn count(&mut self, ruling: Option<Ruling>) {
        *match ruling {
            Some(Ruling::Passed) => &mut self.passed,
            Some(Ruling::Warned) => &mut self.warned,
            Some(Ruling::Denied) => &mut self.denied,
            Some(Ruling::NotUsedHere) => &mut self.not_used_here,
            None => &mut self.not_judged,
        } += 1;
    }

    /// The names of the numbers, from good to bad.
    pub(crate) const HEAD: [&str; 5] =
        ["passed", "warned", "denied", "not judged", "not used here"];

    /// The numbers, in the order of their names.
    pub(crate) const fn numbers(&self) -> [u64; 5] {
        [self.passed, self.warned, self.denied, self.not_judged, self.not_used_here]
    }
}
