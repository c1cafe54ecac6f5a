//! Converts a finished request to spans.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use super::otlp::any_value::Value;
use super::otlp::span::status::Code;
use super::otlp::span::{Kind, Status};
use super::otlp::{
    AnyValue, ExportTraceServiceRequest, InstrumentationScope, KeyValue, Resource, ResourceSpans, ScopeSpans,
    Span,
};
use crate::gateway::call_metadata::TraceParent;
use crate::runtime::ExecutorCall;

/// A finished request, to be exported as spans.
pub(in crate::gateway) struct FinishedRequest<'a> {
    /// Id, without control characters.
    pub(in crate::gateway) id: &'a str,
    /// Endpoint.
    pub(in crate::gateway) endpoint: &'a str,
    /// Number of its documents.
    pub(in crate::gateway) documents: usize,
    /// Arrival.
    pub(in crate::gateway) start: SystemTime,
    /// Error message, if it failed.
    pub(in crate::gateway) error: Option<&'a str>,
    /// Ids of its span.
    pub(in crate::gateway) span: &'a RequestSpan,
    /// Calls of executors for the request.
    pub(in crate::gateway) calls: &'a [ExecutorCall],
}

/// Ids of the span of a request. They are chosen when the request arrives, so that services that executors call can refer to
/// the span.
pub(in crate::gateway) struct RequestSpan {
    /// Parent span, if the client sent one.
    parent: Option<TraceParent>,
    /// Trace id: that of the parent, or a new one.
    trace: u128,
    id: u64,
}

impl RequestSpan {
    /// Ids of a request whose client sent `parent`.
    pub(in crate::gateway) fn new(parent: Option<TraceParent>) -> Self {
        let trace = parent.as_ref().map_or_else(rand::random::<u128>, |parent| parent.trace);
        Self { parent, trace, id: new_id() }
    }

    /// The parent of spans of services that are called for the request.
    pub(in crate::gateway) fn as_parent(&self) -> TraceParent {
        TraceParent {
            trace: self.trace,
            span: self.id,
            sampled: self.is_sampled(),
            state: self.parent.as_ref().and_then(|parent| parent.state.clone()),
        }
    }

    /// False if the client does not sample the trace.
    fn is_sampled(&self) -> bool {
        self.parent.as_ref().is_none_or(|parent| parent.sampled)
    }
}

impl FinishedRequest<'_> {
    /// The span of the request, followed by those of its calls. Empty if the client does not sample the trace.
    pub(super) fn spans(&self) -> Vec<Span> {
        let RequestSpan { parent, trace, id: own } = self.span;
        if !self.span.is_sampled() {
            return Vec::new();
        }
        let trace = Bytes::copy_from_slice(&trace.to_be_bytes());
        let state = parent.as_ref().and_then(|parent| parent.state.as_deref()).unwrap_or_default();
        let parent = parent.as_ref().map_or_else(Bytes::new, |parent| id(parent.span));
        let request_id = id(*own);
        let span = |span_id, parent_span_id, kind: Kind| Span {
            trace_id: trace.clone(),
            span_id,
            parent_span_id,
            trace_state: state.to_owned(),
            kind: kind.into(),
            ..Span::default()
        };
        let request = Span {
            name: if self.endpoint.is_empty() { "/".to_owned() } else { self.endpoint.to_owned() },
            start_time_unix_nano: unix_nanoseconds(self.start),
            end_time_unix_nano: unix_nanoseconds(SystemTime::now().max(self.start)),
            attributes: vec![
                text("flowrun.request.id", self.id),
                text("flowrun.endpoint", self.endpoint),
                number("flowrun.documents", self.documents),
            ],
            status: status(self.error),
            ..span(request_id.clone(), parent, Kind::Server)
        };
        let call = |call: &ExecutorCall| Span {
            name: call.pod.to_string(),
            start_time_unix_nano: unix_nanoseconds(call.start),
            end_time_unix_nano: unix_nanoseconds(call.start + call.took),
            attributes: vec![
                text("flowrun.request.id", self.id),
                text("flowrun.endpoint", self.endpoint),
                text("flowrun.pod", &call.pod),
                text("flowrun.worker", &call.worker),
                number("flowrun.documents", call.documents),
            ],
            status: status(call.error.as_deref()),
            ..span(id(new_id()), request_id.clone(), Kind::Internal)
        };
        std::iter::once(request).chain(self.calls.iter().map(call)).collect()
    }
}

/// Request with a batch of spans; `service` are the resource attributes.
pub(super) fn export_request(service: &[(String, String)], spans: Vec<Span>) -> ExportTraceServiceRequest {
    let attributes = service.iter().map(|(name, value)| text(name, value)).collect();
    let scope = InstrumentationScope {
        name: env!("CARGO_PKG_NAME").to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let spans = ScopeSpans { scope: Some(scope), spans };
    let resource = Some(Resource { attributes });
    ExportTraceServiceRequest { resource_spans: vec![ResourceSpans { resource, scope_spans: vec![spans] }] }
}

/// A random span id; zero is invalid.
fn new_id() -> u64 {
    rand::random::<u64>().max(1)
}

fn id(number: u64) -> Bytes {
    Bytes::copy_from_slice(&number.to_be_bytes())
}

fn unix_nanoseconds(time: SystemTime) -> u64 {
    let elapsed = time.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX)
}

fn status(error: Option<&str>) -> Option<Status> {
    error.map(|error| Status { message: error.to_owned(), code: Code::Error.into() })
}

fn text(key: &str, value: &str) -> KeyValue {
    attribute(key, Value::Text(value.to_owned()))
}

fn number(key: &str, value: usize) -> KeyValue {
    attribute(key, Value::Integer(i64::try_from(value).unwrap_or(i64::MAX)))
}

fn attribute(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }) }
}
