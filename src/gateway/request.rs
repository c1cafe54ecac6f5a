//! Requests and responses of the gateway, independent of protocol (gRPC, HTTP, WebSocket) and encoding.
//!
//! Protocols read and write them in [`wire`](super::wire); [`service`](super::service) submits them to the flow.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use flowrun_sdk::{DocumentSink, Documents, ErrorKind, RequestParameters};

use flowrun_wire::Schema;

use super::call_metadata::TraceParent;
use super::status::Status;
use crate::limits::{BODY_GRACE, BODY_RATE_MIN, CLIENT_TIMEOUT, MESSAGE_BYTES_MAX};
use crate::routes::Role;
use crate::runtime::Response;
use crate::topology::format_bytes;

/// A request of a client.
#[derive(Clone, Debug, Default)]
pub(super) struct GatewayRequest {
    /// Id of the request; generated when empty.
    pub(super) id: String,
    /// Endpoint, for example `/index`.
    pub(super) endpoint: String,
    /// True if the path of the request, not its content, names the endpoint.
    pub(super) is_routed: bool,
    /// Role of the client's token, which must allow the endpoint.
    pub(super) granted: Role,
    /// Regular expression for the executors to call; empty for all.
    pub(super) target: String,
    /// Parameters, as sent.
    pub(super) parameters: RequestParameters,
    /// Documents; may be empty.
    pub(super) documents: Documents,
    /// docarray schema of the documents; `None` if there are none, or if they are JSON written by hand.
    pub(super) schema: Option<Schema>,
    /// Time at which the client stops waiting; `None` for no limit.
    pub(super) deadline: Option<Instant>,
    /// Span of the client that the request is part of.
    pub(super) parent: Option<TraceParent>,
    /// Receives documents that leave the flow before the request ends; `None` to return all of them at the end.
    pub(super) sink: Option<Arc<dyn DocumentSink>>,
}

/// Outcome of an admitted request.
#[derive(Clone, Debug)]
pub(super) struct GatewayResponse {
    /// The documents, or the failure.
    pub(super) result: Result<Response, RequestFailure>,
    /// Visited executors with their times, the gateway first.
    pub(super) routes: Vec<RouteEntry>,
    /// Schema for the documents of the reply: that of the request, else the one that
    /// [`client_schema`](super::client_schema) infers.
    pub(super) schema: Schema,
}

impl GatewayResponse {
    /// Error message of a request whose deadline passed inside the flow; `None` for other outcomes.
    pub(super) fn deadline_exceeded(&self) -> Option<&str> {
        let failure = self.result.as_ref().err().filter(|failure| failure.kind == ErrorKind::Expired)?;
        Some(&failure.status.message)
    }

    /// Bytes of the documents in memory, about as many as encoding them takes time for; zero for a failure.
    pub(super) fn documents_bytes(&self) -> usize {
        self.result.as_ref().map_or(0, |response| response.documents.memory_bytes())
    }

    /// Like [`GatewayResponse::documents_bytes`], for the encoding as protobuf: zero if the documents are sent as they were
    /// received.
    pub(super) fn protobuf_bytes(&self) -> usize {
        match &self.result {
            Ok(response) if response.documents.source_message(self.schema).is_none() => {
                self.documents_bytes()
            }
            _ => 0,
        }
    }
}

/// Failure of an admitted request.
#[derive(Clone, Debug)]
pub(super) struct RequestFailure {
    /// Kind of error, which determines status codes.
    pub(super) kind: ErrorKind,
    /// Status that the client receives.
    pub(super) status: Status,
}

/// Time that a request spent at the gateway or an executor; one of `routes` in a Jina reply.
#[derive(Clone, Debug)]
pub(super) struct RouteEntry {
    /// Name of the executor in the flow.
    pub(super) executor: Arc<str>,
    /// Arrival of the request.
    pub(super) start: SystemTime,
    /// Departure; `None` if it never left.
    pub(super) end: Option<SystemTime>,
    /// True if the request failed here.
    pub(super) failed: bool,
}

/// Reason for which a request is not admitted or not answered. The request has had no effect, with two exceptions:
/// [`Rejection::Unanswered`], and [`Rejection::Overloaded`] if the client reads streamed documents too slowly.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Rejection {
    /// There is no capacity at present; the text names the exhausted one.
    #[error("the flow is busy: {0}; try again in {seconds} s", seconds = Rejection::RETRY_AFTER.as_secs())]
    Overloaded(String),
    /// The flow is draining.
    #[error("the flow is draining and accepts no more requests")]
    Draining,
    /// The deadline passed before admission.
    #[error("the deadline passed before the request was admitted")]
    DeadlineExceeded,
    /// The body arrived too slowly: see [`receive_limit`](super::request_body::receive_limit).
    #[error(
        "the request body arrived too slowly: after {grace} s at least {rate} bytes per second must have arrived, and \
         all within {seconds} s",
        grace = BODY_GRACE.as_secs(), rate = BODY_RATE_MIN, seconds = CLIENT_TIMEOUT.as_secs()
    )]
    BodyTimeout,
    /// The request is malformed.
    #[error("{0}")]
    Invalid(String),
    /// The request exceeds a bound on documents or bytes.
    #[error("{0}")]
    TooLarge(String),
    /// The request was processed, and there is no capacity for its reply.
    #[error(
        "the request was processed, but its reply does not fit into the bytes that the gateway may use: request fewer \
         or smaller documents at a time, or try again"
    )]
    Unanswered,
    /// The client has no right to the endpoint, or the flow does not serve it.
    #[error("{0}")]
    Forbidden(String),
}

impl Rejection {
    /// Time after which a client should retry an overloaded flow.
    pub(super) const RETRY_AFTER: Duration = Duration::from_secs(1);

    /// Rejection of a message with more than [`MESSAGE_BYTES_MAX`].
    pub(super) fn message_too_large() -> Self {
        let max = format_bytes(MESSAGE_BYTES_MAX);
        Self::TooLarge(format!("a message may have at most {max}; send fewer documents at a time"))
    }

    /// Kind of error, as of a failed request.
    pub(super) fn kind(&self) -> ErrorKind {
        match self {
            Self::Overloaded(_) | Self::Draining | Self::TooLarge(_) | Self::Unanswered => {
                ErrorKind::Resource
            }
            Self::DeadlineExceeded | Self::BodyTimeout => ErrorKind::Expired,
            Self::Invalid(_) | Self::Forbidden(_) => ErrorKind::Input,
        }
    }

    /// Status of a reply to the rejected request.
    pub(super) fn status(&self) -> Status {
        Status::new(self.kind(), &self.to_string(), None, "")
    }
}
