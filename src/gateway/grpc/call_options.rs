//! What a client says about its call as a whole.

use axum::http::HeaderMap;

use crate::gateway::wire::Caller;
use crate::limits::PREFETCH_MAX;

/// How the requests of a stream are to be handled.
#[derive(Clone, Debug)]
pub(super) struct Manners {
    /// Requests inside at once, at the most.
    pub(super) prefetch: usize,
    /// Whether replies come in the order of the requests.
    pub(super) in_order: bool,
    /// What else the head says.
    pub(super) caller: Caller,
}

impl Manners {
    /// What the head of a call asks for; `prefetch` where it does not say.
    pub(super) fn of(headers: &HeaderMap, prefetch: usize) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::trim);
        let asked = text("__prefetch__").and_then(|number| number.parse::<usize>().ok());
        let prefetch = match asked {
            None => prefetch,
            // Jina's “unlimited”.
            Some(0) => PREFETCH_MAX,
            Some(asked) => asked.min(PREFETCH_MAX),
        };
        Self {
            prefetch: prefetch.max(1),
            in_order: text("__results_in_order__").is_some_and(|word| word.eq_ignore_ascii_case("true")),
            caller: Caller::of(headers),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn manners(headers: &[(&'static str, &str)]) -> Manners {
        let headers = headers.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        Manners::of(&headers.collect(), 50)
    }

    #[test]
    fn a_call_says_how_it_wants_to_be_handled() {
        let plain = manners(&[]);
        assert_eq!((plain.prefetch, plain.in_order, plain.caller.deadline), (50, false, None));
        assert_eq!(manners(&[("__prefetch__", "3"), ("__results_in_order__", "true")]).prefetch, 3);
        assert!(manners(&[("__results_in_order__", "True")]).in_order);
        assert_eq!(manners(&[("__prefetch__", "0")]).prefetch, PREFETCH_MAX);
        assert_eq!(manners(&[("__prefetch__", "many")]).prefetch, 50);
        assert!(manners(&[("grpc-timeout", "5S")]).caller.deadline.is_some());
    }
}
