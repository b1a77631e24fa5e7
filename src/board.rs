//! A board before it is started: opened, with agents being declared.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use smol_str::SmolStr;

use artel_core::artifact::{Artifact, TypeDescriptor, descriptor};
use artel_core::log::{Description, Durability, Log};
use artel_core::names::{BoardName, ProgramName, TypeName};
use artel_core::policy::{Bounds, limits};
use artel_core::time::Clock;
use artel_persistence::{CreateBoard, OpenOptions};

use crate::agent::AgentBuilder;
use crate::clock::SystemClock;
use crate::config;
use crate::dead_letter::DeadLetter;
use crate::dependency::{Dependency, Uses};
use crate::entropy::{self, Entropy, OsEntropy};
use crate::error::{OpenError, StartError};
use crate::group::{self, Group};
use crate::patience::PATIENCE;
use crate::program::{Agent, Program};
use crate::running::Running;
use crate::start;

/// How long handlers may go on that were asked to come to an end.
pub(crate) const WIND_DOWN: Duration = Duration::from_secs(10);

/// What the names of the board's own types begin with.
const RESERVED: &str = "artel.";

/// A board, opened but not started: agents are declared on it.
///
/// Nothing runs and nothing is owned before [`start`](Self::start).
#[derive(Debug)]
pub struct Board {
    pub(crate) setup: Setup,
    declared: Mutex<Declared>,
    #[cfg(feature = "webhooks")]
    webhook: Option<crate::webhook::Webhook>,
}

/// What a started board is made of.
#[derive(Clone, Debug)]
pub(crate) struct Setup {
    pub(crate) url: String,
    pub(crate) name: BoardName,
    pub(crate) program: ProgramName,
    pub(crate) log: Arc<dyn Log>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
    pub(crate) slots: u32,
    pub(crate) wind_down: Duration,
    pub(crate) patience: Duration,
    pub(crate) payload_len: usize,
    pub(crate) bounds: Bounds,
    pub(crate) dev: bool,
}

#[derive(Debug, Default)]
struct Declared {
    program: Program,
    problems: Vec<String>,
    /// The names of all agents, those that are declared wrongly included.
    agents: BTreeSet<SmolStr>,
    uses: Uses,
    /// Whom agents and groups alert, by name.
    #[cfg(feature = "webhooks")]
    webhooks: Vec<(SmolStr, crate::webhook::Webhook)>,
}

/// How a board is opened.
#[derive(Debug)]
#[must_use = "a board is opened by `.open()`"]
pub struct BoardBuilder {
    url: String,
    name: Option<SmolStr>,
    program: Option<SmolStr>,
    slots: u32,
    wind_down: Duration,
    patience: Duration,
    payload_len: usize,
    bounds: Bounds,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    log: Option<Arc<dyn Log>>,
    #[cfg(feature = "webhooks")]
    webhook: Option<crate::webhook::Webhook>,
}

impl BoardBuilder {
    fn new(url: String) -> Self {
        Self {
            url,
            name: None,
            program: None,
            slots: limits::BOARD_CONCURRENCY,
            wind_down: WIND_DOWN,
            patience: PATIENCE,
            payload_len: limits::PAYLOAD_LEN,
            bounds: Bounds::default(),
            clock: Arc::new(SystemClock::default()),
            entropy: Arc::new(OsEntropy),
            log: None,
            #[cfg(feature = "webhooks")]
            webhook: None,
        }
    }

    /// What the board is called when it is created. Without it, after its file.
    pub fn name(mut self, name: impl Into<SmolStr>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// What this program calls itself: to whoever is refused the board, and as the producer of
    /// what it publishes. Without it, after its executable.
    pub fn program(mut self, program: impl Into<SmolStr>) -> Self {
        self.program = Some(program.into());
        self
    }

    /// How many attempts this process runs at once; 256 unless it is set.
    pub const fn slots(mut self, slots: u32) -> Self {
        self.slots = slots;
        self
    }

    /// How many slots attempts of the board take at once, whichever process runs them; 256 unless it is set.
    /// An agent's own [`concurrency`](crate::Subscribed::concurrency) is part of it.
    pub const fn concurrency(mut self, slots: u32) -> Self {
        self.bounds.concurrency = slots;
        self
    }

    /// How long handlers may go on at a shutdown that were asked to come to an end; 10 s unless it is
    /// set, and never more than the 30 s that a shutdown has in all.
    pub const fn wind_down(mut self, time: Duration) -> Self {
        self.wind_down = time;
        self
    }

    /// How long a publish, a read, or an operator's command waits for its answer, where the agenda is full or
    /// the log is away, before it fails as `busy` or `unavailable`; 30 s unless it is set.
    pub const fn patience(mut self, time: Duration) -> Self {
        self.patience = time;
        self
    }

    /// How many bytes the canonical JSON of an artifact or of a step's result may have: 1 MiB unless
    /// it is set, and at most 16 MiB.
    pub const fn payload_limit(mut self, bytes: usize) -> Self {
        self.payload_len = bytes;
        self
    }

    /// How deep an artifact may be, that is how many artifacts may lie between it and a publish from
    /// outside: 100 unless it is set. What an attempt returns beyond that makes a dead letter with the
    /// reason `loop`, and an event that says so.
    pub const fn depth_limit(mut self, depth: u16) -> Self {
        self.bounds.depth = depth;
        self
    }

    /// How many artifacts a tree of work may get in an hour: 100 000 unless it is set. A publish from
    /// outside beyond that is refused; what an attempt returns makes a dead letter with the reason
    /// `limit`, and an event that says so.
    pub const fn correlation_limit(mut self, artifacts: u32) -> Self {
        self.bounds.correlation_artifacts = artifacts;
        self
    }

    /// Has somebody told over HTTP of the dead letters of every agent that names nobody itself; see
    /// [`Webhook`](crate::Webhook).
    #[cfg(feature = "webhooks")]
    pub fn alert_webhook(mut self, webhook: crate::Webhook) -> Self {
        self.webhook = Some(webhook);
        self
    }

    /// Keeps the board to these bounds instead of those of `limits`: for tests, which do not fill an
    /// agenda of a million.
    pub const fn bounds(mut self, bounds: Bounds) -> Self {
        self.bounds = bounds;
        self
    }

    /// Tells the time instead of the machine's clocks: for tests.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Gives random bytes instead of the operating system: for tests.
    pub fn entropy(mut self, entropy: Arc<dyn Entropy>) -> Self {
        self.entropy = entropy;
        self
    }

    /// Keeps the board in this log instead of the one that the URL names.
    pub fn log(mut self, log: Arc<dyn Log>) -> Self {
        self.log = Some(log);
        self
    }

    /// Opens the board, and makes it when it is not there.
    ///
    /// # Errors
    /// When a name or the payload limit is not allowed, or the log cannot be opened.
    pub async fn open(self) -> Result<Board, OpenError> {
        let url = self.url;
        if self.payload_len > limits::PAYLOAD_LEN_MAX {
            return Err(OpenError::PayloadLimit { asked: self.payload_len });
        }
        let bad = |source| OpenError::name(&url, source);
        let name = self.name.unwrap_or_else(|| config::board_name(&url));
        let name = BoardName::new(name).map_err(bad)?;
        let program = self.program.unwrap_or_else(config::program_name);
        let program = ProgramName::new(program).map_err(bad)?;
        let dev = config::dev();
        let log = match self.log {
            Some(log) => log,
            None => create(&url, &name, dev, &*self.entropy).await?,
        };
        let setup = Setup {
            name,
            program,
            log,
            clock: self.clock,
            entropy: self.entropy,
            slots: self.slots,
            wind_down: self.wind_down,
            patience: self.patience,
            payload_len: self.payload_len,
            bounds: self.bounds,
            dev,
            url,
        };
        Ok(Board {
            setup,
            declared: Mutex::default(),
            #[cfg(feature = "webhooks")]
            webhook: self.webhook,
        })
    }
}

impl Setup {
    /// What is wrong with an agent whose attempts take more slots than there are.
    fn fits(&self, agent: &Agent) -> Option<String> {
        let (name, candidates) = (&agent.definition.name, agent.definition.slots());
        let bounds = [
            ("the program has slots for", self.slots),
            ("the concurrency of the board is", self.bounds.concurrency),
        ];
        let (what, limit) = bounds.into_iter().find(|(_, limit)| candidates > *limit)?;
        (candidates > 1).then(|| {
            format!(
                "agent `{name}`: it asks for the best of {candidates}, which take a slot each, and {what} \
                 {limit}"
            )
        })
    }
}

/// Opens the log that a URL names, and makes it when it is not there.
pub(crate) async fn create(
    url: &str,
    name: &BoardName,
    dev: bool,
    entropy: &dyn Entropy,
) -> Result<Arc<dyn Log>, OpenError> {
    let incarnation = entropy::incarnation(entropy);
    let create = CreateBoard { board: name.clone(), incarnation, dev };
    let log = artel_persistence::open(url, OpenOptions::create(create))
        .await
        .map_err(|source| OpenError::log(url, source))?;
    let Description { scheme, durability } = log.describe();
    // What a file promises lies in the URL alone; on a server, in its settings too.
    if durability == Durability::Process && scheme != "sqlite" {
        tracing::warn!(
            url = artel_persistence::without_secrets(url),
            "what the board acknowledges survives the death of this program, and of nothing else, as its \
             URL asks for"
        );
    }
    Ok(log)
}

impl Board {
    /// Opens the board at a URL such as `sqlite:artel.db` or `memory:`, and makes it when it is
    /// not there.
    ///
    /// # Errors
    /// When the log cannot be opened.
    pub async fn open(url: impl Into<String>) -> Result<Self, OpenError> {
        BoardBuilder::new(url.into()).open().await
    }

    /// Opens the board that the environment names in `ARTEL_BOARD`, or else `sqlite:artel.db`. What
    /// has no scheme is the path of a file.
    ///
    /// # Errors
    /// When the log cannot be opened.
    pub async fn open_default() -> Result<Self, OpenError> {
        Self::open(config::board_url(None)).await
    }

    /// Opens the board at a URL with options.
    pub fn builder(url: impl Into<String>) -> BoardBuilder {
        BoardBuilder::new(url.into())
    }

    /// The board's log, to read from.
    #[must_use]
    pub fn log(&self) -> Arc<dyn Log> {
        self.setup.log.clone()
    }

    /// Declares an agent. Its name is how the board knows it again after a restart.
    pub fn agent(&self, name: impl Into<SmolStr>) -> AgentBuilder<'_> {
        AgentBuilder::new(self, name.into())
    }

    /// Declares something that agents depend on; they name it with
    /// [`depends_on`](crate::Subscribed::depends_on).
    pub fn dependency(&self, dependency: Dependency) {
        let mut declared = self.declared.lock().unwrap_or_else(PoisonError::into_inner);
        declared.uses.declared(dependency.name());
        match dependency.define() {
            Err(problem) => declared.problems.push(problem),
            Ok(definition) => {
                let name = definition.name.clone();
                let before = declared.program.dependencies.insert(name, Arc::new(definition));
                if let Some(before) = before {
                    let name = &before.name;
                    let problem =
                        format!("dependency `{name}` is declared twice; use another name");
                    declared.problems.push(problem);
                }
            }
        }
    }

    /// Declares a group of agents that are one subscriber together; its members name it with
    /// [`exclusive`](crate::Subscribed::exclusive).
    pub fn group(&self, group: Group) {
        #[cfg(feature = "webhooks")]
        self.alert(group.name(), group.webhook());
        let mut declared = self.declared.lock().unwrap_or_else(PoisonError::into_inner);
        match group.define() {
            Err(problem) => declared.problems.push(problem),
            Ok((definition, types)) => {
                declare_types(&mut declared, types);
                let name = definition.name.clone();
                let before = declared.program.groups.insert(name, Arc::new(definition));
                if let Some(before) = before {
                    let problem =
                        format!("group `{}` is declared twice; use another name", before.name);
                    declared.problems.push(problem);
                }
            }
        }
    }

    /// Declares a type that the program publishes and none of its agents names.
    pub fn type_of<T: Artifact>(&self) {
        let mut declared = self.declared.lock().unwrap_or_else(PoisonError::into_inner);
        declare_types(&mut declared, vec![descriptor::<T>()]);
    }

    /// The types that are declared so far: what `artel_cli::run_with` and
    /// [`Reader::check_types`](crate::Reader::check_types) need of a program.
    #[must_use]
    pub fn types(&self) -> Vec<TypeDescriptor> {
        let declared = self.declared.lock().unwrap_or_else(PoisonError::into_inner);
        declared.program.types.values().cloned().collect()
    }

    /// Whom an agent or a group alerts, where it says so.
    #[cfg(feature = "webhooks")]
    pub(crate) fn alert(&self, name: &SmolStr, webhook: Option<crate::webhook::Webhook>) {
        let mut declared = self.declared.lock().unwrap_or_else(PoisonError::into_inner);
        declared.webhooks.extend(webhook.map(|webhook| (name.clone(), webhook)));
    }

    pub(crate) fn declare(
        &self,
        name: &SmolStr,
        dependencies: &[SmolStr],
        agent: Result<Agent, String>,
        types: Vec<TypeDescriptor>,
    ) {
        let mut declared = self.declared.lock().unwrap_or_else(PoisonError::into_inner);
        declared.uses.used(name, dependencies);
        if !declared.agents.insert(name.clone()) {
            let problem = format!("agent `{name}` is declared twice; use another name");
            declared.problems.push(problem);
        }
        declare_types(&mut declared, types);
        match agent {
            Err(problem) => declared.problems.push(problem),
            Ok(agent) => {
                let key = agent.definition.name.clone();
                declared.program.agents.insert(key, Arc::new(agent));
            }
        }
    }

    /// Takes the board over, registers types and agents, and runs what waits. What the program no
    /// longer declares is retired: its waiting work waits until it is declared again.
    ///
    /// # Errors
    /// When agents were declared wrongly, another process owns the board (see
    /// [`stand_by`](Self::stand_by)), its log is damaged, or the schema of a type was changed under the same name and version, or an older version of one
    /// cannot be read.
    pub async fn start(self) -> Result<Running, StartError> {
        let (setup, program) = self.checked()?;
        start::start(setup, &Arc::new(program)).await
    }

    /// What is started, if nothing was declared wrongly.
    pub(crate) fn checked(self) -> Result<(Setup, Program), StartError> {
        let mut declared = self.declared.into_inner().unwrap_or_else(PoisonError::into_inner);
        let too_wide = declared.program.agents.values().filter_map(|agent| self.setup.fits(agent));
        declared.problems.extend(too_wide);
        let groups = group::problems(&declared.program);
        declared.problems.extend(groups);
        declared.problems.extend(declared.uses.problems());
        #[cfg(feature = "webhooks")]
        {
            let (own, of_board) = (std::mem::take(&mut declared.webhooks), self.webhook.as_ref());
            let problems = crate::webhook::give(&mut declared.program, own, of_board);
            declared.problems.extend(problems);
        }
        if !declared.problems.is_empty() {
            let mut told = BTreeSet::new();
            declared.problems.retain(|problem| told.insert(problem.clone()));
            return Err(StartError::Agents { problems: declared.problems });
        }
        Ok((self.setup, declared.program))
    }
}

fn declare_types(declared: &mut Declared, types: Vec<TypeDescriptor>) {
    for one in types {
        if let Some(problem) = one.problem() {
            let name = one.name();
            declared
                .problems
                .push(format!("the schema of type `{name}` cannot be used: {problem}"));
        }
        if one.name().as_str().starts_with(RESERVED) && !one.is_same(&descriptor::<DeadLetter>()) {
            let name = one.name();
            let problem = format!("type `{name}` has a name of the board's own types; rename it");
            declared.problems.push(problem);
        }
        let known: &mut BTreeMap<TypeName, TypeDescriptor> = &mut declared.program.types;
        match known.get(one.name()) {
            Some(other) if !other.is_same(&one) => {
                let name = one.name();
                let problem = format!(
                    "two types of this program are called `{name}`; rename one, or name only the \
                     newest version of one"
                );
                declared.problems.push(problem);
            }
            Some(_) => {}
            None => {
                known.insert(one.name().clone(), one);
            }
        }
    }
}
