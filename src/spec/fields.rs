//! Reads a mapping by its table: known keys, checked and typed, each with its place.

use indexmap::IndexMap;

use super::key::{Effect, Key, Kind};
use super::keys::Place;
use crate::diagnostic::{Code, Diagnostic, Report, Span, Spanned, suggest};
use crate::yaml::{Mapping, Node};

/// The entries of a mapping that passed their table, by the first spelling of their keys.
#[derive(Debug, Default)]
pub(super) struct Fields<'a>(IndexMap<&'static str, (&'a Node, &'a Node)>);

impl<'a> Fields<'a> {
    /// Reads the entries of `mapping`, and reports every key and value that does not fit.
    pub(super) fn read(mapping: &'a Mapping, place: &Place, report: &mut Report) -> Self {
        let mut fields = Self::default();
        for (key, value) in mapping.iter() {
            let Some(name) = key.text() else {
                let message = format!("a key must be a text, but is {}", key.kind());
                report.push(Diagnostic::at(Code::WrongType, key.span, message));
                continue;
            };
            match place.find(name) {
                Some(known) => fields.insert(known, key, value, report),
                None => report.push(unknown(name, key.span, place)),
            }
        }
        fields
    }

    fn insert(&mut self, known: &'static Key, key: &'a Node, value: &'a Node, report: &mut Report) {
        match known.effect {
            Effect::WithoutEffect(reason) => {
                let message = format!("`{}` has no effect: {reason}", known.name);
                report.push(Diagnostic::at(Code::WithoutEffect, key.span, message));
            }
            Effect::Refused(instead) => {
                let message = format!("`{}` is not supported", known.name);
                report.push(Diagnostic::at(Code::Unsupported, key.span, message).help(instead));
            }
            // Jina takes a key without a value for an absent one.
            Effect::Obeyed if value.is_null() => {}
            Effect::Obeyed if !fits(known.kind, value) => {
                report.push(wrong(known.name, known.kind, value));
            }
            Effect::Obeyed => {
                if let Some((first, _)) = self.0.get(known.name) {
                    let message = format!("`{}` says what `{}` says", key.key_text(), first.key_text());
                    let conflict = Diagnostic::at(Code::ConflictingKeys, key.span, message);
                    report.push(conflict.label(first.span, "this one").help("keep one of the two"));
                }
                self.0.insert(known.name, (key, value));
            }
        }
    }

    /// The value behind `key`.
    pub(super) fn node(&self, key: &str) -> Option<&'a Node> {
        self.0.get(key).map(|(_, node)| *node)
    }

    /// `key` and the value behind it.
    pub(super) fn entry(&self, key: &str) -> Option<(&'a Node, &'a Node)> {
        self.0.get(key).copied()
    }

    /// Where `key` stands.
    pub(super) fn key_span(&self, key: &str) -> Option<Span> {
        self.0.get(key).map(|(key, _)| key.span)
    }

    /// The text behind `key`.
    pub(super) fn text(&self, key: &str) -> Option<Spanned<&'a str>> {
        self.node(key).and_then(|node| node.text().map(|text| Spanned::new(text, node.span)))
    }

    /// The truth value behind `key`.
    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        self.node(key).and_then(flag)
    }

    /// The integer behind `key`.
    pub(super) fn count(&self, key: &str) -> Option<Spanned<usize>> {
        self.node(key).and_then(|node| Some(Spanned::new(node.text()?.trim().parse().ok()?, node.span)))
    }

    /// The milliseconds behind `key`; `None` when absent, and `Some(None)` for no end.
    #[expect(clippy::option_option, reason = "absent and endless are different things to the caller")]
    pub(super) fn milliseconds(&self, key: &str) -> Option<Option<std::time::Duration>> {
        let text = self.node(key)?.text()?;
        Some(text.trim().parse().ok().map(std::time::Duration::from_millis))
    }

    /// The texts behind `key`: one, or those of a list. A text that a variable supplied may be a list in brackets.
    pub(super) fn texts(&self, key: &str) -> Option<Vec<Spanned<&'a str>>> {
        self.node(key).map(texts)
    }
}

/// The truth value that a node stands for.
fn flag(node: &Node) -> Option<bool> {
    match node.text()?.to_ascii_lowercase().as_str() {
        "true" | "yes" => Some(true),
        "false" | "no" => Some(false),
        _ => None,
    }
}

fn texts(node: &Node) -> Vec<Spanned<&str>> {
    if let Some(items) = node.sequence() {
        return items.iter().filter_map(|item| Some(Spanned::new(item.text()?, item.span))).collect();
    }
    let text = node.text().unwrap_or_default();
    match text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        Some(list) => list.split(',').map(|item| Spanned::new(item.trim(), node.span)).collect(),
        None => vec![Spanned::new(text, node.span)],
    }
}

/// Whether `value` is of that kind.
fn fits(kind: Kind, value: &Node) -> bool {
    match kind {
        Kind::Flag => flag(value).is_some(),
        Kind::Count(least, most) => {
            let count = value.text().and_then(|text| text.trim().parse::<usize>().ok());
            count.is_some_and(|count| (least..=most).contains(&count))
        }
        Kind::Milliseconds => {
            value.text().and_then(|text| text.trim().parse::<i64>().ok()).is_some_and(|ms| ms >= -1)
        }
        Kind::CountOrDefault(most) => {
            let count = value.text().and_then(|text| text.trim().parse::<i64>().ok());
            count.is_some_and(|count| count == -1 || usize::try_from(count).is_ok_and(|count| count <= most))
        }
        Kind::Text => value.text().is_some(),
        Kind::Texts => match value.sequence() {
            Some(items) => items.iter().all(|item| item.text().is_some()),
            None => value.text().is_some(),
        },
        Kind::Choice(words) => {
            value.text().is_some_and(|text| words.iter().any(|word| word.eq_ignore_ascii_case(text)))
        }
        Kind::Mapping => value.mapping().is_some(),
        Kind::List => value.sequence().is_some(),
        Kind::Any => true,
    }
}

/// What to say of a value that is not of its key's kind.
fn wrong(name: &str, kind: Kind, value: &Node) -> Diagnostic {
    let number = value.text().and_then(|text| text.trim().parse::<i128>().ok());
    let code = match (kind, number) {
        (Kind::Count(..) | Kind::CountOrDefault(_) | Kind::Milliseconds, Some(_)) => Code::OutOfRange,
        _ => Code::WrongType,
    };
    let is = match value.scalar() {
        Some(scalar) => format!("`{}`", scalar.written),
        None => value.kind().to_owned(),
    };
    let diagnostic =
        Diagnostic::at(code, value.span, format!("`{name}` must be {}, but is {is}", kind.describe()));
    match (kind, value.text()) {
        (Kind::Choice(words), Some(text)) => {
            diagnostic.maybe_help(crate::diagnostic::did_you_mean(text, words.iter().copied()))
        }
        _ => diagnostic,
    }
}

/// What to say of a key that the place does not know.
fn unknown(name: &str, span: Span, place: &Place) -> Diagnostic {
    match suggest(name, place.spellings()) {
        Some(meant) => Diagnostic::at(Code::MisspeltKey, span, format!("{} has no key `{name}`", place.name))
            .help(format!("did you mean `{meant}`?")),
        None => Diagnostic::at(
            Code::UnknownKey,
            span,
            format!("{} has no key `{name}`; it is ignored", place.name),
        ),
    }
}
