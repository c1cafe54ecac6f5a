//! `expose_endpoints`: endpoints with an HTTP path of their own.
//!
//! A path that the gateway could not route to the endpoint is reported here, against the table of built-in routes.

use serde_json::Value;

use super::endpoint::with_slash;
use super::reader::Reader;
use crate::diagnostic::{Code, Diagnostic, Span};
use crate::routes::{CRUD, find, is_literal};
use crate::yaml::{Node, Schema};

/// An endpoint with an HTTP path of its own.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct ExposedEndpoint {
    /// HTTP path.
    pub path: String,
    /// Endpoint that requests to the path are sent to.
    pub endpoint: String,
}

/// Reads `expose_endpoints` in Jina's form: a mapping, or the JSON of one, from endpoints to `{path: PATH}`.
pub(super) fn exposed_endpoints(
    node: &Node,
    no_crud_endpoints: bool,
    reader: &mut Reader<'_>,
) -> Vec<ExposedEndpoint> {
    let value = match node.text() {
        Some(text) => serde_json::from_str(text).unwrap_or_default(),
        None => node.to_json(Schema::Yaml11, reader.report),
    };
    let Value::Object(entries) = value else {
        let message = "`expose_endpoints` must be a mapping from endpoints to paths";
        let help = "write `expose_endpoints: {/foo: {path: /foo}}`";
        reader.report.push(Diagnostic::at(Code::WrongType, node.span, message).help(help));
        return Vec::new();
    };
    let mut exposed: Vec<ExposedEndpoint> = Vec::new();
    for (key, options) in entries {
        let endpoint = with_slash(&key);
        let path = options.get("path").and_then(Value::as_str).map_or_else(|| endpoint.clone(), with_slash);
        if let Some(reason) = conflict(&path, &endpoint, no_crud_endpoints, &exposed) {
            let message = format!("{reason}, so `{endpoint}` has no HTTP path of its own");
            let help = format!("choose another path; `{endpoint}` can be called through `POST /post`");
            reader.report.push(Diagnostic::at(Code::PathTaken, path_span(node, &key), message).help(help));
        }
        exposed.push(ExposedEndpoint { path, endpoint });
    }
    exposed
}

/// Reason for which the gateway cannot route `path` to `endpoint`.
fn conflict(
    path: &str,
    endpoint: &str,
    no_crud_endpoints: bool,
    earlier: &[ExposedEndpoint],
) -> Option<String> {
    if !is_literal(path) {
        return Some(format!("`{path}` is not a literal path: it contains one of `{{`, `}}`, `*` and `:`"));
    }
    if find(path).is_some() {
        return Some(format!("`{path}` is a built-in path of the gateway"));
    }
    let crud = CRUD.iter().any(|(crud, _)| *crud == path) && !no_crud_endpoints;
    let owner = match crud {
        true => Some(path),
        false => earlier.iter().find(|other| other.path == path).map(|other| &*other.endpoint),
    };
    owner
        .filter(|owner| *owner != endpoint)
        .map(|owner| format!("`{path}` is the path of the endpoint `{owner}`"))
}

/// Span of the path of `endpoint`, or of the endpoint if it has none, or of the whole JSON text.
fn path_span(node: &Node, endpoint: &str) -> Span {
    let entry = node.mapping().and_then(|mapping| mapping.entry(endpoint));
    entry.map_or(node.span, |(key, options)| {
        options.mapping().and_then(|options| options.get("path")).map_or(key.span, |path| path.span)
    })
}
