//! The job's loop: reads batches ahead, sends them, and records the outcomes in the order of the input.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use flowrun_sdk::{Document, Exception, ExecutorError, RequestParameters};
use futures_util::{Stream, StreamExt as _, stream};
use tokio::sync::mpsc;

use super::checkpoint::Checkpoint;
use super::documents::{ReadError, Selection, documents};
use super::input::Input;
use super::output::Output;
use super::part::Part;
use super::position::Position;
use super::progress::Progress;
use super::summary::Summary;
use crate::runtime::{Flow, Outcome, Request, RequestError, Response};

/// Destination of a job's requests: a flow in this process, or a connection to a service.
pub trait RequestTarget: Send + Sync + 'static {
    /// Executes a request, after waiting for capacity.
    fn execute(&self, request: Request) -> impl Future<Output = Result<Response, RequestError>> + Send;
}

impl RequestTarget for Flow {
    async fn execute(&self, request: Request) -> Result<Response, RequestError> {
        match self.submit_waiting(request).await?.outcome().await {
            Outcome::Reply(response) => Ok(response),
            Outcome::Failed(error) => Err(error),
        }
    }
}

/// Number of batches that are read before there is capacity to send them.
const BATCHES_AHEAD: usize = 2;

/// Specification of a batch job.
#[derive(Clone, Debug)]
pub struct Job {
    /// Sources of documents. Without any, one request without documents is sent.
    pub inputs: Vec<Input>,
    /// Number of files that were found and are not read.
    pub skipped: usize,
    /// Send the content of files with their documents, for a target that cannot read the files.
    pub embed_content: bool,
    /// Endpoint of all requests.
    pub endpoint: String,
    /// Parameters of all requests.
    pub parameters: RequestParameters,
    /// Number of documents per request.
    pub request_size: usize,
    /// Maximum number of requests in flight.
    pub credits: usize,
    /// Timeout of a request. The flow's own timeout applies as well.
    pub timeout: Option<Duration>,
    /// The part of the input that is processed; `None` for all of it.
    pub part: Option<Part>,
}

/// The next documents of the input: one request.
struct Batch {
    number: usize,
    documents: Vec<Document>,
    /// Places of the documents.
    positions: Vec<Option<Position>>,
    errors: Vec<ReadError>,
}

/// Outcome of a batch.
struct BatchOutcome {
    /// Labels of the documents that were sent.
    labels: Vec<String>,
    /// Their ids and positions.
    positions: Vec<(String, Option<Position>)>,
    errors: Vec<ReadError>,
    result: Result<Response, RequestError>,
}

/// Runs the job until the input ends or `stop` completes; then requests in flight finish and no more are sent. Documents in
/// `checkpoint` are skipped, and those that succeed are recorded there.
///
/// # Errors
/// Fails if the output or the checkpoint cannot be written.
pub async fn run<T: RequestTarget>(
    target: Arc<T>,
    job: Job,
    mut checkpoint: Option<Checkpoint>,
    mut output: Output,
    progress: Progress,
    stop: impl Future<Output = ()>,
) -> std::io::Result<Summary> {
    let started = Instant::now();
    let mut summary = Summary::default();
    summary.skipped = job.skipped;
    summary.done_before = checkpoint.as_ref().map_or(0, Checkpoint::done_count);
    let done = checkpoint.as_ref().map(|checkpoint| Arc::clone(checkpoint.done())).unwrap_or_default();
    let batches = read_ahead(&job, Selection { part: job.part, done }).take_until(stop);
    let outcomes = batches.map(|batch| send(&*target, &job, batch)).buffered(job.credits);
    record(outcomes, &mut checkpoint, &mut output, &progress, &mut summary).await?;
    output.finish()?;
    progress.finish();
    summary.elapsed = started.elapsed();
    Ok(summary)
}

/// Reason of a failure. An exception is reported with the file and line that raised it.
fn reason(error: &ExecutorError) -> String {
    match error.exception().and_then(Exception::location) {
        Some(location) => format!("{error} at {location}"),
        None => error.to_string(),
    }
}

/// Writes the results of each batch, records the documents that succeeded, and counts all.
async fn record(
    outcomes: impl Stream<Item = BatchOutcome>,
    checkpoint: &mut Option<Checkpoint>,
    output: &mut Output,
    progress: &Progress,
    summary: &mut Summary,
) -> std::io::Result<()> {
    let mut outcomes = std::pin::pin!(outcomes);
    while let Some(BatchOutcome { labels, positions, errors, result }) = outcomes.next().await {
        let documents = labels.len() + errors.len();
        for ReadError { label, reason } in errors {
            summary.add_failure(&label, &reason, None);
        }
        match result {
            Ok(response) => {
                for failure in &response.failures {
                    let reason = reason(&failure.failure.error);
                    summary.add_failure(&failure.failure.label, &reason, Some(&failure.pod));
                }
                // Counted by the documents sent, because executors may drop documents and create new ones.
                summary.succeeded += labels.len().saturating_sub(response.failures.len());
                output.write(&response)?;
                if let Some(checkpoint) = checkpoint {
                    checkpoint.record(&succeeded(positions, &response), output.bytes())?;
                }
            }
            Err(RequestError { pod, error }) => {
                let reason = reason(&error);
                if documents == 0 {
                    summary.add_failure("request without documents", &reason, pod.as_deref());
                }
                for label in &labels {
                    summary.add_failure(label, &reason, pod.as_deref());
                }
            }
        }
        progress.advance(documents);
    }
    Ok(())
}

/// Places of the documents of a request that did not fail.
fn succeeded(positions: Vec<(String, Option<Position>)>, response: &Response) -> Vec<Position> {
    let failed: HashSet<&str> = response.failures.iter().map(|failure| failure.failure.id.as_str()).collect();
    positions
        .into_iter()
        .filter(|(id, _)| !failed.contains(id.as_str()))
        .filter_map(|(_, position)| position)
        .collect()
}

/// Reads the input on a thread that may block, [`BATCHES_AHEAD`] batches ahead.
fn read_ahead(job: &Job, selection: Selection) -> impl Stream<Item = Batch> + use<> {
    let Job { inputs, embed_content, request_size, .. } = job.clone();
    let (sender, mut receiver) = mpsc::channel(BATCHES_AHEAD);
    tokio::task::spawn_blocking(move || {
        for batch in batches(inputs, embed_content, request_size, selection) {
            if sender.blocking_send(batch).is_err() {
                // The job has ended.
                break;
            }
        }
    });
    stream::poll_fn(move |context| receiver.poll_recv(context))
}

/// Groups the documents into batches of `request_size`.
fn batches(
    inputs: Vec<Input>,
    embed_content: bool,
    request_size: usize,
    selection: Selection,
) -> impl Iterator<Item = Batch> {
    let mut send_empty = inputs.is_empty();
    let mut documents = documents(inputs, embed_content, selection).peekable();
    let mut number = 0;
    std::iter::from_fn(move || {
        if !std::mem::take(&mut send_empty) {
            documents.peek()?;
        }
        let mut batch = Batch { number, documents: Vec::new(), positions: Vec::new(), errors: Vec::new() };
        for read in documents.by_ref().take(request_size) {
            match read {
                Ok((document, position)) => {
                    batch.documents.push(document);
                    batch.positions.push(position);
                }
                Err(error) => batch.errors.push(error),
            }
        }
        number += 1;
        Some(batch)
    })
}

/// Sends a batch as one request, unless none of its documents could be read.
async fn send<T: RequestTarget>(target: &T, job: &Job, batch: Batch) -> BatchOutcome {
    let Batch { number, documents, positions, errors } = batch;
    let labels: Vec<String> = documents.iter().map(|document| document.label().to_owned()).collect();
    let positions = documents.iter().map(|document| document.id.clone()).zip(positions).collect();
    if documents.is_empty() && !errors.is_empty() {
        return BatchOutcome { labels, positions, errors, result: Ok(Response::default()) };
    }
    let request = Request {
        id: format!("request-{number}"),
        endpoint: job.endpoint.clone(),
        documents: documents.into(),
        parameters: job.parameters.clone(),
        deadline: job.timeout.and_then(|timeout| Instant::now().checked_add(timeout)),
        ..Request::default()
    };
    BatchOutcome { labels, positions, errors, result: target.execute(request).await }
}
