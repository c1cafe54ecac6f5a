//! Dynamic batching by endpoint: preferred batch size and waiting time of executor calls.
//!
//! Only the settings; the runtime forms the batches.

use std::time::Duration;

use flowrun_sdk::Batching;
use indexmap::IndexMap;
use serde_json::{Value, json};

use super::endpoint::with_slash;
use super::keys::{BATCH_TIMEOUT, ENDPOINT_BATCHING, FLUSH_ALL, PREFERRED_BATCH_SIZE, USES_DYNAMIC_BATCHING};
use super::reader::Reader;
use crate::diagnostic::{Code, Diagnostic, did_you_mean};
use crate::limits::{BATCH_DOCUMENTS_AUTO, BATCH_DOCUMENTS_DEFAULT, BATCH_WAIT_DEFAULT};
use crate::yaml::Node;

/// `auto`: batches the requests that are queued when a worker becomes free, without waiting for more.
const AUTO: Batching = Batching { documents: BATCH_DOCUMENTS_AUTO, wait: Duration::ZERO, flush_all: true };

/// The batching of every endpoint; most have none.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct BatchingTable {
    by_endpoint: IndexMap<String, Batching>,
    default: Option<Batching>,
}

impl BatchingTable {
    /// The batching of requests to `endpoint`, if any.
    pub fn get(&self, endpoint: &str) -> Option<Batching> {
        self.by_endpoint.get(endpoint).copied().or(self.default)
    }

    /// True if no endpoint has batching.
    pub fn is_empty(&self) -> bool {
        self.by_endpoint.is_empty() && self.default.is_none()
    }

    /// Every endpoint that the table names, then `*` if all other endpoints have batching.
    pub fn entries(&self) -> impl Iterator<Item = (&str, Batching)> {
        let named = self.by_endpoint.iter().map(|(endpoint, batching)| (endpoint.as_str(), *batching));
        named.chain(self.default.map(|batching| ("*", batching)))
    }

    /// The table with these endpoints; `*` is the default of all other endpoints.
    pub fn from_entries(entries: impl IntoIterator<Item = (String, Batching)>) -> Self {
        let mut table = Self::default();
        entries.into_iter().for_each(|(endpoint, batching)| table.insert(&endpoint, batching));
        table
    }

    fn insert(&mut self, endpoint: &str, batching: Batching) {
        match endpoint {
            "*" => self.default = Some(batching),
            _ => drop(self.by_endpoint.insert(with_slash(endpoint), batching)),
        }
    }

    /// Adds the entries of `other`, which override existing ones.
    pub(crate) fn override_with(&mut self, other: Self) {
        self.by_endpoint.extend(other.by_endpoint);
        self.default = other.default.or(self.default);
    }

    /// Reads `auto`, or a mapping from endpoints to `auto` or settings.
    pub(super) fn read(node: Option<&Node>, reader: &mut Reader<'_>) -> Self {
        let mut table = Self::default();
        let Some(node) = node else { return table };
        let Some(mapping) = node.mapping() else {
            table.default = read_auto(node, &format!("`{}`", USES_DYNAMIC_BATCHING.name()), reader);
            return table;
        };
        for (key, value) in mapping.iter() {
            let endpoint = key.key_text();
            if let Some(batching) = read_settings(value, &endpoint, reader) {
                table.insert(&endpoint, batching);
            }
        }
        table
    }

    /// The table in the normal form.
    pub(super) fn to_json(&self) -> Value {
        let settings = |batching: Batching| match batching {
            AUTO => Value::from("auto"),
            Batching { documents, wait, flush_all } => {
                let timeout = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX);
                json!({
                    PREFERRED_BATCH_SIZE.name().as_str(): documents,
                    BATCH_TIMEOUT.name().as_str(): timeout,
                    FLUSH_ALL.name().as_str(): flush_all,
                })
            }
        };
        self.entries().map(|(endpoint, batching)| (endpoint.to_owned(), settings(batching))).collect()
    }
}

/// Reads the value of one endpoint.
fn read_settings(node: &Node, endpoint: &str, reader: &mut Reader<'_>) -> Option<Batching> {
    if node.mapping().is_none() {
        return read_auto(node, &format!("the batching of `{endpoint}`"), reader);
    }
    let fields = reader.fields_of(Some(node), &ENDPOINT_BATCHING);
    let timeout = fields.get(&BATCH_TIMEOUT).map(|timeout| timeout.value as u64);
    let documents = fields.get(&PREFERRED_BATCH_SIZE).map(|count| count.value);
    Some(Batching {
        documents: documents.unwrap_or(BATCH_DOCUMENTS_DEFAULT),
        wait: timeout.map_or(BATCH_WAIT_DEFAULT, Duration::from_millis),
        flush_all: fields.get(&FLUSH_ALL).unwrap_or(false),
    })
}

/// Reads the word `auto`, the only value that is not a mapping. `subject` names the value in the message.
fn read_auto(node: &Node, subject: &str, reader: &mut Reader<'_>) -> Option<Batching> {
    let text = node.text().map(str::to_ascii_lowercase);
    if text.as_deref() == Some("auto") {
        return Some(AUTO);
    }
    let message = format!("{subject} must be `auto` or a mapping, but is {}", node.kind());
    let help = "write `{/encode: {preferred_batch_size: 32, timeout: 10}}`, or `auto`";
    let suggestion = text.and_then(|text| did_you_mean(&text, ["auto"]));
    let diagnostic = Diagnostic::at(Code::WrongType, node.span, message);
    reader.report.push(diagnostic.maybe_help(suggestion).help(help));
    None
}
