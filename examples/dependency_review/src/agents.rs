//! The agents of the review: who wakes on what, and what each makes of it.
//!
//! ```text
//! program ─Project─► scan ─Package*─┬─ used ───► licence ─LicenceFacts─► licence-policy ─┐
//!                                   ├─ used ───► bundled ─BundledFacts─► bundled-policy ─┤
//!                                   ├─ used ───► sources ─SourceFacts──► safety-policy ──┤
//!                                   ├─ used ───► weight ──WeightFacts──► weight-policy ──┼─► Verdict
//!                                   └─ not used ──────────────────────► unused ──────────┘      │
//! program, when all that has settled ─ReportRequest─► report ◄──────── reads ───────────────────┘
//!                                                       └─► Report
//! ```
//!
//! Who judges does not know who else does, and nobody calls anybody: an agent knows the artifacts
//! that it wakes on and those that it returns. `licence` and `bundled` depend on the same classifier:
//! where that is a service, one breaker keeps the calls of both from it while it is not well.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use artel::{Board, Breaker, Context, Dependency, Error, Query, Retry};

use crate::blocking::blocking;
use crate::classifier::{self, Classifier};
use crate::facts::{
    BundledFacts, LicenceFacts, LicenceText, Package, Project, Report, ReportRequest, SourceFacts,
    Verdict, WeightFacts,
};
use crate::ledger::Ledger;
use crate::policy::Policy;
use crate::{judges, licence, packages, report, sources, weight};

/// Who says that a package is not used.
const UNUSED: &str = "unused";

/// What the agents share.
#[derive(Debug)]
pub(crate) struct Config {
    /// What the judges go by.
    pub(crate) policy: Policy,
    /// Where a copy of a package may lie that is read instead of it.
    pub(crate) scratch: Option<PathBuf>,
    /// How long the reading of one package's sources may take.
    pub(crate) patience: Duration,
    /// Who says which licences a text contains.
    pub(crate) classifier: Classifier,
}

/// Puts the agents on the board. What each publishes is what its handler returns.
pub(crate) fn enlist(board: &Board, config: &Arc<Config>, ledger: &Arc<Ledger>) {
    let used = || Package::fields().used.eq(true);
    let config = || Arc::clone(config);
    // Half a second, doubled each time: a file that somebody is still writing is soon there.
    let patient = Retry::exponential(Duration::from_millis(500)).max_attempts(5);

    board.agent("scan").on::<Project>().shared_state(config()).run(ledger.noting_with(scan));
    board
        .agent(UNUSED)
        .on::<Package>()
        .matching(Package::fields().used.eq(false))
        .run(ledger.noting(unused));

    enlist_classifying(board, &config(), ledger);
    board
        .agent("sources")
        .on::<Package>()
        .matching(used())
        .timeout(config().patience)
        .retry(patient)
        .concurrency(4)
        .run(ledger.noting(sources));
    board.agent("weight").on::<Package>().matching(used()).run(ledger.noting(weight));

    board
        .agent(judges::LICENCE)
        .on::<LicenceFacts>()
        .shared_state(config())
        .run(ledger.noting_with(judge_licence));
    board
        .agent(judges::BUNDLED)
        .on::<BundledFacts>()
        .shared_state(config())
        .run(ledger.noting_with(judge_bundled));
    board
        .agent(judges::SAFETY)
        .on::<SourceFacts>()
        .shared_state(config())
        .run(ledger.noting_with(judge_safety));
    board
        .agent(judges::WEIGHT)
        .on::<WeightFacts>()
        .shared_state(config())
        .run(ledger.noting_with(judge_weight));

    board.agent("report").on::<ReportRequest>().run(ledger.noting(report));
}

/// Puts those agents on the board that ask the classifier, and its breaker where it is a service. Five
/// failures in a row are no accident; then two calls a second see whether it is back, and after each
/// time that it is not, they wait longer.
fn enlist_classifying(board: &Board, config: &Arc<Config>, ledger: &Arc<Ledger>) {
    let away = matches!(config.classifier, Classifier::At(_));
    if away {
        let breaker = Breaker::consecutive(5)
            .recovery(Duration::from_secs(1))
            .recovery_backoff(2.0, Duration::from_secs(30))
            .probes(2);
        board.dependency(Dependency::new(classifier::NAME).breaker(breaker));
    }
    let classifying = |name| {
        let retry = Retry::exponential(Duration::from_millis(200)).max_attempts(10);
        let agent = board.agent(name).on::<Package>().matching(Package::fields().used.eq(true));
        let agent = agent.retry(retry).concurrency(4).shared_state(Arc::clone(config));
        if away { agent.depends_on(classifier::NAME) } else { agent }
    };
    classifying("licence").run(ledger.noting_with(licence));
    classifying("bundled").run(ledger.noting_with(bundled));
}

async fn scan(
    _cx: Context,
    project: Arc<Project>,
    config: Arc<Config>,
) -> Result<Vec<Package>, Error> {
    let dir = Path::new(&project.dir);
    Ok(packages::locked(dir, config.scratch.as_deref()).await?.packages)
}

async fn unused(_cx: Context, package: Arc<Package>) -> Result<Verdict, Error> {
    Ok(Verdict::not_used_here(&package.id, UNUSED))
}

async fn licence(
    _cx: Context,
    package: Arc<Package>,
    config: Arc<Config>,
) -> Result<LicenceFacts, Error> {
    let texts = classified(&package, config.classifier, licence::texts).await?;
    let (package, expression) = (package.id.clone(), package.licence.clone());
    Ok(LicenceFacts { package, expression, texts })
}

async fn bundled(
    _cx: Context,
    package: Arc<Package>,
    config: Arc<Config>,
) -> Result<BundledFacts, Error> {
    let texts = classified(&package, config.classifier, licence::bundled).await?;
    Ok(BundledFacts { package: package.id.clone(), texts })
}

/// The texts that are found in the folder of a package, each with its licences.
async fn classified(
    package: &Package,
    classifier: Classifier,
    find: fn(&Path, Option<&str>) -> io::Result<Vec<licence::Text>>,
) -> Result<Vec<LicenceText>, Error> {
    let dir = folder(package)?;
    let named = package.licence_file.clone();
    let found = blocking(move || find(&dir, named.as_deref())).await??;
    let (texts, places): (Vec<_>, Vec<_>) =
        found.into_iter().map(|found| (found.text, (found.path, found.bytes))).unzip();
    let recognised = classifier.recognise(texts).await?;
    let classify = |((path, bytes), recognised)| LicenceText { path, bytes, recognised };
    Ok(places.into_iter().zip(recognised).map(classify).collect())
}

async fn sources(_cx: Context, package: Arc<Package>) -> Result<SourceFacts, Error> {
    let survey = sources::survey(&folder(&package)?).await.map_err(|error| {
        if error.is_permanent() { Error::permanent(error) } else { Error::from(error) }
    })?;
    let sources::Survey { files, lines, bytes, unsafe_count } = survey;
    let Package { build_script, proc_macro, .. } = *package;
    let package = package.id.clone();
    Ok(SourceFacts { package, files, lines, bytes, unsafe_count, build_script, proc_macro })
}

/// Other versions are other packages on the board: `scan` has published them all together, so an
/// attempt that was woken by one of them sees every other.
async fn weight(cx: Context, package: Arc<Package>) -> Result<WeightFacts, Error> {
    let dir = folder(&package)?;
    let weight::OnDisk { files, bytes } = blocking(move || weight::on_disk(&dir)).await??;
    let named_alike = Query::default().tag(Package::name_tag(&package.id.name));
    let named_alike: Vec<Package> = cx.board().all(named_alike).await?;
    let other_versions = weight::other_versions(&package.id, &named_alike);
    Ok(WeightFacts { package: package.id.clone(), files, bytes, other_versions })
}

async fn judge_licence(
    _cx: Context,
    facts: Arc<LicenceFacts>,
    config: Arc<Config>,
) -> Result<Verdict, Error> {
    Ok(judges::licence(&config.policy.licence, &facts))
}

async fn judge_bundled(
    _cx: Context,
    facts: Arc<BundledFacts>,
    config: Arc<Config>,
) -> Result<Verdict, Error> {
    Ok(judges::bundled(&config.policy.licence, &facts))
}

async fn judge_safety(
    _cx: Context,
    facts: Arc<SourceFacts>,
    config: Arc<Config>,
) -> Result<Verdict, Error> {
    Ok(judges::safety(&config.policy.safety, &facts))
}

async fn judge_weight(
    _cx: Context,
    facts: Arc<WeightFacts>,
    config: Arc<Config>,
) -> Result<Verdict, Error> {
    Ok(judges::weight(&config.policy.weight, &facts))
}

/// The request is a tree of work of its own, so it names the one that it is about.
async fn report(cx: Context, request: Arc<ReportRequest>) -> Result<Report, Error> {
    let review = Query::default().correlation(request.review.parse()?);
    let packages: Vec<Package> = cx.board().all(review.clone()).await?;
    let verdicts: Vec<Verdict> = cx.board().all(review).await?;
    Ok(report::write(&request.project, &packages, &verdicts))
}

fn folder(package: &Package) -> Result<PathBuf, Error> {
    let dir = package.dir.as_ref().map(PathBuf::from);
    dir.ok_or_else(|| Error::permanent(format!("no folder is known of {}", package.id)))
}
