//! Warns about requests to endpoints that are probably misspelt.
//!
//! Jina forwards a request past executors that do not handle its endpoint, so a misspelt endpoint returns the documents
//! unchanged. That stays so, because clients rely on it; the log has a warning.

use std::collections::BTreeSet;

use flowrun_sdk::Endpoints;
use parking_lot::Mutex;

use super::request::sanitize;
use crate::diagnostic::did_you_mean;

/// Maximum number of different endpoints that are warned about, because clients choose them.
const WARNINGS_MAX: usize = 32;

/// Jina's name for the handler of every endpoint that has no handler of its own.
const ANY_ENDPOINT: &str = "/default";

/// Endpoints of a flow, and those that have been warned about.
#[derive(Debug, Default)]
pub(crate) struct EndpointCheck {
    /// Endpoints that executors name.
    named: BTreeSet<String>,
    /// Set when an executor handles every endpoint.
    has_any: bool,
    warned: Mutex<BTreeSet<String>>,
}

impl EndpointCheck {
    /// The check for a flow whose pods handle these endpoints.
    pub(super) fn new<'a>(pods: impl IntoIterator<Item = &'a Endpoints>) -> Self {
        let mut check = Self::default();
        for endpoints in pods {
            match endpoints {
                Endpoints::All => check.has_any = true,
                Endpoints::Only(names) => check.named.extend(names.iter().cloned()),
            }
        }
        check
    }

    /// The check for endpoints as a service lists them. `/default` means that it handles every other endpoint, too.
    pub(crate) fn of_service(endpoints: Vec<String>) -> Self {
        let (any, named): (Vec<String>, Vec<String>) =
            endpoints.into_iter().filter(|name| name.starts_with('/')).partition(|name| name == ANY_ENDPOINT);
        Self { named: named.into_iter().collect(), has_any: !any.is_empty(), ..Self::default() }
    }

    /// Logs a warning for the first request to an endpoint that no executor names, if no executor handles every endpoint
    /// or the endpoint resembles a named one.
    pub(crate) fn warn_once(&self, endpoint: &str) {
        // Clients choose its length.
        let endpoint = &*sanitize(endpoint);
        let Some(warning) = self.warning(endpoint) else { return };
        let mut warned = self.warned.lock();
        if warned.len() < WARNINGS_MAX && warned.insert(endpoint.to_owned()) {
            tracing::warn!("{warning}");
        }
    }

    fn warning(&self, endpoint: &str) -> Option<String> {
        if self.named.is_empty() || self.named.contains(endpoint) {
            return None;
        }
        let suggestion = did_you_mean(endpoint, self.named.iter().map(String::as_str));
        if self.has_any && suggestion.is_none() {
            return None;
        }
        let help = suggestion.unwrap_or_else(|| {
            format!(
                "the flow has {}",
                self.named.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
            )
        });
        Some(format!("no executor handles `{endpoint}` by name; {help}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warning(pods: &[Endpoints], endpoint: &str) -> Option<String> {
        EndpointCheck::new(pods).warning(endpoint)
    }

    #[test]
    fn a_misspelt_endpoint_gets_a_suggestion_even_if_an_executor_handles_all() {
        let index = Endpoints::only(["/index", "/search"]);
        let expected = "no executor handles `/serach` by name; did you mean `/search`?";
        assert_eq!(warning(&[Endpoints::All, index.clone()], "/serach").as_deref(), Some(expected));
        assert_eq!(warning(&[index], "/serach").as_deref(), Some(expected));
    }

    #[test]
    fn an_endpoint_that_executors_handle_is_not_warned_about() {
        let index = Endpoints::only(["/index", "/search"]);
        assert_eq!(warning(&[Endpoints::All, index.clone()], "/search"), None);
        assert_eq!(warning(&[Endpoints::All, index.clone()], "/profile"), None);
        assert_eq!(warning(&[Endpoints::All], "/serach"), None);
        let expected = "no executor handles `/profile` by name; the flow has `/index`, `/search`";
        assert_eq!(warning(&[index], "/profile").as_deref(), Some(expected));
    }

    #[test]
    fn a_service_lists_the_default_handler_and_its_own_endpoints() {
        let listed = ["/index", "/search", "_jina_dry_run_", "/default"].map(str::to_owned);
        let check = EndpointCheck::of_service(listed.to_vec());
        assert!(check.warning("/serach").is_some());
        assert_eq!(check.warning("/profile"), None);
        assert!(EndpointCheck::of_service(vec!["/index".to_owned()]).warning("/profile").is_some());
    }

    #[test]
    fn hostile_endpoints_do_not_flood_the_log() {
        let check = EndpointCheck::new([&Endpoints::only(["/index"])]);
        (0..1000).for_each(|number| check.warn_once(&format!("/{number}")));
        assert_eq!(check.warned.lock().len(), WARNINGS_MAX);
    }
}
