//! What an attempt returned that was not published: as the library has it, as JSON, and as people read
//! it.

use artel::output_rule::OutputRule;
use artel::{AttemptReport, CandidateReport, Withheld};

use crate::describe;
use crate::error::Error;
use crate::output::Output;
use crate::table::{Column, Table};
use crate::wire;

pub(crate) fn withheld(withheld: &[Withheld]) -> Vec<wire::Withheld> {
    let one =
        |one: &Withheld| wire::Withheld { type_name: one.type_name.clone(), count: one.count };
    withheld.iter().map(one).collect()
}

pub(crate) fn candidates(report: &AttemptReport) -> Vec<wire::Candidate> {
    report.candidates.iter().map(candidate).collect()
}

fn candidate(report: &CandidateReport) -> wire::Candidate {
    let outputs = report.outputs.iter().map(|output| wire::KeptOutput {
        type_name: output.type_name.clone(),
        payload: describe::raw(output.payload.as_bytes()),
    });
    wire::Candidate {
        number: report.number,
        score: report.score,
        published: report.published,
        error: report.error.clone(),
        outputs: outputs.collect(),
        cut: report.cut,
        withheld: withheld(&report.withheld),
    }
}

pub(crate) fn rule(rule: &OutputRule) -> wire::OutputRule {
    wire::OutputRule {
        type_name: rule.type_name.to_string(),
        conditional: rule.conditional,
        checks: describe::texts(&rule.checks),
        least: rule.count.map(artel::OutputCount::least),
        most: rule.count.and_then(artel::OutputCount::most),
    }
}

/// What of an attempt was not published, for people.
pub(crate) fn tell(attempt: &wire::Attempt, out: &mut Output) -> Result<(), Error> {
    let number = attempt.number;
    if !attempt.withheld.is_empty() {
        out.heading(&format!("withheld in attempt {number}"))?;
        out.block(2, &counted(&attempt.withheld))?;
    }
    if attempt.candidates.is_empty() {
        return Ok(());
    }
    out.heading(&format!("candidates of attempt {number}"))?;
    let mut table =
        Table::new([Column::Whole("NO"), Column::Whole("SCORE"), Column::Wrapped("CAME TO")]);
    for one in &attempt.candidates {
        let score = one.score.map(|score| score.to_string());
        table.row([one.number.to_string(), score.unwrap_or_default(), came_to(one)]);
    }
    out.table(&table)?;
    for one in attempt.candidates.iter().filter(|one| !one.outputs.is_empty()) {
        out.heading(&format!("what candidate {} of attempt {number} returned", one.number))?;
        for output in &one.outputs {
            let payload = output.payload.as_ref().map_or("", |payload| payload.get());
            out.block(2, &format!("{} {payload}", output.type_name))?;
        }
    }
    Ok(())
}

fn came_to(candidate: &wire::Candidate) -> String {
    let mut text = if candidate.published {
        "published".to_owned()
    } else if candidate.score.is_some() {
        "not the best".to_owned()
    } else {
        format!("failed: {}", candidate.error.join(": "))
    };
    if !candidate.withheld.is_empty() {
        text.push_str(&format!(", withheld: {}", counted(&candidate.withheld)));
    }
    if candidate.cut > 0 {
        text.push_str(&format!(", {} more artifacts were not kept", candidate.cut));
    }
    text
}

fn counted(withheld: &[wire::Withheld]) -> String {
    let texts: Vec<String> =
        withheld.iter().map(|one| format!("{} of {}", one.count, one.type_name)).collect();
    texts.join(", ")
}
