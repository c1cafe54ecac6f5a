//! One executor call as it is sent to a peer, and the outcome of one attempt.

use std::borrow::Cow;
use std::time::{Duration, Instant};

use flowrun_sdk::{Call, DecodeBudget, Documents, ErrorKind, ExecutorError, RequestParameters};
use flowrun_wire::jina::DataRequestProto;
use flowrun_wire::{Reply, Schema};
use tonic::Code;
use tonic::metadata::{Ascii, MetadataValue};

use crate::endpoint::Endpoint;
use crate::peer::{Peer, PeerOptions};
use crate::{Address, CallError};

/// A failed attempt.
#[derive(Debug)]
pub(crate) enum AttemptError {
    /// The peer could not be reached, or rejected the call as unavailable, for this reason; a retry may succeed.
    Unreachable(String),
    /// The connection ended during the call, or the peer cancelled it, for this reason. The peer may have executed the call; a
    /// retry may succeed.
    Interrupted(String),
    /// The call failed; it is not retried.
    Failed(ExecutorError),
}

/// The request of a call, independent of the endpoint that it is sent to.
pub(crate) struct OutgoingCall<'a> {
    id: &'a str,
    endpoint: &'a str,
    endpoint_header: MetadataValue<Ascii>,
    /// Span that the call is part of.
    trace_parent: Option<MetadataValue<Ascii>>,
    parameters: Cow<'a, RequestParameters>,
    documents: Documents,
    /// Maximum number of bytes that the decoded reply may occupy.
    reply_bytes_max: usize,
    /// The message and its schema, encoded at the first attempt.
    message: Option<(Schema, DataRequestProto)>,
}

/// Limits on the duration of an attempt.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimeLimits {
    /// The deadline of the request; `None` for no deadline.
    pub(crate) deadline: Option<Instant>,
    /// The limit on one attempt (`timeout_send`); `None` for no limit.
    pub(crate) timeout_send: Option<Duration>,
}

impl TimeLimits {
    /// The end of an attempt that begins now.
    fn end(self) -> Option<Instant> {
        let own = self.timeout_send.and_then(|timeout| Instant::now().checked_add(timeout));
        [self.deadline, own].into_iter().flatten().min()
    }

    /// The error of an attempt that exceeded its limit.
    fn expired(self, address: &Address) -> ExecutorError {
        let over = self.deadline.is_some_and(|deadline| deadline <= Instant::now());
        let message = match self.timeout_send {
            Some(timeout) if !over => {
                format!("{address} did not answer within {} ms (`timeout_send`)", timeout.as_millis())
            }
            _ => format!("{address} did not answer before the deadline"),
        };
        ExecutorError::new(ErrorKind::Expired, message)
    }
}

impl<'a> OutgoingCall<'a> {
    /// The request of `call`. A worker also receives the origins of the documents.
    ///
    /// # Errors
    /// If its endpoint contains characters that are not allowed in a gRPC header.
    pub(crate) fn new(call: &Call<'a>, is_worker: bool) -> Result<Self, ExecutorError> {
        let endpoint = call.endpoint();
        let endpoint_header = endpoint.parse().map_err(|_| {
            ExecutorError::input("the endpoint contains characters that cannot be sent in a gRPC header")
        })?;
        let parameters = match is_worker {
            true => flowrun_wire::parameters_for_process(call.parameters(), call.origins(), false),
            false => Cow::Borrowed(call.parameters()),
        };
        Ok(Self {
            id: call.request_id(),
            endpoint,
            endpoint_header,
            trace_parent: call.trace_parent().and_then(|parent| parent.parse().ok()),
            parameters,
            documents: call.documents().clone(),
            reply_bytes_max: call.budget().bytes_max(),
            message: None,
        })
    }

    /// The message in `schema`, cached.
    fn message(&mut self, schema: Schema) -> DataRequestProto {
        if let Some((encoded, message)) = &self.message
            && *encoded == schema
        {
            return message.clone();
        }
        let id = self.id.to_owned();
        let message =
            flowrun_wire::request_message(id, self.endpoint, &self.parameters, &self.documents, schema);
        self.message = Some((schema, message.clone()));
        message
    }

    /// Makes one attempt at `endpoint`, and connects to it first if there is no connection. Returns the reply, or `None` if
    /// the peer does not handle the request's endpoint.
    ///
    /// # Errors
    /// [`AttemptError`]: whether another attempt may succeed, and the cause.
    pub(crate) async fn send(
        &mut self,
        endpoint: &Endpoint,
        options: &PeerOptions,
        limits: TimeLimits,
    ) -> Result<Option<Reply>, AttemptError> {
        let end = limits.end();
        let attempt = async {
            let connected = endpoint.connect(options).await;
            let peer = connected.map_err(|error| AttemptError::Unreachable(error.reason))?;
            self.send_to(&peer, endpoint, end).await
        };
        match end {
            None => attempt.await,
            Some(end) => match tokio::time::timeout_at(end.into(), attempt).await {
                Ok(outcome) => outcome,
                Err(_) => Err(AttemptError::Failed(limits.expired(&endpoint.address))),
            },
        }
    }

    async fn send_to(
        &mut self,
        peer: &Peer,
        endpoint: &Endpoint,
        end: Option<Instant>,
    ) -> Result<Option<Reply>, AttemptError> {
        if !peer.handles(self.endpoint) {
            return Ok(None);
        }
        let message = self.message(peer.schema);
        let request = || {
            let mut request = tonic::Request::new(message.clone());
            endpoint.metadata.add_to(request.metadata_mut());
            request.metadata_mut().insert("endpoint", self.endpoint_header.clone());
            if let Some(trace_parent) = &self.trace_parent {
                request.metadata_mut().insert("traceparent", trace_parent.clone());
            }
            if let Some(end) = end {
                request.set_timeout(end.saturating_duration_since(Instant::now()));
            }
            request
        };
        let reply = peer.send(request).await.map_err(|error| attempt_error(error, &endpoint.address))?;
        let budget = DecodeBudget::new(self.reply_bytes_max);
        flowrun_wire::decode_reply_within(reply, &budget).map(Some).map_err(|failed| {
            let executor = match failed.executor.as_str() {
                "" => String::new(),
                name => format!("`{name}` at "),
            };
            let message = format!("{executor}{}: {}", endpoint.address, failed.error.message());
            AttemptError::Failed(failed.error.with_message(message))
        })
    }
}

/// Classifies a call without a reply: rejected, interrupted, or failed.
fn attempt_error(error: CallError, address: &Address) -> AttemptError {
    match error {
        CallError::Broken(reason) => AttemptError::Interrupted(format!("the connection broke: {reason}")),
        CallError::Status(Code::Unavailable, message) => AttemptError::Unreachable(message),
        // A Python server cancels the calls in flight when it stops.
        CallError::Status(Code::Cancelled, message) => AttemptError::Interrupted(message),
        CallError::Status(code, message) => {
            let kind = match code {
                Code::DeadlineExceeded => ErrorKind::Expired,
                Code::InvalidArgument => ErrorKind::Parameter,
                _ => ErrorKind::Resource,
            };
            AttemptError::Failed(ExecutorError::new(
                kind,
                format_args!("{address} returned an error: {message} ({code:?})"),
            ))
        }
    }
}
