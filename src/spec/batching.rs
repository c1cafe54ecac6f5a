//! Dynamic batching, endpoint by endpoint: how many documents of several requests an executor likes to be called with,
//! and how long the first of them waits for the others. Forming the batches is the runtime's business.

use std::time::Duration;

use flowrun_sdk::Batching;
use indexmap::IndexMap;
use serde_json::{Value, json};

use super::keys::BATCHING_PLACE;
use super::polling::with_slash;
use super::reader::Reader;
use crate::diagnostic::{Code, Diagnostic, did_you_mean};
use crate::limits::{BATCH_DOCUMENTS_AUTO, BATCH_DOCUMENTS_DEFAULT, BATCH_WAIT_DEFAULT};
use crate::yaml::Node;

/// What waits when a worker is free, and no waiting for more.
const AUTO: Batching = Batching { documents: BATCH_DOCUMENTS_AUTO, wait: Duration::ZERO, flush_all: true };

/// The batching of every endpoint; most have none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BatchingTable {
    named: IndexMap<String, Batching>,
    others: Option<Batching>,
}

impl BatchingTable {
    /// The batching of requests to `endpoint`, if there is any.
    pub fn get(&self, endpoint: &str) -> Option<Batching> {
        self.named.get(endpoint).copied().or(self.others)
    }

    /// Whether no endpoint has any.
    pub fn is_empty(&self) -> bool {
        self.named.is_empty() && self.others.is_none()
    }

    /// Every endpoint that the table names, and `*` for the others if they have any.
    pub fn entries(&self) -> impl Iterator<Item = (&str, Batching)> {
        let named = self.named.iter().map(|(endpoint, batching)| (endpoint.as_str(), *batching));
        named.chain(self.others.map(|batching| ("*", batching)))
    }

    /// The table of these endpoints; `*` stands for those that are not named.
    pub fn from_entries(entries: impl IntoIterator<Item = (String, Batching)>) -> Self {
        let mut table = Self::default();
        entries.into_iter().for_each(|(endpoint, batching)| table.put(&endpoint, batching));
        table
    }

    fn put(&mut self, endpoint: &str, batching: Batching) {
        match endpoint {
            "*" => self.others = Some(batching),
            _ => drop(self.named.insert(with_slash(endpoint), batching)),
        }
    }

    /// This table, and over it what `over` says.
    pub(crate) fn override_with(&mut self, over: Self) {
        self.named.extend(over.named);
        self.others = over.others.or(self.others);
    }

    /// The table that `node` stands for: `auto`, or a mapping by endpoint of `auto` and of settings.
    pub(super) fn read(node: Option<&Node>, reader: &mut Reader<'_>) -> Self {
        let mut table = Self::default();
        let Some(node) = node else { return table };
        let Some(mapping) = node.mapping() else {
            table.others = auto(node, "`uses_dynamic_batching`", reader);
            return table;
        };
        for (key, value) in mapping.iter() {
            let endpoint = key.key_text();
            if let Some(batching) = settings(value, &endpoint, reader) {
                table.put(&endpoint, batching);
            }
        }
        table
    }

    /// The table as the normal form shows it.
    pub(super) fn to_json(&self) -> Value {
        let settings = |batching: Batching| match batching {
            AUTO => Value::from("auto"),
            Batching { documents, wait, flush_all } => {
                let timeout = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                json!({"preferred_batch_size": documents, "timeout": timeout, "flush_all": flush_all})
            }
        };
        self.entries().map(|(endpoint, batching)| (endpoint.to_owned(), settings(batching))).collect()
    }
}

/// What is said of one endpoint.
fn settings(node: &Node, endpoint: &str, reader: &mut Reader<'_>) -> Option<Batching> {
    if node.mapping().is_none() {
        return auto(node, &format!("the batching of `{endpoint}`"), reader);
    }
    let fields = reader.fields_of(Some(node), &BATCHING_PLACE);
    let timeout = fields.count("timeout").map(|timeout| timeout.value as u64);
    Some(Batching {
        documents: fields.count("preferred_batch_size").map_or(BATCH_DOCUMENTS_DEFAULT, |count| count.value),
        wait: timeout.map_or(BATCH_WAIT_DEFAULT, Duration::from_millis),
        flush_all: fields.flag("flush_all").unwrap_or(false),
    })
}

/// The word `auto`, which is all that may stand where there are no settings.
fn auto(node: &Node, what: &str, reader: &mut Reader<'_>) -> Option<Batching> {
    let text = node.text().map(str::to_ascii_lowercase);
    if text.as_deref() == Some("auto") {
        return Some(AUTO);
    }
    let message = format!("{what} must be `auto` or a mapping, but is {}", node.kind());
    let help = "write `{/encode: {preferred_batch_size: 32, timeout: 10}}`, or `auto`";
    let meant = text.and_then(|text| did_you_mean(&text, ["auto"]));
    let diagnostic = Diagnostic::at(Code::WrongType, node.span, message);
    reader.report.push(diagnostic.maybe_help(meant).help(help));
    None
}
