//! Options of a gRPC stream, from its metadata.

use axum::http::{Extensions, HeaderMap};

use crate::gateway::call_metadata::CallMetadata;
use crate::gateway::session::SessionOptions;
use crate::limits::PREFETCH_MAX;

/// Options of a stream.
#[derive(Clone, Debug)]
pub(super) struct CallOptions {
    pub(super) session: SessionOptions,
    pub(super) metadata: CallMetadata,
}

impl CallOptions {
    /// Reads the options of Jina's client and the metadata of every call. `__prefetch__` is the maximum of requests in
    /// flight (default `prefetch`), `__results_in_order__` the order of replies.
    pub(super) fn new(headers: &HeaderMap, extensions: &Extensions, prefetch: usize) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        let requested = text("__prefetch__").and_then(|number| number.parse::<usize>().ok());
        let prefetch = match requested {
            None => prefetch,
            // Unlimited, in Jina.
            Some(0) => PREFETCH_MAX,
            Some(requested) => requested.min(PREFETCH_MAX),
        };
        Self {
            session: SessionOptions {
                max_in_flight: prefetch.max(1),
                in_order: text("__results_in_order__").is_some_and(|word| word.eq_ignore_ascii_case("true")),
            },
            metadata: CallMetadata::new(headers, extensions),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(headers: &[(&'static str, &str)]) -> CallOptions {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        CallOptions::new(&headers.collect(), &Extensions::new(), 50)
    }

    #[test]
    fn a_stream_sets_its_prefetch_and_order() {
        let default = options(&[]);
        assert_eq!((default.session.max_in_flight, default.session.in_order), (50, false));
        assert_eq!(default.metadata.deadline, None);
        let set = options(&[("__prefetch__", "3"), ("__results_in_order__", "true")]);
        assert_eq!((set.session.max_in_flight, set.session.in_order), (3, true));
        assert!(options(&[("__results_in_order__", "True")]).session.in_order);
        assert_eq!(options(&[("__prefetch__", "0")]).session.max_in_flight, PREFETCH_MAX);
        assert_eq!(options(&[("__prefetch__", "many")]).session.max_in_flight, 50);
        assert!(options(&[("grpc-timeout", "5S")]).metadata.deadline.is_some());
    }
}
