//! Healthy clients: small requests at a fixed rate, over gRPC on one connection and over HTTP on a new one each.
//!
//! Requests are sent when they are due, not when the previous one was answered, so that latencies include waiting.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::wire::grpc::{Channel, Encoding, RESOURCE_EXHAUSTED, UNARY, chunks, message};
use crate::wire::{http1, protobuf};

/// Interval between requests.
const INTERVAL: Duration = Duration::from_millis(10);

/// Time after which a request has failed.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Outcome of one request.
enum Outcome {
    Served,
    /// Refused by a bound: `RESOURCE_EXHAUSTED`, 429 or 503.
    Refused,
    Failed(String),
}

/// Outcomes and latencies of healthy requests.
#[derive(Clone, Debug, Default)]
pub(crate) struct Healthy {
    /// Latencies of served requests, ascending.
    latencies: Vec<Duration>,
    refused: usize,
    failures: Vec<String>,
}

impl Healthy {
    /// Number of requests.
    pub(crate) fn requests(&self) -> usize {
        self.latencies.len() + self.refused + self.failures.len()
    }

    /// Number of requests that were refused by a stated bound.
    pub(crate) fn refused(&self) -> usize {
        self.refused
    }

    /// Errors of requests that were neither served nor refused.
    pub(crate) fn failures(&self) -> &[String] {
        &self.failures
    }

    /// Served requests in percent of all.
    pub(crate) fn served_percent(&self) -> usize {
        100 * self.latencies.len() / self.requests().max(1)
    }

    /// Latency that `percent` percent of the served requests did not exceed; [`TIMEOUT`] if none was served.
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        let position = (self.latencies.len() * percent / 100).min(self.latencies.len().saturating_sub(1));
        self.latencies.get(position).copied().unwrap_or(TIMEOUT)
    }

    fn count(&mut self, outcome: Outcome, latency: Duration) {
        match outcome {
            Outcome::Served => self.latencies.push(latency),
            Outcome::Refused => self.refused += 1,
            Outcome::Failed(error) => self.failures.push(error),
        }
    }
}

/// Sends one request per [`INTERVAL`] for `duration` (search over gRPC, search over HTTP and probe in turn), and waits for
/// their outcomes.
pub(crate) async fn send_requests(address: SocketAddr, duration: Duration) -> Healthy {
    let channel = match connect(address).await {
        Ok(stream) => Channel::over(stream).await,
        Err(error) => Err(error),
    };
    let mut requests = JoinSet::new();
    let mut ticks = tokio::time::interval(INTERVAL);
    let start = Instant::now();
    for number in 0_u64.. {
        ticks.tick().await;
        if start.elapsed() >= duration {
            break;
        }
        let channel = channel.as_ref().cloned().map_err(ToString::to_string);
        requests.spawn(async move {
            let sent = Instant::now();
            let request = async {
                match number % 3 {
                    0 => search_over_grpc(channel).await,
                    1 => search_over_http(address).await,
                    _ => probe(address).await,
                }
            };
            let outcome = tokio::time::timeout(TIMEOUT, request).await;
            let outcome = outcome.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
            (outcome.unwrap_or_else(|error| Outcome::Failed(error.to_string())), sent.elapsed())
        });
    }
    let mut healthy = Healthy::default();
    while let Some(request) = requests.join_next().await {
        match request {
            Ok((outcome, latency)) => healthy.count(outcome, latency),
            Err(error) => healthy.failures.push(error.to_string()),
        }
    }
    healthy.latencies.sort_unstable();
    healthy
}

async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn search_over_grpc(channel: Result<Channel, String>) -> io::Result<Outcome> {
    let documents = protobuf::field(1, protobuf::field(4, "word1 word2"));
    let request = message(Encoding::Identity, &protobuf::request("/search", &documents, &[]));
    let mut channel = channel.map_err(io::Error::other)?;
    Ok(match channel.unary(UNARY, Encoding::Identity, chunks(request)).await?.as_str() {
        "0" => Outcome::Served,
        RESOURCE_EXHAUSTED => Outcome::Refused,
        other => Outcome::Failed(format!("gRPC status {other}")),
    })
}

async fn search_over_http(address: SocketAddr) -> io::Result<Outcome> {
    let body = br#"{"execEndpoint":"/search","data":[{"text":"word1 word2"}]}"#;
    exchange(address, http1::request("/post", "", body)).await
}

async fn probe(address: SocketAddr) -> io::Result<Outcome> {
    exchange(address, http1::head("GET", "/live", "connection: close\r\n").into()).await
}

/// Sends an HTTP request on a new connection. Returns the outcome according to the status code.
async fn exchange(address: SocketAddr, request: Vec<u8>) -> io::Result<Outcome> {
    let mut stream = connect(address).await?;
    stream.write_all(&request).await?;
    let mut reply = Vec::new();
    stream.read_to_end(&mut reply).await?;
    let code = reply.get(9..12).unwrap_or_default();
    Ok(match code {
        b"200" => Outcome::Served,
        b"429" | b"503" => Outcome::Refused,
        other => Outcome::Failed(format!("HTTP status {}", String::from_utf8_lossy(other))),
    })
}
