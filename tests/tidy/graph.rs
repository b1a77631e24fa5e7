//! The packages that the workspace is built from, as `cargo metadata` knows them: all features, for
//! the platform that tidy runs on (packages of other platforms need not be in cargo's cache).

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, TargetKind};

/// The packages and their edges.
#[derive(Debug, Default)]
pub(crate) struct Graph {
    /// The members of the workspace, by name.
    pub(crate) members: BTreeMap<String, Member>,
    /// Everything that the lock file resolves to here, members left out.
    pub(crate) packages: Vec<Package>,
    /// For each package, by name, what its normal code can reach, by name.
    pub(crate) reach: BTreeMap<String, BTreeSet<String>>,
}

/// A member of the workspace.
#[derive(Clone, Debug, Default)]
pub(crate) struct Member {
    /// Whether others can link it.
    pub(crate) is_library: bool,
    /// Whether it is made of examples only.
    pub(crate) is_example: bool,
    /// Names that its manifest lists for normal code or build scripts, on any platform and under
    /// any feature.
    pub(crate) normal: BTreeSet<String>,
    /// Names that its manifest lists for tests.
    pub(crate) dev: BTreeSet<String>,
}

/// A package from outside.
#[derive(Clone, Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    pub(crate) version: String,
    /// The licence expression of its manifest.
    pub(crate) licence: Option<String>,
    /// Whether it can end up in what users run, and not only in tests.
    pub(crate) shipped: bool,
}

impl Graph {
    /// Asks cargo about the workspace in a folder.
    pub(crate) fn load(root: &Path) -> Self {
        let mut command = MetadataCommand::new();
        let options = ["--locked", "--all-features", "--filter-platform"].map(str::to_owned);
        command.current_dir(root).other_options([options.as_slice(), &[host()]].concat());
        let metadata = command.exec().unwrap_or_else(|error| {
            panic!("cargo metadata failed; `cargo fetch --locked` may help: {error}")
        });
        Self::of(&metadata)
    }

    fn of(metadata: &Metadata) -> Self {
        let mut graph = Self::default();
        for package in metadata.workspace_packages() {
            let mut member = Member {
                is_library: package
                    .targets
                    .iter()
                    .any(|target| target.is_lib() || target.kind.contains(&TargetKind::ProcMacro)),
                is_example: package.manifest_path.as_str().contains("/examples/"),
                ..Member::default()
            };
            for dependency in &package.dependencies {
                let of_kind = match dependency.kind {
                    DependencyKind::Development => &mut member.dev,
                    _ => &mut member.normal,
                };
                of_kind.insert(dependency.name.clone());
            }
            graph.members.insert(package.name.to_string(), member);
        }
        let edges = normal_edges(metadata);
        for package in &metadata.packages {
            graph.reach.insert(package.name.to_string(), reachable(&edges, &package.name));
        }
        let shipped: BTreeSet<&String> =
            graph.members.keys().flat_map(|member| &graph.reach[member]).collect();
        let outside = metadata
            .packages
            .iter()
            .filter(|package| !graph.members.contains_key(package.name.as_str()));
        let packages = outside
            .map(|package| Package {
                name: package.name.to_string(),
                version: package.version.to_string(),
                licence: package.license.clone(),
                shipped: shipped.contains(&package.name.to_string()),
            })
            .collect();
        graph.packages = packages;
        graph
    }

    /// A graph of libraries from lines such as `artel-core: serde blake3`, members only: for tests
    /// of the rules.
    pub(crate) fn fixture(lines: &str) -> Self {
        let mut graph = Self::default();
        let mut edges = BTreeMap::new();
        for line in lines.lines().filter(|line| !line.trim().is_empty()) {
            let (name, normal) = line.trim().split_once(':').expect("a name, a colon, names");
            let normal: BTreeSet<String> = normal.split_whitespace().map(str::to_owned).collect();
            edges.insert(name.to_owned(), normal.clone());
            let member = Member { is_library: true, normal, ..Member::default() };
            graph.members.insert(name.to_owned(), member);
        }
        let names: Vec<String> = edges.keys().cloned().collect();
        for name in names {
            let reach = reachable(&edges, &name);
            graph.reach.insert(name, reach);
        }
        graph
    }

    /// Whether a package is a member of the workspace.
    pub(crate) fn is_member(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    /// The members that a member's normal code names.
    pub(crate) fn members_under<'a>(&'a self, member: &'a Member) -> impl Iterator<Item = &'a str> {
        member.normal.iter().map(String::as_str).filter(|name| self.is_member(name))
    }
}

/// For each package, what its normal code depends on directly, by name.
fn normal_edges(metadata: &Metadata) -> BTreeMap<String, BTreeSet<String>> {
    let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let Some(resolve) = &metadata.resolve else { return edges };
    for node in &resolve.nodes {
        let from = metadata[&node.id].name.to_string();
        let normal = node.deps.iter().filter(|dependency| {
            dependency.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal)
        });
        let to = normal.map(|dependency| metadata[&dependency.pkg].name.to_string());
        edges.entry(from).or_default().extend(to);
    }
    edges
}

fn reachable(edges: &BTreeMap<String, BTreeSet<String>>, from: &str) -> BTreeSet<String> {
    let mut reached = BTreeSet::new();
    let mut open = vec![from];
    while let Some(name) = open.pop() {
        for next in edges.get(name).into_iter().flatten() {
            if reached.insert(next.clone()) {
                open.push(next);
            }
        }
    }
    reached
}

/// The platform that this machine builds for by itself.
fn host() -> String {
    let output = Command::new("rustc").arg("-vV").output().expect("rustc runs beside cargo");
    let text = String::from_utf8_lossy(&output.stdout);
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("rustc names its host").to_owned()
}
