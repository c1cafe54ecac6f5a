//! One question, one answer.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use flowrun_sdk::{Documents, ErrorKind};

use parking_lot::Mutex;
use tokio::sync::mpsc;

use super::admission::{Admission, Entrance, Ticket};
use super::exchange::{Answer, Failed, Question, Refusal};
use super::facts::Facts;
use super::metrics::Metrics;
use super::pages::Pages;
use super::partial;
use super::refusing::Refusals;
use super::security::Token;
use super::tls::Tls;
use super::traces::{Told, TraceExporter};
use super::wire::Status;
use crate::limits::{QUEUE_MAX, QUEUE_WAIT_MAX, REQUEST_DOCUMENTS_MAX};
use crate::runtime::{
    self, ExecutorMetric, Flow, LogContext, Outcome, Request, RequestError, RequestLabel, RequestTrace,
    TargetPattern,
};
use crate::spec::{GatewaySpec, WhenFull};
use crate::topology::{Topology, format_bytes};

/// The endpoint of a request that only wants to know whether everything answers. No executor names it.
pub(super) const DRY_RUN: &str = "_jina_dry_run_";

/// The gateway of a running flow.
pub struct Gateway {
    pub(super) flow: Arc<Flow>,
    pub(super) facts: Facts,
    pub(super) admission: Admission,
    pub(super) refusals: Refusals,
    pub(super) metrics: Metrics,
    pub(super) token: Option<Token>,
    /// How connections are kept from being read on their way; in the clear when absent.
    pub(super) tls: Option<Arc<Tls>>,
    /// Where what became of requests is told.
    pub(super) traces: Option<TraceExporter>,
    pub(super) pages: Pages,
    /// How the HTTP side presents the flow.
    pub(super) look: GatewaySpec,
    /// Requests of one stream that are inside at once, when the client does not say.
    pub(super) prefetch: usize,
    /// Bytes that the documents of a request may hold.
    request_bytes_max: usize,
    /// Held by every conversation; taken away at the end, so that its other side tells when the last is over.
    pub(super) conversations: Mutex<Option<mpsc::Sender<()>>>,
}

impl Gateway {
    /// The gateway of `flow`, which runs `topology`. With a token, nobody else gets in.
    #[must_use]
    pub fn new(flow: Arc<Flow>, topology: &Topology, token: Option<Token>) -> Self {
        let waiting = if topology.when_full == WhenFull::Refuse { 0 } else { QUEUE_MAX };
        Self {
            facts: Facts::new(topology, &flow),
            flow,
            admission: Admission::new(topology.credits, waiting),
            refusals: Refusals::new(),
            metrics: Metrics::default(),
            token,
            tls: None,
            traces: None,
            pages: Pages::default(),
            look: topology.gateway.clone(),
            prefetch: topology.credits,
            request_bytes_max: topology.memory.request_bytes_max,
            conversations: Mutex::new(None),
        }
    }

    /// The same, speaking TLS alone.
    #[must_use]
    pub fn with_tls(self, tls: Tls) -> Self {
        Self { tls: Some(Arc::new(tls)), ..self }
    }

    /// The same, telling what became of requests.
    #[must_use]
    pub fn with_traces(self, traces: TraceExporter) -> Self {
        Self { traces: Some(traces), ..self }
    }

    /// Lets a request of so many bytes in, or says why not: it may wait so long for its turn, or as long as it takes.
    pub(super) fn enter(&self, bytes: usize, patience: Option<Duration>) -> Result<Ticket, Refusal> {
        let entrance = Entrance { bytes, full: self.flow.is_full(), patience };
        self.admission.enter(entrance).inspect_err(|_| self.metrics.refused())
    }

    /// The same for a request of a conversation. While `others` of it are under way, it is held back instead of
    /// refused, and there is no ticket yet: there may be room when they are answered.
    pub(super) fn enter_in_turn(&self, bytes: usize, others: bool) -> Result<Option<Ticket>, Refusal> {
        let entrance =
            Entrance { bytes, full: self.flow.is_full(), patience: others.then_some(QUEUE_WAIT_MAX) };
        match self.admission.enter(entrance) {
            Ok(ticket) => Ok(Some(ticket)),
            Err(Refusal::Overloaded(_)) if others => Ok(None),
            Err(refusal) => {
                self.metrics.refused();
                Err(refusal)
            }
        }
    }

    /// Asks the flow. Whoever asks holds a ticket.
    ///
    /// # Errors
    /// When nothing of the question has happened.
    pub(super) async fn ask(&self, ticket: &Ticket, mut question: Question) -> Result<Answer, Refusal> {
        let start = SystemTime::now();
        if question.id.is_empty() {
            question.id = new_id();
        }
        // Nobody else pays for what only they look at.
        if self.traces.is_none() && !tracing::enabled!(tracing::Level::DEBUG) {
            return self.answer(ticket, question, start, &Arc::new(RequestTrace::default())).await;
        }
        let request = RequestLabel::new(&question.id, &question.endpoint);
        let (documents, parent) = (question.documents.len(), question.parent.clone());
        let trace = Arc::new(RequestTrace::with_calls());
        let answer = self.answer(ticket, question, start, &trace).await;
        let (word, error) = match &answer {
            Ok(Answer { result: Ok(_), .. }) => ("answered", None),
            Ok(Answer { result: Err(failed), .. }) => ("failed", Some(failed.status.description.clone())),
            Err(refusal) => ("refused", Some(refusal.to_string())),
        };
        if let Some(traces) = &self.traces {
            let told = Told {
                id: &request.id,
                endpoint: &request.endpoint,
                documents,
                start,
                error: error.as_deref(),
                parent: parent.as_ref(),
                calls: &trace.calls(),
            };
            traces.tell(&told);
        }
        let took = start.elapsed().unwrap_or_default();
        runtime::with_log_context(LogContext { request, worker: None }, || {
            tracing::debug!(?took, error, "{word}")
        });
        answer
    }

    async fn answer(
        &self,
        _ticket: &Ticket,
        question: Question,
        start: SystemTime,
        trace: &Arc<RequestTrace>,
    ) -> Result<Answer, Refusal> {
        self.bounded(&question.documents)?;
        let request = request(question, trace)?;
        let sent = !request.documents.is_empty();
        let outcome = match self.flow.submit(request).await {
            Ok(pending) => {
                let entered = Instant::now();
                let outcome = pending.outcome().await;
                self.admission.stayed(entered.elapsed());
                outcome
            }
            Err(error) => return Err(self.refusal(&error)),
        };
        let (result, pod) = match outcome {
            Outcome::Failed(error) => {
                let pod = error.pod.clone();
                (Err(self.failed(&error)), pod)
            }
            Outcome::Reply(response) => match partial::of_all(&response).filter(|_| sent) {
                Some(failure) => {
                    let class = self.facts.class_of(&failure.pod);
                    let (kind, status) = partial::status(failure, response.failures.len(), class);
                    (Err(Failed { kind, status }), Some(Arc::clone(&failure.pod)))
                }
                None => (Ok(response), None),
            },
        };
        self.metrics.answered(result.is_err(), start.elapsed().unwrap_or_default());
        let gateway = Facts::gateway(start, result.is_err() && pod.is_none());
        Ok(Answer { result, routes: self.facts.routes(gateway, &trace.visits(), pod.as_deref()) })
    }

    /// Sends a request without documents through the flow; why it did not come back, if it did not.
    pub(super) async fn dry_run(&self) -> Option<Status> {
        let question = Question { endpoint: DRY_RUN.to_owned(), ..Question::default() };
        let refused = |refusal: Refusal| Status::new(refusal.kind(), &refusal.to_string(), None, "");
        let ticket = match self.enter(0, None) {
            Ok(ticket) => ticket,
            Err(refusal) => return Some(refused(refusal)),
        };
        match self.ask(&ticket, question).await {
            Ok(answer) => answer.result.err().map(|failed| failed.status),
            Err(refusal) => Some(refused(refusal)),
        }
    }

    /// What executors tell of themselves, asked for where it may block; nothing when the process is about to end.
    pub(super) async fn readings(&self) -> Vec<ExecutorMetric> {
        let flow = Arc::clone(&self.flow);
        tokio::task::spawn_blocking(move || flow.executor_metrics()).await.unwrap_or_default()
    }

    /// Whether the documents of a request are no more, and hold no more, than they may.
    fn bounded(&self, documents: &Documents) -> Result<(), Refusal> {
        let count = documents.len();
        if count > REQUEST_DOCUMENTS_MAX {
            let message = format!(
                "the request has {count} documents, more than the {REQUEST_DOCUMENTS_MAX} allowed; send several"
            );
            return Err(Refusal::TooLarge(message));
        }
        let (held, most) = (documents.memory_bytes(), self.request_bytes_max);
        if held > most {
            let (held, most) = (format_bytes(held), format_bytes(most));
            let message =
                format!("its documents hold {held}, more than the {most} allowed; send fewer at a time");
            return Err(Refusal::TooLarge(message));
        }
        Ok(())
    }

    fn failed(&self, error: &RequestError) -> Failed {
        let class = error.pod.as_deref().map_or("", |pod| self.facts.class_of(pod));
        let kind = error.error.kind();
        Failed { kind, status: Status::of(&error.error, error.pod.as_deref(), class) }
    }

    fn refusal(&self, error: &RequestError) -> Refusal {
        self.metrics.refused();
        match error.error.kind() {
            ErrorKind::Expired => Refusal::Expired,
            _ if self.admission.is_ending() => Refusal::Ending,
            _ => Refusal::Overloaded(error.error.message().to_owned()),
        }
    }
}

/// The request that a question stands for.
fn request(question: Question, trace: &Arc<RequestTrace>) -> Result<Request, Refusal> {
    let Question { id, endpoint, target, parameters, documents, deadline, .. } = question;
    let target = match target.as_str() {
        "" => None,
        pattern => Some(TargetPattern::new(pattern).map_err(Refusal::Invalid)?),
    };
    Ok(Request {
        id,
        endpoint,
        documents: with_ids(documents),
        parameters,
        deadline,
        target,
        trace: Some(Arc::clone(trace)),
    })
}

/// The documents, each with an id: replies and stores know them by it.
pub(super) fn with_ids(mut documents: Documents) -> Documents {
    if !documents.all_have_ids() {
        for document in documents.make_mut().iter_mut().filter(|document| document.id.is_empty()) {
            document.id = new_id();
        }
    }
    documents
}

/// An id in the form of Jina's: 32 hexadecimal digits that nobody else has drawn.
pub(super) fn new_id() -> String {
    format!("{:032x}", rand::random::<u128>())
}
