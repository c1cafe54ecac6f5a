//! Options for the content of requests.

use clap::Args;
use flowrun_sdk::RequestParameters;
use serde_json::Value;

use super::value_parsers::assignment;

/// Options for the parameters of requests.
#[derive(Debug, Default, Args)]
pub(super) struct RequestOptions {
    /// Number of matches to return for each document.
    #[arg(short = 'k', long, value_name = "N")]
    pub(super) top_k: Option<usize>,
    /// Request parameter; the value is JSON, or a string if it is not valid JSON.
    #[arg(short, long = "parameter", value_name = "NAME=VALUE", value_parser = assignment)]
    pub(super) parameters: Vec<(String, String)>,
}

impl RequestOptions {
    /// Parameters of every request. `default_top_k` applies if the command line has no `--top-k`.
    pub(super) fn parameters(&self, default_top_k: Option<usize>) -> RequestParameters {
        let given = self.parameters.iter().map(|(name, value)| {
            (name.clone(), serde_json::from_str(value).unwrap_or_else(|_| Value::from(value.as_str())))
        });
        let mut parameters: RequestParameters = given.collect();
        if let Some(top_k) = self.top_k.or(default_top_k) {
            parameters.insert("top_k".to_owned(), top_k.into());
        }
        parameters
    }
}

/// Adds the leading slash of an endpoint if it is missing.
pub(super) fn endpoint_path(endpoint: &str) -> String {
    if endpoint.starts_with('/') { endpoint.to_owned() } else { format!("/{endpoint}") }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn options(top_k: Option<usize>, parameters: &[&str]) -> RequestOptions {
        let parameters = parameters.iter().map(|text| assignment(text).unwrap()).collect();
        RequestOptions { top_k, parameters }
    }

    #[test]
    fn parameter_values_are_json_or_else_strings() {
        let parameters = options(None, &["a=[1]", "b=x", "c=\"1\"", "d=1=2"]).parameters(None);
        assert_eq!(Value::from(parameters), json!({"a": [1], "b": "x", "c": "1", "d": "1=2"}));
    }

    #[test]
    fn top_k_of_the_command_line_overrides_the_default() {
        assert_eq!(options(Some(3), &[]).parameters(Some(1))["top_k"], 3);
        assert_eq!(options(None, &[]).parameters(Some(1))["top_k"], 1);
        assert!(options(None, &[]).parameters(None).is_empty());
    }

    #[test]
    fn endpoints_begin_with_a_slash() {
        assert_eq!((endpoint_path("index"), endpoint_path("/index")), ("/index".into(), "/index".into()));
    }
}
