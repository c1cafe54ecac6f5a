//! The gateway of a running flow: admits a request, submits it to the flow, and returns its response.
//!
//! Protocols are served in [`grpc`](super::grpc), [`http`](super::http) and [`websocket`](super::websocket), all of
//! which call [`Gateway::admit`] and [`Gateway::submit`].

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use flowrun_sdk::{Documents, ErrorKind};
use flowrun_wire::{ORIGINS, decode_origins};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::sync::mpsc;

use super::admission::{Admission, AdmissionRequest, Permit};
use super::bytes_permit::BytesPermit;
use super::client_schema::ClientSchema;
use super::flow_info::FlowInfo;
use super::ids::{new_id, with_ids};
use super::metrics::counters::GatewayCounters;
use super::pages::log_stream::LogStream;
use super::pages::media_tools::MediaTools;
use super::pages::state::PageState;
use super::partial_failure;
use super::rejection_limiter::RejectionLimiter;
use super::request::{GatewayRequest, GatewayResponse, Rejection, RequestFailure};
use super::security::{Tokens, forbidden_message};
use super::server_paths::ServerPaths;
use super::status::Status;
use super::tls::Tls;
use super::traces::{FinishedRequest, RequestSpan, TraceExporter};
use super::wire::too_many_documents;
use crate::limits::{QUEUE_MAX, QUEUE_WAIT_MAX, REQUEST_DOCUMENTS_MAX};
use crate::routes::{ignores_documents, is_crud};
use crate::runtime::{
    self, ExecutorMetric, Flow, LogContext, Outcome, Request, RequestError, RequestLabel, RequestTrace,
    TARGET_PARAMETER, TargetPattern,
};
use crate::spec::{GatewaySpec, WhenFull};
use crate::topology::{Topology, WorkerIdentity, format_bytes};

/// Endpoint of a dry run, which checks that every executor answers. No executor handles it.
pub(super) const DRY_RUN: &str = "_jina_dry_run_";

/// The gateway of a running flow.
pub struct Gateway {
    pub(super) flow: Arc<Flow>,
    pub(super) info: FlowInfo,
    pub(super) admission: Admission,
    pub(super) rejections: RejectionLimiter,
    pub(super) counters: GatewayCounters,
    client_schema: ClientSchema,
    /// Tokens, one of which a request must contain. If there are none, all requests are accepted.
    pub(super) tokens: Tokens,
    /// TLS certificate; connections are unencrypted without one.
    pub(super) tls: Option<Arc<Tls>>,
    /// Exporter of traces, if a collector is configured.
    pub(super) traces: Option<TraceExporter>,
    pub(super) pages: PageState,
    /// Identity of this worker; `None` for a gateway. Calls with documents must name it; failed documents are reported one
    /// by one.
    pub(super) worker: Option<Arc<WorkerIdentity>>,
    /// Paths that replies do not contain.
    pub(super) paths: ServerPaths,
    /// Keys of the gateway in the flow file: routes, title, CORS, compression.
    pub(super) config: GatewaySpec,
    /// Maximum of requests in flight per stream, for clients that set none.
    pub(super) prefetch: usize,
    /// Maximum of bytes that the documents of a request may hold.
    request_bytes_max: usize,
    /// Maximum of open connections.
    pub(super) connections_max: usize,
    /// Sender that every connection and session clones, so that the server notices when the last one ends. Taken when
    /// draining starts.
    pub(super) connections: Mutex<Option<mpsc::Sender<()>>>,
    /// Held by a dry run. Dry runs follow one another, so that clients cannot fill the flow with them.
    dry_runs: tokio::sync::Mutex<()>,
}

impl Gateway {
    /// Creates the gateway of `flow`, which runs `topology`. With tokens, requests need one that allows them.
    #[must_use]
    pub fn new(flow: Arc<Flow>, topology: &Topology, tokens: impl Into<Tokens>) -> Self {
        let queued = if topology.when_full == WhenFull::Refuse { 0 } else { QUEUE_MAX };
        Self {
            info: FlowInfo::new(topology, &flow),
            flow,
            admission: Admission::new(topology.credits, queued)
                .with_bytes_max(topology.memory.gateway_bytes_max),
            rejections: RejectionLimiter::new(),
            counters: GatewayCounters::default(),
            client_schema: ClientSchema::default(),
            tokens: tokens.into(),
            tls: None,
            traces: None,
            pages: PageState::default(),
            worker: None,
            paths: ServerPaths::new(topology),
            config: topology.gateway.clone(),
            prefetch: topology.credits,
            request_bytes_max: topology.memory.request_bytes_max,
            connections_max: topology.memory.connections_max,
            connections: Mutex::new(None),
            dry_runs: tokio::sync::Mutex::default(),
        }
    }

    /// Serves TLS only.
    #[must_use]
    pub fn with_tls(self, tls: Tls) -> Self {
        Self { tls: Some(Arc::new(tls)), ..self }
    }

    /// Makes this a worker: calls with documents must name `worker`.
    #[must_use]
    pub fn with_identity(self, worker: WorkerIdentity) -> Self {
        Self { worker: Some(Arc::new(worker)), ..self }
    }

    /// Exports a trace of every request.
    #[must_use]
    pub fn with_traces(self, traces: TraceExporter) -> Self {
        Self { traces: Some(traces), ..self }
    }

    /// Shows thumbnails, previews and the log on the web pages.
    #[must_use]
    pub fn with_pages(mut self, media_tools: MediaTools, log: LogStream) -> Self {
        self.pages.media_tools = Some(media_tools);
        self.pages.log = Some(log);
        self
    }

    /// Admits or rejects a request. `announced` is the announced length of its body in bytes (0: unknown), `max_wait`
    /// the longest acceptable wait for a credit (`None` for no bound).
    ///
    /// # Errors
    /// [`Rejection::Overloaded`] and [`Rejection::Draining`].
    pub(super) fn admit(&self, announced: usize, max_wait: Option<Duration>) -> Result<Permit, Rejection> {
        // The gateway has admitted the request: at a worker it queues without a limit of its own.
        let max_wait = max_wait.filter(|_| self.worker.is_none());
        let request = AdmissionRequest { bytes: 0, announced, no_credit: self.flow.is_full(), max_wait };
        self.admission.admit(request).inspect_err(|_| self.counters.rejected())
    }

    /// Admits a request of a stream, whose message was received under the permit `bytes`. While other requests of the
    /// stream are in flight, an overload does not reject the request: `None` means to stop reading the stream, and to
    /// retry when one of them is answered.
    ///
    /// # Errors
    /// [`Rejection::Draining`], and [`Rejection::Overloaded`] if no other request of the stream is in flight.
    pub(super) fn admit_from_stream(
        &self,
        bytes: &Arc<BytesPermit>,
        others_in_flight: bool,
    ) -> Result<Option<Permit>, Rejection> {
        let max_wait = others_in_flight.then_some(QUEUE_WAIT_MAX);
        let request = AdmissionRequest { bytes: 0, announced: 0, no_credit: self.flow.is_full(), max_wait };
        match self.admission.admit_received(request, bytes) {
            Ok(permit) => Ok(Some(permit)),
            Err(Rejection::Overloaded(_)) if others_in_flight => Ok(None),
            Err(rejection) => {
                self.counters.rejected();
                Err(rejection)
            }
        }
    }

    /// Submits an admitted request to the flow and waits for its response.
    ///
    /// # Errors
    /// The [`Rejection`] of a request that had no effect, or [`Rejection::Unanswered`]. A request that fails inside the
    /// flow is a response.
    pub(super) async fn submit(
        &self,
        permit: &Permit,
        mut request: GatewayRequest,
    ) -> Result<GatewayResponse, Rejection> {
        let start = SystemTime::now();
        if request.id.is_empty() {
            request.id = new_id();
        }
        // Calls are recorded only if they are traced or logged.
        if self.traces.is_none() && !tracing::enabled!(tracing::Level::DEBUG) {
            return self.run(permit, request, start, &Arc::new(RequestTrace::default())).await;
        }
        let named = RequestLabel::new(&request.id, &request.endpoint);
        let documents = request.documents.len();
        let span = RequestSpan::new(request.parent.clone());
        if self.traces.is_some() {
            request.parent = Some(span.as_parent());
        }
        let trace = Arc::new(RequestTrace::with_calls());
        let response = self.run(permit, request, start, &trace).await;
        let (event, error) = match &response {
            Ok(GatewayResponse { result: Ok(_), .. }) => ("answered", None),
            Ok(GatewayResponse { result: Err(failure), .. }) => {
                ("failed", Some(failure.status.description.clone()))
            }
            Err(rejection) => ("rejected", Some(rejection.to_string())),
        };
        if let Some(traces) = &self.traces {
            traces.export(&FinishedRequest {
                id: &named.id,
                endpoint: &named.endpoint,
                documents,
                start,
                error: error.as_deref(),
                span: &span,
                calls: &trace.calls(),
            });
        }
        let took = start.elapsed().unwrap_or_default();
        runtime::with_log_context(LogContext { request: named, worker: None }, || {
            tracing::debug!(?took, error, "{event}")
        });
        response
    }

    async fn run(
        &self,
        permit: &Permit,
        request: GatewayRequest,
        start: SystemTime,
        trace: &Arc<RequestTrace>,
    ) -> Result<GatewayResponse, Rejection> {
        self.admission.resume(permit).inspect_err(|_| self.counters.rejected())?;
        let checked = self.authorize(&request).and_then(|()| self.check_size(&request.documents));
        checked.inspect_err(|_| self.counters.rejected())?;
        let sent = request.schema;
        self.client_schema.observe(sent);
        let request =
            flow_request(request, trace, self.worker.is_some()).inspect_err(|_| self.counters.rejected())?;
        // A gateway merges the documents that failed at a worker with those of the other shards.
        let needs_documents =
            self.worker.is_none() && !request.documents.is_empty() && !ignores_documents(&request.endpoint);
        let outcome = match self.flow.submit(request).await {
            Ok(pending) => {
                let entered = Instant::now();
                let outcome = pending.outcome().await;
                self.admission.record_sojourn(entered.elapsed());
                if let Outcome::Reply(response) = &outcome {
                    permit.reserve_reply(&response.documents).await.inspect_err(|_| {
                        self.counters.answered(true, start.elapsed().unwrap_or_default());
                    })?;
                }
                // The flow is done: from here on the request holds bytes alone, however slowly its client reads.
                permit.release_slot();
                self.paths.hide_in(outcome)
            }
            Err(error) => return Err(self.rejection(&error)),
        };
        let (result, pod) = match outcome {
            Outcome::Failed(error) => {
                let pod = error.pod.clone();
                (Err(self.failure(&error)), pod)
            }
            Outcome::Reply(response) => {
                match partial_failure::total_failure(&response).filter(|_| needs_documents) {
                    Some(failure) => {
                        let class = self.info.class_of(&failure.pod);
                        let count = response.failures.len();
                        let (kind, status) = partial_failure::total_failure_status(failure, count, class);
                        (Err(RequestFailure { kind, status }), Some(Arc::clone(&failure.pod)))
                    }
                    None => (Ok(response), None),
                }
            }
        };
        self.counters.answered(result.is_err(), start.elapsed().unwrap_or_default());
        let gateway = FlowInfo::gateway_route(start, result.is_err() && pod.is_none());
        let routes = self.info.routes(gateway, &trace.visits(), pod.as_deref());
        let returned = result.as_ref().map(|response| &response.documents).ok();
        let schema = sent.unwrap_or_else(|| self.client_schema.infer(returned));
        Ok(GatewayResponse { result, routes, schema })
    }

    /// Sends a request without documents through the flow. Returns the error if it fails.
    pub(super) async fn dry_run(&self) -> Option<Status> {
        let _turn = self.dry_runs.lock().await;
        let request = GatewayRequest { endpoint: DRY_RUN.to_owned(), ..GatewayRequest::default() };
        let permit = match self.admit(0, None) {
            Ok(permit) => permit,
            Err(rejection) => return Some(rejection.status()),
        };
        match self.submit(&permit, request).await {
            Ok(response) => response.result.err().map(|failure| failure.status),
            Err(rejection) => Some(rejection.status()),
        }
    }

    /// Reads the executors' own metrics on a blocking thread; empty when the process is shutting down.
    pub(super) async fn readings(&self) -> Vec<ExecutorMetric> {
        let flow = Arc::clone(&self.flow);
        tokio::task::spawn_blocking(move || flow.executor_metrics()).await.unwrap_or_default()
    }

    /// Rejects a request whose client has no right to its endpoint, and one to an endpoint that the flow does not
    /// serve.
    fn authorize(&self, request: &GatewayRequest) -> Result<(), Rejection> {
        let endpoint = request.endpoint.as_str();
        if self.config.no_crud_endpoints && is_crud(endpoint) && !request.is_routed {
            let message = "this endpoint is not served: the flow sets `no_crud_endpoints`";
            return Err(Rejection::Forbidden(message.to_owned()));
        }
        match self.info.needed_role(endpoint) {
            needed if request.granted < needed => Err(Rejection::Forbidden(forbidden_message(needed))),
            _ => Ok(()),
        }
    }

    /// Rejects a request with too many documents, or documents that hold too many bytes.
    fn check_size(&self, documents: &Documents) -> Result<(), Rejection> {
        if documents.len() > REQUEST_DOCUMENTS_MAX {
            return Err(too_many_documents(REQUEST_DOCUMENTS_MAX));
        }
        let (held, max) = (documents.memory_bytes(), self.request_bytes_max);
        if held > max {
            let (held, max) = (format_bytes(held), format_bytes(max));
            let message = format!(
                "the documents of the request occupy {held} of memory, more than the {max} allowed; send fewer at a \
                 time"
            );
            return Err(Rejection::TooLarge(message));
        }
        Ok(())
    }

    fn failure(&self, error: &RequestError) -> RequestFailure {
        let class = match error.pod.as_deref() {
            // Its gateway names the pod, which is one of several in a chain.
            Some(pod) if self.worker.is_some() => pod,
            Some(pod) => self.info.class_of(pod),
            None => "",
        };
        let status = Status::from_error(&error.error, error.pod.as_deref(), class);
        RequestFailure { kind: error.error.kind(), status }
    }

    fn rejection(&self, error: &RequestError) -> Rejection {
        self.counters.rejected();
        match error.error.kind() {
            ErrorKind::Expired => Rejection::DeadlineExceeded,
            _ if self.admission.shutdown.is_draining() => Rejection::Draining,
            _ => Rejection::Overloaded(error.error.message().to_owned()),
        }
    }
}

/// Converts a gateway request to one of the flow. A worker receives the origins of the documents, and the target in a chain,
/// among the parameters.
fn flow_request(
    request: GatewayRequest,
    trace: &Arc<RequestTrace>,
    is_worker: bool,
) -> Result<Request, Rejection> {
    let GatewayRequest { id, endpoint, target, mut parameters, documents, deadline, parent, sink, .. } =
        request;
    // Names of these parameters that an ordinary client has sent have no effect.
    let mut hidden = |name: &str| parameters.shift_remove(name).filter(|_| is_worker);
    let (origins, target_in_chain) = (hidden(ORIGINS), hidden(TARGET_PARAMETER));
    let target = match target_in_chain.as_ref().and_then(Value::as_str).unwrap_or(&target) {
        "" => None,
        pattern => Some(TargetPattern::new(pattern).map_err(Rejection::Invalid)?),
    };
    Ok(Request {
        id,
        endpoint,
        documents: with_ids(documents),
        origins: decode_origins(origins.as_ref()),
        trace_parent: parent.map(|parent| parent.to_string().into()),
        parameters,
        deadline,
        target,
        trace: Some(Arc::clone(trace)),
        sink,
    })
}
