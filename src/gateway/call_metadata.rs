//! Metadata of a call, from its HTTP headers or gRPC metadata: deadline, request id and trace context; and the role of
//! its token.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use axum::http::{Extensions, HeaderMap};

use super::security::Granted;
use super::timeout_headers;
use crate::limits::TRACE_STATE_BYTES_MAX;
use crate::routes::Role;
use crate::runtime::sanitize;

/// Header with the id of a request, as proxies set it.
pub(super) const REQUEST_ID: &str = "x-request-id";

/// Metadata of a call.
#[derive(Clone, Debug, Default)]
pub(super) struct CallMetadata {
    /// Time at which the client stops waiting; `None` without a timeout header.
    pub(super) deadline: Option<Instant>,
    /// Span of the client that the call is part of.
    pub(super) parent: Option<TraceParent>,
    /// Role of the client's token; the lowest without a token that the gateway knows.
    pub(super) granted: Role,
    /// Id for a request without one: that of the header, else the trace id.
    id: Option<Arc<str>>,
}

impl CallMetadata {
    /// Reads the headers of a call, and the role of its token. A header that cannot be parsed counts as absent.
    pub(super) fn new(headers: &HeaderMap, extensions: &Extensions) -> Self {
        Self {
            deadline: timeout_headers::deadline(headers),
            ..Self::of_session(headers, Granted::of(extensions))
        }
    }

    /// Like [`new`](Self::new), for a session of several requests: ignores a deadline in the headers, because it would
    /// apply to the whole session.
    pub(super) fn of_session(headers: &HeaderMap, granted: Granted) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let parent = text("traceparent").and_then(|parent| TraceParent::parse(parent, text("tracestate")));
        let own = text(REQUEST_ID).map(sanitize).filter(|id| !id.is_empty()).map(|id| Arc::from(&*id));
        let id = own.or_else(|| parent.as_ref().map(|parent| format!("{:032x}", parent.trace).into()));
        Self { deadline: None, parent, granted: granted.0.unwrap_or_default(), id }
    }

    /// Id of a request: `own` unless it is empty, else the id of the call, else empty.
    pub(super) fn request_id(&self, own: &str) -> String {
        match (own, &self.id) {
            ("", Some(id)) => id.to_string(),
            ("", None) => String::new(),
            (own, _) => own.to_owned(),
        }
    }
}

/// Parent span of a request, from the W3C headers `traceparent` and `tracestate`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TraceParent {
    /// Trace id.
    pub(super) trace: u128,
    /// Id of the client's span.
    pub(super) span: u64,
    /// True if the client records the trace.
    pub(super) sampled: bool,
    /// Value of `tracestate`, passed on unchanged.
    pub(super) state: Option<Arc<str>>,
}

impl fmt::Display for TraceParent {
    /// Formats the value of `traceparent`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace, self.span, u8::from(self.sampled))
    }
}

impl TraceParent {
    /// Parses `VERSION-TRACE-SPAN-FLAGS`, all in hexadecimal digits.
    fn parse(text: &str, state: Option<&str>) -> Option<Self> {
        let mut parts = text.trim().split('-');
        let version = hexadecimal(parts.next()?, 2)?;
        let trace = hexadecimal(parts.next()?, 32)?;
        let span = u64::try_from(hexadecimal(parts.next()?, 16)?).ok()?;
        let flags = hexadecimal(parts.next()?, 2)?;
        // Version ff is invalid; version 00 has exactly these parts, a later one may have more.
        if version == 0xff || (version == 0 && parts.next().is_some()) || trace == 0 || span == 0 {
            return None;
        }
        let state = state.filter(|state| state.len() <= TRACE_STATE_BYTES_MAX).map(Arc::from);
        Some(Self { trace, span, sampled: flags & 1 == 1, state })
    }
}

fn hexadecimal(text: &str, digits: usize) -> Option<u128> {
    let valid = text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    valid.then(|| u128::from_str_radix(text, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn metadata(headers: &[(&'static str, &str)]) -> CallMetadata {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        CallMetadata::new(&headers.collect(), &Extensions::new())
    }

    #[test]
    fn the_own_id_of_a_request_precedes_header_and_trace_id() {
        let both = metadata(&[("x-request-id", "mine"), ("traceparent", PARENT)]);
        assert_eq!((both.request_id("own").as_str(), both.request_id("").as_str()), ("own", "mine"));
        assert_eq!(metadata(&[("traceparent", PARENT)]).request_id(""), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(metadata(&[]).request_id(""), "");
        assert_eq!(metadata(&[("x-request-id", &"a".repeat(500))]).request_id("").len(), 128);
        assert!(metadata(&[("grpc-timeout", "5S")]).deadline.is_some());
    }

    #[test]
    fn traceparent_is_parsed_as_w3c_specifies() {
        let parent = metadata(&[("traceparent", PARENT), ("tracestate", "a=b")]).parent.unwrap();
        assert_eq!(parent.trace, 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
        assert_eq!(
            (parent.span, parent.sampled, parent.state.as_deref()),
            (0x00f0_67aa_0ba9_02b7, true, Some("a=b"))
        );
        assert_eq!(parent.to_string(), PARENT);
        let unsampled = PARENT.replace("-01", "-00");
        let parent = TraceParent::parse(&unsampled, None).unwrap();
        assert_eq!((parent.sampled, parent.to_string()), (false, unsampled));
        assert!(
            TraceParent::parse(&PARENT.replacen("00", "42", 1).replace("-01", "-01-more"), None).is_some()
        );
        for wrong in [
            "",
            "00",
            &format!("{PARENT}-more"),
            &PARENT.replacen("00", "ff", 1),
            &PARENT.to_uppercase(),
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        ] {
            assert_eq!(TraceParent::parse(wrong, None), None, "{wrong}");
        }
    }
}
