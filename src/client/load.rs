//! Load on a service, and how it bears it.
//!
//! In a closed loop the next request waits for an answer, so a slow service is asked less. In an open loop requests
//! come when they come; the latency of each counts from when it was due, so what had to wait is not left out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flowrun_remote::Written;
use hdrhistogram::{CreationError, Histogram};
use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet};

use super::connection::Client;
use super::conversation::Conversation;
use super::error::ClientError;
use crate::gateway::wire::jina::DataRequestProto;
use crate::gateway::wire::{check_status, encode_request};
use crate::limits::BENCH_REQUESTS_MAX;
use crate::runtime::Request;

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

    fn note(&mut self, took: Duration, result: &Result<(), ClientError>) {
        let microseconds = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        match result {
            Ok(()) => self.latencies.saturating_record(microseconds),
            Err(error) => {
                self.failures.saturating_record(microseconds);
                *self.errors.entry(error.kind()).or_default() += 1;
            }
        }
    }

    fn note_done(&mut self, done: Result<(Duration, Result<(), ClientError>), JoinError>) {
        if let Ok((took, result)) = done {
            self.note(took, &result);
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

/// What is sent again and again. Its documents are written once, and copies share them.
#[derive(Clone)]
struct Message {
    own: DataRequestProto,
    written: Written,
}

impl Message {
    fn of(request: &Request) -> Self {
        let own = encode_request(request.id.clone(), request);
        Self { written: Written::of(&own), own }
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

    /// Sends a message. Of the reply only that is read which says whether it is one: the load is to cost the service
    /// more than whoever makes it.
    async fn ask(&self, message: &Message) -> Result<(), ClientError> {
        let reply = match &self.conversation {
            Some(conversation) => conversation.exchange(message.own.clone()).await?,
            None => self.client.exchange_written(&message.written).await?,
        };
        Ok(check_status(&reply)?)
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
        let message = Message::of(&self.request);
        let started = Instant::now();
        let mut measured = match self.pace {
            Pace::Closed(under_way) => self.closed(asked, &message, under_way, nothing).await,
            Pace::Open(rate) => self.open(asked, &message, rate, nothing).await,
        };
        measured.took = started.elapsed();
        Ok(measured)
    }

    async fn closed(
        &self,
        asked: Vec<Asked>,
        message: &Message,
        under_way: usize,
        nothing: Measured,
    ) -> Measured {
        let end = Instant::now() + self.duration;
        let mut workers = JoinSet::new();
        for mut asked in asked.into_iter().cycle().take(under_way) {
            let (message, stream, mut measured) = (message.clone(), self.stream, nothing.clone());
            workers.spawn(async move {
                while Instant::now() < end {
                    let sent = Instant::now();
                    let result = asked.ask(&message).await;
                    measured.note(sent.elapsed(), &result);
                    match result {
                        Err(ClientError::Broken(_)) => break,
                        // A stream that was ended is begun anew.
                        Err(ClientError::Refused { .. }) => asked = Asked::new(asked.client, stream),
                        _ => {}
                    }
                }
                measured
            });
        }
        let mut sum = nothing;
        while let Some(measured) = workers.join_next().await {
            if let Ok(measured) = measured {
                sum.add(&measured);
            }
        }
        sum
    }

    async fn open(
        &self,
        asked: Vec<Asked>,
        message: &Message,
        rate: f64,
        mut measured: Measured,
    ) -> Measured {
        let room = Arc::new(Semaphore::new(BENCH_REQUESTS_MAX));
        let (started, mut workers) = (Instant::now(), JoinSet::new());
        for (number, asked) in (0_u32..).zip(asked.into_iter().cycle()) {
            let due = Duration::from_secs_f64(f64::from(number) / rate);
            if due >= self.duration {
                break;
            }
            let due = started + due;
            tokio::time::sleep_until(due.into()).await;
            while let Some(done) = workers.try_join_next() {
                measured.note_done(done);
            }
            let Ok(permit) = Arc::clone(&room).try_acquire_owned() else {
                *measured.errors.entry(NOT_SENT.to_owned()).or_default() += 1;
                continue;
            };
            let message = message.clone();
            workers.spawn(async move {
                let _permit = permit;
                let result = asked.ask(&message).await;
                (due.elapsed(), result)
            });
        }
        while let Some(done) = workers.join_next().await {
            measured.note_done(done);
        }
        measured
    }
}
