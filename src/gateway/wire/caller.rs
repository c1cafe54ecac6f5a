//! What a client says about its call as a whole, in the head: how long it waits, how it names the request, and which
//! trace the request belongs to.

use std::sync::Arc;
use std::time::Instant;

use axum::http::HeaderMap;

use super::deadline;
use crate::limits::TRACE_STATE_BYTES_MAX;
use crate::runtime::sanitize;

/// How those who write HTTP by hand, and proxies, name a request.
pub(crate) const REQUEST_ID: &str = "x-request-id";

/// What the head of a call says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Caller {
    /// When the answer has to be there.
    pub(crate) deadline: Option<Instant>,
    /// The trace that the request belongs to.
    pub(crate) parent: Option<TraceParent>,
    /// What a request is called that does not name itself.
    id: Option<Arc<str>>,
}

impl Caller {
    /// What the head says. What cannot be read is taken for absent.
    pub(crate) fn of(headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let parent = text("traceparent").and_then(|parent| TraceParent::parse(parent, text("tracestate")));
        let own = text(REQUEST_ID).map(sanitize).filter(|id| !id.is_empty()).map(|id| Arc::from(&*id));
        let id = own.or_else(|| parent.as_ref().map(|parent| format!("{:032x}", parent.trace).into()));
        Self { deadline: deadline::from_headers(headers), parent, id }
    }

    /// The same, waiting without end.
    pub(crate) fn without_deadline(self) -> Self {
        Self { deadline: None, ..self }
    }

    /// The name of a request that calls itself so.
    pub(crate) fn name(&self, own: &str) -> String {
        match (own, &self.id) {
            ("", Some(id)) => id.to_string(),
            ("", None) => String::new(),
            (own, _) => own.to_owned(),
        }
    }
}

/// The span of the client's that a request is part of, as W3C writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TraceParent {
    /// The trace.
    pub(crate) trace: u128,
    /// The client's span in it.
    pub(crate) span: u64,
    /// Whether the client keeps the trace.
    pub(crate) sampled: bool,
    /// What else the client's tools say of it.
    pub(crate) state: Option<Arc<str>>,
}

impl TraceParent {
    /// `00-TRACE-SPAN-FLAGS`, all in hexadecimal digits.
    fn parse(text: &str, state: Option<&str>) -> Option<Self> {
        let mut parts = text.trim().split('-');
        let version = hexadecimal(parts.next()?, 2)?;
        let trace = hexadecimal(parts.next()?, 32)?;
        let span = u64::try_from(hexadecimal(parts.next()?, 16)?).ok()?;
        let flags = hexadecimal(parts.next()?, 2)?;
        // A later version may say more behind these, this one may not; and the last one is none.
        if version == 0xff || (version == 0 && parts.next().is_some()) || trace == 0 || span == 0 {
            return None;
        }
        let state = state.filter(|state| state.len() <= TRACE_STATE_BYTES_MAX).map(Arc::from);
        Some(Self { trace, span, sampled: flags & 1 == 1, state })
    }
}

fn hexadecimal(text: &str, digits: usize) -> Option<u128> {
    let plain = text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    plain.then(|| u128::from_str_radix(text, 16).ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn caller(headers: &[(&'static str, &str)]) -> Caller {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        Caller::of(&headers.collect())
    }

    #[test]
    fn a_request_is_called_what_it_calls_itself_or_else_what_the_head_says() {
        let both = caller(&[("x-request-id", "mine"), ("traceparent", PARENT)]);
        assert_eq!((both.name("own").as_str(), both.name("").as_str()), ("own", "mine"));
        assert_eq!(caller(&[("traceparent", PARENT)]).name(""), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(caller(&[]).name(""), "");
        assert_eq!(caller(&[("x-request-id", &"a".repeat(500))]).name("").len(), 128);
        assert!(caller(&[("grpc-timeout", "5S")]).deadline.is_some());
    }

    #[test]
    fn a_parent_is_read_as_w3c_writes_it() {
        let parent = caller(&[("traceparent", PARENT), ("tracestate", "a=b")]).parent.unwrap();
        assert_eq!(parent.trace, 0x4bf9_2f35_77b3_4da6_a3ce_929d_0e0e_4736);
        assert_eq!(
            (parent.span, parent.sampled, parent.state.as_deref()),
            (0x00f0_67aa_0ba9_02b7, true, Some("a=b"))
        );
        assert!(!TraceParent::parse(&PARENT.replace("-01", "-00"), None).unwrap().sampled);
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
