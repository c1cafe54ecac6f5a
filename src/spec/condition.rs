//! Reads `when`: a condition on documents, in docarray's query language.

use flowrun_sdk::filter::{DOCUMENT_FIELDS, Filter, FilterError, Scalar, without_tags_prefix};
use serde_json::Value;

use super::reader::Reader;
use crate::diagnostic::{Code, Diagnostic, Span, did_you_mean};
use crate::yaml::Node;

/// Selects the documents that a pod receives.
#[derive(Clone, Debug)]
pub struct Condition {
    /// The condition.
    pub filter: Filter,
    /// The JSON from which the filter was parsed.
    pub source: Value,
    /// The condition as written, with expressions instead of the values of variables.
    pub written: Value,
}

/// Reads the value of `when`; `None`, and a report, when it is invalid.
pub(super) fn read(node: Option<&Node>, reader: &mut Reader<'_>) -> Option<Condition> {
    let node = node?;
    let schema = reader.dialect.schema();
    let source = node.to_json(schema, reader.report);
    let filter = Filter::parse(&source, &check);
    let filter = filter.map_err(|error| reader.report.push(invalid(node, &error))).ok()?;
    Some(Condition { filter, source, written: node.to_written_json(schema) })
}

/// Checks that documents have the field, and that it can be compared with the value.
fn check(path: &str, value: Option<&Scalar>) -> Result<(), String> {
    let field = path.split("__").next().unwrap_or(path);
    if without_tags_prefix(path).is_none() && !DOCUMENT_FIELDS.contains(&field) {
        return Err(format!("is not a field of documents; write tags as `tags__{path}`"));
    }
    match value {
        Some(Scalar::Text(text)) if text.starts_with('{') => {
            Err("compares with another field, which is not supported; write a value".to_owned())
        }
        _ => Ok(()),
    }
}

fn invalid(node: &Node, error: &FilterError) -> Diagnostic {
    let diagnostic =
        Diagnostic::at(Code::BadCondition, span_of(node, &error.path), format!("`when`: {error}"));
    let Some(last) = error.path.last() else { return diagnostic };
    let suggestion = match error.known.is_empty() {
        false => did_you_mean(last, error.known.iter().copied()),
        true => {
            let field = last.split("__").next().unwrap_or(last);
            let misspelt = !last.starts_with('$') && !DOCUMENT_FIELDS.contains(&field);
            misspelt.then(|| did_you_mean(field, DOCUMENT_FIELDS)).flatten()
        }
    };
    diagnostic.maybe_help(suggestion)
}

/// The span of the key at the end of a path of keys and positions, or of the last step that exists.
fn span_of(node: &Node, path: &[String]) -> Span {
    let mut span = node.span;
    let mut node = node;
    for step in path {
        let next = match (node.mapping(), node.sequence()) {
            (Some(mapping), _) => mapping.iter().find(|(key, _)| key.key_text() == *step),
            (_, Some(items)) => {
                let item = step.parse::<usize>().ok().and_then(|number| items.get(number));
                item.map(|item| (item, item))
            }
            _ => None,
        };
        let Some((key, value)) = next else { break };
        (span, node) = (key.span, value);
    }
    span
}
