//! Merge keys (`<<: *base`, `<<: [*one, *two]`), with the outcome that PyYAML gives them.

use super::node::{Mapping, Node, Value};
use crate::diagnostic::{Code, Diagnostic, Report};

/// True if `key` is a merge key.
pub(super) fn is_merge_key(key: &Node) -> bool {
    let is_plain = key.scalar().is_some_and(|scalar| scalar.plain && scalar.text == "<<");
    match &key.type_tag {
        Some(tag) => tag.value == "merge",
        None => is_plain && key.tag.is_none(),
    }
}

/// Merges the values of merge keys, in the order of the file, with the entries that the mapping has itself.
///
/// Own entries override merged ones, which come first. Of several merge keys the last one wins; of the mappings in a list,
/// the first one.
pub(super) fn merge(own: Mapping, bases: Vec<Node>, report: &mut Report) -> Mapping {
    if bases.is_empty() {
        return own;
    }
    let mut merged = Mapping::default();
    for base in bases {
        match base.value {
            Value::Mapping(base) => extend(&mut merged, base),
            Value::Sequence(items) => {
                for item in items.into_iter().rev() {
                    match item.value {
                        Value::Mapping(base) => extend(&mut merged, base),
                        _ => report
                            .push(not_a_mapping(&item, "each item of a list below `<<` must be a mapping")),
                    }
                }
            }
            Value::Scalar(_) => {
                report.push(not_a_mapping(&base, "`<<` must be a mapping or a list of mappings"));
            }
        }
    }
    extend(&mut merged, own);
    merged
}

/// Adds entries; an entry whose key exists replaces the value at its position.
fn extend(mapping: &mut Mapping, entries: Mapping) {
    for (key, value) in entries.0 {
        let known =
            key.text().and_then(|name| mapping.0.iter_mut().find(|(known, _)| known.text() == Some(name)));
        match known {
            Some(entry) => *entry = (key, value),
            None => mapping.0.push((key, value)),
        }
    }
}

fn not_a_mapping(node: &Node, rule: &str) -> Diagnostic {
    let message = format!("{rule}, but is {}", node.kind());
    Diagnostic::at(Code::WrongType, node.span, message)
        .help("write `<<: *ANCHOR`, where `&ANCHOR` is before a mapping")
}
