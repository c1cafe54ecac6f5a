//! Feeds a flow and takes its replies.

use std::sync::Arc;
use std::time::{Duration, Instant};

use flowrun_sdk::RequestParameters;
use futures_util::{Stream, StreamExt as _, stream};
use tokio::sync::{mpsc, watch};

use super::documents::{Unreadable, documents};
use super::input::Input;
use super::output::Output;
use super::progress::Progress;
use super::summary::Summary;
use crate::runtime::{Flow, Outcome, Request, RequestError, Response};

/// Whom a job asks: a flow in this process, or one elsewhere.
pub trait Answers: Send + Sync + 'static {
    /// Asks, once there is room for it; how that ends.
    fn answer(&self, request: Request) -> impl Future<Output = Result<Response, RequestError>> + Send;
}

impl Answers for Flow {
    async fn answer(&self, request: Request) -> Result<Response, RequestError> {
        match self.submit_waiting(request).await?.outcome().await {
            Outcome::Reply(response) => Ok(response),
            Outcome::Failed(error) => Err(error),
        }
    }
}

/// Requests that are read before they are asked for.
const BATCHES_AHEAD: usize = 2;

/// What a batch job does.
#[derive(Clone, Debug)]
pub struct Job {
    /// Where documents come from; from nowhere, and there is one request without any.
    pub inputs: Vec<Input>,
    /// Whether a file's bytes go with its document, because whoever is asked cannot read the file.
    pub contents: bool,
    /// Where requests go.
    pub endpoint: String,
    /// Their parameters.
    pub parameters: RequestParameters,
    /// Documents in one request.
    pub request_size: usize,
    /// Requests under way at once.
    pub credits: usize,
    /// How long a request may take; the flow's own timeout holds as well.
    pub timeout: Option<Duration>,
}

/// A request on its way, or what could not become part of one.
struct Batch {
    number: usize,
    documents: Vec<flowrun_sdk::Document>,
    unreadable: Vec<Unreadable>,
}

/// What became of a batch.
struct Answered {
    labels: Vec<String>,
    unreadable: Vec<Unreadable>,
    result: Result<Response, RequestError>,
}

/// Runs the job to its end, or until `stop` becomes true: then what is under way is finished and no more is begun.
///
/// # Errors
/// When the output cannot be written.
pub async fn run<A: Answers>(
    asked: Arc<A>,
    job: Job,
    mut output: Output,
    progress: Progress,
    stop: watch::Receiver<bool>,
) -> std::io::Result<Summary> {
    let started = Instant::now();
    let mut summary = Summary::default();
    let batches = read(&job).take_until(stopped(stop));
    let answers = batches.map(|batch| send(&*asked, &job, batch)).buffered(job.credits);
    take(answers, &mut output, &progress, &mut summary).await?;
    output.finish()?;
    progress.finish();
    summary.took = started.elapsed();
    Ok(summary)
}

/// Takes the answers as they come, in the order of the input.
async fn take(
    answers: impl Stream<Item = Answered>,
    output: &mut Output,
    progress: &Progress,
    summary: &mut Summary,
) -> std::io::Result<()> {
    let mut answers = std::pin::pin!(answers);
    while let Some(Answered { labels, unreadable, result }) = answers.next().await {
        let documents = labels.len() + unreadable.len();
        for Unreadable { label, reason } in unreadable {
            summary.failed(&label, &reason, None);
        }
        match result {
            Ok(response) => {
                for failure in &response.failures {
                    let error = failure.failure.error.to_string();
                    summary.failed(&failure.failure.label, &error, Some(&failure.pod));
                }
                // Executors may drop documents or make new ones; what went in and did not fail succeeded.
                summary.succeeded += labels.len().saturating_sub(response.failures.len());
                output.write(&response)?;
            }
            Err(error) => {
                for label in &labels {
                    summary.failed(label, &error.error.to_string(), error.pod.as_deref());
                }
            }
        }
        progress.advance(documents);
    }
    Ok(())
}

/// Reads the input on a thread that may block, a little ahead of what is asked for.
fn read(job: &Job) -> impl Stream<Item = Batch> + use<> {
    let Job { inputs, contents, request_size, .. } = job.clone();
    let (sender, mut receiver) = mpsc::channel(BATCHES_AHEAD);
    tokio::task::spawn_blocking(move || {
        for batch in batches(inputs, contents, request_size) {
            if sender.blocking_send(batch).is_err() {
                // Nobody asks any more.
                break;
            }
        }
    });
    stream::poll_fn(move |context| receiver.poll_recv(context))
}

/// Cuts the documents into requests.
fn batches(inputs: Vec<Input>, contents: bool, request_size: usize) -> impl Iterator<Item = Batch> {
    let mut bare = inputs.is_empty();
    let mut documents = documents(inputs, contents).peekable();
    let mut number = 0;
    std::iter::from_fn(move || {
        if !std::mem::take(&mut bare) {
            documents.peek()?;
        }
        let mut batch = Batch { number, documents: Vec::new(), unreadable: Vec::new() };
        for read in documents.by_ref().take(request_size) {
            match read {
                Ok(document) => batch.documents.push(document),
                Err(unreadable) => batch.unreadable.push(unreadable),
            }
        }
        number += 1;
        Some(batch)
    })
}

/// Sends a batch through the flow.
async fn send<A: Answers>(asked: &A, job: &Job, batch: Batch) -> Answered {
    let Batch { number, documents, unreadable } = batch;
    let labels: Vec<String> = documents.iter().map(|document| document.label().to_owned()).collect();
    if documents.is_empty() && !unreadable.is_empty() {
        return Answered { labels, unreadable, result: Ok(Response::default()) };
    }
    let request = Request {
        id: format!("request-{number}"),
        endpoint: job.endpoint.clone(),
        documents: documents.into(),
        parameters: job.parameters.clone(),
        deadline: job.timeout.and_then(|timeout| Instant::now().checked_add(timeout)),
        ..Request::default()
    };
    Answered { labels, unreadable, result: asked.answer(request).await }
}

/// Ends when `stop` becomes true.
async fn stopped(mut stop: watch::Receiver<bool>) {
    // Without a sender nobody can stop the job.
    if stop.wait_for(|stop| *stop).await.is_err() {
        std::future::pending::<()>().await;
    }
}
