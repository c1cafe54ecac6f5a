//! Load generator: sends one request repeatedly, and measures latencies and errors.
//!
//! In a closed loop each reply triggers the next request, so a slow service receives fewer requests. In an open loop
//! requests are sent at a fixed rate; latency is measured from the time at which a request was due, so that queueing in
//! the generator is included (no coordinated omission).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flowrun_remote::EncodedMessage;
use hdrhistogram::{CreationError, Histogram};
use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet};

use super::connection::Client;
use super::error::ClientError;
use super::request_stream::RequestStream;
use crate::gateway::wire::jina::DataRequestProto;
use crate::gateway::wire::{check_status, encode_request};
use crate::limits::BENCH_REQUESTS_MAX;
use crate::runtime::Request;

/// Error kind of a request that was not sent because [`BENCH_REQUESTS_MAX`] requests were in flight.
const NOT_SENT: &str = "not sent";

/// Specification of a load test.
#[derive(Clone, Debug)]
pub struct Load {
    /// Request that is sent repeatedly.
    pub request: Request,
    /// Model that decides when requests are sent.
    pub pacing: Pacing,
    /// Send requests on one bidirectional stream per connection instead of as unary calls.
    pub stream: bool,
    /// Time during which requests are sent. Requests in flight at its end are waited for.
    pub duration: Duration,
}

/// Model that decides when requests are sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pacing {
    /// Each reply triggers the next request.
    ClosedLoop {
        /// Number of requests in flight.
        concurrency: usize,
    },
    /// Requests are sent at a fixed rate, regardless of replies.
    OpenLoop {
        /// Requests per second.
        rate: f64,
    },
}

/// Result of a load test.
#[derive(Clone, Debug)]
pub struct LoadReport {
    /// Latencies of the requests that succeeded, in microseconds.
    pub latencies: Histogram<u64>,
    /// Latencies of the requests that failed or were rejected, in microseconds.
    pub failure_latencies: Histogram<u64>,
    /// Number of errors by [kind](ClientError::kind).
    pub errors: BTreeMap<String, u64>,
    /// Time from the first request to the last reply.
    pub elapsed: Duration,
}

impl LoadReport {
    /// An empty report. Latencies have three significant digits and a range of one microsecond to one hour.
    fn empty() -> Result<Self, CreationError> {
        let latencies: Histogram<u64> = Histogram::new_with_max(3_600_000_000, 3)?;
        Ok(Self {
            failure_latencies: latencies.clone(),
            latencies,
            errors: BTreeMap::new(),
            elapsed: Duration::ZERO,
        })
    }

    fn record(&mut self, latency: Duration, result: &Result<(), ClientError>) {
        let microseconds = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        match result {
            Ok(()) => self.latencies.saturating_record(microseconds),
            Err(error) => {
                self.failure_latencies.saturating_record(microseconds);
                *self.errors.entry(error.kind()).or_default() += 1;
            }
        }
    }

    fn record_joined(&mut self, joined: Result<(Duration, Result<(), ClientError>), JoinError>) {
        if let Ok((latency, result)) = joined {
            self.record(latency, &result);
        }
    }

    fn merge(&mut self, other: &Self) {
        // Adding fails only for histograms of different ranges.
        let _ = self.latencies.add(&other.latencies);
        let _ = self.failure_latencies.add(&other.failure_latencies);
        for (kind, count) in &other.errors {
            *self.errors.entry(kind.clone()).or_default() += count;
        }
    }

    /// Successful requests per second.
    #[must_use]
    pub fn rate(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let succeeded = self.latencies.len() as f64;
        succeeded / self.elapsed.as_secs_f64().max(1e-9)
    }
}

/// The request as a message, and encoded once: clones share the bytes.
#[derive(Clone)]
struct Message {
    proto: DataRequestProto,
    encoded: EncodedMessage,
}

impl Message {
    fn new(request: &Request) -> Self {
        let proto = encode_request(request.id.clone(), request);
        Self { encoded: EncodedMessage::encode(&proto), proto }
    }
}

/// A connection, with a stream on it if the load uses streams.
#[derive(Clone)]
struct Target {
    client: Client,
    stream: Option<Arc<RequestStream>>,
}

impl Target {
    fn new(client: Client, stream: bool) -> Self {
        let stream = stream.then(|| Arc::new(RequestStream::open(client.clone())));
        Self { client, stream }
    }

    /// Sends a message. Only the status of the reply is decoded, so that the load costs the service more than the
    /// generator.
    async fn send(&self, message: &Message) -> Result<(), ClientError> {
        let reply = match &self.stream {
            Some(stream) => stream.send_message(message.proto.clone()).await?,
            None => self.client.send_encoded(&message.encoded).await?,
        };
        Ok(check_status(&reply)?)
    }
}

impl Load {
    /// Runs the load test. Requests are distributed over the connections in turn.
    ///
    /// # Errors
    /// Fails if a histogram cannot be created.
    pub async fn run(self, clients: Vec<Client>) -> Result<LoadReport, CreationError> {
        let empty = LoadReport::empty()?;
        let targets = clients.into_iter().map(|client| Target::new(client, self.stream)).collect();
        let message = Message::new(&self.request);
        let started = Instant::now();
        let mut report = match self.pacing {
            Pacing::ClosedLoop { concurrency } => {
                self.closed_loop(targets, &message, concurrency, empty).await
            }
            Pacing::OpenLoop { rate } => self.open_loop(targets, &message, rate, empty).await,
        };
        report.elapsed = started.elapsed();
        Ok(report)
    }

    async fn closed_loop(
        &self,
        targets: Vec<Target>,
        message: &Message,
        concurrency: usize,
        empty: LoadReport,
    ) -> LoadReport {
        let end = Instant::now() + self.duration;
        let mut workers = JoinSet::new();
        for mut target in targets.into_iter().cycle().take(concurrency) {
            let (message, stream, mut report) = (message.clone(), self.stream, empty.clone());
            workers.spawn(async move {
                while Instant::now() < end {
                    let sent = Instant::now();
                    let result = target.send(&message).await;
                    report.record(sent.elapsed(), &result);
                    match result {
                        Err(ClientError::ConnectionLost(_)) => break,
                        // The server may have ended the stream: open a new one.
                        Err(ClientError::Rejected { .. }) => target = Target::new(target.client, stream),
                        _ => {}
                    }
                }
                report
            });
        }
        let mut total = empty;
        while let Some(report) = workers.join_next().await {
            if let Ok(report) = report {
                total.merge(&report);
            }
        }
        total
    }

    async fn open_loop(
        &self,
        targets: Vec<Target>,
        message: &Message,
        rate: f64,
        mut report: LoadReport,
    ) -> LoadReport {
        let capacity = Arc::new(Semaphore::new(BENCH_REQUESTS_MAX));
        let (started, mut requests) = (Instant::now(), JoinSet::new());
        for (number, target) in (0_u32..).zip(targets.into_iter().cycle()) {
            let due = Duration::from_secs_f64(f64::from(number) / rate);
            if due >= self.duration {
                break;
            }
            let due = started + due;
            tokio::time::sleep_until(due.into()).await;
            while let Some(joined) = requests.try_join_next() {
                report.record_joined(joined);
            }
            let Ok(permit) = Arc::clone(&capacity).try_acquire_owned() else {
                *report.errors.entry(NOT_SENT.to_owned()).or_default() += 1;
                continue;
            };
            let message = message.clone();
            requests.spawn(async move {
                let _permit = permit;
                let result = target.send(&message).await;
                (due.elapsed(), result)
            });
        }
        while let Some(joined) = requests.join_next().await {
            report.record_joined(joined);
        }
        report
    }
}
