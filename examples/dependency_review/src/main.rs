//! Reviews every dependency of a project: its licence, what it carries along, its sources, its weight.
//!
//! `dev/demo` builds this program, makes trouble for it, kills it half-way and starts it again. It
//! may be killed at any moment and started again with the same arguments: the review goes on where
//! its board says that it stopped, and ends in the same report.

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for people at a terminal"
)]

mod agents;
mod blocking;
mod classifier;
mod facts;
mod judges;
mod ledger;
mod licence;
mod outages;
mod packages;
mod policy;
mod progress;
mod report;
mod sources;
mod syntax;
mod weight;

use std::convert::Infallible;
use std::error::Error;
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use artel::hash::Hash;
use artel::ids::{CorrelationId, Seq};
use artel::{Board, Query, Running, Status, Tail};
use clap::{Parser, Subcommand};
use tokio::time::timeout;

use agents::Config;
use classifier::Classifier;
use facts::{Package, Project, Report, ReportRequest, Verdict};
use ledger::Ledger;
use packages::Locked;
use policy::Policy;
use progress::{Counts, Watcher};

/// Reviews every dependency of a project, on a board that survives.
#[derive(Debug, Parser)]
#[command(args_conflicts_with_subcommands = true)]
struct Args {
    #[command(subcommand)]
    part: Option<Part>,
    /// The folder of the project's Cargo.toml. It is never written to.
    #[arg(long, value_name = "DIR", default_value = ".")]
    project: PathBuf,
    /// The board that the review is on.
    #[arg(long, value_name = "URL", default_value = "sqlite:review.artel.db")]
    board: String,
    /// What the judges go by, instead of the built-in policy.
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
    /// Read a package from DIR/NAME-VERSION instead of the cache, where there is such a folder.
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
    /// How many seconds the reading of one package's sources may take.
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    patience: u64,
    /// Write the report there instead of to standard output.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Write a line there for each event of the board.
    #[arg(long, value_name = "FILE")]
    progress: Option<PathBuf>,
    /// Append a line there for what this program knows by itself: handlers that began and ended,
    /// artifacts that the board has acknowledged, and the state that it had then.
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// Let the classifier that listens at this address say which licences texts contain, instead of
    /// this program itself.
    #[arg(long, value_name = "ADDRESS")]
    classifier: Option<SocketAddr>,
    /// Only list the packages that would be reviewed: name, version and folder, with tabs between.
    #[arg(long)]
    list: bool,
}

/// What else this program is.
#[derive(Debug, Subcommand)]
enum Part {
    /// Is the classifier: a service that says which licences texts contain, until it is stopped.
    Classifier {
        /// Where to listen; with port 0 at one that is free. It says where when it does.
        #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:0")]
        listen: SocketAddr,
    },
    /// Counts from the log of a board what became of calls to the classifier while it was away.
    Outages {
        /// The board.
        #[arg(long, value_name = "URL", default_value = "sqlite:review.artel.db")]
        board: String,
    },
}

/// How long a board takes to start that has no owner, or little longer: then there is something to say.
const AT_ONCE: Duration = Duration::from_secs(1);

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> ExitCode {
    match run(Args::parse()).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("  caused by: {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

/// All that can be wrong with the arguments, the policy or the project is found before anything is
/// published.
async fn run(mut args: Args) -> Result<ExitCode, Failure> {
    match args.part {
        Some(Part::Classifier { listen }) => match classifier::serve(listen).await? {},
        Some(Part::Outages { board }) => {
            print!("{}", outages::read(&board).await?);
            return Ok(ExitCode::SUCCESS);
        }
        None => {}
    }
    args.project = packages::absolute(&args.project)?;
    args.scratch = args.scratch.as_deref().map(packages::absolute).transpose()?;
    let policy = match &args.policy {
        Some(path) => fs::read_to_string(path)
            .map_err(|error| format!("could not read `{}`: {error}", path.display()))?,
        None => policy::BUILT_IN.to_owned(),
    };
    let rules = Policy::parse(&policy)?;
    let locked = packages::locked(&args.project, args.scratch.as_deref()).await?;
    if args.list {
        list(&locked.packages);
        return Ok(ExitCode::SUCCESS);
    }
    say_what_there_is(&locked);

    let project = Project {
        name: locked.name.clone(),
        dir: args.project.to_string_lossy().into_owned(),
        fingerprint: fingerprint(&args, &locked.lock, &policy),
    };
    let config = Arc::new(Config {
        policy: rules,
        scratch: args.scratch.clone(),
        patience: Duration::from_secs(args.patience),
        classifier: args.classifier.map_or(Classifier::Here, Classifier::At),
    });
    let ledger = Arc::new(Ledger::open(args.ledger.as_deref())?);
    let board = Board::open(&args.board).await?;
    agents::enlist(&board, &config, &ledger);
    let running = own(board).await?;
    ledger.state(&running).await?;
    let ended = watch(&running, &args, project, (&locked, &ledger)).await;
    running.shutdown().await;
    ended
}

/// Starts the board. In a file it is free as soon as its owner is dead, so that whoever finds one there is told. On a
/// server it is the last one's for some seconds after that was killed, so that it is waited for.
async fn own(board: Board) -> Result<Running, Failure> {
    if board.log().describe().scheme == "sqlite" {
        return Ok(Box::pin(board.start()).await?);
    }
    let mut standing_by = Box::pin(board.stand_by());
    if let Ok(started) = timeout(AT_ONCE, &mut standing_by).await {
        return Ok(started?);
    }
    println!("the board has an owner, or had until that was killed; this review stands by for it");
    Ok(standing_by.await?)
}

/// Publishes the project and shows what comes of it, until it is over or somebody stops it. What an
/// earlier life of this program has published already is found again by its key.
async fn watch(
    running: &Running,
    args: &Args,
    project: Project,
    (locked, ledger): (&Locked, &Ledger),
) -> Result<ExitCode, Failure> {
    let receipt = running.publish(project).await?;
    ledger.acknowledged(&receipt)?;
    // A second publish gives the first artifact back, and with it the tree of work that it began.
    let project = running.get(receipt.id).await?.ok_or("the board has lost the project")?;
    let review = project.correlation();
    let did = if receipt.duplicate { "going on with the" } else { "began a" };
    println!("{did} review, correlation {review}");

    let expected = expected_verdicts(&locked.packages);
    let mut watcher = Watcher::new(expected, running.durable(), args.progress.as_deref())?;
    let mut tail = running.tail(Seq(1));
    let report = tokio::select! {
        report = finish(running, review, &locked.name, ledger) => report?,
        failed = follow(running, &mut tail, &mut watcher) => match failed? {},
        stop = tokio::signal::ctrl_c() => {
            stop?;
            watcher.finish();
            println!("stopped; the same command goes on from here");
            return Ok(ExitCode::FAILURE);
        }
    };
    catch_up(running, &mut tail, &mut watcher).await?;
    watcher.finish();
    ledger.state(running).await?;
    match &args.report {
        Some(path) => {
            fs::write(path, &report.markdown)?;
            println!("{}", report::table(&report));
            println!("report: {}", path.display());
        }
        None => print!("{}", report.markdown),
    }
    let counts = watcher.counts();
    say_how_it_went(&counts);
    Ok(if counts.repeated == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Waits until all that grew from the project has settled, and asks for the report.
async fn finish(
    running: &Running,
    review: CorrelationId,
    name: &str,
    ledger: &Ledger,
) -> Result<Report, Failure> {
    let dead_letters = match running.settled(review).await? {
        Status::Done => 0,
        Status::DeadLetters(dead) => u64::from(dead),
        other => return Err(format!("the review came to no end: {other:?}").into()),
    };
    let verdicts: Vec<Verdict> = running.all(Query::default().correlation(review)).await?;
    let request = ReportRequest {
        review: review.to_string(),
        project: name.to_owned(),
        verdicts: verdicts.len() as u64,
        dead_letters,
    };
    let asked = running.publish(request).await?;
    ledger.acknowledged(&asked)?;
    let request = running.get(asked.id).await?.ok_or("the board has lost the request")?;
    running.settled(request.correlation()).await?;
    let answer = Query::default().correlation(request.correlation());
    let reports: Vec<Report> = running.all(answer).await?;
    reports.into_iter().next().ok_or_else(|| "no report was written: see `artel dlq ls`".into())
}

/// Shows every event, from the first of the board on; ends only by failing.
async fn follow(
    running: &Running,
    tail: &mut Tail,
    watcher: &mut Watcher,
) -> Result<Infallible, Failure> {
    while let Some(entry) = tail.next().await? {
        watcher.see(entry.seq, &entry.event)?;
    }
    Err(format!("the board stopped: {}", running.stopped().await).into())
}

/// Shows what is left up to where the log now ends, so that what is counted is all of it.
async fn catch_up(
    running: &Running,
    tail: &mut Tail,
    watcher: &mut Watcher,
) -> Result<(), Failure> {
    let end = running.durable();
    while watcher.counts().seq < end {
        let Some(entry) = tail.next().await? else { break };
        watcher.see(entry.seq, &entry.event)?;
    }
    Ok(())
}

/// The hash of all that decides what a review comes to.
fn fingerprint(args: &Args, lock: &str, policy: &str) -> String {
    let path =
        |path: Option<&Path>| path.map_or_else(String::new, |path| path.display().to_string());
    let parts =
        [path(Some(&args.project)), path(args.scratch.as_deref()), lock.into(), policy.into()];
    // Each part is hashed first, so that nothing can be shifted from one into the next.
    let hashes = parts.map(|part| Hash::of(part.as_bytes()).0);
    Hash::of_parts(&hashes.each_ref().map(|hash| &hash[..])).to_string()
}

/// Four judges for each package that is used, and one verdict on each that is not.
fn expected_verdicts(packages: &[Package]) -> u64 {
    packages.iter().map(|package| if package.used { 4 } else { 1 }).sum()
}

fn list(packages: &[Package]) {
    for package in packages {
        let dir = package.dir.as_deref().unwrap_or("not used here");
        println!("{}\t{}\t{dir}", package.id.name, package.id.version);
    }
}

fn say_what_there_is(locked: &Locked) {
    let Locked { name, members, packages, .. } = locked;
    let used = packages.iter().filter(|package| package.used).count();
    println!("{name}: dependencies in the lock file: {}, used here: {used}", packages.len());
    println!("packages of its own, which are not reviewed: {members}");
}

fn say_how_it_went(counts: &Counts) {
    let Counts { attempts, done, timed_out, lost, dead, repeated, .. } = counts;
    println!("attempts: {attempts}, done: {done}, timed out: {timed_out}, lost: {lost}");
    println!("dead letters: {dead}");
    println!("finished work repeated: {repeated}");
}
