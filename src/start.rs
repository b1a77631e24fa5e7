//! Starting a board: take it over, register the program, open its session, start its tasks.

use std::sync::Arc;

use tokio::sync::watch;

use artel_core::artifact::TypeDescriptor;
use artel_core::board::State;
use artel_core::catalogue::Catalogue;
use artel_core::command::{
    Command, OpenSession, Registration, Rejection, Request, TypeRefusal, TypeRegistration, Upcast,
};
use artel_core::envelope::Actor;
use artel_core::ids::ProcessId;
use artel_core::log::Durability;
#[cfg(feature = "webhooks")]
use artel_core::names::BoardName;
use artel_core::schema::{Changed, NoUpcaster};
use artel_core::spawn::{Job, Spawn};
use artel_core::time::Elapsed;
use artel_eventbus::Hub;
use artel_scheduler::{Dispatcher, timers};

use crate::attempt::Attempts;
use crate::board::{self, Setup};
use crate::clock::BoardClock;
use crate::committer::{self, Committer, Failure, Identity, Outlets, Start};
use crate::context::Host;
use crate::debts;
use crate::entropy;
use crate::error::{StartError, TakeOverError};
use crate::expiry;
use crate::program::Program;
use crate::running::{Parts, Running};
use crate::snapshotter;
use crate::submit::Submitter;
use crate::tasks::Tasks;
#[cfg(feature = "webhooks")]
use crate::webhook;

/// Starts a board. In development mode a board of that mode whose schemas are not the program's is
/// moved aside, once, and a new one begun.
pub(crate) async fn start(mut setup: Setup, program: &Arc<Program>) -> Result<Running, StartError> {
    match attempt(&setup, program).await {
        Err(refused @ (StartError::SchemaChanged(_) | StartError::NoUpcaster(_))) if setup.dev => {
            let aside = move_aside(&mut setup, refused).await?;
            tracing::warn!(
                url = setup.url,
                moved_to = aside,
                "a schema changed; the board was moved aside and a new one begun"
            );
            attempt(&setup, program).await
        }
        started => started,
    }
}

async fn move_aside(setup: &mut Setup, refused: StartError) -> Result<String, StartError> {
    setup.log.close().await;
    let aside = artel_persistence::move_aside(&setup.url)
        .await
        .map_err(|source| StartError::MoveAside { refused: Box::new(refused), source })?;
    setup.log = board::create(&setup.url, &setup.name, setup.dev, &*setup.entropy)
        .await
        .map_err(|error| StartError::Stopped(error.to_string().into()))?;
    Ok(aside)
}

/// Takes a board over without registering anything or offering a permit.
pub(crate) async fn attend(setup: &Setup, program: &Arc<Program>) -> Result<Running, StartError> {
    let process = entropy::process_id(&*setup.entropy);
    let (parts, run) = wire(setup, program, process).await?;
    parts.tasks.spawn("committer", run.committer);
    spawn_ownership(&parts);
    Ok(Running::new(parts))
}

async fn attempt(setup: &Setup, program: &Arc<Program>) -> Result<Running, StartError> {
    #[cfg(feature = "webhooks")]
    let client = alerts_client(program)?;
    let process = entropy::process_id(&*setup.entropy);
    let (parts, run) = wire(setup, program, process).await?;
    let tasks = &parts.tasks;
    tasks.spawn("committer", run.committer);
    spawn_ownership(&parts);
    if let Err(error) = register(&parts.committer, setup, program).await {
        // The board is given up whole: what was declared wrongly can be mended and started again.
        let _ = parts.committer.close().await;
        return Err(or_lost(&parts.committer, error));
    }
    #[cfg(feature = "webhooks")]
    spawn_courier(&parts, (run.clock.clone(), run.debts.clone()), run.board, client);
    spawn_timers(tasks, &parts.committer, run.clock, run.due, setup);
    let (payer, stop) = (parts.submitter.clone(), tasks.stopping().clone());
    let incarnation = parts.incarnation;
    tasks.spawn("debts", Box::pin(debts::run(payer, incarnation, run.debts, stop)));
    let (submitter, stop) = (parts.submitter.clone(), tasks.stopping().clone());
    tasks.spawn("expiry", Box::pin(expiry::run(submitter, stop)));
    if setup.log.describe().durability > Durability::Nothing {
        let (log, hub) = (setup.log.clone(), parts.hub.clone());
        let snapshots = snapshotter::run(log, hub, tasks.clone(), setup.bounds.snapshot_events);
        tasks.spawn("snapshotter", Box::pin(snapshots));
    }
    let open = OpenSession { session: parts.session, process, slots: setup.slots };
    let opened = parts.committer.owed(command(setup, Request::OpenSession(open))).await;
    opened.map_err(stopped).map_err(|error| or_lost(&parts.committer, error))?;
    Ok(Running::new(parts))
}

/// What became of a start that failed, or that another process owns the board.
fn or_lost(committer: &Committer, error: StartError) -> StartError {
    match &*committer.status().borrow() {
        committer::Status::Stopped { why, lost: true } => StartError::Lost(why.clone()),
        _ => error,
    }
}

/// What is started once a board is wired together.
struct Run {
    committer: Job,
    clock: BoardClock,
    due: watch::Receiver<Elapsed>,
    /// Told whenever the board owes itself something more.
    debts: watch::Receiver<()>,
    /// What the board is called in its log.
    #[cfg(feature = "webhooks")]
    board: BoardName,
}

/// Takes the board over and wires its parts together; nothing runs yet.
async fn wire(
    setup: &Setup,
    program: &Arc<Program>,
    process: ProcessId,
) -> Result<(Parts, Run), StartError> {
    let tasks = Tasks::default();
    let session = entropy::session_id(&*setup.entropy);
    let unreadable = |error| StartError::TakeOver(TakeOverError::Own(error));
    let head = setup.log.head().await.map_err(unreadable)?;
    let (committer, inbox) = committer::channel(setup.bounds.inbox_len);
    let (catalogue, catalogues) = watch::channel(Arc::new(Catalogue::default()));
    let (due, moments) = watch::channel(Elapsed::NEVER);
    let (room, rooms) = watch::channel(());
    let (owed, debts) = watch::channel(());
    let submitter = Submitter {
        committer: committer.clone(),
        catalogue: catalogues,
        room: rooms,
        program: program.clone(),
        log: setup.log.clone(),
        clock: setup.clock.clone(),
        entropy: setup.entropy.clone(),
        payload_len: setup.payload_len,
        outputs_max: setup.bounds.outputs,
        patience: setup.patience,
    };
    let incarnation = head.incarnation;
    let runner = Arc::new(Attempts {
        host: Arc::new(Host { submitter: submitter.clone(), incarnation }),
        session,
    });
    let dispatcher = Arc::new(Dispatcher::new(runner, Arc::new(tasks.clone())));
    let hub = Hub::at(head.seq);
    let outlets =
        Outlets { dispatcher: dispatcher.clone(), hub: hub.clone(), catalogue, due, room, owed };
    let identity = Identity {
        process,
        program: setup.program.clone(),
        // A log keeps the name that it was made with, whatever it is opened by.
        board: head.board.clone(),
        session,
        endpoint: crate::config::advertised(),
    };
    let start = Start {
        log: setup.log.clone(),
        clock: setup.clock.clone(),
        entropy: setup.entropy.clone(),
        identity,
        bounds: setup.bounds,
        outlets: Arc::new(outlets),
    };
    let (clock, run) = committer::start(inbox, start).await?;
    let run = Run {
        committer: Box::pin(run),
        clock,
        due: moments,
        debts,
        #[cfg(feature = "webhooks")]
        board: head.board,
    };
    let setup = setup.clone();
    let parts = Parts { setup, committer, submitter, hub, dispatcher, session, incarnation, tasks };
    Ok((parts, run))
}

/// Keeps the ownership up. When it is lost, a look makes the board find out whose it is.
fn spawn_ownership(parts: &Parts) {
    let (log, committer) = (parts.setup.log.clone(), parts.committer.clone());
    let stop = parts.tasks.stopping().clone();
    let works = async move {
        loop {
            log.keep().await;
            if committer.look(|_| ()).await.is_err() {
                return;
            }
        }
    };
    let ownership = async move {
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = works => {}
        }
    };
    parts.tasks.spawn("ownership", Box::pin(ownership));
}

fn spawn_timers(
    tasks: &Tasks,
    committer: &Committer,
    clock: BoardClock,
    due: watch::Receiver<Elapsed>,
    setup: &Setup,
) {
    let (committer, setup) = (committer.clone(), setup.clone());
    let elapse = move || {
        let (committer, command) = (committer.clone(), command(&setup, Request::Elapse));
        async move {
            // A board that is stopped has no timers.
            let _ = committer.owed(command).await;
        }
    };
    let stop = tasks.stopping().clone();
    let timers = timers::run(due, move |until| clock.remaining(until), elapse, stop);
    tasks.spawn("timers", Box::pin(timers));
}

/// What alerts are sent with, of which the machine may lack something.
#[cfg(feature = "webhooks")]
fn alerts_client(program: &Program) -> Result<webhook::Client, StartError> {
    let client = webhook::Client::of(program.receivers.values());
    client.map_err(|problem| StartError::Agents { problems: vec![problem] })
}

/// Starts what sends alerts, where an agent has somebody to be told.
#[cfg(feature = "webhooks")]
fn spawn_courier(
    parts: &Parts,
    (clock, news): (BoardClock, watch::Receiver<()>),
    board: BoardName,
    client: webhook::Client,
) {
    if parts.submitter.program.receivers.is_empty() {
        return;
    }
    let of = webhook::Sender { board, incarnation: parts.incarnation };
    let courier = webhook::Courier::new(parts.submitter.clone(), of, clock, client);
    let stop = parts.tasks.stopping().clone();
    parts.tasks.spawn("alerts", Box::pin(webhook::run(courier, news, stop)));
}

/// Makes the program's types and agents those of the board.
async fn register(
    committer: &Committer,
    setup: &Setup,
    program: &Arc<Program>,
) -> Result<(), StartError> {
    let types = program.types.values().map(|one| TypeRegistration {
        name: one.name().clone(),
        version: one.version(),
        schema: one.schema().into(),
        upcasts: upcasts(one),
    });
    let groups = program.groups.values().cloned();
    let agents = groups.chain(program.agents.values().map(|agent| agent.definition.clone()));
    let dependencies = program.dependencies.values().cloned().collect();
    warn_of_forgotten_alerts(committer, program).await?;
    let registration =
        Registration { types: types.collect(), dependencies, agents: agents.collect() };
    let request = Request::Register(registration);
    match committer.owed(command(setup, request)).await {
        Ok(_) => {}
        Err(Failure::Rejected(rejection)) => return Err(refused(rejection)),
        Err(failure) => return Err(stopped(failure)),
    }
    let numbered = program.clone();
    let number = move |state: &State| numbered.number(state);
    committer.look(number).await.map_err(stopped)
}

/// Alerts are forgotten that are still owed for agents which are declared without a webhook now.
async fn warn_of_forgotten_alerts(
    committer: &Committer,
    program: &Arc<Program>,
) -> Result<(), StartError> {
    let program = program.clone();
    let forgotten = committer.look(move |state: &State| {
        let without = |agent| {
            let known = state.agent(agent).map(|record| &record.definition.name);
            let agent = known.and_then(|name| program.agents.get(name)).map(|it| &it.definition);
            let declared = agent.or_else(|| known.and_then(|name| program.groups.get(name)));
            declared.is_some_and(|definition| definition.alert_after.is_none())
        };
        state.alerts().filter(|(agent, ..)| without(*agent)).count()
    });
    let forgotten = forgotten.await.map_err(stopped)?;
    if forgotten > 0 {
        tracing::warn!(
            forgotten,
            "alerts of dead letters are forgotten: their agents have no webhook any more"
        );
    }
    Ok(())
}

/// The older versions that a type can be made of.
fn upcasts(of: &TypeDescriptor) -> Vec<Upcast> {
    let versions = of.upcasters().versions();
    versions.map(|(version, schema)| Upcast { version, schema: schema.cloned() }).collect()
}

fn refused(rejection: Rejection) -> StartError {
    let Rejection::Type(refusal) = rejection else { return StartError::Refused(rejection) };
    match refusal {
        TypeRefusal::SchemaChanged { name, version, recorded, offered } => {
            StartError::SchemaChanged(Changed::between(name, version, &recorded, &offered))
        }
        TypeRefusal::OldSchemaChanged { name, version, recorded, offered } => {
            let changed = Changed::between(name, version, &recorded, &offered);
            StartError::SchemaChanged(changed.of_older())
        }
        TypeRefusal::NoUpcaster { name, recorded, offered, recorded_schema, offered_schema } => {
            let (from, to) = (&*recorded_schema, &*offered_schema);
            StartError::NoUpcaster(NoUpcaster::between(name, (recorded, offered), from, to))
        }
        other => StartError::Refused(Rejection::Type(other)),
    }
}

fn stopped(failure: Failure) -> StartError {
    match failure {
        Failure::Rejected(rejection) => StartError::Refused(rejection),
        other => StartError::Stopped(other.to_string().into()),
    }
}

/// A command of the program itself.
pub(crate) fn command(setup: &Setup, request: Request) -> Command {
    Command {
        id: entropy::command_id(&*setup.entropy),
        actor: Actor::Program(setup.program.clone()),
        correlation: None,
        trace: None,
        seed: entropy::seed(&*setup.entropy),
        request,
    }
}
