//! `artel types ls` and `check`: the types of a board, and whether what is stored of them can still
//! be read.

use indicatif::{ProgressBar, ProgressStyle};

use artel::{ReadAs, Reader, TypeCheck, TypeDescriptor, TypeView, TypesChecked};

use super::look;
use super::operate::last_program;
use crate::args::TypesCheck;
use crate::config::Config;
use crate::error::Error;
use crate::output::Output;
use crate::table::Column::{Whole, Wrapped};
use crate::table::Table;
use crate::words::count;
use crate::{describe, wire};

/// How many digits of a schema's hash people are shown.
const HASH_DIGITS: usize = 12;

pub(super) async fn ls(config: &Config, out: &mut Output) -> Result<(), Error> {
    let reader = look::open(config).await?;
    let types = wire::Types { types: reader.types().iter().map(version).collect() };
    if out.json {
        return Ok(out.json(&types)?);
    }
    if types.types.is_empty() {
        return Ok(out.line("no types")?);
    }
    let mut table = Table::new([
        Whole("TYPE"),
        Whole("VERSION"),
        Whole("ARTIFACTS"),
        Whole("SCHEMA"),
        Wrapped("SUBSCRIBERS"),
        Wrapped("PUBLISHERS"),
    ]);
    for one in types.types {
        table.row([
            one.name,
            one.version.to_string(),
            one.artifacts.to_string(),
            one.schema_hash.chars().take(HASH_DIGITS).collect(),
            one.subscribers.join(", "),
            one.publishers.join(", "),
        ]);
    }
    Ok(out.table(&table)?)
}

fn version(view: &TypeView) -> wire::TypeVersion {
    let texts = |names: &[artel::names::AgentName]| names.iter().map(ToString::to_string).collect();
    wire::TypeVersion {
        name: view.name.to_string(),
        version: view.version,
        newest: view.newest,
        schema_hash: view.schema_hash.to_string(),
        schema: describe::raw(view.schema.as_bytes()),
        artifacts: view.artifacts,
        subscribers: texts(&view.subscribers),
        publishers: texts(&view.publishers),
    }
}

pub(super) async fn check(
    args: &TypesCheck,
    program: &[TypeDescriptor],
    config: &Config,
    out: &mut Output,
) -> Result<(), Error> {
    let reader = look::open(config).await?;
    let wanted = TypeCheck {
        types: args.types.clone(),
        sample: args.sample,
        failures: args.failures as usize,
    };
    let bar = bar(&reader, args, out.json);
    let checked = reader.check_types(&wanted, program, |through| bar.set_position(through)).await;
    bar.finish_and_clear();
    let answer = describe_checked(&checked?, last_program(&reader).await?);
    if out.json {
        out.json(&answer)?;
    } else {
        tell(&answer, out)?;
    }
    if answer.ok {
        return Ok(());
    }
    Err(Error::Unfit { failed: answer.failed, checked: answer.checked })
}

/// A bar is drawn on terminals only.
fn bar(reader: &Reader, args: &TypesCheck, json: bool) -> ProgressBar {
    if json {
        return ProgressBar::hidden();
    }
    let wanted = |view: &&TypeView| {
        args.types.is_empty() || args.types.iter().any(|name| name == view.name.as_str())
    };
    let sample = args.sample.map_or(u64::MAX, u64::from);
    let types = reader.types();
    let all = types.iter().filter(wanted).map(|view| view.artifacts.min(sample)).sum();
    let bar = ProgressBar::new(all);
    let style = ProgressStyle::with_template("payloads {wide_bar} {percent}% {eta}");
    bar.set_style(style.expect("the template has no mistake"));
    bar
}

fn describe_checked(checked: &TypesChecked, program: Option<String>) -> wire::TypesChecked {
    let versions = checked.versions.iter().map(|one| {
        let (read, program_version) = match one.read {
            ReadAs::Json => ("json", None),
            ReadAs::Newer(version) => ("json", Some(version)),
            ReadAs::Value => ("value", Some(one.version)),
            ReadAs::Upcast(version) => ("upcast", Some(version)),
        };
        wire::VersionChecked {
            name: one.name.to_string(),
            version: one.version,
            artifacts: one.artifacts,
            checked: one.checked,
            removed: one.removed,
            hidden: one.hidden,
            failed: one.failed,
            read,
            program_version,
        }
    });
    let failures = checked.failures.iter().map(|failure| wire::TypeFailure {
        seq: failure.seq.get(),
        id: failure.artifact.to_string(),
        type_name: failure.name.to_string(),
        version: failure.version,
        error: failure.error.clone(),
    });
    wire::TypesChecked {
        ok: checked.failed() == 0,
        checked: checked.checked(),
        failed: checked.failed(),
        versions: versions.collect(),
        failures: failures.collect(),
        program,
    }
}

fn tell(answer: &wire::TypesChecked, out: &mut Output) -> Result<(), Error> {
    if answer.versions.is_empty() {
        return Ok(out.line("no types")?);
    }
    let mut table = Table::new([
        Whole("TYPE"),
        Whole("VERSION"),
        Whole("ARTIFACTS"),
        Whole("CHECKED"),
        Whole("REMOVED"),
        Whole("FAILED"),
        Whole("READ AS"),
    ]);
    for one in &answer.versions {
        let read = match (one.read, one.program_version) {
            ("upcast", Some(version)) => format!("version {version}"),
            (read, _) => read.to_owned(),
        };
        table.row([
            one.name.clone(),
            one.version.to_string(),
            one.artifacts.to_string(),
            one.checked.to_string(),
            one.removed.to_string(),
            one.failed.to_string(),
            read,
        ]);
    }
    out.table(&table)?;
    if !answer.failures.is_empty() {
        out.heading("failures")?;
        let mut table = Table::new([Whole("SEQ"), Whole("TYPE"), Whole("VERSION"), Wrapped("WHY")]);
        for one in &answer.failures {
            let (name, version) = (one.type_name.clone(), one.version.to_string());
            table.row([one.seq.to_string(), name, version, one.error.join(": ")]);
        }
        out.table(&table)?;
    }
    let hidden = answer.versions.iter().map(|one| one.hidden).sum();
    if hidden > 0 {
        let are = count(hidden, "artifact was", "artifacts were");
        out.line(&format!("{are} not checked, being not shown: {}", look::TO_SEE))?;
    }
    let more = answer.failed.saturating_sub(answer.failures.len() as u64);
    if more > 0 {
        out.line(&format!(
            "{} not shown: --failures N",
            count(more, "failure is", "failures are")
        ))?;
    }
    let only_json = answer.versions.iter().any(|one| one.read == "json");
    if let (true, Some(program)) = (only_json, &answer.program) {
        out.line(&format!(
            "what was read as json was held to its own schema only: the types and their upcasters are \
             in the program `{program}`, which has this verb by `artel_cli::run_with`"
        ))?;
    }
    Ok(())
}
