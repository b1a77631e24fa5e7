//! The connection to a server or a cluster, which comes back by itself when it was lost, and the scripts that
//! run on it.

use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::{
    Client, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, RedisConnectionInfo, RedisError,
    ServerErrorKind, TlsCertificates, Value,
};

use artel_core::log::Error;

use super::error::reading;
use super::scripts::{Arguments, Script};
use super::target::Target;

/// How long anybody waits for an answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
/// How long anybody waits for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a connection is tried for one call, and the shortest and longest pause between two tries.
const TRIES: usize = 4;
const PAUSE_MIN: Duration = Duration::from_millis(50);
const PAUSE_MAX: Duration = Duration::from_secs(2);

/// A connection, which several calls may share.
#[derive(Clone)]
pub(super) enum Link {
    Server(ConnectionManager),
    Cluster(ClusterConnection),
}

impl Link {
    /// Connects to a server, which may be a node of a cluster: then to that.
    pub(super) async fn open(target: &Target) -> Result<(Self, String), Error> {
        let place = target.place();
        let cannot = |error| reading("open", &place, error);
        let (info, certificates) = login(target)?;
        let client = match &certificates {
            Some(certificates) => {
                Client::build_with_tls(info.clone(), certificates.clone()).map_err(cannot)?
            }
            None => Client::open(info.clone()).map_err(cannot)?,
        };
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

    pub(super) const fn is_cluster(&self) -> bool {
        matches!(self, Self::Cluster(_))
    }

    /// Sends a command, and waits for the answer.
    pub(super) async fn send(&self, command: &Cmd) -> Result<Value, RedisError> {
        match self.clone() {
            Self::Server(mut server) => command.query_async(&mut server).await,
            Self::Cluster(mut cluster) => command.query_async(&mut cluster).await,
        }
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
