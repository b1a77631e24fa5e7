//! Where a board's keys lie, and where the baseline writes its own.

use redis::aio::MultiplexedConnection;
use redis::{Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, TlsCertificates, cmd};

use crate::bench::error::Error;

/// A board's server.
pub(super) struct Place {
    info: ConnectionInfo,
    certificates: Option<Vec<u8>>,
    prefix: String,
    board: String,
}

/// What the keys begin with.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    pub(super) board: String,
    /// As long as the board's, and in the same slot.
    pub(super) baseline: String,
}

impl Place {
    /// What a URL that has opened a board says.
    pub(super) fn of(url: &str) -> Result<Self, Error> {
        let (base, parameters) = url.split_once('?').unwrap_or((url, ""));
        let value = |name: &str| {
            let mut pairs = parameters.split('&').filter_map(|pair| pair.split_once('='));
            pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
        };
        let file = |name: &str| {
            let read = value(name).map(|path| std::fs::read(path).map_err(redis::RedisError::from));
            read.transpose()
        };
        let mut info = base.into_connection_info()?;
        if let Some(password) = file("passfile")? {
            let password = String::from_utf8_lossy(&password).into_owned();
            let settings = info.redis_settings().clone();
            let settings = settings.set_password(password.trim_end_matches(['\r', '\n']));
            info = info.set_redis_settings(settings);
        }
        Ok(Self {
            info,
            certificates: file("cacert")?,
            prefix: value("prefix").unwrap_or_else(|| "artel".to_owned()),
            board: value("board").unwrap_or_else(|| "main".to_owned()),
        })
    }

    pub(super) async fn connect(&self) -> Result<MultiplexedConnection, Error> {
        let info = self.info.clone();
        let client = if matches!(info.addr(), ConnectionAddr::TcpTls { .. }) {
            let root_cert = self.certificates.clone();
            Client::build_with_tls(info, TlsCertificates { client_tls: None, root_cert })?
        } else {
            Client::open(info)?
        };
        Ok(client.get_multiplexed_async_connection().await?)
    }

    /// The board's keys and those of the baseline; none on a node of a cluster, where they may lie elsewhere.
    pub(super) async fn keys(
        &self,
        connection: &mut MultiplexedConnection,
    ) -> Result<Option<Keys>, Error> {
        let about: String = cmd("INFO").arg("cluster").query_async(connection).await?;
        if about.lines().any(|line| line == "cluster_enabled:1") {
            return Ok(None);
        }
        let name = format!("{}:board:{}", self.prefix, self.board);
        let tag: Option<String> = cmd("GET").arg(name).query_async(connection).await?;
        Ok(tag.map(|tag| {
            let keys = |end| format!("{}:{{{tag}}}{end}", self.prefix);
            Keys { board: keys(':'), baseline: keys('=') }
        }))
    }
}
