//! The connection to a server or a cluster, which comes back by itself when it was lost, and the scripts that
//! run on it.

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use redis::aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig};
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::cluster_routing::{MultipleNodeRoutingInfo, RoutingInfo, SingleNodeRoutingInfo};
use redis::{
    Client, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, Pipeline, RedisConnectionInfo,
    RedisError, ServerErrorKind, TlsCertificates, Value,
};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use artel_core::log::Error;

use super::error::reading;
use super::scripts::{Arguments, Script};
use super::target::Target;

/// How long anybody waits for an answer.
pub(super) const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// How long anybody waits for a connection.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// After how long a call that nobody waits for any more counts as one that got no answer.
const SILENT_AFTER: Duration = Duration::from_secs(1);
/// How often a connection is tried for one call, and the shortest and longest pause between two tries.
const TRIES: usize = 4;
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// A connection.
#[derive(Clone)]
enum Link {
    Server(ConnectionManager),
    Cluster(ClusterConnection),
}

impl Link {
    /// Connects to a server, which may be a node of a cluster: then to that.
    async fn open(target: &Target) -> Result<(Self, String), Error> {
        let place = target.place();
        let cannot = |error| reading("open", &place, error);
        let (info, certificates) = login(target)?;
        let client = build(&info, certificates.as_ref()).map_err(cannot)?;
        let config = ConnectionManagerConfig::new()
            .set_number_of_retries(TRIES)
            .set_min_delay(PAUSE_MIN)
            .set_max_delay(PAUSE_MAX)
            .set_response_timeout(Some(ANSWER_TIMEOUT))
            .set_connection_timeout(Some(CONNECT_TIMEOUT));
        let mut server = client.get_connection_manager_with_config(config).await.map_err(cannot)?;
        let about: String = redis::cmd("INFO").query_async(&mut server).await.map_err(cannot)?;
        if !about.lines().any(|line| line == "cluster_enabled:1") {
            return Ok((Self::Server(server), about));
        }
        let mut cluster = ClusterClientBuilder::new([info])
            .connection_timeout(CONNECT_TIMEOUT)
            .response_timeout(ANSWER_TIMEOUT);
        if let Some(certificates) = certificates {
            cluster = cluster.certs(certificates);
        }
        let cluster = cluster.build().map_err(cannot)?.get_async_connection().await;
        Ok((Self::Cluster(cluster.map_err(cannot)?), about))
    }

    async fn send(self, command: &Cmd) -> Result<Value, RedisError> {
        match self {
            Self::Server(mut server) => command.query_async(&mut server).await,
            Self::Cluster(mut cluster) => command.query_async(&mut cluster).await,
        }
    }

    async fn send_all(self, commands: &Pipeline) -> Result<Vec<Value>, RedisError> {
        match self {
            Self::Server(mut server) => commands.query_async(&mut server).await,
            Self::Cluster(mut cluster) => commands.query_async(&mut cluster).await,
        }
    }

    async fn ask_each(self, command: &Cmd) -> Result<Vec<(String, Value)>, RedisError> {
        let Self::Cluster(mut cluster) = self else {
            return self.send(command).await.map(|answer| vec![(String::new(), answer)]);
        };
        let all = RoutingInfo::MultiNode((MultipleNodeRoutingInfo::AllMasters, None));
        let Value::Map(answers) = cluster.route_command(command.clone(), all).await? else {
            return Err((ErrorKind::UnexpectedReturnType, "the nodes have no answer each").into());
        };
        let answers = answers
            .into_iter()
            .map(|(node, answer)| Ok((redis::from_redis_value(node)?, answer.extract_error()?)));
        answers.collect()
    }

    async fn ask_at(self, node: &str, command: &Cmd) -> Result<Value, RedisError> {
        let address =
            node.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
        let (Self::Cluster(mut cluster), Some((host, port))) = (self.clone(), address) else {
            return self.send(command).await;
        };
        let host = host.to_owned();
        let node = RoutingInfo::SingleNode(SingleNodeRoutingInfo::ByAddress { host, port });
        cluster.route_command(command.clone(), node).await
    }

    async fn wait(self, wait: &Cmd) -> Result<Value, RedisError> {
        match self {
            Self::Server(mut server) => self::wait(&mut server, wait).await,
            // Each node is asked on a connection of its own, by both.
            Self::Cluster(mut cluster) => {
                redis::cmd("PING").exec_async(&mut cluster).await?;
                wait.query_async(&mut cluster).await
            }
        }
    }
}

/// A connection that several calls share, and that is replaced when it has gone silent: whoever is lost
/// without a word is not noticed by the operating system for minutes.
pub(super) struct Line {
    target: Target,
    is_cluster: bool,
    /// The connection, and which one it is: none after one that was given up.
    current: Mutex<(u64, Option<Link>)>,
    /// One call connects; the others wait for it.
    opening: Semaphore,
}

impl Line {
    /// Connects, and says what the server tells about itself.
    pub(super) async fn open(target: &Target) -> Result<(Self, String), Error> {
        let (link, about) = Link::open(target).await?;
        let is_cluster = matches!(link, Link::Cluster(_));
        let (target, current) = (target.clone(), Mutex::new((0, Some(link))));
        Ok((Self { target, is_cluster, current, opening: Semaphore::new(1) }, about))
    }

    pub(super) const fn is_cluster(&self) -> bool {
        self.is_cluster
    }

    /// Sends a command, and waits for the answer.
    pub(super) async fn send(&self, command: &Cmd) -> Result<Value, RedisError> {
        let (number, link) = self.link().await?;
        self.watched(number, link.send(command)).await
    }

    /// Sends commands together, and waits for all answers.
    pub(super) async fn send_all(&self, commands: &Pipeline) -> Result<Vec<Value>, RedisError> {
        let (number, link) = self.link().await?;
        self.watched(number, link.send_all(commands)).await
    }

    /// Asks the server, or each node of a cluster that takes writes. Each answer has the node's address with it, on
    /// a server none.
    pub(super) async fn ask_each(&self, command: &Cmd) -> Result<Vec<(String, Value)>, RedisError> {
        let (number, link) = self.link().await?;
        self.watched(number, link.ask_each(command)).await
    }

    /// Asks one of the nodes that [`ask_each`](Self::ask_each) has asked.
    pub(super) async fn ask_at(&self, node: &str, command: &Cmd) -> Result<Value, RedisError> {
        let (number, link) = self.link().await?;
        self.watched(number, link.ask_at(node, command)).await
    }

    /// Waits until replicas have what was written so far; how many of them have it.
    pub(super) async fn wait(&self, wait: &Cmd) -> Result<Value, RedisError> {
        let (number, link) = self.link().await?;
        self.watched(number, link.wait(wait)).await
    }

    async fn watched<T>(
        &self,
        number: u64,
        call: impl Future<Output = Result<T, RedisError>>,
    ) -> Result<T, RedisError> {
        let mut silent = Silent { line: self, number, began: Instant::now(), answered: false };
        let answer = call.await;
        silent.answered = !answer.as_ref().is_err_and(RedisError::is_timeout);
        answer
    }

    async fn link(&self) -> Result<(u64, Link), RedisError> {
        let current = || {
            let current = self.current();
            current.1.clone().map(|link| (current.0, link))
        };
        if let Some(current) = current() {
            return Ok(current);
        }
        let Ok(_turn) = self.opening.acquire().await else {
            return Err(std::io::Error::from(std::io::ErrorKind::NotConnected).into());
        };
        if let Some(current) = current() {
            return Ok(current);
        }
        let (link, _) = Link::open(&self.target).await.map_err(|error| not_connected(&error))?;
        let mut current = self.current();
        current.1 = Some(link.clone());
        Ok((current.0, link))
    }

    /// How many connections were given up.
    pub(super) fn given_up(&self) -> u64 {
        self.current().0
    }

    /// The connection has gone silent: the next call gets another one.
    pub(super) fn give_up(&self) {
        let mut current = self.current();
        *current = (current.0 + 1, None);
    }

    fn current(&self) -> MutexGuard<'_, (u64, Option<Link>)> {
        self.current.lock().expect("nothing that is done under this lock panics")
    }

    /// Runs a script.
    pub(super) async fn run(
        &self,
        script: &Script,
        keys: &[Vec<u8>],
        arguments: &Arguments,
    ) -> Result<Value, RedisError> {
        match self.send(&script.by_hash(keys, arguments)).await {
            Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                self.send(&script.by_text(keys, arguments)).await
            }
            answer => answer,
        }
    }
}

/// Sends `WAIT` behind a command: a connection waits for what was written before its last command, and a new one,
/// which has sent none, for nothing.
pub(super) async fn wait(
    connection: &mut impl ConnectionLike,
    wait: &Cmd,
) -> Result<Value, RedisError> {
    let mut both = redis::pipe();
    both.cmd("PING").ignore().add_command(wait.clone());
    both.query_async(connection).await.map(|(answer,)| answer)
}

/// There is no connection, and why.
pub(super) fn not_connected(error: &Error) -> RedisError {
    let cause =
        std::error::Error::source(error).map_or_else(|| error.to_string(), ToString::to_string);
    std::io::Error::new(std::io::ErrorKind::NotConnected, cause).into()
}

/// What makes connections to a server.
pub(super) fn client(target: &Target) -> Result<Client, Error> {
    let (info, certificates) = login(target)?;
    let cannot = |error| reading("open", &target.place(), error);
    build(&info, certificates.as_ref()).map_err(cannot)
}

fn build(
    info: &ConnectionInfo,
    certificates: Option<&TlsCertificates>,
) -> Result<Client, RedisError> {
    match certificates {
        Some(certificates) => Client::build_with_tls(info.clone(), certificates.clone()),
        None => Client::open(info.clone()),
    }
}

/// A call that has no answer yet. Where it goes without one, its connection is not used again.
struct Silent<'a> {
    line: &'a Line,
    number: u64,
    began: Instant,
    answered: bool,
}

impl Drop for Silent<'_> {
    fn drop(&mut self) {
        // Most calls that nobody waits for any more were just not needed.
        if self.answered || self.began.elapsed() < SILENT_AFTER {
            return;
        }
        let mut current = self.line.current();
        if current.0 == self.number {
            *current = (self.number + 1, None);
        }
    }
}

/// Who connects, with the password and the certificates out of their files.
fn login(target: &Target) -> Result<(ConnectionInfo, Option<TlsCertificates>), Error> {
    let unreadable = |file: &std::path::Path, error: std::io::Error| Error::Unavailable {
        action: "open",
        place: target.place(),
        outcome_unknown: false,
        source: format!("cannot read `{}`: {error}", file.display()).into(),
    };
    let mut settings: RedisConnectionInfo = target.info.redis_settings().clone();
    if let Some(file) = &target.password_file {
        let password = std::fs::read_to_string(file).map_err(|error| unreadable(file, error))?;
        settings = settings.set_password(password.trim_end_matches(['\r', '\n']));
    }
    let info = target.info.clone().set_redis_settings(settings);
    let encrypted = matches!(info.addr(), ConnectionAddr::TcpTls { .. });
    let root_cert = match &target.root_certificates {
        Some(file) => Some(std::fs::read(file).map_err(|error| unreadable(file, error))?),
        None => None,
    };
    let certificates = encrypted.then_some(TlsCertificates { client_tls: None, root_cert });
    Ok((info, certificates))
}
