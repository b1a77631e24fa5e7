//! `artel doctor`: what there is to say of a board and of the place where it is kept.

use artel::finding::{Finding, Severity};

use crate::args::Doctor;
use crate::config::Config;
use crate::error::Error;
use crate::output::{Output, Paint};
use crate::wire;
use crate::words::count;

/// How far the text of a finding stands from the left.
const INDENT: usize = 9;

pub(super) async fn doctor(args: &Doctor, config: &Config, out: &mut Output) -> Result<(), Error> {
    let url = match &args.url {
        Some(url) => artel::board_url(Some(url)),
        None => config.board.clone(),
    };
    let findings = artel::examine(&url).await.map_err(Error::Examine)?;
    let of = |severity| findings.iter().filter(move |it| it.severity == severity).count() as u64;
    let (problems, warnings) = (of(Severity::Problem), of(Severity::Warning));
    let examined = wire::Examined {
        url: artel::without_secrets(&url),
        problems,
        warnings,
        findings: findings.iter().map(finding).collect(),
    };
    if out.json {
        out.json(&examined)?;
    } else {
        tell(&findings, &examined, out)?;
    }
    if problems > 0 {
        return Err(Error::Unwell { problems });
    }
    Ok(())
}

fn finding(finding: &Finding) -> wire::Finding {
    wire::Finding {
        code: finding.code.as_str(),
        severity: finding.severity.as_str(),
        found: finding.found.clone(),
        advice: finding.advice.clone(),
    }
}

fn tell(findings: &[Finding], examined: &wire::Examined, out: &mut Output) -> Result<(), Error> {
    let width = findings.iter().map(|it| it.code.as_str().len()).max().unwrap_or(0);
    for finding in findings {
        let paint = match finding.severity {
            Severity::Ok => Paint::Green,
            Severity::Warning => Paint::Yellow,
            Severity::Problem => Paint::Red,
        };
        let severity = finding.severity.as_str();
        out.part(Some(paint), severity)?;
        let gap = INDENT.saturating_sub(severity.len());
        let code = finding.code.as_str();
        out.line(&format!("{:gap$}{code:width$}  {}", "", finding.found))?;
        if let Some(advice) = &finding.advice {
            out.block(INDENT + width + 2, advice)?;
        }
    }
    let problems = count(examined.problems, "problem", "problems");
    let warnings = count(examined.warnings, "warning", "warnings");
    Ok(out.line(&format!("{problems}, {warnings}"))?)
}
