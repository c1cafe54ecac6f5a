//! Kinds of values that keys accept, and how a node is checked and read as one.

use std::time::Duration;

use super::choices::Word;
use crate::diagnostic::Spanned;
use crate::yaml::{Node, Schema};

/// Accepted values of a key.
#[derive(Clone, Copy, Debug)]
pub enum ValueKind {
    /// True or false.
    Flag,
    /// An integer between two bounds, both included.
    Count(usize, usize),
    /// An integer up to a bound, or -1 for the default.
    CountOrDefault(usize),
    /// Milliseconds; -1 for no limit.
    Milliseconds,
    /// A string.
    Text,
    /// A string, or a list of strings.
    Texts,
    /// A path.
    Path,
    /// A path, or a list of paths.
    Paths,
    /// One word of a list; upper and lower case are equal.
    Choice(fn() -> Vec<&'static str>),
    /// A mapping.
    Mapping,
    /// A list.
    List,
    /// Any value: the parser of the key checks it, and describes it in these words.
    Any(&'static str),
}

impl ValueKind {
    /// The accepted values in words, as in “must be …”.
    pub fn describe(self) -> String {
        match self {
            Self::Flag => "true or false".to_owned(),
            Self::Count(least, most) => format!("an integer from {least} to {most}"),
            Self::CountOrDefault(most) => format!("an integer from 0 to {most}, or -1 for the default"),
            Self::Milliseconds => "a number of milliseconds, or -1 for no limit".to_owned(),
            Self::Text => "a string".to_owned(),
            Self::Texts => "a string or a list of strings".to_owned(),
            Self::Path => "a path".to_owned(),
            Self::Paths => "a path or a list of paths".to_owned(),
            Self::Choice(words) => {
                words().iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(" or ")
            }
            Self::Mapping => "a mapping".to_owned(),
            Self::List => "a list".to_owned(),
            Self::Any(description) => description.to_owned(),
        }
    }
}

/// The words of a choice, for [`ValueKind::Choice`].
pub(super) fn words<W: Word>() -> Vec<&'static str> {
    W::WORDS.iter().map(|(word, _)| *word).collect()
}

/// Reads true or false, also written `yes` or `no`.
pub(super) fn flag(node: &Node, _: Schema) -> Option<bool> {
    match node.text()?.to_ascii_lowercase().as_str() {
        "true" | "yes" => Some(true),
        "false" | "no" => Some(false),
        _ => None,
    }
}

/// Reads an integer ≥ 0.
pub(super) fn integer(node: &Node, schema: Schema) -> Option<Spanned<usize>> {
    Some(Spanned::new(usize::try_from(node.integer(schema)?).ok()?, node.span))
}

/// Reads milliseconds; `Some(None)` for a negative number, which means no limit.
#[expect(clippy::option_option, reason = "callers distinguish an absent value from no limit")]
pub(super) fn duration(node: &Node, schema: Schema) -> Option<Option<Duration>> {
    Some(u64::try_from(node.integer(schema)?).ok().map(Duration::from_millis))
}

/// Accepts any value.
pub(super) fn any(node: &Node, _: Schema) -> Option<&Node> {
    Some(node)
}

/// Reads a list.
pub(super) fn items(node: &Node, _: Schema) -> Option<&[Node]> {
    node.sequence()
}

/// Reads a string.
pub(super) fn text(node: &Node, _: Schema) -> Option<Spanned<&str>> {
    node.text().map(|text| Spanned::new(text, node.span))
}

/// Reads a string or a list of strings. A string `[a, b]` is a list, too.
pub(super) fn texts(node: &Node, schema: Schema) -> Option<Vec<Spanned<&str>>> {
    if let Some(items) = node.sequence() {
        return Some(items.iter().filter_map(|item| text(item, schema)).collect());
    }
    let text = node.text().unwrap_or_default();
    Some(match text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        Some(list) => list.split(',').map(|item| Spanned::new(item.trim(), node.span)).collect(),
        None => vec![Spanned::new(text, node.span)],
    })
}

/// True if `value` is accepted by `kind`.
pub(super) fn accepts(kind: ValueKind, value: &Node, schema: Schema) -> bool {
    let signed = || value.integer(schema).and_then(|integer| i64::try_from(integer).ok());
    let strings = || match value.sequence() {
        Some(items) => items.iter().all(|item| item.text().is_some()),
        None => value.text().is_some(),
    };
    match kind {
        ValueKind::Flag => flag(value, schema).is_some(),
        ValueKind::Count(least, most) => {
            integer(value, schema).is_some_and(|count| (least..=most).contains(&count.value))
        }
        ValueKind::Milliseconds => signed().is_some_and(|milliseconds| milliseconds >= -1),
        ValueKind::CountOrDefault(most) => signed()
            .is_some_and(|count| count == -1 || usize::try_from(count).is_ok_and(|count| count <= most)),
        ValueKind::Text | ValueKind::Path => value.text().is_some(),
        ValueKind::Texts | ValueKind::Paths => strings(),
        ValueKind::Choice(words) => {
            value.text().is_some_and(|text| words().iter().any(|word| word.eq_ignore_ascii_case(text)))
        }
        ValueKind::Mapping => value.mapping().is_some(),
        ValueKind::List => value.sequence().is_some(),
        ValueKind::Any(_) => true,
    }
}
