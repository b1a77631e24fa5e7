//! The report: every verdict of a review as one Markdown text, and its numbers as a table.
//!
//! [`write()`] is called by the agent `report`, [`table`] by the program. Pure, and blind to seqs,
//! times, attempts and the order in which verdicts came, so that the report of a review that was
//! killed half-way is the report of one that was not. A new judge needs no change here: it is one
//! more column.

use std::collections::{BTreeMap, BTreeSet};

use comfy_table::{CellAlignment, Table, presets};

use crate::facts::{Package, PackageId, Report, Ruling, Tally, Verdict};

/// What a package came to.
struct Row<'a> {
    package: &'a Package,
    /// By the name of the judge.
    verdicts: BTreeMap<&'a str, &'a Verdict>,
}

impl Row<'_> {
    /// The worst that a judge said.
    fn ruling(&self) -> Option<Ruling> {
        self.verdicts.values().map(|verdict| verdict.ruling).max()
    }

    /// The judges that have said nothing of a package that is used.
    fn silent<'j>(&self, judges: &BTreeSet<&'j str>) -> Vec<&'j str> {
        let silent = judges.iter().filter(|judge| !self.verdicts.contains_key(**judge));
        if self.package.used { silent.copied().collect() } else { Vec::new() }
    }

    /// What counts: a missing verdict, unless the package is forbidden anyway.
    fn overall(&self, judges: &BTreeSet<&str>) -> Option<Ruling> {
        let complete = self.silent(judges).is_empty();
        self.ruling().filter(|ruling| complete || *ruling == Ruling::Denied)
    }
}

/// Writes the report on the project from its packages and the verdicts on them.
pub(crate) fn write(project: &str, packages: &[Package], verdicts: &[Verdict]) -> Report {
    let rows = rows(packages, verdicts);
    // Who judges what is not used at all is no judge of what is.
    let names: BTreeSet<&str> = verdicts
        .iter()
        .filter(|verdict| verdict.ruling != Ruling::NotUsedHere)
        .map(|verdict| verdict.judge.as_str())
        .collect();

    let mut overall = Tally::default();
    let mut judges: BTreeMap<String, Tally> =
        names.iter().map(|name| ((*name).to_owned(), Tally::default())).collect();
    for row in &rows {
        overall.count(row.overall(&names));
        for (name, tally) in &mut judges {
            let ruling = row.verdicts.get(name.as_str()).map(|verdict| verdict.ruling);
            tally.count(if row.package.used { ruling } else { row.ruling() });
        }
    }

    let sections = [
        format!("# Dependencies of {project}"),
        numbers(&overall, &judges),
        rulings(&rows, &names),
        findings("Denied", Ruling::Denied, &rows),
        findings("Warned", Ruling::Warned, &rows),
        not_judged(&rows, &names),
        not_used_here(&rows),
    ];
    let sections: Vec<String> = sections.into_iter().filter(|text| !text.is_empty()).collect();
    Report { markdown: sections.join("\n\n") + "\n", overall, judges }
}

/// The numbers of a report, for a terminal.
pub(crate) fn table(report: &Report) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_BORDERS_ONLY);
    table.set_header([&["judge"][..], &Tally::HEAD].concat());
    for (name, tally) in tallies(&report.overall, &report.judges) {
        let mut row = vec![name.to_owned()];
        row.extend(tally.numbers().iter().map(u64::to_string));
        table.add_row(row);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn tallies<'a>(
    overall: &'a Tally,
    judges: &'a BTreeMap<String, Tally>,
) -> impl Iterator<Item = (&'a str, &'a Tally)> {
    judges.iter().map(|(name, tally)| (name.as_str(), tally)).chain([("together", overall)])
}

fn rows<'a>(packages: &'a [Package], verdicts: &'a [Verdict]) -> Vec<Row<'a>> {
    let mut by_package: BTreeMap<&PackageId, BTreeMap<&str, &Verdict>> = BTreeMap::new();
    for verdict in verdicts {
        by_package.entry(&verdict.package).or_default().insert(&verdict.judge, verdict);
    }
    let mut rows: Vec<Row<'_>> = packages
        .iter()
        .map(|package| {
            let verdicts = by_package.remove(&package.id).unwrap_or_default();
            Row { package, verdicts }
        })
        .collect();
    rows.sort_by_cached_key(|row| row.package.id.order());
    rows
}

fn numbers(overall: &Tally, judges: &BTreeMap<String, Tally>) -> String {
    let rows = tallies(overall, judges).map(|(name, tally)| {
        let numbers = tally.numbers().map(|number| number.to_string());
        format!("| {name} | {} |", numbers.join(" | "))
    });
    markdown_table(&[&["judge"][..], &Tally::HEAD].concat(), rows)
}

fn rulings(rows: &[Row<'_>], judges: &BTreeSet<&str>) -> String {
    let head: Vec<&str> = ["package"].into_iter().chain(judges.iter().copied()).collect();
    let used = rows.iter().filter(|row| row.package.used).map(|row| {
        let cells = judges.iter().map(|judge| match row.verdicts.get(judge) {
            Some(verdict) => verdict.ruling.to_string(),
            None => "not judged".to_owned(),
        });
        format!("| {} | {} |", row.package.id, cells.collect::<Vec<_>>().join(" | "))
    });
    markdown_table(&head, used)
}

fn findings(title: &str, ruling: Ruling, rows: &[Row<'_>]) -> String {
    let found = rows.iter().filter(|row| row.ruling() == Some(ruling)).map(|row| {
        let findings = row.verdicts.values().flat_map(|verdict| &verdict.findings);
        let findings: Vec<&str> = findings.map(|finding| finding.text.as_str()).collect();
        format!("- {}: {}", row.package.id, findings.join("; "))
    });
    section(title, found)
}

fn not_judged(rows: &[Row<'_>], judges: &BTreeSet<&str>) -> String {
    let silent = rows.iter().filter_map(|row| {
        let silent = row.silent(judges);
        let line = || format!("- {}: no verdict of {}", row.package.id, silent.join(", "));
        (!silent.is_empty()).then(line)
    });
    section("Not judged", silent)
}

fn not_used_here(rows: &[Row<'_>]) -> String {
    let unused = rows.iter().filter(|row| row.ruling() == Some(Ruling::NotUsedHere));
    section("Not used here", unused.map(|row| format!("- {}", row.package.id)))
}

fn section(title: &str, lines: impl Iterator<Item = String>) -> String {
    let lines: Vec<String> = lines.collect();
    if lines.is_empty() { String::new() } else { format!("## {title}\n\n{}", lines.join("\n")) }
}

fn markdown_table(head: &[&str], rows: impl Iterator<Item = String>) -> String {
    let rule = format!("|{}", " --- |".repeat(head.len()));
    let lines = [format!("| {} |", head.join(" | ")), rule].into_iter().chain(rows);
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Finding, Severity};

    fn id(name: &str, version: &str) -> PackageId {
        PackageId { name: name.to_owned(), version: version.to_owned(), source: None }
    }

    fn package(name: &str, version: &str, used: bool) -> Package {
        Package {
            id: id(name, version),
            used,
            dir: None,
            licence: None,
            licence_file: None,
            build_script: false,
            proc_macro: false,
        }
    }

    fn verdict(package: &Package, judge: &str, severity: Option<Severity>) -> Verdict {
        let text = format!("worries {judge}");
        let finding = severity.map(|severity| Finding { severity, text });
        Verdict::new(&package.id, judge, finding.into_iter().collect())
    }

    fn case() -> (Vec<Package>, Vec<Verdict>) {
        let packages = vec![
            package("syn", "10.0.0", true),
            package("syn", "2.0.0", true),
            package("cc", "1.0.0", true),
            package("ring", "0.1.0", true),
            package("windows", "0.6.0", false),
            package("gpl", "3.0.0", true),
        ];
        let [new_syn, old_syn, cc, ring, windows, gpl] = &packages[..] else { unreachable!() };
        let verdicts = vec![
            verdict(new_syn, "licence", None),
            verdict(new_syn, "safety", None),
            verdict(old_syn, "licence", None),
            verdict(old_syn, "safety", Some(Severity::Warn)),
            verdict(cc, "licence", Some(Severity::Deny)),
            verdict(cc, "safety", Some(Severity::Warn)),
            verdict(ring, "licence", None),
            Verdict::not_used_here(&windows.id, "unused"),
            verdict(gpl, "licence", Some(Severity::Deny)),
        ];
        (packages, verdicts)
    }

    #[test]
    fn the_report_says_it_all() {
        let (packages, verdicts) = case();
        let expected = "\
# Dependencies of demo

| judge | passed | warned | denied | not judged | not used here |
| --- | --- | --- | --- | --- | --- |
| licence | 3 | 0 | 2 | 0 | 1 |
| safety | 1 | 2 | 0 | 2 | 1 |
| together | 1 | 1 | 2 | 1 | 1 |

| package | licence | safety |
| --- | --- | --- |
| cc 1.0.0 (path) | denied | warned |
| gpl 3.0.0 (path) | denied | not judged |
| ring 0.1.0 (path) | passed | not judged |
| syn 2.0.0 (path) | passed | warned |
| syn 10.0.0 (path) | passed | passed |

## Denied

- cc 1.0.0 (path): worries licence; worries safety
- gpl 3.0.0 (path): worries licence

## Warned

- syn 2.0.0 (path): worries safety

## Not judged

- gpl 3.0.0 (path): no verdict of safety
- ring 0.1.0 (path): no verdict of safety

## Not used here

- windows 0.6.0 (path)
";
        let report = write("demo", &packages, &verdicts);
        assert_eq!(report.markdown, expected);
        let table = table(&report).to_string();
        let last = table.lines().rfind(|line| line.contains("together")).unwrap();
        assert_eq!(last.split_whitespace().collect::<String>(), "│together11211│");
    }

    #[test]
    fn the_order_in_which_verdicts_came_leaves_no_trace() {
        let (mut packages, mut verdicts) = case();
        let report = write("demo", &packages, &verdicts);
        packages.reverse();
        for _ in 0..verdicts.len() {
            verdicts.rotate_left(1);
            assert_eq!(write("demo", &packages, &verdicts), report);
        }
    }

    #[test]
    fn each_package_is_counted_once_for_each_judge() {
        let (packages, verdicts) = case();
        let report = write("demo", &packages, &verdicts);
        for (_, tally) in tallies(&report.overall, &report.judges) {
            assert_eq!(tally.numbers().iter().sum::<u64>(), packages.len() as u64);
        }
    }

    #[test]
    fn nothing_to_report_is_a_report() {
        let report = write("demo", &[], &[]);
        assert!(report.markdown.starts_with("# Dependencies of demo\n"));
        assert_eq!(report.overall, Tally::default());
    }
}
