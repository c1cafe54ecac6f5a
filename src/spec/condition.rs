//! Reads `when`: a condition on documents, in docarray's query language.

use flowrun_sdk::filter::{
    DOCUMENT_FIELDS, Filter, FilterError, Scalar, first_step, is_document_field, without_tags_prefix,
};
use serde_json::Value;

use super::reader::Reader;
use crate::diagnostic::{Code, Diagnostic, Span, did_you_mean, suggest};
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

/// Checks that a condition can read the field, and that it can be compared with the value.
fn check(path: &str, value: Option<&Scalar>) -> Result<(), String> {
    check_name(path)?;
    match value {
        Some(Scalar::Text(text)) if text.starts_with('{') => {
            Err("compares with another field, which is not supported; write a value".to_owned())
        }
        _ => Ok(()),
    }
}

/// Checks that a name is a field of documents or a tag, and not a field that is misspelt or that has no parts. Names of tags are
/// checked while the flow runs, since documents define them.
fn check_name(path: &str) -> Result<(), String> {
    let first = first_step(path);
    if is_document_field(path) || without_tags_prefix(path).is_some() {
        Ok(())
    } else if DOCUMENT_FIELDS.contains(&first) {
        Err(format!(
            "is no part of `{first}` that a condition can read; a tag of this name is written `tags__{path}`"
        ))
    } else if suggest(first, DOCUMENT_FIELDS).is_some() {
        Err(format!("is not a field of documents; a tag of this name is written `tags__{path}`"))
    } else {
        Ok(())
    }
}

fn invalid(node: &Node, error: &FilterError) -> Diagnostic {
    let diagnostic =
        Diagnostic::at(Code::BadCondition, span_of(node, &error.path), format!("`when`: {error}"));
    let Some(last) = error.path.last() else { return diagnostic };
    let suggestion = match error.known.is_empty() {
        false => did_you_mean(last, error.known.iter().copied()),
        true => {
            let field = first_step(last);
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
