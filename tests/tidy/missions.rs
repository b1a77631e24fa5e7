//! The first table: the packages that Artel is built around, each with the crate and the production
//! file that really uses it. A package in a manifest that no code uses is a claim and not a fact.

use serde::Deserialize;

use super::finding::{Spot, table};
use super::graph::Graph;
use super::tree::{Place, Tree};

/// Where the table stands.
pub(crate) const TABLE: &str = "tests/tidy/missions.toml";
/// The packages that Artel is built around, in the end all of them.
pub(crate) const PACKAGES: [&str; 10] = [
    "tokio",
    "rdkafka",
    "redis",
    "sqlx",
    "serde",
    "dashmap",
    "opentelemetry",
    "tracing-subscriber",
    "chrono",
    "cron",
];

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Missions {
    #[serde(default)]
    mission: Vec<Mission>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mission {
    package: String,
    #[serde(rename = "crate")]
    user: String,
    file: String,
}

/// Rows that are not true, and packages in use without a row.
pub(crate) fn untrue(tree: &Tree, graph: &Graph) -> Vec<Spot> {
    let rows: Missions = table(tree, TABLE);
    let text = tree.get(TABLE).map_or("", |file| &file.text);
    let mut spots = Vec::new();
    for row in &rows.mission {
        let line = text.lines().position(|line| line.contains(&row.file)).map_or(1, |at| at + 1);
        if let Err(why) = check(row, tree, graph) {
            spots.push(Spot::line(TABLE, line, format!("{}: {why}", row.package)));
        }
    }
    for package in PACKAGES {
        let users = graph.members.iter().filter(|(_, member)| member.normal.contains(package));
        for (user, _) in users.filter(|(_, member)| !member.is_example) {
            if !rows.mission.iter().any(|row| row.package == package && row.user == *user) {
                let what = format!("{user} depends on {package}, and no row says where it is used");
                spots.push(Spot::line(TABLE, 1, what));
            }
        }
    }
    spots
}

fn check(row: &Mission, tree: &Tree, graph: &Graph) -> Result<(), String> {
    if !PACKAGES.contains(&row.package.as_str()) {
        return Err("it is not one of the packages that Artel is built around".to_owned());
    }
    let member = graph.members.get(&row.user);
    let member = member.ok_or_else(|| format!("there is no member `{}`", row.user))?;
    if !member.normal.contains(&row.package) {
        return Err(format!("{} does not depend on it", row.user));
    }
    let file = tree.get(&row.file).ok_or_else(|| format!("there is no file `{}`", row.file))?;
    if file.package != row.user || file.place != Place::Production {
        return Err(format!("`{}` is not production code of {}", row.file, row.user));
    }
    let path = format!("{}::", row.package.replace('-', "_"));
    let rust = file.rust.as_ref().ok_or_else(|| format!("`{}` is not Rust", row.file))?;
    if rust.find(&path).any(|at| !rust.in_test(at)) {
        Ok(())
    } else {
        Err(format!("`{}` does not use it: nothing there begins with `{path}`", row.file))
    }
}
