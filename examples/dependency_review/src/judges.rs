//! The four judges. Each sees one kind of facts and a part of the policy, and knows nothing
//! of the others.
//!
//! Called by the agents of the same names. Pure: the same facts and policy give the same verdict.

use spdx::{Expression, LicenseReq, ParseMode};

use crate::facts::{
    BundledFacts, Finding, LicenceFacts, Severity, SourceFacts, Verdict, WeightFacts,
};
use crate::policy::{Level, LicencePolicy, SafetyPolicy, WeightPolicy};

/// The judge of licences.
pub(crate) const LICENCE: &str = "licence-policy";
/// The judge of the licences of what is carried along.
pub(crate) const BUNDLED: &str = "bundled-policy";
/// The judge of what code does.
pub(crate) const SAFETY: &str = "safety-policy";
/// The judge of what is carried along.
pub(crate) const WEIGHT: &str = "weight-policy";

/// Judges what a package says about its licence.
pub(crate) fn licence(policy: &LicencePolicy, facts: &LicenceFacts) -> Verdict {
    let mut findings = Findings::default();
    match facts.expression.as_deref() {
        None => findings.add(Some(Severity::Deny), || "names no licence".to_owned()),
        Some(text) => match Expression::parse_mode(text, ParseMode::LAX) {
            Err(error) => findings.add(Some(Severity::Deny), || {
                format!("names the licence `{text}`, which is no SPDX expression: {}", error.reason)
            }),
            Ok(expression) => {
                judge_expression(policy, text, &expression, &mut findings);
                judge_texts(policy, facts, &expression, &mut findings);
            }
        },
    }
    if facts.texts.is_empty() {
        findings.add(policy.text_missing.severity(), || "has no licence file".to_owned());
    }
    Verdict::new(&facts.package, LICENCE, findings.0)
}

fn allowed(policy: &LicencePolicy, wanted: &LicenseReq) -> bool {
    policy.allowed.iter().any(|allowed| allowed.0.satisfies(wanted))
}

fn judge_expression(
    policy: &LicencePolicy,
    text: &str,
    expression: &Expression,
    findings: &mut Findings,
) {
    if let Err(refused) = expression.evaluate_with_failures(|wanted| allowed(policy, wanted)) {
        let mut refused: Vec<String> = refused.iter().map(|node| node.req.to_string()).collect();
        refused.sort();
        refused.dedup();
        findings.add(Some(Severity::Deny), || {
            format!("is under `{text}`; not allowed: {}", refused.join(", "))
        });
    }
}

fn judge_texts(
    policy: &LicencePolicy,
    facts: &LicenceFacts,
    expression: &Expression,
    findings: &mut Findings,
) {
    let named: Vec<&str> = expression
        .requirements()
        .filter_map(|node| node.req.license.id())
        .map(|id| id.name)
        .collect();
    // `GPL-3.0` is recognised, `GPL-3.0-or-later` is named.
    let is_named = |id: &String| named.iter().any(|name| name.starts_with(id.as_str()));
    for text in &facts.texts {
        if !text.recognised.is_empty() && !text.recognised.iter().any(is_named) {
            findings.add(policy.text_unexpected.severity(), || {
                let read = text.recognised.join(" and ");
                format!("has `{}`, which reads like {read}", text.path)
            });
        }
    }
}

/// Judges the licences of what a package carries along: a text passes if one of its licences is allowed.
pub(crate) fn bundled(policy: &LicencePolicy, facts: &BundledFacts) -> Verdict {
    let mut findings = Findings::default();
    let is_allowed = |id: &String| {
        Expression::parse_mode(id, ParseMode::LAX)
            .is_ok_and(|expression| expression.evaluate(|wanted| allowed(policy, wanted)))
    };
    for text in &facts.texts {
        if !text.recognised.is_empty() && !text.recognised.iter().any(is_allowed) {
            findings.add(policy.bundled_not_allowed.severity(), || {
                let read = text.recognised.join(" and ");
                format!("carries `{}`, which reads like {read}; not allowed", text.path)
            });
        }
    }
    Verdict::new(&facts.package, BUNDLED, findings.0)
}

/// Judges what the code of a package does.
pub(crate) fn safety(policy: &SafetyPolicy, facts: &SourceFacts) -> Verdict {
    let mut findings = Findings::default();
    let grave = above(facts.unsafe_count, policy.unsafe_warn_above, policy.unsafe_deny_above);
    findings.add(grave, || format!("says `unsafe` {} times", facts.unsafe_count));
    let mut add_if = |applies: bool, level: Level, text: &str| {
        findings.add(level.severity().filter(|_| applies), || text.to_owned());
    };
    add_if(facts.build_script, policy.build_script, "runs a build script");
    add_if(facts.proc_macro, policy.proc_macro, "runs inside the compiler");
    Verdict::new(&facts.package, SAFETY, findings.0)
}

/// Judges what a package adds to the project.
pub(crate) fn weight(policy: &WeightPolicy, facts: &WeightFacts) -> Verdict {
    let mut findings = Findings::default();
    let grave = above(facts.bytes, policy.bytes_warn_above, policy.bytes_deny_above);
    findings.add(grave, || format!("has {} kB in {} files", facts.bytes / 1000, facts.files));
    if !facts.other_versions.is_empty() {
        findings.add(policy.other_versions.severity(), || {
            format!("is used beside {}", facts.other_versions.join(", "))
        });
    }
    Verdict::new(&facts.package, WEIGHT, findings.0)
}

/// How grave a number is: above the higher limit, above the lower one, or not at all.
fn above(number: u64, warn: u64, deny: u64) -> Option<Severity> {
    if number > deny { Some(Severity::Deny) } else { (number > warn).then_some(Severity::Warn) }
}

/// What a judge has found so far.
#[derive(Default)]
struct Findings(Vec<Finding>);

impl Findings {
    fn add(&mut self, severity: Option<Severity>, text: impl FnOnce() -> String) {
        if let Some(severity) = severity {
            self.0.push(Finding { severity, text: text() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{LicenceText, PackageId, Ruling};
    use crate::policy::{Allowed, BUILT_IN, Policy};

    fn policy() -> Policy {
        Policy::parse(BUILT_IN).unwrap()
    }

    fn id() -> PackageId {
        PackageId { name: "some".to_owned(), version: "1.0.0".to_owned(), source: None }
    }

    fn lines(verdict: &Verdict) -> Vec<String> {
        verdict.findings.iter().map(|f| format!("{:?} {}", f.severity, f.text)).collect()
    }

    fn judge_licence(expression: Option<&str>, texts: &[(&str, &str)]) -> Verdict {
        let texts = texts
            .iter()
            .map(|(path, id)| LicenceText {
                path: (*path).to_owned(),
                bytes: 1,
                recognised: id.split_whitespace().map(str::to_owned).collect(),
            })
            .collect();
        let expression = expression.map(str::to_owned);
        licence(&policy().licence, &LicenceFacts { package: id(), expression, texts })
    }

    #[test]
    fn an_expression_passes_if_the_allowed_licences_meet_it() {
        let ruling = |text: &str| judge_licence(Some(text), &[("COPYING", "")]).ruling;
        assert_eq!(ruling("MIT OR GPL-3.0-only"), Ruling::Passed);
        assert_eq!(ruling("MIT/Apache-2.0"), Ruling::Passed);
        assert_eq!(ruling("Apache-2.0 WITH LLVM-exception OR MIT"), Ruling::Passed);
        assert_eq!(ruling("(MIT OR Apache-2.0) AND Unicode-3.0"), Ruling::Passed);
        assert_eq!(ruling("MIT AND GPL-3.0-only"), Ruling::Denied);
    }

    #[test]
    fn a_refused_expression_names_what_is_not_allowed() {
        let verdict = judge_licence(Some("MIT AND (GPL-3.0-only OR MPL-2.0)"), &[("COPYING", "")]);
        assert_eq!(
            lines(&verdict),
            [
                "Deny is under `MIT AND (GPL-3.0-only OR MPL-2.0)`; not allowed: GPL-3.0-only, MPL-2.0"
            ]
        );
        assert_eq!(lines(&judge_licence(None, &[("COPYING", "")])), ["Deny names no licence"]);
        let verdict = judge_licence(Some("Its own"), &[("COPYING", "")]);
        assert_eq!(verdict.ruling, Ruling::Denied);
        assert!(lines(&verdict)[0].contains("no SPDX expression"), "{verdict:?}");
    }

    #[test]
    fn licence_files_are_compared_with_the_expression() {
        let verdict =
            judge_licence(Some("MIT"), &[("A", "Apache-2.0"), ("B", "MIT ISC"), ("C", "")]);
        assert_eq!(lines(&verdict), ["Warn has `A`, which reads like Apache-2.0"]);
        assert_eq!(lines(&judge_licence(Some("MIT"), &[])), ["Warn has no licence file"]);
        let mut policy = policy().licence;
        policy.allowed.push(Allowed::try_from("GPL-3.0-or-later".to_owned()).unwrap());
        let facts = LicenceFacts {
            package: id(),
            expression: Some("GPL-3.0-or-later".to_owned()),
            texts: vec![LicenceText {
                path: "COPYING".to_owned(),
                bytes: 1,
                recognised: vec!["GPL-3.0".to_owned()],
            }],
        };
        assert_eq!(licence(&policy, &facts).ruling, Ruling::Passed);
    }

    #[test]
    fn what_is_carried_along_is_under_an_allowed_licence() {
        let text = |path: &str, ids: &[&str]| LicenceText {
            path: path.to_owned(),
            bytes: 1,
            recognised: ids.iter().map(|&id| id.to_owned()).collect(),
        };
        let texts = vec![
            text("a/LICENSE", &["MIT"]),
            text("b/COPYING", &["GPL-2.0"]),
            text("b/LICENSE", &["GPL-2.0", "Zlib"]),
            text("c/LICENSE", &[]),
        ];
        let verdict = bundled(&policy().licence, &BundledFacts { package: id(), texts });
        assert_eq!(
            lines(&verdict),
            ["Warn carries `b/COPYING`, which reads like GPL-2.0; not allowed"]
        );
    }

    fn sources(unsafe_count: u64, build_script: bool, proc_macro: bool) -> SourceFacts {
        let package = id();
        SourceFacts {
            package,
            files: 1,
            lines: 1,
            bytes: 1,
            unsafe_count,
            build_script,
            proc_macro,
        }
    }

    #[test]
    fn unsafe_code_is_measured_against_two_limits() {
        let policy = policy().safety;
        let ruling = |count| safety(&policy, &sources(count, false, false)).ruling;
        assert_eq!(ruling(policy.unsafe_warn_above), Ruling::Passed);
        assert_eq!(ruling(policy.unsafe_warn_above + 1), Ruling::Warned);
        assert_eq!(ruling(policy.unsafe_deny_above), Ruling::Warned);
        assert_eq!(ruling(policy.unsafe_deny_above + 1), Ruling::Denied);
    }

    #[test]
    fn code_that_runs_while_building_is_as_grave_as_the_policy_says() {
        let mut policy = policy().safety;
        policy.build_script = Level::Warn;
        policy.proc_macro = Level::Deny;
        let verdict = safety(&policy, &sources(0, true, true));
        assert_eq!(lines(&verdict), ["Warn runs a build script", "Deny runs inside the compiler"]);
        assert_eq!(verdict.ruling, Ruling::Denied);
        policy.build_script = Level::Allow;
        assert_eq!(safety(&policy, &sources(0, true, false)).ruling, Ruling::Passed);
    }

    #[test]
    fn weight_is_size_and_other_versions() {
        let policy = policy().weight;
        let facts = |bytes, others: &[&str]| WeightFacts {
            package: id(),
            files: 7,
            bytes,
            other_versions: others.iter().map(|version| (*version).to_owned()).collect(),
        };
        assert_eq!(weight(&policy, &facts(1, &[])).ruling, Ruling::Passed);
        assert_eq!(
            lines(&weight(&policy, &facts(policy.bytes_deny_above + 1, &["0.9.0", "2.0.0"]))),
            ["Deny has 60000 kB in 7 files", "Warn is used beside 0.9.0, 2.0.0"]
        );
    }
}
