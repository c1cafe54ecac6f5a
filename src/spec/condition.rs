//! `when`: which documents go to a pod, in docarray's query language.

use flowrun_sdk::filter::{DOCUMENT_FIELDS, Filter, FilterError, Scalar};
use serde_json::Value;

use super::reader::Reader;
use crate::diagnostic::{Code, Diagnostic, Span, did_you_mean};
use crate::yaml::Node;

/// Which documents go to a pod.
#[derive(Clone, Debug)]
pub struct Condition {
    /// The documents that are meant.
    pub filter: Filter,
    /// The condition as it is written.
    pub written: Value,
}

/// The condition behind `when`; none when it is wrong, as is then reported.
pub(super) fn read(node: Option<&Node>, reader: &mut Reader<'_>) -> Option<Condition> {
    let node = node?;
    let schema = reader.dialect.schema();
    let filter = Filter::parse(&node.to_json(schema), &check);
    let filter = filter.map_err(|error| reader.report.push(wrong(node, &error))).ok()?;
    Some(Condition { filter, written: node.to_written_json(schema) })
}

/// Whether a document has a field, and may be compared with a value.
fn check(path: &str, value: Option<&Scalar>) -> Result<(), String> {
    let field = path.split("__").next().unwrap_or(path);
    if !DOCUMENT_FIELDS.contains(&field) {
        return Err(format!("is no field of a document; tags are written `tags__{path}`"));
    }
    match value {
        Some(Scalar::Text(text)) if text.starts_with('{') => {
            Err("compares with another field, which is not available; write a value".to_owned())
        }
        _ => Ok(()),
    }
}

/// What is wrong with a condition, at the place where it is wrong.
fn wrong(node: &Node, error: &FilterError) -> Diagnostic {
    let diagnostic =
        Diagnostic::at(Code::BadCondition, place(node, &error.place), format!("`when`: {error}"));
    let Some(last) = error.place.last() else { return diagnostic };
    let meant = match error.known.is_empty() {
        false => did_you_mean(last, error.known.iter().copied()),
        true => {
            let field = last.split("__").next().unwrap_or(last);
            let misspelt = !last.starts_with('$') && !DOCUMENT_FIELDS.contains(&field);
            misspelt.then(|| did_you_mean(field, DOCUMENT_FIELDS)).flatten()
        }
    };
    diagnostic.maybe_help(meant)
}

/// Where the steps lead: the key of the last one, or as far as they can be followed.
fn place(node: &Node, steps: &[String]) -> Span {
    let mut place = node.span;
    let mut node = node;
    for step in steps {
        let next = match (node.mapping(), node.sequence()) {
            (Some(mapping), _) => mapping.iter().find(|(key, _)| key.key_text() == *step),
            (_, Some(items)) => {
                let item = step.parse::<usize>().ok().and_then(|number| items.get(number));
                item.map(|item| (item, item))
            }
            _ => None,
        };
        let Some((key, value)) = next else { break };
        (place, node) = (key.span, value);
    }
    place
}
