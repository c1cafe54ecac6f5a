//! Reads a mapping by the tables of its section: known keys, checked and typed, each with its span.

use indexmap::IndexMap;

use super::key::{Key, KeyName, KeyRow, ReadValue, Support};
use super::keys::Section;
use super::value::{ValueKind, accepts, flag};
use crate::diagnostic::{Code, Diagnostic, Report, Span, did_you_mean, suggest};
use crate::yaml::{Mapping, Node, Schema};

/// The entries of a mapping that passed the tables of its section, by the name of their key.
#[derive(Debug, Default)]
pub(super) struct Fields<'a> {
    entries: IndexMap<&'static str, Entry<'a>>,
    schema: Schema,
    #[cfg(test)]
    section: &'static str,
}

/// An entry of a mapping: its key as written, and its value.
pub(super) type Entry<'a> = (&'a Node, &'a Node);

impl<'a> Fields<'a> {
    /// Reads the entries of `mapping`, and reports every key and value that does not fit.
    pub(super) fn read(mapping: &'a Mapping, section: &Section, schema: Schema, report: &mut Report) -> Self {
        let mut fields = Self { schema, ..Self::default() };
        #[cfg(test)]
        {
            fields.section = section.title;
        }
        for (key, value) in mapping.iter() {
            let Some(name) = key.text() else {
                let message = format!("a key must be a string, but is {}", key.kind());
                report.push(Diagnostic::at(Code::WrongType, key.span, message));
                continue;
            };
            match section.find(name) {
                Some(row) => fields.insert(row, (key, value), report),
                None => report.push(unknown(name, key.span, section)),
            }
        }
        fields
    }

    fn insert(&mut self, row: &'static KeyRow, (key, value): Entry<'a>, report: &mut Report) {
        match row.support {
            Support::Ignored(reason) => {
                let message = format!("`{}` has no effect: {reason}", row.name);
                // Once per flow, not once per executor.
                if !report.contains(Code::WithoutEffect, &message) {
                    report.push(Diagnostic::at(Code::WithoutEffect, key.span, message));
                }
            }
            // An absent or false value does not change results in Jina either.
            Support::ChangesResults(_) if value.is_null() || flag(value, self.schema) == Some(false) => {}
            Support::ChangesResults(difference) => {
                let message = format!("`{}` has no effect: {difference}", row.name);
                report.push(Diagnostic::at(Code::ResultsDiffer, key.span, message));
            }
            Support::Rejected(instead) => {
                let message = format!("`{}` is not supported", row.name);
                report.push(Diagnostic::at(Code::Unsupported, key.span, message).help(instead));
            }
            // Jina treats a key without a value as absent.
            Support::Supported if value.is_null() => {}
            Support::Supported if !accepts(row.value, value, self.schema) => {
                report.push(rejected_value(row.name, row.value, value, self.schema));
            }
            Support::Supported => {
                if let Some((first, _)) = self.entries.get(row.name) {
                    let message = format!("`{}` and `{}` are the same key", key.key_text(), first.key_text());
                    let conflict = Diagnostic::at(Code::ConflictingKeys, key.span, message);
                    report.push(conflict.label(first.span, "first one").help("remove one of the two"));
                }
                self.entries.insert(row.name, (key, value));
            }
        }
    }

    /// The value of `key`; `None` when the key is absent.
    pub(super) fn get<T: ReadValue>(&self, key: &Key<T>) -> Option<T::Output<'a>> {
        self.entry(key).and_then(|(_, value)| T::read(value, self.schema))
    }

    /// The node of the value of `key`, for parsers that read it themselves.
    pub(super) fn node(&self, key: impl Into<KeyName>) -> Option<&'a Node> {
        self.entry(key).map(|(_, value)| value)
    }

    /// The key as written, and its value.
    pub(super) fn entry(&self, key: impl Into<KeyName>) -> Option<Entry<'a>> {
        let name = key.into().as_str();
        #[cfg(test)]
        reads::record(self.section, name);
        self.entries.get(name).copied()
    }

    /// The span of `key` as written.
    pub(super) fn key_span(&self, key: impl Into<KeyName>) -> Option<Span> {
        self.entry(key).map(|(key, _)| key.span)
    }
}

fn rejected_value(name: &str, kind: ValueKind, value: &Node, schema: Schema) -> Diagnostic {
    let number = value.integer(schema);
    let code = match (kind, number) {
        (ValueKind::Count(..) | ValueKind::CountOrDefault(_) | ValueKind::Milliseconds, Some(_)) => {
            Code::OutOfRange
        }
        _ => Code::WrongType,
    };
    let found = match value.scalar() {
        Some(scalar) => format!("`{}`", scalar.written),
        None => value.kind().to_owned(),
    };
    let message = format!("`{name}` must be {}, but is {found}", kind.describe());
    let diagnostic = Diagnostic::at(code, value.span, message);
    match (kind, value.text()) {
        (ValueKind::Choice(words), Some(text)) => diagnostic.maybe_help(did_you_mean(text, words())),
        _ => diagnostic,
    }
}

fn unknown(name: &str, span: Span, section: &Section) -> Diagnostic {
    match suggest(name, section.spellings()) {
        Some(suggestion) => {
            Diagnostic::at(Code::MisspeltKey, span, format!("{} has no key `{name}`", section.name))
                .help(format!("did you mean `{suggestion}`?"))
        }
        None => {
            let message = format!("{} has no key `{name}`; it is ignored", section.name);
            Diagnostic::at(Code::UnknownKey, span, message)
        }
    }
}

/// Records the keys that parsers read, so that a test can name keys of a section that none reads.
#[cfg(test)]
pub(super) mod reads {
    use std::cell::RefCell;
    use std::collections::BTreeSet;

    thread_local! {
        static READS: RefCell<BTreeSet<(&'static str, &'static str)>> = RefCell::default();
    }

    pub(super) fn record(section: &'static str, key: &'static str) {
        READS.with_borrow_mut(|reads| reads.insert((section, key)));
    }

    /// Section and name of every key read so far by this thread.
    pub(in crate::spec) fn take() -> BTreeSet<(&'static str, &'static str)> {
        READS.take()
    }
}
