//! R1 to R6 and the part of R7 that is about dependencies: which package may stand on which.

use std::collections::BTreeMap;

use super::graph::{Graph, Member};

/// The root package, which joins the rooms.
const ROOT: &str = "artel";
const CORE: &str = "artel-core";
const TESTKIT: &str = "artel-testkit";
/// Packages that know the core and not each other.
const ROOMS: [&str; 3] = ["artel-persistence", "artel-eventbus", "artel-scheduler"];
/// Packages at the edge: people and other programs reach a board through them.
const EDGES: [&str; 2] = ["artel-server", "artel-cli"];
/// What the core must not know, directly or through others.
const NOT_IN_CORE: [&str; 6] = ["tokio", "sqlx", "redis", "rdkafka", "axum", "opentelemetry"];
/// How many edges the longest chain of libraries has at most.
const CHAIN_MAX: usize = 4;
/// The packages that may set up what collects log lines.
const SUBSCRIBER_OWNERS: [&str; 2] = ["artel-cli", TESTKIT];

/// R1: the core stands on no member, and on nothing that does input or output.
pub(crate) fn core_alone(graph: &Graph) -> Vec<String> {
    let Some(core) = graph.members.get(CORE) else { return Vec::new() };
    let mut found: Vec<String> =
        graph.members_under(core).map(|name| format!("{CORE} depends on {name}")).collect();
    for banned in NOT_IN_CORE {
        if core.normal.contains(banned) {
            found.push(format!("{CORE} depends on {banned}"));
        } else if graph.reach[CORE].contains(banned) {
            found.push(format!("{CORE} depends on {banned} through another package"));
        }
    }
    found
}

/// R2: the rooms stand on the core only.
pub(crate) fn rooms_apart(graph: &Graph) -> Vec<String> {
    let rooms = graph.members.iter().filter(|(name, _)| ROOMS.contains(&name.as_str()));
    rooms.flat_map(|(name, room)| outside(graph, name, room, &[CORE])).collect()
}

/// R3: nobody but the root package joins rooms.
pub(crate) fn one_joiner(graph: &Graph) -> Vec<String> {
    let mut found = Vec::new();
    for (name, member) in &graph.members {
        let joined: Vec<&str> =
            graph.members_under(member).filter(|name| ROOMS.contains(name)).collect();
        if name != ROOT && joined.len() > 1 {
            found.push(format!("{name} joins {}", joined.join(" and ")));
        }
    }
    found
}

/// R4: the edges stand on the root package and each other.
pub(crate) fn edges_on_root(graph: &Graph) -> Vec<String> {
    let allowed = [ROOT, EDGES[0], EDGES[1]];
    let edges = graph.members.iter().filter(|(name, _)| EDGES.contains(&name.as_str()));
    edges.flat_map(|(name, edge)| outside(graph, name, edge, &allowed)).collect()
}

/// R5: the testkit is used by tests only, and stands on the root package and the core.
pub(crate) fn testkit_for_tests(graph: &Graph) -> Vec<String> {
    let mut found = Vec::new();
    for (name, member) in &graph.members {
        if member.normal.contains(TESTKIT) && !member.is_example {
            found.push(format!("{name} depends on {TESTKIT} outside its tests"));
        }
    }
    if let Some(testkit) = graph.members.get(TESTKIT) {
        found.extend(outside(graph, TESTKIT, testkit, &[ROOT, CORE]));
    }
    found
}

/// R6: the longest chain of libraries.
pub(crate) fn chain(graph: &Graph) -> Vec<String> {
    let mut longest = BTreeMap::new();
    let libraries = graph.members.iter().filter(|(_, member)| member.is_library);
    let mut found = Vec::new();
    for (name, _) in libraries {
        let chain = longest_chain(graph, name, &mut longest);
        if chain.len() > CHAIN_MAX + 1 {
            found.push(format!("{} edges: {}", chain.len() - 1, chain.join(" → ")));
        }
    }
    found
}

/// R7: library crates leave it to the program to set up tracing's subscriber.
pub(crate) fn subscriber(graph: &Graph) -> Vec<String> {
    let mut found = Vec::new();
    for (name, member) in graph.members.iter().filter(|(_, member)| !member.is_example) {
        if member.normal.contains("tracing-subscriber")
            && !SUBSCRIBER_OWNERS.contains(&name.as_str())
        {
            found.push(format!("{name} depends on tracing-subscriber"));
        }
    }
    found
}

/// The members that `member` stands on although they are not among those allowed.
fn outside(graph: &Graph, name: &str, member: &Member, allowed: &[&str]) -> Vec<String> {
    let others = graph.members_under(member).filter(|other| !allowed.contains(other));
    others.map(|other| format!("{name} depends on {other}")).collect()
}

fn longest_chain<'a>(
    graph: &'a Graph,
    name: &'a str,
    longest: &mut BTreeMap<&'a str, Vec<&'a str>>,
) -> Vec<&'a str> {
    if let Some(chain) = longest.get(name) {
        return chain.clone();
    }
    let mut chain = vec![name];
    if let Some(member) = graph.members.get(name) {
        let below = graph.members_under(member);
        let deepest = below.map(|next| longest_chain(graph, next, longest)).max_by_key(Vec::len);
        chain.extend(deepest.into_iter().flatten());
    }
    longest.insert(name, chain.clone());
    chain
}
