//! Somebody who is told of dead letters: a server on a free port of this machine, which takes one
//! request at a time and answers as the test says.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use hmac::{Hmac, Mac};
use serde_json::Value;
use sha2::Sha256;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::set_up::SECOND;

pub(super) const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// Where a test waits at most for what must come.
const PATIENCE: std::time::Duration = SECOND.saturating_mul(60);

pub(super) struct Receiver {
    listener: TcpListener,
}

/// A request that came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Delivery {
    pub(super) line: String,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: Vec<u8>,
}

impl Receiver {
    pub(super) async fn bind() -> Self {
        Self::at(SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    pub(super) async fn at(address: SocketAddr) -> Self {
        Self { listener: TcpListener::bind(address).await.unwrap() }
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/alerts?of=test", self.address())
    }

    /// Takes the next request and answers it.
    pub(super) async fn answer(&self, status: &str) -> Delivery {
        let (delivery, mut stream) = self.take().await;
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
        // Whoever sent it may have given it up meanwhile.
        let _ = stream.write_all(answer.as_bytes()).await;
        delivery
    }

    /// Takes the next request and leaves it without an answer for as long as the stream is kept.
    pub(super) async fn take(&self) -> (Delivery, TcpStream) {
        let taken = tokio::time::timeout(PATIENCE, async {
            loop {
                let (stream, _) = self.listener.accept().await.unwrap();
                if let Some(taken) = read(stream).await {
                    return taken;
                }
            }
        });
        taken.await.expect("a request comes")
    }
}

/// A whole request; none when whoever sent it gave it up.
async fn read(stream: TcpStream) -> Option<(Delivery, TcpStream)> {
    let mut stream = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await.ok()?;
        if line.trim().is_empty() {
            break;
        }
        lines.push(line.trim().to_owned());
    }
    let headers: BTreeMap<String, String> = lines
        .iter()
        .skip(1)
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()))
        .collect();
    let mut body = vec![0; headers.get("content-length")?.parse().unwrap()];
    stream.read_exact(&mut body).await.ok()?;
    Some((Delivery { line: lines[0].clone(), headers, body }, stream.into_inner()))
}

impl Delivery {
    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(super) fn id(&self) -> &str {
        &self.headers["artel-delivery"]
    }

    /// What a receiver does, as `docs/reference/alerts.md` tells it.
    pub(super) fn is_signed_with(&self, secret: &str) -> bool {
        let Some(signature) = self.headers["artel-signature"].strip_prefix("v1=") else {
            return false;
        };
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(self.headers["artel-timestamp"].as_bytes());
        mac.update(b".");
        mac.update(&self.body);
        let bytes = (0..signature.len()).step_by(2);
        let bytes: Vec<u8> =
            bytes.map(|at| u8::from_str_radix(&signature[at..at + 2], 16).unwrap()).collect();
        mac.verify_slice(&bytes).is_ok()
    }
}
