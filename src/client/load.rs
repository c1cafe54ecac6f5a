//! Load on a service, and how it bears it.
//!
//! In a closed loop the next request waits for an answer, so a slow service is asked less. In an open loop requests
//! come when they come; the latency of each counts from when it was due, so what had to wait is not left out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hdrhistogram::{CreationError, Histogram};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::connection::Client;
use super::conversation::Conversation;
use super::error::ClientError;
use crate::limits::BENCH_REQUESTS_MAX;
use crate::runtime::{Request, Response};

/// What a request that found too many of its own under way counts as.
const NOT_SENT: &str = "not sent";

/// The load.
#[derive(Clone, Debug)]
pub struct Load {
    /// What is asked again and again.
    pub request: Request,
    /// When.
    pub pace: Pace,
    /// Whether a connection has one stream, rather than a call for each request.
    pub stream: bool,
    /// For how long requests are sent; those under way then are waited for.
    pub duration: Duration,
}

/// When requests are sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// The next when one is answered, so many at a time.
    Closed(usize),
    /// So many in a second.
    Open(f64),
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Latencies of the requests that were answered well, in microseconds.
    pub latencies: Histogram<u64>,
    /// Latencies of those that were not.
    pub failures: Histogram<u64>,
    /// How many were not, by kind.
    pub errors: BTreeMap<String, u64>,
    /// From the first request to the last answer.
    pub took: Duration,
}

impl Measured {
    /// Nothing yet. Latencies are told apart to three digits, from a microsecond to an hour.
    fn nothing() -> Result<Self, CreationError> {
        let latencies: Histogram<u64> = Histogram::new_with_max(3_600_000_000, 3)?;
        Ok(Self { failures: latencies.clone(), latencies, errors: BTreeMap::new(), took: Duration::ZERO })
    }

    fn note(&mut self, took: Duration, result: &Result<Response, ClientError>) {
        let microseconds = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        match result {
            Ok(_) => self.latencies.saturating_record(microseconds),
            Err(error) => {
                self.failures.saturating_record(microseconds);
                *self.errors.entry(error.kind()).or_default() += 1;
            }
        }
    }

    fn add(&mut self, other: &Self) {
        // Both have the same bounds.
        let _ = self.latencies.add(&other.latencies);
        let _ = self.failures.add(&other.failures);
        for (kind, count) in &other.errors {
            *self.errors.entry(kind.clone()).or_default() += count;
        }
    }

    /// Requests in a second that were answered well.
    #[must_use]
    pub fn rate(&self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let answered = self.latencies.len() as f64;
        answered / self.took.as_secs_f64().max(1e-9)
    }
}

/// One connection, as it is used.
#[derive(Clone)]
struct Asked {
    client: Client,
    conversation: Option<Arc<Conversation>>,
}

impl Asked {
    fn new(client: Client, stream: bool) -> Self {
        let conversation = stream.then(|| Arc::new(client.converse()));
        Self { client, conversation }
    }

    async fn ask(&self, request: &Request) -> Result<Response, ClientError> {
        match &self.conversation {
            Some(conversation) => conversation.ask(request).await,
            None => self.client.ask(request).await,
        }
    }
}

impl Load {
    /// Puts the load on these connections, in turn.
    ///
    /// # Errors
    /// When there is no memory to count in.
    pub async fn run(self, clients: Vec<Client>) -> Result<Measured, CreationError> {
        let nothing = Measured::nothing()?;
        let asked = clients.into_iter().map(|client| Asked::new(client, self.stream)).collect();
        let load = Arc::new(self);
        let started = Instant::now();
        let mut measured = match load.pace {
            Pace::Closed(under_way) => load.closed(asked, under_way, nothing).await,
            Pace::Open(rate) => load.open(asked, rate, nothing).await,
        };
        measured.took = started.elapsed();
        Ok(measured)
    }

    async fn closed(self: Arc<Self>, asked: Vec<Asked>, under_way: usize, nothing: Measured) -> Measured {
        let end = Instant::now() + self.duration;
        let mut workers = JoinSet::new();
        for asked in asked.into_iter().cycle().take(under_way) {
            let (load, mut measured) = (Arc::clone(&self), nothing.clone());
            workers.spawn(async move {
                let mut asked = asked;
                while Instant::now() < end {
                    let sent = Instant::now();
                    let result = asked.ask(&load.request).await;
                    measured.note(sent.elapsed(), &result);
                    match result {
                        Err(ClientError::Broken(_)) => break,
                        // A stream that was ended is begun anew.
                        Err(ClientError::Refused { .. }) => asked = Asked::new(asked.client, load.stream),
                        _ => {}
                    }
                }
                measured
            });
        }
        sum(workers, nothing).await
    }

    async fn open(self: Arc<Self>, asked: Vec<Asked>, rate: f64, nothing: Measured) -> Measured {
        let room = Arc::new(Semaphore::new(BENCH_REQUESTS_MAX));
        let (started, mut workers, mut measured) = (Instant::now(), JoinSet::new(), nothing.clone());
        for (number, asked) in (0_u32..).zip(asked.into_iter().cycle()) {
            let due = Duration::from_secs_f64(f64::from(number) / rate);
            if due >= self.duration {
                break;
            }
            let due = started + due;
            tokio::time::sleep_until(due.into()).await;
            while let Some(done) = workers.try_join_next() {
                if let Ok(done) = done {
                    measured.add(&done);
                }
            }
            let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
                *measured.errors.entry(NOT_SENT.to_owned()).or_default() += 1;
                continue;
            };
            let (load, mut measured) = (Arc::clone(&self), nothing.clone());
            workers.spawn(async move {
                let _permit = permit;
                let result = asked.ask(&load.request).await;
                measured.note(due.elapsed(), &result);
                measured
            });
        }
        sum(workers, measured).await
    }
}

async fn sum(mut workers: JoinSet<Measured>, mut sum: Measured) -> Measured {
    while let Some(measured) = workers.join_next().await {
        if let Ok(measured) = measured {
            sum.add(&measured);
        }
    }
    sum
}
